//! Many units at once, and many records in one.

use rust_decimal::Decimal;

use super::together::together;
use super::unit::Task;
use super::world::{World, decimal, linked, named, number};
use crate::decide::Command;
use crate::draft::Draft;
use crate::entity::EntityType;
use crate::record::RecordKey;

/// Units at the same time.
const CROWD: usize = 200;

pub(super) async fn many_units_link_one_organization(world: &World) {
    let organization = world
        .named(EntityType::Organization, "organization")
        .await
        .key();
    let creations = (0..CROWD).map(|n| {
        let draft = named(EntityType::Contact, &n.to_string());
        world.run(Command::create(
            draft.links("organizations", [organization.id]),
        ))
    });
    let mut contacts: Vec<_> = together(creations)
        .await
        .iter()
        .map(|done| done.records[0].id)
        .collect();
    contacts.sort_unstable();
    let read = world.get(organization).await;
    assert_eq!(linked(&read, "contacts"), contacts);
    assert_eq!(read.version, 1 + CROWD as i64);
    let log = world.log().await;
    let updates = log
        .iter()
        .filter(|event| event.event.subject.record() == Some(organization));
    let updates = updates.filter(|event| event.event.name == "organization.updated");
    assert_eq!(
        updates.count(),
        CROWD,
        "one event for each link; the audit checks their versions"
    );
}

pub(super) async fn changes_that_build_on_what_was_read_lose_nothing(world: &World) {
    let service = world.named(EntityType::Service, "service").await.key();
    let deal = named(EntityType::Deal, "deal").lines("services", [(service.id, decimal("0.5"))]);
    let deal = world.create(deal).await.key();
    let raises = (0..CROWD).map(|_| world.perform(Task::Raise(service)));
    for done in together(raises).await {
        assert_eq!(done.unwrap().events.len(), 2);
    }
    let count = Decimal::from(CROWD);
    assert_eq!(number(&*world.get(service).await, "amount"), count);
    assert_eq!(
        number(&*world.get(deal).await, "totalValue"),
        count / Decimal::TWO
    );
}

pub(super) async fn totals_stay_exact_under_contention(world: &World) {
    let service = world.named(EntityType::Service, "service").await.key();
    let drafts = (0..10).map(|n| named(EntityType::Deal, &n.to_string()));
    let deals = world
        .run(Command::create_many(EntityType::Deal, drafts))
        .await
        .records;
    let link = |deal: RecordKey| Command::link(deal, "services", [service.id]).unwrap();
    let unlink = |deal: RecordKey| Command::unlink(service, "deals", [deal.id]).unwrap();
    let tasks = deals.iter().map(|deal| deal.key()).flat_map(|deal| {
        let [there, away, back] = [link(deal), unlink(deal), link(deal)].map(Task::Run);
        [
            there,
            Task::Raise(service),
            away,
            Task::Raise(service),
            back,
        ]
    });
    for done in together(tasks.map(|task| world.perform(task))).await {
        done.unwrap();
    }
    let service = world.get(service).await;
    assert_eq!(number(&service, "amount"), Decimal::from(20));
    for deal in deals {
        let deal = world.get(deal.key()).await;
        let is_linked = linked(&service, "deals").contains(&deal.id);
        assert_eq!(linked(&deal, "services").contains(&service.id), is_linked);
        let expected = if is_linked { 20 } else { 0 };
        assert_eq!(number(&deal, "totalValue"), Decimal::from(expected));
    }
}

pub(super) async fn a_deletion_races_with_links(world: &World) {
    let organization = world
        .named(EntityType::Organization, "organization")
        .await
        .key();
    let drafts = (0..60).map(|n| named(EntityType::Contact, &n.to_string()));
    let contacts = world
        .run(Command::create_many(EntityType::Contact, drafts))
        .await
        .records;
    let commands = contacts.iter().enumerate().map(|(n, contact)| match n {
        30 => Command::delete(organization),
        n if n % 2 == 0 => Command::link(organization, "contacts", [contact.id]).unwrap(),
        _ => Command::link(contact.key(), "organizations", [organization.id]).unwrap(),
    });
    let ran = together(commands.map(|command| world.try_run(command))).await;
    assert!(ran[30].is_ok());
    assert_eq!(world.find(organization).await, None);
    for contact in &contacts {
        let contact = world.get(contact.key()).await;
        assert!(
            linked(&contact, "organizations").is_empty(),
            "no link to what is gone"
        );
    }
    let log = world.log().await;
    let linked = ran.iter().filter(|ran| ran.is_ok()).count() - 1;
    assert_eq!(
        log.len(),
        1 + 60 + 2 * linked + 1 + linked,
        "made, linked, and gone from both ends"
    );
}

