//! The worker over deliveries in memory: nothing lost, nothing doubled, nobody delayed by somebody else.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kith_domain::event::Event;
use kith_domain::ports::Clock;
use kith_domain::ports::RepositoryError;
use kith_domain::ports::deliveries::{
    Claimed, Claims, Deliveries, Endpoint, MemoryDeliveries, Outcome, Wish,
};
use kith_domain::ports::vault::Vault;
use kith_domain::time::Timestamp;
use kith_domain::webhook::delivery::{Attempt, AttemptError, FailureKind, Status, Timing};
use kith_domain::webhook::schedule::RetryPolicy;
use kith_domain::webhook::secret::Secret;
use kith_webhooks::{
    KeyVault, Request, Transport, Worker, WorkerHandle, WorkerPorts, WorkerSettings,
};
use tokio::sync::{Notify, Semaphore};
use uuid::Uuid;

const START: i64 = 1_776_852_000_000;

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// Answers by the URL, and checks that no delivery is sent twice at once.
#[derive(Default)]
struct Scripted {
    /// Statuses by URL, one after the other; the last one stays.
    answers: Mutex<HashMap<String, Vec<u16>>>,
    /// URLs that hang until a permit comes.
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
    running: Mutex<HashSet<(String, Uuid)>>,
    sent: Mutex<Vec<(String, Uuid, u32)>>,
    most: AtomicUsize,
}

#[async_trait]
impl Transport for Scripted {
    async fn send(&self, request: Request) -> Attempt {
        let key = (request.url.clone(), request.event_id);
        {
            let mut running = self.running.lock().unwrap();
            assert!(running.insert(key.clone()), "sent twice at once: {key:?}");
            self.most.fetch_max(running.len(), Ordering::Relaxed);
        }
        let gate = self.gates.lock().unwrap().get(&request.url).cloned();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        tokio::task::yield_now().await;
        let status = {
            let mut answers = self.answers.lock().unwrap();
            match answers.get_mut(&request.url) {
                Some(list) if list.len() > 1 => list.remove(0),
                Some(list) => list[0],
                None => 200,
            }
        };
        self.running.lock().unwrap().remove(&key);
        let sent = (request.url.clone(), request.event_id, request.number);
        self.sent.lock().unwrap().push(sent);
        let error = (!(200..300).contains(&status))
            .then(|| AttemptError::new(FailureKind::Status, format!("answered {status}")));
        Attempt {
            number: request.number,
            at: Timestamp(START),
            url: request.url,
            remote: None,
            status: Some(status),
            headers: String::new(),
            body: Vec::new(),
            retry_after: None,
            error,
            timing: Timing::default(),
        }
    }
}

struct Stage {
    deliveries: Arc<MemoryDeliveries>,
    transport: Arc<Scripted>,
    clock: Arc<Hand>,
    vault: Arc<KeyVault>,
}

impl Stage {
    fn new() -> Self {
        Stage {
            deliveries: Arc::default(),
            transport: Arc::default(),
            clock: Arc::new(Hand(AtomicI64::new(START))),
            vault: Arc::new(KeyVault::new(&[7; 32]).unwrap()),
        }
    }

    fn worker(&self) -> WorkerHandle {
        self.worker_over(Arc::clone(&self.deliveries) as Arc<dyn Deliveries>)
    }

    fn worker_over(&self, deliveries: Arc<dyn Deliveries>) -> WorkerHandle {
        let settings = WorkerSettings {
            slots: 64,
            poll: Duration::from_secs(3_600),
            ..WorkerSettings::new(Duration::from_secs(10))
        };
        let ports = WorkerPorts {
            deliveries,
            transport: Arc::clone(&self.transport) as Arc<dyn Transport>,
            vault: Arc::clone(&self.vault) as Arc<dyn Vault>,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            ids: Arc::new(Uuid::nil),
            encoder: Arc::new(|_: &Event| Vec::new()),
        };
        Worker::new(ports, settings).start()
    }

