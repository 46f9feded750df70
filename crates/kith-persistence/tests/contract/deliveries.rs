//! Webhooks and deliveries on SQLite and PostgreSQL: made with the write, claimed once, recorded once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kith_domain::entity::EntityType;
use kith_domain::event::workspace::{
    WEBHOOK_CREATED, WEBHOOK_DELETED, WEBHOOK_DISABLED, WEBHOOK_UPDATED,
};
use kith_domain::event::{EncodedEvent, Subject};
use kith_domain::ports::deliveries::{Claimed, Deliveries, Outcome, Wish};
use kith_domain::ports::webhooks::{NewDelivery, Webhooks};
use kith_domain::ports::{Contribution, IdempotencyClaim, Repository, Settled, Silent, UnitOfWork};
use kith_domain::record::RecordKey;
use kith_domain::time::Timestamp;
use kith_domain::webhook::Webhook;
use kith_domain::webhook::delivery::{
    Attempt, AttemptError, FailureKind, Health, Next, Status, Timing, delivery_id,
};
use kith_domain::webhook::schedule::{DisabledReason, RetryPolicy};
use kith_domain::webhook::secret::SealedSecret;
use kith_domain::working_set::{LoadPlan, WorkingSet};
use kith_persistence::Store;
use uuid::Uuid;

use crate::support::{Database, found_company, open, runtime};

/// Later than anything that the clock of the tests says.
pub(crate) const NOW: Timestamp = Timestamp(1_776_852_900_000);
const LEASE: Timestamp = Timestamp(NOW.0 + 60_000);

/// A write that emits events.
struct Emit {
    company: Uuid,
    events: Vec<EncodedEvent>,
}

impl UnitOfWork for Emit {
    fn company(&self) -> Uuid {
        self.company
    }
    fn plan(&self) -> LoadPlan {
        LoadPlan::default()
    }
    fn reach(&self, _: &WorkingSet) -> Vec<RecordKey> {
        Vec::new()
    }
    fn run(&mut self, _: &mut WorkingSet) -> Option<Contribution> {
        Some(Contribution {
            events: self.events.clone(),
            response: None,
        })
    }
    fn claim(&self) -> Option<&IdempotencyClaim> {
        None
    }
}

pub(crate) fn new_id() -> Uuid {
    #[expect(clippy::disallowed_methods, reason = "ids of tests")]
    Uuid::now_v7()
}

/// A change of the workspace.
pub(crate) fn told(webhook: Uuid, name: &'static str) -> EncodedEvent {
    EncodedEvent {
        subject: Subject::Workspace(webhook),
        name,
        ..event("contact.created")
    }
}

pub(crate) fn event(name: &'static str) -> EncodedEvent {
    let id = new_id();
    EncodedEvent {
        id,
        name,
        subject: Subject::Record(RecordKey {
            entity: EntityType::Contact,
            id: new_id(),
        }),
        user: new_id(),
        at: Timestamp(1_776_852_000_000),
        body: format!("{{\"event\":\"{name}\",\"id\":\"{id}\"}}").into_bytes(),
    }
}

pub(crate) async fn emit(store: &Store, company: Uuid, events: &[EncodedEvent]) {
    let unit = Emit {
        company,
        events: events.to_vec(),
    };
    let settled = store.transact(Box::new(unit)).await.unwrap();
    assert_eq!(settled, Settled::Done);
}

pub(crate) async fn subscribe(store: &Store, company: Uuid, events: &[&str]) -> Webhook {
    let id = new_id();
    let webhook = Webhook {
        id,
        url: format!("https://hooks.example.com/{id}"),
        description: Some("Orders".to_owned()),
        events: events.iter().copied().collect(),
        secret: Some(SealedSecret(vec![1, 2, 3])),
        enabled: true,
        retry_policy: RetryPolicy::Standard,
        disabled_reason: None,
        failing_since: None,
        created_at: Timestamp(5),
        updated_at: Timestamp(6),
    };
    store
        .put_webhook(company, &webhook, told(webhook.id, WEBHOOK_CREATED))
        .await
        .unwrap();
    webhook
}

pub(crate) fn wish(limit: usize) -> Wish {
    Wish {
        id: new_id(),
        now: NOW,
        lease_until: LEASE,
        limit,
        per_lane: limit,
        ..Wish::default()
    }
}

