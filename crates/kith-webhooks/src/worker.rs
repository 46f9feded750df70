//! The delivery worker: claims deliveries, sends them, records what became of them. No transaction is open meanwhile.

mod attempts;
mod lanes;
mod recorder;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kith_domain::ports::deliveries::{Claimed, Claims, Deliveries, Outcome, Wish};
use kith_domain::ports::vault::Vault;
use kith_domain::ports::{Clock, EventEncoder, Ids, RepositoryError};
use kith_domain::time::Timestamp;
use kith_domain::webhook::delivery::Attempt;
use ring::rand::SystemRandom;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::Instant;
use uuid::Uuid;

use crate::sender::Transport;
use attempts::Signing;
use lanes::{Flight, Lanes, Limits};
use recorder::Recorder;

/// How long the storage is left alone after it failed.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// How soon lanes are looked at again that somebody else was claiming of.
const AFTER_CONTENTION: Duration = Duration::from_millis(10);

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
    shared: Arc<Shared>,
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
        let signing = Signing {
            transport,
            vault,
            clock,
            ids,
            encoder,
            random: SystemRandom::new(),
        };
        let limits = Limits {
            slots: settings.slots,
            per_lane: settings.per_lane,
        };
        let shared = Shared {
            lanes: Mutex::new(Lanes::new(limits)),
            late: Mutex::default(),
            attention: Notify::new(),
            deliveries,
            signing,
        };
        Worker {
            shared: Arc::new(shared),
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
        let (outcomes, recorder) = Recorder::start(Arc::clone(&self.shared.deliveries));
        let mut round = Round {
            flights: JoinSet::new(),
            claiming: JoinSet::new(),
            outcomes,
            wants_claim: true,
            last_lane: Uuid::nil(),
            found: false,
            next_due: None,
            again: None,
            polled: Instant::now(),
            not_before: None,
        };
        let shared = &self.shared;
        while !*stopped.borrow() {
            round.claim(&self);
            round.take_off(shared);
            let pause = round.pause(shared, self.settings.poll);
            tokio::select! {
                _ = stopped.changed() => {}
                () = shared.deliveries.wait() => round.wants_claim = true,
                () = tokio::time::sleep(pause) => round.wants_claim = true,
                () = shared.attention.notified() => {}
                Some(claimed) = round.claiming.join_next() => round.claimed(claimed, &self),
                Some(ended) = round.flights.join_next() => told(ended),
            }
        }
        // What a claim that is under way brings is given back with the rest.
        while let Some(claimed) = round.claiming.join_next().await {
            round.claimed(claimed, &self);
        }
        let mut unsent = shared.lanes().drain();
        unsent.append(&mut shared.late());
        shared.give_back(unsent).await;
        while let Some(ended) = round.flights.join_next().await {
            told(ended);
        }
        drop(round);
        if let Err(error) = recorder.await {
            tracing::error!(%error, "the recorder of deliveries ended badly");
        }
    }
}

/// What the tasks of a worker have in common.
struct Shared {
    lanes: Mutex<Lanes>,
    /// What has waited for too long to be sent under its lease, and is to be given back.
    late: Mutex<Vec<Claimed>>,
    /// There is room for attempts or claims.
    attention: Notify,
    deliveries: Arc<dyn Deliveries>,
    signing: Signing,
}

impl Shared {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        // Nothing panics half-way through a change.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next attempt, if there is a slot for somebody. What has waited for too long is given back: whoever claims it
    /// next sends it.
    fn next(&self) -> Option<(Flight, Claimed)> {
        let now = self.signing.clock.now();
        let mut lanes = self.lanes();
        loop {
            match lanes.next() {
                Some((flight, claimed)) if now > flight.latest => {
                    lanes.land(&flight, None);
                    self.late().push(claimed);
                    self.attention.notify_one();
                }
                next => return next,
            }
        }
    }

    fn late(&self) -> MutexGuard<'_, Vec<Claimed>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn give_back(&self, claimed: Vec<Claimed>) {
        if claimed.is_empty() {
            return;
        }
        if let Err(error) = self.deliveries.release(claimed).await {
            tracing::warn!(%error, "claimed deliveries were not given back; their lease has to end first");
        }
    }

    /// Makes attempts one after the other while it is somebody's turn.
    async fn fly(
        self: Arc<Self>,
        mut next: Option<(Flight, Claimed)>,
        outcomes: mpsc::Sender<Outcome>,
    ) {
        while let Some((flight, claimed)) = next {
            let mut slot = Slot {
                shared: &self,
                flight: Some(flight),
            };
            let outcome = self.signing.deliver(claimed).await;
            // The recorder outlives the worker. While it has no room nothing is begun.
            let place = outcomes.reserve().await;
            slot.free(Some(&outcome.attempt));
            next = self.next();
            if let Ok(place) = place {
                place.send(outcome);
            }
        }
    }
}

/// The slot of an attempt under way; freed also if the attempt ends badly, when its lease has to end by itself.
struct Slot<'a> {
    shared: &'a Shared,
    flight: Option<Flight>,
}

impl Slot<'_> {
    fn free(&mut self, attempt: Option<&Attempt>) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        if self.shared.lanes().land(&flight, attempt) {
            self.shared.attention.notify_one();
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.free(None);
    }
}

