//! Which deliveries of lanes are due and nobody's.

use std::collections::{BTreeMap, HashMap, HashSet};

use kith_domain::ports::deliveries::Claimed;
use kith_domain::time::Timestamp;
use uuid::Uuid;

use super::{Held, Place};
use crate::sql::{Cells, Column, Dialect, Rows, Session};
use crate::writer::Failure;

/// Deliveries of a lane, each with its place, in their order.
#[derive(Default)]
pub(super) struct Stretch(pub(super) Vec<(Place, Claimed)>);

/// What the worker needs of a delivery and its event.
const NEEDED: &str =
    "d.company_id, d.id, d.webhook_id, d.event_id, d.attempt, d.due_at, d.body, e.body";

const EVENT: &str = "LEFT JOIN event e ON e.company_id = d.company_id AND e.seq = d.event_seq";

/// A part of a lane between two places, neither of them included, of which so many are wanted.
struct Part {
    lane: Uuid,
    most: usize,
    after: Place,
    before: Place,
}

/// The parts of lanes that are due and that nobody holds.
fn free(lanes: &[(Uuid, usize)], held: &HashMap<Uuid, Held>, now: Timestamp) -> Vec<Part> {
    let end = (now.0, Uuid::max());
    let mut parts = Vec::with_capacity(lanes.len());
    for (lane, most) in lanes {
        let mut after = (i64::MIN, Uuid::nil());
        let stretches = held.get(lane).into_iter().flatten();
        for (first, last) in stretches.copied().chain([(end, end)]) {
            parts.push(Part {
                lane: *lane,
                most: *most,
                after,
                before: end.min(first),
            });
            after = last;
        }
    }
    parts
}

fn rows_of(parts: &[Part]) -> Rows {
    let most = |part: &Part| Some(i64::try_from(part.most).unwrap_or(i64::MAX));
    Rows::new(vec![
        Column::Uuid(parts.iter().map(|part| part.lane).collect()),
        Column::Int(parts.iter().map(most).collect()),
        Column::Int(parts.iter().map(|part| Some(part.after.0)).collect()),
        Column::Uuid(parts.iter().map(|part| part.after.1).collect()),
        Column::Int(parts.iter().map(|part| Some(part.before.0)).collect()),
        Column::Uuid(parts.iter().map(|part| part.before.1).collect()),
    ])
}

/// Whether a delivery `d` lies in a part, whose columns are found by their numbers.
fn lies_in(column: fn(usize) -> String) -> String {
    let [lane, after, after_id, before, before_id] = [1, 3, 4, 5, 6].map(column);
    format!(
        "d.webhook_id = {lane} AND d.due_at >= {after} AND d.due_at <= {before} \
         AND (d.due_at, d.id) > ({after}, {after_id}) AND (d.due_at, d.id) < ({before}, {before_id})"
    )
}

/// The parts in which anything is: the gaps between stretches are many and mostly empty, and SQLite is asked about one
/// part at a time.
async fn filled<S: Session>(session: &mut S, parts: Vec<Part>) -> Result<Vec<Part>, Failure> {
    let text = format!(
        "SELECT $k.c1, $k.c3, $k.c4 FROM $k WHERE EXISTS (SELECT 1 FROM delivery d WHERE {})",
        lies_in(|at| format!("$k.c{at}"))
    );
    let mut filled = HashSet::new();
    for row in session.fetch(&text, &rows_of(&parts)).await? {
        filled.insert((row.uuid(0)?, (row.int(1)?, row.uuid(2)?)));
    }
    let is_filled = |part: &Part| filled.contains(&(part.lane, part.after));
    Ok(parts.into_iter().filter(is_filled).collect())
}

/// The deliveries of lanes that are due and that nobody holds.
pub(super) async fn pick<S: Session>(
    session: &mut S,
    lanes: &[(Uuid, usize)],
    held: &HashMap<Uuid, Held>,
    now: Timestamp,
) -> Result<Vec<Stretch>, Failure> {
    let mut parts = free(lanes, held, now);
    if S::DIALECT == Dialect::Sqlite && parts.len() > 2 {
        parts = filled(session, parts).await?;
    }
    let part = |column: fn(usize) -> String| {
        format!(
            "SELECT * FROM delivery d WHERE {} ORDER BY d.due_at, d.id LIMIT {}",
            lies_in(column),
            column(2)
        )
    };
    let (from, at_once) = match S::DIALECT {
        Dialect::Sqlite => {
            let part = part(|at| format!("(SELECT c{at} FROM $k)"));
            (format!("({part}) d"), 1)
        }
        Dialect::Postgres => {
            let part = part(|at| format!("$k.c{at}"));
            (format!("$k CROSS JOIN LATERAL ({part}) d"), parts.len())
        }
    };
    let text = format!("SELECT {NEEDED} FROM {from} {EVENT} ORDER BY d.webhook_id, d.due_at, d.id");
    let mut found: BTreeMap<(Uuid, usize), Stretch> = BTreeMap::new();
    for parts in parts.chunks(at_once.max(1)) {
        for row in session.fetch(&text, &rows_of(parts)).await? {
            let (due_at, claimed) = read(&row)?;
            let place = (due_at, claimed.id);
            let stretches = held.get(&claimed.webhook).map_or(&[][..], Vec::as_slice);
            let part = stretches.partition_point(|(_, last)| *last < place);
            let stretch = found.entry((claimed.webhook, part)).or_default();
            stretch.0.push((place, claimed));
        }
    }
    // Every part of a lane was asked for all that is wanted of it.
    for (lane, most) in lanes {
        let mut room = *most;
        for (_, stretch) in found.range_mut((*lane, 0)..=(*lane, usize::MAX)) {
            stretch.0.truncate(room);
            room -= stretch.0.len();
        }
    }
    Ok(found.into_values().collect())
}

fn read(row: &impl Cells) -> Result<(i64, Claimed), sqlx::Error> {
    let own = row.optional_bytes(6)?;
    let body = match own {
        Some(body) => body,
        None => row.optional_bytes(7)?.unwrap_or_default(),
    };
    let claimed = Claimed {
        company: row.uuid(0)?,
        id: row.uuid(1)?,
        webhook: row.uuid(2)?,
        claim: Uuid::nil(),
        event_id: row.uuid(3)?,
        body,
        attempt: u32::try_from(row.int(4)?).map_or(u32::MAX, |made| made.saturating_add(1)),
        endpoint: None,
    };
    Ok((row.int(5)?, claimed))
}