pub(crate) fn outcome(
    claimed: &Claimed,
    error: Option<u16>,
    next: Next,
    health: Health,
) -> Outcome {
    let attempt = Attempt {
        number: claimed.attempt,
        at: NOW,
        url: "https://hooks.example.com/sent".to_owned(),
        remote: Some("192.0.2.1:443".parse().unwrap()),
        status: Some(error.unwrap_or(200)),
        headers: "x-id: 7\n".to_owned(),
        body: b"fine\0".to_vec(),
        retry_after: None,
        error: error
            .map(|status| AttemptError::new(FailureKind::Status, format!("got {status}\0"))),
        timing: Timing {
            dns: Some(1),
            connect: None,
            tls: Some(2),
            first_byte: Some(3),
            total: 4,
        },
    };
    Outcome {
        company: claimed.company,
        delivery: claimed.id,
        webhook: claimed.webhook,
        claim: claimed.claim,
        attempt,
        at: NOW,
        next,
        health,
        log: matches!(health, Health::Disabled(..))
            .then(|| told(claimed.webhook, WEBHOOK_DISABLED)),
    }
}

/// Runs a test on both databases, on PostgreSQL with a second store beside the first.
pub(crate) fn on_both<F: Future<Output = ()>>(test: impl Fn(Arc<Store>, Arc<Store>) -> F) {
    for make in [Database::sqlite, Database::postgres] {
        let Some(database) = make() else { continue };
        runtime().block_on(async {
            let one = open(&database, Arc::new(Silent)).await;
            let other = match database.url().starts_with("postgres") {
                true => open(&database, Arc::new(Silent)).await,
                false => Arc::clone(&one),
            };
            test(Arc::clone(&one), Arc::clone(&other)).await;
            one.close().await;
            other.close().await;
        });
    }
}

#[test]
fn a_write_makes_a_delivery_for_every_enabled_webhook_that_wants_it() {
    on_both(|store, peer| async move {
        let (company, _) = found_company(&store, 1).await;
        let (other, _) = found_company(&store, 1).await;
        let early = event("contact.created");
        emit(&store, company, &[early]).await;
        let created = subscribe(&store, company, &["contact.created", "deal.deleted"]).await;
        let both = subscribe(&peer, company, &["contact.created", "contact.updated"]).await;
        subscribe(&store, company, &["task.created"]).await;
        subscribe(&store, other, &["contact.created"]).await;
        let off = Webhook {
            enabled: false,
            ..subscribe(&store, company, &["contact.created"]).await
        };
        let log = told(off.id, WEBHOOK_UPDATED);
        store.put_webhook(company, &off, log).await.unwrap();
        let events = [
            event("contact.created"),
            event("contact.updated"),
            event("service.created"),
        ];
        emit(&store, company, &events).await;

        let claims = store
            .claim(Wish {
                per_lane: 10,
                ..wish(100)
            })
            .await
            .unwrap();
        let found: HashSet<_> = claims
            .deliveries
            .iter()
            .map(|claimed| (claimed.webhook, claimed.event_id, claimed.body.clone()))
            .collect();
        let expected: HashSet<_> = [
            (&created, &events[0]),
            (&both, &events[0]),
            (&both, &events[1]),
        ]
        .map(|(webhook, event)| (webhook.id, event.id, event.body.clone()))
        .into();
        assert_eq!(found, expected);
        for claimed in &claims.deliveries {
            assert_eq!(claimed.id, delivery_id(claimed.event_id, claimed.webhook));
            assert_eq!((claimed.company, claimed.attempt), (company, 1));
            let endpoint = claimed.endpoint.as_ref().unwrap();
            assert_eq!(endpoint.secret, created.secret);
            assert!(endpoint.enabled && endpoint.retry_policy == RetryPolicy::Standard);
        }
        // A change holds for the next write, also when another process made it.
        let gone = |id| told(id, WEBHOOK_DELETED);
        let delete = |company, id| peer.delete_webhook(company, id, gone(id));
        assert!(delete(company, both.id).await.unwrap());
        assert!(!delete(company, both.id).await.unwrap());
        assert!(!delete(other, created.id).await.unwrap());
        emit(&store, company, &[event("contact.updated")]).await;
        let claims = store.claim(wish(100)).await.unwrap();
        assert_eq!(claims.deliveries, []);
        assert_eq!(claims.next_due, Some(LEASE));
    });
}

