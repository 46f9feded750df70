//! The rows of W1, or of W6 with a link each, written by hand: one writer, waiting requests in one set-based batch,
//! through sqlx.
//!
//! What each create writes: a contact, its link, a step of the organization's version, two events with bodies as long
//! as the real ones, and the position of the log; before, the organization and its links are read, as the event of a
//! link needs them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::load::Measured;
use crate::report::Row;
use kith_tests::usage::{self, Watched};

/// Most creates of one transaction: SQLite takes 32,766 parameters in a statement.
const MAX_BATCH: usize = 1_600;

/// Most requests of one transaction.
const MAX_JOBS: usize = 128;

/// Bytes of the two events of a create.
const CREATED_BODY: usize = 750;
const UPDATED_BODY: usize = 1_000;

/// Most creates of a run.
const MOST: usize = 20_000;

/// Where to write, and how much.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    url: String,
    #[arg(long)]
    company: Uuid,
    #[arg(long)]
    clients: usize,
    /// Creates of one request
    #[arg(long)]
    records: usize,
    #[arg(long)]
    for_seconds: f64,
    #[arg(long)]
    postgres_pid: Option<u32>,
}

/// A request that waits: the organizations of its contacts.
type Job = (Vec<Uuid>, oneshot::Sender<()>);

/// The writer's connection.
enum Writer {
    Sqlite(SqliteConnection),
    /// With the number of its batches.
    Postgres(PgConnection, u64),
}

/// Writes, and prints what it cost.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let mut writer = Writer::open(&args.url).await?;
    let organizations = writer.organizations(args.company).await?;
    let (sender, mut waiting) = mpsc::channel::<Job>(1_024);
    let company = args.company;
    let most = (MAX_BATCH / args.records).clamp(1, MAX_JOBS);
    let writing = tokio::spawn(async move {
        let mut jobs = Vec::with_capacity(MAX_JOBS);
        while waiting.recv_many(&mut jobs, most).await > 0 {
            let linked: Vec<Uuid> = jobs
                .iter()
                .flat_map(|(linked, _)| linked)
                .copied()
                .collect();
            writer.write(company, &linked).await?;
            for (_, done) in jobs.drain(..) {
                // Nobody stops waiting.
                let _ = done.send(());
            }
        }
        anyhow::Ok(())
    });

    let watched = Watched {
        server: std::process::id(),
        postgres: args.postgres_pid,
    };
    let organizations: Arc<[Uuid]> = organizations.into();
    let before = watched.cpu()?;
    let started = Instant::now();
    let end = started + Duration::from_secs_f64(args.for_seconds);
    let mut tasks = JoinSet::new();
    for client in 0..args.clients {
        let (clients, records) = (args.clients, args.records);
        let (sender, organizations) = (sender.clone(), Arc::clone(&organizations));
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            for number in (client..MOST / records).step_by(clients) {
                if Instant::now() >= end {
                    break;
                }
                let (done, written) = oneshot::channel();
                let sent = Instant::now();
                let linked = (0..records)
                    .map(|index| organizations[(number * records + index) % organizations.len()]);
                sender.send((linked.collect(), done)).await?;
                written.await?;
                latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            anyhow::Ok(latencies)
        });
    }
    drop(sender);
    let mut latencies = Vec::new();
    while let Some(of_one) = tasks.join_next().await {
        latencies.extend(of_one??);
    }
    let measured = Measured::new(started, latencies);
    let cpu = watched.cpu_since(before)?;
    writing.await??;
    let peak = usage::memory(watched.server)?.1;
    let backend = if args.postgres_pid.is_some() {
        "PostgreSQL"
    } else {
        "SQLite"
    };
    let row = Row::new(
        backend,
        if args.records == 1 {
            "W1's SQL by hand"
        } else {
            "W6's SQL by hand"
        },
        args.clients,
        &measured,
        args.records,
        cpu,
        peak,
    );
    println!("{}", serde_json::to_string(&row)?);
    Ok(())
}

/// What a batch of creates writes, apart from what the database knows.
struct Batch {
    contacts: Vec<Uuid>,
    linked: Vec<Uuid>,
    /// What a search looks into.
    searched: Vec<String>,
    /// Organizations with how many of the creates link them.
    steps: Vec<(Uuid, i64)>,
    events: Vec<Event>,
}

struct Event {
    id: Uuid,
    name: &'static str,
    entity: Uuid,
    body: Vec<u8>,
}

