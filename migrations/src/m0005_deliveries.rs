//! Sending failed deliveries again, and how long the TLS handshake of an attempt took.

use sea_orm_migration::sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::ddl;

pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &'static str {
        "m0005_deliveries"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Without a transaction the step may have broken off anywhere before.
        if !manager.has_column("delivery_attempt", "tls_us").await? {
            ddl::run(manager, TLS).await?;
        }
        ddl::run(manager, JOBS).await?;
        for (name, on) in INDEXES {
            ddl::index(manager, name, on).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }
}

const TLS: &str = "ALTER TABLE delivery_attempt ADD COLUMN tls_us INT_";

/// A job goes through the failed deliveries of a webhook in the order of their ids, from `made_from` until before
/// `made_until`; `after_id` is the last one that it has looked at.
const JOBS: &str = "
CREATE TABLE IF NOT EXISTS resend_job (
    company_id UUID_ NOT NULL REFERENCES company (id) ON DELETE CASCADE,
    id UUID_ NOT NULL,
    webhook_id UUID_ NOT NULL,
    user_id UUID_ NOT NULL,
    made_from INT_ NOT NULL,
    made_until INT_ NOT NULL,
    status TEXT NOT NULL,
    total INT_ NOT NULL,
    resent INT_ NOT NULL,
    after_id UUID_ NOT NULL,
    problem TEXT,
    created_at INT_ NOT NULL,
    updated_at INT_ NOT NULL,
    finished_at INT_,
    PRIMARY KEY (company_id, id)
) STRICT_;
CREATE INDEX IF NOT EXISTS resend_job_webhook ON resend_job (company_id, webhook_id, id);
CREATE INDEX IF NOT EXISTS resend_job_running ON resend_job (updated_at) WHERE status = 'running';
";

/// Of the many deliveries few fail and few are repeats.
const INDEXES: [(&str, &str); 3] = [
    (
        "delivery_failed",
        "delivery (company_id, id) WHERE status = 'failed'",
    ),
    (
        "delivery_failed_webhook",
        "delivery (company_id, webhook_id, id) WHERE status = 'failed'",
    ),
    (
        "delivery_original",
        "delivery (company_id, resend_of) WHERE resend_of IS NOT NULL",
    ),
];
