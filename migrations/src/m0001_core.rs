//! Companies, people and keys; the five record tables with their spare columns; the links; the event log.

use std::fmt::Write as _;

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::ddl;

pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &'static str {
        "m0001_core"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, COMPANIES).await?;
        for (table, own) in RECORDS {
            ddl::run(manager, &record_table(table, own)).await?;
        }
        for (left, right, extra) in LINKS {
            ddl::run(manager, &link_table(left, right, extra)).await?;
        }
        ddl::run(manager, EVENTS).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            // Bodies repeat ids a lot; lz4 costs a fraction of the default compression. Servers built without it keep the default.
            manager.get_connection().execute_unprepared(LZ4).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

const COMPANIES: &str = "
CREATE TABLE company (
    id UUID_ NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    country TEXT,
    currency TEXT NOT NULL,
    street TEXT,
    city TEXT,
    postal_code TEXT,
    website TEXT,
    phone TEXT,
    email TEXT,
    vat_number TEXT,
    created_at INT_ NOT NULL,
    updated_at INT_ NOT NULL
) STRICT_;
CREATE TABLE company_position (
    company_id UUID_ NOT NULL PRIMARY KEY REFERENCES company (id) ON DELETE CASCADE,
    seq INT_ NOT NULL
) CLUSTERED_;
CREATE TABLE role (
    company_id UUID_ NOT NULL REFERENCES company (id) ON DELETE CASCADE,
    id UUID_ NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    is_system INT_ NOT NULL,
    created_at INT_ NOT NULL,
    updated_at INT_ NOT NULL,
    PRIMARY KEY (company_id, id),
    UNIQUE (company_id, name)
) STRICT_;
CREATE TABLE role_permission (
    company_id UUID_ NOT NULL,
    role_id UUID_ NOT NULL,
    resource TEXT NOT NULL,
    action TEXT NOT NULL,
    PRIMARY KEY (company_id, role_id, resource, action),
    FOREIGN KEY (company_id, role_id) REFERENCES role (company_id, id) ON DELETE CASCADE
) CLUSTERED_;
CREATE TABLE account (
    company_id UUID_ NOT NULL REFERENCES company (id) ON DELETE CASCADE,
    id UUID_ NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    country TEXT,
    avatar_url TEXT,
    status TEXT NOT NULL,
    role_id UUID_ NOT NULL,
    password_hash TEXT,
    created_at INT_ NOT NULL,
    updated_at INT_ NOT NULL,
    PRIMARY KEY (company_id, id),
    FOREIGN KEY (company_id, role_id) REFERENCES role (company_id, id)
) STRICT_;
CREATE INDEX account_role ON account (company_id, role_id);
CREATE TABLE api_key (
    company_id UUID_ NOT NULL,
    id UUID_ NOT NULL,
    user_id UUID_ NOT NULL,
    name TEXT NOT NULL,
    digest BYTES_ NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    expires_at INT_,
    last_used_at INT_,
    created_at INT_ NOT NULL,
    PRIMARY KEY (company_id, id),
    FOREIGN KEY (company_id, user_id) REFERENCES account (company_id, id) ON DELETE CASCADE
) STRICT_;
CREATE INDEX api_key_user ON api_key (company_id, user_id);
CREATE TABLE idempotency (
    company_id UUID_ NOT NULL REFERENCES company (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    fingerprint BYTES_ NOT NULL,
    status INT_ NOT NULL,
    version INT_,
    body BYTES_ NOT NULL,
    created_at INT_ NOT NULL,
    PRIMARY KEY (company_id, key)
) STRICT_;
CREATE INDEX idempotency_age ON idempotency (created_at);
";

/// Record tables with their own columns. Beside each text stand, null where the database can make them of it, its
/// lower-case form (`_lower`) and the form that it is sorted by (`_key`).
const RECORDS: [(&str, &str); 5] = [
    (
        "contact",
        "first_name TEXT NOT NULL, last_name TEXT NOT NULL, emails TEXT NOT NULL, first_name_lower TEXT, \
         first_name_key SORTED_, last_name_lower TEXT, last_name_key SORTED_, emails_lower TEXT",
    ),
    ("organization", "name TEXT NOT NULL, name_lower TEXT"),
    (
        "deal",
        "name TEXT NOT NULL, total_value INT_ NOT NULL, total_value_rest INT_ NOT NULL, \
         total_quantity INT_ NOT NULL, name_lower TEXT",
    ),
    (
        "service",
        "name TEXT NOT NULL, amount INT_ NOT NULL, name_lower TEXT",
    ),
    ("task", "name TEXT NOT NULL, name_lower TEXT"),
];

/// Spare columns that custom columns are given: their prefix, type and number.
const SLOTS: [(&str, &str, usize); 3] =
    [("t", "SORTED_", 24), ("n", "INT_", 24), ("d", "INT_", 16)];

/// What is long stands last, so that the rest is read without it.
fn record_table(table: &str, own: &str) -> String {
    let mut slots = String::new();
    for (prefix, kind, count) in SLOTS {
        for number in 1..=count {
            // Writing to a String cannot fail.
            let _ = write!(slots, ", {prefix}{number} {kind}");
        }
    }
    format!(
        "CREATE TABLE {table} (
            company_id UUID_ NOT NULL REFERENCES company (id) ON DELETE CASCADE,
            id UUID_ NOT NULL,
            version INT_ NOT NULL,
            created_at INT_ NOT NULL,
            updated_at INT_ NOT NULL,
            {own},
            name_key SORTED_ NOT NULL,
            search TEXT NOT NULL{slots},
            custom TEXT,
            notes TEXT,
            notes_lower TEXT,
            ROWKEY_
        ) STRICT_;"
    )
}

/// Links: left end, right end, further columns.
const LINKS: [(&str, &str, &str); 9] = [
    ("contact", "organization", ""),
    ("contact", "deal", ""),
    ("organization", "deal", ""),
    ("deal", "service", "quantity INT_ NOT NULL,"),
    ("contact", "user", ""),
    ("organization", "user", ""),
    ("deal", "user", ""),
    ("service", "user", ""),
    ("task", "user", ""),
];

fn link_table(left: &str, right: &str, extra: &str) -> String {
    let target = if right == "user" { "account" } else { right };
    format!(
        "CREATE TABLE {left}_{right} (
            company_id UUID_ NOT NULL,
            {left}_id UUID_ NOT NULL,
            {right}_id UUID_ NOT NULL,
            {extra}
            PRIMARY KEY (company_id, {left}_id, {right}_id),
            FOREIGN KEY (company_id, {left}_id) REFERENCES {left} (company_id, id) ON DELETE CASCADE,
            FOREIGN KEY (company_id, {right}_id) REFERENCES {target} (company_id, id) ON DELETE CASCADE
        ) CLUSTERED_;
        CREATE INDEX {left}_{right}_back ON {left}_{right} (company_id, {right}_id, {left}_id);"
    )
}

const EVENTS: &str = "
CREATE TABLE event (
    company_id UUID_ NOT NULL REFERENCES company (id) ON DELETE CASCADE,
    seq INT_ NOT NULL,
    id UUID_ NOT NULL,
    type TEXT NOT NULL,
    entity_id UUID_ NOT NULL,
    user_id UUID_ NOT NULL,
    body BYTES_ NOT NULL,
    created_at INT_ NOT NULL,
    PRIMARY KEY (company_id, seq)
) STRICT_;
CREATE INDEX event_history ON event (company_id, entity_id, seq);
";

const LZ4: &str = "
DO $$ BEGIN
    ALTER TABLE event ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$";
