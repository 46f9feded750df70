//! The write of a batch: what moved in the working sets, as a fixed number of set-based statements.

use std::collections::BTreeMap;
use std::sync::Arc;

use kith_domain::entity::EntityType;
use kith_domain::event::EncodedEvent;
use kith_domain::filter::searched_text;
use kith_domain::record::{LinkSet, Record};
use kith_domain::relation::RELATIONS;
use kith_domain::time::Timestamp;
use kith_domain::working_set::Write;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::load::count_column;
use super::{CLAIM_MS, Failure, Tenants, outbox};

use crate::columns::{CompanyColumns, Widths};
use crate::shape::{Shape, ValueRows, link_columns, to_scaled};
use crate::sql::{Column, Dialect, Rows, Session, Step};

/// Rows of one record table.
#[derive(Default)]
struct Table {
    inserted: Vec<(Uuid, Arc<Record>)>,
    /// Own content moved.
    updated: Vec<(Uuid, Arc<Record>)>,
    /// Only links moved: the row steps its version.
    touched: Vec<(Uuid, Arc<Record>)>,
    deleted: Vec<(Uuid, Uuid)>,
    /// What search terms are looked for in moved.
    renamed: Vec<(Uuid, Arc<Record>)>,
    /// Slots that the records may fill.
    widths: Widths,
    values: ValueRows,
}

/// Rows of one link table.
#[derive(Default)]
struct Links {
    added: Vec<(Uuid, Uuid, Uuid, Decimal)>,
    removed: Vec<(Uuid, Uuid, Uuid)>,
}

/// Writes everything that the batch changed; `false` if there was nothing.
pub(super) async fn store<S: Session>(
    session: &mut S,
    tenants: &mut Tenants,
    now: Timestamp,
) -> Result<bool, Failure> {
    let mut tables: BTreeMap<EntityType, Table> = BTreeMap::new();
    let mut links: Vec<Links> = RELATIONS.iter().map(|_| Links::default()).collect();
    for (company, tenant) in &mut *tenants {
        for write in tenant.set.writes() {
            let count = &mut tenant.counts[write.key().entity.index()];
            match write {
                Write::Insert(_) => *count += 1,
                Write::Delete { .. } => *count -= 1,
                Write::Update { .. } => {}
            }
            let table = tables.entry(write.key().entity).or_default();
            table.widths.include(&tenant.columns, write.key().entity);
            table.values.collect(*company, &tenant.columns, &write);
            collect(*company, write, table, &mut links);
        }
    }
    let mut steps = Vec::new();
    for (entity, table) in &tables {
        record_steps(Shape::of(*entity), table, tenants, &mut steps);
    }
    for (entity, table) in &mut tables {
        value_steps(*entity, std::mem::take(&mut table.values), &mut steps);
        if S::DIALECT == Dialect::Postgres {
            search_steps(*entity, table, &mut steps);
        }
    }
    for (relation, links) in RELATIONS.iter().zip(links) {
        let columns = link_columns(relation);
        let (companies, (lefts, (rights, quantities))): (_, (_, (_, Vec<_>))) = links
            .added
            .into_iter()
            .map(|(company, left, right, quantity)| (company, (left, (right, quantity))))
            .unzip();
        let mut added = vec![
            Column::Uuid(companies),
            Column::Uuid(lefts),
            Column::Uuid(rights),
        ];
        let mut conflict = String::new();
        if relation.quantity {
            added.push(Column::Int(
                quantities
                    .into_iter()
                    .map(|quantity| Some(to_scaled(quantity)))
                    .collect(),
            ));
            conflict = format!(
                "ON CONFLICT ({}) DO UPDATE SET quantity = excluded.quantity",
                columns[..3].join(", ")
            );
        }
        steps.push(Step::insert(
            relation.name,
            columns,
            &conflict,
            Rows::new(added),
        ));
        let (companies, (lefts, rights)) = links
            .removed
            .into_iter()
            .map(|(company, left, right)| (company, (left, right)))
            .unzip();
        let removed = vec![
            Column::Uuid(companies),
            Column::Uuid(lefts),
            Column::Uuid(rights),
        ];
        steps.push(Step::delete(
            relation.name,
            &columns[..3],
            Rows::new(removed),
        ));
    }
    // Records go last, when nothing links them any more.
    for (entity, table) in &tables {
        let rows = Rows::keys(table.deleted.iter().copied());
        steps.push(Step::delete(
            Shape::of(*entity).table(),
            &["company_id", "id"],
            rows,
        ));
    }
    steps.push(event_step(&numbered(tenants)));
    steps.push(outbox::step(tenants, now));
    steps.push(position_step(tenants));
    steps.push(claim_step(tenants, now));
    steps.retain(|step| !step.rows.is_empty());
    if steps.is_empty() {
        return Ok(false);
    }
    if claims_are_new(tenants) {
        session.write(&[purge_step(now)]).await?;
    }
    session.write(&steps).await?;
    Ok(true)
}

