//! The use cases on custom columns.

mod unit;

use std::sync::Arc;

use kith_domain::actor::{Action, Actor, Resource};
use kith_domain::columns::{Column, ColumnDraft, ColumnPatch};
use kith_domain::decide::{ColumnCommand, no_such_column};
use kith_domain::entity::EntityType;
use kith_domain::ports::{Clock, EventEncoder, Ids, Repository, RepositoryError};
use uuid::Uuid;

use crate::error::Error;
use crate::sources::Sources;
use unit::{Outcome, Unit};

/// Most transactions that one change may take; each replaces the values of up to
/// [`MAX_REPLACED`](kith_domain::decide::MAX_REPLACED) records.
const MAX_ROUNDS: usize = 100_000;

/// The use cases on custom columns. Whoever may create, update or delete records of a type may do so with its columns;
/// whoever may read records of a type sees them.
pub struct Columns {
    repository: Arc<dyn Repository>,
    sources: Sources,
}

impl Columns {
    /// The use cases over a repository.
    pub fn new(
        repository: Arc<dyn Repository>,
        encoder: Arc<dyn EventEncoder>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Columns {
            repository,
            sources: Sources {
                encoder,
                clock,
                ids,
            },
        }
    }

    /// The columns of a type, or of all types that the actor may read; oldest first.
    ///
    /// # Errors
    /// A missing right, or a failure of the storage.
    pub async fn list(
        &self,
        actor: &Actor,
        entity: Option<EntityType>,
    ) -> Result<Vec<Column>, Error> {
        if let Some(entity) = entity {
            may_read(actor, entity)?;
        }
        let schema = self.repository.schema(actor.company).await?;
        let columns = schema.columns.iter().filter(|column| match entity {
            Some(entity) => column.entity == entity,
            None => may_read(actor, column.entity).is_ok(),
        });
        Ok(columns.cloned().collect())
    }

    /// One column.
    ///
    /// # Errors
    /// Its absence, a missing right, or a failure of the storage.
    pub async fn get(&self, actor: &Actor, id: Uuid) -> Result<Column, Error> {
        let column = self.find(actor, id).await?;
        may_read(actor, column.entity)?;
        Ok(column)
    }

    /// Makes a column.
    ///
    /// # Errors
    /// A missing right, a refusal, or a failure of the storage.
    pub async fn create(&self, actor: &Actor, draft: ColumnDraft) -> Result<Column, Error> {
        actor.require(Resource::Records(draft.entity), Action::Create)?;
        self.run(actor, ColumnCommand::Create(draft)).await
    }

    /// Changes a column. Where options go and `replace_with` says what becomes of their values, the records that hold
    /// them change too, each with its event: up to [`MAX_REPLACED`](kith_domain::decide::MAX_REPLACED) in one
    /// transaction, the last of which also takes the options away. Until then they stay, after the others.
    ///
    /// # Errors
    /// Its absence, a missing right, a refusal
    /// ([`Refusal::Conflict`](kith_domain::violation::Refusal::Conflict) if records hold removed options and nothing
    /// was said about their values), or a failure of the storage.
    pub async fn update(
        &self,
        actor: &Actor,
        id: Uuid,
        patch: ColumnPatch,
    ) -> Result<Column, Error> {
        let column = self.find(actor, id).await?;
        actor.require(Resource::Records(column.entity), Action::Update)?;
        self.run(actor, ColumnCommand::Update { id, patch }).await
    }

    /// Deletes a column with the values that records hold in it; the records do not count as changed.
    ///
    /// # Errors
    /// Its absence, a missing right, or a failure of the storage.
    pub async fn delete(&self, actor: &Actor, id: Uuid) -> Result<(), Error> {
        let column = self.find(actor, id).await?;
        actor.require(Resource::Records(column.entity), Action::Delete)?;
        self.run(actor, ColumnCommand::Delete { id })
            .await
            .map(drop)
    }

    async fn find(&self, actor: &Actor, id: Uuid) -> Result<Column, Error> {
        let schema = self.repository.schema(actor.company).await?;
        let found = schema.columns.iter().find(|column| column.id == id);
        found
            .cloned()
            .ok_or_else(|| Error::Refused(no_such_column(id)))
    }

    /// Runs a command until it is done.
    async fn run(&self, actor: &Actor, command: ColumnCommand) -> Result<Column, Error> {
        for _ in 0..MAX_ROUNDS {
            let outcome = Outcome::default();
            let unit = Unit {
                scope: actor.scope(),
                command: command.clone(),
                sources: self.sources.clone(),
                outcome: outcome.clone(),
            };
            self.repository.transact(Box::new(unit)).await?;
            let decided = outcome.take().map_err(Error::Refused)?;
            if let Some((column, true)) = decided {
                return Ok(column);
            }
        }
        let reason = "the values of removed options come back faster than they are replaced";
        Err(RepositoryError::Unavailable(reason.to_owned()).into())
    }
}

/// Whether an actor may read records of a type, be it only some.
fn may_read(actor: &Actor, entity: EntityType) -> Result<(), Error> {
    let resource = Resource::Records(entity);
    actor
        .require(resource, Action::ReadOwn)
        .or_else(|_| actor.require(resource, Action::ReadAll))?;
    Ok(())
}
