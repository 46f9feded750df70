//! The event log.

use super::world::{World, named};
use crate::decide::Command;
use crate::draft::Draft;
use crate::entity::EntityType;
use crate::event::CommittedEvent;
use crate::record::RecordKey;

pub(super) async fn events_come_in_order(world: &World) {
    let mut organizations = Vec::new();
    for name in ["a", "b", "c"] {
        organizations.push(world.named(EntityType::Organization, name).await.key());
    }
    let contact = world.named(EntityType::Contact, "contact").await.key();
    let ids = organizations.iter().rev().map(|key| key.id);
    let draft = Draft::new(EntityType::Contact).links("organizations", ids);
    let before = world.log().await.len();
    world.run(Command::update(contact.id, draft)).await;
    let rename = |key: &RecordKey| (key.id, Draft::new(key.entity).text("name", "renamed"));
    let backwards = organizations.iter().rev().map(rename);
    world
        .run(Command::update_many(EntityType::Organization, backwards))
        .await;
    world.run(Command::delete(contact)).await;

    let [a, b, c] = organizations[..] else { return };
    let expected = [
        ("contact.updated", contact),
        ("organization.updated", a),
        ("organization.updated", b),
        ("organization.updated", c),
        ("organization.updated", c),
        ("organization.updated", b),
        ("organization.updated", a),
        ("contact.deleted", contact),
        ("organization.updated", a),
        ("organization.updated", b),
        ("organization.updated", c),
    ];
    let log = world.log().await;
    let told: Vec<_> = log[before..]
        .iter()
        .map(|e| (e.event.name, e.event.subject.record().unwrap()))
        .collect();
    assert_eq!(
        told, expected,
        "asked for in the order of the request, then the others by id"
    );
}

pub(super) async fn the_log_is_read_in_pages(world: &World) {
    let drafts = (0..23).map(|n| named(EntityType::Task, &n.to_string()));
    world
        .run(Command::create_many(EntityType::Task, drafts))
        .await;
    let elsewhere = world.elsewhere();
    elsewhere.named(EntityType::Task, "theirs").await;

    let log = world.log().await;
    assert_eq!(log.len(), 23);
    let start = log[0].position - 1;
    for limit in [1, 2, 22, 23, 24, 1000] {
        let mut paged: Vec<CommittedEvent> = Vec::new();
        loop {
            let after = paged.last().map_or(start, |event| event.position);
            let page = world.events(after, limit).await;
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            assert!(page[0].position > after);
            paged.extend(page);
        }
        assert_eq!(paged, log, "pages of {limit}");
    }
    let last = log[22].position;
    assert_eq!(world.events(last, 10).await, []);
    assert_eq!(world.events(i64::MAX, 10).await, []);
    assert_eq!(world.events(start, 0).await, []);
    assert_eq!(world.events(last - 1, 1).await, log[22..]);
    assert_eq!(elsewhere.log().await.len(), 1);
}

pub(super) async fn events_keep_their_bytes(world: &World) {
    let draft = named(EntityType::Contact, "Zoë 😀 \"quoted\" \\ \u{2028}").markdown("notes");
    let created = world.run(Command::create(draft)).await;
    let key = created.records[0].key();
    let updated = world.run(Command::notes(key, "other notes")).await;
    let deleted = world.run(Command::delete(key)).await;
    let made = [created, updated, deleted]
        .map(|done| done.encoded)
        .concat();
    let log = world.log().await;
    assert_eq!(log.len(), 3);
    for (committed, made) in log.iter().zip(&made) {
        assert_eq!(*committed.event, *made);
        let stored = std::str::from_utf8(&committed.event.body).unwrap();
        assert!(stored.starts_with("{ \"z\" : 1.50,\t\"a\":\"\\u0000") && stored.ends_with("}\n"));
    }
}
