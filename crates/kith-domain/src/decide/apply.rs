//! Commands applied to a stage: every target in turn, every problem collected.

use std::collections::HashMap;

use uuid::Uuid;

use super::command::{Change, Command, LinkChange, LinkMode, NotesChange};
use super::derive::{self, derive_totals};
use super::stage::Stage;
use super::{Circumstances, custom, normalise};
use crate::draft::{Draft, LinkItem, NotesInput, Patch};
use crate::entity::EntityType;
use crate::notes::Notes;
use crate::record::{LinkSet, Record, RecordKey};
use crate::relation::{LinkDef, Target};
use crate::scope::Reach;
use crate::violation::{NOT_FOUND, Refusal, Violation};

/// Applies a command; the records asked for, in the order of the request.
pub(super) fn apply(
    stage: &mut Stage<'_>,
    command: &Command,
    with: &Circumstances<'_>,
) -> Result<Vec<RecordKey>, Refusal> {
    let mut problems = Problems::default();
    let targets = match command {
        Command::Create {
            entity,
            drafts,
            batch,
        } => {
            let mut targets = Vec::with_capacity(drafts.len());
            for (index, draft) in drafts.iter().enumerate() {
                problems.enter(batch.then(|| format!("/{}/{index}", entity.plural())));
                targets.push(create(stage, *entity, draft, with, &mut problems));
            }
            targets
        }
        Command::Update {
            entity,
            changes,
            batch,
        } => {
            let mut seen = HashMap::new();
            let mut targets = Vec::with_capacity(changes.len());
            for (index, change) in changes.iter().enumerate() {
                problems.enter(batch.then(|| format!("/{}/{index}", entity.plural())));
                once(&mut seen, change.id, index, "/id", &mut problems);
                let key = RecordKey {
                    entity: *entity,
                    id: change.id,
                };
                update(stage, key, change, &mut problems)?;
                targets.push(key);
            }
            targets
        }
        Command::Delete {
            entity,
            ids,
            expected_version,
            batch,
        } => {
            let mut seen = HashMap::new();
            let mut targets = Vec::with_capacity(ids.len());
            for (index, id) in ids.iter().enumerate() {
                problems.enter(batch.then(|| format!("/ids/{index}")));
                once(&mut seen, *id, index, "", &mut problems);
                let key = RecordKey {
                    entity: *entity,
                    id: *id,
                };
                if target(stage, key, *expected_version, "", &mut problems)? {
                    targets.push(key);
                }
            }
            if problems.found.is_empty() {
                targets.iter().for_each(|key| stage.delete(*key));
            }
            targets
        }
        Command::Link(change) => {
            link(stage, change, &mut problems)?;
            vec![change.key]
        }
        Command::Notes(change) => {
            notes(stage, change, &mut problems)?;
            vec![change.key]
        }
    };
    if problems.found.is_empty()
        && let Err(overflowing) = derive_totals(stage)
    {
        problems.enter(None);
        for key in overflowing {
            let which = if stage.sees(Target::Record(key.entity), key.id) {
                format!("{} {}", key.entity, key.id)
            } else {
                key.entity.one().to_owned()
            };
            let message = format!(
                "the totals of {which} would leave the range below {}",
                derive::TOTAL_LIMIT
            );
            problems.add(Violation::new("", "out_of_range", message));
        }
    }
    if problems.found.is_empty() {
        Ok(targets)
    } else {
        Err(Refusal::of(problems.found))
    }
}

/// Problems found so far; new ones are placed under the record in hand.
#[derive(Default)]
pub(super) struct Problems {
    found: Vec<Violation>,
    prefix: String,
}

impl Problems {
    fn enter(&mut self, prefix: Option<String>) {
        self.prefix = prefix.unwrap_or_default();
    }

    pub(super) fn add(&mut self, problem: Violation) {
        self.found.push(problem.under(&self.prefix));
    }

    fn extend(&mut self, problems: impl IntoIterator<Item = Violation>) {
        problems.into_iter().for_each(|problem| self.add(problem));
    }
}

fn once(
    seen: &mut HashMap<Uuid, usize>,
    id: Uuid,
    index: usize,
    pointer: &str,
    problems: &mut Problems,
) {
    if let Some(first) = seen.insert(id, index) {
        let message = format!("{id} is already listed at index {first}; list each record once");
        problems.add(Violation::new(pointer, "duplicate", message));
    }
}

