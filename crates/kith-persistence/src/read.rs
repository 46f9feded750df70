//! Reads outside of transactions.

use std::sync::Arc;

use kith_domain::columns::ParseContext;
use kith_domain::event::{CommittedEvent, EncodedEvent, Subject};
use kith_domain::ports::{RepositoryError, Schema};
use kith_domain::record::{Record, RecordKey};
use kith_domain::relation::Target;
use kith_domain::scope::Scope;
use kith_domain::time::Timestamp;
use uuid::Uuid;

use crate::columns::{self, CompanyColumns};
use crate::query::{Statement, Value};
use crate::shape::Shape;
use crate::sql::{Cells, Dialect};
use crate::store::Store;

const EVENTS: &str = "SELECT seq, id, type, entity_id, user_id, body, created_at FROM event \
                      WHERE company_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";

impl Store {
    /// The custom columns of a company as they are now, with what it says about values.
    pub(crate) async fn read_columns(
        &self,
        company: Uuid,
    ) -> Result<(Arc<CompanyColumns>, ParseContext), RepositoryError> {
        let Some((version, context)) = self.read_standing(company).await? else {
            return Ok(Default::default());
        };
        if let Some(columns) = self.remembered.at(company, version) {
            return Ok((columns, context));
        }
        // The version and the columns of one moment.
        let statement = Statement::new(self.dialect(), company).planned_once();
        let text = format!(
            "SELECT p.columns_version, {} FROM company_position p \
             LEFT JOIN custom_column c ON c.company_id = p.company_id WHERE p.company_id = $1",
            columns::SELECT
        );
        let read = self.ask(&statement, text, |row| {
            let column = match row.optional_text(3)? {
                Some(_) => Some(columns::read(row, 1)?),
                None => None,
            };
            Ok((row.int(0)?, column))
        });
        let read = read.await?;
        let version = read.first().map_or(version, |(version, _)| *version);
        let stored = read.into_iter().filter_map(|(_, column)| column).collect();
        let columns = Arc::new(CompanyColumns::of(version, stored));
        self.remembered.put(company, Arc::clone(&columns));
        Ok((columns, context))
    }

    /// One record, as a caller with limits sees it.
    pub(crate) async fn read_within(
        &self,
        scope: &Scope,
        key: RecordKey,
    ) -> Result<Option<Arc<Record>>, RepositoryError> {
        let shape = Shape::of(key.entity);
        let mut statement = Statement::new(self.dialect(), scope.company).planned_once();
        let cells = shape.select_within(scope, &mut statement);
        let id = statement.bind(Value::Uuid(key.id));
        let seen = statement.seen(scope, Target::Record(key.entity), "r.id");
        let seen = seen.map_or_else(String::new, |seen| format!(" AND {seen}"));
        let text = format!(
            "SELECT {cells} FROM {} r WHERE r.company_id = $1 AND r.id = {id}{seen}",
            shape.table()
        );
        let found = self.ask(&statement, text, |row| shape.read(row)).await?;
        Ok(found.into_iter().next().map(Arc::new))
    }

    pub(crate) async fn read_schema(&self, company: Uuid) -> Result<Schema, RepositoryError> {
        let (columns, context) = self.read_columns(company).await?;
        Ok(Schema {
            columns: Arc::clone(&columns.columns),
            context,
        })
    }

    pub(crate) async fn read_events(
        &self,
        company: Uuid,
        after: i64,
        limit: usize,
    ) -> Result<Vec<CommittedEvent>, RepositoryError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let events = match self.dialect() {
            Dialect::Sqlite => {
                let pool = self.reads.get_sqlite_connection_pool();
                let rows = sqlx::query(EVENTS)
                    .bind(company)
                    .bind(after)
                    .bind(limit)
                    .fetch_all(pool)
                    .await;
                rows.map_err(failed)?
                    .iter()
                    .map(|row| read_event(company, row))
                    .collect::<Result<_, _>>()
            }
            Dialect::Postgres => {
                let pool = self.reads.get_postgres_connection_pool();
                let rows = sqlx::query(EVENTS)
                    .bind(company)
                    .bind(after)
                    .bind(limit)
                    .fetch_all(pool)
                    .await;
                rows.map_err(failed)?
                    .iter()
                    .map(|row| read_event(company, row))
                    .collect::<Result<_, _>>()
            }
        };
        events.map_err(failed)
    }
}

fn read_event(company: Uuid, row: &impl Cells) -> Result<CommittedEvent, sqlx::Error> {
    let Some((name, subject)) = Subject::of(row.text(2)?, row.uuid(3)?) else {
        return Err(sqlx::Error::Decode(
            "an event of an unknown type is stored".into(),
        ));
    };
    let event = EncodedEvent {
        id: row.uuid(1)?,
        name,
        subject,
        user: row.uuid(4)?,
        at: Timestamp(row.int(6)?),
        body: row.bytes(5)?,
    };
    Ok(CommittedEvent {
        company,
        position: row.int(0)?,
        event: Arc::new(event),
    })
}

/// A read that did not come back: the database is unreachable or too busy, or the answer is not what Kith stored.
pub(crate) fn failed(error: sqlx::Error) -> RepositoryError {
    match error {
        sqlx::Error::Decode(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnNotFound(_) => RepositoryError::Failed(error.to_string()),
        error => RepositoryError::Unavailable(error.to_string()),
    }
}
