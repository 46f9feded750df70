//! Custom columns and the values that records hold in them.

use serde_json::{Value, json};
use uuid::Uuid;

use super::together::together;
use super::unit::Task;
use super::world::{World, named};
use crate::columns::{
    Column, ColumnDraft, ColumnPatch, ColumnType, CustomValue, OptionDraft, OptionsDraft,
};
use crate::decide::{ColumnCommand, Command, MAX_REPLACED};
use crate::draft::{CustomInput, Draft, Patch};
use crate::entity::EntityType;
use crate::violation::{Refusal, Violation};

fn column(entity: EntityType, column_type: ColumnType, label: &str) -> ColumnDraft {
    ColumnDraft {
        entity,
        label: label.to_owned(),
        column_type,
        options: OptionsDraft {
            options: match column_type {
                ColumnType::SingleSelect => options(&["open", "won", "lost"]),
                _ => Patch::Absent,
            },
            ..OptionsDraft::default()
        },
    }
}

/// Options of which the first is the default.
fn options(values: &[&str]) -> Patch<Vec<OptionDraft>> {
    let option = |(at, value): (usize, &&str)| OptionDraft {
        value: Some((*value).to_owned()),
        label: format!("{value} 😀"),
        color: (at == 1).then(|| "#ff8800".to_owned()),
        index: None,
        is_default: at == 0,
    };
    Patch::Set(values.iter().enumerate().map(option).collect())
}

fn with(mut draft: Draft, values: impl IntoIterator<Item = (Uuid, Value)>) -> Draft {
    let values = values.into_iter().enumerate();
    draft.custom = values
        .map(|(at, (column, value))| CustomInput { at, column, value })
        .collect();
    draft
}

fn held(value: &str) -> Option<CustomValue> {
    Some(CustomValue::Option(value.to_owned()))
}

pub(super) async fn columns_belong_to_a_company(world: &World) {
    let elsewhere = world.elsewhere();
    let mut made = Vec::new();
    for entity in [EntityType::Contact, EntityType::Task] {
        for column_type in ColumnType::ALL {
            let mut draft = column(entity, column_type, &format!("{} é😀", column_type.name()));
            if matches!(column_type, ColumnType::Date | ColumnType::DateTime) {
                draft.options.display_format = Patch::Set("dd.MM.yyyy".to_owned());
            }
            if column_type == ColumnType::Currency {
                draft.options.currency = Patch::Set("JPY".to_owned());
            }
            if column_type.is_list() {
                draft.options.allow_multiple = Patch::Set(entity == EntityType::Task);
            }
            made.push(world.column(draft).await);
        }
    }
    assert_eq!(*world.schema().await.columns, made, "oldest first");
    assert!(elsewhere.schema().await.columns.is_empty());

    let id = made[0].id;
    let rename = |label: &str| ColumnPatch {
        label: Patch::Set(label.to_owned()),
        ..ColumnPatch::default()
    };
    for command in [
        ColumnCommand::Delete { id },
        ColumnCommand::Update {
            id,
            patch: rename("theirs"),
        },
    ] {
        let refusal = elsewhere.perform(Task::Column(command)).await.unwrap_err();
        assert!(matches!(refusal, Refusal::NotFound(_)), "{refusal}");
    }
    let foreign = with(named(EntityType::Contact, "theirs"), [(id, json!("x"))]);
    assert!(elsewhere.try_run(Command::create(foreign)).await.is_err());
    assert_eq!(*world.schema().await.columns, made);

    let again = column(EntityType::Contact, ColumnType::Plain, "PLAIN É😀");
    let refusal = world
        .try_column(ColumnCommand::Create(again))
        .await
        .unwrap_err();
    assert!(
        matches!(refusal, Refusal::Invalid(_)),
        "labels are unique: {refusal}"
    );
    let patch = rename("renamed");
    let (renamed, _) = world
        .try_column(ColumnCommand::Update { id, patch })
        .await
        .unwrap();
    world
        .try_column(ColumnCommand::Delete { id: made[1].id })
        .await
        .unwrap();
    made[0] = renamed;
    made.remove(1);
    assert_eq!(*world.schema().await.columns, made);
    assert!(world.log().await.is_empty(), "columns are no records");
}

/// A value of every type, and another one.
fn samples(column_type: ColumnType) -> [Value; 2] {
    match column_type {
        ColumnType::Plain => [json!("Zoë 😀 \"q\" \\ %_\n'x'"), json!("é".repeat(10_000))],
        ColumnType::Date => [json!("2024-02-29"), json!("1583-01-01")],
        ColumnType::DateTime => [
            json!("2026-04-22T12:00:00.123+02:00"),
            json!("1969-12-31T23:59:59.999Z"),
        ],
        ColumnType::Currency => [json!("-99999999999.9999 USD"), json!(0)],
        ColumnType::SingleSelect => [json!("won"), json!("LOST 😀")],
        ColumnType::Link => [
            json!(["https://example.com/é?a=1", "http://b.example"]),
            json!("https://c.example"),
        ],
        ColumnType::Email => [
            json!("b@example.com, a@example.com"),
            json!(["c@example.com"]),
        ],
        ColumnType::Phone => [json!(["+4930123456", "+14155550132"]), json!("+4930123456")],
    }
}

