//! Deliveries are found by all that can be asked, page by page, on SQLite and PostgreSQL.

use kith_domain::event::workspace::WEBHOOK_DELETED;
use kith_domain::ports::deliveries::Deliveries;
use kith_domain::ports::webhooks::{Delivery, DeliverySearch, NewDelivery, Webhooks};
use kith_domain::time::Timestamp;
use kith_domain::webhook::delivery::{Health, Next, Status};
use kith_persistence::Store;
use uuid::Uuid;

use crate::deliveries::{emit, event, new_id, on_both, outcome, subscribe, told, wish};
use crate::support::found_company;

/// All pages of a search, of which each looks at a few deliveries only.
async fn all(store: &Store, company: Uuid, search: &DeliverySearch, page: u32) -> Vec<Delivery> {
    let mut found = Vec::new();
    let mut search = DeliverySearch {
        limit: page,
        looked_at: 3,
        ..search.clone()
    };
    loop {
        let page = store.deliveries(company, &search).await.unwrap();
        assert!(page.deliveries.len() <= search.limit as usize);
        found.extend(page.deliveries);
        if page.next.is_none() {
            return found;
        }
        assert!(search.before.is_none_or(|before| page.next < Some(before)));
        search.before = page.next;
    }
}

/// What each delivery is asked for, by hand.
fn is_meant(delivery: &Delivery, search: &DeliverySearch) -> bool {
    let has = |text: &str, term: &String| text.to_lowercase().contains(&term.to_lowercase());
    let term = |term: &String| has(&delivery.url, term) || has(&delivery.event, term);
    search.webhook.is_none_or(|id| delivery.webhook == id)
        && search.status.is_none_or(|status| delivery.status == status)
        && search
            .event
            .as_ref()
            .is_none_or(|name| delivery.event == *name)
        && search.from.is_none_or(|from| delivery.created_at >= from)
        && search.until.is_none_or(|until| delivery.created_at < until)
        && search.term.as_ref().is_none_or(term)
}

/// An id of a time.
fn id_at(time: Timestamp) -> Uuid {
    let random = new_id().as_u128() & ((1 << 80) - 1);
    Uuid::from_u128(u128::try_from(time.0).unwrap() << 80 | random)
}

