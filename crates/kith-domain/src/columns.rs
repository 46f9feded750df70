//! Custom columns: what companies add to their records, and the values that such columns hold (contract, section 4).
//!
//! A [`Column`] is data. [`Column::parse`] turns every accepted form of a value into one [`CustomValue`]; the same
//! value always gives the same [`CustomValue`], and its JSON form is accepted back unchanged.

mod choice;
mod draft;
mod error;
mod link;
mod money;
mod options;
mod parse;
mod phone;
#[cfg(test)]
mod tests;
mod value;

use serde_json::{Value, json};
use uuid::Uuid;

pub use self::choice::{MAX_OPTIONS, SelectOption};
pub use self::draft::{
    ColumnChange, ColumnDraft, ColumnPatch, OptionDraft, OptionsDraft, Replacement,
};
pub(crate) use self::error::shown;
pub use self::error::{OptionInUse, StoredValueError, ValueError};
pub(crate) use self::link::parse as web_address;
pub use self::money::{AmountError, MAX_DECIMALS, Money, parse_amount};
pub(crate) use self::money::{decimal_of, plain_decimal};
pub use self::parse::{MAX_TEXT, MAX_VALUES, ParseContext};
pub(crate) use self::parse::{calendar_date, date_part, instant, money_parts};
pub(crate) use self::phone::parse as phone_number;
pub use self::value::CustomValue;
use crate::entity::EntityType;
use crate::event::workspace::{Facts, open};
use crate::locale::Currency;
use crate::time::Timestamp;

/// Longest label of a column or an option, in characters.
pub const MAX_LABEL: usize = 100;

/// The kind of values that a column holds; fixed when the column is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ColumnType {
    /// Free text.
    Plain,
    /// Calendar dates.
    Date,
    /// Points in time.
    DateTime,
    /// Money with its currency.
    Currency,
    /// One of a fixed list.
    SingleSelect,
    /// Web addresses.
    Link,
    /// E-mail addresses.
    Email,
    /// Phone numbers.
    Phone,
}

impl ColumnType {
    /// Every type, in the order of the contract.
    pub const ALL: [ColumnType; 8] = [
        ColumnType::Plain,
        ColumnType::Date,
        ColumnType::DateTime,
        ColumnType::Currency,
        ColumnType::SingleSelect,
        ColumnType::Link,
        ColumnType::Email,
        ColumnType::Phone,
    ];

    /// `singleSelect`.
    pub fn name(self) -> &'static str {
        match self {
            ColumnType::Plain => "plain",
            ColumnType::Date => "date",
            ColumnType::DateTime => "dateTime",
            ColumnType::Currency => "currency",
            ColumnType::SingleSelect => "singleSelect",
            ColumnType::Link => "link",
            ColumnType::Email => "email",
            ColumnType::Phone => "phone",
        }
    }

    /// The type with this name.
    pub fn by_name(name: &str) -> Option<ColumnType> {
        Self::ALL
            .into_iter()
            .find(|column_type| column_type.name() == name)
    }

    /// Whether values are lists (link, email, phone).
    pub fn is_list(self) -> bool {
        matches!(
            self,
            ColumnType::Link | ColumnType::Email | ColumnType::Phone
        )
    }

    /// What a column of this type accepts, with an example, for messages and the API reference.
    pub fn accepted(self) -> &'static str {
        match self {
            ColumnType::Plain => {
                "text of at most 10,000 characters such as \"Prefers to be called in the morning\""
            }
            ColumnType::Date => {
                "a date such as \"2026-04-22\", or an RFC 3339 time, whose date part is kept"
            }
            ColumnType::DateTime => {
                "an RFC 3339 time with offset such as \"2026-04-22T10:00:00Z\" or \"2026-04-22T12:00:00+02:00\""
            }
            ColumnType::Currency => {
                "an amount below 10^11 with at most 4 decimals such as 1234.5, \"1234.5\", \"1234.5 USD\" or {\"amount\": \"1234.50\", \"currency\": \"USD\"}"
            }
            ColumnType::SingleSelect => "the value or the label of one of the column's options",
            ColumnType::Link => {
                "http and https addresses such as \"https://example.com\", comma-separated or as an array"
            }
            ColumnType::Email => {
                "e-mail addresses such as \"ada@example.com\", comma-separated or as an array"
            }
            ColumnType::Phone => {
                "phone numbers such as \"+4930123456\", or as dialled in the company's country, comma-separated or as an array"
            }
        }
    }
}

/// A custom column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// UUID version 7, made by Kith.
    pub id: Uuid,
    /// The type of the records that it extends.
    pub entity: EntityType,
    /// Unique among the columns of `entity`, without regard to case.
    pub label: String,
    /// The type with its options.
    pub options: ColumnOptions,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Column {
    /// What the log of the workspace tells of it.
    pub fn facts(&self) -> Facts {
        vec![
            open("entityType", self.entity.name()),
            open("type", self.column_type().name()),
            open("label", self.label.clone()),
            open("options", self.options.to_json()),
        ]
    }
}

