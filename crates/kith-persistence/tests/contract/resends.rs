//! Jobs that send failed deliveries again, on SQLite and PostgreSQL: nothing doubled, nothing left out.

use std::collections::HashSet;
use std::sync::Arc;

use kith_domain::event::workspace::{WEBHOOK_DELETED, WEBHOOK_RESEND_STARTED};
use kith_domain::ports::deliveries::Deliveries;
use kith_domain::ports::resends::{Progress, Resends};
use kith_domain::ports::webhooks::{Delivery, DeliverySearch, NewDelivery, Webhooks};
use kith_domain::time::Timestamp;
use kith_domain::webhook::Webhook;
use kith_domain::webhook::delivery::{Health, Next, Status};
use kith_domain::webhook::resend::{JobStatus, ResendJob};
use kith_persistence::Store;
use uuid::Uuid;

use crate::deliveries::{NOW, emit, event, new_id, on_both, outcome, subscribe, told, wish};
use crate::support::found_company;

/// A webhook that failed to accept so many events.
async fn failing(store: &Store, company: Uuid, count: usize) -> Webhook {
    let webhook = subscribe(store, company, &["contact.created"]).await;
    let events: Vec<_> = (0..count).map(|_| event("contact.created")).collect();
    emit(store, company, &events).await;
    settle(store, Some(500)).await;
    webhook
}

/// Claims what is due and lets it fail, or succeed.
async fn settle(store: &Store, error: Option<u16>) {
    let claimed = store.claim(wish(1_000)).await.unwrap().deliveries;
    let next = error.map_or(Next::Done, |_| Next::GiveUp);
    let outcomes = claimed
        .iter()
        .map(|claimed| outcome(claimed, error, next, Health::Same));
    store.settle(outcomes.collect()).await.unwrap();
}

async fn begin(store: &Store, company: Uuid, webhook: Uuid, since: Timestamp) -> ResendJob {
    let mut job = ResendJob {
        id: new_id(),
        webhook,
        user: new_id(),
        since,
        // Later than all that was made so far, and before what the job makes.
        until: Timestamp(NOW.0 - 1),
        status: JobStatus::Running,
        total: 0,
        resent: 0,
        problem: None,
        updated_at: Timestamp(NOW.0 - 1),
        finished_at: None,
    };
    let log = told(webhook, WEBHOOK_RESEND_STARTED);
    job.total = store.begin_resend(company, &job, log).await.unwrap();
    let stored = store.resend_job(company, job.id).await.unwrap();
    assert_eq!(stored.as_ref(), Some(&job));
    job
}

async fn advance(store: &Store) -> Progress {
    let ids = (0..40).map(|_| new_id()).collect();
    store.advance(ids, NOW).await.unwrap()
}

async fn job(store: &Store, company: Uuid, job: &ResendJob) -> ResendJob {
    let found = store.resend_job(company, job.id).await.unwrap();
    found.unwrap()
}

async fn deliveries(store: &Store, company: Uuid, status: Status) -> Vec<Delivery> {
    let search = DeliverySearch {
        status: Some(status),
        limit: 1_000,
        looked_at: 10_000,
        ..DeliverySearch::default()
    };
    let found = store.deliveries(company, &search).await.unwrap();
    assert_eq!(found.next, None);
    found.deliveries
}

#[test]
fn many_processes_send_each_failed_delivery_again_once() {
    on_both(|store, peer| async move {
        let (company, _) = found_company(&store, 1).await;
        let webhook = failing(&store, company, 150).await;
        let failed = deliveries(&store, company, Status::Failed).await;
        let job_made = begin(&store, company, webhook.id, Timestamp(0)).await;
        // A second one at the same time, and one of another webhook.
        let twin = begin(&peer, company, webhook.id, Timestamp(0)).await;
        assert_eq!((job_made.total, twin.total), (150, 150));
        let runners = (0..4).map(|number| {
            let store = Arc::clone(if number % 2 == 0 { &store } else { &peer });
            tokio::spawn(async move { while advance(&store).await != Progress::Idle {} })
        });
        for runner in runners.collect::<Vec<_>>() {
            runner.await.unwrap();
        }
        // Who found the last job taken went idle; what is left is done now.
        while advance(&store).await != Progress::Idle {}
        let again = deliveries(&store, company, Status::Pending).await;
        let originals: HashSet<_> = again.iter().filter_map(|one| one.resend_of).collect();
        let expected: HashSet<_> = failed.iter().map(|one| one.id).collect();
        assert_eq!((again.len(), originals), (150, expected));
        let event_of = |id: Uuid| failed.iter().find(|one| one.id == id).unwrap().event_id;
        for one in &again {
            assert_eq!(one.event_id, event_of(one.resend_of.unwrap()));
            assert_eq!((one.attempt, &one.url), (0, &webhook.url));
        }
        let (one, other) = (
            job(&store, company, &job_made).await,
            job(&store, company, &twin).await,
        );
        assert_eq!(
            (one.status, other.status),
            (JobStatus::Done, JobStatus::Done)
        );
        assert_eq!(one.resent + other.resent, 150);
        assert_eq!((one.finished_at, one.problem), (Some(NOW), None));
        let listed = store.resend_jobs(company, webhook.id, 10).await.unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!(store.resend_job(new_id(), twin.id).await.unwrap(), None);
        // The originals are as they were.
        assert_eq!(deliveries(&store, company, Status::Failed).await, failed);
    });
}

