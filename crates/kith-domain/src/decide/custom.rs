//! Values of custom columns: defaults of new records, and the merge by column.

use std::collections::HashMap;

use serde_json::Value;
use uuid::Uuid;

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
            // What the record holds stays acceptable, so that a fetched record can be sent back after its column was
            // narrowed.
            Err(_) if holds(stage, key, column.id, &input.value) => {}
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

fn holds(stage: &Stage<'_>, key: RecordKey, column: Uuid, input: &Value) -> bool {
    let held = stage.get(key).and_then(|record| record.custom.get(&column));
    held.is_some_and(|held| held.to_json() == *input)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use serde_json::{Value, json};
    use uuid::Uuid;

    use crate::columns::{Column, ColumnOptions, CustomValue, ParseContext, SelectOption};
    use crate::decide::{Change, Circumstances, Command, Decision, decide};
    use crate::diff::Moved;
    use crate::draft::{CustomInput, Draft};
    use crate::entity::EntityType;
    use crate::event::Happening;
    use crate::scope::Scope;
    use crate::time::Timestamp;
    use crate::violation::Refusal;
    use crate::working_set::WorkingSet;

    const STAGE: Uuid = Uuid::from_u128(1);
    const PHONE: Uuid = Uuid::from_u128(2);

    fn set() -> WorkingSet {
        let option = |value: &str, is_default: bool| SelectOption {
            value: value.to_owned(),
            label: value.to_uppercase(),
            color: None,
            index: 0,
            is_default,
        };
        let column = |id: Uuid, entity: EntityType, options: ColumnOptions| Column {
            id,
            entity,
            label: format!("Column {}", id.as_u128()),
            options,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        };
        let stages = vec![option("lead", true), option("won", false)];
        let columns = vec![
            column(
                STAGE,
                EntityType::Task,
                ColumnOptions::SingleSelect { options: stages },
            ),
            column(
                PHONE,
                EntityType::Task,
                ColumnOptions::Phone {
                    allow_multiple: true,
                },
            ),
            column(Uuid::from_u128(3), EntityType::Deal, ColumnOptions::Plain),
        ];
        let context = ParseContext {
            country: Some("DE".parse().unwrap()),
            ..ParseContext::default()
        };
        WorkingSet::new(Arc::new(columns)).in_context(context)
    }

    fn draft(values: &[(Uuid, Value)]) -> Draft {
        let mut draft = Draft::new(EntityType::Task).text("name", "Call");
        draft.custom = values
            .iter()
            .enumerate()
            .map(|(at, (column, value))| CustomInput {
                at,
                column: *column,
                value: value.clone(),
            })
            .collect();
        draft
    }

    fn run(set: &mut WorkingSet, command: &Command) -> Result<Decision, Refusal> {
        let next = std::cell::Cell::new(100);
        let new_id = || Uuid::from_u128(next.replace(next.get() + 1));
        decide(
            set,
            command,
            &Circumstances {
                scope: Scope::everything(Uuid::nil(), Uuid::from_u128(9)),
                now: Timestamp(5),
                new_id: &new_id,
            },
        )
    }

    fn create(set: &mut WorkingSet, values: &[(Uuid, Value)]) -> Result<Decision, Refusal> {
        run(
            set,
            &Command::Create {
                entity: EntityType::Task,
                drafts: vec![draft(values)],
                batch: false,
            },
        )
    }

    fn update(
        set: &mut WorkingSet,
        id: Uuid,
        values: &[(Uuid, Value)],
    ) -> Result<Decision, Refusal> {
        let change = Change {
            id,
            expected_version: None,
            draft: draft(values),
        };
        run(
            set,
            &Command::Update {
                entity: EntityType::Task,
                changes: vec![change],
                batch: false,
            },
        )
    }

    #[test]
    fn defaults_fill_new_records_unless_something_was_said() {
        let chosen = |value: &str| Some(CustomValue::Option(value.to_owned()));
        for (values, stored) in [
            (vec![], chosen("lead")),
            (vec![(STAGE, json!("WON"))], chosen("won")),
            (vec![(STAGE, json!(null))], None),
        ] {
            let decision = create(&mut set(), &values).unwrap();
            assert_eq!(decision.records[0].custom.get(&STAGE).cloned(), stored);
        }
    }

    #[test]
    fn values_merge_by_column_and_only_moves_are_told() {
        let mut set = set();
        let id = create(&mut set, &[(PHONE, json!("030 123456"))])
            .unwrap()
            .records[0]
            .id;

        let same = update(
            &mut set,
            id,
            &[(PHONE, json!(["+49 30 123456"])), (STAGE, json!("LEAD"))],
        )
        .unwrap();
        assert_eq!((same.events.len(), same.records[0].version), (0, 1));

        let moved = update(&mut set, id, &[(PHONE, json!(""))]).unwrap();
        assert_eq!(moved.records[0].custom.keys().collect::<Vec<_>>(), [&STAGE]);
        let Happening::Updated(changes) = &moved.events[0].happening else {
            unreachable!()
        };
        assert_eq!(changes.moved, [Moved::Custom(vec![PHONE])]);
    }

    #[test]
    fn a_fetched_record_can_be_sent_back_after_its_column_was_narrowed() {
        let mut set = set();
        let both = json!(["+4930123456", "+4930654321"]);
        let id = create(&mut set, &[(PHONE, both.clone())]).unwrap().records[0].id;
        let mut phone = set.columns()[1].clone();
        phone.options = ColumnOptions::Phone {
            allow_multiple: false,
        };
        set.put_column(phone);

        let same = update(&mut set, id, &[(PHONE, both)]).unwrap();
        assert_eq!((same.events.len(), same.records[0].version), (0, 1));
        let other = json!(["+4930654321", "+4930123456"]);
        assert!(update(&mut set, id, &[(PHONE, other)]).is_err());
    }

    #[test]
    fn every_problem_is_told_and_nothing_changes() {
        let mut set = set();
        let id = create(&mut set, &[]).unwrap().records[0].id;
        let foreign = Uuid::from_u128(3);
        let values = [
            (STAGE, json!("lost")),
            (foreign, json!("x")),
            (PHONE, json!("+4930123456")),
            (PHONE, json!(null)),
        ];
        let Err(Refusal::Invalid(problems)) = update(&mut set, id, &values) else {
            unreachable!()
        };
        let told: Vec<_> = problems
            .iter()
            .map(|problem| (problem.pointer.as_str(), problem.code))
            .collect();
        assert_eq!(
            told,
            [
                ("/customFieldValues/0/value", "invalid_value"),
                ("/customFieldValues/1/columnId", "unknown_column"),
                ("/customFieldValues/3/columnId", "duplicate"),
            ]
        );
        assert!(
            problems[0]
                .message
                .contains("\"lost\": no such option; accepted"),
            "{}",
            problems[0].message
        );
        assert_eq!(
            update(&mut set, id, &[]).unwrap().records[0].custom.len(),
            1
        );
    }
}