fn collect(company: Uuid, write: Write, table: &mut Table, links: &mut [Links]) {
    match write {
        Write::Insert(record) => {
            collect_links(company, &record, None, links);
            table.inserted.push((company, record));
        }
        Write::Update { stored, current } => {
            collect_links(company, &current, Some(&stored), links);
            let content_moved = stored.fields != current.fields
                || stored.notes != current.notes
                || stored.custom != current.custom;
            if stored.fields != current.fields && searched_text(&stored) != searched_text(&current)
            {
                table.renamed.push((company, Arc::clone(&current)));
            }
            let rows = if content_moved {
                &mut table.updated
            } else {
                &mut table.touched
            };
            rows.push((company, current));
        }
        // The foreign keys of the link tables cascade.
        Write::Delete { key, .. } => table.deleted.push((company, key.id)),
    }
}

/// Each link is written once, from its left end.
fn collect_links(company: Uuid, current: &Record, stored: Option<&Record>, links: &mut [Links]) {
    let none = LinkSet::default();
    for (at, def) in current
        .entity
        .links()
        .iter()
        .enumerate()
        .filter(|(_, def)| def.is_left)
    {
        let (now, before) = (
            &current.links[at],
            stored.map_or(&none, |stored| &stored.links[at]),
        );
        let rows = &mut links[def.index];
        rows.added.extend(
            now.not_in(before)
                .map(|(id, quantity)| (company, current.id, id, quantity)),
        );
        rows.removed
            .extend(before.ids_not_in(now).map(|id| (company, current.id, id)));
    }
}

fn record_steps(shape: &Shape, table: &Table, tenants: &Tenants, steps: &mut Vec<Step>) {
    let columns = shape.columns_with(&table.widths);
    if !table.inserted.is_empty() {
        let rows = full_rows(shape, &table.inserted, table, tenants);
        steps.push(Step::insert(shape.table(), &columns, "", rows));
    }
    if !table.updated.is_empty() {
        // The first two columns are the key.
        let rows = full_rows(shape, &table.updated, table, tenants);
        steps.push(Step::update(shape.table(), &columns, 2, rows));
    }
    if !table.touched.is_empty() {
        let (companies, ids) = table
            .touched
            .iter()
            .map(|(company, record)| (*company, record.id))
            .unzip();
        let versions = table
            .touched
            .iter()
            .map(|(_, record)| Some(record.version))
            .collect();
        let times = table
            .touched
            .iter()
            .map(|(_, record)| Some(record.updated_at.0))
            .collect();
        let rows = vec![
            Column::Uuid(companies),
            Column::Uuid(ids),
            Column::Int(versions),
            Column::Int(times),
        ];
        let columns = ["company_id", "id", "version", "updated_at"];
        steps.push(Step::update(shape.table(), &columns, 2, Rows::new(rows)));
    }
}

