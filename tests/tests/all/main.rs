//! The end-to-end tests, one program: each scenario runs on SQLite and on PostgreSQL, over real HTTP.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod bad_input;
mod crash;
mod embed;
mod endpoints;
mod events;
mod faults;
mod idempotency;
mod links;
mod many;
mod matrix;
mod notes;
mod operations;
mod parallel;
mod people;
mod retention;
mod scopes;
mod secrets;
mod sessions;
mod stream;
mod surface;
mod tenants;
mod updates;
mod webhooks;

use kith_tests::{Backend, TestServer};
use serde_json::Value;

/// Runs scenarios, functions that take a server of their own, on both databases.
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                crate::run(kith_tests::Backend::Sqlite, super::$name).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                crate::run(kith_tests::Backend::Postgres, super::$name).await;
            })+
        }
    };
}
pub(crate) use scenarios;

/// Runs a scenario on a server of its own, which must not have logged an error at the end.
async fn run(backend: Backend, scenario: impl AsyncFnOnce(&mut TestServer)) {
    if !backend.is_available() {
        left_out(backend.name(), "KITH_TEST_POSTGRES_URL is not set");
        return;
    }
    let mut server = TestServer::start(backend).await.unwrap();
    scenario(&mut server).await;
    let log = server.log();
    let errors: Vec<_> = log
        .lines()
        .filter(|line| line.contains(r#""level":"ERROR""#) && !line.contains(r#""status":503"#))
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

/// Says that something cannot be tested here; where nobody would read it, it has to be.
#[track_caller]
fn left_out(what: &str, why: &str) {
    let unattended = std::env::var("CI").is_ok_and(|ci| !matches!(ci.as_str(), "" | "0" | "false"));
    assert!(!unattended, "{what} is not there: {why}");
    eprintln!("LEFT OUT: {what} ({why})");
}

/// The text of a member: `text(&contact, "id")`.
#[track_caller]
fn text(record: &Value, member: &str) -> String {
    record[member].as_str().unwrap().to_owned()
}

/// The id of a record.
#[track_caller]
fn id(record: &Value) -> String {
    text(record, "id")
}

/// A value with these members taken out.
fn without(mut record: Value, members: &[&str]) -> Value {
    if let Some(object) = record.as_object_mut() {
        object.retain(|name, _| !members.contains(&name.as_str()));
    }
    record
}

/// The ids of a link array as a sorted list, to be compared as a set.
#[track_caller]
fn sorted(ids: &Value) -> Vec<String> {
    let ids = ids.as_array().unwrap().iter();
    let mut ids: Vec<_> = ids.map(|id| id.as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}
