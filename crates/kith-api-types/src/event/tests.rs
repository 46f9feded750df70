//! Golden envelopes.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Instant;

use kith_domain::entity::{EntityType, FieldValue};
use kith_domain::notes::Notes;
use kith_domain::record::LinkSet;
use kith_domain::time::Timestamp;
use serde_json::{Value, json};

use super::*;

const AT: Timestamp = Timestamp(1_776_852_000_000);

fn event(happening: Happening, record: &Record) -> Event {
    Event {
        id: Uuid::from_u128(1),
        company: Uuid::from_u128(0xC0),
        user: Uuid::from_u128(0x05),
        key: record.key(),
        at: AT,
        happening,
    }
}

fn encoded(happening: Happening, record: &Record) -> Value {
    serde_json::from_slice(&JsonEventEncoder.encode(&event(happening, record))).unwrap()
}

fn record(entity: EntityType) -> Record {
    let mut record = Record::empty(entity, Uuid::from_u128(0xE1), Timestamp(0));
    record.version = 1;
    record
}

fn text(value: u128) -> String {
    Uuid::from_u128(value).to_string()
}

/// The example of the webhook catalogue, with ids of ours.
#[test]
fn an_update_is_the_envelope_of_the_catalogue() {
    let mut before = record(EntityType::Contact);
    before.fields[0] = FieldValue::Text("Max".to_owned());
    before.fields[1] = FieldValue::Text("Mustermann".to_owned());
    before.notes = Notes::from_markdown("Hello").unwrap();
    before.links[1] = LinkSet::from_ids(vec![Uuid::from_u128(0xD2), Uuid::from_u128(0xD1)]);
    let mut after = before.clone();
    after.links[0] = LinkSet::from_ids(vec![Uuid::from_u128(0x01)]);
    after.version = 2;
    after.updated_at = AT;
    let changes = Changes::between(&Arc::new(before), &Arc::new(after.clone())).unwrap();
    let notes: Value = serde_json::from_str(after.notes.as_ref().unwrap().document()).unwrap();
    assert_eq!(notes["type"], "doc");
    assert_eq!(
        encoded(Happening::Updated(changes), &after),
        json!({
            "event": "contact.updated",
            "data": {
                "userId": text(0x05),
                "companyId": text(0xC0),
                "entityId": text(0xE1),
                "payload": {
                    "contact": {
                        "id": text(0xE1),
                        "firstName": "Max",
                        "lastName": "Mustermann",
                        "emails": [],
                        "notes": notes,
                        "organizationIds": [text(0x01)],
                        "dealIds": [text(0xD1), text(0xD2)],
                        "userIds": [],
                        "customFieldValues": [],
                        "createdAt": "1970-01-01T00:00:00.000Z",
                        "updatedAt": "2026-04-22T10:00:00.000Z",
                        "version": 2
                    },
                    "changes": {
                        "organizationIds": { "previous": [], "current": [text(0x01)] }
                    }
                }
            },
            "timestamp": "2026-04-22T10:00:00.000Z"
        })
    );
}

#[test]
fn a_creation_carries_the_record_and_a_deletion_only_its_id() {
    for entity in EntityType::ALL {
        let created = record(entity);
        let envelope = encoded(Happening::Created(Arc::new(created.clone())), &created);
        assert_eq!(envelope["event"], format!("{entity}.created"));
        let payload = envelope["data"]["payload"].as_object().unwrap();
        assert_eq!(payload.keys().collect::<Vec<_>>(), [entity.name()]);
        let envelope = encoded(Happening::Deleted, &created);
        assert_eq!(envelope["event"], format!("{entity}.deleted"));
        let mut expected = serde_json::Map::new();
        expected.insert(format!("{entity}Id"), json!(text(0xE1)));
        assert_eq!(envelope["data"]["payload"], Value::Object(expected));
    }
}

