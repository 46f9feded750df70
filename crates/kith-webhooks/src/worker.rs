//! The delivery worker: claims deliveries, sends them, records what became of them. No transaction is open meanwhile.

mod lanes;
mod recorder;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kith_domain::event::EncodedEvent;
use kith_domain::event::workspace::{Told, WEBHOOK_DISABLED, WorkspaceEvent, open};
use kith_domain::ports::deliveries::{Claimed, Claims, Deliveries, Endpoint, Outcome, Wish};
use kith_domain::ports::vault::Vault;
use kith_domain::ports::{Clock, EventEncoder, Ids, RepositoryError};
use kith_domain::time::Timestamp;
use kith_domain::webhook::delivery::{
    Attempt, AttemptError, FailureKind, Health, Timing, judge_attempt,
};
use kith_domain::webhook::schedule::DisabledReason;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio::time::Instant;
use uuid::Uuid;

use crate::sender::{Request, Transport};
use lanes::{Flight, Lanes, Limits};
use recorder::Recorder;

/// How long the storage is left alone after it failed.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// Attempts at once.
    pub slots: usize,
    /// Attempts at once to one endpoint.
    pub per_lane: usize,
    /// Longest an attempt can take: the sender's timeout.
    pub timeout: Duration,
    /// How long a claim is good for; several times the timeout.
    pub lease: Duration,
    /// How often the storage is asked although nothing rang.
    pub poll: Duration,
}

impl WorkerSettings {
    /// The usual numbers for a timeout.
    pub fn new(timeout: Duration) -> Self {
        WorkerSettings {
            slots: 256,
            per_lane: 8,
            timeout,
            lease: timeout * 6,
            poll: Duration::from_secs(5),
        }
    }
}

/// What a worker needs of the world.
pub struct WorkerPorts {
    /// Where deliveries wait.
    pub deliveries: Arc<dyn Deliveries>,
    /// Sends them.
    pub transport: Arc<dyn Transport>,
    /// Opens secrets.
    pub vault: Arc<dyn Vault>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids of events.
    pub ids: Arc<dyn Ids>,
    /// Renders the event that tells of a disabled webhook.
    pub encoder: Arc<dyn EventEncoder>,
}

/// What a worker works with.
pub struct Worker {
    deliveries: Arc<dyn Deliveries>,
    sender: Arc<Signing>,
    clock: Arc<dyn Clock>,
    settings: WorkerSettings,
}

/// A running worker.
pub struct WorkerHandle {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl WorkerHandle {
    /// Lets the attempts in flight end and be recorded, gives back what was claimed and not sent.
    pub async fn stop(self) {
        // The worker listens until it ends.
        let _ = self.stop.send(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the delivery worker ended badly");
        }
    }
}

/// The part of the work that needs the secret.
struct Signing {
    transport: Arc<dyn Transport>,
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    encoder: Arc<dyn EventEncoder>,
    random: SystemRandom,
}

impl Worker {
    /// A worker over the deliveries of a storage.
    pub fn new(ports: WorkerPorts, settings: WorkerSettings) -> Self {
        let WorkerPorts {
            deliveries,
            transport,
            vault,
            clock,
            ids,
            encoder,
        } = ports;
        let sender = Signing {
            transport,
            vault,
            clock: Arc::clone(&clock),
            ids,
            encoder,
            random: SystemRandom::new(),
        };
        Worker {
            deliveries,
            sender: Arc::new(sender),
            clock,
            settings,
        }
    }

    /// Starts it, as a task of its own.
    pub fn start(self) -> WorkerHandle {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(self.run(stopped));
        WorkerHandle { stop, task }
    }

