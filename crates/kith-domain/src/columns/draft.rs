//! Making and changing columns: what is asked for, judged against the rules and the company's other columns.

use uuid::Uuid;

use super::options::options;
use super::{Column, ColumnType, CustomValue, MAX_LABEL, OptionInUse, ParseContext, SelectOption};
use crate::draft::Patch;
use crate::entity::EntityType;
use crate::text::{clean, excerpt};
use crate::time::Timestamp;
use crate::violation::Violation;

/// A column to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDraft {
    /// The type of the records that it extends.
    pub entity: EntityType,
    /// Its label, 1 to 100 characters.
    pub label: String,
    /// Its type, fixed from then on.
    pub column_type: ColumnType,
    /// Its options.
    pub options: OptionsDraft,
}

/// Changes of a column; what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnPatch {
    /// Accepted if it is the column's own, so that a fetched column can be sent back.
    pub entity: Option<EntityType>,
    /// Likewise.
    pub column_type: Option<ColumnType>,
    /// A new label.
    pub label: Patch<String>,
    /// New options.
    pub options: OptionsDraft,
    /// What becomes of values whose option is removed: another option by value or label, or null to clear them.
    pub replace_with: Patch<String>,
}

/// The options of all types, as they were given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptionsDraft {
    /// Of date and dateTime.
    pub display_format: Patch<String>,
    /// Of currency: a code of ISO 4217.
    pub currency: Patch<String>,
    /// Of singleSelect: the complete list.
    pub options: Patch<Vec<OptionDraft>>,
    /// Of link, email and phone.
    pub allow_multiple: Patch<bool>,
}

/// One option of a singleSelect as it was given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptionDraft {
    /// What records store; without it an existing option with this label keeps its value, a new one gets one.
    pub value: Option<String>,
    /// What people see.
    pub label: String,
    /// A colour; not interpreted.
    pub color: Option<String>,
    /// Place in the list; without it the position in the request.
    pub index: Option<u32>,
    /// Whether it fills the value of records that are created without one.
    pub is_default: bool,
}

/// What becomes of values whose option is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// Nothing was said: refused if a record holds one.
    Refuse,
    /// They are cleared.
    Clear,
    /// They become this option's value.
    With(String),
}

/// A judged change of a column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnChange {
    /// The column after the change; equal to the one before if nothing changed.
    pub column: Column,
    /// Options that the column no longer has.
    pub removed: Vec<SelectOption>,
    /// What becomes of their values.
    pub replacement: Replacement,
}

impl ColumnDraft {
    /// Judges the draft against the columns that the company has.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers into `{label, entityType, type, options}`.
    pub fn into_column(
        self,
        existing: &[Column],
        context: &ParseContext,
        id: Uuid,
        now: Timestamp,
        new_value: &mut dyn FnMut() -> Uuid,
    ) -> Result<Column, Vec<Violation>> {
        let mut problems = Vec::new();
        let label = label(&self.label, self.entity, id, existing, &mut problems);
        let options = options(
            self.column_type,
            &self.options,
            None,
            context,
            new_value,
            &mut problems,
        );
        match (label, options) {
            (Some(label), Some(options)) if problems.is_empty() => Ok(Column {
                id,
                entity: self.entity,
                label,
                options,
                created_at: now,
                updated_at: now,
            }),
            _ => Err(problems),
        }
    }
}

