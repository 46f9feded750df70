//! Nobody waits for somebody else.
#![expect(clippy::unwrap_used, reason = "tests")]

use kith_domain::webhook::delivery::{AttemptError, Timing};

use super::*;

const LATEST: Timestamp = Timestamp(1_000);

fn claimed(company: u128, lane: u128, number: u128, attempt: u32) -> Claimed {
    Claimed {
        company: Uuid::from_u128(company),
        id: Uuid::from_u128(lane << 64 | number),
        webhook: Uuid::from_u128(lane),
        claim: Uuid::nil(),
        event_id: Uuid::from_u128(number),
        body: Vec::new(),
        attempt,
        endpoint: None,
    }
}

/// Every lane was looked at.
fn all(_: Uuid) -> bool {
    true
}

fn many(company: u128, lane: u128, count: u128, attempt: u32) -> Vec<Claimed> {
    (0..count)
        .map(|number| claimed(company, lane, number, attempt))
        .collect()
}

fn lanes(slots: usize) -> Lanes {
    Lanes::new(Limits { slots, per_lane: 8 })
}

fn ended(kind: Option<FailureKind>, millis: u64) -> Attempt {
    Attempt {
        number: 1,
        at: LATEST,
        url: String::new(),
        remote: None,
        status: None,
        headers: String::new(),
        body: Vec::new(),
        retry_after: None,
        error: kind.map(|kind| AttemptError::new(kind, "")),
        timing: Timing {
            total: millis * 1_000,
            ..Timing::default()
        },
    }
}

fn fill(lanes: &mut Lanes) -> Vec<Flight> {
    std::iter::from_fn(|| lanes.next().map(|(flight, _)| flight)).collect()
}

fn count(flights: &[Flight], company: u128) -> usize {
    let company = Uuid::from_u128(company);
    flights
        .iter()
        .filter(|flight| flight.company == company)
        .count()
}

#[test]
fn an_endpoint_has_eight_slots_and_a_slow_one_two() {
    let mut lanes = lanes(256);
    lanes.load(many(1, 1, 40, 1), LATEST, all);
    let flights = fill(&mut lanes);
    assert_eq!(flights.len(), 8);
    let slow = ended(Some(FailureKind::Timeout), 10_000);
    for flight in &flights {
        lanes.land(flight, Some(&slow));
    }
    assert_eq!(fill(&mut lanes).len(), 2);
}

#[test]
fn a_slow_endpoint_recovers_with_its_first_answer() {
    let mut lanes = lanes(256);
    lanes.load(many(1, 1, 40, 1), LATEST, all);
    for flight in &fill(&mut lanes) {
        lanes.land(flight, Some(&ended(Some(FailureKind::Timeout), 10_000)));
    }
    let flights = fill(&mut lanes);
    lanes.land(&flights[0], Some(&ended(None, 5)));
    assert_eq!(fill(&mut lanes).len(), 7);
}

#[test]
fn tenants_take_turns_and_none_takes_more_than_a_quarter() {
    let mut lanes = lanes(32);
    for lane in 0..20 {
        lanes.load(many(1, lane, 8, 1), LATEST, all);
    }
    lanes.load(many(2, 100, 8, 1), LATEST, all);
    let (first, second) = (lanes.next().unwrap().0, lanes.next().unwrap().0);
    assert_ne!(first.company, second.company);
    let mut flights = fill(&mut lanes);
    flights.extend([first, second]);
    assert_eq!((count(&flights, 1), count(&flights, 2)), (8, 8));
}

#[test]
fn retries_leave_half_of_the_slots_to_first_attempts() {
    let mut lanes = lanes(16);
    for tenant in 1..=8 {
        lanes.load(many(tenant, tenant, 4, 2), LATEST, all);
    }
    assert_eq!(fill(&mut lanes).len(), 8);
    // Of a lane whose retries wait, the first attempts still go.
    let mixed = [many(9, 9, 3, 2), many(9, 9, 2, 1)].concat();
    lanes.load(mixed, LATEST, all);
    assert_eq!(fill(&mut lanes).len(), 2);
}

#[test]
fn fast_endpoints_are_claimed_for_ahead_and_slow_ones_are_not() {
    let mut lanes = lanes(256);
    lanes.load([many(1, 1, 8, 1), many(1, 2, 8, 1)].concat(), LATEST, all);
    for flight in &fill(&mut lanes) {
        let attempt = match flight.lane == Uuid::from_u128(1) {
            true => ended(None, 5),
            false => ended(Some(FailureKind::Timeout), 10_000),
        };
        lanes.land(flight, Some(&attempt));
    }
    let wishes = lanes.wishes(Instant::now(), true);
    assert_eq!(wishes.get(&Uuid::from_u128(1)), Some(&BITE));
    assert_eq!(wishes.get(&Uuid::from_u128(2)), Some(&2));
    assert!(lanes.wants_more(Instant::now()));
    // Nothing came of it: the fast lane is forgotten with its last attempt.
    lanes.load(many(1, 1, 1, 1), LATEST, all);
    assert!(!lanes.wants_more(Instant::now()));
    for flight in &fill(&mut lanes) {
        lanes.land(flight, Some(&ended(None, 5)));
    }
    assert_eq!(lanes.wishes(Instant::now(), true).len(), 1);
}