#[test]
fn what_was_repeated_since_or_is_a_test_or_too_old_is_passed_over() {
    on_both(|store, _| async move {
        let (company, _) = found_company(&store, 1).await;
        let webhook = failing(&store, company, 1).await;
        emit(&store, company, &[event("contact.created")]).await;
        emit(&store, company, &[event("contact.created")]).await;
        settle(&store, Some(500)).await;
        let failed = deliveries(&store, company, Status::Failed).await;
        let [repeated, _, old] = &failed[..] else {
            panic!("{failed:?}")
        };
        let repeat = NewDelivery {
            id: new_id(),
            webhook: webhook.id,
            url: webhook.url.clone(),
            event: repeated.event.clone(),
            event_id: repeated.event_id,
            resend_of: Some(repeated.id),
            body: None,
            created_at: Timestamp(NOW.0 - 2),
        };
        let test = NewDelivery {
            id: new_id(),
            resend_of: None,
            body: Some(b"{}".to_vec()),
            ..repeat.clone()
        };
        store.add_delivery(company, &test).await.unwrap();
        store.add_delivery(company, &repeat).await.unwrap();
        settle(&store, Some(500)).await;
        let since = Timestamp(old.created_at.0 + 1);
        let made = begin(&store, company, webhook.id, since).await;
        while advance(&store).await != Progress::Idle {}
        // The one in the middle, and the repeat of the last, which failed in its turn.
        let again = deliveries(&store, company, Status::Pending).await;
        let mut originals: Vec<_> = again.iter().filter_map(|one| one.resend_of).collect();
        originals.sort();
        let mut expected = vec![failed[1].id, repeat.id];
        expected.sort();
        assert_eq!(originals, expected);
        let made = job(&store, company, &made).await;
        assert_eq!((made.total, made.resent), (2, 2));
        // A repeat of a repeat sends the bytes of the event.
        let bodies = again.iter().map(|one| store.delivery(company, one.id));
        for body in bodies {
            let (_, body) = body.await.unwrap().unwrap();
            assert!(body.starts_with(b"{\"event\":"));
        }
    });
}

#[test]
fn a_job_waits_while_much_lies_before_the_webhook_and_goes_on_elsewhere() {
    on_both(|store, peer| async move {
        let (company, _) = found_company(&store, 1).await;
        let webhook = failing(&store, company, 250).await;
        let made = begin(&store, company, webhook.id, Timestamp(0)).await;
        for _ in 0..5 {
            assert_eq!(advance(&store).await, Progress::Advanced);
        }
        assert_eq!(advance(&store).await, Progress::Waiting);
        let stand = job(&store, company, &made).await;
        assert_eq!((stand.status, stand.resent), (JobStatus::Running, 200));
        settle(&store, None).await;
        // Another process knows how far it is.
        while advance(&peer).await != Progress::Idle {}
        let stand = job(&store, company, &made).await;
        assert_eq!((stand.status, stand.resent), (JobStatus::Done, 250));
        settle(&store, None).await;
        let sent = deliveries(&store, company, Status::Success).await;
        let originals: HashSet<_> = sent.iter().filter_map(|one| one.resend_of).collect();
        assert_eq!((sent.len(), originals.len()), (250, 250));
    });
}

#[test]
fn a_job_ends_with_its_webhook() {
    on_both(|store, _| async move {
        let (company, _) = found_company(&store, 1).await;
        let webhook = failing(&store, company, 1).await;
        let made = begin(&store, company, webhook.id, Timestamp(0)).await;
        let log = told(webhook.id, WEBHOOK_DELETED);
        store
            .delete_webhook(company, webhook.id, log)
            .await
            .unwrap();
        while advance(&store).await != Progress::Idle {}
        let made = job(&store, company, &made).await;
        assert_eq!((made.status, made.resent), (JobStatus::Stopped, 0));
        assert_eq!(made.problem.as_deref(), Some("the webhook was deleted"));
    });
}
