//! What workers have claimed of the lanes of deliveries.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::ddl;

pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &'static str {
        "m0008_claims"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, TABLE).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            let connection = manager.get_connection();
            connection.execute_unprepared(VACUUM).await?;
            connection.execute_unprepared(UNCHECKED).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// A stretch of a lane, in the order in which deliveries are due, that a worker has until its lease ends; `unsettled`
/// counts those whose outcome is still to come. What was marked one by one before waits for the end of its lease.
const TABLE: &str = "
CREATE TABLE delivery_claim (
    company_id UUID_ NOT NULL REFERENCES company (id) ON DELETE CASCADE,
    webhook_id UUID_ NOT NULL,
    id UUID_ NOT NULL,
    first_due INT_ NOT NULL,
    first_id UUID_ NOT NULL,
    last_due INT_ NOT NULL,
    last_id UUID_ NOT NULL,
    unsettled INT_ NOT NULL,
    lease_until INT_ NOT NULL,
    PRIMARY KEY (company_id, webhook_id, id)
) CLUSTERED_;
CREATE INDEX delivery_claim_lane ON delivery_claim (webhook_id);
UPDATE delivery SET status = 'pending' WHERE status = 'delivering';
";

/// Few rows that come and go.
const VACUUM: &str = "ALTER TABLE delivery_claim SET (autovacuum_vacuum_scale_factor = 0, \
    autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0, fillfactor = 50)";

/// To check that an attempt has a delivery takes PostgreSQL longer than to record the attempt, and locks the delivery.
/// Who removes deliveries removes their attempts.
const UNCHECKED: &str = "ALTER TABLE delivery_attempt \
    DROP CONSTRAINT IF EXISTS delivery_attempt_company_id_delivery_id_fkey";
