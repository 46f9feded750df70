//! Tests of filters, sorting, search terms, pages and cursors, on contacts with one column of each type.
#![expect(clippy::unwrap_used, reason = "tests")]

mod operators;
mod order;
mod problems;
mod properties;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Filter, FilterContext, Search, SearchInput, SortInput};
use crate::columns::{Column, ColumnOptions, ColumnType, ParseContext, SelectOption};
use crate::entity::{EntityType, FieldValue};
use crate::locale::Currency;
use crate::notes::Notes;
use crate::record::{LinkSet, Record};
use crate::time::Timestamp;
use crate::violation::Violation;

/// 2026-04-22T10:00:00Z.
const NOW: Timestamp = Timestamp(1_776_852_000_000);

fn context() -> FilterContext {
    let parse = ParseContext {
        country: Some("DE".parse().unwrap()),
        currency: Currency::EUR,
    };
    FilterContext { parse, now: NOW }
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A contact's column of a type: its id is its place in [`ColumnType::ALL`] plus 1, its label `My` and the type.
fn column(column_type: ColumnType) -> Column {
    let option = |value: &str, label: &str| SelectOption {
        value: value.to_owned(),
        label: label.to_owned(),
        color: None,
        index: 0,
        is_default: false,
    };
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
                option("o-lead", "Lead"),
                option("o-won", "Won"),
                option("o-lost", "Lost"),
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
        id: id(column_type as u128 + 1),
        entity: EntityType::Contact,
        label: format!("My {}", column_type.name()),
        options,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
    }
}

fn columns() -> Vec<Column> {
    ColumnType::ALL.map(column).into()
}

/// A contact without values other than its names; created that many days before now.
fn contact(number: u128, first: &str, last: &str) -> Record {
    let days = i64::try_from(number).unwrap() * 86_400_000;
    let mut record = Record::empty(EntityType::Contact, id(number), Timestamp(NOW.0 - days));
    record.version = 1;
    record.fields[0] = FieldValue::Text(first.to_owned());
    record.fields[1] = FieldValue::Text(last.to_owned());
    record
}

fn with(mut record: Record, column_type: ColumnType, value: Value) -> Record {
    let column = column(column_type);
    let value = column.parse(&value, &context().parse).unwrap().unwrap();
    record.custom.insert(column.id, value);
    record
}

/// Three contacts: 1 has values everywhere, 2 has other values, 3 has none.
fn corpus() -> Vec<Record> {
    let mut one = contact(1, "Ada", "Lovelace");
    one.version = 3;
    one.fields[2] = FieldValue::Emails(vec![
        "Ada@example.com".to_owned(),
        "al@math.example".to_owned(),
    ]);
    one.links[0] = LinkSet::from_ids(vec![id(11), id(12)]);
    one.notes = Notes::from_markdown("Likes **engines**").unwrap();
    let one = [
        (ColumnType::Plain, json!("100 % _ \\ Über")),
        (ColumnType::Date, json!("2026-04-20")),
        (ColumnType::DateTime, json!("2026-04-20T23:30:00Z")),
        (ColumnType::Currency, json!("100 EUR")),
        (ColumnType::SingleSelect, json!("Won")),
        (
            ColumnType::Link,
            json!("https://a.example/Path, https://b.example"),
        ),
        (ColumnType::Email, json!("x@a.example, Y@b.example")),
        (ColumnType::Phone, json!("030 123456, +1 415 555 2671")),
    ]
    .into_iter()
    .fold(one, |record, (column_type, value)| {
        with(record, column_type, value)
    });
    let mut two = contact(2, "Grace", "Hopper");
    two.version = 2;
    two.fields[2] = FieldValue::Emails(vec!["grace@example.com".to_owned()]);
    two.links[0] = LinkSet::from_ids(vec![id(12), id(13)]);
    let two = [
        (ColumnType::Plain, json!("plain text")),
        (ColumnType::Date, json!("2026-05-01")),
        (ColumnType::DateTime, json!("2026-04-21T00:00:00Z")),
        (ColumnType::Currency, json!("100.5 USD")),
        (ColumnType::SingleSelect, json!("Lead")),
        (ColumnType::Link, json!("https://b.example")),
        (ColumnType::Email, json!("y@b.example")),
        (ColumnType::Phone, json!("+1 415 555 2671")),
    ]
    .into_iter()
    .fold(two, |record, (column_type, value)| {
        with(record, column_type, value)
    });
    vec![one, two, contact(3, "Élise", "")]
}

fn filter(filters: &Value) -> Result<Filter, Vec<Violation>> {
    Filter::parse(
        EntityType::Contact,
        &columns(),
        &context(),
        filters,
        "/filters",
    )
}

/// The numbers of the corpus' contacts that a filter finds.
fn found(filters: &Value) -> Vec<u128> {
    let filter = match filter(filters) {
        Ok(filter) => filter,
        Err(problems) => unreachable!("{filters}: {}", problems[0]),
    };
    corpus()
        .iter()
        .filter(|record| filter.matches(record))
        .map(|record| record.id.as_u128())
        .collect()
}

fn search(input: &SearchInput) -> Result<Search, Vec<Violation>> {
    input.judge(EntityType::Contact, &columns(), &context())
}

fn sorted_by(field: &str, direction: &str) -> SearchInput {
    let sort = SortInput {
        field: field.to_owned(),
        direction: Some(direction.to_owned()),
    };
    SearchInput {
        sort: Some(sort),
        ..SearchInput::default()
    }
}
