//! Killing the server under write load, and what must hold afterwards.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::api::Api;
use crate::http::Connection;
use crate::server::TestServer;

/// How hard the server is worked before it is killed.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How often it is killed.
    pub rounds: usize,
    /// Connections that write at the same time.
    pub writers: usize,
    /// Acknowledged writes after which it is killed.
    pub writes: usize,
}

/// What was acknowledged, and found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Writes that the server acknowledged before it was killed: all of them are there.
    pub acknowledged: usize,
    /// Writes that it had done and not yet acknowledged.
    pub unacknowledged: usize,
    /// Events in the log: each has its record.
    pub events: i64,
}

/// A write that the server acknowledged: the contact and its version then.
type Write = (Uuid, i64);

/// Kills the server under load, starts it again, and checks that nothing was lost or half done.
///
/// # Errors
/// When something was, and what.
pub async fn kill_under_load(
    server: &mut TestServer,
    load: Load,
    mut told: impl FnMut(usize, &Tally),
) -> Result<Tally> {
    let organizations = vec![json!({"name": "A"}); 4];
    let body = json!({ "organizations": organizations });
    let made = server
        .api
        .call("POST", "/organizations/many", &body)
        .await?;
    let organizations: Arc<[String]> = made
        .json()
        .as_array()
        .context("no organizations")?
        .iter()
        .filter_map(|record| record["id"].as_str().map(str::to_owned))
        .collect();
    let mut writes = Vec::new();
    let mut tally = Tally::default();
    for round in 1..=load.rounds {
        writes.extend(write_until_killed(server, load, &organizations).await?);
        server.restart()?;
        // Waits for whatever the killed server had begun in the database.
        let reply = server.api.create("tasks", &json!({"name": "A"})).await?;
        ensure!(reply.status == 201, "{}", reply.text());
        tally = verify(server, &writes).await?;
        told(round, &tally);
    }
    Ok(tally)
}

async fn write_until_killed(
    server: &mut TestServer,
    load: Load,
    organizations: &Arc<[String]>,
) -> Result<Vec<Write>> {
    let done = Arc::new(AtomicUsize::new(0));
    let enough = Arc::new(Notify::new());
    let mut writers = JoinSet::new();
    for number in 0..load.writers {
        let api = server.api.clone();
        let (done, enough, organizations) = (
            Arc::clone(&done),
            Arc::clone(&enough),
            Arc::clone(organizations),
        );
        writers.spawn(async move {
            let mut writes = Vec::new();
            let mut told = || {
                if done.fetch_add(1, Ordering::Relaxed) + 1 == load.writes {
                    enough.notify_one();
                }
            };
            // It ends with the connection.
            let _ = write(&api, number, &organizations, &mut writes, &mut told).await;
            writes
        });
    }
    tokio::time::timeout(std::time::Duration::from_secs(60), enough.notified())
        .await
        .with_context(|| format!("the server stopped writing by itself\n{}", server.log()))?;
    server.kill()?;
    Ok(writers.join_all().await.into_iter().flatten().collect())
}

/// Creates a contact with a link, then changes it, over and over.
async fn write(
    api: &Api,
    number: usize,
    organizations: &[String],
    writes: &mut Vec<Write>,
    told: &mut impl FnMut(),
) -> Result<()> {
    let head = format!("{}content-type: application/json\r\n", api.key_line);
    let mut connection = Connection::open(api.address).await?;
    for round in number.. {
        let organization = &organizations[round % organizations.len()];
        let body = json!({"firstName": "Ada", "organizationIds": [organization]}).to_string();
        let mut path = "/api/v1/contacts".to_owned();
        let mut method = "POST";
        for body in [body, json!({"lastName": round.to_string()}).to_string()] {
            let reply = connection
                .request(method, &path, &head, body.as_bytes())
                .await?;
            ensure!(matches!(reply.status, 200 | 201), "{}", reply.text());
            let record = reply.json();
            let id = record["id"].as_str().context("no id")?;
            writes.push((
                id.parse()?,
                record["version"].as_i64().context("no version")?,
            ));
            told();
            method = "PUT";
            path = format!("/api/v1/contacts/{id}");
        }
    }
    Ok(())
}

