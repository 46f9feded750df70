//! The options of a singleSelect column and how a value names one.

use serde_json::{Value, json};

use super::Column;
use crate::text::excerpt;

/// Most options of one column.
pub const MAX_OPTIONS: usize = 500;

/// One option of a singleSelect column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectOption {
    /// What records store: distinct within the column, never changed by a new label.
    pub value: String,
    /// What people see: distinct within the column without regard to case.
    pub label: String,
    /// A colour for user interfaces; not interpreted.
    pub color: Option<String>,
    /// Place in the list; options with the same index keep the order in which they were given.
    pub index: u32,
    /// Whether records that are created without a value get this one.
    pub is_default: bool,
}

impl SelectOption {
    /// The option as a JSON object, as it is stored and shown.
    pub fn to_json(&self) -> Value {
        let SelectOption {
            value,
            label,
            color,
            index,
            is_default,
        } = self;
        json!({ "value": value, "label": label, "color": color, "index": index, "isDefault": is_default })
    }

    pub(super) fn from_stored(stored: &Value) -> Option<Self> {
        Some(SelectOption {
            value: stored.get("value")?.as_str()?.to_owned(),
            label: stored.get("label")?.as_str()?.to_owned(),
            color: stored
                .get("color")
                .and_then(Value::as_str)
                .map(str::to_owned),
            index: stored.get("index")?.as_u64()?.try_into().ok()?,
            is_default: stored.get("isDefault")?.as_bool()?,
        })
    }
}

impl Column {
    /// The option that a text names: by value, else by label, else by label without regard to case.
    pub fn find_option(&self, text: &str) -> Option<&SelectOption> {
        let options = self.select_options();
        let folded = text.to_lowercase();
        options
            .iter()
            .find(|option| option.value == text)
            .or_else(|| options.iter().find(|option| option.label == text))
            .or_else(|| {
                options
                    .iter()
                    .find(|option| option.label.to_lowercase() == folded)
            })
    }

    /// The label nearest to a text that names no option, for messages.
    pub(super) fn nearest_option(&self, text: &str) -> Option<&str> {
        let text = excerpt(text, super::MAX_LABEL);
        let labels = self
            .select_options()
            .iter()
            .map(|option| option.label.as_str());
        crate::text::nearest(&text, labels)
    }
}