#[test]
fn webhooks_are_stored_whole() {
    on_both(|store, _| async move {
        let (company, _) = found_company(&store, 1).await;
        let webhook = subscribe(&store, company, &["contact.created"]).await;
        assert_eq!(
            store.webhook(company, webhook.id).await.unwrap(),
            Some(webhook.clone())
        );
        let changed = Webhook {
            description: None,
            secret: None,
            disabled_reason: Some(DisabledReason::Failing),
            failing_since: Some(Timestamp(9)),
            retry_policy: RetryPolicy::None,
            ..webhook.clone()
        };
        let log = told(changed.id, WEBHOOK_UPDATED);
        store.put_webhook(company, &changed, log).await.unwrap();
        assert_eq!(store.webhooks(company).await.unwrap(), [changed]);
        assert_eq!(store.webhook(new_id(), webhook.id).await.unwrap(), None);
    });
}

#[test]
fn a_delivery_is_claimed_by_one_worker_only() {
    on_both(|store, peer| async move {
        let (company, _) = found_company(&store, 1).await;
        for _ in 0..7 {
            subscribe(&store, company, &["contact.created"]).await;
        }
        let events: Vec<_> = (0..60).map(|_| event("contact.created")).collect();
        for events in events.chunks(10) {
            emit(&store, company, events).await;
        }
        let claimers = (0..8).map(|number| {
            let store = Arc::clone(if number % 2 == 0 { &store } else { &peer });
            tokio::spawn(async move {
                let mut all = Vec::new();
                let mut after = Uuid::nil();
                let mut found = 0;
                loop {
                    let claims = store
                        .claim(Wish {
                            per_lane: 5,
                            after,
                            ..wish(16)
                        })
                        .await
                        .unwrap();
                    found += claims.deliveries.len();
                    after = claims.last_lane.unwrap_or_default();
                    if after.is_nil() && std::mem::take(&mut found) == 0 {
                        return all;
                    }
                    all.extend(claims.deliveries.iter().map(|claimed| claimed.id));
                }
            })
        });
        let mut claimed = Vec::new();
        for claimer in claimers.collect::<Vec<_>>() {
            claimed.extend(claimer.await.unwrap());
        }
        let distinct: HashSet<_> = claimed.iter().copied().collect();
        assert_eq!(claimed.len(), distinct.len());
        // Another worker may have held a lane's rows while the last one looked; what is left is claimed now.
        let rest = store
            .claim(Wish {
                per_lane: 100,
                ..wish(1_000)
            })
            .await
            .unwrap()
            .deliveries;
        assert_eq!(claimed.len() + rest.len(), 420);
    });
}

#[test]
fn an_outcome_is_recorded_once_and_decides_while_its_claim_is_the_last() {
    on_both(|store, _| async move {
        let (company, _) = found_company(&store, 1).await;
        subscribe(&store, company, &["contact.created"]).await;
        emit(&store, company, &[event("contact.created")]).await;
        let first = store.claim(wish(10)).await.unwrap().deliveries.remove(0);
        // The lease ends, and somebody else claims it.
        let later = Wish {
            now: LEASE,
            lease_until: Timestamp(LEASE.0 + 60_000),
            ..wish(10)
        };
        let second = store.claim(later).await.unwrap().deliveries.remove(0);
        assert_eq!((second.id, second.attempt), (first.id, 2));
        let late = outcome(&first, Some(500), Next::GiveUp, Health::Same);
        store.settle([late.clone()].into()).await.unwrap();
        let (delivery, _) = store.delivery(company, first.id).await.unwrap().unwrap();
        assert_eq!((delivery.status, delivery.attempt), (Status::Delivering, 1));
        let done = outcome(&second, None, Next::Done, Health::Same);
        store.settle([done.clone(), late].into()).await.unwrap();
        store.settle([done].into()).await.unwrap();
        let (delivery, body) = store.delivery(company, first.id).await.unwrap().unwrap();
        assert_eq!((delivery.status, delivery.due_at), (Status::Success, None));
        assert_eq!(delivery.delivered_at, Some(NOW));
        assert_eq!(delivery.url, "https://hooks.example.com/sent");
        assert_eq!(body, first.body);
        let attempts = store.attempts(company, first.id).await.unwrap();
        let numbers: Vec<_> = attempts.iter().map(|attempt| attempt.number).collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(
            attempts[0].error.as_deref(),
            Some("status: got 500\u{fffd}")
        );
        assert_eq!(delivery.last.as_ref(), attempts.last());
        let last = &attempts[1];
        assert_eq!(last.timing, [Some(1), None, Some(2), Some(3), Some(4)]);
        assert_eq!(
            (last.status, last.body.as_slice()),
            (Some(200), b"fine\0".as_slice())
        );
        assert_eq!(last.remote.as_deref(), Some("192.0.2.1:443"));
    });
}

