//! The load of a batch: a fixed number of set-based statements, however many units and records.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use kith_domain::entity::EntityType;
use kith_domain::ports::StoredResponse;
use kith_domain::record::RecordKey;
use kith_domain::working_set::WorkingSet;
use uuid::Uuid;

use super::{Claim, Failure, Job, Tenant, Tenants};
use crate::shape::Shape;
use crate::sql::{Cells, Column, Dialect, Rows, Session};

/// Record keys by type, each with its tenant.
type Wanted = BTreeMap<EntityType, BTreeSet<(Uuid, Uuid)>>;

/// Locks the companies of the batch (in the order of their ids, so that processes cannot deadlock) and loads what the
/// units plan to see, then what they reach.
pub(super) async fn load<S: Session>(
    session: &mut S,
    jobs: &[Job],
    oldest_claim: i64,
) -> Result<Tenants, Failure> {
    let mut tenants = companies(session, jobs).await?;
    let mut wanted = Wanted::new();
    let mut users = HashSet::new();
    for job in jobs {
        let company = job.unit.company();
        let plan = job.unit.plan();
        want(&mut wanted, company, plan.records);
        users.extend(plan.users.into_iter().map(|user| (company, user)));
    }
    records(session, &mut tenants, &wanted).await?;
    if !users.is_empty() {
        let text = "SELECT a.company_id, a.id FROM $k CROSS JOIN account a WHERE a.company_id = $k.c1 AND a.id = $k.c2";
        for row in session.fetch(text, &Rows::keys(users)).await? {
            if let Some(tenant) = tenants.get_mut(&row.uuid(0)?) {
                tenant.set.load_user(row.uuid(1)?);
            }
        }
    }
    claims(session, jobs, &mut tenants, oldest_claim).await?;

    let mut reached = Wanted::new();
    for job in jobs {
        let company = job.unit.company();
        if let Some(tenant) = tenants.get(&company) {
            want(&mut reached, company, job.unit.reach(&tenant.set));
        }
    }
    records(session, &mut tenants, &reached).await?;
    Ok(tenants)
}

fn want(wanted: &mut Wanted, company: Uuid, keys: Vec<RecordKey>) {
    for key in keys {
        wanted
            .entry(key.entity)
            .or_default()
            .insert((company, key.id));
    }
}

/// The companies of the batch with the positions of their event logs; on PostgreSQL their rows are locked until the
/// commit, which orders the events of a company and keeps its transactions apart.
async fn companies<S: Session>(session: &mut S, jobs: &[Job]) -> Result<Tenants, Failure> {
    let ids: BTreeSet<_> = jobs.iter().map(|job| job.unit.company()).collect();
    let rows = Rows::new(vec![Column::Uuid(ids.into_iter().collect())]);
    let lock = match S::DIALECT {
        Dialect::Postgres => " ORDER BY p.company_id FOR UPDATE OF p",
        Dialect::Sqlite => "",
    };
    let text = format!(
        "SELECT p.company_id, p.seq FROM $k CROSS JOIN company_position p WHERE p.company_id = $k.c1{lock}"
    );
    let mut tenants = Tenants::new();
    for row in session.fetch(&text, &rows).await? {
        let tenant = Tenant {
            set: WorkingSet::new(Arc::default()),
            position: row.int(1)?,
            events: Vec::new(),
            claims: std::collections::HashMap::new(),
        };
        tenants.insert(row.uuid(0)?, tenant);
    }
    Ok(tenants)
}

async fn records<S: Session>(
    session: &mut S,
    tenants: &mut Tenants,
    wanted: &Wanted,
) -> Result<(), Failure> {
    for (entity, keys) in wanted {
        let shape = Shape::of(*entity);
        let text = shape.load(S::DIALECT);
        for row in session
            .fetch(&text, &Rows::keys(keys.iter().copied()))
            .await?
        {
            if let Some(tenant) = tenants.get_mut(&row.uuid(0)?) {
                tenant.set.load(shape.read(&row)?);
            }
        }
    }
    Ok(())
}

async fn claims<S: Session>(
    session: &mut S,
    jobs: &[Job],
    tenants: &mut Tenants,
    oldest: i64,
) -> Result<(), Failure> {
    let claimed = jobs
        .iter()
        .filter_map(|job| Some((job.unit.company(), job.unit.claim()?.key.clone())));
    let (companies, keys): (Vec<_>, Vec<_>) =
        claimed.map(|(company, key)| (company, Some(key))).unzip();
    if companies.is_empty() {
        return Ok(());
    }
    let rows = Rows::new(vec![Column::Uuid(companies), Column::Text(keys)]);
    let text = "SELECT i.company_id, i.key, i.fingerprint, i.status, i.version, i.body, i.created_at \
                FROM $k CROSS JOIN idempotency i WHERE i.company_id = $k.c1 AND i.key = $k.c2";
    for row in session.fetch(text, &rows).await? {
        let Some(tenant) = tenants.get_mut(&row.uuid(0)?) else {
            continue;
        };
        if row.int(6)? <= oldest {
            continue;
        }
        let response = StoredResponse {
            status: u16::try_from(row.int(3)?).unwrap_or_default(),
            version: row.optional_int(4)?,
            body: row.bytes(5)?,
        };
        let claim = Claim {
            fingerprint: row.bytes(2)?,
            response,
            is_new: false,
        };
        tenant.claims.insert(row.text(1)?.to_owned(), claim);
    }
    Ok(())
}
