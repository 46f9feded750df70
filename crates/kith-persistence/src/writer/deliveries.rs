//! The work on deliveries that the writer does for the worker: claims, outcomes, what is given back.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kith_domain::ports::deliveries::{Claimed, Claims, Endpoint, Outcome, Wish};
use kith_domain::ports::resends::Progress;
use kith_domain::time::Timestamp;
use kith_domain::webhook::delivery::{Health, Next, Status};
use kith_domain::webhook::schedule::{DisabledReason, RetryPolicy};
use kith_domain::webhook::secret::SealedSecret;
use uuid::Uuid;

use super::Failure;
use super::forget::{self, OldEvents};
use super::resend;
use super::store::event_step;
use crate::sql::{Cells, Column, Dialect, Rows, Session, Step};

/// Lanes that one claim looks at.
const LANES: usize = 256;

/// What the worker and the upkeep ask for.
pub(crate) enum Task {
    Claim(Wish),
    Settle(Vec<Outcome>),
    Release(Vec<Claimed>),
    ForgetEvents(OldEvents),
    ForgetDeliveries(Vec<(Uuid, Uuid)>),
    Resend(Vec<Uuid>, Timestamp),
}

/// What came of it, where there is something to say.
pub(crate) enum Done {
    Nothing,
    Claimed(Claims),
    Resent(Progress),
}

/// Does it, inside of a transaction.
pub(super) async fn perform<S: Session>(session: &mut S, task: &Task) -> Result<Done, Failure> {
    match task {
        Task::Claim(wish) => return claim(session, wish).await.map(Done::Claimed),
        Task::Resend(ids, now) => {
            return resend::advance(session, ids, *now).await.map(Done::Resent);
        }
        Task::Settle(outcomes) => settle(session, outcomes).await?,
        Task::Release(claimed) => release(session, claimed).await?,
        Task::ForgetEvents(old) => forget::events(session, old).await?,
        Task::ForgetDeliveries(old) => forget::deliveries(session, old).await?,
    }
    Ok(Done::Nothing)
}

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

async fn claim<S: Session>(session: &mut S, wish: &Wish) -> Result<Claims, Failure> {
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
    claims.deliveries = match S::DIALECT {
        Dialect::Sqlite => {
            let due = pick(session, &lanes, wish.now).await?;
            take(session, &due, wish.lease_until).await?
        }
        Dialect::Postgres => pick_and_take(session, &lanes, wish).await?,
    };
    Ok(claims)
}

/// Lanes with how much is wanted of each.
fn wanted(lanes: &[(Uuid, usize)], now: Timestamp, lease_until: Timestamp) -> Rows {
    let most = |most: usize| Some(i64::try_from(most).unwrap_or(i64::MAX));
    Rows::new(vec![
        Column::Uuid(lanes.iter().map(|(lane, _)| *lane).collect()),
        Column::Int(vec![Some(now.0); lanes.len()]),
        Column::Int(lanes.iter().map(|(_, room)| most(*room)).collect()),
        Column::Int(vec![Some(lease_until.0); lanes.len()]),
    ])
}

/// What the worker needs of a delivery, its event and its webhook.
const NEEDED: &str = "d.company_id, d.id, d.webhook_id, d.event_id, d.attempt, d.body, e.body, \
    w.url, w.secret, w.enabled, w.retry_policy, w.failing_since";

const NEEDED_FROM: &str = "LEFT JOIN event e ON e.company_id = d.company_id AND e.seq = d.event_seq \
    LEFT JOIN webhook w ON w.company_id = d.company_id AND w.id = d.webhook_id";

