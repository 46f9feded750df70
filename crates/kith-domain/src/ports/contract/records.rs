//! Records: what is written is what is read.

use rust_decimal::Decimal;

use super::unit::Done;
use super::world::{World, decimal, linked, named, number};
use crate::decide::Command;
use crate::draft::{Draft, Patch};
use crate::entity::{EntityType, FieldValue};
use crate::event::Happening;
use crate::record::RecordKey;

/// Two to four bytes of UTF-8 each, combining marks, quotes, wildcards of SQL, a tab.
const TEXT: &str = "Zoë 😀 e\u{301} 名前 \"q\" 'q' \\ %_ {1,2}\tNULL";

pub(super) async fn every_type_reads_back_as_created(world: &World) {
    for entity in EntityType::ALL {
        let mut draft = Draft::new(entity);
        for field in entity.fields() {
            if let Some(value) = sample(field.kind.default_value(), field.name) {
                draft = draft.field(field.name, value);
            }
        }
        let markdown = format!("# Plan\n\n{TEXT}\n\n- one\n- two");
        let draft = draft.links("users", [world.users[1], world.users[0]]);
        let created = world.create(draft.markdown(&markdown)).await;
        assert_eq!(created.version, 1, "{entity}");
        assert!(created.notes.is_some(), "{entity}");
        assert_eq!(created.linked("users").unwrap().len(), 2, "{entity}");
        let read = world.get(created.key()).await;
        assert_eq!(read, created, "{entity}");

        let bare = world.named(entity, TEXT).await;
        assert_eq!(bare.display_name(), TEXT, "{entity}");
        assert_eq!(world.get(bare.key()).await, bare, "{entity}");
    }
}

/// A demanding value of the kind of `default`; none for the totals, which are derived.
fn sample(default: FieldValue, name: &str) -> Option<FieldValue> {
    match default {
        FieldValue::Text(_) => Some(FieldValue::Text(TEXT.to_owned())),
        FieldValue::Emails(_) => Some(FieldValue::Emails(vec![
            "zoë+\"x\"@example.com".replace('"', ""),
            "Ada.O'Hara@example.com".to_owned(),
        ])),
        FieldValue::Decimal(_) if name.starts_with("total") => None,
        FieldValue::Decimal(_) => Some(FieldValue::Decimal(decimal("-99999999999.9999"))),
    }
}

pub(super) async fn links_show_at_both_ends(world: &World) {
    for entity in EntityType::ALL {
        for def in entity.links() {
            let (crate::relation::Target::Record(other), Some(mirror)) = (def.target, def.mirror)
            else {
                continue;
            };
            let there = [
                world.named(other, "first").await.key(),
                world.named(other, "second").await.key(),
            ];
            let ids = there.map(|key| key.id);
            let here = world.named(entity, "here").await.key();
            world
                .run(Command::link(here, def.relation, ids).unwrap())
                .await;
            assert_eq!(linked(&*world.get(here).await, def.relation), ids);
            for key in there {
                let record = world.get(key).await;
                assert_eq!(
                    record.links[mirror].ids(),
                    [here.id],
                    "{entity} {}",
                    def.relation
                );
                assert_eq!(record.version, 2);
            }
            let unlink = Command::unlink(here, def.relation, [there[0].id]).unwrap();
            world.run(unlink).await;
            assert_eq!(linked(&*world.get(here).await, def.relation), [there[1].id]);
            assert!(world.get(there[0]).await.links[mirror].is_empty());
            // A given array replaces the set, from this end …
            let draft = Draft::new(entity).links(def.relation, [there[0].id]);
            world.run(Command::update(here.id, draft)).await;
            assert!(world.get(there[0]).await.links[mirror].contains(here.id));
            assert!(world.get(there[1]).await.links[mirror].is_empty());
            // … and from the other one.
            let back = other.links()[mirror].relation;
            let draft = Draft::new(other).links(back, []);
            world.run(Command::update(there[0].id, draft)).await;
            assert!(
                world
                    .get(here)
                    .await
                    .linked(def.relation)
                    .unwrap()
                    .is_empty()
            );
        }
    }
}

