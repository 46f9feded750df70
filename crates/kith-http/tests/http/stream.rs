//! The event log as a stream: signs of life, where it begins, and what is kept for readers.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::world::{Pieces, World};

/// The positions of the events in a piece.
fn positions(piece: &str) -> Vec<i64> {
    let ids = piece.lines().filter_map(|line| line.strip_prefix("id: "));
    ids.map(|id| id.parse().unwrap()).collect()
}

async fn next(pieces: &mut Pieces) -> Vec<i64> {
    positions(&pieces.next().await.unwrap())
}

async fn tasks(world: &World, count: usize) {
    for _ in 0..count {
        world.made("/tasks", &json!({"name": "T"})).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_comment_shows_that_the_connection_lives() {
    let world = World::new();
    let mut pieces = world.follow("/events/stream", &[]).await;
    for _ in 0..3 {
        let began = Instant::now();
        assert_eq!(pieces.next().await.unwrap(), ": alive\n\n");
        let took = began.elapsed().as_millis();
        assert!((15_000..15_010).contains(&took), "{took} ms");
    }
    tasks(&world, 1).await;
    let piece = pieces.next().await.unwrap();
    let lines: Vec<_> = piece.lines().collect();
    assert_eq!(&lines[..2], ["id: 1", "event: task.created"]);
    let envelope = lines[2].strip_prefix("data: {\"event\":\"task.created\",");
    assert!(envelope.is_some(), "{piece}");
    assert!(piece.ends_with("}\n\n"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_begins_where_the_reader_left_off() {
    let world = World::new();
    tasks(&world, 4).await;
    let seen = |id| [("last-event-id", id)];
    for (path, headers, expected) in [
        ("?after=0", vec![], vec![1, 2, 3, 4]),
        ("?after=3", vec![], vec![4]),
        ("", seen("2").to_vec(), vec![3, 4]),
        ("?after=0", seen("3").to_vec(), vec![4]),
        ("?after=0&types=task.created", vec![], vec![1, 2, 3, 4]),
    ] {
        let path = format!("/events/stream{path}");
        let mut pieces = world.follow(&path, &headers).await;
        assert_eq!(next(&mut pieces).await, expected, "{path} {headers:?}");
    }
    for path in ["?after=4", "?after=0&types=task.deleted", ""] {
        let path = format!("/events/stream{path}");
        let mut pieces = world.follow(&path, &[]).await;
        assert_eq!(pieces.next().await.unwrap(), ": alive\n\n", "{path}");
    }
    let key = ("x-api-key", crate::world::KEY);
    let path = "/api/v1/events/stream";
    for wrong in ["-1", "x", "", "1.5"] {
        let headers = [key, ("last-event-id", wrong)];
        let reply = world
            .send(poem::http::Method::GET, path, &headers, "")
            .await;
        reply.problems(400);
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_hundred_events_are_ever_kept_for_a_reader() {
    let world = World::new();
    tasks(&world, 250).await;
    let mut pieces = world.follow("/events/stream?after=0", &[]).await;
    for range in [1..=100, 101..=200, 201..=250] {
        assert_eq!(next(&mut pieces).await, range.collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_was_away_too_long_is_cut_off() {
    let world = World::new();
    tasks(&world, 150).await;
    let mut pieces = world.follow("/events/stream?after=0", &[]).await;
    assert_eq!(next(&mut pieces).await.len(), 100);
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(pieces.next().await, None);
}