/// Finds, marks and reads the deliveries of lanes that are due in one statement; each is locked against other workers,
/// whose are left out.
async fn pick_and_take<S: Session>(
    session: &mut S,
    lanes: &[(Uuid, usize)],
    wish: &Wish,
) -> Result<Vec<Claimed>, Failure> {
    let text = format!(
        ", p AS (SELECT p.*, $k.c4 AS lease_until FROM $k CROSS JOIN LATERAL (\
            SELECT d.company_id, d.id, d.due_at FROM delivery d WHERE d.webhook_id = $k.c1 AND d.due_at <= $k.c2 \
            ORDER BY d.due_at, d.id LIMIT $k.c3 FOR UPDATE SKIP LOCKED) p), \
         d AS (UPDATE delivery SET status = 'delivering', due_at = p.lease_until, attempt = delivery.attempt + 1 \
            FROM p WHERE delivery.company_id = p.company_id AND delivery.id = p.id \
            RETURNING delivery.*, p.due_at AS was_due_at) \
         SELECT {NEEDED}, d.was_due_at FROM d {NEEDED_FROM}"
    );
    let rows = wanted(lanes, wish.now, wish.lease_until);
    let mut claimed = Vec::new();
    for row in session.fetch(&text, &rows).await? {
        claimed.push((row.int(12)?, read(&row)?));
    }
    claimed.sort_by_key(|(due_at, claimed)| (claimed.webhook, *due_at, claimed.id));
    Ok(claimed.into_iter().map(|(_, claimed)| claimed).collect())
}

/// The deliveries of lanes that are due, in order. There is one writer only.
async fn pick<S: Session>(
    session: &mut S,
    lanes: &[(Uuid, usize)],
    now: Timestamp,
) -> Result<Vec<(Uuid, Uuid)>, Failure> {
    let text = "SELECT d.company_id, d.id FROM delivery d \
        WHERE d.webhook_id = (SELECT c1 FROM $k) AND d.due_at <= (SELECT c2 FROM $k) \
        ORDER BY d.due_at, d.id LIMIT (SELECT c3 FROM $k)";
    let mut keys = Vec::new();
    for lane in lanes.chunks(1) {
        for row in session.fetch(text, &wanted(lane, now, now)).await? {
            keys.push((row.uuid(0)?, row.uuid(1)?));
        }
    }
    Ok(keys)
}

/// Marks deliveries as being attempted and reads what the worker needs of them, in the order of the keys.
async fn take<S: Session>(
    session: &mut S,
    keys: &[(Uuid, Uuid)],
    lease_until: Timestamp,
) -> Result<Vec<Claimed>, Failure> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let (companies, ids) = keys.iter().copied().unzip();
    let marked = Rows::new(vec![
        Column::Uuid(companies),
        Column::Uuid(ids),
        Column::Int(vec![Some(lease_until.0); keys.len()]),
    ]);
    let text = "UPDATE delivery SET status = 'delivering', due_at = $k.c3, attempt = delivery.attempt + 1 \
                FROM $k WHERE delivery.company_id = $k.c1 AND delivery.id = $k.c2";
    let step = Step {
        text: text.to_owned(),
        rows: marked,
    };
    session.write(&[step]).await?;
    let text = format!(
        "SELECT {NEEDED} FROM $k CROSS JOIN delivery d {NEEDED_FROM} WHERE d.company_id = $k.c1 AND d.id = $k.c2"
    );
    let rows = Rows::keys(keys.iter().copied());
    let mut claimed = Vec::with_capacity(keys.len());
    for row in session.fetch(&text, &rows).await? {
        claimed.push(read(&row)?);
    }
    // Lanes one after the other, as the keys are.
    let order: HashMap<_, _> = keys.iter().zip(0_usize..).collect();
    claimed.sort_by_key(|claimed| order.get(&(claimed.company, claimed.id)).copied());
    Ok(claimed)
}