#[test]
fn a_retry_waits_for_its_time_and_what_is_released_does_not_count() {
    on_both(|store, _| async move {
        let (company, _) = found_company(&store, 1).await;
        let webhook = subscribe(&store, company, &["contact.created"]).await;
        emit(&store, company, &[event("contact.created")]).await;
        let claimed = store.claim(wish(10)).await.unwrap().deliveries;
        store.release(claimed.clone()).await.unwrap();
        store.wait().await;
        let claimed = store.claim(wish(10)).await.unwrap().deliveries.remove(0);
        assert_eq!(claimed.attempt, 1);
        let due = Timestamp(NOW.0 + 5_000);
        let again = outcome(
            &claimed,
            Some(503),
            Next::Again(due),
            Health::FailingSince(NOW),
        );
        store.settle([again].into()).await.unwrap();
        let stored = store.webhook(company, webhook.id).await.unwrap().unwrap();
        assert_eq!((stored.failing_since, stored.enabled), (Some(NOW), true));
        let claims = store.claim(wish(10)).await.unwrap();
        assert_eq!((claims.deliveries.len(), claims.next_due), (0, Some(due)));
        let claims = store
            .claim(Wish {
                now: due,
                ..wish(10)
            })
            .await
            .unwrap();
        assert_eq!(claims.deliveries[0].attempt, 2);
        let done = outcome(&claims.deliveries[0], None, Next::Done, Health::Recovered);
        store.settle([done].into()).await.unwrap();
        let stored = store.webhook(company, webhook.id).await.unwrap().unwrap();
        assert_eq!(stored.failing_since, None);
    });
}

#[test]
fn a_disabled_webhook_gets_no_more_deliveries() {
    on_both(|store, _| async move {
        let (company, _) = found_company(&store, 1).await;
        let webhook = subscribe(&store, company, &["contact.created"]).await;
        emit(&store, company, &[event("contact.created")]).await;
        let claimed = store.claim(wish(10)).await.unwrap().deliveries.remove(0);
        let health = Health::Disabled(DisabledReason::Gone, NOW);
        let gone = outcome(&claimed, Some(410), Next::GiveUp, health);
        store.settle([gone].into()).await.unwrap();
        let stored = store.webhook(company, webhook.id).await.unwrap().unwrap();
        assert_eq!(
            (stored.enabled, stored.disabled_reason),
            (false, Some(DisabledReason::Gone))
        );
        let log = store.events(company, 0, 10).await.unwrap();
        let last = log.last().unwrap();
        assert_eq!((last.position, last.event.name), (3, WEBHOOK_DISABLED));
        assert_eq!(last.event.subject, Subject::Workspace(webhook.id));
        emit(&store, company, &[event("contact.created")]).await;
        assert_eq!(store.claim(wish(10)).await.unwrap().deliveries, []);
    });
}