/// Whether the record to be changed exists; a stale version ends the request.
fn target(
    stage: &Stage<'_>,
    key: RecordKey,
    expected_version: Option<i64>,
    pointer: &str,
    problems: &mut Problems,
) -> Result<bool, Refusal> {
    let what = Target::Record(key.entity);
    let Some(record) = stage.get(key).filter(|_| stage.sees(what, key.id)) else {
        problems.add(missing(pointer, what, key.id));
        return Ok(false);
    };
    match expected_version {
        Some(expected) if expected != record.version => Err(Refusal::VersionMismatch {
            expected,
            actual: record.version,
        }),
        _ => Ok(true),
    }
}

fn missing(pointer: &str, target: Target, id: Uuid) -> Violation {
    Violation::new(
        pointer,
        NOT_FOUND,
        format!("there is no {} with the id {id}", target.name()),
    )
}

fn create(
    stage: &mut Stage<'_>,
    entity: EntityType,
    draft: &Draft,
    with: &Circumstances<'_>,
    problems: &mut Problems,
) -> RecordKey {
    let mut record = Record::empty(entity, (with.new_id)(), with.now);
    custom::fill_defaults(stage.set, &mut record);
    let key = record.key();
    stage.insert(record);
    for (def, patch) in entity.fields().iter().zip(&draft.fields) {
        if def.kind.is_required() && *patch == Patch::Absent {
            let message = format!(
                "{} is missing; it takes {}",
                def.label,
                normalise::accepted(def.kind)
            );
            problems.add(Violation::new(
                format!("/{}", def.name),
                "required",
                message,
            ));
        }
    }
    content(stage, key, draft, problems);
    if with.scope.reach_of(entity) == Reach::Own
        && let Some(users) = entity.link_index("users")
    {
        // Who reads only their own would not find again what they made.
        stage.link(key, users, with.scope.user, None);
    }
    key
}

fn update(
    stage: &mut Stage<'_>,
    key: RecordKey,
    change: &Change,
    problems: &mut Problems,
) -> Result<(), Refusal> {
    if target(stage, key, change.expected_version, "/id", problems)? {
        content(stage, key, &change.draft, problems);
    } else {
        problems.extend(change.draft.problems.iter().cloned());
    }
    Ok(())
}

/// Brings the content of a draft into a staged record.
fn content(stage: &mut Stage<'_>, key: RecordKey, draft: &Draft, problems: &mut Problems) {
    problems.extend(draft.problems.iter().cloned());
    if draft.entity != key.entity {
        let message = format!(
            "expected {}, received {}",
            key.entity.one(),
            draft.entity.one()
        );
        return problems.add(Violation::new("", "wrong_type", message));
    }
    fields(stage, key, draft, problems);
    let notes = match &draft.notes {
        Patch::Absent | Patch::Unreadable => Ok(None),
        Patch::Null => Ok(Some(None)),
        Patch::Set(input) => replaced_notes(stage, key, input, problems).map(Some),
    };
    if let (Ok(Some(notes)), Some(record)) = (notes, stage.edit(key)) {
        record.notes = notes;
    }
    custom::merge(stage, key, draft, problems);
    for (link, (def, patch)) in key.entity.links().iter().zip(&draft.links).enumerate() {
        match patch {
            Patch::Absent | Patch::Unreadable => {}
            Patch::Null => {
                let message = format!(
                    "`{}` is null, which would be ambiguous; send [] to remove all links, or use link and unlink for some",
                    def.field
                );
                problems.add(Violation::new(
                    format!("/{}", def.field),
                    "null_links",
                    message,
                ));
            }
            Patch::Set(items) => {
                if linkable(stage, def, &def.field, items, problems) {
                    replace_links(stage, key, link, items);
                }
            }
        }
    }
}

fn fields(stage: &mut Stage<'_>, key: RecordKey, draft: &Draft, problems: &mut Problems) {
    for (index, (def, patch)) in key.entity.fields().iter().zip(&draft.fields).enumerate() {
        let value = match patch {
            Patch::Absent | Patch::Unreadable => continue,
            Patch::Null if def.kind.is_required() => {
                let message = format!(
                    "{} is null; it takes {}",
                    def.label,
                    normalise::accepted(def.kind)
                );
                problems.add(Violation::new(
                    format!("/{}", def.name),
                    "required",
                    message,
                ));
                continue;
            }
            Patch::Null if def.kind.is_derived() => {
                let message = format!("{} takes {}", def.label, normalise::accepted(def.kind));
                let pointer = format!("/{}", def.name);
                problems.add(Violation::new(pointer, "wrong_type", message));
                continue;
            }
            Patch::Null => def.kind.default_value(),
            Patch::Set(value) => match normalise::field(def, value) {
                Ok(value) => value,
                Err(found) => {
                    problems.extend(found);
                    continue;
                }
            },
        };
        if let Some(record) = stage.edit(key) {
            record.fields[index] = value;
        }
    }
}

