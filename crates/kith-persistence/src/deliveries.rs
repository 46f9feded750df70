//! The port of the delivery worker.

use std::sync::Arc;

use async_trait::async_trait;
use kith_domain::ports::RepositoryError;
use kith_domain::ports::deliveries::{Claimed, Claims, Deliveries, Outcome, Wish};

use crate::store::Store;
use crate::writer::deliveries::{Done, Task};

#[async_trait]
impl Deliveries for Store {
    async fn claim(&self, wish: Wish) -> Result<Claims, RepositoryError> {
        let writer = self.claim_writer().await?;
        match writer.perform(Task::Claim(wish)).await? {
            Done::Claimed(claims) => Ok(claims),
            _ => Ok(Claims::default()),
        }
    }

    async fn settle(&self, outcomes: Arc<[Outcome]>) -> Result<(), RepositoryError> {
        let writer = self.delivery_writer().await?;
        let logs = outcomes.iter().any(|outcome| outcome.log.is_some());
        writer.perform(Task::Settle(outcomes)).await?;
        if logs {
            self.bells.committed(false);
        }
        Ok(())
    }

    async fn release(&self, claimed: Vec<Claimed>) -> Result<(), RepositoryError> {
        let writer = self.delivery_writer().await?;
        writer.perform(Task::Release(claimed)).await?;
        self.bells.deliveries_due();
        Ok(())
    }

    async fn wait(&self) {
        self.bells.wait_for_deliveries().await;
    }
}
