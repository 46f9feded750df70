//! The write of a batch: what moved in the working sets, as a fixed number of set-based statements.

use std::collections::BTreeMap;
use std::sync::Arc;

use kith_domain::entity::EntityType;
use kith_domain::record::{LinkSet, Record};
use kith_domain::relation::RELATIONS;
use kith_domain::time::Timestamp;
use kith_domain::working_set::Write;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Failure, Tenants};
use crate::shape::{Shape, link_columns, to_scaled};
use crate::sql::{Column, Rows, Session, Step};

/// Rows of one record table.
#[derive(Default)]
struct Table {
    inserted: Vec<(Uuid, Arc<Record>)>,
    /// Own content moved.
    updated: Vec<(Uuid, Arc<Record>)>,
    /// Only links moved: the row steps its version.
    touched: Vec<(Uuid, Arc<Record>)>,
    deleted: Vec<(Uuid, Uuid)>,
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
    tenants: &Tenants,
    now: Timestamp,
) -> Result<bool, Failure> {
    let mut tables: BTreeMap<EntityType, Table> = BTreeMap::new();
    let mut links: Vec<Links> = RELATIONS.iter().map(|_| Links::default()).collect();
    for (company, tenant) in tenants {
        for write in tenant.set.writes() {
            collect(*company, write, &mut tables, &mut links);
        }
    }
    let mut steps = Vec::new();
    for (entity, table) in &tables {
        record_steps(Shape::of(*entity), table, &mut steps);
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
    steps.push(event_step(tenants));
    steps.push(position_step(tenants));
    steps.push(claim_step(tenants, now));
    steps.retain(|step| !step.rows.is_empty());
    if steps.is_empty() {
        return Ok(false);
    }
    session.write(&steps).await?;
    Ok(true)
}

fn collect(
    company: Uuid,
    write: Write,
    tables: &mut BTreeMap<EntityType, Table>,
    links: &mut [Links],
) {
    let table = tables.entry(write.key().entity).or_default();
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

fn record_steps(shape: &Shape, table: &Table, steps: &mut Vec<Step>) {
    if !table.inserted.is_empty() {
        let rows = full_rows(shape, &table.inserted);
        steps.push(Step::insert(shape.table(), &shape.columns, "", rows));
    }
    if !table.updated.is_empty() {
        // The first two columns are the key.
        steps.push(Step::update(
            shape.table(),
            &shape.columns,
            2,
            full_rows(shape, &table.updated),
        ));
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

fn full_rows(shape: &Shape, records: &[(Uuid, Arc<Record>)]) -> Rows {
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
    let records: Vec<&Record> = records.iter().map(|(_, record)| record.as_ref()).collect();
    columns.extend(shape.content(&records));
    Rows::new(columns)
}

fn event_step(tenants: &Tenants) -> Step {
    let numbered = tenants.iter().flat_map(|(company, tenant)| {
        let positions = tenant.position + 1..;
        positions
            .zip(&tenant.events)
            .map(move |(position, event)| (*company, position, event))
    });
    let events: Vec<_> = numbered.collect();
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
        Column::Uuid(events.iter().map(|(.., event)| event.key.id).collect()),
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
        .filter(|(_, tenant)| !tenant.events.is_empty())
        .collect();
    let last = |events: usize, position: i64| {
        position + i64::try_from(events).unwrap_or(i64::MAX - position)
    };
    let columns = vec![
        Column::Uuid(moved.iter().map(|(company, _)| **company).collect()),
        Column::Int(
            moved
                .iter()
                .map(|(_, tenant)| Some(last(tenant.events.len(), tenant.position)))
                .collect(),
        ),
    ];
    Step::update(
        "company_position",
        &["company_id", "seq"],
        1,
        Rows::new(columns),
    )
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
