//! The work on deliveries that the writer does for the worker, above all: what became of attempts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kith_domain::ports::deliveries::{Claimed, Claims, Outcome, Wish};
use kith_domain::ports::resends::Progress;
use kith_domain::time::Timestamp;
use kith_domain::webhook::delivery::{Health, Next, Status};
use kith_domain::webhook::schedule::DisabledReason;
use uuid::Uuid;

use super::claim::{self, Settled};
use super::forget::{self, OldEvents};
use super::store::event_step;
use super::{Failure, resend};
use crate::sql::{Cells, Column, Dialect, Rows, Session, Step};

/// What the worker and the upkeep ask for.
pub(crate) enum Task {
    Claim(Wish),
    Settle(Arc<[Outcome]>),
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

/// Outcomes that are recorded before the writer looks whether somebody else waits. On PostgreSQL nobody does who is in a
/// hurry, and few large statements are the cheapest.
fn part(dialect: Dialect) -> usize {
    match dialect {
        Dialect::Sqlite => 64,
        Dialect::Postgres => 512,
    }
}

/// Does it, inside of a transaction; nothing, if a part is done, and how much altogether.
pub(super) async fn perform<S: Session>(
    session: &mut S,
    task: &Task,
    upto: &mut usize,
) -> Result<Option<Done>, Failure> {
    match task {
        Task::Claim(wish) => {
            let claims = claim::claim(session, wish).await?;
            return Ok(Some(Done::Claimed(claims)));
        }
        Task::Resend(ids, now) => {
            let progress = resend::advance(session, ids, *now).await?;
            return Ok(Some(Done::Resent(progress)));
        }
        Task::Settle(outcomes) => {
            let rest = outcomes.get(*upto..).unwrap_or_default();
            let part = &rest[..rest.len().min(part(S::DIALECT))];
            settle(session, part).await?;
            *upto += part.len();
            if part.len() < rest.len() {
                return Ok(None);
            }
        }
        Task::Release(claimed) => claim::release(session, claimed).await?,
        Task::ForgetEvents(old) => forget::events(session, old).await?,
        Task::ForgetDeliveries(old) => forget::deliveries(session, old).await?,
    }
    Ok(Some(Done::Nothing))
}

async fn settle<S: Session>(session: &mut S, outcomes: &[Outcome]) -> Result<(), Failure> {
    let claims = outcomes
        .iter()
        .map(|outcome| (outcome.company, outcome.webhook, outcome.claim));
    claim::hold(session, claims).await?;
    let decided = states(outcomes);
    let mut undecided: HashMap<_, _> = outcomes
        .iter()
        .map(|outcome| ((outcome.delivery, outcome.attempt.number), outcome))
        .collect();
    let mut settled = Settled::default();
    let mut those = Vec::with_capacity(outcomes.len());
    for row in session.fetch(&decided.text, &decided.rows).await? {
        let number = u32::try_from(row.int(1)?).unwrap_or(u32::MAX);
        if let Some(outcome) = undecided.remove(&(row.uuid(0)?, number)) {
            settled.count(outcome.company, outcome.webhook, outcome.claim);
            those.push(outcome);
        }
    }
    session.write(&[attempts(&those, "")]).await?;
    // A delivery may be gone.
    let exists =
        "AND EXISTS (SELECT 1 FROM delivery d WHERE d.company_id = $k.c1 AND d.id = $k.c2)";
    let late: Vec<_> = undecided.into_values().collect();
    session.write(&[attempts(&late, exists)]).await?;
    settled.store(session).await?;
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
    // Who changes a webhook holds its company first.
    disable(session, outcomes).await?;
    for step in health_steps(&healths) {
        session.write(&[step]).await?;
    }
    Ok(())
}

fn attempts(outcomes: &[&Outcome], condition: &str) -> Step {
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
    // The same outcome may come again, when it is not known whether it was recorded.
    let text = format!(
        "INSERT INTO delivery_attempt ({}) SELECT $k.* FROM $k WHERE c1 IS NOT NULL {condition} \
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
    // Whoever took the claim over counted on: then somebody else decides. Nothing is said of `due_at`, whose index knows
    // nothing of ids.
    let text = "UPDATE delivery SET attempt = $k.c3, status = $k.c4, due_at = $k.c5, delivered_at = $k.c6, \
                url = CASE WHEN $k.c7 = '' THEN delivery.url ELSE $k.c7 END FROM $k \
                WHERE delivery.company_id = $k.c1 AND delivery.id = $k.c2 AND delivery.attempt = $k.c3 - 1 \
                AND delivery.status IN ('pending', 'delivering') \
                RETURNING delivery.id, delivery.attempt";
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
