//! Making and changing columns.

use serde_json::json;

use super::*;
use crate::columns::{
    ColumnChange, ColumnDraft, ColumnPatch, CustomValue, OptionDraft, OptionsDraft, Replacement,
    StoredValueError,
};
use crate::draft::Patch;
use crate::violation::Violation;

fn made(draft: ColumnDraft, existing: &[Column]) -> Result<Column, Vec<Violation>> {
    let mut next = 100;
    let mut new_value = || {
        next += 1;
        Uuid::from_u128(next)
    };
    draft.into_column(
        existing,
        &in_germany(),
        Uuid::from_u128(99),
        Timestamp(5),
        &mut new_value,
    )
}

fn changed(column: &Column, patch: &ColumnPatch) -> Result<ColumnChange, Vec<Violation>> {
    let existing: Vec<_> = ColumnType::ALL.into_iter().map(super::column).collect();
    patch.apply(column, &existing, &in_germany(), Timestamp(9), &mut || {
        Uuid::from_u128(7)
    })
}

fn draft(label: &str, column_type: ColumnType) -> ColumnDraft {
    ColumnDraft {
        entity: EntityType::Contact,
        label: label.to_owned(),
        column_type,
        options: OptionsDraft::default(),
    }
}

fn select(options: Vec<OptionDraft>) -> ColumnDraft {
    let options = OptionsDraft {
        options: Patch::Set(options),
        ..OptionsDraft::default()
    };
    ColumnDraft {
        options,
        ..draft("Stage", ColumnType::SingleSelect)
    }
}

fn labelled(label: &str) -> OptionDraft {
    OptionDraft {
        label: label.to_owned(),
        ..OptionDraft::default()
    }
}

fn places(problems: &[Violation]) -> Vec<(&str, &str)> {
    problems
        .iter()
        .map(|problem| (problem.pointer.as_str(), problem.code))
        .collect()
}

#[test]
fn defaults_are_filled_in() {
    let expected = [
        (ColumnType::Plain, json!({})),
        (ColumnType::Date, json!({"displayFormat": null})),
        (ColumnType::DateTime, json!({"displayFormat": null})),
        (ColumnType::Currency, json!({"currency": "EUR"})),
        (ColumnType::Link, json!({"allowMultiple": true})),
        (ColumnType::Email, json!({"allowMultiple": true})),
        (ColumnType::Phone, json!({"allowMultiple": true})),
    ];
    for (column_type, options) in expected {
        let column = made(draft("  Extra ", column_type), &[]).unwrap();
        assert_eq!(
            (column.label.as_str(), column.options.to_json()),
            ("Extra", options.clone())
        );
        assert_eq!(
            ColumnOptions::from_stored(column_type, &options),
            Ok(column.options)
        );
    }
}

#[test]
fn labels_are_one_line_and_unique_per_entity_type() {
    let existing = [column(ColumnType::Plain)];
    for (label, code) in [
        ("", "required"),
        ("  ", "required"),
        (&"x".repeat(101), "too_long"),
        ("two\nlines", "invalid"),
        ("bell\u{7}", "invalid"),
        ("PLAIN", "duplicate"),
        (" plain ", "duplicate"),
    ] {
        let problems = made(draft(label, ColumnType::Plain), &existing).unwrap_err();
        assert_eq!(places(&problems), [("/label", code)], "{label}");
    }
    assert!(made(draft(&"ä".repeat(100), ColumnType::Plain), &existing).is_ok());
    let elsewhere = ColumnDraft {
        entity: EntityType::Deal,
        ..draft("plain", ColumnType::Plain)
    };
    assert!(made(elsewhere, &existing).is_ok());
}

