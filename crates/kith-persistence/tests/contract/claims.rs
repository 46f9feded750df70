//! What is claimed of a lane, and what is not: stretches, gaps between them, ends of leases.

use std::sync::Arc;

use kith_domain::ports::Silent;
use kith_domain::ports::deliveries::{Claimed, Deliveries, Wish};
use kith_domain::ports::webhooks::{NewDelivery, Webhooks};
use kith_domain::time::Timestamp;
use kith_domain::webhook::Webhook;
use kith_domain::webhook::delivery::{Health, Next, Status};
use kith_persistence::Store;
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::deliveries::{NOW, new_id, on_both, outcome, subscribe, wish};
use crate::support::{Database, found_company, open, runtime};

/// A delivery that is due so many milliseconds before now.
async fn due(store: &Store, company: Uuid, webhook: &Webhook, before: i64) -> Uuid {
    let delivery = NewDelivery {
        id: new_id(),
        webhook: webhook.id,
        url: webhook.url.clone(),
        event: "contact.created".to_owned(),
        event_id: new_id(),
        resend_of: None,
        body: Some(b"{}".to_vec()),
        created_at: Timestamp(NOW.0 - before),
    };
    store.add_delivery(company, &delivery).await.unwrap();
    delivery.id
}

/// Claims so many of each lane, now or later.
async fn claim(store: &Store, most: usize, later: i64) -> Vec<Claimed> {
    let wish = Wish {
        now: Timestamp(NOW.0 + later),
        lease_until: Timestamp(NOW.0 + later + 60_000),
        per_lane: most,
        ..wish(100)
    };
    store.claim(wish).await.unwrap().deliveries
}

fn ids(claimed: &[Claimed]) -> Vec<Uuid> {
    claimed.iter().map(|claimed| claimed.id).collect()
}

async fn done(store: &Store, claimed: &[Claimed]) {
    let outcomes = claimed
        .iter()
        .map(|claimed| outcome(claimed, None, Next::Done, Health::Same));
    store.settle(outcomes.collect()).await.unwrap();
}

#[test]
fn what_comes_late_before_and_between_claimed_deliveries_is_claimed_at_once() {
    on_both(|store, peer| async move {
        let (company, _) = found_company(&store, 1).await;
        let webhook = subscribe(&store, company, &["contact.created"]).await;
        let first = due(&store, company, &webhook, 50).await;
        let second = due(&store, company, &webhook, 30).await;
        let one = claim(&store, 1, 0).await;
        let other = claim(&peer, 1, 0).await;
        assert_eq!((ids(&one), ids(&other)), (vec![first], vec![second]));
        // Two stretches and what follows them: before, between, behind.
        let before = due(&store, company, &webhook, 60).await;
        let between = due(&store, company, &webhook, 40).await;
        let behind = due(&store, company, &webhook, 20).await;
        let rest = claim(&peer, 2, 0).await;
        assert_eq!(ids(&rest), [before, between]);
        let last = claim(&store, 10, 0).await;
        assert_eq!(ids(&last), [behind]);
        assert_eq!(claim(&peer, 10, 0).await, []);
        for claimed in [one, other, rest, last] {
            done(&store, &claimed).await;
        }
        for id in [first, second, before, between, behind] {
            let (delivery, _) = store.delivery(company, id).await.unwrap().unwrap();
            assert_eq!((delivery.status, delivery.attempt), (Status::Success, 1));
        }
    });
}

#[test]
fn what_is_due_together_is_shared_out() {
    on_both(|store, peer| async move {
        let (company, _) = found_company(&store, 1).await;
        let webhook = subscribe(&store, company, &["contact.created"]).await;
        for _ in 0..10 {
            due(&store, company, &webhook, 5).await;
        }
        let mut all = ids(&claim(&store, 3, 0).await);
        all.extend(ids(&claim(&peer, 4, 0).await));
        all.extend(ids(&claim(&store, 10, 0).await));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 10);
    });
}

#[test]
fn a_claim_that_is_settled_in_part_is_taken_over_for_the_rest() {
    on_both(|store, peer| async move {
        let (company, _) = found_company(&store, 1).await;
        let webhook = subscribe(&store, company, &["contact.created"]).await;
        for before in 1..=5 {
            due(&store, company, &webhook, before).await;
        }
        let claimed = claim(&store, 5, 0).await;
        done(&store, &claimed[1..3]).await;
        // The same again, and another with it: the reply was lost.
        done(&store, &claimed[1..4]).await;
        store.release(vec![claimed[4].clone()]).await.unwrap();
        let given_back = claim(&peer, 5, 0).await;
        assert_eq!(ids(&given_back), [claimed[4].id]);
        assert_eq!(given_back[0].attempt, 1);
        done(&peer, &given_back).await;
        assert_eq!(claim(&peer, 5, 59_999).await, []);
        let rest = claim(&peer, 5, 60_000).await;
        assert_eq!((ids(&rest), rest[0].attempt), (vec![claimed[0].id], 2));
        // The first worker was slow, not dead: its outcome is kept and decides nothing.
        done(&store, &claimed[..1]).await;
        let (delivery, _) = store.delivery(company, rest[0].id).await.unwrap().unwrap();
        assert_eq!(delivery.status, Status::Delivering);
        done(&peer, &rest).await;
        let (delivery, _) = store.delivery(company, rest[0].id).await.unwrap().unwrap();
        assert_eq!((delivery.status, delivery.attempt), (Status::Success, 2));
        let attempts = store.attempts(company, rest[0].id).await.unwrap();
        assert_eq!(attempts.len(), 2);
        assert_eq!(claim(&store, 5, 600_000).await, []);
    });
}

#[test]
fn nobody_waits_for_a_server_that_has_stopped_in_the_middle() {
    let Some(database) = Database::postgres() else {
        return;
    };
    runtime().block_on(async {
        let store = open(&database, Arc::new(Silent)).await;
        let (company, _) = found_company(&store, 1).await;
        let stuck = subscribe(&store, company, &["contact.created"]).await;
        let webhook = subscribe(&store, company, &["contact.created"]).await;
        due(&store, company, &stuck, 5).await;
        let held = claim(&store, 1, 0).await;
        let other = due(&store, company, &webhook, 5).await;
        let mut settling = PgConnection::connect(database.url()).await.unwrap();
        settling.execute("BEGIN").await.unwrap();
        let lock = "SELECT 1 FROM delivery_claim FOR UPDATE";
        settling.execute(lock).await.unwrap();
        // The lease has ended, and yet somebody is settling.
        assert_eq!(ids(&claim(&store, 5, 60_000).await), [other]);
        settling.execute("ROLLBACK").await.unwrap();
        assert_eq!(ids(&claim(&store, 5, 60_000).await), ids(&held));
        // A lane of which somebody else is claiming is passed over, and that is said.
        let third = due(&store, company, &stuck, 1).await;
        let lock = format!(
            "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('{}', 0))",
            stuck.id
        );
        settling.execute(sqlx::AssertSqlSafe(lock)).await.unwrap();
        let claims = store.claim(wish(5)).await.unwrap();
        assert_eq!((claims.deliveries, claims.is_contended), (vec![], true));
        settling.execute("ROLLBACK").await.unwrap();
        let claims = store.claim(wish(5)).await.unwrap();
        assert_eq!(
            (ids(&claims.deliveries), claims.is_contended),
            (vec![third], false)
        );
        settling.close().await.unwrap();
        store.close().await;
    });
}
