//! Webhooks and the reading of their deliveries.

use async_trait::async_trait;
use kith_domain::event::EncodedEvent;
use kith_domain::ports::RepositoryError;
use kith_domain::ports::webhooks::{
    AttemptRecord, Delivery, DeliveryPage, DeliverySearch, NewDelivery, Webhooks,
};
use kith_domain::time::Timestamp;
use kith_domain::webhook::Webhook;
use kith_domain::webhook::delivery::Status;
use kith_domain::webhook::resend::ResendJob;
use kith_domain::webhook::schedule::{DisabledReason, RetryPolicy};
use kith_domain::webhook::secret::SealedSecret;
use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use crate::found::{LAST_ATTEMPT, shown};
use crate::log;
use crate::store::{Store, get, run, unavailable};

const WEBHOOK: &str = "SELECT id, url, description, events, secret, enabled, retry_policy, disabled_reason, \
    failing_since, created_at, updated_at FROM webhook WHERE company_id = $1";

const BODY: &str = "SELECT d.body, e.body FROM delivery d \
    LEFT JOIN event e ON e.company_id = d.company_id AND e.seq = d.event_seq \
    WHERE d.company_id = $1 AND d.id = $2";

const ATTEMPTS: &str = "SELECT a.number, a.at, a.url, a.remote, a.status_code, a.headers, a.body, a.error, \
    a.dns_us, a.connect_us, a.tls_us, a.first_byte_us, a.total_us FROM delivery_attempt a \
    WHERE a.company_id = $1 AND a.delivery_id = $2 ORDER BY a.number";

const PUT: &str = "INSERT INTO webhook (company_id, id, url, description, events, secret, enabled, retry_policy, \
    disabled_reason, failing_since, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
    ON CONFLICT (company_id, id) DO UPDATE SET url = excluded.url, description = excluded.description, \
    events = excluded.events, secret = excluded.secret, enabled = excluded.enabled, \
    retry_policy = excluded.retry_policy, disabled_reason = excluded.disabled_reason, \
    failing_since = excluded.failing_since, updated_at = excluded.updated_at";

/// A repeated delivery has the event of the original, or its own copy of the bytes.
const ADD: &str = "INSERT INTO delivery (company_id, id, webhook_id, event_id, event_seq, event_type, url, status, \
    due_at, attempt, resend_of, created_at, body) \
    SELECT $1, $2, $3, $4, (SELECT o.event_seq FROM delivery o WHERE o.company_id = $1 AND o.id = $8), $5, $6, \
    'pending', $7, 0, $8, $7, coalesce($9, (SELECT o.body FROM delivery o WHERE o.company_id = $1 AND o.id = $8))";

impl Store {
    /// Changes webhooks in a transaction that holds the company's row, as writes do, so that each of them sees all or
    /// nothing of it.
    async fn change(
        &self,
        company: Uuid,
        sql: &str,
        values: Vec<Value>,
        event: EncodedEvent,
    ) -> Result<u64, RepositoryError> {
        let transaction = self.begin_change().await.map_err(unavailable)?;
        let logged = log::append(&transaction, company, &[event])
            .await
            .map_err(unavailable)?;
        let bump = "UPDATE company_position SET webhooks_version = webhooks_version + 1 WHERE company_id = $1";
        run(&transaction, bump, vec![company.into()])
            .await
            .map_err(unavailable)?;
        let changed = run(&transaction, sql, values).await.map_err(unavailable)?;
        if changed == 0 {
            transaction.rollback().await.map_err(unavailable)?;
            return Ok(0);
        }
        transaction.commit().await.map_err(unavailable)?;
        self.announce(&logged);
        Ok(changed)
    }
}

fn time(row: &QueryResult, at: usize) -> Result<Option<Timestamp>, RepositoryError> {
    Ok(get::<Option<i64>>(row, at)?.map(Timestamp))
}

fn read_webhook(row: &QueryResult) -> Result<Webhook, RepositoryError> {
    let reason: Option<String> = get(row, 7)?;
    Ok(Webhook {
        id: get(row, 0)?,
        url: get(row, 1)?,
        description: get(row, 2)?,
        events: get::<String>(row, 3)?.split(',').collect(),
        secret: get::<Option<Vec<u8>>>(row, 4)?.map(SealedSecret),
        enabled: get::<i64>(row, 5)? == 1,
        retry_policy: RetryPolicy::by_name(&get::<String>(row, 6)?).unwrap_or_default(),
        disabled_reason: reason.as_deref().and_then(DisabledReason::by_name),
        failing_since: time(row, 8)?,
        created_at: Timestamp(get(row, 9)?),
        updated_at: Timestamp(get(row, 10)?),
    })
}

pub(crate) fn read_delivery(row: &QueryResult) -> Result<Delivery, RepositoryError> {
    let status = Status::by_name(&get::<String>(row, 5)?);
    let last = match get::<Option<i64>>(row, 11)? {
        None => None,
        Some(_) => Some(read_attempt(row, 11)?),
    };
    Ok(Delivery {
        id: get(row, 0)?,
        webhook: get(row, 1)?,
        url: get(row, 2)?,
        event: get(row, 3)?,
        event_id: get(row, 4)?,
        status: status.ok_or_else(|| {
            RepositoryError::Failed("a delivery has an unknown status".to_owned())
        })?,
        attempt: number(get(row, 6)?),
        due_at: time(row, 7)?,
        resend_of: get(row, 8)?,
        created_at: Timestamp(get(row, 9)?),
        delivered_at: time(row, 10)?,
        last,
    })
}

fn number(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or_default()
}

