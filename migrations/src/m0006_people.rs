//! Invitations, scopes of API keys, and names of roles that are unique in any case.

use sea_orm_migration::sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::ddl;

pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &'static str {
        "m0006_people"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, STEPS).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// A key without scopes has all rights of its owner. Until now every role had one of two names, in ASCII.
const STEPS: &str = "
ALTER TABLE api_key ADD COLUMN scopes TEXT;
ALTER TABLE role ADD COLUMN name_key TEXT;
UPDATE role SET name_key = lower(name);
CREATE UNIQUE INDEX role_name ON role (company_id, name_key);
CREATE TABLE invitation (
    company_id UUID_ NOT NULL REFERENCES company (id) ON DELETE CASCADE,
    id UUID_ NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    role_id UUID_ NOT NULL,
    invited_by UUID_ NOT NULL,
    digest BYTES_ NOT NULL UNIQUE,
    created_at INT_ NOT NULL,
    expires_at INT_ NOT NULL,
    PRIMARY KEY (company_id, id),
    UNIQUE (company_id, email_key),
    FOREIGN KEY (company_id, role_id) REFERENCES role (company_id, id),
    FOREIGN KEY (company_id, invited_by) REFERENCES account (company_id, id) ON DELETE CASCADE
) STRICT_;
CREATE INDEX invitation_role ON invitation (company_id, role_id);
";