    fn endpoint(&self, number: u128, retry_policy: RetryPolicy) -> Uuid {
        let id = Uuid::from_u128(number);
        let endpoint = Endpoint {
            url: url(number),
            secret: None,
            enabled: true,
            retry_policy,
            failing_since: None,
        };
        self.deliveries.set_endpoint(id, endpoint);
        id
    }

    fn add(&self, webhook: Uuid, events: std::ops::Range<u128>) -> Vec<Uuid> {
        // A tenant per endpoint.
        let company = Uuid::from_u128(webhook.as_u128() | 1 << 100);
        events
            .map(|event| {
                let event = Uuid::from_u128(event << 16);
                self.deliveries
                    .add(company, webhook, event, b"{}", Timestamp(START))
            })
            .collect()
    }

    fn answer(&self, number: u128, statuses: &[u16]) {
        let mut answers = self.transport.answers.lock().unwrap();
        answers.insert(url(number), statuses.to_vec());
    }

    fn gate(&self, number: u128) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        let mut gates = self.transport.gates.lock().unwrap();
        gates.insert(url(number), Arc::clone(&gate));
        gate
    }

    fn count(&self, status: Status) -> usize {
        self.deliveries.count(status)
    }
}

fn url(number: u128) -> String {
    format!("https://hooks.example.com/{number}")
}

/// Lets the other tasks run until something holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .expect(what);
}

#[tokio::test]
async fn every_delivery_is_sent_once_and_recorded() {
    let stage = Stage::new();
    let lanes: Vec<_> = (1..=20)
        .map(|number| stage.endpoint(number, RetryPolicy::None))
        .collect();
    let worker = stage.worker();
    let mut all = Vec::new();
    for round in 0..5 {
        for (index, lane) in lanes.iter().enumerate() {
            if index % 3 == 0 {
                stage.answer(index as u128 + 1, &[500]);
            }
            let ids = stage.add(*lane, round * 20..round * 20 + 20);
            all.extend(ids.into_iter().map(|id| (*lane, id)));
        }
        tokio::task::yield_now().await;
    }
    until("all are settled", || {
        stage.count(Status::Success) + stage.count(Status::Failed) == 2_000
    })
    .await;
    worker.stop().await;
    assert_eq!(stage.count(Status::Failed), 700);
    for (lane, id) in all {
        let (_, attempts) = stage.deliveries.get(lane, id).unwrap();
        assert_eq!(attempts.len(), 1);
    }
    assert_eq!(stage.transport.sent.lock().unwrap().len(), 2_000);
}

#[tokio::test]
async fn a_hanging_endpoint_delays_nobody() {
    let stage = Stage::new();
    let hanging = stage.endpoint(1, RetryPolicy::None);
    let gate = stage.gate(1);
    stage.add(hanging, 0..1_000);
    let others: Vec<_> = (2..=10)
        .map(|number| stage.endpoint(number, RetryPolicy::None))
        .collect();
    for lane in &others {
        stage.add(*lane, 0..100);
    }
    let worker = stage.worker();
    until("the others are done", || {
        stage.count(Status::Success) == 900
    })
    .await;
    let hung = || stage.transport.running.lock().unwrap().len();
    until("its own slots hang", || hung() == 8).await;
    gate.add_permits(1_000);
    until("the rest follows", || stage.count(Status::Success) == 1_900).await;
    worker.stop().await;
}

#[tokio::test]
async fn two_workers_share_the_work_without_doubling_it() {
    let stage = Stage::new();
    for number in 1..=8 {
        let lane = stage.endpoint(number, RetryPolicy::None);
        stage.add(lane, 0..200);
    }
    let (one, other) = (stage.worker(), stage.worker());
    until("all are sent", || stage.count(Status::Success) == 1_600).await;
    one.stop().await;
    other.stop().await;
    let sent = stage.transport.sent.lock().unwrap();
    let distinct: HashSet<_> = sent.iter().map(|(url, event, _)| (url, event)).collect();
    assert_eq!((sent.len(), distinct.len()), (1_600, 1_600));
}

