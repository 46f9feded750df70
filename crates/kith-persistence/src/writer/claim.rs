//! Claims: a worker takes deliveries of a lane by a row that names the stretch of the lane that it has, so that they are
//! only read; and by the same row they are given back, or taken over when its lease has ended.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kith_domain::ports::deliveries::{Claimed, Claims, Endpoint, Wish};
use kith_domain::time::Timestamp;
use kith_domain::webhook::schedule::RetryPolicy;
use kith_domain::webhook::secret::SealedSecret;
use uuid::Uuid;

use super::Failure;
use crate::found::IN_CLAIM;
use crate::sql::{Cells, Column, Dialect, Rows, Session, Step};

/// Lanes that one claim looks at.
const LANES: usize = 256;

/// Steps from lane to lane in the index of what is due, so that the length of a lane does not matter. For each lane:
/// when its first delivery is due, when the first is that is not due yet, and whether it may be claimed of.
const NEXT_LANES: &str = "SELECT lane.id, \
    (SELECT d.due_at FROM delivery d WHERE d.webhook_id = lane.id AND d.due_at IS NOT NULL \
     ORDER BY d.due_at LIMIT 1), \
    (SELECT d.due_at FROM delivery d WHERE d.webhook_id = lane.id AND d.due_at > (SELECT c2 FROM $k) \
     ORDER BY d.due_at LIMIT 1), MINE \
    FROM (WITH RECURSIVE step(id) AS ( \
        SELECT (SELECT d.webhook_id FROM delivery d WHERE d.due_at IS NOT NULL \
            AND d.webhook_id > (SELECT c1 FROM $k) ORDER BY d.webhook_id LIMIT 1) \
        UNION ALL \
        SELECT (SELECT d.webhook_id FROM delivery d WHERE d.due_at IS NOT NULL \
            AND d.webhook_id > step.id ORDER BY d.webhook_id LIMIT 1) FROM step WHERE step.id IS NOT NULL \
    ) SELECT id FROM step WHERE id IS NOT NULL LIMIT (SELECT c3 FROM $k)) AS lane ORDER BY lane.id";

/// Nobody else may claim of a lane until this transaction ends, and what others have claimed before is seen by every
/// later statement. SQLite has one writer.
fn mine(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "1",
        Dialect::Postgres => {
            "pg_try_advisory_xact_lock(hashtextextended(lane.id::text, 0))::int::bigint"
        }
    }
}

