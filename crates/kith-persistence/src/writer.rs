//! The batched writer: takes every waiting unit of work, loads for all of them at once, runs them in turn, writes for
//! all at once, commits once, and answers each for itself.

mod claim;
mod columns;
pub(crate) mod deliveries;
mod failure;
pub(crate) mod forget;
mod load;
pub(crate) mod outbox;
mod resend;
mod store;

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kith_domain::entity::EntityType;
use kith_domain::event::{CommittedEvent, EncodedEvent};
use kith_domain::ports::{
    Clock, Contribution, Notifier, RepositoryError, Settled, StoredResponse, UnitOfWork,
};
use kith_domain::working_set::WorkingSet;
pub(crate) use load::count_column;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::bell::Bells;
use crate::columns::{CompanyColumns, Remembered};
use crate::indexes::Indexes;
use crate::sql::Session;
use deliveries::Done;
use failure::Failure;
use outbox::{Subscription, Subscriptions};

/// Most units in one transaction: enough to spread the cost of a commit, few enough to bound memory and waiting.
const MAX_BATCH: usize = 128;

/// Units that may wait before further callers have to.
const QUEUE: usize = 1024;

/// How often a batch is tried again after a serialisation failure or a deadlock.
const RETRIES: usize = 5;

/// Hours for which an idempotency key is remembered (contract, section 2), in milliseconds.
const CLAIM_MS: i64 = 24 * 3_600_000;

/// A unit that waits for its turn.
struct Job {
    unit: Box<dyn UnitOfWork>,
    reply: oneshot::Sender<Result<Settled, RepositoryError>>,
}

/// Work on deliveries that waits for its turn.
struct DeliveryJob {
    task: deliveries::Task,
    /// How much of it is done.
    done: usize,
    reply: oneshot::Sender<Result<Done, RepositoryError>>,
}

/// What a writer is asked for.
enum Message {
    Unit(Job),
    Deliveries(DeliveryJob),
}

/// The way to a writer.
#[derive(Clone)]
pub(crate) struct Queue(mpsc::Sender<Message>);

impl Queue {
    /// Waits for the outcome of a unit. The unit runs or does not run as a whole even if the caller goes away.
    pub(crate) async fn settle(
        &self,
        unit: Box<dyn UnitOfWork>,
    ) -> Result<Settled, RepositoryError> {
        let (reply, outcome) = oneshot::channel();
        let stopped = || RepositoryError::Unavailable("the writer has stopped".to_owned());
        self.0
            .send(Message::Unit(Job { unit, reply }))
            .await
            .map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }

    /// Waits for work on deliveries to be done.
    pub(crate) async fn perform(&self, task: deliveries::Task) -> Result<Done, RepositoryError> {
        let (reply, outcome) = oneshot::channel();
        let stopped = || RepositoryError::Unavailable("the writer has stopped".to_owned());
        self.0
            .send(Message::Deliveries(DeliveryJob {
                task,
                done: 0,
                reply,
            }))
            .await
            .map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }
}

/// Opens sessions for a writer, again after a failure.
pub(crate) trait Connect: Send + 'static {
    type Session: Session;
    fn connect(&self) -> impl Future<Output = Result<Self::Session, sqlx::Error>> + Send;
}

/// What a writer is told besides its connection.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) notifier: Arc<dyn Notifier>,
    /// Shared by all writers and readers.
    pub(crate) remembered: Remembered,
    pub(crate) bells: Bells,
    /// Shared by all writers.
    pub(crate) subscriptions: Subscriptions,
    pub(crate) indexes: Arc<Indexes>,
}

/// One writer: owns a connection and runs as a task of its own until every [`Queue`] to it is gone.
pub(crate) struct Writer<C: Connect> {
    connect: C,
    session: Option<C::Session>,
    surroundings: Surroundings,
}

/// A company's part of a batch.
pub(crate) struct Tenant {
    set: WorkingSet,
    /// The custom columns as they are stored.
    columns: Arc<CompanyColumns>,
    /// Whether this batch changes them.
    has_new_columns: bool,
    /// How many records of each type it has, after what was written.
    counts: [i64; EntityType::ALL.len()],
    /// Counts the changes of its webhooks; 0 if it never had one.
    webhooks_version: i64,
    /// Its enabled webhooks, known if there are events.
    webhooks: Arc<Vec<Subscription>>,
    /// Position of its last event.
    position: i64,
    events: Vec<Arc<EncodedEvent>>,
    /// Responses by idempotency key: those found, and those of this batch.
    claims: HashMap<String, Claim>,
}