fn read_attempt(row: &QueryResult, at: usize) -> Result<AttemptRecord, RepositoryError> {
    let status: Option<i64> = get(row, at + 4)?;
    Ok(AttemptRecord {
        number: number(get(row, at)?),
        at: Timestamp(get(row, at + 1)?),
        url: get(row, at + 2)?,
        remote: get(row, at + 3)?,
        status: status.and_then(|status| u16::try_from(status).ok()),
        headers: get(row, at + 5)?,
        body: get(row, at + 6)?,
        error: get(row, at + 7)?,
        timing: [
            get(row, at + 8)?,
            get(row, at + 9)?,
            get(row, at + 10)?,
            get(row, at + 11)?,
            get(row, at + 12)?,
        ],
    })
}

#[async_trait]
impl Webhooks for Store {
    async fn webhooks(&self, company: Uuid) -> Result<Vec<Webhook>, RepositoryError> {
        let sql = format!("{WEBHOOK} ORDER BY id");
        let rows = self.rows(&sql, vec![company.into()]).await?;
        rows.iter().map(read_webhook).collect()
    }

    async fn webhook(&self, company: Uuid, id: Uuid) -> Result<Option<Webhook>, RepositoryError> {
        let sql = format!("{WEBHOOK} AND id = $2");
        let rows = self.rows(&sql, vec![company.into(), id.into()]).await?;
        rows.first().map(read_webhook).transpose()
    }

    async fn put_webhook(
        &self,
        company: Uuid,
        webhook: &Webhook,
        log: EncodedEvent,
    ) -> Result<(), RepositoryError> {
        let names: Vec<_> = webhook.events.names().collect();
        let reason = webhook
            .disabled_reason
            .map(|reason| reason.name().to_owned());
        let values = vec![
            company.into(),
            webhook.id.into(),
            webhook.url.clone().into(),
            Value::String(webhook.description.clone()),
            names.join(",").into(),
            Value::Bytes(webhook.secret.as_ref().map(|secret| secret.0.clone())),
            i64::from(webhook.enabled).into(),
            webhook.retry_policy.name().into(),
            Value::String(reason),
            Value::BigInt(webhook.failing_since.map(|at| at.0)),
            webhook.created_at.0.into(),
            webhook.updated_at.0.into(),
        ];
        self.change(company, PUT, values, log).await.map(drop)
    }

    async fn delete_webhook(
        &self,
        company: Uuid,
        id: Uuid,
        log: EncodedEvent,
    ) -> Result<bool, RepositoryError> {
        let sql = "DELETE FROM webhook WHERE company_id = $1 AND id = $2";
        let values = vec![company.into(), id.into()];
        Ok(self.change(company, sql, values, log).await? > 0)
    }

    async fn log(&self, company: Uuid, log: EncodedEvent) -> Result<(), RepositoryError> {
        let transaction = self.begin_change().await.map_err(unavailable)?;
        let logged = log::append(&transaction, company, &[log])
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        self.announce(&logged);
        Ok(())
    }

    async fn deliveries(
        &self,
        company: Uuid,
        search: &DeliverySearch,
    ) -> Result<DeliveryPage, RepositoryError> {
        self.find_deliveries(company, search).await
    }

    async fn delivery(
        &self,
        company: Uuid,
        id: Uuid,
    ) -> Result<Option<(Delivery, Vec<u8>)>, RepositoryError> {
        let sql = format!(
            "SELECT {} FROM delivery d {LAST_ATTEMPT} WHERE d.company_id = $1 AND d.id = $2",
            shown()
        );
        let rows = self.rows(&sql, vec![company.into(), id.into()]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let delivery = read_delivery(row)?;
        let bodies = self.rows(BODY, vec![company.into(), id.into()]).await?;
        let body = match bodies.first() {
            None => None,
            Some(row) => match get(row, 0)? {
                Some(own) => Some(own),
                None => get::<Option<Vec<u8>>>(row, 1)?,
            },
        };
        Ok(Some((delivery, body.unwrap_or_default())))
    }

    async fn attempts(
        &self,
        company: Uuid,
        delivery: Uuid,
    ) -> Result<Vec<AttemptRecord>, RepositoryError> {
        let rows = self
            .rows(ATTEMPTS, vec![company.into(), delivery.into()])
            .await?;
        rows.iter().map(|row| read_attempt(row, 0)).collect()
    }

    async fn add_delivery(
        &self,
        company: Uuid,
        delivery: &NewDelivery,
    ) -> Result<(), RepositoryError> {
        let values = vec![
            company.into(),
            delivery.id.into(),
            delivery.webhook.into(),
            delivery.event_id.into(),
            delivery.event.clone().into(),
            delivery.url.clone().into(),
            delivery.created_at.0.into(),
            Value::Uuid(delivery.resend_of),
            Value::Bytes(delivery.body.clone()),
        ];
        let transaction = self.begin_change().await.map_err(unavailable)?;
        // The event whose bytes are sent again must not be removed meanwhile: the removal holds the company's row.
        log::append(&transaction, company, &[])
            .await
            .map_err(unavailable)?;
        run(&transaction, ADD, values).await.map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        self.bells.deliveries_due();
        Ok(())
    }

    async fn begin_resend(
        &self,
        company: Uuid,
        job: &ResendJob,
        log: EncodedEvent,
    ) -> Result<u64, RepositoryError> {
        self.put_resend_job(company, job, log).await
    }

    async fn resend_job(
        &self,
        company: Uuid,
        id: Uuid,
    ) -> Result<Option<ResendJob>, RepositoryError> {
        self.read_resend_job(company, id).await
    }

    async fn resend_jobs(
        &self,
        company: Uuid,
        webhook: Uuid,
        limit: u32,
    ) -> Result<Vec<ResendJob>, RepositoryError> {
        self.read_resend_jobs(company, webhook, limit).await
    }
}
