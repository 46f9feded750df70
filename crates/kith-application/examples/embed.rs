//! Kith inside a service of your own: its domain and use cases over a repository in memory, events on the terminal.
//!
//! A real service implements [`Repository`](kith_domain::ports::Repository) over its own storage.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "an example shows something, and composes"
)]

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use kith_application::Records;
use kith_domain::actor::{Actor, Permissions};
use kith_domain::decide::Command;
use kith_domain::draft::Draft;
use kith_domain::entity::EntityType::{Contact, Organization};
use kith_domain::event::{CommittedEvent, Event};
use kith_domain::ports::{Clock, EventEncoder, Ids, MemoryRepository, Notifier};
use kith_domain::time::Timestamp;
use uuid::Uuid;

/// The world around the domain: the time, new ids, the form of events and who hears of them.
struct World;

impl Clock for World {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Ids for World {
    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

impl EventEncoder for World {
    fn encode(&self, event: &Event) -> Vec<u8> {
        event.name().into()
    }
}

impl Notifier for World {
    fn committed(&self, events: &[CommittedEvent]) {
        events
            .iter()
            .for_each(|e| println!("{}: {}", e.position, String::from_utf8_lossy(&e.event.body)));
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), kith_application::Error> {
    let world = Arc::new(World);
    let storage = Arc::new(MemoryRepository::new(world.clone()));
    let records = Records::new(storage, world.clone(), world.clone(), world);
    let actor = Actor {
        company: Uuid::from_u128(1),
        user: Uuid::from_u128(2),
        permissions: Permissions::all(),
    };

    let engines = Draft::new(Organization).text("name", "Analytical Engines");
    let made = records.execute(&actor, create(engines)).await?;
    let ids = made.iter().map(|record| record.id);
    let ada = Draft::new(Contact)
        .text("firstName", "Ada")
        .links("organizations", ids);
    records.execute(&actor, create(ada)).await?;
    let seen = records.get(&actor, made[0].key()).await?;
    println!("{}: {:?}", seen.display_name(), seen.linked("contacts"));
    Ok(())
}

fn create(draft: Draft) -> Command {
    let entity = draft.entity;
    Command::Create {
        entity,
        drafts: vec![draft],
        batch: false,
    }
}
