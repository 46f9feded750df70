//! The port that carries the jobs forward which send failed deliveries again.

use async_trait::async_trait;
use uuid::Uuid;

use super::RepositoryError;
use crate::time::Timestamp;

/// What a step of the jobs came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// No job has anything to do that nobody else does.
    #[default]
    Idle,
    /// A job waits until its webhook has fewer deliveries before it.
    Waiting,
    /// A job made deliveries, or ended.
    Advanced,
}

/// Carries jobs forward.
///
/// A step is one transaction: the new deliveries and how far the job is are stored together, so that nothing is made
/// twice or left out, whatever crashes, and however many processes do so.
#[async_trait]
pub trait Resends: Send + Sync {
    /// Takes the job that has waited longest and makes a delivery for as many failed ones as there are `ids` for.
    async fn advance(&self, ids: Vec<Uuid>, now: Timestamp) -> Result<Progress, RepositoryError>;
}
