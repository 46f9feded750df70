//! Tests of custom columns: every accepted and refused form, the rules of definitions, and what always holds.
#![expect(clippy::unwrap_used, reason = "tests")]

mod definitions;
mod forms;
mod lists;
mod properties;

use uuid::Uuid;

use super::{Column, ColumnOptions, ColumnType, ParseContext, SelectOption};
use crate::entity::EntityType;
use crate::locale::Currency;
use crate::time::Timestamp;

fn option(value: &str, label: &str) -> SelectOption {
    SelectOption {
        value: value.to_owned(),
        label: label.to_owned(),
        color: None,
        index: 0,
        is_default: false,
    }
}

/// A contact's column of each type, labelled with the type's name.
fn column(column_type: ColumnType) -> Column {
    let options = match column_type {
        ColumnType::Plain => ColumnOptions::Plain,
        ColumnType::Date => ColumnOptions::Date {
            display_format: None,
        },
        ColumnType::DateTime => ColumnOptions::DateTime {
            display_format: None,
        },
        ColumnType::Currency => ColumnOptions::Currency {
            currency: Currency::EUR,
        },
        ColumnType::SingleSelect => ColumnOptions::SingleSelect {
            options: vec![
                option("lead", "New lead"),
                option("won", "Won"),
                option("lost", "Lost, sadly"),
                option("Won", "Re-opened"),
                option("x1", "lead"),
            ],
        },
        ColumnType::Link => ColumnOptions::Link {
            allow_multiple: true,
        },
        ColumnType::Email => ColumnOptions::Email {
            allow_multiple: true,
        },
        ColumnType::Phone => ColumnOptions::Phone {
            allow_multiple: true,
        },
    };
    Column {
        id: Uuid::from_u128(column_type as u128 + 1),
        entity: EntityType::Contact,
        label: column_type.name().to_owned(),
        options,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
    }
}

fn single(column_type: ColumnType) -> Column {
    let options = match column_type {
        ColumnType::Link => ColumnOptions::Link {
            allow_multiple: false,
        },
        ColumnType::Email => ColumnOptions::Email {
            allow_multiple: false,
        },
        _ => ColumnOptions::Phone {
            allow_multiple: false,
        },
    };
    Column {
        options,
        ..column(column_type)
    }
}

fn in_germany() -> ParseContext {
    ParseContext {
        country: Some("DE".parse().unwrap()),
        currency: Currency::EUR,
    }
}
