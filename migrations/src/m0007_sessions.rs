//! Sessions, and leave to choose a new password.

use sea_orm_migration::sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::ddl;

pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &'static str {
        "m0007_sessions"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, TABLES).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Of a token only its SHA-256 is kept.
const TABLES: &str = "
CREATE TABLE session (
    company_id UUID_ NOT NULL,
    id UUID_ NOT NULL,
    user_id UUID_ NOT NULL,
    digest BYTES_ NOT NULL UNIQUE,
    address TEXT,
    user_agent TEXT,
    created_at INT_ NOT NULL,
    last_used_at INT_ NOT NULL,
    expires_at INT_ NOT NULL,
    PRIMARY KEY (company_id, id),
    FOREIGN KEY (company_id, user_id) REFERENCES account (company_id, id) ON DELETE CASCADE
) STRICT_;
CREATE INDEX session_of_user ON session (company_id, user_id);
CREATE TABLE password_reset (
    company_id UUID_ NOT NULL,
    id UUID_ NOT NULL,
    user_id UUID_ NOT NULL,
    digest BYTES_ NOT NULL UNIQUE,
    created_at INT_ NOT NULL,
    expires_at INT_ NOT NULL,
    PRIMARY KEY (company_id, id),
    FOREIGN KEY (company_id, user_id) REFERENCES account (company_id, id) ON DELETE CASCADE
) STRICT_;
CREATE INDEX password_reset_of_user ON password_reset (company_id, user_id);
";