/// A settled idempotency key.
pub(crate) struct Claim {
    fingerprint: Vec<u8>,
    response: StoredResponse,
    /// Whether it has to be stored.
    is_new: bool,
}

pub(crate) type Tenants = HashMap<Uuid, Tenant>;

impl<C: Connect> Writer<C> {
    /// Starts a writer; it stops when all clones of the queue are dropped and what waited is done.
    pub(crate) fn start(
        connect: C,
        surroundings: Surroundings,
    ) -> (Queue, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let writer = Writer {
            connect,
            session: None,
            surroundings,
        };
        (Queue(sender), tokio::spawn(writer.run(receiver)))
    }

    async fn run(mut self, mut waiting: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(MAX_BATCH);
        let mut work: VecDeque<DeliveryJob> = VecDeque::new();
        loop {
            if !work.is_empty() {
                let more = std::iter::from_fn(|| waiting.try_recv().ok());
                messages.extend(more.take(MAX_BATCH));
            } else if waiting.recv_many(&mut messages, MAX_BATCH).await == 0 {
                return;
            }
            let mut jobs = Vec::new();
            for message in messages.drain(..) {
                match message {
                    Message::Unit(job) => jobs.push(job),
                    // Somebody waits for what is claimed; what is recorded has happened already.
                    Message::Deliveries(job) => match job.task {
                        deliveries::Task::Claim(_) => work.push_front(job),
                        _ => work.push_back(job),
                    },
                }
            }
            if !jobs.is_empty() {
                self.settle(jobs).await;
            }
            let Some(mut job) = work.pop_front() else {
                continue;
            };
            match self.perform(&mut job, &waiting).await {
                Ok(None) => work.push_front(job),
                // A worker that went away needs no answer.
                Ok(Some(done)) => drop(job.reply.send(Ok(done))),
                Err(failure) => drop(job.reply.send(Err(failure.into_error()))),
            }
        }
    }

    /// One transaction for a piece of work on deliveries, tried again when another one is in the way. Nothing, if it is
    /// not done yet, and somebody else waits.
    async fn perform(
        &mut self,
        job: &mut DeliveryJob,
        waiting: &mpsc::Receiver<Message>,
    ) -> Result<Option<Done>, Failure> {
        let mut tries = 0;
        loop {
            let mut session = match self.session.take() {
                Some(session) => session,
                None => self.connect.connect().await.map_err(Failure::Connection)?,
            };
            let failure = match work(&mut session, job, waiting).await {
                Ok(done) => {
                    self.session = Some(session);
                    return Ok(done);
                }
                Err(failure) => failure,
            };
            if session.rollback().await.is_ok() {
                self.session = Some(session);
            }
            match failure {
                Failure::Contention(_) if tries < RETRIES => tries += 1,
                failure => return Err(failure),
            }
        }
    }

    /// Answers every job; if the batch fails as a whole, each gets a transaction of its own, so that one bad request
    /// never fails its neighbours.
    async fn settle(&mut self, mut jobs: Vec<Job>) {
        match self.attempt(&mut jobs).await {
            Ok(outcomes) => answer(jobs, outcomes),
            Err(Failure::Other(reason)) if jobs.len() > 1 => {
                tracing::warn!(%reason, jobs = jobs.len(), "a batch failed; its requests run one by one");
                for job in jobs {
                    let mut alone = vec![job];
                    match self.attempt(&mut alone).await {
                        Ok(outcomes) => answer(alone, outcomes),
                        Err(failure) => refuse(alone, failure),
                    }
                }
            }
            Err(failure) => refuse(jobs, failure),
        }
    }

    /// One transaction for all jobs, tried again when another one is in the way.
    async fn attempt(&mut self, jobs: &mut [Job]) -> Result<Vec<Settled>, Failure> {
        let mut tries = 0;
        loop {
            let (mut session, is_kept) = match self.session.take() {
                Some(session) => (session, true),
                None => (
                    self.connect.connect().await.map_err(Failure::Connection)?,
                    false,
                ),
            };
            let failure = match transaction(&mut session, jobs, &self.surroundings).await {
                Ok((outcomes, events)) => {
                    self.session = Some(session);
                    self.notify(&events);
                    return Ok(outcomes);
                }
                Err(failure) => failure,
            };
            // A connection that can still roll back is sound; any other is replaced.
            if !failure.is_of_connection() && session.rollback().await.is_ok() {
                self.session = Some(session);
            }
            match failure {
                Failure::Contention(_) if tries < RETRIES => tries += 1,
                // The connection may have died while it was idle; nothing was committed over it.
                Failure::Connection(_) if is_kept => {}
                failure => return Err(failure),
            }
        }
    }

