//! Changes of custom columns: their rows, what becomes of stored values, and the indexes of the slots in use.

use std::sync::Arc;

use kith_domain::columns::Column as CustomColumn;
use uuid::Uuid;

use super::{Failure, Tenants};
use crate::columns::{CompanyColumns, Slot};
use crate::indexes::{Index, Indexes};
use crate::sql::{Column, Dialect, Rows, Session, Step};

const COLUMNS: [&str; 10] = [
    "company_id",
    "id",
    "entity_type",
    "label",
    "label_key",
    "type",
    "options",
    "slot",
    "created_at",
    "updated_at",
];

/// Writes the columns that the batch changed, before the records, whose values lie where the new columns say; the
/// companies whose columns changed.
pub(super) async fn store<S: Session>(
    session: &mut S,
    tenants: &mut Tenants,
) -> Result<Vec<Uuid>, Failure> {
    let mut changed = Vec::new();
    for (company, tenant) in tenants {
        if Arc::ptr_eq(tenant.set.columns(), &tenant.columns.columns) {
            continue;
        }
        let columns = tenant.columns.changed_to(Arc::clone(tenant.set.columns()));
        // Such changes are rare, and each step builds on the one before.
        for step in steps(S::DIALECT, *company, &tenant.columns, &columns) {
            session.write(&[step]).await?;
        }
        tenant.columns = Arc::new(columns);
        tenant.has_new_columns = true;
        changed.push(*company);
    }
    Ok(changed)
}

fn steps(
    dialect: Dialect,
    company: Uuid,
    before: &CompanyColumns,
    after: &CompanyColumns,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let gone = before.columns.iter();
    for column in gone.filter(|column| after.get(column.id).is_none()) {
        steps.push(forget_values(
            dialect,
            company,
            column,
            before.slot(column.id),
        ));
        let rows = Rows::keys([(company, column.id)]);
        steps.push(Step::delete("custom_column", &COLUMNS[..2], rows));
    }
    for column in after.columns.iter() {
        let slot = after.slot(column.id);
        match before.get(column.id) {
            None => {
                let rows = row(company, column, slot);
                steps.push(Step::insert("custom_column", &COLUMNS, "", rows));
            }
            Some(old) if old != column => {
                steps.extend(move_ranks(company, old, after, slot));
                let rows = row(company, column, slot);
                steps.push(Step::update("custom_column", &COLUMNS, 2, rows));
            }
            Some(_) => {}
        }
    }
    steps
}

fn row(company: Uuid, column: &CustomColumn, slot: Option<Slot>) -> Rows {
    let text = |text: &str| Column::Text(vec![Some(text.to_owned())]);
    Rows::new(vec![
        Column::Uuid(vec![company]),
        Column::Uuid(vec![column.id]),
        text(column.entity.name()),
        text(&column.label),
        text(&column.label.to_lowercase()),
        text(column.column_type().name()),
        text(&column.options.to_json().to_string()),
        Column::Text(vec![slot.map(|slot| slot.name().to_owned())]),
        Column::Int(vec![Some(column.created_at.0)]),
        Column::Int(vec![Some(column.updated_at.0)]),
    ])
}

/// Takes a column's values out of the records; rows of their own go with the column.
fn forget_values(
    dialect: Dialect,
    company: Uuid,
    column: &CustomColumn,
    slot: Option<Slot>,
) -> Step {
    let table = column.entity.name();
    let members = [
        column.id.to_string(),
        format!("{}{}", column.id, crate::shape::LOWER),
    ];
    let (custom, members) = match dialect {
        Dialect::Sqlite => (
            "json_remove(custom, $k.c3, $k.c4)",
            members.map(|member| format!("$.\"{member}\"")),
        ),
        Dialect::Postgres => ("(custom::jsonb - $k.c3 - $k.c4)::text", members),
    };
    let (cleared, held) = match slot.map(Slot::name) {
        Some(slot) => (
            format!(", {slot} = NULL"),
            format!("{table}.{slot} IS NOT NULL"),
        ),
        None => (
            String::new(),
            format!(
                "{table}.id IN (SELECT v.record_id FROM {table}_value v, $k x \
                 WHERE v.company_id = x.c1 AND v.column_id = x.c2)"
            ),
        ),
    };
    let text = format!(
        "UPDATE {table} SET custom = {custom}{cleared} FROM $k WHERE {table}.company_id = $k.c1 AND {held}"
    );
    let [value, lower] = members;
    let rows = Rows::new(vec![
        Column::Uuid(vec![company]),
        Column::Uuid(vec![column.id]),
        Column::Text(vec![Some(value)]),
        Column::Text(vec![Some(lower)]),
    ]);
    Step { text, rows }
}

/// Gives the records of options that stand elsewhere in the list now their new place.
fn move_ranks(
    company: Uuid,
    old: &CustomColumn,
    after: &CompanyColumns,
    slot: Option<Slot>,
) -> Option<Step> {
    let table = old.entity.name();
    let mut moved = (Vec::new(), Vec::new());
    for (place, option) in (0_i64..).zip(old.select_options()) {
        let now = after.rank(old.id, &option.value);
        if now != place {
            moved.0.push(Some(place));
            moved.1.push(Some(now));
        }
    }
    let count = moved.0.len();
    let rows = Rows::new(vec![
        Column::Uuid(vec![company; count]),
        Column::Uuid(vec![old.id; count]),
        Column::Int(moved.0),
        Column::Int(moved.1),
    ]);
    let text = match slot.map(Slot::name) {
        Some(slot) => format!(
            "UPDATE {table} SET {slot} = $k.c4 FROM $k \
             WHERE {table}.company_id = $k.c1 AND {table}.{slot} = $k.c3"
        ),
        None => format!(
            "UPDATE {table}_value SET number = $k.c4 FROM $k WHERE {table}_value.company_id = $k.c1 \
             AND {table}_value.column_id = $k.c2 AND {table}_value.position = -1 AND {table}_value.number = $k.c3"
        ),
    };
    (count > 0).then_some(Step { text, rows })
}

/// Makes the indexes of the slots in use. A slot that comes into use is empty, so that its index is made at once; a
/// column works without it, so that a failure is told and no more. On PostgreSQL an index is waited for until every
/// transaction of its time has ended, a backup's too: the lane does not wait that long.
pub(crate) async fn index<S: Session>(
    session: &mut S,
    columns: &CompanyColumns,
    indexes: &Indexes,
) {
    for (entity, slot) in columns.slots_in_use() {
        let index = Index::of_slot(entity, slot);
        if S::DIALECT == Dialect::Postgres {
            indexes.make(index).await;
            continue;
        }
        if let Err(error) = session.index(&index).await {
            let name = index.name();
            tracing::warn!(%error, name, "a slot has no index; its column works, but slower");
        }
    }
}