fn told(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "an attempt ended badly");
    }
}

/// What was said to the storage when it was asked.
struct Asked {
    lease_until: Timestamp,
    after: Uuid,
}

/// The state of a running worker.
struct Round {
    /// Each makes attempts until it is nobody's turn.
    flights: JoinSet<()>,
    claiming: JoinSet<(Asked, Result<Claims, RepositoryError>)>,
    outcomes: mpsc::Sender<Outcome>,
    wants_claim: bool,
    last_lane: Uuid,
    /// Whether anything was claimed since the lanes were begun with.
    found: bool,
    /// When the next delivery is due, as far as the present round of claims has seen.
    next_due: Option<Timestamp>,
    /// When lanes are looked at again that somebody else was claiming of.
    again: Option<Instant>,
    /// When the storage was asked last.
    polled: Instant,
    /// After a failure of the storage: when it may be asked again.
    not_before: Option<Instant>,
}

impl Round {
    /// Asks the storage, if there is reason and room to, and it is not being asked.
    fn claim(&mut self, worker: &Worker) {
        let now = Instant::now();
        if !self.claiming.is_empty() || self.not_before.is_some_and(|until| now < until) {
            return;
        }
        let shared = &worker.shared;
        let (limit, lanes) = {
            let mut lanes = shared.lanes();
            let limit = lanes.room();
            if limit == 0 || !(self.wants_claim || lanes.wants_more(now)) {
                return;
            }
            (limit, lanes.wishes(now, self.last_lane.is_nil()))
        };
        self.wants_claim = false;
        self.polled = now;
        self.again = None;
        if self.last_lane.is_nil() {
            self.next_due = None;
        }
        let now = shared.signing.clock.now();
        let lease = i64::try_from(worker.settings.lease.as_millis()).unwrap_or(i64::MAX / 2);
        let wish = Wish {
            id: shared.signing.ids.new_id(),
            now,
            lease_until: Timestamp(now.0 + lease),
            limit,
            per_lane: worker.settings.per_lane,
            lanes,
            after: self.last_lane,
        };
        let deliveries = Arc::clone(&shared.deliveries);
        self.claiming.spawn(async move {
            let asked = Asked {
                lease_until: wish.lease_until,
                after: wish.after,
            };
            (asked, deliveries.claim(wish).await)
        });
    }

    fn claimed(
        &mut self,
        claimed: Result<(Asked, Result<Claims, RepositoryError>), JoinError>,
        worker: &Worker,
    ) {
        match claimed {
            Ok((asked, Ok(claims))) => {
                self.not_before = None;
                self.found |= !claims.deliveries.is_empty();
                if let Some(lane) = claims.last_lane {
                    self.last_lane = lane;
                }
                let (after, last) = (asked.after, self.last_lane);
                let seen = |lane: Uuid| lane > after && (last.is_nil() || lane <= last);
                // A round through all lanes that brought nothing is not begun again at once.
                let is_barren = last.is_nil() && !std::mem::take(&mut self.found);
                self.wants_claim |= claims.is_cut && !is_barren;
                self.next_due = self.next_due.into_iter().chain(claims.next_due).min();
                if claims.is_contended {
                    self.again = Some(Instant::now() + AFTER_CONTENTION);
                }
                let timeout =
                    i64::try_from(worker.settings.timeout.as_millis()).unwrap_or(i64::MAX / 4);
                // An attempt has to end before its lease does, with time to record it.
                let latest = Timestamp(asked.lease_until.0 - timeout - timeout / 2);
                let mut lanes = worker.shared.lanes();
                lanes.load(claims.deliveries, latest, seen);
            }
            Ok((_, Err(error))) => {
                tracing::warn!(%error, "deliveries could not be claimed");
                self.not_before = Some(Instant::now() + AFTER_FAILURE);
            }
            Err(error) => tracing::error!(%error, "a claim of deliveries ended badly"),
        }
    }

    /// Starts attempts while there are slots and somebody's turn, and gives back what was late for it.
    fn take_off(&mut self, shared: &Arc<Shared>) {
        while let Some(next) = shared.next() {
            let flight = Arc::clone(shared).fly(Some(next), self.outcomes.clone());
            self.flights.spawn(flight);
        }
        let late = std::mem::take(&mut *shared.late());
        if !late.is_empty() {
            let shared = Arc::clone(shared);
            self.flights
                .spawn(async move { shared.give_back(late).await });
        }
    }

    /// How long to wait for something to happen.
    fn pause(&self, shared: &Shared, poll: Duration) -> Duration {
        let (refill, room) = {
            let mut lanes = shared.lanes();
            (lanes.next_refill(), lanes.room())
        };
        // Then there is nothing to wait for but an answer, or an attempt that ends.
        if !self.claiming.is_empty() || room == 0 {
            return poll;
        }
        let now = Instant::now();
        if let Some(until) = self.not_before.filter(|until| now < *until) {
            return until - now;
        }
        let due = self.next_due.map(|due| {
            let wait = u64::try_from(due.0 - shared.signing.clock.now().0).unwrap_or_default();
            now + Duration::from_millis(wait.max(1))
        });
        let times = refill.into_iter().chain(self.again).chain(due);
        let next = times.chain([self.polled + poll]).min();
        next.map_or(poll, |next| next.saturating_duration_since(now))
    }
}
