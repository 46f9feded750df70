//! Indexes that are made when they are first needed. An index costs every write, most of all one whose order is not
//! that of time: nobody pays for questions that nobody asks.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kith_domain::entity::EntityType;

use crate::columns::Slot;
use crate::connect::{OpenPostgres, OpenSqlite, Target};
use crate::sql::Session;
use crate::writer::Connect;

/// Fewer records are read and sorted as fast.
pub(crate) const WORTHWHILE: u64 = 2_000;

/// How long the first question waits for its index; it is made to its end all the same.
const PATIENCE: Duration = Duration::from_secs(2);

/// An index of a record table, by company, some columns, and (unless it only counts) id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    table: &'static str,
    columns: Vec<String>,
    /// Whether records without a value are left out.
    is_partial: bool,
    /// Whether it ends before the id: records with one value lie together then, in a small list in the order of the
    /// table, which PostgreSQL counts three times as fast.
    only_counts: bool,
}

impl Index {
    /// The index of a slot.
    pub(crate) fn of_slot(entity: EntityType, slot: Slot) -> Self {
        Index {
            table: entity.name(),
            columns: vec![slot.name().to_owned()],
            is_partial: true,
            only_counts: false,
        }
    }

    /// The index by which records with one of few values are counted.
    pub(crate) fn to_count(entity: EntityType, slot: Slot) -> Self {
        Index {
            only_counts: true,
            ..Index::of_slot(entity, slot)
        }
    }

    /// The index of columns that always have a value.
    pub(crate) fn of(entity: EntityType, columns: Vec<String>) -> Self {
        Index {
            table: entity.name(),
            columns,
            is_partial: false,
            only_counts: false,
        }
    }

    pub(crate) fn name(&self) -> String {
        let first = self.columns.first().map_or("", String::as_str);
        let purpose = if self.only_counts { "_count" } else { "" };
        format!("{}_{first}{purpose}", self.table)
    }

    /// `how` is `CONCURRENTLY` or nothing.
    pub(crate) fn sql(&self, how: &str) -> String {
        let (name, table, columns) = (self.name(), self.table, self.columns.join(", "));
        let held = match self.columns.first() {
            Some(first) if self.is_partial => format!(" WHERE {first} IS NOT NULL"),
            _ => String::new(),
        };
        let id = if self.only_counts { "" } else { ", id" };
        format!(
            "CREATE INDEX {how} IF NOT EXISTS {name} ON {table} (company_id, {columns}{id}){held}"
        )
    }
}

/// What this process knows of the indexes.
pub(crate) struct Indexes {
    target: Target,
    seen_to: Mutex<HashSet<String>>,
}

impl Indexes {
    pub(crate) fn new(target: Target) -> Self {
        Indexes {
            target,
            seen_to: Mutex::default(),
        }
    }

    /// Whether this process has made the index, or found it, or tried.
    pub(crate) fn has(&self, index: &Index) -> bool {
        let seen_to = self.seen_to.lock().unwrap_or_else(PoisonError::into_inner);
        seen_to.contains(&index.name())
    }

    /// Makes an index, over a connection of its own; waits for it, but not for long.
    pub(crate) async fn make(&self, index: Index) {
        {
            let mut seen_to = self.seen_to.lock().unwrap_or_else(PoisonError::into_inner);
            if !seen_to.insert(index.name()) {
                return;
            }
        }
        let target = self.target.clone();
        let making = tokio::spawn(async move {
            let name = index.name();
            if let Err(error) = make(target, &index).await {
                tracing::warn!(%error, name, "an index was not made; its questions work, but slower");
            }
        });
        // It goes on if the caller does not wait.
        let _ = tokio::time::timeout(PATIENCE, making).await;
    }
}

async fn make(target: Target, index: &Index) -> Result<(), sqlx::Error> {
    match target {
        Target::Sqlite(options) => {
            let mut session = OpenSqlite::to_write(&options).connect().await?;
            session.index(index).await
        }
        Target::Postgres(options) => {
            let mut session = OpenPostgres(options).connect().await?;
            session.index(index).await
        }
    }
}
