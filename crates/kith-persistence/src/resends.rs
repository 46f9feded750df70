//! Jobs that send failed deliveries again: begun and read here, carried forward by the writer of deliveries.

use async_trait::async_trait;
use kith_domain::event::EncodedEvent;
use kith_domain::ports::RepositoryError;
use kith_domain::ports::resends::{Progress, Resends};
use kith_domain::time::Timestamp;
use kith_domain::webhook::resend::{JobStatus, ResendJob};
use sea_orm::QueryResult;
use uuid::Uuid;

use crate::found::first_id;
use crate::log;
use crate::store::{Store, get, run, unavailable};
use crate::writer::deliveries::{Done, Task};

const JOB: &str = "SELECT id, webhook_id, user_id, made_from, made_until, status, total, resent, problem, updated_at, \
    finished_at FROM resend_job WHERE company_id = $1";

const BEGIN: &str = "INSERT INTO resend_job (company_id, id, webhook_id, user_id, made_from, made_until, status, total, \
    resent, after_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, 'running', $7, 0, $8, $6, $6)";

const TOTAL: &str = "SELECT count(*) FROM delivery d WHERE d.company_id = $1 AND d.webhook_id = $2 \
    AND d.status = 'failed' AND d.id > $3 AND d.created_at >= $4 AND d.created_at < $5 AND d.event_seq IS NOT NULL \
    AND NOT EXISTS (SELECT 1 FROM delivery r WHERE r.company_id = d.company_id AND r.resend_of = d.id)";

fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}

fn read_job(row: &QueryResult) -> Result<ResendJob, RepositoryError> {
    let status = JobStatus::by_name(&get::<String>(row, 5)?);
    Ok(ResendJob {
        id: get(row, 0)?,
        webhook: get(row, 1)?,
        user: get(row, 2)?,
        since: Timestamp(get(row, 3)?),
        until: Timestamp(get(row, 4)?),
        status: status
            .ok_or_else(|| RepositoryError::Failed("a job has an unknown status".to_owned()))?,
        total: number(get(row, 6)?),
        resent: number(get(row, 7)?),
        problem: get(row, 8)?,
        updated_at: Timestamp(get(row, 9)?),
        finished_at: get::<Option<i64>>(row, 10)?.map(Timestamp),
    })
}

impl Store {
    /// Stores a new job with the event that tells of it; how many deliveries it is about.
    pub(crate) async fn put_resend_job(
        &self,
        company: Uuid,
        job: &ResendJob,
        log: EncodedEvent,
    ) -> Result<u64, RepositoryError> {
        let after = first_id(job.since);
        let values = vec![
            company.into(),
            job.webhook.into(),
            after.into(),
            job.since.0.into(),
            job.until.0.into(),
        ];
        let counted = self.rows(TOTAL, values).await?;
        let total: i64 = counted.first().map_or(Ok(0), |row| get(row, 0))?;
        let values = vec![
            company.into(),
            job.id.into(),
            job.webhook.into(),
            job.user.into(),
            job.since.0.into(),
            job.until.0.into(),
            total.into(),
            after.into(),
        ];
        let transaction = self.begin_change().await.map_err(unavailable)?;
        let logged = log::append(&transaction, company, &[log])
            .await
            .map_err(unavailable)?;
        run(&transaction, BEGIN, values)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        self.announce(&logged);
        Ok(number(total))
    }

    pub(crate) async fn read_resend_job(
        &self,
        company: Uuid,
        id: Uuid,
    ) -> Result<Option<ResendJob>, RepositoryError> {
        let sql = format!("{JOB} AND id = $2");
        let rows = self.rows(&sql, vec![company.into(), id.into()]).await?;
        rows.first().map(read_job).transpose()
    }

    pub(crate) async fn read_resend_jobs(
        &self,
        company: Uuid,
        webhook: Uuid,
        limit: u32,
    ) -> Result<Vec<ResendJob>, RepositoryError> {
        let sql = format!("{JOB} AND webhook_id = $2 ORDER BY id DESC LIMIT $3");
        let values = vec![company.into(), webhook.into(), i64::from(limit).into()];
        let rows = self.rows(&sql, values).await?;
        rows.iter().map(read_job).collect()
    }
}

#[async_trait]
impl Resends for Store {
    async fn advance(&self, ids: Vec<Uuid>, now: Timestamp) -> Result<Progress, RepositoryError> {
        // Most of the time there is no job, and nobody has to write to learn that.
        let open = "SELECT 1 FROM resend_job WHERE status = 'running' LIMIT 1";
        if self.rows(open, Vec::new()).await?.is_empty() {
            return Ok(Progress::Idle);
        }
        let writer = self.delivery_writer().await?;
        let done = writer.perform(Task::Resend(ids, now)).await?;
        let progress = match done {
            Done::Resent(progress) => progress,
            _ => Progress::Idle,
        };
        if progress == Progress::Advanced {
            self.bells.deliveries_due();
        }
        Ok(progress)
    }
}