#[test]
fn every_part_that_moved_is_listed_with_both_states() {
    let before = record(EntityType::Deal);
    let mut after = before.clone();
    after.fields[0] = FieldValue::Text("Big".to_owned());
    after.fields[1] = FieldValue::Decimal("1250.50".parse().unwrap());
    after.notes = Notes::from_markdown("x").unwrap();
    after.links[2].insert(Uuid::from_u128(7), "2.5".parse().unwrap());
    let changes = Changes::between(&Arc::new(before), &Arc::new(after.clone())).unwrap();
    let envelope = encoded(Happening::Updated(changes), &after);
    let changes = &envelope["data"]["payload"]["changes"];
    assert_eq!(changes["name"], json!({"previous": "", "current": "Big"}));
    assert_eq!(
        changes["totalValue"],
        json!({"previous": 0, "current": 1250.5})
    );
    assert_eq!(changes["notes"]["previous"], Value::Null);
    assert_eq!(changes["notes"]["current"]["type"], "doc");
    let services = json!({"previous": [], "current": [{"serviceId": text(7), "quantity": 2.5}]});
    assert_eq!(changes["services"], services);
    assert_eq!(changes.as_object().map(|changes| changes.len()), Some(4));
}

#[test]
fn ten_thousand_links_are_written_once_per_state() {
    let mut before = record(EntityType::Organization);
    before.links[0] = LinkSet::from_ids((1..=10_000).map(Uuid::from_u128).collect());
    let mut after = before.clone();
    after.links[0].insert(Uuid::from_u128(10_001), rust_decimal::Decimal::ONE);
    let changes = Changes::between(&Arc::new(before), &Arc::new(after.clone())).unwrap();
    let event = event(Happening::Updated(changes), &after);
    let start = Instant::now();
    let bytes = JsonEventEncoder.encode(&event);
    let took = start.elapsed();
    assert!(bytes.len() > 3 * 10_000 * 39);
    assert!(
        bytes.capacity() < bytes.len() * 2,
        "{} for {}",
        bytes.capacity(),
        bytes.len()
    );
    assert!(took.as_millis() < 500, "{took:?}");
}

#[test]
fn a_reader_with_limits_sees_the_links_that_are_inside() {
    let (seen, unseen) = (Uuid::from_u128(0x01), Uuid::from_u128(0x02));
    let mut before = record(EntityType::Deal);
    before.fields[1] = FieldValue::Decimal("899999999999999.99999999".parse().unwrap());
    before.links[2] = LinkSet::from_pairs([(unseen, 3.into())]);
    let mut after = before.clone();
    after.links[0] = LinkSet::from_ids(vec![seen, unseen]);
    let mut later = after.clone();
    later.links[0] = LinkSet::from_ids(vec![seen]);
    later.links[2] = LinkSet::from_pairs([(unseen, 4.into()), (seen, 2.into())]);
    let moved = |before: &Record, after: &Record| {
        let changes = Changes::between(&Arc::new(before.clone()), &Arc::new(after.clone()));
        let event = event(Happening::Updated(changes.unwrap()), after);
        let body = JsonEventEncoder.encode(&event);
        let mut asked = Vec::new();
        let shown = JsonEventEncoder.shown(&body, after.key(), &mut |reference| {
            asked.push(reference.id());
            reference.id() == seen
        });
        let everything = JsonEventEncoder.shown(&body, after.key(), &mut |_| true);
        assert_eq!(everything, Some(body));
        (shown.map(|body| String::from_utf8(body).unwrap()), asked)
    };
    let (shown, asked) = moved(&before, &after);
    assert_eq!(asked.len(), 5);
    let shown = shown.unwrap();
    assert!(!shown.contains(&unseen.to_string()) && shown.contains(&seen.to_string()));
    assert!(shown.contains("899999999999999.99999999"), "{shown}");
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["data"]["payload"]["deal"]["services"], json!([]));
    assert_eq!(
        shown["data"]["payload"]["changes"],
        json!({ "contactIds": { "previous": [], "current": [text(0x01)] } })
    );
    let (shown, _) = moved(&after, &later);
    let shown: Value = serde_json::from_str(&shown.unwrap()).unwrap();
    let line = json!({ "serviceId": text(0x01), "quantity": 2 });
    assert_eq!(
        shown["data"]["payload"]["changes"],
        json!({ "services": { "previous": [], "current": [line] } }),
        "contacts moved unseen"
    );
    let mut unlinked = later.clone();
    unlinked.links[2].remove(unseen);
    assert_eq!(
        moved(&later, &unlinked).0,
        None,
        "nothing moved that is seen"
    );
    assert_eq!(
        JsonEventEncoder.shown(b"{", later.key(), &mut |_| true),
        None
    );
}
