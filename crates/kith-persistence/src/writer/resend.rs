//! One step of a job that sends failed deliveries again.

use kith_domain::ports::resends::Progress;
use kith_domain::time::Timestamp;
use uuid::Uuid;

use super::Failure;
use super::forget::LOCK;
use crate::sql::{Cells, Column, Dialect, Rows, Session, Step};

/// A webhook before which so many deliveries lie gets no more from a job: new events do not wait behind old ones.
const BACKLOG: i64 = 200;

/// The job that has waited longest, and that nobody else works on.
const JOB: &str = "SELECT j.company_id, j.id, j.webhook_id, j.made_from, j.made_until, j.after_id, j.resent \
    FROM resend_job j WHERE j.status = 'running' AND j.updated_at >= (SELECT c1 FROM $k) ORDER BY j.updated_at LIMIT 1";

/// The webhook as it is now, and how many deliveries lie before it, up to a number.
const WEBHOOK: &str = "SELECT w.url, w.enabled, (SELECT count(*) FROM (SELECT 1 AS one FROM delivery d \
    WHERE d.webhook_id = w.id AND d.due_at IS NOT NULL LIMIT (SELECT c3 FROM $k)) AS before_it) \
    FROM webhook w WHERE w.company_id = (SELECT c1 FROM $k) AND w.id = (SELECT c2 FROM $k)";

/// What failed, on from where the job is, and whether it is to be sent again: it is an event, and was not repeated yet.
const FAILED: &str = "SELECT d.id, d.created_at, CAST(CASE WHEN d.event_seq IS NOT NULL AND NOT EXISTS (\
    SELECT 1 FROM delivery r WHERE r.company_id = d.company_id AND r.resend_of = d.id) THEN 1 ELSE 0 END AS bigint) \
    FROM delivery d WHERE d.company_id = (SELECT c1 FROM $k) AND d.webhook_id = (SELECT c2 FROM $k) \
    AND d.status = 'failed' AND d.id > (SELECT c3 FROM $k) ORDER BY d.id LIMIT (SELECT c4 FROM $k)";

const ADD: &str = "INSERT INTO delivery (company_id, id, webhook_id, event_id, event_seq, event_type, url, status, \
    due_at, attempt, resend_of, created_at, body) \
    SELECT d.company_id, $k.c3, d.webhook_id, d.event_id, d.event_seq, d.event_type, $k.c4, 'pending', $k.c5, 0, d.id, \
    $k.c5, d.body FROM $k CROSS JOIN delivery d WHERE d.company_id = $k.c1 AND d.id = $k.c2";

struct Job {
    company: Uuid,
    id: Uuid,
    webhook: Uuid,
    from: i64,
    until: i64,
    after: Uuid,
    resent: i64,
}

/// How a job stands after a step.
struct Stand {
    after: Uuid,
    resent: i64,
    status: &'static str,
    problem: Option<String>,
}

pub(super) async fn advance<S: Session>(
    session: &mut S,
    ids: &[Uuid],
    now: Timestamp,
) -> Result<Progress, Failure> {
    let Some(job) = take(session).await? else {
        return Ok(Progress::Idle);
    };
    // Two jobs of one webhook, and the removal of old events, take turns.
    let lock = Step {
        text: LOCK.to_owned(),
        rows: Rows::new(vec![Column::Uuid(vec![job.company])]),
    };
    session.write(&[lock]).await?;
    let mut stand = Stand {
        after: job.after,
        resent: job.resent,
        status: "running",
        problem: None,
    };
    let progress = match webhook(session, &job).await? {
        Endpoint::Gone => stop(&mut stand, "the webhook was deleted"),
        Endpoint::Disabled => stop(&mut stand, "the webhook is disabled"),
        Endpoint::Busy => Progress::Waiting,
        Endpoint::Ready(url) => {
            send(session, &job, &mut stand, ids, &url, now).await?;
            Progress::Advanced
        }
    };
    store(session, &job, stand, now).await?;
    Ok(progress)
}