#[test]
fn options_of_other_types_are_refused_by_name() {
    let options = OptionsDraft {
        display_format: Patch::Set("short".to_owned()),
        currency: Patch::Set("USD".to_owned()),
        options: Patch::Null,
        allow_multiple: Patch::Set(true),
    };
    let problems = made(
        ColumnDraft {
            options,
            ..draft("Due", ColumnType::Date)
        },
        &[],
    )
    .unwrap_err();
    assert_eq!(
        places(&problems),
        [
            ("/options/currency", "not_applicable"),
            ("/options/allowMultiple", "not_applicable")
        ]
    );
    assert!(
        problems[0]
            .message
            .contains("a column of type date has no option `currency`")
    );
}

#[test]
fn unknown_currencies_are_refused() {
    let options = OptionsDraft {
        currency: Patch::Set("QQQ".to_owned()),
        ..OptionsDraft::default()
    };
    let problems = made(
        ColumnDraft {
            options,
            ..draft("Budget", ColumnType::Currency)
        },
        &[],
    )
    .unwrap_err();
    assert_eq!(
        places(&problems),
        [("/options/currency", "unknown_currency")]
    );
}

#[test]
fn option_values_are_made_where_they_are_not_given() {
    let given = OptionDraft {
        value: Some(" won ".to_owned()),
        index: Some(0),
        is_default: true,
        ..labelled(" Won ")
    };
    let column = made(
        select(vec![
            OptionDraft {
                index: Some(7),
                ..labelled("Lead")
            },
            given,
            labelled("Lost"),
        ]),
        &[],
    )
    .unwrap();
    let made = Uuid::from_u128(101).to_string();
    let lost = Uuid::from_u128(102).to_string();
    let held: Vec<_> = column
        .select_options()
        .iter()
        .map(|o| (o.value.as_str(), o.label.as_str(), o.index))
        .collect();
    assert_eq!(
        held,
        [
            ("won", "Won", 0),
            (lost.as_str(), "Lost", 2),
            (made.as_str(), "Lead", 7)
        ]
    );
    assert_eq!(
        column.default_value(),
        Some(CustomValue::Option("won".to_owned()))
    );
    let stored = column.options.to_json();
    assert_eq!(
        ColumnOptions::from_stored(ColumnType::SingleSelect, &stored),
        Ok(column.options)
    );
}

#[test]
fn option_lists_are_judged_as_a_whole() {
    assert_eq!(
        places(&made(draft("Stage", ColumnType::SingleSelect), &[]).unwrap_err()),
        [("/options/options", "options_count")]
    );
    assert_eq!(
        places(&made(select(vec![]), &[]).unwrap_err()),
        [("/options/options", "options_count")]
    );
    let many = |count: usize| select((0..count).map(|n| labelled(&n.to_string())).collect());
    assert!(made(many(500), &[]).is_ok());
    assert_eq!(
        places(&made(many(501), &[]).unwrap_err()),
        [("/options/options", "options_count")]
    );

    let default = |label: &str| OptionDraft {
        is_default: true,
        value: Some("v".to_owned()),
        ..labelled(label)
    };
    let problems = made(
        select(vec![
            default("A"),
            default("a"),
            labelled(""),
            labelled(&"x".repeat(101)),
        ]),
        &[],
    )
    .unwrap_err();
    assert_eq!(
        places(&problems),
        [
            ("/options/options/2/label", "required"),
            ("/options/options/3/label", "too_long"),
            ("/options/options/1/value", "duplicate"),
            ("/options/options/1/label", "duplicate"),
            ("/options/options/1/isDefault", "duplicate"),
        ]
    );
}

#[test]
fn an_empty_patch_changes_nothing() {
    for column_type in ColumnType::ALL {
        let column = column(column_type);
        let same = ColumnPatch {
            column_type: Some(column_type),
            entity: Some(column.entity),
            ..ColumnPatch::default()
        };
        for patch in [ColumnPatch::default(), same] {
            let change = changed(&column, &patch).unwrap();
            assert_eq!((change.column, change.removed), (column.clone(), vec![]));
        }
    }
}

