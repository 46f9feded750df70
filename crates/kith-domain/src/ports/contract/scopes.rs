//! What one who may read less sees, and what becomes of the rest when they write.

use super::world::{World, linked, named};
use crate::decide::Command;
use crate::draft::Draft;
use crate::entity::EntityType::{self, Contact, Organization, Task};
use crate::record::RecordKey;
use crate::violation::Refusal;

/// May do everything to contacts that are assigned to them, and read their own organizations and themselves.
const OWN: [&str; 3] = ["contacts:readOwn", "organizations:readOwn", "users:readOwn"];

pub(super) async fn what_is_outside_a_scope_is_absent(world: &World) {
    let (me, colleague) = (world.users[0], world.users[1]);
    let limited = world.limited(me, &OWN);
    let mine = world
        .create(named(Organization, "mine").links("users", [me, colleague]))
        .await;
    let theirs = world
        .create(named(Organization, "theirs").links("users", [colleague]))
        .await;
    let deal = world.named(EntityType::Deal, "deal").await;
    let contact = world
        .create(
            named(Contact, "contact")
                .links("organizations", [mine.id, theirs.id])
                .links("deals", [deal.id])
                .links("users", [colleague, me]),
        )
        .await;
    let hidden = world
        .create(named(Contact, "hidden").links("organizations", [mine.id]))
        .await;

    let seen = limited.get(contact.key()).await;
    assert_eq!(linked(&seen, "organizations"), [mine.id]);
    assert!(linked(&seen, "deals").is_empty());
    assert_eq!(linked(&seen, "users"), [me]);
    assert_eq!(seen.version, 1);
    let seen = limited.get(mine.key()).await;
    assert_eq!(linked(&seen, "contacts"), [contact.id]);
    for outside in [theirs.key(), hidden.key(), deal.key()] {
        assert_eq!(limited.find(outside).await, None, "{outside:?}");
    }
    let nothing = RecordKey {
        entity: Contact,
        id: world.new_id(),
    };
    let rename = |name| Draft::new(Contact).text("firstName", name);
    let on = |key: RecordKey| {
        [
            Command::update(key.id, rename("new")),
            Command::delete(key),
            Command::notes(key, "read"),
            Command::update(key.id, rename("new")).expecting(9),
        ]
    };
    for (hides, lacks) in on(hidden.key()).into_iter().zip(on(nothing)) {
        let refusals = [limited.try_run(hides).await, limited.try_run(lacks).await];
        let texts = refusals.map(|refusal| match refusal {
            Err(Refusal::NotFound(problems)) => problems[0].message.clone(),
            other => panic!("{other:?}"),
        });
        let [hides, lacks] = texts;
        let lacks = lacks.replace(&nothing.id.to_string(), &hidden.id.to_string());
        assert_eq!(hides, lacks, "as if it did not exist");
    }
    for (relation, outside) in [
        ("organizations", theirs.id),
        ("deals", deal.id),
        ("users", colleague),
    ] {
        for command in [
            Command::link(contact.key(), relation, [outside]).unwrap(),
            Command::unlink(contact.key(), relation, [outside]).unwrap(),
            Command::update(contact.id, Draft::new(Contact).links(relation, [outside])),
            Command::create(named(Contact, "new").links(relation, [outside])),
        ] {
            let refusal = limited.try_run(command.clone()).await.unwrap_err();
            assert!(matches!(refusal, Refusal::NotFound(_)), "{command:?}");
        }
    }
    assert_eq!(world.get(contact.key()).await, contact);
    assert_eq!(world.get(hidden.key()).await, hidden);
}

pub(super) async fn links_outside_a_scope_stay(world: &World) {
    let (me, colleague) = (world.users[0], world.users[1]);
    let limited = world.limited(me, &OWN);
    let organization = |name, users: &[uuid::Uuid]| {
        world.create(named(Organization, name).links("users", users.iter().copied()))
    };
    let (mine, kept) = (
        organization("mine", &[me]).await,
        organization("kept", &[me]).await,
    );
    let theirs = organization("theirs", &[colleague]).await;
    let all = [mine.id, kept.id, theirs.id];
    let contact = world
        .create(
            named(Contact, "contact")
                .links("organizations", all)
                .links("users", [me, colleague]),
        )
        .await;

    let draft = Draft::new(Contact).links("organizations", [kept.id]);
    let done = limited.run(Command::update(contact.id, draft)).await;
    assert_eq!(linked(&done.records[0], "organizations"), [kept.id]);
    assert_eq!(linked(&done.records[0], "users"), [me]);
    let stored = world.get(contact.key()).await;
    let mut left = [kept.id, theirs.id];
    left.sort_unstable();
    assert_eq!(linked(&stored, "organizations"), left);
    assert_eq!(linked(&stored, "users").len(), 2);

    // What was read and is sent back changes nothing.
    let draft = Draft::new(Contact)
        .links("organizations", [kept.id])
        .links("deals", [])
        .links("users", [me]);
    let done = limited.run(Command::update(contact.id, draft)).await;
    assert_eq!(done.records[0].version, stored.version);

    let gone = limited.run(Command::delete(mine.key())).await;
    assert!(gone.records.is_empty());
    limited.run(Command::delete(contact.key())).await;
    let theirs = world.get(theirs.key()).await;
    assert!(linked(&theirs, "contacts").is_empty());
}

pub(super) async fn who_reads_only_their_own_is_assigned_what_they_make(world: &World) {
    let (me, colleague) = (world.users[0], world.users[1]);
    for (rights, users) in [
        (["tasks:readOwn", "users:readAll"], vec![me]),
        (["tasks:readAll", "users:readAll"], vec![]),
    ] {
        let limited = world.limited(me, &rights);
        let done = limited.run(Command::create(named(Task, "new"))).await;
        let made = &done.records[0];
        assert_eq!(linked(made, "users"), users, "{rights:?}");
        assert_eq!(&limited.get(made.key()).await, made);
    }
    let limited = world.limited(me, &["tasks:readOwn", "users:readAll"]);
    let draft = named(Task, "for another").links("users", [colleague]);
    let done = limited.run(Command::create(draft)).await;
    assert_eq!(linked(&done.records[0], "users").len(), 2);
    // Whoever gives a task away no longer finds it.
    let key = done.records[0].key();
    let away = Command::update(key.id, Draft::new(Task).links("users", [colleague]));
    limited.run(away).await;
    assert_eq!(limited.find(key).await, None);
    // Even one who may not read users, and therefore does not see it.
    let blind = world.limited(me, &["tasks:readOwn"]);
    let done = blind.run(Command::create(named(Task, "new"))).await;
    assert!(linked(&done.records[0], "users").is_empty());
    assert!(blind.find(done.records[0].key()).await.is_some());
}