pub(super) async fn totals_are_exact(world: &World) {
    let mut services = Vec::new();
    for amount in ["0.0001", "33333333.3333", "-12.5", "0"] {
        let amount = FieldValue::Decimal(decimal(amount));
        let draft = named(EntityType::Service, "service").field("amount", amount);
        services.push(world.create(draft).await);
    }
    let quantities = ["0.0001", "3.0003", "7", "99999999999.9999"].map(decimal);
    let ids = services.iter().map(|service| service.id);
    let draft = named(EntityType::Deal, "deal").lines("services", ids.clone().zip(quantities));
    let deal = world.create(draft).await;
    // 0.0001 × 0.0001 + 33333333.3333 × 3.0003 − 12.5 × 7
    assert_totals(world, deal.key(), "100009912.4999", "100000000010.0003").await;
    let read = world.get(deal.key()).await;
    assert!(
        read.linked("services")
            .unwrap()
            .iter()
            .eq(ids.clone().zip(quantities))
    );

    let amount = FieldValue::Decimal(decimal("0.0003"));
    let draft = Draft::new(EntityType::Service).field("amount", amount);
    let repriced = world.run(Command::update(services[0].id, draft)).await;
    assert_eq!(names(&repriced), ["service.updated", "deal.updated"]);
    assert_totals(world, deal.key(), "100009912.49990002", "100000000010.0003").await;

    let unlink = Command::unlink(services[3].key(), "deals", [deal.id]).unwrap();
    world.run(unlink).await;
    assert_totals(world, deal.key(), "100009912.49990002", "10.0004").await;
    // From the side of the service a new link has quantity 1, and an existing one keeps its own.
    let draft = Draft::new(EntityType::Service).links("deals", [deal.id]);
    world
        .run(Command::update(services[3].id, draft.clone()))
        .await;
    world.run(Command::update(services[1].id, draft)).await;
    assert_totals(world, deal.key(), "100009912.49990002", "11.0004").await;

    world.run(Command::delete(services[1].key())).await;
    assert_totals(world, deal.key(), "-87.49999997", "8.0001").await;
    let draft = Draft::new(EntityType::Deal).links("services", []);
    world.run(Command::update(deal.id, draft)).await;
    assert_totals(world, deal.key(), "0", "0").await;
}

async fn assert_totals(world: &World, deal: RecordKey, value: &str, quantity: &str) {
    let deal = world.get(deal).await;
    assert_eq!(number(&deal, "totalValue"), decimal(value));
    assert_eq!(number(&deal, "totalQuantity"), decimal(quantity));
}

pub(super) async fn an_update_changes_what_it_names(world: &World) {
    let draft = named(EntityType::Contact, "Ada")
        .text("lastName", "Byron")
        .field(
            "emails",
            FieldValue::Emails(vec!["a@example.com".into(), "b@example.com".into()]),
        )
        .markdown("Likes **engines**")
        .links("users", [world.users[0]]);
    let before = world.create(draft).await;

    let mut draft = Draft::new(EntityType::Contact).text("lastName", "Lovelace");
    draft.notes = Patch::Null;
    let done = world.run(Command::update(before.id, draft)).await;
    let mut expected = crate::record::Record::clone(&before);
    expected.fields[1] = FieldValue::Text("Lovelace".to_owned());
    expected.notes = None;
    expected.version = 2;
    expected.updated_at = done.records[0].updated_at;
    assert!(expected.updated_at > before.updated_at);
    assert_eq!(*world.get(before.key()).await, expected);

    // The order of addresses counts, that of links does not; both are kept as they were given or sorted.
    let emails = vec!["b@example.com".into(), "a@example.com".into()];
    let draft = Draft::new(EntityType::Contact)
        .field("emails", FieldValue::Emails(emails.clone()))
        .links("users", [world.users[1]])
        .markdown("again");
    world.run(Command::update(before.id, draft)).await;
    let read = world.get(before.key()).await;
    assert_eq!(read.field("emails"), Some(&FieldValue::Emails(emails)));
    assert_eq!(linked(&read, "users"), [world.users[1]]);
    assert_eq!((read.version, read.notes.is_some()), (3, true));
}