fn read(row: &impl Cells) -> Result<Claimed, sqlx::Error> {
    let endpoint = match row.optional_text(7)? {
        None => None,
        Some(url) => Some(Endpoint {
            url: url.to_owned(),
            secret: row.optional_bytes(8)?.map(SealedSecret),
            enabled: row.int(9)? == 1,
            retry_policy: RetryPolicy::by_name(row.text(10)?).unwrap_or_default(),
            failing_since: row.optional_int(11)?.map(Timestamp),
        }),
    };
    let own = row.optional_bytes(5)?;
    let body = match own {
        Some(body) => body,
        None => row.optional_bytes(6)?.unwrap_or_default(),
    };
    Ok(Claimed {
        company: row.uuid(0)?,
        id: row.uuid(1)?,
        webhook: row.uuid(2)?,
        event_id: row.uuid(3)?,
        body,
        attempt: u32::try_from(row.int(4)?).unwrap_or(u32::MAX),
        endpoint,
    })
}

async fn settle<S: Session>(session: &mut S, outcomes: &[Outcome]) -> Result<(), Failure> {
    // One after the other: PostgreSQL would not see an attempt's delivery twice in one statement.
    let attempts = attempts(outcomes);
    let states = states(outcomes);
    session.write(&[attempts]).await?;
    session.write(&[states]).await?;
    let mut healths: BTreeMap<(Uuid, Uuid), Health> = BTreeMap::new();
    for outcome in outcomes {
        let health = healths
            .entry((outcome.company, outcome.webhook))
            .or_insert(outcome.health);
        match (&*health, outcome.health) {
            // Nothing takes a disabling back.
            (Health::Disabled(..), _) | (_, Health::Same) => {}
            _ => *health = outcome.health,
        }
    }
    for step in health_steps(&healths) {
        session.write(&[step]).await?;
    }
    disable(session, outcomes).await
}

fn attempts(outcomes: &[Outcome]) -> Step {
    let micros = |time: Option<u64>| time.map(|time| i64::try_from(time).unwrap_or(i64::MAX));
    let (companies, ids) = outcomes
        .iter()
        .map(|outcome| (outcome.company, outcome.delivery))
        .unzip();
    let all = || outcomes.iter().map(|outcome| &outcome.attempt);
    let columns = vec![
        Column::Uuid(companies),
        Column::Uuid(ids),
        Column::Int(all().map(|attempt| Some(attempt.number.into())).collect()),
        Column::Int(all().map(|attempt| Some(attempt.at.0)).collect()),
        Column::Text(all().map(|attempt| Some(attempt.url.clone())).collect()),
        Column::Text(
            all()
                .map(|attempt| attempt.remote.map(|remote| remote.to_string()))
                .collect(),
        ),
        Column::Int(all().map(|attempt| attempt.status.map(i64::from)).collect()),
        // PostgreSQL keeps no zero characters in text.
        Column::Text(
            all()
                .map(|attempt| Some(attempt.headers.replace('\0', "\u{fffd}")))
                .collect(),
        ),
        Column::Bytes(all().map(|attempt| attempt.body.clone()).collect()),
        Column::Text(
            all()
                .map(|attempt| {
                    let error = attempt.error.as_ref();
                    error.map(|error| error.to_string().replace('\0', "\u{fffd}"))
                })
                .collect(),
        ),
        Column::Int(all().map(|attempt| micros(attempt.timing.dns)).collect()),
        Column::Int(
            all()
                .map(|attempt| micros(attempt.timing.connect))
                .collect(),
        ),
        Column::Int(all().map(|attempt| micros(attempt.timing.tls)).collect()),
        Column::Int(
            all()
                .map(|attempt| micros(attempt.timing.first_byte))
                .collect(),
        ),
        Column::Int(
            all()
                .map(|attempt| micros(Some(attempt.timing.total)))
                .collect(),
        ),
    ];
    let names = [
        "company_id",
        "delivery_id",
        "number",
        "at",
        "url",
        "remote",
        "status_code",
        "headers",
        "body",
        "error",
        "dns_us",
        "connect_us",
        "tls_us",
        "first_byte_us",
        "total_us",
    ];
    // The same outcome may come again, when it is not known whether it was recorded. A delivery may be gone with its
    // company.
    let text = format!(
        "INSERT INTO delivery_attempt ({}) SELECT $k.* FROM $k WHERE c1 IS NOT NULL \
         AND EXISTS (SELECT 1 FROM delivery d WHERE d.company_id = $k.c1 AND d.id = $k.c2) \
         ON CONFLICT (company_id, delivery_id, number) DO NOTHING",
        names.join(", ")
    );
    Step {
        text,
        rows: Rows::new(columns),
    }
}

