//! The use cases on records: one straight line for every command, and the reads.

mod unit;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use kith_domain::actor::{Action, Actor, Resource};
use kith_domain::decide::Command;
use kith_domain::ports::{
    Clock, EventEncoder, IdempotencyClaim, Ids, Repository, Settled, StoredResponse,
};
use kith_domain::record::{Record, RecordKey};
use kith_domain::relation::Target;
use kith_domain::violation::{NOT_FOUND, Refusal, Violation};
use uuid::Uuid;

use crate::error::Error;
use crate::search::readable;
use crate::sources::Sources;
use unit::{Outcome, Unit};

/// Renders the response that an idempotency key keeps.
pub type Respond = Box<dyn Fn(&[Arc<Record>]) -> StoredResponse + Send + Sync>;

/// What became of a command that must not run twice.
#[derive(Debug, PartialEq)]
pub enum Once {
    /// It ran now; its response is kept.
    Ran(Vec<Arc<Record>>),
    /// It ran before: the response of then.
    Replayed(StoredResponse),
}

/// The use cases on records.
pub struct Records {
    repository: Arc<dyn Repository>,
    circumstances: Sources,
    /// Idempotency keys of requests that are running in this process.
    running: Mutex<HashSet<(Uuid, String)>>,
}

impl Records {
    /// The use cases over a repository.
    pub fn new(
        repository: Arc<dyn Repository>,
        encoder: Arc<dyn EventEncoder>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Records {
            repository,
            circumstances: Sources {
                encoder,
                clock,
                ids,
            },
            running: Mutex::default(),
        }
    }

    /// Runs a command: the records asked for, as they now are; none after a deletion.
    ///
    /// # Errors
    /// A missing right, a refusal, or a failure of the storage.
    pub async fn execute(
        &self,
        actor: &Actor,
        command: Command,
    ) -> Result<Vec<Arc<Record>>, Error> {
        authorise(actor, &command)?;
        let (unit, outcome) = Unit::new(actor, command, self.circumstances.clone());
        self.repository.transact(Box::new(unit)).await?;
        outcome.take()
    }

    /// Runs a command at most once per claim; `respond` renders the response that is kept with it.
    ///
    /// # Errors
    /// As [`Records::execute`]; also when the claim's key is running or was used for another request.
    pub async fn execute_once(
        &self,
        actor: &Actor,
        command: Command,
        claim: IdempotencyClaim,
        respond: Respond,
    ) -> Result<Once, Error> {
        authorise(actor, &command)?;
        let _running = self.run_alone(actor.company, &claim.key)?;
        let (unit, outcome) = Unit::new(actor, command, self.circumstances.clone());
        match self
            .repository
            .transact(Box::new(unit.claiming(claim, respond)))
            .await?
        {
            Settled::Done => outcome.take().map(Once::Ran),
            Settled::Replayed(response) => Ok(Once::Replayed(response)),
            Settled::ClaimedOtherwise => Err(Error::KeyReused),
        }
    }

    /// One record.
    ///
    /// # Errors
    /// A missing right, its absence, or a failure of the storage.
    pub async fn get(&self, actor: &Actor, key: RecordKey) -> Result<Arc<Record>, Error> {
        let scope = readable(actor, key.entity)?;
        let found = self.repository.get(&scope, key).await?;
        found.ok_or_else(|| {
            let message = format!(
                "there is no {} with the id {}",
                Target::Record(key.entity).name(),
                key.id
            );
            Error::Refused(Refusal::NotFound(vec![Violation::new(
                "", NOT_FOUND, message,
            )]))
        })
    }

    fn run_alone(&self, company: Uuid, key: &str) -> Result<Running<'_>, Error> {
        let name = (company, key.to_owned());
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.insert(name.clone()) {
            Ok(Running {
                all: &self.running,
                name,
            })
        } else {
            Err(Error::StillRunning)
        }
    }
}

fn authorise(actor: &Actor, command: &Command) -> Result<(), Error> {
    let action = match command {
        Command::Create { .. } => Action::Create,
        Command::Update { .. } | Command::Link(_) | Command::Notes(_) => Action::Update,
        Command::Delete { .. } => Action::Delete,
    };
    Ok(actor.require(Resource::Records(command.entity()), action)?)
}

/// Holds an idempotency key while its request runs.
struct Running<'a> {
    all: &'a Mutex<HashSet<(Uuid, String)>>,
    name: (Uuid, String),
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.all
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.name);
    }
}

impl Outcome {
    fn take(&self) -> Result<Vec<Arc<Record>>, Error> {
        self.get().map_err(Error::Refused)
    }
}
