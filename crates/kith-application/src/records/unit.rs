//! A command as a unit of work: what the repository runs inside its transaction.

use std::sync::{Arc, Mutex, PoisonError};

use kith_domain::actor::Actor;
use kith_domain::decide::{self, Circumstances, Command};
use kith_domain::ports::{Contribution, IdempotencyClaim, UnitOfWork};
use kith_domain::record::{Record, RecordKey};
use kith_domain::scope::Scope;
use kith_domain::violation::Refusal;
use kith_domain::working_set::{LoadPlan, WorkingSet};
use uuid::Uuid;

use super::Respond;
use crate::sources::Sources;

/// What the latest run of a unit came to; shared between the unit and whoever waits for it.
#[derive(Clone, Default)]
pub(super) struct Outcome(Arc<Mutex<Option<Ran>>>);

type Ran = Result<Vec<Arc<Record>>, Refusal>;

impl Outcome {
    pub(super) fn get(&self) -> Ran {
        let mut outcome = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.take().unwrap_or_else(|| Ok(Vec::new()))
    }

    fn set(&self, outcome: Ran) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }
}

pub(super) struct Unit {
    scope: Scope,
    command: Command,
    sources: Sources,
    outcome: Outcome,
    once: Option<(IdempotencyClaim, Respond)>,
}

impl Unit {
    pub(super) fn new(actor: &Actor, command: Command, sources: Sources) -> (Self, Outcome) {
        let outcome = Outcome::default();
        let unit = Unit {
            scope: actor.scope(),
            command,
            sources,
            outcome: outcome.clone(),
            once: None,
        };
        (unit, outcome)
    }

    pub(super) fn claiming(mut self, claim: IdempotencyClaim, respond: Respond) -> Self {
        self.once = Some((claim, respond));
        self
    }
}

impl UnitOfWork for Unit {
    fn company(&self) -> Uuid {
        self.scope.company
    }

    fn plan(&self) -> LoadPlan {
        self.command.plan()
    }

    fn reach(&self, set: &WorkingSet) -> Vec<RecordKey> {
        self.command.reach(set, &self.scope)
    }

    fn run(&mut self, set: &mut WorkingSet) -> Option<Contribution> {
        let with = Circumstances {
            scope: self.scope,
            now: self.sources.clock.now(),
            new_id: &|| self.sources.ids.new_id(),
        };
        match decide::decide(set, &self.command, &with) {
            Ok(decision) => {
                let events = decision
                    .events
                    .iter()
                    .map(|event| self.sources.encode(event))
                    .collect();
                let response = self
                    .once
                    .as_ref()
                    .map(|(_, respond)| respond(&decision.records));
                self.outcome.set(Ok(decision.records));
                Some(Contribution { events, response })
            }
            Err(refusal) => {
                self.outcome.set(Err(refusal));
                None
            }
        }
    }

    fn claim(&self) -> Option<&IdempotencyClaim> {
        self.once.as_ref().map(|(claim, _)| claim)
    }
}