fn states(outcomes: &[Outcome]) -> Step {
    let state = |outcome: &Outcome| match outcome.next {
        Next::Done => (Status::Success, None, Some(outcome.at.0)),
        Next::GiveUp => (Status::Failed, None, None),
        Next::Again(at) => (Status::Pending, Some(at.0), None),
    };
    let (companies, ids) = outcomes
        .iter()
        .map(|outcome| (outcome.company, outcome.delivery))
        .unzip();
    let columns = vec![
        Column::Uuid(companies),
        Column::Uuid(ids),
        Column::Int(
            outcomes
                .iter()
                .map(|outcome| Some(outcome.attempt.number.into()))
                .collect(),
        ),
        Column::Name(
            outcomes
                .iter()
                .map(|outcome| state(outcome).0.name())
                .collect(),
        ),
        Column::Int(outcomes.iter().map(|outcome| state(outcome).1).collect()),
        Column::Int(outcomes.iter().map(|outcome| state(outcome).2).collect()),
        Column::Text(
            outcomes
                .iter()
                .map(|outcome| Some(outcome.attempt.url.clone()))
                .collect(),
        ),
    ];
    // A later claim counted on: then somebody else decides.
    let text = "UPDATE delivery SET status = $k.c4, due_at = $k.c5, delivered_at = $k.c6, \
                url = CASE WHEN $k.c7 = '' THEN delivery.url ELSE $k.c7 END FROM $k \
                WHERE delivery.company_id = $k.c1 AND delivery.id = $k.c2 AND delivery.attempt = $k.c3";
    Step {
        text: text.to_owned(),
        rows: Rows::new(columns),
    }
}

fn health_steps(healths: &BTreeMap<(Uuid, Uuid), Health>) -> Vec<Step> {
    let mut recovered = Vec::new();
    let mut failing = Vec::new();
    for (key, health) in healths {
        match *health {
            Health::Same => {}
            Health::Recovered => recovered.push(*key),
            Health::FailingSince(at) => failing.push((*key, at)),
            Health::Disabled(..) => {}
        }
    }
    let mut steps = Vec::new();
    if !recovered.is_empty() {
        steps.push(Step {
            text: "UPDATE webhook SET failing_since = NULL FROM $k \
                   WHERE webhook.company_id = $k.c1 AND webhook.id = $k.c2"
                .to_owned(),
            rows: Rows::keys(recovered),
        });
    }
    if !failing.is_empty() {
        let (companies, ids) = failing.iter().map(|(key, _)| *key).unzip();
        let since = failing.iter().map(|(_, at)| Some(at.0)).collect();
        steps.push(Step {
            text:
                "UPDATE webhook SET failing_since = $k.c3 FROM $k WHERE webhook.company_id = $k.c1 \
                   AND webhook.id = $k.c2 AND webhook.failing_since IS NULL"
                    .to_owned(),
            rows: Rows::new(vec![
                Column::Uuid(companies),
                Column::Uuid(ids),
                Column::Int(since),
            ]),
        });
    }
    steps
}

