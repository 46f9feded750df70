//! Requests that must not run twice.

use super::together::together;
use super::unit::{Task, response};
use super::world::{World, named};
use crate::decide::Command;
use crate::entity::EntityType;
use crate::ports::{IdempotencyClaim, Settled};

fn claim(key: &str, fingerprint: &[u8]) -> Option<IdempotencyClaim> {
    Some(IdempotencyClaim {
        key: key.to_owned(),
        fingerprint: fingerprint.to_vec(),
    })
}

fn task(name: &str) -> Task {
    Task::Run(Command::create(named(EntityType::Task, name)))
}

pub(super) async fn a_claim_runs_once(world: &World) {
    let key = "k".repeat(255);
    let (settled, ran) = world.settle(task("once"), claim(&key, &[0, 0xff])).await;
    assert_eq!(settled, Settled::Done);
    let first = response(&ran.unwrap().unwrap().records);
    for _ in 0..2 {
        let (settled, ran) = world.settle(task("once"), claim(&key, &[0, 0xff])).await;
        assert_eq!(settled, Settled::Replayed(first.clone()));
        assert!(ran.is_none(), "a replay runs nothing");
    }
    assert_eq!(world.log().await.len(), 1);

    // A key belongs to a company, and is compared exactly.
    let elsewhere = world.elsewhere();
    let (settled, _) = elsewhere
        .settle(task("theirs"), claim(&key, &[0, 0xff]))
        .await;
    assert_eq!(settled, Settled::Done);
    let (settled, _) = world
        .settle(task("two"), claim(&key.to_uppercase(), &[0, 0xff]))
        .await;
    assert_eq!(settled, Settled::Done);
    let (settled, _) = world.settle(task("three"), claim("é 😀 '\"%", &[])).await;
    assert_eq!(settled, Settled::Done);
    let (settled, _) = world.settle(task("three"), claim("é 😀 '\"%", &[])).await;
    assert!(matches!(settled, Settled::Replayed(_)));
}

pub(super) async fn a_key_is_not_for_two_requests(world: &World) {
    world.settle(task("one"), claim("key", b"one")).await;
    for fingerprint in [b"two".as_slice(), b"", b"one\0"] {
        let (settled, ran) = world.settle(task("two"), claim("key", fingerprint)).await;
        assert_eq!(settled, Settled::ClaimedOtherwise);
        assert!(ran.is_none());
    }
    assert_eq!(world.log().await.len(), 1);
}

pub(super) async fn a_refused_unit_leaves_no_claim(world: &World) {
    let (settled, ran) = world.settle(task(""), claim("key", b"one")).await;
    assert_eq!(settled, Settled::Done);
    assert!(ran.unwrap().is_err());
    let (settled, ran) = world.settle(task("two"), claim("key", b"two")).await;
    assert_eq!(settled, Settled::Done);
    assert!(ran.unwrap().is_ok());
    let (settled, _) = world.settle(task(""), claim("key", b"one")).await;
    assert_eq!(settled, Settled::ClaimedOtherwise);
}

pub(super) async fn claims_at_the_same_time_run_once(world: &World) {
    let requests = (0..20).map(|n| {
        let fingerprint = if n % 4 == 3 { b"b" } else { b"a" };
        world.settle(task("once"), claim("key", fingerprint))
    });
    let settled = together(requests).await;
    let count = |wanted: fn(&Settled) -> bool| settled.iter().filter(|(s, _)| wanted(s)).count();
    assert_eq!(count(|settled| *settled == Settled::Done), 1);
    let replayed = count(|settled| matches!(settled, Settled::Replayed(_)));
    let otherwise = count(|settled| *settled == Settled::ClaimedOtherwise);
    assert!(
        matches!((replayed, otherwise), (14, 5) | (4, 15)),
        "{replayed}, {otherwise}"
    );
    assert_eq!(world.log().await.len(), 1);
}
