//! Kith inside a service of your own: its use cases over a repository in memory, its events without HTTP.
//!
//! A real service implements [`Repository`](kith_domain::ports::Repository) and
//! [`EventFeed`](kith_domain::ports::EventFeed) over its own storage. It hears of events in two ways: a notifier is told
//! of each commit of this process as it happens, and a follower reads the log, from where the service was done with it,
//! so that nothing is lost whatever stops.
#![expect(clippy::print_stdout, reason = "an example shows something")]
#![expect(clippy::disallowed_methods, reason = "time and ids come from here")]

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use kith_application::{Error, EventLog, Records};
use kith_domain::actor::{Actor, Limit, Permissions};
use kith_domain::decide::Command;
use kith_domain::draft::Draft;
use kith_domain::entity::EntityType::{Contact, Organization};
use kith_domain::event::{CommittedEvent, Event};
use kith_domain::ports::MemoryRepository;
use kith_domain::time::Timestamp;
use uuid::Uuid;

fn now() -> Timestamp {
    let since = UNIX_EPOCH.elapsed().unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn encode(event: &Event) -> Vec<u8> {
    format!("{} {} at {}", event.name(), event.key.id, event.at).into()
}

/// The notifier: quick, and good for counters and caches.
fn count(events: &[CommittedEvent]) {
    println!("{} committed", events.len());
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let storage = Arc::new(MemoryRepository::new(Arc::new(count)));
    let log = EventLog::new(storage.clone(), storage.clone());
    let (encode, now, ids) = (Arc::new(encode), Arc::new(now), Arc::new(Uuid::now_v7));
    let records = Records::new(storage, encode, now, ids);
    let me = Actor {
        company: Uuid::now_v7(),
        user: Uuid::now_v7(),
        permissions: Permissions::all(),
        limit: Limit::none(),
    };

    let engines = Draft::new(Organization).text("name", "Analytical Engines");
    let engines = records.execute(&me, Command::create(engines)).await?[0].id;
    let ada = Draft::new(Contact).text("firstName", "Ada");
    let ada = ada.links("organizations", [engines]);
    let ada = records.execute(&me, Command::create(ada)).await?[0].key();
    let lovelace = Draft::new(Contact).text("lastName", "Lovelace");
    records
        .execute(&me, Command::update(ada.id, lovelace))
        .await?;

    // Where the service was done with the log, which it stores as it likes.
    let mut done = 0;
    let mut follower = log.follow(me.company, done);
    while done < log.end(me.company).await? {
        for committed in follower.next().await? {
            let text = String::from_utf8_lossy(&committed.event.body);
            println!("{}: {text}", committed.position);
            done = committed.position;
        }
    }

    let seen = records.get(&me, ada).await?;
    println!("{}: version {}", seen.display_name(), seen.version);
    Ok(())
}