pub(super) async fn custom_values_read_back(world: &World) {
    for entity in EntityType::ALL {
        let mut columns = Vec::new();
        for column_type in ColumnType::ALL {
            columns.push(
                world
                    .column(column(entity, column_type, column_type.name()))
                    .await,
            );
        }
        let values = |index: usize| {
            let value =
                move |column: &Column| (column.id, samples(column.column_type())[index].clone());
            columns.iter().map(value).collect::<Vec<_>>()
        };
        let first = world.create(with(named(entity, "first"), values(0))).await;
        assert_eq!(first.custom.len(), 8);
        assert_eq!(world.get(first.key()).await, first, "{entity}");
        world
            .run(Command::update(
                first.id,
                with(Draft::new(entity), values(1)),
            ))
            .await;
        let second = world.get(first.key()).await;
        let moved = |id| second.custom.get(&id) != first.custom.get(&id);
        assert!(columns.iter().all(|column| moved(column.id)));
        let again = world
            .run(Command::update(
                first.id,
                with(Draft::new(entity), values(1)),
            ))
            .await;
        assert!(again.events.is_empty());

        let select = columns[4].id;
        let plain = world.named(entity, "without values").await;
        assert_eq!(
            plain.custom.get(&select),
            held("open").as_ref(),
            "the default option"
        );
        let cleared = columns.iter().map(|column| (column.id, Value::Null));
        world
            .run(Command::update(first.id, with(Draft::new(entity), cleared)))
            .await;
        let cleared = world.get(first.key()).await;
        assert_eq!((cleared.custom.len(), cleared.version), (0, 3));
    }
}

pub(super) async fn more_columns_than_slots_hold_values(world: &World) {
    let mut columns = Vec::new();
    for n in 0..60 {
        let column_type = if n % 2 == 0 {
            ColumnType::Plain
        } else {
            ColumnType::Date
        };
        columns.push(
            world
                .column(column(EntityType::Deal, column_type, &n.to_string()))
                .await
                .id,
        );
    }
    let value = |n: usize| {
        if n.is_multiple_of(2) {
            json!(format!("text {n}"))
        } else {
            json!("2026-11-21")
        }
    };
    let values = columns.iter().enumerate().map(|(n, id)| (*id, value(n)));
    let deal = world
        .create(with(named(EntityType::Deal, "deal"), values))
        .await;
    assert_eq!(deal.custom.len(), 60);
    assert_eq!(world.get(deal.key()).await, deal);
    let one = with(
        Draft::new(EntityType::Deal),
        [(columns[58], json!("changed"))],
    );
    world.run(Command::update(deal.id, one)).await;
    assert_eq!(
        world.get(deal.key()).await.custom[&columns[58]],
        CustomValue::Text("changed".to_owned())
    );
}

pub(super) async fn a_deleted_column_takes_its_values_along(world: &World) {
    let plain = |label: &str| column(EntityType::Contact, ColumnType::Plain, label);
    let kept = world.column(plain("kept")).await.id;
    let gone = world.column(plain("gone")).await.id;
    let values = [(gone, json!("b")), (kept, json!("a"))];
    let contact = world
        .create(with(named(EntityType::Contact, "contact"), values))
        .await;
    let lonely = with(named(EntityType::Contact, "lonely"), [(gone, json!("b"))]);
    let lonely = world.create(lonely).await;

    world
        .try_column(ColumnCommand::Delete { id: gone })
        .await
        .unwrap();
    for (record, left) in [(&contact, 1), (&lonely, 0)] {
        let now = world.get(record.key()).await;
        assert_eq!(now.custom.len(), left);
        assert_eq!(now.version, 1, "that is no change of the record");
    }
    assert_eq!(world.log().await.len(), 2);
    // A new column may get the place of the old one, but not its values.
    let next = world.column(plain("gone")).await.id;
    assert_eq!(world.get(lonely.key()).await.custom.len(), 0);
    let set = with(Draft::new(EntityType::Contact), [(next, json!("c"))]);
    world.run(Command::update(contact.id, set)).await;
    assert_eq!(world.get(contact.key()).await.custom.len(), 2);
    let stale = with(Draft::new(EntityType::Contact), [(gone, json!("d"))]);
    assert!(
        world
            .try_run(Command::update(contact.id, stale))
            .await
            .is_err()
    );
}

