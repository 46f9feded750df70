//! Claims: a worker takes deliveries of a lane by a row that names the stretch of the lane that it has, so that they are
//! only read; and by the same row they are given back, or taken over when its lease has ended.

mod ends;
mod pick;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kith_domain::ports::deliveries::{Claimed, Claims, Endpoint, Wish};
use kith_domain::time::Timestamp;
use kith_domain::webhook::schedule::RetryPolicy;
use kith_domain::webhook::secret::SealedSecret;
use uuid::Uuid;

use super::Failure;
use crate::sql::{Cells, Column, Dialect, Rows, Session, Step};
use ends::take_over;
pub(super) use ends::{Settled, hold, release};
use pick::{Stretch, pick};

/// Lanes that one claim looks at.
const LANES: usize = 256;

/// Steps from lane to lane in the index of what is due, so that the length of a lane does not matter. For each lane:
/// when its first delivery is due, and when the first is that is not due yet.
const NEXT_LANES: &str = "SELECT lane.id, \
    (SELECT d.due_at FROM delivery d WHERE d.webhook_id = lane.id AND d.due_at IS NOT NULL \
     ORDER BY d.due_at LIMIT 1), \
    (SELECT d.due_at FROM delivery d WHERE d.webhook_id = lane.id AND d.due_at > (SELECT c2 FROM $k) \
     ORDER BY d.due_at LIMIT 1) \
    FROM (WITH RECURSIVE step(id) AS ( \
        SELECT (SELECT d.webhook_id FROM delivery d WHERE d.due_at IS NOT NULL \
            AND d.webhook_id > (SELECT c1 FROM $k) ORDER BY d.webhook_id LIMIT 1) \
        UNION ALL \
        SELECT (SELECT d.webhook_id FROM delivery d WHERE d.due_at IS NOT NULL \
            AND d.webhook_id > step.id ORDER BY d.webhook_id LIMIT 1) FROM step WHERE step.id IS NOT NULL \
    ) SELECT id FROM step WHERE id IS NOT NULL LIMIT (SELECT c3 FROM $k)) AS lane ORDER BY lane.id";

pub(super) async fn claim<S: Session>(session: &mut S, wish: &Wish) -> Result<Claims, Failure> {
    let rows = Rows::new(vec![
        Column::Uuid(vec![wish.after]),
        Column::Int(vec![Some(wish.now.0)]),
        Column::Int(vec![Some(LANES as i64)]),
    ]);
    let mut claims = Claims::default();
    let mut lanes: Vec<(Uuid, usize)> = Vec::new();
    let mut room = wish.limit;
    let found = session.fetch(NEXT_LANES, &rows).await?;
    let mut is_cut = found.len() >= LANES;
    for row in &found {
        let lane = row.uuid(0)?;
        let later = row.optional_int(2)?.map(Timestamp);
        claims.next_due = claims.next_due.into_iter().chain(later).min();
        if row.int(1)? > wish.now.0 {
            continue;
        }
        let most = wish.lanes.get(&lane).copied().unwrap_or(wish.per_lane);
        let most = most.min(room);
        if most > 0 {
            room -= most;
            lanes.push((lane, most));
            claims.last_lane = Some(lane);
        } else if room == 0 {
            is_cut = true;
            break;
        }
    }
    if !is_cut {
        // The round is complete; what lies before its beginning is looked at next.
        claims.last_lane = Some(Uuid::nil());
        is_cut = !wish.after.is_nil();
    } else if let (None, Some(last)) = (claims.last_lane, found.last()) {
        claims.last_lane = Some(last.uuid(0)?);
    }
    claims.is_cut = is_cut;
    let wanted = lanes.len();
    let lanes = lock(session, lanes).await?;
    claims.is_contended = lanes.len() < wanted;
    let (held, next_end) = held(session, &lanes, wish.now).await?;
    claims.next_due = claims.next_due.into_iter().chain(next_end).min();
    let stretches = pick(session, &lanes, &held, wish.now).await?;
    claims.deliveries = take(session, stretches, wish).await?;
    Ok(claims)
}

/// The place of a delivery in its lane: when it is due, and its id.
type Place = (i64, Uuid);

/// What is claimed of a lane: the first and the last place of every stretch, in their order. Stretches do not overlap.
type Held = Vec<(Place, Place)>;

/// The lanes that nobody else claims of until this transaction ends; what others have claimed before is seen by every
/// later statement. SQLite has one writer.
async fn lock<S: Session>(
    session: &mut S,
    lanes: Vec<(Uuid, usize)>,
) -> Result<Vec<(Uuid, usize)>, Failure> {
    if S::DIALECT == Dialect::Sqlite {
        return Ok(lanes);
    }
    let rows = Rows::new(vec![Column::Uuid(
        lanes.iter().map(|(lane, _)| *lane).collect(),
    )]);
    let text = "SELECT $k.c1, pg_try_advisory_xact_lock(hashtextextended($k.c1::text, 0))::int::bigint FROM $k";
    let mut locked = HashSet::new();
    for row in session.fetch(text, &rows).await? {
        if row.int(1)? == 1 {
            locked.insert(row.uuid(0)?);
        }
    }
    let is_locked = |(lane, _): &(Uuid, usize)| locked.contains(lane);
    Ok(lanes.into_iter().filter(is_locked).collect())
}