impl ColumnPatch {
    /// Judges the changes against the column and the columns that the company has.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers into `{label, entityType, type, options, replaceWith}`.
    pub fn apply(
        &self,
        column: &Column,
        existing: &[Column],
        context: &ParseContext,
        now: Timestamp,
        new_value: &mut dyn FnMut() -> Uuid,
    ) -> Result<ColumnChange, Vec<Violation>> {
        let mut problems = Vec::new();
        self.check_fixed(column, &mut problems);
        let label = match &self.label {
            Patch::Absent | Patch::Unreadable => Some(column.label.clone()),
            Patch::Null => {
                problems.push(Violation::new(
                    "/label",
                    "required",
                    "`label` is null; a column needs a label",
                ));
                None
            }
            Patch::Set(text) => label(text, column.entity, column.id, existing, &mut problems),
        };
        let options = options(
            column.column_type(),
            &self.options,
            Some(&column.options),
            context,
            new_value,
            &mut problems,
        );
        let (Some(label), Some(options)) = (label, options) else {
            return Err(problems);
        };
        let mut changed = Column {
            label,
            options,
            ..column.clone()
        };
        let replacement = replacement(&self.replace_with, &changed, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        if changed != *column {
            changed.updated_at = now;
        }
        let is_gone = |option: &&SelectOption| changed.option(&option.value).is_none();
        let removed = column
            .select_options()
            .iter()
            .filter(is_gone)
            .cloned()
            .collect();
        Ok(ColumnChange {
            column: changed,
            removed,
            replacement,
        })
    }

    fn check_fixed(&self, column: &Column, problems: &mut Vec<Violation>) {
        if let Some(other) = self
            .column_type
            .filter(|other| *other != column.column_type())
        {
            let (is, other) = (column.column_type().name(), other.name());
            let message = format!(
                "column \"{}\" is of type {is}, which cannot become {other}; make a new column",
                column.label
            );
            problems.push(Violation::new("/type", "fixed", message));
        }
        if let Some(other) = self.entity.filter(|other| *other != column.entity) {
            let message = format!(
                "column \"{}\" belongs to {} and cannot move to {}; make a new column",
                column.label,
                column.entity.plural(),
                other.plural()
            );
            problems.push(Violation::new("/entityType", "fixed", message));
        }
    }
}

impl ColumnChange {
    /// Whether the removal of options may go ahead, given how many records hold one of them, and whether that may be told.
    ///
    /// # Errors
    /// [`OptionInUse`] if there are such records and nothing was said about their values.
    pub fn permit(&self, records: u64, is_countable: bool) -> Result<(), OptionInUse> {
        if records == 0 || self.removed.is_empty() || self.replacement != Replacement::Refuse {
            return Ok(());
        }
        let labels = self
            .removed
            .iter()
            .map(|option| option.label.clone())
            .collect();
        Err(OptionInUse {
            records: is_countable.then_some(records),
            labels,
        })
    }

    /// What becomes of a record's value; `None` is no value.
    pub fn value_after(&self, value: &CustomValue) -> Option<CustomValue> {
        match value {
            CustomValue::Option(held)
                if self.removed.iter().any(|option| option.value == *held) =>
            {
                match &self.replacement {
                    Replacement::With(value) => Some(CustomValue::Option(value.clone())),
                    Replacement::Refuse | Replacement::Clear => None,
                }
            }
            other => Some(other.clone()),
        }
    }
}

fn replacement(
    asked: &Patch<String>,
    column: &Column,
    problems: &mut Vec<Violation>,
) -> Replacement {
    match asked {
        Patch::Absent | Patch::Unreadable => Replacement::Refuse,
        Patch::Null => Replacement::Clear,
        Patch::Set(text) => match column.find_option(text.trim()) {
            Some(option) => Replacement::With(option.value.clone()),
            None => {
                let message = format!(
                    "`replaceWith` is \"{}\", which is none of the options that remain in column \"{}\"; accepted: the value or label of one, or null",
                    excerpt(text, MAX_LABEL),
                    column.label
                );
                problems.push(Violation::new("/replaceWith", "unknown_option", message));
                Replacement::Refuse
            }
        },
    }
}

/// Text of one line, 1 to `max` characters.
pub(super) fn line(text: &str, max: usize) -> Result<String, (&'static str, String)> {
    let cleaned = match clean(text) {
        Ok(cleaned) => cleaned,
        Err(control) => {
            return Err((
                "invalid",
                format!(
                    "contains the control character U+{:04X}",
                    u32::from(control)
                ),
            ));
        }
    };
    let length = cleaned.chars().count();
    if cleaned.is_empty() {
        Err((
            "required",
            format!("is empty; accepted: 1 to {max} characters"),
        ))
    } else if length > max {
        Err((
            "too_long",
            format!("has {length} characters; accepted: 1 to {max}"),
        ))
    } else if cleaned.contains(['\n', '\t']) {
        Err((
            "invalid",
            "contains a tab or a new line; accepted: one line of text".to_owned(),
        ))
    } else {
        Ok(cleaned)
    }
}

fn label(
    text: &str,
    entity: EntityType,
    own: Uuid,
    existing: &[Column],
    problems: &mut Vec<Violation>,
) -> Option<String> {
    let label = match line(text, MAX_LABEL) {
        Ok(label) => label,
        Err((code, reason)) => {
            problems.push(Violation::new("/label", code, format!("`label` {reason}")));
            return None;
        }
    };
    let folded = label.to_lowercase();
    let same = |column: &&Column| {
        column.entity == entity && column.id != own && column.label.to_lowercase() == folded
    };
    if let Some(other) = existing.iter().find(same) {
        let message = format!(
            "{} already have a column \"{}\" ({}); labels are unique without regard to case",
            entity.plural(),
            other.label,
            other.id
        );
        problems.push(Violation::new("/label", "duplicate", message));
        return None;
    }
    Some(label)
}
