//! What is refused, absent or another tenant's.

use rust_decimal::Decimal;

use super::world::{World, named};
use crate::decide::Command;
use crate::draft::Draft;
use crate::entity::EntityType;
use crate::record::RecordKey;
use crate::violation::Refusal;

pub(super) async fn absence_is_none(world: &World) {
    let contact = world.named(EntityType::Contact, "contact").await;
    for entity in EntityType::ALL {
        let id = world.new_id();
        assert_eq!(world.find(RecordKey { entity, id }).await, None);
        let id = contact.id;
        let found = world.find(RecordKey { entity, id }).await;
        assert_eq!(
            found.is_some(),
            entity == EntityType::Contact,
            "an id belongs to one type"
        );
    }
}

pub(super) async fn tenants_do_not_see_each_other(world: &World) {
    let elsewhere = world.elsewhere();
    let theirs = elsewhere.named(EntityType::Organization, "theirs").await;
    let their_deal = elsewhere
        .create(named(EntityType::Deal, "theirs").links("organizations", [theirs.id]))
        .await;
    let theirs = elsewhere.get(theirs.key()).await;
    let mine = world.named(EntityType::Contact, "mine").await;
    assert_eq!(world.find(theirs.key()).await, None);

    let rename = Draft::new(EntityType::Organization).text("name", "renamed");
    let foreign_user = elsewhere.users[0];
    for command in [
        Command::update(theirs.id, rename),
        Command::delete(theirs.key()),
        Command::notes(theirs.key(), "read"),
        Command::link(theirs.key(), "contacts", [mine.id]).unwrap(),
        Command::link(mine.key(), "organizations", [theirs.id]).unwrap(),
        Command::unlink(mine.key(), "organizations", [theirs.id]).unwrap(),
        Command::link(mine.key(), "deals", [their_deal.id]).unwrap(),
        Command::link(mine.key(), "users", [foreign_user]).unwrap(),
        Command::create(named(EntityType::Contact, "new").links("organizations", [theirs.id])),
        Command::create(named(EntityType::Task, "new").links("users", [foreign_user])),
    ] {
        let refusal = world.try_run(command.clone()).await.unwrap_err();
        assert!(
            matches!(refusal, Refusal::NotFound(_)),
            "{command:?}: {refusal}"
        );
    }
    assert_eq!(elsewhere.get(theirs.key()).await, theirs);
    assert_eq!(world.get(mine.key()).await, mine);
    let log = elsewhere.log().await;
    assert_eq!(log.len(), 3, "created twice, linked once");
    assert_eq!(world.log().await.len(), 1);
}

pub(super) async fn a_refusal_changes_nothing(world: &World) {
    let organization = world.named(EntityType::Organization, "organization").await;
    let contact = world.named(EntityType::Contact, "contact").await;
    let nothing = world.new_id();
    let good = || named(EntityType::Contact, "good").links("organizations", [organization.id]);
    let bad = || named(EntityType::Contact, "");
    let rename = |name| Draft::new(EntityType::Contact).text("firstName", name);
    let contacts = EntityType::Contact;
    for command in [
        Command::create_many(contacts, [good(), bad()]),
        Command::create_many(contacts, [bad(), good()]),
        Command::create_many(contacts, [good(), good().links("deals", [nothing])]),
        Command::update_many(
            contacts,
            [(contact.id, rename("new")), (nothing, rename("new"))],
        ),
        Command::update_many(
            contacts,
            [(contact.id, rename("a")), (contact.id, rename("b"))],
        ),
        Command::update(
            contact.id,
            rename("\0").links("organizations", [organization.id]),
        ),
        Command::delete_many(contacts, [contact.id, nothing]),
        Command::link(contact.key(), "organizations", [organization.id, nothing]).unwrap(),
        Command::update(
            contact.id,
            rename("new").lines("organizations", [(organization.id, Decimal::ONE)]),
        ),
    ] {
        assert!(world.try_run(command.clone()).await.is_err(), "{command:?}");
        assert_eq!(
            world.get(organization.key()).await,
            organization,
            "{command:?}"
        );
        assert_eq!(world.get(contact.key()).await, contact, "{command:?}");
        assert_eq!(world.log().await.len(), 2, "{command:?}");
    }
}

pub(super) async fn a_stale_version_changes_nothing(world: &World) {
    let task = world.named(EntityType::Task, "one").await;
    let rename = |name| Command::update(task.id, Draft::new(EntityType::Task).text("name", name));
    world.run(rename("two").expecting(1)).await;
    let link = Command::link(task.key(), "users", [world.users[0]]).unwrap();
    for command in [
        rename("three").expecting(1),
        rename("three").expecting(3),
        link.clone().expecting(1),
        Command::notes(task.key(), "three").expecting(1),
        Command::delete(task.key()).expecting(1),
    ] {
        let refusal = world.try_run(command).await.unwrap_err();
        assert!(
            matches!(refusal, Refusal::VersionMismatch { actual: 2, .. }),
            "{refusal}"
        );
        assert_eq!(world.get(task.key()).await.display_name(), "two");
    }
    world.run(link.expecting(2)).await;
    world.run(Command::delete(task.key()).expecting(3)).await;
}
