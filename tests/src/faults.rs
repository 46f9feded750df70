//! Events on their way to webhooks while servers are killed and the receiver is down: nothing lost, nothing doubled
//! unnoticed, nothing sent twice at once.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::api::Api;
use crate::http::Connection;
use crate::receiver::{self, Receiver};
use crate::server::{Process, TestServer};

/// What happens.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Events, at least.
    pub events: usize,
    /// Events of one request.
    pub per_request: usize,
    /// Connections that write.
    pub writers: usize,
    /// Webhooks that want all of them.
    pub webhooks: usize,
    /// How often a process is killed.
    pub kills: usize,
    /// Processes that only deliver, beside one that only serves; none for one process that does everything.
    pub workers: usize,
    /// How long the receiver is down; less than the pause before a second attempt.
    pub down: Duration,
    /// Longest time of an attempt. The lease, after which what a killed process had claimed is sent again, is six times
    /// as long.
    pub timeout: Duration,
    /// When all has to be over.
    pub patience: Duration,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Events whose write was acknowledged.
    pub acknowledged: usize,
    /// Events in the log.
    pub events: usize,
    /// Deliveries, each of which was accepted.
    pub deliveries: usize,
    /// Attempts that reached the receiver.
    pub attempts: usize,
    /// Those of them that followed an accepted one.
    pub duplicates: usize,
    /// From the first write to the last outcome.
    pub seconds: f64,
}

/// The processes on one database.
struct Crew {
    database_url: String,
    settings: Vec<(&'static str, String)>,
    /// The one that serves, then those that only deliver.
    processes: Vec<Process>,
    kills: usize,
}

impl Crew {
    fn start(database_url: &str, receiver: &Receiver, plan: Plan) -> Result<Self> {
        let mut crew = Crew {
            database_url: database_url.to_owned(),
            settings: receiver.settings(plan.timeout),
            processes: Vec::new(),
            kills: 0,
        };
        for at in 0..=plan.workers {
            let role = crew.role(at, plan.workers > 0);
            let process = crew.process(role)?;
            crew.processes.push(process);
        }
        Ok(crew)
    }

    fn role(&self, at: usize, is_divided: bool) -> &'static str {
        match (at, is_divided) {
            (_, false) => "all",
            (0, true) => "api",
            (_, true) => "worker",
        }
    }

    fn process(&self, role: &str) -> Result<Process> {
        Process::start_as(&self.database_url, role, &self.settings)
    }

    /// Kills one, the next the next time, and starts another in its place.
    fn kill(&mut self) -> Result<()> {
        let count = self.processes.len();
        // The workers first, where there are some.
        let at = (self.kills + 1) % count;
        self.kills += 1;
        let role = self.role(at, count > 1);
        if let Some(process) = self.processes.get_mut(at) {
            process.kill()?;
        }
        let process = self.process(role)?;
        if let Some(place) = self.processes.get_mut(at) {
            *place = process;
        }
        Ok(())
    }

    fn address(&self) -> Result<SocketAddr> {
        Ok(self.processes.first().context("no process")?.address)
    }
}

/// Runs the plan in place of a server that has just been started; `told` hears of each step.
///
/// # Errors
/// When anything is lost, doubled under another id, or sent twice at once.
pub async fn run(server: &mut TestServer, plan: Plan, told: impl FnMut(&str)) -> Result<Tally> {
    let receiver = Receiver::start().await?;
    server.kill()?;
    let mut crew = Crew::start(&server.database.url, &receiver, plan)?;
    let api = server.api.at(crew.address()?);
    let webhooks = subscribe(&api, &receiver, plan.webhooks, "fast", true).await?;
    let started = Instant::now();
    let acknowledged = write_and_kill(&mut crew, &api, &receiver, plan, told).await?;
    let stored = settled(server, plan.patience.saturating_sub(started.elapsed())).await?;
    let seconds = started.elapsed().as_secs_f64();
    verify(server, &receiver, &webhooks, &acknowledged, stored).await?;
    let (attempts, duplicates) = receiver.ledger.attempts();
    Ok(Tally {
        acknowledged: acknowledged.len(),
        events: stored,
        deliveries: stored * webhooks.len(),
        attempts,
        duplicates,
        seconds,
    })
}

/// Makes webhooks that want new tasks, each with a path and a secret of its own; their paths and ids.
///
/// # Errors
/// When the server refuses.
pub async fn subscribe(
    api: &Api,
    receiver: &Receiver,
    count: usize,
    behaviour: &str,
    retries: bool,
) -> Result<Vec<(String, Uuid)>> {
    let mut webhooks = Vec::with_capacity(count);
    for number in 0..count {
        let path = format!("/{behaviour}/{}/{number}", api.company.simple());
        let wanted = json!({
            "url": receiver.url(&path), "secret": receiver::secret(&path), "events": ["task.created"],
            "retryPolicy": if retries { "standard" } else { "none" },
        });
        let reply = api.call("POST", "/webhooks", &wanted).await?;
        ensure!(reply.status == 201, "{}", reply.text());
        let made = reply.json();
        let id = made["id"].as_str().context("no id")?;
        webhooks.push((path, id.parse()?));
    }
    Ok(webhooks)
}

/// Makes tasks in one request: an event each; their ids.
///
/// # Errors
/// When the connection breaks or the server refuses.
pub async fn make_tasks(connection: &mut Connection, api: &Api, count: usize) -> Result<Vec<Uuid>> {
    let tasks = vec![json!({"name": "A"}); count];
    let body = json!({ "tasks": tasks }).to_string();
    let head = format!("{}content-type: application/json\r\n", api.key_line);
    let reply = connection
        .request("POST", "/api/v1/tasks/many", &head, body.as_bytes())
        .await?;
    ensure!(reply.status == 201, "{}", reply.text());
    let made = reply.json();
    let ids = made.as_array().context("no array")?.iter();
    ids.map(|task| Ok(task["id"].as_str().context("no id")?.parse()?))
        .collect()
}

