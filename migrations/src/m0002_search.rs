//! Custom columns, and what questions need: their many-valued values, sort indexes, full-text search.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::ddl;

pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &'static str {
        "m0002_search"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_postgres = manager.get_database_backend() == DbBackend::Postgres;
        let connection = manager.get_connection();
        ddl::run(manager, COLUMNS).await?;
        if is_postgres {
            connection.execute_unprepared(EXTENSION).await?;
        }
        for table in RECORDS {
            ddl::run(manager, &values(table)).await?;
            if is_postgres {
                ddl::run(manager, &postgres_search(table)).await?;
                connection.execute_unprepared(&trigram_index(table)).await?;
            } else {
                for statement in sqlite_search(table) {
                    connection.execute_unprepared(&statement).await?;
                }
            }
        }
        if !is_postgres {
            ddl::run(manager, &statistics()).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

const RECORDS: [&str; 5] = ["contact", "organization", "deal", "service", "task"];

/// A company's position also counts its columns' changes and its records, so that the total of a list that asks for
/// nothing needs no counting. `slot` is the spare column of the record table that holds the values; none if all were taken.
const COLUMNS: &str = "
ALTER TABLE company_position ADD COLUMN columns_version INT_ NOT NULL DEFAULT 0;
ALTER TABLE company_position ADD COLUMN contact_count INT_ NOT NULL DEFAULT 0;
ALTER TABLE company_position ADD COLUMN organization_count INT_ NOT NULL DEFAULT 0;
ALTER TABLE company_position ADD COLUMN deal_count INT_ NOT NULL DEFAULT 0;
ALTER TABLE company_position ADD COLUMN service_count INT_ NOT NULL DEFAULT 0;
ALTER TABLE company_position ADD COLUMN task_count INT_ NOT NULL DEFAULT 0;
CREATE TABLE custom_column (
    company_id UUID_ NOT NULL REFERENCES company (id) ON DELETE CASCADE,
    id UUID_ NOT NULL,
    entity_type TEXT NOT NULL,
    label TEXT NOT NULL,
    label_key TEXT NOT NULL,
    type TEXT NOT NULL,
    options TEXT NOT NULL,
    slot TEXT,
    created_at INT_ NOT NULL,
    updated_at INT_ NOT NULL,
    PRIMARY KEY (company_id, id),
    UNIQUE (company_id, entity_type, label_key)
) STRICT_;
";

/// Values that are not in a slot: every value of columns that hold several (from position 0), and at position -1 what
/// the slot would hold if there were one.
fn values(table: &str) -> String {
    format!(
        "CREATE TABLE {table}_value (
            company_id UUID_ NOT NULL,
            column_id UUID_ NOT NULL,
            record_id UUID_ NOT NULL,
            position INT_ NOT NULL,
            text SORTED_,
            number INT_,
            PRIMARY KEY (company_id, record_id, column_id, position),
            FOREIGN KEY (company_id, column_id) REFERENCES custom_column (company_id, id) ON DELETE CASCADE,
            FOREIGN KEY (company_id, record_id) REFERENCES {table} (company_id, id) ON DELETE CASCADE
        ) CLUSTERED_;
        CREATE INDEX {table}_value_text ON {table}_value (company_id, column_id, text, record_id);"
    )
}

/// What SQLite is told of the data, instead of measuring it, also of indexes that are made when they are first needed:
/// numbers of a large company, so that its planner knows that the company alone narrows nothing and that all else does.
/// Without them it takes the company for a rare value and reads all of it. They take effect when the file is opened
/// again.
fn statistics() -> String {
    let mut statements = String::from("ANALYZE;");
    let mut tell = |table: &str, index: &str, numbers: &str| {
        statements += &format!(
            "DELETE FROM sqlite_stat1 WHERE tbl = '{table}' AND idx = '{index}';
             INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('{table}', '{index}', '{numbers}');"
        );
    };
    for table in RECORDS {
        tell(
            table,
            &format!("sqlite_autoindex_{table}_1"),
            "1000000 1000000 1",
        );
        tell(table, &format!("{table}_created_at"), "1000000 1000000 2 1");
        tell(table, &format!("{table}_updated_at"), "1000000 1000000 2 1");
        tell(table, &format!("{table}_name_key"), "1000000 1000000 4 1");
        for slot in SLOTS
            .iter()
            .flat_map(|(prefix, count)| (1..=*count).map(move |at| format!("{prefix}{at}")))
        {
            tell(table, &format!("{table}_{slot}"), "1000000 1000000 2000 1");
        }
        tell(
            &format!("{table}_value"),
            &format!("{table}_value"),
            "1000000 1000000 3 2 1",
        );
        tell(
            &format!("{table}_value"),
            &format!("{table}_value_text"),
            "1000000 1000000 200000 20 1",
        );
    }
    tell("service", "service_amount", "1000000 1000000 10 1");
    tell("deal", "deal_total_value", "1000000 1000000 10 2 1");
    tell("deal", "deal_total_quantity", "1000000 1000000 1000 1");
    for table in LINKS {
        tell(table, table, "1000000 1000000 3 1");
        tell(table, &format!("{table}_back"), "1000000 1000000 20 1");
    }
    statements
}

/// Spare columns, whose indexes are made when they come into use.
const SLOTS: [(&str, usize); 3] = [("t", 24), ("n", 24), ("d", 16)];

const LINKS: [&str; 9] = [
    "contact_organization",
    "contact_deal",
    "organization_deal",
    "deal_service",
    "contact_user",
    "organization_user",
    "deal_user",
    "service_user",
    "task_user",
];

/// Trigrams of the searched text, by row number; the text itself stays in the record.
fn sqlite_search(table: &str) -> [String; 4] {
    [
        format!(
            "CREATE VIRTUAL TABLE {table}_fts USING fts5 (search, content = '', contentless_delete = 1, \
             tokenize = 'trigram', detail = none)"
        ),
        format!(
            "CREATE TRIGGER {table}_fts_insert AFTER INSERT ON {table} BEGIN
                INSERT INTO {table}_fts (rowid, search) VALUES (new.rid, new.search);
             END"
        ),
        format!(
            "CREATE TRIGGER {table}_fts_update AFTER UPDATE OF search ON {table} WHEN new.search <> old.search BEGIN
                DELETE FROM {table}_fts WHERE rowid = old.rid;
                INSERT INTO {table}_fts (rowid, search) VALUES (new.rid, new.search);
             END"
        ),
        format!(
            "CREATE TRIGGER {table}_fts_delete AFTER DELETE ON {table} BEGIN
                DELETE FROM {table}_fts WHERE rowid = old.rid;
             END"
        ),
    ]
}

/// The searched text in a table of its own: changes of a record that leave it alone do not touch its index.
fn postgres_search(table: &str) -> String {
    format!(
        "CREATE TABLE {table}_search (
            company_id UUID_ NOT NULL,
            id UUID_ NOT NULL,
            search TEXT NOT NULL,
            PRIMARY KEY (company_id, id),
            FOREIGN KEY (company_id, id) REFERENCES {table} (company_id, id) ON DELETE CASCADE
        );"
    )
}

/// Trigrams need an extension that comes with PostgreSQL; the owner of a database may create it. Where it is missing,
/// searches read the text of every record.
const EXTENSION: &str = "
DO $$ BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'pg_trgm is not available: searches will be slower';
END $$";

fn trigram_index(table: &str) -> String {
    format!(
        "DO $$ BEGIN
            IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm') THEN
                CREATE INDEX {table}_search_trigrams ON {table}_search USING gin (search gin_trgm_ops);
            END IF;
        END $$"
    )
}