#[test]
fn nothing_is_left_behind() {
    let mut lanes = lanes(4);
    lanes.load([many(1, 1, 10, 1), many(2, 2, 10, 2)].concat(), LATEST, all);
    let flights = fill(&mut lanes);
    let rest = lanes.drain();
    assert_eq!(flights.len() + rest.len(), 20);
    for flight in &flights {
        lanes.land(flight, None);
    }
    assert_eq!((lanes.room(), lanes.next().is_none()), (QUEUED, true));
}

#[test]
fn a_lane_that_had_no_room_is_asked_for_again() {
    let mut lanes = lanes(256);
    lanes.load(many(1, 1, 8, 1), LATEST, all);
    // The queue is full while more is added, so that a claim brings nothing.
    assert_eq!(
        lanes.wishes(Instant::now(), true).get(&Uuid::from_u128(1)),
        Some(&0)
    );
    lanes.load(Vec::new(), LATEST, all);
    for flight in &fill(&mut lanes) {
        lanes.land(flight, Some(&ended(None, 5)));
    }
    assert!(lanes.wants_more(Instant::now()));
    lanes.wishes(Instant::now(), true);
    lanes.load(Vec::new(), LATEST, all);
    assert!(
        !lanes.wants_more(Instant::now()) && lanes.lanes.is_empty() && lanes.tenants.is_empty()
    );
}

/// What the next claim takes of the long lane 1 at a time, everything that flies having landed.
fn bite(lanes: &mut Lanes, now: Instant) -> Option<usize> {
    while lanes.queued > 0 || lanes.in_flight > 0 {
        for flight in &fill(lanes) {
            lanes.land(flight, Some(&ended(None, 1)));
        }
    }
    let wishes = lanes.wishes(now, true);
    wishes.get(&Uuid::from_u128(1)).copied()
}

#[test]
fn a_long_lane_is_claimed_of_in_small_and_spaced_parts_while_tenants_share_the_worker() {
    let start = Instant::now();
    let at = |beats: u32| start + SHARED_BEAT * beats;
    let mut lanes = lanes(256);
    lanes.load(many(1, 1, 8, 1), LATEST, all);
    assert_eq!(bite(&mut lanes, at(0)), Some(BITE));
    lanes.load(many(1, 1, BITE as u128, 1), LATEST, all);
    assert!(lanes.next_refill().is_none());
    // Somebody else has an event.
    lanes.load(many(2, 2, 1, 1), LATEST, all);
    assert_eq!(bite(&mut lanes, at(1)), Some(SHARED_BITE));
    let half = at(1) + SHARED_BEAT / 2;
    assert_eq!(
        (bite(&mut lanes, half), lanes.wants_more(half)),
        (Some(0), false)
    );
    assert_eq!(
        (lanes.next_refill(), lanes.wants_more(at(2))),
        (Some(at(2)), true)
    );
    // Nobody has had one for long.
    let mut beat = 2;
    while bite(&mut lanes, at(beat)) == Some(SHARED_BITE) {
        lanes.load(many(1, 1, SHARED_BITE as u128, 1), LATEST, all);
        beat += 1;
    }
    assert_eq!(bite(&mut lanes, at(beat)), Some(BITE));
    assert!(beat > SHARED / 2, "{beat}");
}

#[test]
fn a_slow_endpoint_does_not_share_the_worker() {
    let mut lanes = lanes(256);
    lanes.load(many(2, 2, 8, 1), LATEST, all);
    for flight in &fill(&mut lanes) {
        lanes.land(flight, Some(&ended(Some(FailureKind::Timeout), 10_000)));
    }
    lanes.load(many(1, 1, 8, 1), LATEST, all);
    // That was the last time that the slow one counted.
    for _ in 0..SHARED {
        lanes.load([many(1, 1, 8, 1), many(2, 2, 2, 1)].concat(), LATEST, all);
        for flight in &fill(&mut lanes) {
            let attempt = match flight.lane == Uuid::from_u128(1) {
                true => ended(None, 1),
                false => ended(Some(FailureKind::Timeout), 10_000),
            };
            lanes.land(flight, Some(&attempt));
        }
    }
    assert_eq!(lanes.shared, 0);
}

#[test]
fn lanes_that_were_not_looked_at_are_not_asked_for_at_once() {
    let mut lanes = lanes(256);
    let both = [many(1, 1, 1, 1), many(2, 2, 1, 1)].concat();
    lanes.load(both, LATEST, all);
    let flights = fill(&mut lanes);
    lanes.wishes(Instant::now(), true);
    // A round was cut behind the first: neither has more that is known of.
    lanes.load(Vec::new(), LATEST, |lane| lane == Uuid::from_u128(1));
    assert!(!lanes.wants_more(Instant::now()));
    for flight in &flights {
        lanes.land(flight, Some(&ended(None, 5)));
    }
    assert!(lanes.lanes.is_empty() && lanes.tenants.is_empty());
}

#[test]
fn a_tenant_with_a_full_queue_is_not_asked_for() {
    let mut lanes = lanes(4);
    let count = QUEUED_TENANT as u128 / 100 + 1;
    for lane in 1..=count {
        lanes.load(many(1, lane, 100, 1), LATEST, all);
    }
    let wishes = lanes.wishes(Instant::now(), true);
    assert!(wishes.values().all(|room| *room == 0));
    lanes.load(Vec::new(), LATEST, all);
    assert!(!lanes.wants_more(Instant::now()));
}