    async fn run(self, mut stopped: watch::Receiver<bool>) {
        let (outcomes, recorder) = Recorder::start(Arc::clone(&self.deliveries));
        let limits = Limits {
            slots: self.settings.slots,
            per_lane: self.settings.per_lane,
        };
        let mut round = Round {
            lanes: Lanes::new(limits),
            flights: JoinSet::new(),
            aboard: HashMap::new(),
            claiming: JoinSet::new(),
            wants_claim: true,
            last_lane: Uuid::nil(),
            next_due: None,
            not_before: None,
        };
        while !*stopped.borrow() {
            round.claim(&self);
            round.take_off(&self);
            let pause = round.pause(self.clock.now(), self.settings.poll);
            tokio::select! {
                _ = stopped.changed() => {}
                () = self.deliveries.wait() => round.wants_claim = true,
                () = tokio::time::sleep(pause) => round.wants_claim = true,
                Some(claimed) = round.claiming.join_next() => round.claimed(claimed, &self),
                Some(landed) = round.flights.join_next_with_id() => {
                    round.landed(landed, &outcomes).await;
                    while let Some(landed) = round.flights.try_join_next_with_id() {
                        round.landed(landed, &outcomes).await;
                    }
                }
            }
        }
        // What a claim that is under way brings is given back with the rest.
        while let Some(claimed) = round.claiming.join_next().await {
            round.claimed(claimed, &self);
        }
        self.give_back(round.lanes.drain()).await;
        while let Some(landed) = round.flights.join_next_with_id().await {
            round.landed(landed, &outcomes).await;
        }
        drop(outcomes);
        if let Err(error) = recorder.await {
            tracing::error!(%error, "the recorder of deliveries ended badly");
        }
    }

    async fn give_back(&self, claimed: Vec<Claimed>) {
        if claimed.is_empty() {
            return;
        }
        if let Err(error) = self.deliveries.release(claimed).await {
            tracing::warn!(%error, "claimed deliveries were not given back; their lease has to end first");
        }
    }
}

/// The state of a running worker.
struct Round {
    lanes: Lanes,
    flights: JoinSet<Outcome>,
    aboard: HashMap<Id, Flight>,
    claiming: JoinSet<(Timestamp, Result<Claims, RepositoryError>)>,
    wants_claim: bool,
    last_lane: Uuid,
    next_due: Option<Timestamp>,
    /// After a failure of the storage: when it may be asked again.
    not_before: Option<Instant>,
}

impl Round {
    /// Asks the storage, if there is reason and room to, and it is not being asked.
    fn claim(&mut self, worker: &Worker) {
        if !(self.wants_claim || self.lanes.wants_more()) || !self.claiming.is_empty() {
            return;
        }
        let limit = self.lanes.room();
        if limit == 0 || self.not_before.is_some_and(|until| Instant::now() < until) {
            return;
        }
        self.wants_claim = false;
        let now = worker.clock.now();
        let lease = i64::try_from(worker.settings.lease.as_millis()).unwrap_or(i64::MAX / 2);
        let wish = Wish {
            now,
            lease_until: Timestamp(now.0 + lease),
            limit,
            per_lane: worker.settings.per_lane,
            lanes: self.lanes.wishes(),
            after: self.last_lane,
        };
        let deliveries = Arc::clone(&worker.deliveries);
        self.claiming.spawn(async move {
            let lease_until = wish.lease_until;
            (lease_until, deliveries.claim(wish).await)
        });
    }

    fn claimed(
        &mut self,
        claimed: Result<(Timestamp, Result<Claims, RepositoryError>), JoinError>,
        worker: &Worker,
    ) {
        match claimed {
            Ok((lease_until, Ok(claims))) => {
                self.not_before = None;
                if let Some(lane) = claims.last_lane {
                    self.last_lane = lane;
                }
                self.wants_claim |= claims.is_cut;
                self.next_due = claims.next_due;
                let timeout =
                    i64::try_from(worker.settings.timeout.as_millis()).unwrap_or(i64::MAX / 4);
                // An attempt has to end before its lease does, with time to record it.
                let latest = Timestamp(lease_until.0 - timeout - timeout / 2);
                self.lanes.load(claims.deliveries, latest, claims.is_cut);
            }
            Ok((_, Err(error))) => {
                tracing::warn!(%error, "deliveries could not be claimed");
                self.not_before = Some(Instant::now() + AFTER_FAILURE);
            }
            Err(error) => tracing::error!(%error, "a claim of deliveries ended badly"),
        }
    }

    /// Starts attempts while there are slots and somebody's turn.
    fn take_off(&mut self, worker: &Worker) {
        let now = worker.clock.now();
        while let Some((flight, claimed)) = self.lanes.next() {
            if now > flight.latest {
                // It waited too long: whoever claims it next sends it.
                self.lanes.land(&flight, None);
                let deliveries = Arc::clone(&worker.deliveries);
                tokio::spawn(async move { deliveries.release(vec![claimed]).await });
                continue;
            }
            let sender = Arc::clone(&worker.sender);
            let handle = self
                .flights
                .spawn(async move { sender.deliver(claimed).await });
            self.aboard.insert(handle.id(), flight);
        }
    }

