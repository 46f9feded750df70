//! What the removal of old events asks for.

use sea_orm_migration::sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::ddl;

pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &'static str {
        "m0004_upkeep"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, on) in INDEXES {
            ddl::index(manager, name, on).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }
}

/// The ids of deliveries lie beside those of their events, save for repeats: they are found by the event.
const INDEXES: [(&str, &str); 1] = [(
    "delivery_repeats",
    "delivery (company_id, event_seq) WHERE resend_of IS NOT NULL",
)];