impl Batch {
    fn new(linked: &[Uuid]) -> Self {
        let mut steps: HashMap<Uuid, i64> = HashMap::new();
        let mut events = Vec::with_capacity(linked.len() * 2);
        let mut contacts = Vec::with_capacity(linked.len());
        for organization in linked {
            *steps.entry(*organization).or_default() += 1;
            let contact = new_id();
            contacts.push(contact);
            events.push(Event {
                id: new_id(),
                name: "contact.created",
                entity: contact,
                body: vec![b'x'; CREATED_BODY],
            });
            events.push(Event {
                id: new_id(),
                name: "organization.updated",
                entity: *organization,
                body: vec![b'x'; UPDATED_BODY],
            });
        }
        let searched = contacts.iter().map(|id| {
            let number = id.as_u128() % 100_000;
            format!("ada\nlovelace {number}\nada{number}@example.com")
        });
        Batch {
            searched: searched.collect(),
            contacts,
            linked: linked.to_vec(),
            steps: steps.into_iter().collect(),
            events,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing here has to be repeatable"
)]
fn new_id() -> Uuid {
    Uuid::now_v7()
}

impl Writer {
    async fn open(url: &str) -> Result<Self> {
        Ok(if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)?
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .pragma("cache_size", "-8000")
                .statement_cache_capacity(1_024);
            Writer::Sqlite(SqliteConnection::connect_with(&options).await?)
        } else {
            let options = PgConnectOptions::from_str(url)?;
            Writer::Postgres(PgConnection::connect_with(&options).await?, 0)
        })
    }

    async fn organizations(&mut self, company: Uuid) -> Result<Vec<Uuid>> {
        let sql = "SELECT id FROM organization WHERE company_id = $1";
        Ok(match self {
            Writer::Sqlite(connection) => {
                sqlx::query_scalar(sql)
                    .bind(company)
                    .fetch_all(connection)
                    .await?
            }
            Writer::Postgres(connection, _) => {
                sqlx::query_scalar(sql)
                    .bind(company)
                    .fetch_all(connection)
                    .await?
            }
        })
    }

    async fn write(&mut self, company: Uuid, linked: &[Uuid]) -> Result<()> {
        let batch = Batch::new(linked);
        match self {
            Writer::Sqlite(connection) => sqlite(connection, company, batch).await,
            Writer::Postgres(connection, batches) => {
                *batches += 1;
                if batches.is_power_of_two() {
                    // Plans of when the tables were empty are bad ones.
                    sqlx::query("DISCARD PLANS")
                        .execute(&mut *connection)
                        .await?;
                }
                postgres(connection, company, batch).await
            }
        }
    }
}

/// `(?,?),(?,?)`: rows of parameters.
fn values(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    vec![row; rows].join(",")
}

