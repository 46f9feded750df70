//! The requests that change custom columns: judged against the company's columns, and carried out on its records where
//! an option goes.

use uuid::Uuid;

use super::Circumstances;
use super::stage::Stage;
use crate::columns::{Column, ColumnChange, ColumnDraft, ColumnOptions, ColumnPatch};
use crate::entity::EntityType;
use crate::event::Event;
use crate::event::workspace::{self, Told};
use crate::record::RecordKey;
use crate::scope::Reach;
use crate::violation::{NOT_FOUND, Refusal, Violation};
use crate::working_set::WorkingSet;

/// Most records whose values one transaction replaces.
pub const MAX_REPLACED: usize = 500;

/// A request that changes one custom column.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnCommand {
    /// A new column.
    Create(ColumnDraft),
    /// A change.
    Update {
        /// The column.
        id: Uuid,
        /// What is to be different.
        patch: ColumnPatch,
    },
    /// The column goes, with the values that records hold in it.
    Delete {
        /// The column.
        id: Uuid,
    },
}

/// What a request did to a column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDecision {
    /// The column as it is now, or, after a deletion, as it was.
    pub column: Column,
    /// One event for each record whose value was replaced.
    pub events: Vec<Event>,
    /// Whether all is done; otherwise records with removed options are left and the same request has to run again.
    pub is_done: bool,
}

/// Records of which some have to be loaded: those that hold one of a column's options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionHolders {
    /// The type of the records.
    pub entity: EntityType,
    /// The column.
    pub column: Uuid,
    /// Values of the options.
    pub options: Vec<String>,
    /// How many records to load at most; all are to be counted.
    pub limit: usize,
}

impl ColumnCommand {
    /// The records that the request may have to change, given the company's columns.
    pub fn holders(&self, set: &WorkingSet, with: &Circumstances<'_>) -> Option<OptionHolders> {
        let ColumnCommand::Update { id, patch } = self else {
            return None;
        };
        let column = set.columns().iter().find(|column| column.id == *id)?;
        let change = apply(patch, column, set, with).ok()?;
        (!change.removed.is_empty()).then(|| OptionHolders {
            entity: column.entity,
            column: *id,
            options: removed_values(&change),
            limit: MAX_REPLACED,
        })
    }
}

impl ColumnDecision {
    /// What the log of the workspace tells of the change: the event's name and content; `None` if the column stayed as
    /// it was. `before` is the column as it was, if there was one.
    pub fn told(
        &self,
        command: &ColumnCommand,
        before: Option<&Column>,
    ) -> Option<(&'static str, Told)> {
        let now = self.column.facts();
        match (command, before) {
            (ColumnCommand::Delete { .. }, _) => Some((workspace::COLUMN_DELETED, Told::Id)),
            (_, None) => Some((workspace::COLUMN_CREATED, Told::State(now))),
            (_, Some(before)) => {
                let told = workspace::moved(&before.facts(), now)?;
                Some((workspace::COLUMN_UPDATED, told))
            }
        }
    }
}

fn apply(
    patch: &ColumnPatch,
    column: &Column,
    set: &WorkingSet,
    with: &Circumstances<'_>,
) -> Result<ColumnChange, Vec<Violation>> {
    let mut new_value = || (with.new_id)();
    patch.apply(
        column,
        set.columns(),
        set.context(),
        with.now,
        &mut new_value,
    )
}

fn removed_values(change: &ColumnChange) -> Vec<String> {
    let removed = change.removed.iter();
    removed.map(|option| option.value.clone()).collect()
}

/// Runs a request on the working set.
///
/// # Errors
/// Every problem of the request; [`Refusal::Conflict`] where records hold a removed option and nothing was said about
/// their values. The set is unchanged then.
pub fn decide_column(
    set: &mut WorkingSet,
    command: &ColumnCommand,
    with: &Circumstances<'_>,
) -> Result<ColumnDecision, Refusal> {
    let done = |column| ColumnDecision {
        column,
        events: Vec::new(),
        is_done: true,
    };
    match command {
        ColumnCommand::Create(draft) => {
            let mut new_value = || (with.new_id)();
            let column = draft
                .clone()
                .into_column(
                    set.columns(),
                    set.context(),
                    (with.new_id)(),
                    with.now,
                    &mut new_value,
                )
                .map_err(Refusal::Invalid)?;
            set.put_column(column.clone());
            Ok(done(column))
        }
        ColumnCommand::Update { id, patch } => {
            let column = find(set, *id)?;
            let change = apply(patch, &column, set, with).map_err(Refusal::Invalid)?;
            update(set, &column, change, with)
        }
        ColumnCommand::Delete { id } => {
            let column = find(set, *id)?;
            set.remove_column(*id);
            Ok(done(column))
        }
    }
}

fn find(set: &WorkingSet, id: Uuid) -> Result<Column, Refusal> {
    let found = set.columns().iter().find(|column| column.id == id);
    found.cloned().ok_or_else(|| no_such_column(id))
}

/// There is no column with this id.
pub fn no_such_column(id: Uuid) -> Refusal {
    let message = format!("there is no custom column with the id {id}");
    Refusal::NotFound(vec![Violation::new("", NOT_FOUND, message)])
}

fn update(
    set: &mut WorkingSet,
    column: &Column,
    change: ColumnChange,
    with: &Circumstances<'_>,
) -> Result<ColumnDecision, Refusal> {
    let removed = removed_values(&change);
    let (holders, count) = if removed.is_empty() {
        (Vec::new(), 0)
    } else if let Some(held) = set.option_holders(column, &removed) {
        held
    } else {
        // Another request of the same transaction has changed the column: what this one needs was not loaded.
        return Ok(ColumnDecision {
            column: column.clone(),
            events: Vec::new(),
            is_done: false,
        });
    };
    // Whoever may not read all records of the type is not told how many there are.
    let is_countable = with.scope.reach_of(column.entity) == Reach::All;
    change.permit(count, is_countable).map_err(|in_use| {
        let pointer = "/options/options";
        Refusal::Conflict(Violation::new(pointer, "option_in_use", in_use.to_string()))
    })?;
    let (states, events) = replace(set, column, &change, &holders, with);
    states.apply(set);
    let is_done = holders.len() as u64 >= count;
    let column = if is_done {
        change.column
    } else {
        with_removed(change)
    };
    if !set.columns().contains(&column) {
        set.put_column(column.clone());
    }
    Ok(ColumnDecision {
        column,
        events,
        is_done,
    })
}

/// Replaces the removed options in records.
fn replace(
    set: &WorkingSet,
    column: &Column,
    change: &ColumnChange,
    holders: &[RecordKey],
    with: &Circumstances<'_>,
) -> (super::stage::Staged, Vec<Event>) {
    let mut stage = Stage::new(set, with.scope);
    for key in holders {
        let Some(record) = stage.edit(*key) else {
            continue;
        };
        let after = record
            .custom
            .get(&column.id)
            .and_then(|value| change.value_after(value));
        match after {
            Some(value) => record.custom.insert(column.id, value),
            None => record.custom.remove(&column.id),
        };
    }
    let mut staged = stage.finish(holders, with);
    let events = staged.take_events();
    (staged, events)
}

/// The changed column with its removed options after the others, while records hold them.
fn with_removed(change: ColumnChange) -> Column {
    let mut column = change.column;
    if let ColumnOptions::SingleSelect { options } = &mut column.options {
        let next = options.iter().map(|option| option.index).max();
        for mut option in change.removed {
            option.is_default = false;
            option.index = next.unwrap_or_default().saturating_add(1);
            options.push(option);
        }
    }
    column
}