/// Switches webhooks off, and logs it; those that somebody has switched off before are left alone. The companies' rows
/// come first, as in every write.
async fn disable<S: Session>(session: &mut S, outcomes: &[Outcome]) -> Result<(), Failure> {
    let mut disabled: BTreeMap<(Uuid, Uuid), (&Outcome, DisabledReason, Timestamp)> =
        BTreeMap::new();
    for outcome in outcomes {
        if let Health::Disabled(reason, since) = outcome.health {
            let key = (outcome.company, outcome.webhook);
            disabled.entry(key).or_insert((outcome, reason, since));
        }
    }
    if disabled.is_empty() {
        return Ok(());
    }
    let mut companies: Vec<Uuid> = disabled.keys().map(|(company, _)| *company).collect();
    companies.dedup();
    let step = Step {
        text:
            "UPDATE company_position SET webhooks_version = company_position.webhooks_version + 1 \
               FROM $k WHERE company_position.company_id = $k.c1"
                .to_owned(),
        rows: Rows::new(vec![Column::Uuid(companies)]),
    };
    session.write(&[step]).await?;
    let text = "SELECT w.company_id, w.id, p.seq FROM $k CROSS JOIN webhook w \
                JOIN company_position p ON p.company_id = w.company_id \
                WHERE w.company_id = $k.c1 AND w.id = $k.c2 AND w.enabled = 1";
    let mut positions: BTreeMap<Uuid, i64> = BTreeMap::new();
    let mut events = Vec::new();
    let mut off = Vec::new();
    let keys = Rows::keys(disabled.keys().copied());
    for row in session.fetch(text, &keys).await? {
        let (company, webhook) = (row.uuid(0)?, row.uuid(1)?);
        let Some((outcome, reason, since)) = disabled.get(&(company, webhook)) else {
            continue;
        };
        off.push((outcome, *reason, *since));
        if let Some(event) = &outcome.log {
            let position = positions.entry(company).or_insert(row.int(2)?);
            *position += 1;
            events.push((company, *position, Arc::new(event.clone())));
        }
        tracing::warn!(%company, %webhook, reason = reason.name(), "a webhook was disabled");
    }
    let (companies, ids) = off
        .iter()
        .map(|(outcome, ..)| (outcome.company, outcome.webhook))
        .unzip();
    let columns = vec![
        Column::Uuid(companies),
        Column::Uuid(ids),
        Column::Name(off.iter().map(|(_, reason, _)| reason.name()).collect()),
        Column::Int(off.iter().map(|(.., since)| Some(since.0)).collect()),
        Column::Int(off.iter().map(|(outcome, ..)| Some(outcome.at.0)).collect()),
    ];
    let switched = Step {
        text: "UPDATE webhook SET enabled = 0, disabled_reason = $k.c3, failing_since = $k.c4, \
               updated_at = $k.c5 FROM $k WHERE webhook.company_id = $k.c1 AND webhook.id = $k.c2"
            .to_owned(),
        rows: Rows::new(columns),
    };
    session.write(&[switched]).await?;
    let (companies, last) = positions
        .iter()
        .map(|(company, position)| (*company, Some(*position)))
        .unzip();
    let moved = Step {
        text: "UPDATE company_position SET seq = $k.c2 FROM $k WHERE company_position.company_id = $k.c1"
            .to_owned(),
        rows: Rows::new(vec![Column::Uuid(companies), Column::Int(last)]),
    };
    session.write(&[moved, event_step(&events)]).await?;
    Ok(())
}

async fn release<S: Session>(session: &mut S, claimed: &[Claimed]) -> Result<(), Failure> {
    let (companies, ids) = claimed
        .iter()
        .map(|claimed| (claimed.company, claimed.id))
        .unzip();
    let numbers = claimed.iter().map(|claimed| Some(claimed.attempt.into()));
    let rows = Rows::new(vec![
        Column::Uuid(companies),
        Column::Uuid(ids),
        Column::Int(numbers.collect()),
    ]);
    let text = "UPDATE delivery SET status = 'pending', due_at = 0, attempt = delivery.attempt - 1 FROM $k \
                WHERE delivery.company_id = $k.c1 AND delivery.id = $k.c2 AND delivery.attempt = $k.c3 \
                AND delivery.status = 'delivering'";
    let step = Step {
        text: text.to_owned(),
        rows,
    };
    Ok(session.write(&[step]).await?)
}
