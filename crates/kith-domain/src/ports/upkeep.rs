//! The port through which the storage is relieved of what is old.

use async_trait::async_trait;
use uuid::Uuid;

use super::RepositoryError;
use crate::time::Timestamp;

/// Removes old events and deliveries, a few at a time, so that no write waits long.
///
/// Several processes may do so at once.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Companies after one, in the order of their ids, at most `limit`.
    async fn companies(&self, after: Uuid, limit: usize) -> Result<Vec<Uuid>, RepositoryError>;

    /// Removes a company's oldest events, at most `limit` and only such that were written before a time; how many.
    ///
    /// What is left of the log begins later and has no gap; no position is given twice. Deliveries keep the bytes that
    /// they send.
    async fn forget_events(
        &self,
        company: Uuid,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, RepositoryError>;

    /// Looks at a company's deliveries after one in the order of their ids, at most `limit`, and removes with their
    /// attempts those that were made before a time and are finished.
    ///
    /// Where to go on; nothing when all that follow are young.
    async fn forget_deliveries(
        &self,
        company: Uuid,
        before: Timestamp,
        after: Uuid,
        limit: usize,
    ) -> Result<Option<Uuid>, RepositoryError>;
}
