//! Why a value does not fit a column.

use std::fmt;

use serde_json::Value;

use super::{Column, ColumnType};
use crate::text::excerpt;

/// A value that a column does not accept; the message names the column, its type, what was received and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    /// Label of the column.
    pub label: String,
    /// Type of the column.
    pub column_type: ColumnType,
    /// What was received, as JSON, shortened.
    pub received: String,
    /// What is wrong with it, if there is more to say than that it does not fit.
    pub reason: Option<String>,
    /// What is accepted, with an example.
    pub accepted: String,
}

impl ValueError {
    pub(super) fn new(column: &Column, received: &Value, reason: Option<String>) -> Self {
        ValueError {
            label: column.label.clone(),
            column_type: column.column_type(),
            received: shown(received),
            reason,
            accepted: column.accepted(),
        }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ValueError {
            label,
            column_type,
            received,
            reason,
            accepted,
        } = self;
        write!(
            f,
            "column \"{label}\" ({}) cannot hold {received}",
            column_type.name()
        )?;
        if let Some(reason) = reason {
            write!(f, ": {reason}")?;
        }
        write!(f, "; accepted: {accepted}")
    }
}

impl std::error::Error for ValueError {}

/// How much of a received value is repeated in a message, in characters.
const SHOWN: usize = 80;
/// How many options a message lists.
const LISTED: usize = 20;

/// A JSON value for a message, shortened.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => Value::String(excerpt(text, SHOWN)).to_string(),
        Value::Array(items) if items.len() > 10 => format!("an array of {} values", items.len()),
        Value::Object(members) if members.len() > 10 => {
            format!("an object of {} members", members.len())
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(shown).collect();
            excerpt(&format!("[{}]", items.join(",")), SHOWN)
        }
        Value::Object(members) => {
            let members: Vec<_> = members
                .iter()
                .map(|(name, value)| format!("\"{}\":{}", excerpt(name, SHOWN), shown(value)))
                .collect();
            excerpt(&format!("{{{}}}", members.join(",")), SHOWN)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

impl Column {
    /// What the column accepts, with an example; for a singleSelect with its options.
    pub fn accepted(&self) -> String {
        let options = self.select_options();
        if options.is_empty() {
            return self.column_type().accepted().to_owned();
        }
        let labels: Vec<_> = options
            .iter()
            .take(LISTED)
            .map(|option| format!("\"{}\"", excerpt(&option.label, SHOWN)))
            .collect();
        let more = match options.len().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(
            "{}: {}{more}",
            self.column_type().accepted(),
            labels.join(", ")
        )
    }
}

/// A stored value that this version did not write; the database was changed by other hands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database holds something else than a column of type {} stores", column_type.name())]
pub struct StoredValueError {
    /// The type of the column.
    pub column_type: ColumnType,
}

/// Options cannot be removed because records hold them and no replacement was named.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} the removed {} {}; give `replaceWith` with another option's value, or null to clear the value",
    match records {
        Some(1) => "1 record holds".to_owned(),
        Some(records) => format!("{records} records hold"),
        None => "there are records that hold".to_owned(),
    },
    if labels.len() == 1 { "option" } else { "options" },
    labels.iter().map(|label| format!("\"{label}\"")).collect::<Vec<_>>().join(", ")
)]
pub struct OptionInUse {
    /// How many records hold a removed option, if the caller may know.
    pub records: Option<u64>,
    /// Labels of the removed options.
    pub labels: Vec<String>,
}