pub(super) async fn refused_units_do_not_harm_their_neighbours(world: &World) {
    let elsewhere = world.elsewhere();
    let organization = world
        .named(EntityType::Organization, "organization")
        .await
        .key();
    let theirs = elsewhere
        .named(EntityType::Organization, "theirs")
        .await
        .key();
    let units = (0..90).map(|n| {
        let name = if n % 3 == 2 { "" } else { "contact" };
        let (world, organization) = match n % 2 {
            0 => (world, organization),
            _ => (&elsewhere, theirs),
        };
        let draft = named(EntityType::Contact, name).links("organizations", [organization.id]);
        world.try_run(Command::create(draft))
    });
    let ran = together(units).await;
    for (n, ran) in ran.iter().enumerate() {
        assert_eq!(ran.is_ok(), n % 3 != 2, "unit {n}: {ran:?}");
    }
    for (world, organization) in [(world, organization), (&elsewhere, theirs)] {
        assert_eq!(
            linked(&*world.get(organization).await, "contacts").len(),
            30
        );
        assert_eq!(world.log().await.len(), 1 + 2 * 30);
    }
}

pub(super) async fn an_abandoned_unit_runs_as_a_whole_or_not_at_all(world: &World) {
    let organization = world
        .named(EntityType::Organization, "organization")
        .await
        .key();
    let contact =
        || named(EntityType::Contact, "contact").links("organizations", [organization.id]);
    for _ in 0..10 {
        world
            .abandon(Command::create_many(
                EntityType::Contact,
                [contact(), contact()],
            ))
            .await;
    }
    // Enough for the repository that was left to have another one behind those that were abandoned.
    let followers = (0..10).map(|_| world.run(Command::create(contact())));
    together(followers).await;
    let log = world.log().await;
    let created = log
        .iter()
        .filter(|event| event.event.name == "contact.created")
        .count();
    assert!(
        created >= 10 && created % 2 == 0,
        "{created} contacts came of 10 and pairs"
    );
    assert_eq!(
        linked(&*world.get(organization).await, "contacts").len(),
        created
    );
}

pub(super) async fn a_thousand_creations_in_one_command(world: &World) {
    let organization = world
        .named(EntityType::Organization, "organization")
        .await
        .key();
    let drafts = (0..1000).map(|n| {
        let draft = named(EntityType::Contact, &n.to_string()).markdown("notes");
        draft.links("organizations", [organization.id])
    });
    let done = world
        .run(Command::create_many(EntityType::Contact, drafts))
        .await;
    assert_eq!((done.records.len(), done.events.len()), (1000, 1001));
    let read = world.get(organization).await;
    assert_eq!((linked(&read, "contacts").len(), read.version), (1000, 2));

    let rename = |id| {
        (
            id,
            Draft::new(EntityType::Contact).text("lastName", "renamed"),
        )
    };
    let ids = || done.records.iter().map(|record| record.id);
    let renamed = world
        .run(Command::update_many(EntityType::Contact, ids().map(rename)))
        .await;
    assert_eq!(
        renamed.events.len(),
        1000,
        "the organization has not changed"
    );
    let gone = world
        .run(Command::delete_many(EntityType::Contact, ids()))
        .await;
    assert_eq!(gone.events.len(), 1001);
}

pub(super) async fn an_organization_with_five_thousand_contacts_goes(world: &World) {
    let organization = world
        .named(EntityType::Organization, "organization")
        .await
        .key();
    for _ in 0..5 {
        let draft = named(EntityType::Contact, "contact").links("organizations", [organization.id]);
        let drafts = std::iter::repeat_n(draft, 1000);
        world
            .run(Command::create_many(EntityType::Contact, drafts))
            .await;
    }
    let read = world.get(organization).await;
    assert_eq!(linked(&read, "contacts").len(), 5000);
    let gone = world.run(Command::delete(organization)).await;
    assert_eq!(gone.events.len(), 5001);
    assert!(gone.events[1..].is_sorted_by_key(|event| event.key.id));
    for id in [
        linked(&read, "contacts")[0],
        linked(&read, "contacts")[4999],
    ] {
        let entity = EntityType::Contact;
        let contact = world.get(RecordKey { entity, id }).await;
        assert!(linked(&contact, "organizations").is_empty());
    }
}