    fn notify(&self, events: &[CommittedEvent]) {
        for company in events.chunk_by(|one, other| one.company == other.company) {
            self.surroundings.notifier.committed(company);
        }
    }
}

fn answer(jobs: Vec<Job>, outcomes: Vec<Settled>) {
    for (job, outcome) in jobs.into_iter().zip(outcomes) {
        // A caller that went away needs no answer.
        let _ = job.reply.send(Ok(outcome));
    }
}

fn refuse(jobs: Vec<Job>, failure: Failure) {
    let error = failure.into_error();
    for job in jobs {
        let _ = job.reply.send(Err(error.clone()));
    }
}

/// Begin, work, commit. On an error the caller rolls back.
async fn work<S: Session>(
    session: &mut S,
    job: &mut DeliveryJob,
    waiting: &mpsc::Receiver<Message>,
) -> Result<Option<Done>, Failure> {
    session.begin().await?;
    let mut upto = job.done;
    let done = loop {
        let done = deliveries::perform(session, &job.task, &mut upto).await?;
        if done.is_some() || !waiting.is_empty() {
            break done;
        }
    };
    session.commit().await?;
    job.done = upto;
    Ok(done)
}

/// Load, run, write, commit. On an error the caller rolls back.
async fn transaction<S: Session>(
    session: &mut S,
    jobs: &mut [Job],
    surroundings: &Surroundings,
) -> Result<(Vec<Settled>, Vec<CommittedEvent>), Failure> {
    session.begin().await?;
    let now = surroundings.clock.now();
    let remembered = &surroundings.remembered;
    let mut tenants = load::load(session, jobs, now.0 - CLAIM_MS, remembered).await?;
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in &mut *jobs {
        outcomes.push(run(job, &mut tenants)?);
    }
    let changed = columns::store(session, &mut tenants).await?;
    outbox::load(session, &mut tenants, &surroundings.subscriptions).await?;
    if !store::store(session, &mut tenants, now).await? {
        session.rollback().await?;
        return Ok((outcomes, Vec::new()));
    }
    session.commit().await.map_err(Failure::of_commit)?;
    for company in changed {
        if let Some(tenant) = tenants.get(&company) {
            remembered.put(company, Arc::clone(&tenant.columns));
            columns::index(session, &tenant.columns, &surroundings.indexes).await;
        }
    }
    surroundings.bells.committed(outbox::adds(&tenants));
    let committed = tenants.into_iter().flat_map(|(company, tenant)| {
        let positions = tenant.position + 1..;
        let events = positions.zip(tenant.events);
        events.map(move |(position, event)| CommittedEvent {
            company,
            position,
            event,
        })
    });
    Ok((outcomes, committed.collect()))
}

/// Runs one unit on its company's set.
fn run(job: &mut Job, tenants: &mut Tenants) -> Result<Settled, Failure> {
    let company = job.unit.company();
    let Some(tenant) = tenants.get_mut(&company) else {
        return Err(Failure::Other(format!("there is no company {company}")));
    };
    if let Some(claim) = job.unit.claim()
        && let Some(settled) = tenant.claims.get(&claim.key)
    {
        return Ok(if settled.fingerprint == claim.fingerprint {
            Settled::Replayed(settled.response.clone())
        } else {
            Settled::ClaimedOtherwise
        });
    }
    let contribution = guarded(|| job.unit.run(&mut tenant.set))?;
    if let Some(Contribution { events, response }) = contribution {
        tenant.events.extend(events.into_iter().map(Arc::new));
        if let (Some(claim), Some(response)) = (job.unit.claim(), response) {
            let settled = Claim {
                fingerprint: claim.fingerprint.clone(),
                response,
                is_new: true,
            };
            tenant.claims.insert(claim.key.clone(), settled);
        }
    }
    Ok(Settled::Done)
}

/// Runs a pure step of a unit. Should one panic, the set may hold half a change, so the batch is given up and its
/// units run one by one: only the request to blame suffers.
fn guarded<T>(step: impl FnOnce() -> T) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(step))
        .map_err(|_| Failure::Other("a decision panicked".to_owned()))
}