#[test]
fn a_long_lane_leaves_room_for_the_others_and_lanes_take_turns() {
    on_both(|store, _| async move {
        let (company, _) = found_company(&store, 1).await;
        let (other, _) = found_company(&store, 1).await;
        let long = subscribe(&store, company, &["contact.created"]).await;
        let events: Vec<_> = (0..300).map(|_| event("contact.created")).collect();
        emit(&store, company, &events).await;
        let short = subscribe(&store, other, &["contact.created"]).await;
        emit(&store, other, &[event("contact.created")]).await;
        let claims = store
            .claim(Wish {
                per_lane: 8,
                ..wish(100)
            })
            .await
            .unwrap();
        let mut counts: HashMap<Uuid, usize> = HashMap::new();
        for claimed in &claims.deliveries {
            *counts.entry(claimed.webhook).or_default() += 1;
        }
        assert_eq!((counts[&long.id], counts[&short.id]), (8, 1));
        // No room for the long lane: it is passed over.
        emit(&store, other, &[event("contact.created")]).await;
        let full = Wish {
            lanes: HashMap::from([(long.id, 0)]),
            ..wish(100)
        };
        let claims = store.claim(full).await.unwrap();
        let lanes: Vec<_> = claims
            .deliveries
            .iter()
            .map(|claimed| claimed.webhook)
            .collect();
        assert_eq!((lanes, claims.is_cut), (vec![short.id], false));
        // Too little room for all: the next round begins after the last lane.
        emit(&store, other, &[event("contact.created")]).await;
        let claims = store
            .claim(Wish {
                per_lane: 4,
                ..wish(4)
            })
            .await
            .unwrap();
        assert_eq!((claims.deliveries.len(), claims.is_cut), (4, true));
        let after = claims.last_lane.unwrap();
        let claims = store
            .claim(Wish {
                per_lane: 4,
                after,
                ..wish(4)
            })
            .await
            .unwrap();
        assert_eq!(claims.deliveries[0].webhook, short.id);
    });
}

#[test]
fn deliveries_are_repeated() {
    on_both(|store, peer| async move {
        let (company, _) = found_company(&store, 1).await;
        let webhook = subscribe(&store, company, &["contact.created", "contact.deleted"]).await;
        let events = [event("contact.created"), event("contact.deleted")];
        emit(&store, company, &events).await;
        let original = store.claim(wish(1)).await.unwrap().deliveries.remove(0);
        let failed = outcome(&original, Some(500), Next::GiveUp, Health::Same);
        store.settle([failed].into()).await.unwrap();
        let (before, body) = store.delivery(company, original.id).await.unwrap().unwrap();
        let resend = NewDelivery {
            id: new_id(),
            webhook: webhook.id,
            url: webhook.url.clone(),
            event: before.event.clone(),
            event_id: before.event_id,
            resend_of: Some(before.id),
            body: None,
            created_at: Timestamp(NOW.0 - 1),
        };
        peer.add_delivery(company, &resend).await.unwrap();
        let claimed = store
            .claim(Wish {
                lanes: HashMap::new(),
                ..wish(10)
            })
            .await
            .unwrap();
        let again = claimed
            .deliveries
            .iter()
            .find(|claimed| claimed.id == resend.id)
            .unwrap();
        assert_eq!(
            (again.event_id, &again.body, again.attempt),
            (original.event_id, &body, 1)
        );
        let (after, _) = store.delivery(company, original.id).await.unwrap().unwrap();
        assert_eq!(after, before);
        // One with bytes of its own, and a repetition of that.
        let test = NewDelivery {
            id: new_id(),
            resend_of: None,
            body: Some(b"{}".to_vec()),
            ..resend.clone()
        };
        store.add_delivery(company, &test).await.unwrap();
        let repeated = NewDelivery {
            id: new_id(),
            resend_of: Some(test.id),
            ..resend
        };
        store.add_delivery(company, &repeated).await.unwrap();
        let (_, body) = store.delivery(company, repeated.id).await.unwrap().unwrap();
        assert_eq!(body, b"{}");
    });
}

#[test]
fn a_write_wakes_the_workers_of_all_processes() {
    on_both(|store, peer| async move {
        let (company, _) = found_company(&store, 1).await;
        subscribe(&store, company, &["contact.created"]).await;
        // The other process may still be about to listen; notices follow until it does.
        let waiting = peer.wait();
        tokio::pin!(waiting);
        let heard = async {
            loop {
                emit(&store, company, &[event("contact.created")]).await;
                tokio::select! {
                    () = &mut waiting => return,
                    () = tokio::task::yield_now() => {}
                }
            }
        };
        let limit = std::time::Duration::from_secs(30);
        assert!(tokio::time::timeout(limit, heard).await.is_ok());
    });
}