#[test]
fn type_and_entity_are_fixed() {
    let patch = ColumnPatch {
        column_type: Some(ColumnType::Date),
        entity: Some(EntityType::Deal),
        label: Patch::Null,
        ..ColumnPatch::default()
    };
    let problems = changed(&column(ColumnType::Plain), &patch).unwrap_err();
    assert_eq!(
        places(&problems),
        [
            ("/type", "fixed"),
            ("/entityType", "fixed"),
            ("/label", "required")
        ]
    );
}

#[test]
fn a_column_may_keep_its_own_label_in_another_case() {
    let column = column(ColumnType::Plain);
    let patch = ColumnPatch {
        label: Patch::Set("PLAIN".to_owned()),
        ..ColumnPatch::default()
    };
    let change = changed(&column, &patch).unwrap();
    assert_eq!(
        (change.column.label.as_str(), change.column.updated_at),
        ("PLAIN", Timestamp(9))
    );
    let patch = ColumnPatch {
        label: Patch::Set("Email".to_owned()),
        ..ColumnPatch::default()
    };
    assert_eq!(
        places(&changed(&column, &patch).unwrap_err()),
        [("/label", "duplicate")]
    );
}

#[test]
fn removed_options_are_refused_replaced_or_cleared() {
    let column = column(ColumnType::SingleSelect);
    let patch = |replace_with| ColumnPatch {
        options: OptionsDraft {
            options: Patch::Set(vec![labelled("new LEAD"), labelled("Brand new")]),
            ..OptionsDraft::default()
        },
        replace_with,
        ..ColumnPatch::default()
    };
    let won = CustomValue::Option("won".to_owned());
    let kept = CustomValue::Option("lead".to_owned());

    let change = changed(&column, &patch(Patch::Absent)).unwrap();
    let removed: Vec<_> = change
        .removed
        .iter()
        .map(|option| option.value.as_str())
        .collect();
    assert_eq!(removed, ["won", "lost", "Won", "x1"]);
    assert_eq!(change.column.select_options()[0].value, "lead");
    assert!(change.permit(0, true).is_ok());
    assert_eq!(
        change.permit(1, true).unwrap_err().to_string(),
        "1 record holds the removed options \"Won\", \"Lost, sadly\", \"Re-opened\", \"lead\"; \
         give `replaceWith` with another option's value, or null to clear the value"
    );

    let untold = change.permit(7, false).unwrap_err().to_string();
    assert!(untold.starts_with("there are records that hold the removed options"));

    let change = changed(&column, &patch(Patch::Null)).unwrap();
    assert!(change.permit(5, true).is_ok());
    assert_eq!(
        (change.value_after(&won), change.value_after(&kept)),
        (None, Some(kept.clone()))
    );

    let change = changed(&column, &patch(Patch::Set("New lead".to_owned()))).unwrap();
    assert_eq!(change.replacement, Replacement::With("lead".to_owned()));
    assert_eq!(change.value_after(&won), Some(kept));

    let problems = changed(&column, &patch(Patch::Set("won".to_owned()))).unwrap_err();
    assert_eq!(places(&problems), [("/replaceWith", "unknown_option")]);
}

#[test]
fn foreign_stored_json_is_an_error() {
    let broken = json!({ "options": [{ "value": 1 }], "currency": "QQQ", "displayFormat": 1 });
    for column_type in ColumnType::ALL
        .into_iter()
        .filter(|column_type| *column_type != ColumnType::Plain)
    {
        assert_eq!(
            ColumnOptions::from_stored(column_type, &broken),
            Err(StoredValueError { column_type })
        );
    }
    for column_type in ColumnType::ALL {
        assert_eq!(
            CustomValue::from_stored(column_type, json!(17)),
            Err(StoredValueError { column_type })
        );
    }
    assert!(CustomValue::from_stored(ColumnType::Email, json!([1])).is_err());
    assert!(CustomValue::from_stored(ColumnType::Date, json!("yesterday")).is_err());
}