pub(super) async fn claim<S: Session>(session: &mut S, wish: &Wish) -> Result<Claims, Failure> {
    let rows = Rows::new(vec![
        Column::Uuid(vec![wish.after]),
        Column::Int(vec![Some(wish.now.0)]),
        Column::Int(vec![Some(LANES as i64)]),
    ]);
    let mut claims = Claims::default();
    let mut lanes: Vec<(Uuid, usize)> = Vec::new();
    let mut room = wish.limit;
    let text = NEXT_LANES.replace("MINE", mine(S::DIALECT));
    let found = session.fetch(&text, &rows).await?;
    let mut is_cut = found.len() >= LANES;
    for row in &found {
        let lane = row.uuid(0)?;
        let later = row.optional_int(2)?.map(Timestamp);
        claims.next_due = claims.next_due.into_iter().chain(later).min();
        if row.int(1)? > wish.now.0 || row.int(3)? == 0 {
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
    let (held, next_end) = held(session, &lanes, wish.now).await?;
    claims.next_due = claims.next_due.into_iter().chain(next_end).min();
    let stretches = pick(session, &lanes, &held, wish.now).await?;
    claims.deliveries = take(session, stretches, wish).await?;
    Ok(claims)
}

/// The place of a delivery in its lane: when it is due, and its id.
type Place = (i64, Uuid);

/// From the first to the last place that is claimed of a lane. What lies between two claims waits until those before
/// it are settled.
type Hull = (Place, Place);

/// What is claimed of lanes, and when the next lease ends. Claims whose lease has ended are ended before.
async fn held<S: Session>(
    session: &mut S,
    lanes: &[(Uuid, usize)],
    now: Timestamp,
) -> Result<(HashMap<Uuid, Hull>, Option<Timestamp>), Failure> {
    let rows = Rows::new(vec![Column::Uuid(
        lanes.iter().map(|(lane, _)| *lane).collect(),
    )]);
    let text = "SELECT c.webhook_id, c.lease_until, c.first_due, c.first_id, c.last_due, c.last_id \
        FROM $k CROSS JOIN delivery_claim c WHERE c.webhook_id = $k.c1";
    let mut hulls: HashMap<Uuid, Hull> = HashMap::new();
    let (mut ended, mut next_end) = (Vec::new(), None);
    for row in session.fetch(text, &rows).await? {
        let (lane, lease_until) = (row.uuid(0)?, Timestamp(row.int(1)?));
        if lease_until <= now {
            ended.push(lane);
            continue;
        }
        next_end = next_end.into_iter().chain([lease_until]).min();
        let (first, last) = ((row.int(2)?, row.uuid(3)?), (row.int(4)?, row.uuid(5)?));
        let hull = hulls.entry(lane).or_insert((first, last));
        *hull = (hull.0.min(first), hull.1.max(last));
    }
    ended.dedup();
    take_over(session, &ended, now).await?;
    Ok((hulls, next_end))
}

/// Ends claims that nothing was heard of: what they hold can be claimed again, as a further attempt.
async fn take_over<S: Session>(
    session: &mut S,
    lanes: &[Uuid],
    now: Timestamp,
) -> Result<(), Failure> {
    let step = |text: String| Step {
        text,
        rows: Rows::new(vec![
            Column::Uuid(lanes.to_vec()),
            Column::Int(vec![Some(now.0); lanes.len()]),
        ]),
    };
    let counted = format!(
        "UPDATE delivery SET attempt = delivery.attempt + 1 FROM $k CROSS JOIN delivery_claim c \
         WHERE c.webhook_id = $k.c1 AND c.lease_until <= $k.c2 AND delivery.webhook_id = $k.c1 \
         AND delivery.due_at BETWEEN c.first_due AND c.last_due AND {}",
        IN_CLAIM.replace("d.", "delivery.")
    );
    let ended = "DELETE FROM delivery_claim WHERE (webhook_id, id) IN \
        (SELECT c.webhook_id, c.id FROM $k CROSS JOIN delivery_claim c \
         WHERE c.webhook_id = $k.c1 AND c.lease_until <= $k.c2)";
    session.write(&[step(counted)]).await?;
    Ok(session.write(&[step(ended.to_owned())]).await?)
}

/// Deliveries of a lane, each with its place, in their order.
#[derive(Default)]
struct Stretch(Vec<(Place, Claimed)>);

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
fn free(lanes: &[(Uuid, usize)], held: &HashMap<Uuid, Hull>, now: Timestamp) -> Vec<Part> {
    let (start, end) = ((i64::MIN, Uuid::nil()), (now.0, Uuid::max()));
    let mut parts = Vec::with_capacity(lanes.len());
    for (lane, most) in lanes {
        let mut part = |after, before| {
            parts.push(Part {
                lane: *lane,
                most: *most,
                after,
                before,
            });
        };
        match held.get(lane) {
            None => part(start, end),
            Some((first, last)) => {
                part(start, end.min(*first));
                part(*last, end);
            }
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

/// The deliveries of lanes that are due and that nobody holds.
async fn pick<S: Session>(
    session: &mut S,
    lanes: &[(Uuid, usize)],
    held: &HashMap<Uuid, Hull>,
    now: Timestamp,
) -> Result<Vec<Stretch>, Failure> {
    let parts = free(lanes, held, now);
    let part = |column: fn(usize) -> String| {
        let [lane, most, after, after_id, before, before_id] = [1, 2, 3, 4, 5, 6].map(column);
        format!(
            "SELECT * FROM delivery d WHERE d.webhook_id = {lane} \
             AND d.due_at >= {after} AND d.due_at <= {before} \
             AND (d.due_at, d.id) > ({after}, {after_id}) AND (d.due_at, d.id) < ({before}, {before_id}) \
             ORDER BY d.due_at, d.id LIMIT {most}"
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
    let mut found: BTreeMap<(Uuid, bool), Stretch> = BTreeMap::new();
    for parts in parts.chunks(at_once.max(1)) {
        for row in session.fetch(&text, &rows_of(parts)).await? {
            let (due_at, claimed) = read(&row)?;
            let place = (due_at, claimed.id);
            let is_behind = held
                .get(&claimed.webhook)
                .is_some_and(|hull| hull.1 < place);
            let stretch = found.entry((claimed.webhook, is_behind)).or_default();
            stretch.0.push((place, claimed));
        }
    }
    // Both parts of a lane were asked for all that is wanted of it.
    for (lane, most) in lanes {
        let before = found.get(&(*lane, false)).map_or(0, |part| part.0.len());
        if let Some(behind) = found.get_mut(&(*lane, true)) {
            behind.0.truncate(most - before);
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
        // A lane may have two stretches.
        let again = claims.last().is_some_and(|claim| claim.webhook == webhook);
        let id = Uuid::from_u128(wish.id.as_u128().wrapping_add(u128::from(again)));
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

/// Gives deliveries back unsent: due before all others, outside of every stretch.
pub(super) async fn release<S: Session>(
    session: &mut S,
    claimed: &[Claimed],
) -> Result<(), Failure> {
    let (companies, ids) = claimed
        .iter()
        .map(|claimed| (claimed.company, claimed.id))
        .unzip();
    let made = claimed
        .iter()
        .map(|claimed| Some(i64::from(claimed.attempt) - 1));
    let rows = Rows::new(vec![
        Column::Uuid(companies),
        Column::Uuid(ids),
        Column::Int(made.collect()),
    ]);
    let text = "UPDATE delivery SET due_at = 0 FROM $k WHERE delivery.company_id = $k.c1 \
        AND delivery.id = $k.c2 AND delivery.attempt = $k.c3 AND delivery.status = 'pending' \
        RETURNING delivery.id";
    let claims: HashMap<_, _> = claimed
        .iter()
        .map(|claimed| {
            (
                claimed.id,
                (claimed.company, claimed.webhook, claimed.claim),
            )
        })
        .collect();
    let mut settled = Settled::default();
    for row in session.fetch(text, &rows).await? {
        if let Some((company, webhook, claim)) = claims.get(&row.uuid(0)?) {
            settled.count(*company, *webhook, *claim);
        }
    }
    settled.store(session).await
}

/// How many deliveries of which claims are no longer theirs.
#[derive(Debug, Default)]
pub(super) struct Settled(BTreeMap<(Uuid, Uuid, Uuid), i64>);

impl Settled {
    pub(super) fn count(&mut self, company: Uuid, webhook: Uuid, claim: Uuid) {
        *self.0.entry((company, webhook, claim)).or_default() += 1;
    }

    /// Claims of which nothing is left end.
    pub(super) async fn store<S: Session>(self, session: &mut S) -> Result<(), Failure> {
        let keys = || self.0.keys();
        let rows = Rows::new(vec![
            Column::Uuid(keys().map(|(company, ..)| *company).collect()),
            Column::Uuid(keys().map(|(_, webhook, _)| *webhook).collect()),
            Column::Uuid(keys().map(|(.., claim)| *claim).collect()),
            Column::Int(self.0.values().map(|count| Some(*count)).collect()),
        ]);
        let text = "UPDATE delivery_claim SET unsettled = delivery_claim.unsettled - $k.c4 FROM $k \
            WHERE delivery_claim.company_id = $k.c1 AND delivery_claim.webhook_id = $k.c2 \
            AND delivery_claim.id = $k.c3 RETURNING delivery_claim.company_id, delivery_claim.webhook_id, \
            delivery_claim.id, delivery_claim.unsettled";
        let mut done = (Vec::new(), Vec::new(), Vec::new());
        for row in session.fetch(text, &rows).await? {
            if row.int(3)? <= 0 {
                done.0.push(row.uuid(0)?);
                done.1.push(row.uuid(1)?);
                done.2.push(row.uuid(2)?);
            }
        }
        let rows = Rows::new(vec![
            Column::Uuid(done.0),
            Column::Uuid(done.1),
            Column::Uuid(done.2),
        ]);
        let names = ["company_id", "webhook_id", "id"];
        let step = Step::delete("delivery_claim", &names, rows);
        Ok(session.write(&[step]).await?)
    }
}
