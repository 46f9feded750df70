//! A change of a column as a unit of work.

use std::sync::{Arc, Mutex, PoisonError};

use kith_domain::columns::Column;
use kith_domain::decide::{Circumstances, ColumnCommand, OptionHolders, decide_column};
use kith_domain::ports::{Contribution, IdempotencyClaim, UnitOfWork};
use kith_domain::record::RecordKey;
use kith_domain::scope::Scope;
use kith_domain::violation::Refusal;
use kith_domain::working_set::{LoadPlan, WorkingSet};
use uuid::Uuid;

use crate::sources::Sources;

/// What the latest run came to: the column, and whether all is done.
type Ran = Result<Option<(Column, bool)>, Refusal>;

#[derive(Clone)]
pub(super) struct Outcome(Arc<Mutex<Ran>>);

impl Default for Outcome {
    fn default() -> Self {
        Outcome(Arc::new(Mutex::new(Ok(None))))
    }
}

impl Outcome {
    pub(super) fn take(&self) -> Ran {
        let mut outcome = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut outcome, Ok(None))
    }

    fn set(&self, outcome: Ran) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
    }
}

pub(super) struct Unit {
    pub(super) scope: Scope,
    pub(super) command: ColumnCommand,
    pub(super) sources: Sources,
    pub(super) outcome: Outcome,
}

impl Unit {
    /// Runs `with` the circumstances of this moment.
    fn circumstances<T>(&self, with: impl FnOnce(&Circumstances<'_>) -> T) -> T {
        with(&Circumstances {
            scope: self.scope,
            now: self.sources.clock.now(),
            new_id: &|| self.sources.ids.new_id(),
        })
    }
}

impl UnitOfWork for Unit {
    fn company(&self) -> Uuid {
        self.scope.company
    }

    fn plan(&self) -> LoadPlan {
        LoadPlan::default()
    }

    fn reach(&self, _: &WorkingSet) -> Vec<RecordKey> {
        Vec::new()
    }

    fn holders(&self, set: &WorkingSet) -> Option<OptionHolders> {
        self.circumstances(|with| self.command.holders(set, with))
    }

    fn run(&mut self, set: &mut WorkingSet) -> Option<Contribution> {
        let columns = set.columns().to_vec();
        match self.circumstances(|with| decide_column(set, &self.command, with)) {
            Ok(decision) => {
                let events = decision.events.iter();
                let mut events: Vec<_> = events.map(|event| self.sources.encode(event)).collect();
                let id = decision.column.id;
                let before = columns.iter().find(|column| column.id == id);
                if let Some((name, told)) = decision.told(&self.command, before) {
                    let (company, user) = (self.scope.company, self.scope.user);
                    events.push(self.sources.log_for(company, user, name, id, told));
                }
                self.outcome
                    .set(Ok(Some((decision.column, decision.is_done))));
                Some(Contribution {
                    events,
                    response: None,
                })
            }
            Err(refusal) => {
                self.outcome.set(Err(refusal));
                None
            }
        }
    }

    fn claim(&self) -> Option<&IdempotencyClaim> {
        None
    }
}
