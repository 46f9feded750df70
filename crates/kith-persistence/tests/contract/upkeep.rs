//! What is old goes, on SQLite and PostgreSQL: from the beginning of the log, and never what is still needed.

use kith_domain::ports::deliveries::{Claimed, Deliveries};
use kith_domain::ports::upkeep::Upkeep;
use kith_domain::ports::webhooks::{DeliverySearch, NewDelivery, Webhooks};
use kith_domain::ports::{EventFeed, Repository};
use kith_domain::time::Timestamp;
use kith_domain::webhook::delivery::{Health, Next, Status};
use kith_persistence::Store;
use uuid::Uuid;

use crate::deliveries::{NOW, emit, event, new_id, on_both, outcome, subscribe, wish};
use crate::support::found_company;

/// Everything is older than this.
const LATER: Timestamp = Timestamp(i64::MAX);

/// Claims everything and lets it fail, or succeed.
async fn finish(store: &Store, error: Option<u16>) -> Vec<Claimed> {
    let claimed = store.claim(wish(100)).await.unwrap().deliveries;
    let next = error.map_or(Next::Done, |_| Next::GiveUp);
    let outcomes = claimed
        .iter()
        .map(|claimed| outcome(claimed, error, next, Health::Same));
    store.settle(outcomes.collect()).await.unwrap();
    claimed
}

async fn positions(store: &Store, company: Uuid) -> Vec<i64> {
    let events = store.events(company, 0, 100).await.unwrap();
    events.iter().map(|event| event.position).collect()
}

/// Looks at all deliveries, a few at a time.
async fn forget_deliveries(store: &Store, company: Uuid, before: Timestamp) {
    let mut after = Some(Uuid::nil());
    while let Some(from) = after {
        let looked = store.forget_deliveries(company, before, from, 2).await;
        after = looked.unwrap();
    }
}

#[test]
fn old_events_go_from_the_beginning_and_no_position_comes_again() {
    on_both(|store, peer| async move {
        let (company, _) = found_company(&store, 1).await;
        let (other, _) = found_company(&store, 1).await;
        assert_eq!(store.first_position(company).await.unwrap(), 1);
        for company in [company, other] {
            let events: Vec<_> = (0..5).map(|_| event("contact.created")).collect();
            emit(&store, company, &events).await;
        }
        let forget = async |store: &Store, before, limit| {
            store.forget_events(company, before, limit).await.unwrap()
        };
        assert_eq!(forget(&store, Timestamp(0), 10).await, 0);
        assert_eq!(forget(&store, LATER, 2).await, 2);
        assert_eq!(positions(&store, company).await, [3, 4, 5]);
        assert_eq!(peer.first_position(company).await.unwrap(), 3);
        assert_eq!(forget(&peer, LATER, 10).await, 3);
        assert_eq!(forget(&store, LATER, 10).await, 0);
        assert_eq!(store.first_position(company).await.unwrap(), 6);
        emit(&store, company, &[event("contact.created")]).await;
        assert_eq!(positions(&store, company).await, [6]);
        assert_eq!(store.first_position(company).await.unwrap(), 6);
        assert_eq!(positions(&store, other).await, [1, 2, 3, 4, 5]);
        let companies = store.companies(Uuid::nil(), 10).await.unwrap();
        assert_eq!(companies.len(), 2);
        assert!(companies.is_sorted());
        let rest = store.companies(companies[0], 10).await.unwrap();
        assert_eq!(rest, companies[1..]);
    });
}

#[test]
fn only_what_is_older_goes() {
    on_both(|store, _| async move {
        let (company, _) = found_company(&store, 1).await;
        subscribe(&store, company, &["contact.created"]).await;
        for _ in 0..3 {
            emit(&store, company, &[event("contact.created")]).await;
        }
        finish(&store, None).await;
        let all = DeliverySearch {
            limit: 10,
            ..DeliverySearch::default()
        };
        let found = store.deliveries(company, &all).await.unwrap().deliveries;
        // The clock of the tests steps, and the newest stands first.
        forget_deliveries(&store, company, found[1].created_at).await;
        let left = store.deliveries(company, &all).await.unwrap().deliveries;
        assert_eq!(left, found[..2]);
        let gone = store.delivery(company, found[2].id).await.unwrap();
        assert_eq!(gone, None);
        let attempts = store.attempts(company, found[2].id).await.unwrap();
        assert_eq!(attempts, []);
        assert_eq!(store.attempts(company, found[1].id).await.unwrap().len(), 1);
    });
}

#[test]
fn a_delivery_that_is_not_finished_stays_and_keeps_its_bytes() {
    on_both(|store, peer| async move {
        let (company, _) = found_company(&store, 1).await;
        let webhook = subscribe(&store, company, &["contact.created"]).await;
        let events: Vec<_> = (0..3).map(|_| event("contact.created")).collect();
        emit(&store, company, &events[..2]).await;
        let failed = finish(&store, Some(500)).await;
        // A repeat of one of them, and a delivery that nobody has tried yet.
        let repeat = NewDelivery {
            id: new_id(),
            webhook: webhook.id,
            url: webhook.url.clone(),
            event: "contact.created".to_owned(),
            event_id: failed[0].event_id,
            resend_of: Some(failed[0].id),
            body: None,
            created_at: Timestamp(NOW.0 - 1),
        };
        store.add_delivery(company, &repeat).await.unwrap();
        emit(&store, company, &events[2..]).await;
        while peer.forget_events(company, LATER, 2).await.unwrap() > 0 {}
        assert_eq!(positions(&store, company).await, [0; 0]);
        // Finished or not, a delivery shows what it sends.
        let (_, body) = store
            .delivery(company, failed[1].id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(body, failed[1].body);
        forget_deliveries(&peer, company, LATER).await;
        assert_eq!(store.delivery(company, failed[1].id).await.unwrap(), None);
        let claimed = store.claim(wish(100)).await.unwrap().deliveries;
        let mut bodies: Vec<_> = claimed.iter().map(|one| one.body.clone()).collect();
        bodies.sort();
        let mut expected = vec![failed[0].body.clone(), events[2].body.clone()];
        expected.sort();
        assert_eq!(bodies, expected);
        // One that is under way stays too.
        forget_deliveries(&peer, company, LATER).await;
        for claimed in &claimed {
            let (delivery, _) = store.delivery(company, claimed.id).await.unwrap().unwrap();
            assert_eq!(delivery.status, Status::Delivering);
        }
    });
}
