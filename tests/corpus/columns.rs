//! The ten custom columns of each type, and values for them.

use kith_domain::columns::{ColumnDraft, ColumnType, OptionDraft, OptionsDraft};
use kith_domain::draft::{CustomInput, Patch};
use kith_domain::entity::EntityType;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::random::Random;

/// Stages, the first ones most often.
const STAGES: [&str; 6] = ["New", "Qualified", "Proposal", "Negotiation", "Won", "Lost"];

/// Regions, about equally often.
const REGIONS: [&str; 20] = [
    "Alsace",
    "Bavaria",
    "Castile",
    "Dalmatia",
    "Emilia",
    "Flanders",
    "Galicia",
    "Hesse",
    "Istria",
    "Jutland",
    "Kent",
    "Lapland",
    "Moravia",
    "Navarre",
    "Ostrobothnia",
    "Piedmont",
    "Saxony",
    "Tyrol",
    "Umbria",
    "Wales",
];

const CITIES: [&str; 24] = [
    "Berlin", "Paris", "Madrid", "Rome", "Vienna", "Prague", "Lisbon", "Dublin", "Helsinki",
    "Oslo", "Malmö", "Zürich", "Köln", "Łódź", "Gdańsk", "Porto", "Ghent", "Lyon", "Graz", "Turin",
    "Leeds", "Brno", "Split", "Ávila",
];

/// Label, type, and the part of the records that have a value.
pub(crate) const COLUMNS: [(&str, ColumnType, f64); 10] = [
    ("Stage", ColumnType::SingleSelect, 0.9),
    ("Region", ColumnType::SingleSelect, 0.7),
    ("Revenue", ColumnType::Currency, 0.8),
    ("Budget", ColumnType::Currency, 0.1),
    ("Since", ColumnType::Date, 0.6),
    ("Last call", ColumnType::DateTime, 0.5),
    ("City", ColumnType::Plain, 0.9),
    ("Phone", ColumnType::Phone, 0.4),
    ("Website", ColumnType::Link, 0.3),
    ("Other e-mail", ColumnType::Email, 0.2),
];

/// A column to be made.
pub(crate) fn draft(entity: EntityType, at: usize) -> ColumnDraft {
    let (label, column_type, _) = COLUMNS[at];
    let mut options = OptionsDraft::default();
    if column_type == ColumnType::SingleSelect {
        let list: &[&str] = if at == 0 { &STAGES } else { &REGIONS };
        let list = list.iter().map(|label| OptionDraft {
            value: Some(label.to_lowercase()),
            label: (*label).to_owned(),
            ..OptionDraft::default()
        });
        options.options = Patch::Set(list.collect());
    }
    ColumnDraft {
        entity,
        label: label.to_owned(),
        column_type,
        options,
    }
}

/// Values of a record.
pub(crate) fn values(columns: &[Uuid], number: usize, random: &mut Random) -> Vec<CustomInput> {
    let mut inputs = Vec::new();
    for (at, ((_, _, filled), column)) in COLUMNS.iter().zip(columns).enumerate() {
        if random.chance(*filled) {
            inputs.push(CustomInput {
                at: inputs.len(),
                column: *column,
                value: value(at, number, random),
            });
        }
    }
    inputs
}

fn value(at: usize, number: usize, random: &mut Random) -> Value {
    match at {
        0 => json!(STAGES[random.skewed(STAGES.len())].to_lowercase()),
        1 => json!(random.of(&REGIONS).to_lowercase()),
        2 => json!(random.skewed(1_000_000)),
        3 => json!(format!(
            "{}.{:02} USD",
            random.below(50_000),
            random.below(100)
        )),
        4 => json!(date(random)),
        5 => json!(format!(
            "{}T{:02}:{:02}:00Z",
            date(random),
            random.below(24),
            random.below(60)
        )),
        6 => json!(format!("{} {}", random.of(&CITIES), random.below(40))),
        7 => json!([format!("+4930{:07}", number % 10_000_000)]),
        8 => json!([format!(
            "https://www.example.com/{}/{number}",
            random.below(100)
        )]),
        _ => json!([format!("office{number}@example.org")]),
    }
}

fn date(random: &mut Random) -> String {
    format!(
        "20{:02}-{:02}-{:02}",
        random.below(16) + 10,
        random.below(12) + 1,
        random.below(28) + 1
    )
}