fn full_rows(
    shape: &Shape,
    records: &[(Uuid, Arc<Record>)],
    table: &Table,
    tenants: &Tenants,
) -> Rows {
    let (companies, ids) = records
        .iter()
        .map(|(company, record)| (*company, record.id))
        .unzip();
    let int = |value: fn(&Record) -> i64| {
        Column::Int(
            records
                .iter()
                .map(|(_, record)| Some(value(record)))
                .collect(),
        )
    };
    let mut columns = vec![
        Column::Uuid(companies),
        Column::Uuid(ids),
        int(|record| record.version),
        int(|record| record.created_at.0),
        int(|record| record.updated_at.0),
    ];
    let none = CompanyColumns::default();
    let of = |company| tenants.get(company).map_or(&none, |tenant| &tenant.columns);
    let records: Vec<(&CompanyColumns, &Record)> = records
        .iter()
        .map(|(company, record)| (of(company), record.as_ref()))
        .collect();
    columns.extend(shape.content(&records, &table.widths));
    Rows::new(columns)
}

/// Values in rows of their own.
fn value_steps(entity: EntityType, values: ValueRows, steps: &mut Vec<Step>) {
    let table = format!("{}_value", entity.name());
    let columns = [
        "company_id",
        "record_id",
        "column_id",
        "position",
        "text",
        "number",
    ];
    let ValueRows { set, gone } = values;
    if !set.is_empty() {
        let mut cells = (vec![], vec![], vec![], vec![], vec![], vec![]);
        for ((company, record), column, position, text, number) in set {
            cells.0.push(company);
            cells.1.push(record);
            cells.2.push(column);
            cells.3.push(Some(position));
            cells.4.push(text);
            cells.5.push(number);
        }
        let rows = Rows::new(vec![
            Column::Uuid(cells.0),
            Column::Uuid(cells.1),
            Column::Uuid(cells.2),
            Column::Int(cells.3),
            Column::Text(cells.4),
            Column::Int(cells.5),
        ]);
        let conflict = "ON CONFLICT (company_id, record_id, column_id, position) \
                        DO UPDATE SET text = excluded.text, number = excluded.number";
        steps.push(Step::insert(&table, &columns, conflict, rows));
    }
    if !gone.is_empty() {
        let mut cells = (vec![], vec![], vec![], vec![]);
        for (company, record, column, position) in gone {
            cells.0.push(company);
            cells.1.push(record);
            cells.2.push(column);
            cells.3.push(Some(position));
        }
        let rows = Rows::new(vec![
            Column::Uuid(cells.0),
            Column::Uuid(cells.1),
            Column::Uuid(cells.2),
            Column::Int(cells.3),
        ]);
        steps.push(Step::delete(&table, &columns[..4], rows));
    }
}

/// On PostgreSQL the searched text has a table of its own; SQLite's triggers keep its index.
fn search_steps(entity: EntityType, table: &Table, steps: &mut Vec<Step>) {
    let name = format!("{}_search", entity.name());
    let columns = ["company_id", "id", "search"];
    let rows = |records: &[(Uuid, Arc<Record>)]| {
        let (companies, ids) = records
            .iter()
            .map(|(company, record)| (*company, record.id))
            .unzip();
        let texts = records
            .iter()
            .map(|(_, record)| Some(searched_text(record)))
            .collect();
        Rows::new(vec![
            Column::Uuid(companies),
            Column::Uuid(ids),
            Column::Text(texts),
        ])
    };
    steps.push(Step::insert(&name, &columns, "", rows(&table.inserted)));
    steps.push(Step::update(&name, &columns, 2, rows(&table.renamed)));
}

/// Events of a batch with their positions.
fn numbered(tenants: &Tenants) -> Vec<(Uuid, i64, Arc<EncodedEvent>)> {
    let numbered = tenants.iter().flat_map(|(company, tenant)| {
        let positions = tenant.position + 1..;
        positions
            .zip(&tenant.events)
            .map(move |(position, event)| (*company, position, Arc::clone(event)))
    });
    numbered.collect()
}

