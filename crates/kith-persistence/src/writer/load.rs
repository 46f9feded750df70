//! The load of a batch: a fixed number of set-based statements, however many units and records.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use kith_domain::columns::ParseContext;
use kith_domain::decide::OptionHolders;
use kith_domain::entity::EntityType;
use kith_domain::ports::StoredResponse;
use kith_domain::record::RecordKey;
use kith_domain::working_set::WorkingSet;
use uuid::Uuid;

use super::{Claim, Failure, Job, Tenant, Tenants, guarded};
use crate::columns::{self, CompanyColumns, Remembered};
use crate::shape::Shape;
use crate::sql::{Cells, Column, Dialect, Rows, Session};

/// Record keys by type, each with its tenant.
type Wanted = BTreeMap<EntityType, BTreeSet<(Uuid, Uuid)>>;

/// Name of the column that counts the records of a type.
pub(crate) fn count_column(entity: EntityType) -> String {
    format!("{}_count", entity.name())
}

/// Locks the companies of the batch (in the order of their ids, so that processes cannot deadlock) and loads what the
/// units plan to see, then what they reach.
pub(super) async fn load<S: Session>(
    session: &mut S,
    jobs: &[Job],
    oldest_claim: i64,
    remembered: &Remembered,
) -> Result<Tenants, Failure> {
    let mut tenants = companies(session, jobs, remembered).await?;
    let mut wanted = Wanted::new();
    let mut users = HashSet::new();
    for job in jobs {
        let company = job.unit.company();
        let plan = guarded(|| job.unit.plan())?;
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
    for job in jobs {
        if let Some(tenant) = tenants.get_mut(&job.unit.company())
            && let Some(asked) = job.unit.holders(&tenant.set)
        {
            holders(session, job.unit.company(), tenant, asked).await?;
        }
    }

    let mut reached = Wanted::new();
    for job in jobs {
        let company = job.unit.company();
        if let Some(tenant) = tenants.get(&company) {
            let keys = guarded(|| job.unit.reach(&tenant.set))?;
            want(&mut reached, company, keys);
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

/// The companies of the batch with the positions of their event logs and their custom columns; on PostgreSQL their rows
/// are locked until the commit, which orders the events of a company and keeps its transactions apart.
async fn companies<S: Session>(
    session: &mut S,
    jobs: &[Job],
    remembered: &Remembered,
) -> Result<Tenants, Failure> {
    let ids: BTreeSet<_> = jobs.iter().map(|job| job.unit.company()).collect();
    let rows = Rows::new(vec![Column::Uuid(ids.into_iter().collect())]);
    let lock = match S::DIALECT {
        Dialect::Postgres => " ORDER BY p.company_id FOR UPDATE OF p",
        Dialect::Sqlite => "",
    };
    let text = format!(
        "SELECT p.company_id, p.seq, p.columns_version, o.country, o.currency, p.webhooks_version, {} \
         FROM $k CROSS JOIN company_position p CROSS JOIN company o \
         WHERE p.company_id = $k.c1 AND o.id = p.company_id{lock}",
        EntityType::ALL.map(count_column).join(", ")
    );
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    for row in session.fetch(&text, &rows).await? {
        let context = ParseContext {
            country: row.optional_text(3)?.and_then(|code| code.parse().ok()),
            currency: row.text(4)?.parse().unwrap_or_default(),
        };
        let (company, version) = (row.uuid(0)?, row.int(2)?);
        let columns = remembered.at(company, version);
        if columns.is_none() {
            unknown.push((company, version));
        }
        let mut counts = [0; EntityType::ALL.len()];
        for (count, at) in counts.iter_mut().zip(6..) {
            *count = row.int(at)?;
        }
        found.push((company, row.int(1)?, row.int(5)?, counts, context, columns));
    }
    let mut loaded = columns(session, &unknown).await?;
    for (company, columns) in &loaded {
        remembered.put(*company, Arc::clone(columns));
    }
    let tenants = found.into_iter().map(
        |(company, position, webhooks_version, counts, context, columns)| {
            let columns = columns
                .or_else(|| loaded.remove(&company))
                .unwrap_or_default();
            let set = WorkingSet::new(Arc::clone(&columns.columns)).in_context(context);
            let tenant = Tenant {
                set,
                columns,
                has_new_columns: false,
                counts,
                webhooks_version,
                webhooks: Arc::default(),
                position,
                events: Vec::new(),
                claims: HashMap::new(),
            };
            (company, tenant)
        },
    );
    Ok(tenants.collect())
}

/// The columns of companies at the versions at which they are locked.
async fn columns<S: Session>(
    session: &mut S,
    companies: &[(Uuid, i64)],
) -> Result<HashMap<Uuid, Arc<CompanyColumns>>, Failure> {
    let mut reading: HashMap<_, _> = companies
        .iter()
        .map(|(company, version)| (*company, (*version, Vec::new())))
        .collect();
    let rows = Rows::new(vec![Column::Uuid(
        companies.iter().map(|(company, _)| *company).collect(),
    )]);
    let text = format!(
        "SELECT c.company_id, {} FROM $k CROSS JOIN custom_column c WHERE c.company_id = $k.c1",
        columns::SELECT
    );
    for row in session.fetch(&text, &rows).await? {
        if let Some((_, reading)) = reading.get_mut(&row.uuid(0)?) {
            reading.push(columns::read(&row, 1)?);
        }
    }
    let loaded = reading.into_iter().map(|(company, (version, reading))| {
        (company, Arc::new(CompanyColumns::of(version, reading)))
    });
    Ok(loaded.collect())
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

/// The records that hold one of some options, as many as asked for, and how many there are.
async fn holders<S: Session>(
    session: &mut S,
    company: Uuid,
    tenant: &mut Tenant,
    asked: OptionHolders,
) -> Result<(), Failure> {
    let shape = Shape::of(asked.entity);
    let ranks: Vec<_> = asked
        .options
        .iter()
        .map(|option| Some(tenant.columns.rank(asked.column, option)))
        .collect();
    let rows = Rows::new(vec![
        Column::Uuid(vec![company; ranks.len()]),
        Column::Uuid(vec![asked.column; ranks.len()]),
        Column::Int(ranks),
    ]);
    let table = shape.table();
    let holding = match tenant.columns.slot(asked.column) {
        Some(slot) => format!(
            "$k CROSS JOIN {table} r WHERE r.company_id = $k.c1 AND r.{} = $k.c3",
            slot.name()
        ),
        None => format!(
            "$k CROSS JOIN {table}_value v CROSS JOIN {table} r WHERE v.company_id = $k.c1 \
             AND v.column_id = $k.c2 AND v.position = -1 AND v.number = $k.c3 \
             AND r.company_id = v.company_id AND r.id = v.record_id"
        ),
    };
    let select = shape.select(S::DIALECT);
    let limit = asked.limit;
    let text = format!("SELECT {select} FROM {holding} LIMIT {limit}");
    for row in session.fetch(&text, &rows).await? {
        tenant.set.load(shape.read(&row)?);
    }
    let text = format!("SELECT count(*) FROM {holding}");
    let mut count = 0;
    for row in session.fetch(&text, &rows).await? {
        count += u64::try_from(row.int(0)?).unwrap_or_default();
    }
    tenant
        .set
        .load_option_count(asked.column, asked.options, count);
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