fn replaced_notes(
    stage: &Stage<'_>,
    key: RecordKey,
    input: &NotesInput,
    problems: &mut Problems,
) -> Result<Option<Notes>, ()> {
    let stored = stage.get(key).and_then(|record| record.notes.as_ref());
    let notes = match input {
        NotesInput::Markdown(markdown) => Notes::replaced_by_markdown(stored, markdown),
        NotesInput::Document(document) => Notes::from_document(document),
    };
    notes.map_err(|reason| {
        problems.add(Violation::new(
            "/notes",
            "invalid_notes",
            reason.to_string(),
        ))
    })
}

fn notes(
    stage: &mut Stage<'_>,
    change: &NotesChange,
    problems: &mut Problems,
) -> Result<(), Refusal> {
    if !target(stage, change.key, change.expected_version, "", problems)? {
        return Ok(());
    }
    let stored = stage
        .get(change.key)
        .and_then(|record| record.notes.clone());
    let notes = match (&change.notes, change.append) {
        (None, false) => Ok(None),
        (None, true) => Ok(stored),
        (Some(input), false) => replaced_notes(stage, change.key, input, problems),
        (Some(input), true) => {
            let more = match input {
                NotesInput::Markdown(markdown) => Notes::from_markdown(markdown),
                NotesInput::Document(document) => Notes::from_document(document),
            };
            match more {
                Ok(None) => Ok(stored),
                Ok(Some(more)) => joined(stored, more).map(Some),
                Err(reason) => Err(reason),
            }
            .map_err(|reason| {
                problems.add(Violation::new(
                    "/notes",
                    "invalid_notes",
                    reason.to_string(),
                ))
            })
        }
    };
    if let (Ok(notes), Some(record)) = (notes, stage.edit(change.key)) {
        record.notes = notes;
    }
    Ok(())
}

fn joined(stored: Option<Notes>, more: Notes) -> Result<Notes, crate::notes::NotesError> {
    match stored {
        None => Ok(more),
        Some(stored) => stored.append(&more),
    }
}

fn link(
    stage: &mut Stage<'_>,
    change: &LinkChange,
    problems: &mut Problems,
) -> Result<(), Refusal> {
    problems.extend(change.problems.iter().cloned());
    let found = target(stage, change.key, change.expected_version, "", problems)?;
    let def = &change.key.entity.links()[change.link];
    let linkable = linkable(stage, def, change.member, &change.items, problems);
    if found && linkable {
        for item in &change.items {
            match change.mode {
                LinkMode::Link => stage.link(change.key, change.link, item.id, item.quantity),
                LinkMode::Unlink => stage.unlink(change.key, change.link, item.id),
            }
        }
    }
    Ok(())
}

/// Whether all items can be linked: well-formed, distinct, existing.
fn linkable(
    stage: &Stage<'_>,
    def: &LinkDef,
    member: &str,
    items: &[LinkItem],
    problems: &mut Problems,
) -> bool {
    let mut found = Vec::new();
    normalise::items(def, member, items, &mut found);
    for item in items {
        if !stage.exists(def.target, item.id) {
            let place = if def.quantity && member == def.field {
                format!("/{member}/{}/{}Id", item.at, def.target.name())
            } else {
                format!("/{member}/{}", item.at)
            };
            found.push(missing(&place, def.target, item.id));
        }
    }
    let fine = found.is_empty();
    problems.extend(found);
    fine
}

fn replace_links(stage: &mut Stage<'_>, key: RecordKey, link: usize, items: &[LinkItem]) {
    let wanted = LinkSet::from_ids(items.iter().map(|item| item.id).collect());
    // Links that the caller cannot see stay.
    let target = key.entity.links()[link].target;
    let gone: Vec<_> = stage
        .get(key)
        .map(|record| record.links[link].ids_not_in(&wanted))
        .into_iter()
        .flatten()
        .filter(|id| stage.sees(target, *id))
        .collect();
    for id in gone {
        stage.unlink(key, link, id);
    }
    for item in items {
        stage.link(key, link, item.id, item.quantity);
    }
}
