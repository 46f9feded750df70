//! Live readers of the event log, and the timeline of one record.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kith_domain::event::{CommittedEvent, EncodedEvent, Subject};
use kith_domain::ports::{EventFeed, EventWaiter, RepositoryError};
use kith_domain::record::RecordKey;
use kith_domain::time::Timestamp;
use sea_orm::{DbErr, QueryResult};
use tokio::sync::watch;
use uuid::Uuid;

use crate::store::{Store, get, unavailable};

const HISTORY: &str = "SELECT seq, id, type, user_id, body, created_at FROM event \
    WHERE company_id = $1 AND entity_id = $2 AND seq < $3 ORDER BY seq DESC LIMIT $4";

/// In one statement: both are of one moment.
const FIRST: &str = "SELECT coalesce((SELECT e.seq FROM event e WHERE e.company_id = p.company_id ORDER BY e.seq LIMIT 1), \
    p.seq + 1) FROM company_position p WHERE p.company_id = $1";

/// How long a waiter relies on being rung.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

struct Waiter(watch::Receiver<()>);

#[async_trait]
impl EventWaiter for Waiter {
    async fn changed(&mut self) {
        // The sender lives as long as the store; without it there is nothing to wait for. Notices of other processes may
        // be lost with a connection.
        if let Ok(Err(_)) = tokio::time::timeout(LOOK_AGAIN, self.0.changed()).await {
            std::future::pending::<()>().await;
        }
    }
}

fn read(company: Uuid, key: RecordKey, row: &QueryResult) -> Result<Option<CommittedEvent>, DbErr> {
    let name: String = row.try_get_by_index(2)?;
    let Some((name, subject)) = Subject::of(&name, key.id) else {
        return Ok(None);
    };
    let event = EncodedEvent {
        id: row.try_get_by_index(1)?,
        name,
        subject,
        user: row.try_get_by_index(3)?,
        at: Timestamp(row.try_get_by_index(5)?),
        body: row.try_get_by_index(4)?,
    };
    Ok(Some(CommittedEvent {
        company,
        position: row.try_get_by_index(0)?,
        event: Arc::new(event),
    }))
}

#[async_trait]
impl EventFeed for Store {
    fn subscribe(&self) -> Box<dyn EventWaiter> {
        Box::new(Waiter(self.bells.watch_events()))
    }

    async fn last_position(&self, company: Uuid) -> Result<i64, RepositoryError> {
        let sql = "SELECT seq FROM company_position WHERE company_id = $1";
        let rows = self.rows(sql, vec![company.into()]).await?;
        rows.first().map_or(Ok(0), |row| get(row, 0))
    }

    async fn first_position(&self, company: Uuid) -> Result<i64, RepositoryError> {
        let rows = self.rows(FIRST, vec![company.into()]).await?;
        rows.first().map_or(Ok(1), |row| get(row, 0))
    }

    async fn history(
        &self,
        company: Uuid,
        key: RecordKey,
        before: i64,
        limit: usize,
    ) -> Result<Vec<CommittedEvent>, RepositoryError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = vec![company.into(), key.id.into(), before.into(), limit.into()];
        let events = self.rows(HISTORY, values).await?;
        let events = events.iter().map(|row| read(company, key, row));
        let events = events.filter_map(Result::transpose);
        let of_type = |event: &CommittedEvent| key.entity.def().events.contains(&event.event.name);
        let events: Vec<_> = events.collect::<Result<_, _>>().map_err(unavailable)?;
        Ok(events.into_iter().filter(of_type).collect())
    }
}
