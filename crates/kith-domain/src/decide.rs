//! The decisions: what a request does to a working set, and which events follow. Pure and synchronous.
//!
//! Each function takes the loaded [`WorkingSet`] and either applies the whole request to it and returns a
//! [`Decision`], or refuses with every problem it found and leaves the set as it was. What has to be loaded first
//! is said by [`Command::plan`], and, once the targets are there, by [`Command::reach`].

mod apply;
mod build;
mod columns;
mod command;
mod custom;
mod derive;
mod normalise;
mod stage;

use std::sync::Arc;

use uuid::Uuid;

use crate::event::Event;
use crate::record::Record;
use crate::scope::Scope;
use crate::time::Timestamp;

pub use columns::{
    ColumnCommand, ColumnDecision, MAX_REPLACED, OptionHolders, decide_column, no_such_column,
};
pub use command::{Change, Command, LinkChange, LinkMode, NotesChange};

use crate::violation::Refusal;
use crate::working_set::WorkingSet;

/// Circumstances of a decision that the domain does not produce itself.
pub struct Circumstances<'a> {
    /// Who asks, and what they may read: nothing else exists for them.
    pub scope: Scope,
    /// The time of the write.
    pub now: Timestamp,
    /// Makes ids for new records and events.
    pub new_id: &'a dyn Fn() -> Uuid,
}

/// What a request did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// The records asked for, as they now are, in the order of the request; empty after a deletion.
    pub records: Vec<Arc<Record>>,
    /// One event for each record that changed: the records asked for first, then the others by id.
    pub events: Vec<Event>,
}

/// Runs a command on the working set.
///
/// # Errors
/// Every problem of the request; the set is unchanged then.
pub fn decide(
    set: &mut WorkingSet,
    command: &Command,
    with: &Circumstances<'_>,
) -> Result<Decision, Refusal> {
    let mut stage = stage::Stage::new(set, with.scope);
    let targets = apply::apply(&mut stage, command, with)?;
    let staged = stage.finish(&targets, with);
    Ok(staged.settle(set))
}