/// Writes until there are enough events, meanwhile kills and lets the receiver go down; what was acknowledged.
async fn write_and_kill(
    crew: &mut Crew,
    api: &Api,
    receiver: &Receiver,
    plan: Plan,
    mut told: impl FnMut(&str),
) -> Result<Vec<Uuid>> {
    let (moved, address) = watch::channel(crew.address()?);
    let left = Arc::new(AtomicUsize::new(plan.events.div_ceil(plan.per_request)));
    let mut writers = JoinSet::new();
    for _ in 0..plan.writers {
        let writer = write(api.clone(), address.clone(), Arc::clone(&left), plan);
        writers.spawn(writer);
    }
    let expected = plan.events * plan.webhooks;
    let patience = plan.patience;
    for kill in 1..=plan.kills {
        let enough = expected * kill / (plan.kills + 1);
        receiver.ledger.until_accepted(enough, patience).await?;
        // With the first, before anything that was claimed is lost: a delivery that fails at its second attempt is left
        // alone for minutes.
        let down = (kill == 1).then(Instant::now);
        if down.is_some() {
            receiver.go_down().await?;
        }
        crew.kill()?;
        moved.send_replace(crew.address()?);
        told(&format!(
            "kill {kill} after {} deliveries",
            receiver.ledger.accepted_count()
        ));
        if let Some(down) = down {
            tokio::time::sleep(plan.down.saturating_sub(down.elapsed())).await;
            receiver.come_up().await?;
            told(&format!("the receiver was down for {:?}", down.elapsed()));
        }
    }
    let mut acknowledged = Vec::with_capacity(plan.events);
    while let Some(written) = writers.join_next().await {
        acknowledged.extend(written??);
    }
    Ok(acknowledged)
}

/// Sends requests until all have been acknowledged; one that broke is sent again, and may then have been done twice.
async fn write(
    api: Api,
    mut address: watch::Receiver<SocketAddr>,
    left: Arc<AtomicUsize>,
    plan: Plan,
) -> Result<Vec<Uuid>> {
    let mut acknowledged = Vec::new();
    let mut connection = None;
    let began = Instant::now();
    let take = |left: usize| left.checked_sub(1);
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
        .is_ok()
    {
        loop {
            ensure!(began.elapsed() < plan.patience, "the server is not there");
            let at = *address.borrow_and_update();
            let mut open = match connection.take() {
                Some(open) => open,
                None => match Connection::open(at).await {
                    Ok(open) => open,
                    Err(_) => {
                        // Until it is started again; it may have been already.
                        let pause = Duration::from_millis(50);
                        let _ = tokio::time::timeout(pause, address.changed()).await;
                        continue;
                    }
                },
            };
            if let Ok(ids) = make_tasks(&mut open, &api, plan.per_request).await {
                acknowledged.extend(ids);
                connection = Some(open);
                break;
            }
        }
    }
    Ok(acknowledged)
}

/// Waits until nothing is left to be done; the number of events.
///
/// # Errors
/// When something is left.
pub async fn settled(server: &TestServer, patience: Duration) -> Result<usize> {
    let company = server.api.company;
    let mut session = server.session().await?;
    let until = Instant::now() + patience;
    loop {
        let sql = "SELECT count(*) FROM delivery WHERE company_id = ? AND due_at IS NOT NULL";
        let open = session.numbers(sql, &[company]).await?;
        if open == [0] {
            break;
        }
        ensure!(Instant::now() < until, "{open:?} deliveries are still open");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sql = "SELECT count(*) FROM event WHERE company_id = ? AND type = 'task.created'";
    let events = session.numbers(sql, &[company]).await?;
    Ok(usize::try_from(*events.first().context("no count")?)?)
}

/// The books of the receiver and of the database agree.
async fn verify(
    server: &TestServer,
    receiver: &Receiver,
    webhooks: &[(String, Uuid)],
    acknowledged: &[Uuid],
    events: usize,
) -> Result<()> {
    receiver.ledger.check()?;
    let company = server.api.company;
    let mut session = server.session().await?;
    let sql = "SELECT count(*) FROM delivery WHERE company_id = ? AND status <> 'success'";
    let failed = session.numbers(sql, &[company]).await?;
    ensure!(failed == [0], "{failed:?} deliveries did not succeed");
    for (path, webhook) in webhooks {
        let sql = "SELECT event_id FROM delivery WHERE company_id = ? AND webhook_id = ?";
        let stored = session.ids(sql, &[company, *webhook]).await?;
        ensure!(
            stored.len() == events,
            "{} deliveries of {events} events to {path}",
            stored.len()
        );
        let stored: HashSet<Uuid> = stored.into_iter().collect();
        let arrived = receiver.ledger.at(path);
        let accepted: HashSet<Uuid> = arrived
            .iter()
            .filter(|(_, arrivals)| arrivals.accepted > 0)
            .map(|(id, _)| *id)
            .collect();
        ensure!(
            stored == accepted,
            "{path}: {} events were lost, {} came from nowhere",
            stored.difference(&accepted).count(),
            accepted.difference(&stored).count()
        );
        let entities: HashSet<Uuid> = arrived.values().map(|arrivals| arrivals.entity).collect();
        let lost = acknowledged.iter().filter(|id| !entities.contains(id));
        let lost = lost.count();
        ensure!(lost == 0, "{path}: {lost} acknowledged tasks never arrived");
    }
    Ok(())
}