    async fn landed(
        &mut self,
        landed: Result<(Id, Outcome), JoinError>,
        outcomes: &mpsc::Sender<Outcome>,
    ) {
        let (id, outcome) = match landed {
            Ok((id, outcome)) => (id, Some(outcome)),
            Err(error) => {
                // Its lease ends by itself.
                tracing::error!(%error, "an attempt ended badly");
                (error.id(), None)
            }
        };
        if let Some(flight) = self.aboard.remove(&id) {
            self.lanes
                .land(&flight, outcome.as_ref().map(|outcome| &outcome.attempt));
        }
        if let Some(outcome) = outcome {
            // The recorder outlives the worker.
            let _ = outcomes.send(outcome).await;
        }
    }

    /// How long to wait for something to happen.
    fn pause(&self, now: Timestamp, poll: Duration) -> Duration {
        let due = self.next_due.map(|due| {
            let wait = u64::try_from(due.0 - now.0).unwrap_or_default();
            Duration::from_millis(wait.max(1))
        });
        let pause = due.map_or(poll, |due| due.min(poll));
        match self.not_before {
            Some(until) => pause.min(until.saturating_duration_since(Instant::now())),
            None => pause,
        }
    }
}

impl Signing {
    async fn deliver(&self, claimed: Claimed) -> Outcome {
        let policy = claimed
            .endpoint
            .as_ref()
            .map(|endpoint| endpoint.retry_policy);
        let failing_since = claimed
            .endpoint
            .as_ref()
            .and_then(|endpoint| endpoint.failing_since);
        let company = claimed.company;
        let (delivery, webhook) = (claimed.id, claimed.webhook);
        let attempt = self.attempt(claimed).await;
        let now = self.clock.now();
        let (next, health) = judge_attempt(
            &attempt,
            policy.unwrap_or_default(),
            failing_since,
            now,
            self.jitter(),
        );
        let log = match health {
            Health::Disabled(reason, _) => Some(self.disabled(company, webhook, reason, now)),
            _ => None,
        };
        Outcome {
            company,
            delivery,
            webhook,
            attempt,
            at: now,
            next,
            health,
            log,
        }
    }

    /// The event that tells of a webhook that is disabled, by the server itself.
    fn disabled(
        &self,
        company: Uuid,
        webhook: Uuid,
        reason: DisabledReason,
        at: Timestamp,
    ) -> EncodedEvent {
        let event = WorkspaceEvent {
            id: self.ids.new_id(),
            company,
            user: Uuid::nil(),
            at,
            name: WEBHOOK_DISABLED,
            subject: webhook,
            told: Told::State(vec![open("disabledReason", reason.name())]),
        };
        EncodedEvent::of_workspace(&event, &*self.encoder)
    }

    async fn attempt(&self, claimed: Claimed) -> Attempt {
        let number = claimed.attempt;
        let refused = |url: String, reason: &str| Attempt {
            number,
            at: self.clock.now(),
            url,
            remote: None,
            status: None,
            headers: String::new(),
            body: Vec::new(),
            retry_after: None,
            error: Some(AttemptError::new(FailureKind::Webhook, reason)),
            timing: Timing::default(),
        };
        let Some(Endpoint {
            url,
            secret,
            enabled,
            ..
        }) = claimed.endpoint
        else {
            return refused(String::new(), "the webhook was deleted");
        };
        if !enabled {
            return refused(url, "the webhook is disabled");
        }
        let secret =
            secret.map(|sealed| self.vault.open(claimed.company, claimed.webhook, &sealed));
        let secret = match secret.transpose() {
            Ok(secret) => secret,
            Err(error) => return refused(url, &error.to_string()),
        };
        let request = Request {
            url,
            body: Bytes::from(claimed.body),
            event_id: claimed.event_id,
            secret,
            number,
        };
        self.transport.send(request).await
    }

    fn jitter(&self) -> u32 {
        let mut bytes = [0; 4];
        // Without randomness there is no jitter, which does no harm.
        let _ = self.random.fill(&mut bytes);
        u32::from_ne_bytes(bytes)
    }
}