/// Every acknowledged write is there with its event, every event has its record, nothing is half done.
async fn verify(server: &TestServer, writes: &[Write]) -> Result<Tally> {
    let company = server.api.company;
    let mut session = server.session().await?;
    let sql = "SELECT id FROM contact WHERE company_id = ?";
    let contacts: HashSet<Uuid> = session.ids(sql, &[company]).await?.into_iter().collect();
    let sql = "SELECT entity_id FROM event WHERE company_id = ? AND type = 'contact.created'";
    let announced: HashSet<Uuid> = session.ids(sql, &[company]).await?.into_iter().collect();
    ensure!(
        contacts == announced,
        "{} contacts without an event, {} events without a contact",
        contacts.difference(&announced).count(),
        announced.difference(&contacts).count()
    );
    let sql = "SELECT id FROM contact WHERE company_id = ? AND version >= 2";
    let changed: HashSet<Uuid> = session.ids(sql, &[company]).await?.into_iter().collect();
    for (id, version) in writes {
        let kept = if *version == 1 { &contacts } else { &changed };
        ensure!(
            kept.contains(id),
            "the acknowledged version {version} of {id} is lost"
        );
    }
    // A record's version is the number of its events.
    for table in ["contact", "organization", "task"] {
        let sql = format!(
            "SELECT count(*) FROM {table} r WHERE r.company_id = ? AND r.version <> \
             (SELECT count(*) FROM event e WHERE e.company_id = r.company_id AND e.entity_id = r.id)"
        );
        let wrong = session.numbers(&sql, &[company]).await?;
        ensure!(
            wrong == [0],
            "{wrong:?} {table} rows do not agree with their events"
        );
    }
    let sql = "SELECT count(*) FROM event WHERE company_id = ? UNION ALL \
               SELECT max(seq) FROM event WHERE company_id = ? UNION ALL \
               SELECT seq FROM company_position WHERE company_id = ?";
    let positions = session.numbers(sql, &[company; 3]).await?;
    ensure!(
        positions.windows(2).all(|pair| pair[0] == pair[1]),
        "the log has gaps: {positions:?}"
    );
    let unlinked = "SELECT count(*) FROM contact c WHERE c.company_id = ? AND NOT EXISTS (SELECT 1 \
                    FROM contact_organization l WHERE l.company_id = c.company_id AND l.contact_id = c.id)";
    let unlinked = session.numbers(unlinked, &[company]).await?;
    ensure!(unlinked == [0], "{unlinked:?} contacts without their link");
    last_events_agree(server).await?;
    Ok(Tally {
        acknowledged: writes.len(),
        unacknowledged: contacts.len() + changed.len() - writes.len(),
        events: positions[0],
    })
}

/// The last event of an organization shows the organization as it is.
async fn last_events_agree(server: &TestServer) -> Result<()> {
    let company = server.api.company;
    let mut session = server.session().await?;
    let sql = "SELECT max(seq) FROM event WHERE company_id = ? AND type LIKE 'organization.%' GROUP BY entity_id";
    for position in session.numbers(sql, &[company]).await? {
        let sql = format!("SELECT entity_id FROM event WHERE company_id = ? AND seq = {position}");
        let [id] = session.ids(&sql, &[company]).await?[..] else {
            anyhow::bail!("no event at {position}");
        };
        let events = server.database.events(company, position - 1).await?;
        let event = events.first().context("no event")?;
        let told = event.payload()["organization"].take();
        let is = server.api.record("organizations", &id.to_string()).await?;
        for member in ["contactIds", "version", "updatedAt"] {
            ensure!(
                ids(&told[member]) == ids(&is[member]),
                "{member} of {id}: {told} {is}"
            );
        }
    }
    Ok(())
}

/// A value, with the elements of an array in order.
fn ids(value: &Value) -> Vec<String> {
    let mut ids: Vec<_> = match value.as_array() {
        Some(ids) => ids.iter().map(Value::to_string).collect(),
        None => vec![value.to_string()],
    };
    ids.sort();
    ids
}