#[test]
fn every_question_finds_what_is_meant_and_nothing_else() {
    on_both(|store, peer| async move {
        let (company, _) = found_company(&store, 1).await;
        let (other, _) = found_company(&store, 1).await;
        let webhook = subscribe(&store, company, &["contact.created", "contact.deleted"]).await;
        let second = subscribe(&store, company, &["deal.updated"]).await;
        let theirs = subscribe(&store, other, &["contact.created"]).await;
        emit(&store, other, &[event("contact.created")]).await;
        for at in 0..4 {
            let events = [event("contact.created"), event("contact.deleted")];
            emit(&store, company, &events).await;
            if at % 2 == 0 {
                emit(&store, company, &[event("deal.updated")]).await;
            }
            let error = [None, Some(500)][at % 2];
            let next = error.map_or(Next::Done, |_| Next::GiveUp);
            let claimed = store.claim(wish(3)).await.unwrap().deliveries;
            let outcomes = claimed
                .iter()
                .map(|claimed| outcome(claimed, error, next, Health::Same));
            store.settle(outcomes.skip(1).collect()).await.unwrap();
        }
        // Some that are old, as their ids say.
        let hour = 3_600_000;
        for age in [2, 4, 8] {
            let created_at = Timestamp(1_776_852_000_000 - age * hour);
            let test = NewDelivery {
                id: id_at(created_at),
                webhook: second.id,
                url: "https://old.example.com/100%_x".to_owned(),
                event: "webhook.test".to_owned(),
                event_id: new_id(),
                resend_of: None,
                body: Some(b"{}".to_vec()),
                created_at,
            };
            store.add_delivery(company, &test).await.unwrap();
        }
        // What was on its way to a webhook that is gone is found too.
        let log = told(second.id, WEBHOOK_DELETED);
        store.delete_webhook(company, second.id, log).await.unwrap();

        let everything = all(&store, company, &DeliverySearch::default(), 100).await;
        assert_eq!(everything.len(), 13);
        assert!(everything.is_sorted_by(|one, other| one.id > other.id));
        let statuses = Status::ALL.map(|status| {
            let own = everything.iter().filter(|one| one.status == status);
            own.count()
        });
        assert!(statuses.iter().all(|count| *count > 0), "{statuses:?}");
        let text = |text: &str| Some(text.to_owned());
        let at = |age: i64| Some(Timestamp(1_776_852_000_000 - age * hour));
        let mut questions = vec![DeliverySearch::default()];
        for webhook in [webhook.id, second.id, theirs.id, new_id()] {
            questions.push(DeliverySearch {
                webhook: Some(webhook),
                ..DeliverySearch::default()
            });
        }
        let terms = [
            "CONTACT.CRE",
            "Hooks.Example",
            "old.example",
            "%",
            "_",
            "100%_x",
            "\\",
            "nothing",
        ];
        let mut more = Vec::new();
        for question in &questions {
            more.extend(Status::ALL.map(|status| DeliverySearch {
                status: Some(status),
                ..question.clone()
            }));
            more.extend(terms.map(|term| DeliverySearch {
                term: text(term),
                ..question.clone()
            }));
            more.extend(
                ["contact.deleted", "webhook.test", "x"].map(|event| DeliverySearch {
                    event: text(event),
                    ..question.clone()
                }),
            );
            for (from, until) in [(at(5), None), (None, at(3)), (at(5), at(3)), (None, at(9))] {
                more.push(DeliverySearch {
                    from,
                    until,
                    ..question.clone()
                });
            }
        }
        questions.extend(more.iter().cloned());
        questions.extend(more.into_iter().map(|question| DeliverySearch {
            status: question.status.or(Some(Status::Pending)),
            term: question.term.or(text("e")),
            ..question
        }));
        for question in &questions {
            let expected: Vec<_> = everything
                .iter()
                .filter(|one| is_meant(one, question))
                .cloned()
                .collect();
            for page in [1, 2, 100] {
                let found = all(&peer, company, question, page).await;
                let ids = |all: &[Delivery]| all.iter().map(|one| one.id).collect::<Vec<_>>();
                assert_eq!(ids(&found), ids(&expected), "{question:?}, {page} a page");
                assert_eq!(found, expected);
            }
        }
        assert_eq!(
            all(&store, new_id(), &DeliverySearch::default(), 9).await,
            []
        );
    });
}

#[test]
fn a_page_ends_when_enough_was_looked_at() {
    on_both(|store, _| async move {
        let (company, _) = found_company(&store, 1).await;
        subscribe(&store, company, &["contact.created", "deal.updated"]).await;
        emit(&store, company, &[event("deal.updated")]).await;
        let events: Vec<_> = (0..10).map(|_| event("contact.created")).collect();
        emit(&store, company, &events).await;
        let mut search = DeliverySearch {
            event: Some("deal.updated".to_owned()),
            limit: 5,
            looked_at: 4,
            ..DeliverySearch::default()
        };
        let mut pages = Vec::new();
        loop {
            let page = store.deliveries(company, &search).await.unwrap();
            pages.push(page.deliveries.len());
            search.before = page.next;
            if page.next.is_none() {
                break;
            }
        }
        assert_eq!(pages, [0, 0, 1]);
        // What has an index of its own is found at once.
        let claimed = store.claim(wish(1)).await.unwrap().deliveries.remove(0);
        let failed = outcome(&claimed, Some(500), Next::GiveUp, Health::Same);
        store.settle([failed].into()).await.unwrap();
        for (status, count) in [
            (Status::Failed, 1),
            (Status::Pending, 10),
            (Status::Delivering, 0),
        ] {
            let search = DeliverySearch {
                status: Some(status),
                limit: 20,
                looked_at: 4,
                ..DeliverySearch::default()
            };
            let page = store.deliveries(company, &search).await.unwrap();
            assert_eq!(
                (page.deliveries.len(), page.next),
                (count, None),
                "{status:?}"
            );
        }
    });
}