/// The options of a column; the variant is its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnOptions {
    /// No options.
    Plain,
    /// Calendar dates.
    Date {
        /// How user interfaces show it; not interpreted.
        display_format: Option<String>,
    },
    /// Points in time.
    DateTime {
        /// How user interfaces show it; not interpreted.
        display_format: Option<String>,
    },
    /// Money.
    Currency {
        /// The currency of amounts that name none.
        currency: Currency,
    },
    /// One of a list.
    SingleSelect {
        /// The list, by index: 1 to [`MAX_OPTIONS`], values and labels distinct, at most one default.
        options: Vec<SelectOption>,
    },
    /// Web addresses.
    Link {
        /// Whether a record may hold more than one.
        allow_multiple: bool,
    },
    /// E-mail addresses.
    Email {
        /// Whether a record may hold more than one.
        allow_multiple: bool,
    },
    /// Phone numbers.
    Phone {
        /// Whether a record may hold more than one.
        allow_multiple: bool,
    },
}

impl Column {
    /// The column's type.
    pub fn column_type(&self) -> ColumnType {
        self.options.column_type()
    }

    /// The value of records that are created without one: the default option, if the column has one.
    pub fn default_value(&self) -> Option<CustomValue> {
        let default = self
            .select_options()
            .iter()
            .find(|option| option.is_default)?;
        Some(CustomValue::Option(default.value.clone()))
    }

    /// The options of a singleSelect by index; none for other types.
    pub fn select_options(&self) -> &[SelectOption] {
        match &self.options {
            ColumnOptions::SingleSelect { options } => options,
            _ => &[],
        }
    }

    /// The option with this value.
    pub fn option(&self, value: &str) -> Option<&SelectOption> {
        self.select_options()
            .iter()
            .find(|option| option.value == value)
    }
}

impl ColumnOptions {
    /// The type that these are the options of.
    pub fn column_type(&self) -> ColumnType {
        match self {
            ColumnOptions::Plain => ColumnType::Plain,
            ColumnOptions::Date { .. } => ColumnType::Date,
            ColumnOptions::DateTime { .. } => ColumnType::DateTime,
            ColumnOptions::Currency { .. } => ColumnType::Currency,
            ColumnOptions::SingleSelect { .. } => ColumnType::SingleSelect,
            ColumnOptions::Link { .. } => ColumnType::Link,
            ColumnOptions::Email { .. } => ColumnType::Email,
            ColumnOptions::Phone { .. } => ColumnType::Phone,
        }
    }

    /// The options as a JSON object, as they are stored and shown.
    pub fn to_json(&self) -> Value {
        match self {
            ColumnOptions::Plain => json!({}),
            ColumnOptions::Date { display_format } | ColumnOptions::DateTime { display_format } => {
                json!({ "displayFormat": display_format })
            }
            ColumnOptions::Currency { currency } => json!({ "currency": currency.code() }),
            ColumnOptions::SingleSelect { options } => {
                json!({ "options": options.iter().map(SelectOption::to_json).collect::<Vec<_>>() })
            }
            ColumnOptions::Link { allow_multiple }
            | ColumnOptions::Email { allow_multiple }
            | ColumnOptions::Phone { allow_multiple } => json!({ "allowMultiple": allow_multiple }),
        }
    }

    /// Reads back what [`ColumnOptions::to_json`] wrote.
    ///
    /// # Errors
    /// [`StoredValueError`] if `stored` was not written for a column of this type.
    pub fn from_stored(column_type: ColumnType, stored: &Value) -> Result<Self, StoredValueError> {
        let error = || StoredValueError { column_type };
        let display_format = || match stored.get("displayFormat") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(format)) => Ok(Some(format.clone())),
            Some(_) => Err(error()),
        };
        let allow_multiple = || {
            stored
                .get("allowMultiple")
                .and_then(Value::as_bool)
                .ok_or_else(error)
        };
        Ok(match column_type {
            ColumnType::Plain => ColumnOptions::Plain,
            ColumnType::Date => ColumnOptions::Date {
                display_format: display_format()?,
            },
            ColumnType::DateTime => ColumnOptions::DateTime {
                display_format: display_format()?,
            },
            ColumnType::Currency => {
                let code = stored
                    .get("currency")
                    .and_then(Value::as_str)
                    .ok_or_else(error)?;
                ColumnOptions::Currency {
                    currency: code.parse().map_err(|_| error())?,
                }
            }
            ColumnType::SingleSelect => {
                let options = stored
                    .get("options")
                    .and_then(Value::as_array)
                    .ok_or_else(error)?;
                let options: Option<Vec<_>> =
                    options.iter().map(SelectOption::from_stored).collect();
                ColumnOptions::SingleSelect {
                    options: options.ok_or_else(error)?,
                }
            }
            ColumnType::Link => ColumnOptions::Link {
                allow_multiple: allow_multiple()?,
            },
            ColumnType::Email => ColumnOptions::Email {
                allow_multiple: allow_multiple()?,
            },
            ColumnType::Phone => ColumnOptions::Phone {
                allow_multiple: allow_multiple()?,
            },
        })
    }
}