pub(super) async fn options_in_use_are_kept_or_replaced(world: &World) {
    let entity = EntityType::Organization;
    let stage = world
        .column(column(entity, ColumnType::SingleSelect, "stage"))
        .await;
    let count = MAX_REPLACED + 50;
    let drafts = (0..count).map(|n| {
        let value = if n % 2 == 0 { "open" } else { "won" };
        with(named(entity, &n.to_string()), [(stage.id, json!(value))])
    });
    let records: Vec<_> = drafts.collect();
    let mut made = Vec::new();
    for drafts in records.chunks(1000) {
        made.extend(
            world
                .run(Command::create_many(entity, drafts.to_vec()))
                .await
                .records,
        );
    }
    let keep = |values: &[&str], replace_with| ColumnCommand::Update {
        id: stage.id,
        patch: ColumnPatch {
            options: OptionsDraft {
                options: options(values),
                ..OptionsDraft::default()
            },
            replace_with,
            ..ColumnPatch::default()
        },
    };
    let refusal = world
        .try_column(keep(&["won", "lost"], Patch::Absent))
        .await
        .unwrap_err();
    let Refusal::Conflict(problem) = refusal else {
        panic!("{refusal}");
    };
    assert!(
        problem.message.contains(&(count / 2).to_string()),
        "it says how many: {problem}"
    );
    assert_eq!(*world.schema().await.columns, vec![stage.clone()]);
    world
        .try_column(keep(&["open", "won"], Patch::Absent))
        .await
        .unwrap();

    let (_, rounds) = world
        .try_column(keep(&["won"], Patch::Set("won".to_owned())))
        .await
        .unwrap();
    assert_eq!(rounds, 1);
    for (n, record) in made.iter().enumerate() {
        let now = world.get(record.key()).await;
        assert_eq!(now.custom.get(&stage.id), held("won").as_ref());
        assert_eq!(now.version, if n % 2 == 0 { 2 } else { 1 });
    }
    let (column, rounds) = world.try_column(keep(&["new"], Patch::Null)).await.unwrap();
    assert_eq!(rounds, 2, "more than one transaction replaces");
    assert_eq!(*world.schema().await.columns, vec![column]);
    for record in &made {
        assert!(world.get(record.key()).await.custom.is_empty());
    }
}

pub(super) async fn columns_change_while_records_are_written(world: &World) {
    let entity = EntityType::Task;
    let stage = world
        .column(column(entity, ColumnType::SingleSelect, "stage"))
        .await
        .id;
    let plain = world
        .column(column(entity, ColumnType::Plain, "plain"))
        .await
        .id;
    let drafts = (0..20).map(|n| with(named(entity, &n.to_string()), [(plain, json!("old"))]));
    let tasks = world
        .run(Command::create_many(entity, drafts))
        .await
        .records;
    let units = tasks.iter().enumerate().flat_map(|(n, task)| {
        let set = |column, value| {
            Command::update(task.id, with(Draft::new(entity), [(column, json!(value))]))
        };
        let column = match n {
            5 => Some(ColumnCommand::Create(column(
                entity,
                ColumnType::Date,
                "date",
            ))),
            10 => Some(ColumnCommand::Delete { id: plain }),
            15 => Some(ColumnCommand::Update {
                id: stage,
                patch: ColumnPatch {
                    options: OptionsDraft {
                        options: options(&["won"]),
                        ..OptionsDraft::default()
                    },
                    replace_with: Patch::Set("won".to_owned()),
                    ..ColumnPatch::default()
                },
            }),
            _ => None,
        };
        let records = [Task::Run(set(plain, "new")), Task::Run(set(stage, "lost"))];
        column.map(Task::Column).into_iter().chain(records)
    });
    world.drops(plain);
    let ran = together(units.map(|unit| async move {
        let of_record = matches!(unit, Task::Run(_));
        (of_record, world.perform(unit).await)
    }))
    .await;
    for (of_record, outcome) in ran {
        let Err(refusal) = outcome else { continue };
        assert!(of_record, "no change of a column is refused: {refusal}");
        let Refusal::Invalid(violations) = refusal else {
            panic!("{refusal}")
        };
        let gone = |problem: &Violation| match problem.code {
            "unknown_column" => problem.message.contains(&plain.to_string()),
            "invalid_value" => problem.message.contains("lost"),
            _ => false,
        };
        assert!(
            violations.iter().all(gone),
            "only what names a column or an option that is gone: {violations:?}"
        );
    }
    // The change of the options may have had to be put off; asked again, it is done.
    let schema = world.schema().await;
    assert_eq!(schema.columns.len(), 2);
    let stages = schema
        .columns
        .iter()
        .find(|column| column.id == stage)
        .unwrap();
    for task in &tasks {
        let task = world.get(task.key()).await;
        assert!(
            !task.custom.contains_key(&plain),
            "no value of a column that is gone"
        );
        if let Some(CustomValue::Option(held)) = task.custom.get(&stage) {
            assert!(stages.option(held).is_some(), "no option that is gone");
        }
    }
}