async fn sqlite(connection: &mut SqliteConnection, company: Uuid, batch: Batch) -> Result<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let position: i64 = sqlx::query_scalar("SELECT seq FROM company_position WHERE company_id = ?")
        .bind(company)
        .fetch_one(&mut *transaction)
        .await?;
    let mut sql = String::from(
        "SELECT o.id, o.version, o.name, (SELECT group_concat(hex(l.contact_id), '') FROM contact_organization l \
         WHERE l.company_id = o.company_id AND l.organization_id = o.id) \
         FROM organization o WHERE o.company_id = ? AND o.id IN (",
    );
    // Writing to a String cannot fail.
    let _ = write!(sql, "{})", vec!["?"; batch.steps.len()].join(","));
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(company);
    for (organization, _) in &batch.steps {
        query = query.bind(organization);
    }
    let loaded = query.fetch_all(&mut *transaction).await?;
    loaded
        .first()
        .context("no organization")?
        .try_get::<Uuid, _>(0)?;

    let contacts = batch.contacts.len();
    let sql = format!(
        "INSERT INTO contact (company_id, id, version, created_at, updated_at, first_name, last_name, emails, name_key, \
         search) VALUES {}",
        values(contacts, 10)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for (contact, search) in batch.contacts.iter().zip(&batch.searched) {
        query = query.bind(company).bind(contact).bind(1).bind(0).bind(0);
        query = query.bind("Ada").bind("Lovelace");
        query = query
            .bind("[\"ada@example.com\"]")
            .bind("lovelace ada")
            .bind(search);
    }
    query.execute(&mut *transaction).await?;

    let sql = format!(
        "INSERT INTO contact_organization (company_id, contact_id, organization_id) VALUES {}",
        values(contacts, 3)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for (contact, organization) in batch.contacts.iter().zip(&batch.linked) {
        query = query.bind(company).bind(contact).bind(organization);
    }
    query.execute(&mut *transaction).await?;

    let sql = format!(
        "WITH k(id, steps) AS (VALUES {}) UPDATE organization SET version = version + k.steps, updated_at = 1 \
         FROM k WHERE organization.company_id = ? AND organization.id = k.id",
        values(batch.steps.len(), 2)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for (organization, steps) in &batch.steps {
        query = query.bind(organization).bind(steps);
    }
    query.bind(company).execute(&mut *transaction).await?;

    let count = batch.events.len();
    let sql = format!(
        "INSERT INTO event (company_id, seq, id, type, entity_id, user_id, body, created_at) VALUES {}",
        values(count, 8)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    let mut seq = position;
    for event in batch.events {
        seq += 1;
        query = query
            .bind(company)
            .bind(seq)
            .bind(event.id)
            .bind(event.name);
        query = query
            .bind(event.entity)
            .bind(company)
            .bind(event.body)
            .bind(0);
    }
    query.execute(&mut *transaction).await?;
    sqlx::query("UPDATE company_position SET seq = ? WHERE company_id = ?")
        .bind(seq)
        .bind(company)
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

async fn postgres(connection: &mut PgConnection, company: Uuid, batch: Batch) -> Result<()> {
    let mut transaction = connection.begin().await?;
    let load = "SELECT o.id, o.version, o.name, p.seq, \
                ARRAY(SELECT l.contact_id FROM contact_organization l \
                WHERE l.company_id = o.company_id AND l.organization_id = o.id) \
                FROM (SELECT company_id, seq FROM company_position WHERE company_id = $1 FOR UPDATE) p \
                JOIN organization o ON o.company_id = p.company_id AND o.id = ANY($2)";
    let (organizations, steps): (Vec<Uuid>, Vec<i64>) = batch.steps.iter().copied().unzip();
    let loaded = sqlx::query(load)
        .bind(company)
        .bind(&organizations)
        .fetch_all(&mut *transaction)
        .await?;
    let position: i64 = loaded.first().context("no organization")?.try_get(3)?;
    let write = "WITH c AS (INSERT INTO contact (company_id, id, version, created_at, updated_at, first_name, last_name, emails, name_key, search) \
                 SELECT $1, k.id, 1, 0, 0, 'Ada', 'Lovelace', '[\"ada@example.com\"]', 'lovelace ada', k.search \
                 FROM unnest($2::uuid[], $12::text[]) AS k(id, search)), \
                 s AS (INSERT INTO contact_search (company_id, id, search) \
                 SELECT $1, k.id, k.search FROM unnest($2::uuid[], $12::text[]) AS k(id, search)), \
                 l AS (INSERT INTO contact_organization (company_id, contact_id, organization_id) \
                 SELECT $1, k.c, k.o FROM unnest($2::uuid[], $3::uuid[]) AS k(c, o)), \
                 o AS (UPDATE organization SET version = version + k.steps, updated_at = 1 \
                 FROM unnest($4::uuid[], $5::bigint[]) AS k(id, steps) \
                 WHERE organization.company_id = $1 AND organization.id = k.id), \
                 e AS (INSERT INTO event (company_id, seq, id, type, entity_id, user_id, body, created_at) \
                 SELECT $1, k.seq, k.id, k.type, k.entity, $1, k.body, 0 \
                 FROM unnest($6::bigint[], $7::uuid[], $8::text[], $9::uuid[], $10::bytea[]) AS k(seq, id, type, entity, body)) \
                 UPDATE company_position SET seq = $11 WHERE company_id = $1";
    let count = i64::try_from(batch.events.len())?;
    let seqs: Vec<i64> = (position + 1..=position + count).collect();
    let ids: Vec<Uuid> = batch.events.iter().map(|event| event.id).collect();
    let names: Vec<&str> = batch.events.iter().map(|event| event.name).collect();
    let entities: Vec<Uuid> = batch.events.iter().map(|event| event.entity).collect();
    let bodies: Vec<Vec<u8>> = batch.events.into_iter().map(|event| event.body).collect();
    sqlx::query(write)
        .bind(company)
        .bind(&batch.contacts)
        .bind(&batch.linked)
        .bind(&organizations)
        .bind(&steps)
        .bind(&seqs)
        .bind(&ids)
        .bind(&names)
        .bind(&entities)
        .bind(&bodies)
        .bind(position + count)
        .bind(&batch.searched)
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}
