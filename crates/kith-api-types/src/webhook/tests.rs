//! Shapes of webhooks and deliveries.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use kith_domain::draft::Patch;
use kith_domain::entity::EntityType;
use kith_domain::event::{EncodedEvent, Subject};
use kith_domain::record::RecordKey;
use kith_domain::webhook::delivery::Status;
use kith_domain::webhook::schedule::RetryPolicy;
use kith_domain::webhook::secret::SealedSecret;
use serde_json::{Value, json};

use super::*;
use crate::draft::ReadError;

#[test]
fn a_webhook_never_shows_its_secret() {
    let webhook = Webhook {
        id: Uuid::nil(),
        url: "https://hooks.example.com/\"".to_owned(),
        description: None,
        events: ["contact.created", "task.deleted"].into_iter().collect(),
        secret: Some(SealedSecret(b"sealed".to_vec())),
        enabled: false,
        retry_policy: RetryPolicy::Standard,
        disabled_reason: Some(DisabledReason::Gone),
        failing_since: Some(Timestamp(0)),
        created_at: Timestamp(0),
        updated_at: Timestamp(1),
    };
    let mut out = Vec::new();
    write_webhook(&mut out, &webhook);
    let shown: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(
        shown,
        json!({
            "id": Uuid::nil().to_string(), "url": "https://hooks.example.com/\"", "description": null,
            "events": ["contact.created", "task.deleted"], "hasSecret": true, "enabled": false,
            "retryPolicy": "standard", "disabledReason": "gone", "failingSince": "1970-01-01T00:00:00.000Z",
            "createdAt": "1970-01-01T00:00:00.000Z", "updatedAt": "1970-01-01T00:00:00.001Z"
        })
    );
    assert_eq!(secret(Some("a\"b")), br#"{"secret":"a\"b"}"#);
    assert_eq!(secret(None), br#"{"secret":null}"#);
}

#[test]
fn drafts_take_what_was_shown_and_name_what_is_wrong() {
    let read = draft(
        br#"{"id": 1, "hasSecret": true, "url": "https://a.example/", "events": ["contact.created"],
            "secret": "swordfish", "enabled": false, "retryPolicy": "standard", "description": null}"#,
    )
    .unwrap();
    assert_eq!(read.problems, []);
    assert_eq!(read.enabled, Patch::Set(false));
    assert_eq!(read.description, Patch::Null);
    assert!(!format!("{read:?}").contains("swordfish"));
    let read = draft(
        br#"{"ulr": 1, "url": 7, "events": "contact.created", "secret": 12345, "enabled": "yes", "enabled": true}"#,
    )
    .unwrap();
    let found: Vec<_> = read
        .problems
        .iter()
        .map(|problem| (problem.pointer.as_str(), problem.code))
        .collect();
    assert_eq!(found.len(), 6, "{found:?}");
    assert!(!format!("{:?}", read.problems).contains("12345"));
    assert!(matches!(draft(b"[]"), Err(ReadError::Invalid(_))));
    assert!(matches!(draft(b"{"), Err(ReadError::NotJson(_))));
}

#[test]
fn searches_are_read_from_bodies_and_queries_alike() {
    let body = br#"{"searchTerm": " Hooks ", "status": "failed", "from": "2026-04-22T10:00:00Z", "pageSize": 5, "cursor": null}"#;
    let search = delivery_search(&search_members(body).unwrap()).unwrap();
    assert_eq!(search.term.as_deref(), Some("Hooks"));
    assert_eq!((search.status, search.limit), (Some(Status::Failed), 5));
    assert_eq!(search.from, Some(Timestamp(1_776_852_000_000)));
    let members = [
        ("status", "lost"),
        ("pageSize", "1000"),
        ("from", "today"),
        ("webhook", "x"),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let Err(ReadError::Invalid(problems)) = delivery_search(&members) else {
        panic!()
    };
    assert_eq!(problems.len(), 4);
    assert!(problems[3].message.contains("webhookId"), "{problems:?}");
}

#[test]
fn events_keep_their_bytes_behind_their_position() {
    let event = |body: &[u8]| CommittedEvent {
        company: Uuid::nil(),
        position: 7,
        event: Arc::new(EncodedEvent {
            id: Uuid::nil(),
            name: "contact.deleted",
            subject: Subject::Record(RecordKey {
                entity: EntityType::Contact,
                id: Uuid::nil(),
            }),
            user: Uuid::nil(),
            at: Timestamp(0),
            body: body.to_vec(),
        }),
    };
    let page = event_page(
        &[event(br#"{"event":"contact.deleted","n":1.50}"#)],
        Some(7),
    );
    let id = Uuid::nil();
    let expected = format!(
        r#"{{"items":[{{"position":7,"id":"{id}","event":"contact.deleted","n":1.50}}],"next":7}}"#
    );
    assert_eq!(String::from_utf8(page).unwrap(), expected);
    assert_eq!(event_page(&[], None), br#"{"items":[],"next":null}"#);
}

#[test]
fn a_delivery_shows_its_last_attempt() {
    let attempt = AttemptRecord {
        number: 2,
        at: Timestamp(0),
        url: "https://a.example/".to_owned(),
        remote: Some("192.0.2.1:443".to_owned()),
        status: Some(500),
        headers: "x: y\n".to_owned(),
        body: b"oo\xffps".to_vec(),
        error: Some("status: the receiver answered 500".to_owned()),
        timing: [Some(1), None, Some(7), Some(2_000), Some(3_999)],
    };
    let delivery = Delivery {
        id: Uuid::nil(),
        webhook: Uuid::nil(),
        url: "https://a.example/".to_owned(),
        event: "contact.created".to_owned(),
        event_id: Uuid::nil(),
        status: Status::Failed,
        attempt: 2,
        due_at: None,
        resend_of: None,
        created_at: Timestamp(0),
        delivered_at: None,
        last: Some(attempt.clone()),
    };
    let mut out = Vec::new();
    write_delivery(&mut out, &delivery, Some((b"{}", &[attempt])));
    let shown: Value = serde_json::from_slice(&out).unwrap();
    for (member, value) in [
        ("statusCode", json!(500)),
        ("responseBody", json!("oo\u{fffd}ps")),
        ("durationMs", json!(3)),
        ("attempt", json!(2)),
        ("requestBody", json!("{}")),
        ("nextAttemptAt", Value::Null),
    ] {
        assert_eq!(shown[member], value, "{member}");
    }
    let timing = &shown["attempts"][0]["timing"];
    assert_eq!(
        (&timing["connectMicros"], &timing["tlsMicros"]),
        (&Value::Null, &json!(7))
    );
    let page = DeliveryPage {
        next: Some(delivery.id),
        deliveries: vec![delivery],
    };
    let page: Value = serde_json::from_slice(&delivery_page(&page)).unwrap();
    assert_eq!(page["nextCursor"], json!(Uuid::nil().to_string()));
    assert!(page["items"][0].get("requestBody").is_none());
}
