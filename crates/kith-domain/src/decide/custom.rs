//! Values of custom columns: defaults of new records, and the merge by column.

use std::collections::HashMap;

use super::apply::Problems;
use super::stage::Stage;
use crate::draft::Draft;
use crate::record::{Record, RecordKey};
use crate::violation::Violation;
use crate::working_set::WorkingSet;

/// Gives a new record the default options of its columns; the draft may overrule them, also with null.
pub(super) fn fill_defaults(set: &WorkingSet, record: &mut Record) {
    for column in set
        .columns()
        .iter()
        .filter(|column| column.entity == record.entity)
    {
        if let Some(value) = column.default_value() {
            record.custom.insert(column.id, value);
        }
    }
}

/// Merges the given values into a staged record: columns that are not listed stay as they are.
pub(super) fn merge(stage: &mut Stage<'_>, key: RecordKey, draft: &Draft, problems: &mut Problems) {
    let set = stage.set;
    let mut seen = HashMap::new();
    for input in &draft.custom {
        let column = set
            .columns()
            .iter()
            .find(|column| column.id == input.column && column.entity == key.entity);
        let Some(column) = column else {
            let message = format!(
                "there is no custom column with the id {} for {}",
                input.column,
                key.entity.plural()
            );
            problems.add(Violation::new(
                format!("/customFieldValues/{}/columnId", input.at),
                "unknown_column",
                message,
            ));
            continue;
        };
        if let Some(first) = seen.insert(column.id, input.at) {
            let message = format!(
                "column \"{}\" is already listed at index {first}; list each column once",
                column.label
            );
            problems.add(Violation::new(
                format!("/customFieldValues/{}/columnId", input.at),
                "duplicate",
                message,
            ));
            continue;
        }
        match column.parse(&input.value, set.context()) {
            Err(error) => {
                let pointer = format!("/customFieldValues/{}/value", input.at);
                problems.add(Violation::new(pointer, "invalid_value", error.to_string()));
            }
            Ok(value) => {
                let Some(record) = stage.edit(key) else {
                    continue;
                };
                match value {
                    Some(value) => record.custom.insert(column.id, value),
                    None => record.custom.remove(&column.id),
                };
            }
        }
    }
}