pub(super) async fn what_changes_nothing_writes_nothing(world: &World) {
    let service = world.named(EntityType::Service, "service").await;
    let other = world.named(EntityType::Service, "other").await;
    let lines = [(service.id, Decimal::TWO), (other.id, Decimal::ONE)];
    let draft = named(EntityType::Deal, "deal")
        .lines("services", lines)
        .links("users", world.users.clone())
        .markdown("Some *notes*");
    let deal = world.create(draft).await;
    let position = world.log().await.len();

    let again = Draft::new(EntityType::Deal)
        .text("name", "  deal ")
        .lines("services", lines.into_iter().rev())
        .links("users", world.users.iter().rev().copied())
        .markdown("Some *notes*");
    let free = FieldValue::Decimal(decimal("0.0000"));
    let free = Draft::new(EntityType::Service).field("amount", free);
    for command in [
        Command::update(deal.id, again),
        Command::update(deal.id, Draft::new(EntityType::Deal)),
        Command::update(service.id, free.links("deals", [deal.id])),
        Command::link(deal.key(), "services", [other.id, service.id]).unwrap(),
        Command::link(service.key(), "deals", [deal.id]).unwrap(),
        Command::unlink(deal.key(), "contacts", []).unwrap(),
    ] {
        let done = world.run(command.clone()).await;
        assert!(
            done.events.is_empty(),
            "{command:?} made {:?}",
            names(&done)
        );
        assert_eq!(done.records.len(), 1, "the record is answered nevertheless");
    }
    assert_eq!(world.get(deal.key()).await, deal);
    assert_eq!(
        world.get(service.key()).await.version,
        2,
        "only the link of the deal's creation"
    );
    assert_eq!(world.log().await.len(), position);
}

pub(super) async fn a_deletion_unlinks_the_neighbours(world: &World) {
    let contact = world.named(EntityType::Contact, "contact").await;
    let organization = world.named(EntityType::Organization, "organization").await;
    let price = FieldValue::Decimal(decimal("2.5"));
    let draft = named(EntityType::Service, "service").field("amount", price);
    let service = world.create(draft).await;
    let draft = named(EntityType::Deal, "deal")
        .links("contacts", [contact.id])
        .links("organizations", [organization.id])
        .links("users", world.users.clone())
        .lines("services", [(service.id, decimal("4"))]);
    let deal = world.create(draft).await;
    let kept = world
        .create(named(EntityType::Deal, "kept").links("contacts", [contact.id]))
        .await;

    let gone = world.run(Command::delete(service.key())).await;
    assert_eq!(names(&gone), ["service.deleted", "deal.updated"]);
    assert_eq!(
        number(&*world.get(deal.key()).await, "totalValue"),
        Decimal::ZERO
    );

    let gone = world.run(Command::delete(deal.key())).await;
    let told = ["deal.deleted", "contact.updated", "organization.updated"];
    assert_eq!(
        names(&gone),
        told,
        "the record asked for first, then the others by id"
    );
    assert!(gone.records.is_empty());
    assert_eq!(world.find(deal.key()).await, None);
    assert_eq!(linked(&*world.get(contact.key()).await, "deals"), [kept.id]);
    assert!(linked(&*world.get(organization.key()).await, "deals").is_empty());

    let both = [
        contact.id,
        world.named(EntityType::Contact, "lonely").await.id,
    ];
    let gone = world
        .run(Command::delete_many(EntityType::Contact, both))
        .await;
    let told = ["contact.deleted", "contact.deleted", "deal.updated"];
    assert_eq!(names(&gone), told);
    let Happening::Updated(changes) = &gone.events[2].happening else {
        panic!("the deal loses its contact");
    };
    assert_eq!(changes.moved.len(), 1);
    assert!(
        world.try_run(Command::delete(contact.key())).await.is_err(),
        "it is gone"
    );
}

fn names(done: &Done) -> Vec<&'static str> {
    done.events.iter().map(crate::event::Event::name).collect()
}
