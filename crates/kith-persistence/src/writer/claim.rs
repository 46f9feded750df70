//! Claims: a worker takes deliveries of a lane by a row that names the stretch of the lane that it has, so that they are
//! only read; and by the same row they are given back, or taken over when its lease has ended.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
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

/// Company, webhook and id.
type Key = (Uuid, Uuid, Uuid);

fn keys(claims: &[Key]) -> Rows {
    Rows::new(vec![
        Column::Uuid(claims.iter().map(|(company, ..)| *company).collect()),
        Column::Uuid(claims.iter().map(|(_, webhook, _)| *webhook).collect()),
        Column::Uuid(claims.iter().map(|(.., id)| *id).collect()),
    ])
}

/// Whoever settles deliveries of a claim holds its row first: so that nobody who takes it over has to wait for a server
/// that has stopped in the middle.
pub(super) async fn hold<S: Session>(
    session: &mut S,
    claims: impl IntoIterator<Item = Key>,
) -> Result<(), Failure> {
    if S::DIALECT == Dialect::Sqlite {
        return Ok(());
    }
    // In one order everywhere.
    let claims: BTreeSet<Key> = claims.into_iter().collect();
    let claims: Vec<Key> = claims.into_iter().collect();
    let text =
        format!("SELECT c.id {CLAIMS} ORDER BY c.company_id, c.webhook_id, c.id FOR UPDATE OF c");
    session.fetch(&text, &keys(&claims)).await?;
    Ok(())
}

const CLAIMS: &str = "FROM $k CROSS JOIN delivery_claim c \
    WHERE c.company_id = $k.c1 AND c.webhook_id = $k.c2 AND c.id = $k.c3";

/// Ends claims that nothing was heard of, save for those that are being settled at this moment; which. What they held
/// and what came between it since can be claimed again, and an attempt of it counts as made.
async fn take_over<S: Session>(session: &mut S, claims: Vec<Key>) -> Result<HashSet<Key>, Failure> {
    let lock = match S::DIALECT {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE OF c SKIP LOCKED",
    };
    let text = format!("SELECT c.company_id, c.webhook_id, c.id {CLAIMS} {lock}");
    let mut ended = Vec::new();
    for row in session.fetch(&text, &keys(&claims)).await? {
        ended.push((row.uuid(0)?, row.uuid(1)?, row.uuid(2)?));
    }
    let counted = format!(
        "UPDATE delivery SET attempt = delivery.attempt + 1, status = 'pending' FROM $k CROSS JOIN delivery_claim c \
         WHERE c.company_id = $k.c1 AND c.webhook_id = $k.c2 AND c.id = $k.c3 AND delivery.webhook_id = $k.c2 \
         AND delivery.due_at BETWEEN c.first_due AND c.last_due AND {}",
        IN_CLAIM.replace("d.", "delivery.")
    );
    let step = Step {
        text: counted,
        rows: keys(&ended),
    };
    session.write(&[step]).await?;
    let names = ["company_id", "webhook_id", "id"];
    let step = Step::delete("delivery_claim", &names, keys(&ended));
    session.write(&[step]).await?;
    Ok(ended.into_iter().collect())
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
async fn pick<S: Session>(
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

/// Gives deliveries back unsent: due before all others, outside of their stretch unless it begins with others that were
/// given back; those wait until it ends.
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
        AND delivery.id = $k.c2 AND delivery.attempt = $k.c3 AND delivery.status IN ('pending', 'delivering') \
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
    hold(session, claims.values().copied()).await?;
    for row in session.fetch(text, &rows).await? {
        if let Some((company, webhook, claim)) = claims.get(&row.uuid(0)?) {
            settled.count(*company, *webhook, *claim);
        }
    }
    settled.store(session).await
}

/// How many deliveries of which claims are no longer theirs.
#[derive(Debug, Default)]
pub(super) struct Settled(BTreeMap<Key, i64>);

impl Settled {
    pub(super) fn count(&mut self, company: Uuid, webhook: Uuid, claim: Uuid) {
        *self.0.entry((company, webhook, claim)).or_default() += 1;
    }

    /// Claims of which nothing is left end.
    pub(super) async fn store<S: Session>(self, session: &mut S) -> Result<(), Failure> {
        let claims = || self.0.keys();
        let rows = Rows::new(vec![
            Column::Uuid(claims().map(|(company, ..)| *company).collect()),
            Column::Uuid(claims().map(|(_, webhook, _)| *webhook).collect()),
            Column::Uuid(claims().map(|(.., claim)| *claim).collect()),
            Column::Int(self.0.values().map(|count| Some(*count)).collect()),
        ]);
        let text = "UPDATE delivery_claim SET unsettled = delivery_claim.unsettled - $k.c4 FROM $k \
            WHERE delivery_claim.company_id = $k.c1 AND delivery_claim.webhook_id = $k.c2 \
            AND delivery_claim.id = $k.c3 RETURNING delivery_claim.company_id, delivery_claim.webhook_id, \
            delivery_claim.id, delivery_claim.unsettled";
        let mut done = Vec::new();
        for row in session.fetch(text, &rows).await? {
            if row.int(3)? <= 0 {
                done.push((row.uuid(0)?, row.uuid(1)?, row.uuid(2)?));
            }
        }
        let names = ["company_id", "webhook_id", "id"];
        let step = Step::delete("delivery_claim", &names, keys(&done));
        Ok(session.write(&[step]).await?)
    }
}
