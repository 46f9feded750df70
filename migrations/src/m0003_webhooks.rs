//! Webhooks, the deliveries of events to them, and their attempts.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::ddl;

pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &'static str {
        "m0003_webhooks"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, TABLES).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            manager.get_connection().execute_unprepared(VACUUM).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// `webhooks_version` counts the changes of a company's webhooks. A delivery outlives its webhook, so that its history
/// stays. `due_at` is when a delivery may be claimed: at once, at its next attempt, or when the lease of the present
/// one ends; none once it is finished. The bytes that are sent are the event's, or `body` where there is no event.
const TABLES: &str = "
ALTER TABLE company_position ADD COLUMN webhooks_version INT_ NOT NULL DEFAULT 0;
CREATE TABLE webhook (
    company_id UUID_ NOT NULL REFERENCES company (id) ON DELETE CASCADE,
    id UUID_ NOT NULL,
    url TEXT NOT NULL,
    description TEXT,
    events TEXT NOT NULL,
    secret BYTES_,
    enabled INT_ NOT NULL,
    retry_policy TEXT NOT NULL,
    disabled_reason TEXT,
    failing_since INT_,
    created_at INT_ NOT NULL,
    updated_at INT_ NOT NULL,
    PRIMARY KEY (company_id, id)
) STRICT_;
CREATE TABLE delivery (
    company_id UUID_ NOT NULL REFERENCES company (id) ON DELETE CASCADE,
    id UUID_ NOT NULL,
    webhook_id UUID_ NOT NULL,
    event_id UUID_ NOT NULL,
    event_seq INT_,
    event_type TEXT NOT NULL,
    url TEXT NOT NULL,
    status TEXT NOT NULL,
    due_at INT_,
    attempt INT_ NOT NULL,
    resend_of UUID_,
    created_at INT_ NOT NULL,
    delivered_at INT_,
    body BYTES_,
    PRIMARY KEY (company_id, id)
) STRICT_;
CREATE INDEX delivery_due ON delivery (webhook_id, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX delivery_webhook ON delivery (company_id, webhook_id, id);
CREATE TABLE delivery_attempt (
    company_id UUID_ NOT NULL,
    delivery_id UUID_ NOT NULL,
    number INT_ NOT NULL,
    at INT_ NOT NULL,
    url TEXT NOT NULL,
    remote TEXT,
    status_code INT_,
    headers TEXT NOT NULL,
    body BYTES_ NOT NULL,
    error TEXT,
    dns_us INT_,
    connect_us INT_,
    first_byte_us INT_,
    total_us INT_ NOT NULL,
    PRIMARY KEY (company_id, delivery_id, number),
    FOREIGN KEY (company_id, delivery_id) REFERENCES delivery (company_id, id) ON DELETE CASCADE
) STRICT_;
";

/// Deliveries pass through their index quickly; what they leave behind has to go as quickly.
const VACUUM: &str = "ALTER TABLE delivery SET \
    (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, fillfactor = 80)";