/// New rows of `event`: company, position and event each.
pub(super) fn event_step(events: &[(Uuid, i64, Arc<EncodedEvent>)]) -> Step {
    let columns = vec![
        Column::Uuid(events.iter().map(|(company, ..)| *company).collect()),
        Column::Int(
            events
                .iter()
                .map(|(_, position, _)| Some(*position))
                .collect(),
        ),
        Column::Uuid(events.iter().map(|(.., event)| event.id).collect()),
        Column::Name(events.iter().map(|(.., event)| event.name).collect()),
        Column::Uuid(
            events
                .iter()
                .map(|(.., event)| event.subject.id())
                .collect(),
        ),
        Column::Uuid(events.iter().map(|(.., event)| event.user).collect()),
        Column::Body(events.iter().map(|(.., event)| Arc::clone(event)).collect()),
        Column::Int(events.iter().map(|(.., event)| Some(event.at.0)).collect()),
    ];
    let names = [
        "company_id",
        "seq",
        "id",
        "type",
        "entity_id",
        "user_id",
        "body",
        "created_at",
    ];
    Step::insert("event", &names, "", Rows::new(columns))
}

fn position_step(tenants: &Tenants) -> Step {
    let moved: Vec<_> = tenants
        .iter()
        .filter(|(_, tenant)| !tenant.events.is_empty() || tenant.has_new_columns)
        .collect();
    let last = |events: usize, position: i64| {
        position + i64::try_from(events).unwrap_or(i64::MAX - position)
    };
    let mut columns = vec![
        Column::Uuid(moved.iter().map(|(company, _)| **company).collect()),
        Column::Int(
            moved
                .iter()
                .map(|(_, tenant)| Some(last(tenant.events.len(), tenant.position)))
                .collect(),
        ),
        Column::Int(
            moved
                .iter()
                .map(|(_, tenant)| Some(tenant.columns.version))
                .collect(),
        ),
    ];
    let mut names = vec![
        "company_id".to_owned(),
        "seq".to_owned(),
        "columns_version".to_owned(),
    ];
    for entity in EntityType::ALL {
        names.push(count_column(entity));
        let counts = moved
            .iter()
            .map(|(_, tenant)| Some(tenant.counts[entity.index()]));
        columns.push(Column::Int(counts.collect()));
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    Step::update("company_position", &names, 1, Rows::new(columns))
}

fn claims_are_new(tenants: &Tenants) -> bool {
    let mut claims = tenants.values().flat_map(|tenant| tenant.claims.values());
    claims.any(|claim| claim.is_new)
}

/// Forgets keys whose day is over: with each new one, so that there are never many, and in a statement of its own,
/// because a new claim may take over a key that goes here.
fn purge_step(now: Timestamp) -> Step {
    let oldest = Rows::new(vec![Column::Int(vec![Some(now.0 - CLAIM_MS)])]);
    let text =
        "DELETE FROM idempotency WHERE created_at <= (SELECT c1 FROM $k WHERE c1 IS NOT NULL)";
    Step {
        text: text.to_owned(),
        rows: oldest,
    }
}

fn claim_step(tenants: &Tenants, now: Timestamp) -> Step {
    let new = tenants.iter().flat_map(|(company, tenant)| {
        let new = tenant.claims.iter().filter(|(_, claim)| claim.is_new);
        new.map(move |(key, claim)| (*company, key, claim))
    });
    let claims: Vec<_> = new.collect();
    let columns = vec![
        Column::Uuid(claims.iter().map(|(company, ..)| *company).collect()),
        Column::Text(
            claims
                .iter()
                .map(|(_, key, _)| Some((*key).clone()))
                .collect(),
        ),
        Column::Bytes(
            claims
                .iter()
                .map(|(.., claim)| claim.fingerprint.clone())
                .collect(),
        ),
        Column::Int(
            claims
                .iter()
                .map(|(.., claim)| Some(i64::from(claim.response.status)))
                .collect(),
        ),
        Column::Int(
            claims
                .iter()
                .map(|(.., claim)| claim.response.version)
                .collect(),
        ),
        Column::Bytes(
            claims
                .iter()
                .map(|(.., claim)| claim.response.body.clone())
                .collect(),
        ),
        Column::Int(claims.iter().map(|_| Some(now.0)).collect()),
    ];
    let names = [
        "company_id",
        "key",
        "fingerprint",
        "status",
        "version",
        "body",
        "created_at",
    ];
    // A key that is older than its day is taken over.
    let conflict = "ON CONFLICT (company_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, \
                    status = excluded.status, version = excluded.version, body = excluded.body, \
                    created_at = excluded.created_at";
    Step::insert("idempotency", &names, conflict, Rows::new(columns))
}
