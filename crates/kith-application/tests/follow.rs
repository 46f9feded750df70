//! A service that embeds Kith follows what is committed, without HTTP.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "ids of tests")]

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use kith_application::{Error, EventLog, Records};
use kith_domain::actor::{Actor, Limit, Permissions};
use kith_domain::decide::Command;
use kith_domain::draft::Draft;
use kith_domain::entity::EntityType::Task;
use kith_domain::event::{CommittedEvent, Event};
use kith_domain::ports::MemoryRepository;
use kith_domain::time::Timestamp;
use uuid::Uuid;

struct Service {
    records: Records,
    log: EventLog,
    /// What the notifier was told.
    told: Arc<Mutex<Vec<i64>>>,
    me: Actor,
}

impl Service {
    fn new() -> Self {
        let told: Arc<Mutex<Vec<i64>>> = Arc::default();
        let heard = Arc::clone(&told);
        let notifier = move |events: &[CommittedEvent]| {
            let positions = events.iter().map(|event| event.position);
            heard.lock().unwrap().extend(positions);
        };
        let storage = Arc::new(MemoryRepository::new(Arc::new(notifier)));
        let encode = |event: &Event| event.name().as_bytes().to_vec();
        let (now, ids) = (|| Timestamp(1), Uuid::now_v7);
        let records = Records::new(
            storage.clone(),
            Arc::new(encode),
            Arc::new(now),
            Arc::new(ids),
        );
        Service {
            records,
            log: EventLog::new(storage.clone(), storage),
            told,
            me: Actor {
                company: Uuid::now_v7(),
                user: Uuid::now_v7(),
                permissions: Permissions::all(),
                limit: Limit::none(),
            },
        }
    }

    async fn tasks(&self, count: usize) {
        for _ in 0..count {
            let draft = Draft::new(Task).text("name", "T");
            let made = self.records.execute(&self.me, Command::create(draft));
            made.await.unwrap();
        }
    }
}

fn positions(events: &[CommittedEvent]) -> Vec<i64> {
    events.iter().map(|event| event.position).collect()
}

#[tokio::test]
async fn a_follower_gets_each_event_in_order_and_again_after_a_restart() {
    let service = Service::new();
    service.tasks(250).await;
    let company = service.me.company;
    let mut follower = service.log.follow(company, 0);
    let mut seen = Vec::new();
    while seen.len() < 250 {
        let events = follower.next().await.unwrap();
        assert!(events.len() <= 100);
        seen.extend(positions(&events));
    }
    assert_eq!(seen, (1..=250).collect::<Vec<_>>());
    assert_eq!(*service.told.lock().unwrap(), seen);
    // It was done with 240 of them when it was stopped.
    let mut again = service.log.follow(company, 240);
    let rest = again.next().await.unwrap();
    assert_eq!(positions(&rest), (241..=250).collect::<Vec<_>>());
    assert_eq!(rest[0].event.body, b"task.created");
    assert_eq!(service.log.end(company).await.unwrap(), 250);
    assert_eq!(service.log.beginning(company).await.unwrap(), 0);
}

#[tokio::test]
async fn a_follower_waits_for_what_is_committed_next() {
    let service = Service::new();
    let mut follower = service.log.follow(service.me.company, 0);
    {
        // Whoever stops to wait misses nothing.
        let mut waiting = pin!(follower.next());
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
    }
    let other = tokio::spawn(async move {
        let events = follower.next().await?;
        Ok::<_, Error>((events, follower))
    });
    tokio::task::yield_now().await;
    service.tasks(1).await;
    let (events, mut follower) = other.await.unwrap().unwrap();
    assert_eq!(positions(&events), [1]);
    service.tasks(2).await;
    let mut next = pin!(follower.next());
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(events) = next.as_mut().poll(&mut context) else {
        unreachable!("they are there")
    };
    assert_eq!(positions(&events.unwrap()), [2, 3]);
}
