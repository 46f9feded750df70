//! Changes of the workspace in the event log: in the transaction of the change, at the next positions of the company.

use std::sync::Arc;

use kith_domain::event::{CommittedEvent, EncodedEvent};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement, Value};
use uuid::Uuid;

use crate::store::Store;

const TAKE: &str = "UPDATE company_position SET seq = seq + $2 WHERE company_id = $1 RETURNING seq";

const APPEND: &str = "INSERT INTO event (company_id, seq, id, type, entity_id, user_id, body, created_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Appends events to the log of a company. It has to be the first statement of the transaction: the row of the
/// company's position is what every write locks first. It locks it also when there is nothing to append.
pub(crate) async fn append(
    transaction: &DatabaseTransaction,
    company: Uuid,
    events: &[EncodedEvent],
) -> Result<Vec<CommittedEvent>, DbErr> {
    let backend = transaction.get_database_backend();
    let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
    let values: [Value; 2] = [company.into(), count.into()];
    let taken = Statement::from_sql_and_values(backend, TAKE, values);
    let row = transaction.query_one_raw(taken).await?;
    let Some(row) = row else {
        return Err(DbErr::RecordNotFound(format!("company {company}")));
    };
    let last: i64 = row.try_get_by_index(0)?;
    let mut committed = Vec::with_capacity(events.len());
    for (position, event) in (last - count + 1..).zip(events) {
        let values: [Value; 8] = [
            company.into(),
            position.into(),
            event.id.into(),
            event.name.into(),
            event.subject.id().into(),
            event.user.into(),
            Value::Bytes(Some(event.body.clone())),
            event.at.0.into(),
        ];
        let statement = Statement::from_sql_and_values(backend, APPEND, values);
        transaction.execute_raw(statement).await?;
        committed.push(CommittedEvent {
            company,
            position,
            event: Arc::new(event.clone()),
        });
    }
    Ok(committed)
}

impl Store {
    /// Tells of what [`append`] appended, after the commit.
    pub(crate) fn announce(&self, committed: &[CommittedEvent]) {
        if committed.is_empty() {
            return;
        }
        self.bells.committed(false);
        self.notifier.committed(committed);
    }
}