/// What is claimed of lanes, and when the next lease ends. Claims whose lease has ended are taken over before.
async fn held<S: Session>(
    session: &mut S,
    lanes: &[(Uuid, usize)],
    now: Timestamp,
) -> Result<(HashMap<Uuid, Held>, Option<Timestamp>), Failure> {
    let rows = Rows::new(vec![Column::Uuid(
        lanes.iter().map(|(lane, _)| *lane).collect(),
    )]);
    let text = "SELECT c.company_id, c.webhook_id, c.id, c.lease_until, c.first_due, c.first_id, c.last_due, c.last_id \
        FROM $k CROSS JOIN delivery_claim c WHERE c.webhook_id = $k.c1";
    let (mut found, mut ended) = (Vec::new(), Vec::new());
    for row in session.fetch(text, &rows).await? {
        let key = (row.uuid(0)?, row.uuid(1)?, row.uuid(2)?);
        let lease_until = Timestamp(row.int(3)?);
        let first = (row.int(4)?, row.uuid(5)?);
        let last = (row.int(6)?, row.uuid(7)?);
        if lease_until <= now {
            ended.push(key);
        }
        found.push((key, lease_until, (first, last)));
    }
    let ended = take_over(session, ended).await?;
    let (mut held, mut next_end): (HashMap<Uuid, Held>, _) = (HashMap::new(), None);
    for (key, lease_until, stretch) in found {
        if !ended.contains(&key) {
            held.entry(key.1).or_default().push(stretch);
            next_end = next_end.into_iter().chain([lease_until]).min();
        }
    }
    held.values_mut()
        .for_each(|stretches| stretches.sort_unstable());
    Ok((held, next_end))
}

/// A row of `delivery_claim`.
struct Row {
    company: Uuid,
    webhook: Uuid,
    id: Uuid,
    first: Place,
    last: Place,
    size: usize,
}

/// Makes stretches the worker's own, and adds where they are to be sent.
async fn take<S: Session>(
    session: &mut S,
    mut stretches: Vec<Stretch>,
    wish: &Wish,
) -> Result<Vec<Claimed>, Failure> {
    let mut claims: Vec<Row> = Vec::with_capacity(stretches.len());
    for Stretch(deliveries) in &mut stretches {
        let (Some((first, one)), Some((last, _))) = (deliveries.first(), deliveries.last()) else {
            continue;
        };
        let (company, webhook) = (one.company, one.webhook);
        // A lane may have several stretches.
        let id = match claims.last() {
            Some(last) if last.webhook == webhook => last.id.as_u128().wrapping_add(1),
            _ => wish.id.as_u128(),
        };
        let id = Uuid::from_u128(id);
        claims.push(Row {
            company,
            webhook,
            id,
            first: *first,
            last: *last,
            size: deliveries.len(),
        });
        for (_, claimed) in deliveries {
            claimed.claim = id;
        }
    }
    let size = |claim: &Row| Some(i64::try_from(claim.size).unwrap_or(i64::MAX));
    let rows = Rows::new(vec![
        Column::Uuid(claims.iter().map(|claim| claim.company).collect()),
        Column::Uuid(claims.iter().map(|claim| claim.webhook).collect()),
        Column::Uuid(claims.iter().map(|claim| claim.id).collect()),
        Column::Int(claims.iter().map(|claim| Some(claim.first.0)).collect()),
        Column::Uuid(claims.iter().map(|claim| claim.first.1).collect()),
        Column::Int(claims.iter().map(|claim| Some(claim.last.0)).collect()),
        Column::Uuid(claims.iter().map(|claim| claim.last.1).collect()),
        Column::Int(claims.iter().map(size).collect()),
        Column::Int(vec![Some(wish.lease_until.0); claims.len()]),
    ]);
    let names = [
        "company_id",
        "webhook_id",
        "id",
        "first_due",
        "first_id",
        "last_due",
        "last_id",
        "unsettled",
        "lease_until",
    ];
    let endpoints = store(session, Step::insert("delivery_claim", &names, "", rows)).await?;
    let deliveries = stretches.into_iter().flat_map(|stretch| stretch.0);
    Ok(deliveries
        .map(|(_, claimed)| Claimed {
            endpoint: endpoints.get(&claimed.webhook).cloned(),
            ..claimed
        })
        .collect())
}

/// Stores claims, and reads the webhooks that they are of: on PostgreSQL in one statement.
async fn store<S: Session>(
    session: &mut S,
    claims: Step,
) -> Result<HashMap<Uuid, Arc<Endpoint>>, Failure> {
    let webhooks = "SELECT w.id, w.url, w.secret, w.enabled, w.retry_policy, w.failing_since \
        FROM $k CROSS JOIN webhook w WHERE w.company_id = $k.c1 AND w.id = $k.c2";
    let text = match S::DIALECT {
        Dialect::Sqlite => {
            session.write(std::slice::from_ref(&claims)).await?;
            webhooks.to_owned()
        }
        Dialect::Postgres => format!(", stored AS ({}) {webhooks}", claims.text),
    };
    let mut endpoints = HashMap::new();
    for row in session.fetch(&text, &claims.rows).await? {
        let endpoint = Endpoint {
            url: row.text(1)?.to_owned(),
            secret: row.optional_bytes(2)?.map(SealedSecret),
            enabled: row.int(3)? == 1,
            retry_policy: RetryPolicy::by_name(row.text(4)?).unwrap_or_default(),
            failing_since: row.optional_int(5)?.map(Timestamp),
        };
        endpoints.insert(row.uuid(0)?, Arc::new(endpoint));
    }
    Ok(endpoints)
}