#[tokio::test]
async fn failures_are_tried_again_when_their_time_has_come() {
    let stage = Stage::new();
    let lane = stage.endpoint(1, RetryPolicy::Standard);
    stage.answer(1, &[503, 503, 200]);
    let id = stage.add(lane, 0..1)[0];
    let worker = stage.worker();
    for (attempts, pause) in [(1, 6_000), (2, 400_000), (3, 0)] {
        until("an attempt is recorded", || {
            stage.deliveries.get(lane, id).unwrap().1.len() == attempts
        })
        .await;
        let expected = if attempts < 3 {
            Status::Pending
        } else {
            Status::Success
        };
        assert_eq!(stage.deliveries.get(lane, id).unwrap().0, expected);
        stage.clock.0.fetch_add(pause, Ordering::Relaxed);
        stage.deliveries.ring();
    }
    worker.stop().await;
    assert_eq!(stage.deliveries.endpoint(lane).unwrap().failing_since, None);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_disabled_and_the_rest_is_not_sent() {
    let stage = Stage::new();
    let lane = stage.endpoint(1, RetryPolicy::Standard);
    stage.answer(1, &[410]);
    stage.add(lane, 0..1);
    let worker = stage.worker();
    until("it is disabled", || {
        !stage.deliveries.endpoint(lane).unwrap().enabled
    })
    .await;
    stage.add(lane, 1..50);
    until("the rest is settled", || stage.count(Status::Failed) == 50).await;
    worker.stop().await;
    assert_eq!(stage.transport.sent.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_has_failed_for_five_days_is_disabled_by_the_next_failure() {
    const FIVE_DAYS: i64 = 5 * 86_400_000;
    for (age, is_disabled) in [(FIVE_DAYS - 1, false), (FIVE_DAYS, true)] {
        let stage = Stage::new();
        let lane = stage.endpoint(1, RetryPolicy::None);
        let failing = Endpoint {
            failing_since: Some(Timestamp(START - age)),
            ..stage.deliveries.endpoint(lane).unwrap()
        };
        stage.deliveries.set_endpoint(lane, failing);
        stage.answer(1, &[500]);
        stage.add(lane, 0..1);
        let worker = stage.worker();
        until("it has failed", || stage.count(Status::Failed) == 1).await;
        worker.stop().await;
        let enabled = stage.deliveries.endpoint(lane).unwrap().enabled;
        assert_eq!(enabled, !is_disabled, "{age}");
    }
}

#[tokio::test]
async fn a_stopped_worker_gives_back_what_it_has_not_sent() {
    let stage = Stage::new();
    let lane = stage.endpoint(1, RetryPolicy::None);
    let gate = stage.gate(1);
    stage.add(lane, 0..100);
    let worker = stage.worker();
    let hung = || stage.transport.running.lock().unwrap().len();
    until("its slots are taken", || hung() == 8).await;
    let stopping = tokio::spawn(worker.stop());
    gate.add_permits(8);
    stopping.await.unwrap();
    assert_eq!(
        (stage.count(Status::Success), stage.count(Status::Pending)),
        (8, 92)
    );
    // The next worker sends them as first attempts.
    gate.add_permits(92);
    let worker = stage.worker();
    until("the rest is sent", || stage.count(Status::Success) == 100).await;
    worker.stop().await;
    let sent = stage.transport.sent.lock().unwrap();
    assert!(sent.iter().all(|(.., number)| *number == 1));
}

#[tokio::test]
async fn what_a_dead_worker_had_is_sent_after_its_lease() {
    let stage = Stage::new();
    let lane = stage.endpoint(1, RetryPolicy::None);
    stage.add(lane, 0..3);
    let wish = Wish {
        now: Timestamp(START),
        lease_until: Timestamp(START + 60_000),
        limit: 10,
        per_lane: 10,
        ..Wish::default()
    };
    let Claims {
        deliveries,
        next_due,
        ..
    } = stage.deliveries.claim(wish).await.unwrap();
    assert_eq!((deliveries.len(), next_due), (3, None));
    let worker = stage.worker();
    let idle = stage.endpoint(2, RetryPolicy::None);
    stage.add(idle, 0..1);
    until("the other lane is served", || {
        stage.count(Status::Success) == 1
    })
    .await;
    assert_eq!(stage.count(Status::Delivering), 3);
    stage.clock.0.fetch_add(60_000, Ordering::Relaxed);
    stage.deliveries.ring();
    until("the leases have ended", || {
        stage.count(Status::Success) == 4
    })
    .await;
    worker.stop().await;
}

#[tokio::test]
async fn a_secret_that_cannot_be_opened_is_a_failure_and_is_not_sent() {
    let stage = Stage::new();
    let lane = stage.endpoint(1, RetryPolicy::None);
    let secret = Secret::parse("swordfish".to_owned()).unwrap();
    let foreign = KeyVault::new(&[8; 32]).unwrap();
    let sealed = foreign.seal(Uuid::nil(), lane, &secret).unwrap();
    let endpoint = stage.deliveries.endpoint(lane).unwrap();
    stage.deliveries.set_endpoint(
        lane,
        Endpoint {
            secret: Some(sealed),
            ..endpoint
        },
    );
    let id = stage.add(lane, 0..1)[0];
    let worker = stage.worker();
    until("it failed", || stage.count(Status::Failed) == 1).await;
    worker.stop().await;
    let (_, attempts) = stage.deliveries.get(lane, id).unwrap();
    let error = attempts[0].error.as_ref().unwrap().to_string();
    assert!(
        error.starts_with("webhook: the secret cannot be decrypted"),
        "{error}"
    );
    assert!(stage.transport.sent.lock().unwrap().is_empty());
}

/// More lanes than one claim looks at, and nothing to claim of any.
#[derive(Default)]
struct Endless {
    asked: Mutex<Vec<Uuid>>,
    bell: Notify,
}

#[async_trait]
impl Deliveries for Endless {
    async fn claim(&self, wish: Wish) -> Result<Claims, RepositoryError> {
        self.asked.lock().unwrap().push(wish.after);
        // The first claim sees half of the lanes, the second the rest.
        let last = match wish.after.is_nil() {
            true => Uuid::from_u128(256),
            false => Uuid::nil(),
        };
        Ok(Claims {
            last_lane: Some(last),
            is_cut: true,
            ..Claims::default()
        })
    }

    async fn settle(&self, _: Arc<[Outcome]>) -> Result<(), RepositoryError> {
        Ok(())
    }

    async fn release(&self, _: Vec<Claimed>) -> Result<(), RepositoryError> {
        Ok(())
    }

    async fn wait(&self) {
        self.bell.notified().await;
    }
}

#[tokio::test]
async fn all_lanes_are_looked_at_once_and_not_again_before_there_is_a_reason() {
    let stage = Stage::new();
    let endless = Arc::new(Endless::default());
    let worker = stage.worker_over(Arc::clone(&endless) as Arc<dyn Deliveries>);
    let asked = |count: usize| {
        let endless = Arc::clone(&endless);
        move || endless.asked.lock().unwrap().len() >= count
    };
    until("the first round", asked(2)).await;
    endless.bell.notify_one();
    until("the second round", asked(4)).await;
    worker.stop().await;
    let half = Uuid::from_u128(256);
    let asked = endless.asked.lock().unwrap();
    assert_eq!(*asked, [Uuid::nil(), half, Uuid::nil(), half]);
}