async fn take<S: Session>(session: &mut S) -> Result<Option<Job>, Failure> {
    let rows = Rows::new(vec![Column::Int(vec![Some(i64::MIN)])]);
    let text = match S::DIALECT {
        Dialect::Postgres => format!("{JOB} FOR UPDATE SKIP LOCKED"),
        Dialect::Sqlite => JOB.to_owned(),
    };
    let found = session.fetch(&text, &rows).await?;
    let Some(row) = found.first() else {
        return Ok(None);
    };
    Ok(Some(Job {
        company: row.uuid(0)?,
        id: row.uuid(1)?,
        webhook: row.uuid(2)?,
        from: row.int(3)?,
        until: row.int(4)?,
        after: row.uuid(5)?,
        resent: row.int(6)?,
    }))
}

enum Endpoint {
    Gone,
    Disabled,
    Busy,
    Ready(String),
}

async fn webhook<S: Session>(session: &mut S, job: &Job) -> Result<Endpoint, Failure> {
    let rows = Rows::new(vec![
        Column::Uuid(vec![job.company]),
        Column::Uuid(vec![job.webhook]),
        Column::Int(vec![Some(BACKLOG)]),
    ]);
    let found = session.fetch(WEBHOOK, &rows).await?;
    let Some(row) = found.first() else {
        return Ok(Endpoint::Gone);
    };
    Ok(if row.int(1)? == 0 {
        Endpoint::Disabled
    } else if row.int(2)? >= BACKLOG {
        Endpoint::Busy
    } else {
        Endpoint::Ready(row.text(0)?.to_owned())
    })
}

fn stop(stand: &mut Stand, why: &str) -> Progress {
    stand.status = "stopped";
    stand.problem = Some(why.to_owned());
    Progress::Advanced
}

async fn send<S: Session>(
    session: &mut S,
    job: &Job,
    stand: &mut Stand,
    ids: &[Uuid],
    url: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    let most = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    let rows = Rows::new(vec![
        Column::Uuid(vec![job.company]),
        Column::Uuid(vec![job.webhook]),
        Column::Uuid(vec![job.after]),
        Column::Int(vec![Some(most)]),
    ]);
    let found = session.fetch(FAILED, &rows).await?;
    let mut originals = Vec::with_capacity(found.len());
    for row in &found {
        stand.after = row.uuid(0)?;
        let made = row.int(1)?;
        if (job.from..job.until).contains(&made) && row.int(2)? == 1 {
            originals.push(stand.after);
        }
    }
    if found.len() < ids.len() {
        stand.status = "done";
    }
    let count = originals.len();
    stand.resent += i64::try_from(count).unwrap_or_default();
    // Never of a time that the job is about, whatever the clocks of the servers say.
    let at = now.0.max(job.until);
    let step = Step {
        text: ADD.to_owned(),
        rows: Rows::new(vec![
            Column::Uuid(vec![job.company; count]),
            Column::Uuid(originals),
            Column::Uuid(ids.iter().copied().take(count).collect()),
            Column::Text(vec![Some(url.to_owned()); count]),
            Column::Int(vec![Some(at); count]),
        ]),
    };
    Ok(session.write(&[step]).await?)
}

async fn store<S: Session>(
    session: &mut S,
    job: &Job,
    stand: Stand,
    now: Timestamp,
) -> Result<(), Failure> {
    let ended = (stand.status != "running").then_some(now.0);
    let rows = Rows::new(vec![
        Column::Uuid(vec![job.company]),
        Column::Uuid(vec![job.id]),
        Column::Uuid(vec![stand.after]),
        Column::Int(vec![Some(stand.resent)]),
        Column::Name(vec![stand.status]),
        Column::Text(vec![stand.problem]),
        Column::Int(vec![Some(now.0)]),
        Column::Int(vec![ended]),
    ]);
    let columns = [
        "company_id",
        "id",
        "after_id",
        "resent",
        "status",
        "problem",
        "updated_at",
        "finished_at",
    ];
    let step = Step::update("resend_job", &columns, 2, rows);
    Ok(session.write(&[step]).await?)
}
