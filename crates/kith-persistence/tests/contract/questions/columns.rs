//! Custom columns through the writer: values, options that go, deletion, other processes.

use std::sync::Arc;

use kith_domain::columns::{ColumnPatch, ColumnType, CustomValue, OptionsDraft};
use kith_domain::decide::{ColumnCommand, Command};
use kith_domain::draft::{CustomInput, Draft, Patch};
use kith_domain::entity::EntityType::Contact;
use kith_domain::violation::Refusal;
use uuid::Uuid;

use super::world::{Task, World, draft_of, option};
use crate::support::{Database, runtime};

pub(super) fn on_each(test: impl AsyncFn(&Database)) {
    for database in [Database::sqlite(), Database::postgres()]
        .into_iter()
        .flatten()
    {
        runtime().block_on(test(&database));
    }
}

pub(super) fn contact(column: Uuid, value: &str) -> Draft {
    let mut draft = Draft::new(Contact).text("firstName", "Ada");
    draft.custom.push(CustomInput {
        at: 0,
        column,
        value: value.into(),
    });
    draft
}

fn options(values: &[&str], replace_with: Patch<String>) -> ColumnPatch {
    let options = values.iter().map(|value| option(value, value)).collect();
    ColumnPatch {
        options: OptionsDraft {
            options: Patch::Set(options),
            ..OptionsDraft::default()
        },
        replace_with,
        ..ColumnPatch::default()
    }
}

#[test]
fn an_option_in_use_goes_only_with_a_replacement() {
    on_each(async |database| {
        let world = World::new(database, 5_000).await;
        let column = world
            .column(draft_of(Contact, "Stage", ColumnType::SingleSelect))
            .await;
        // More than one transaction replaces.
        for _ in 0..3 {
            let drafts = (0..400).map(|_| contact(column.id, "Won"));
            world.records(Command::create_many(Contact, drafts)).await;
        }
        let other = world.create(contact(column.id, "lost")).await;
        let update = |patch| {
            Task::Columns(ColumnCommand::Update {
                id: column.id,
                patch,
            })
        };
        let kept = ["new", "lost", "Später"];
        let refused = world.run(update(options(&kept, Patch::Absent))).await;
        match refused.unwrap_err() {
            Refusal::Conflict(problem) => assert!(problem.message.starts_with("1200 records")),
            other => panic!("{other}"),
        }
        let mut rounds = 0;
        let mut events = 0;
        loop {
            rounds += 1;
            let patch = options(
                &["new", "fresh", "lost", "Später"],
                Patch::Set("fresh".into()),
            );
            let (_, decision, emitted) = world.run(update(patch)).await.unwrap();
            events += emitted.len();
            if decision.unwrap().is_done {
                break;
            }
        }
        assert_eq!((rounds, events), (3, 1200));
        assert_eq!(world.columns().await[0].select_options().len(), 4);
        let refused = world.run(update(options(&kept, Patch::Absent))).await;
        assert!(matches!(refused.unwrap_err(), Refusal::Conflict(_)));
        let unchanged = world.get(other.key()).await.unwrap();
        assert_eq!(*unchanged, *other);
        world.store.close().await;
    });
}

#[test]
fn a_column_that_goes_takes_its_values_along() {
    on_each(async |database| {
        let world = World::new(database, 5_000).await;
        let text = world
            .column(draft_of(Contact, "Text", ColumnType::Plain))
            .await;
        let mails = world
            .column(draft_of(Contact, "Mails", ColumnType::Email))
            .await;
        let mut draft = contact(text.id, "ÄÖÜ \"x\"");
        draft.custom.push(CustomInput {
            at: 1,
            column: mails.id,
            value: "b@example.com, a@example.com".into(),
        });
        let record = world.create(draft).await;
        assert_eq!(*world.get(record.key()).await.unwrap(), *record);
        for id in [text.id, mails.id] {
            world
                .run(Task::Columns(ColumnCommand::Delete { id }))
                .await
                .unwrap();
        }
        let left = world.get(record.key()).await.unwrap();
        assert!(left.custom.is_empty());
        assert_eq!(
            (left.version, left.updated_at),
            (record.version, record.updated_at)
        );
        assert!(world.columns().await.is_empty());
        let refused = world
            .run(Task::Records(Command::create(contact(text.id, "x"))))
            .await;
        assert!(matches!(refused.unwrap_err(), Refusal::Invalid(_)));
        world.store.close().await;
    });
}

#[test]
fn labels_are_unique_also_at_the_same_time_and_on_several_servers() {
    on_each(async |database| {
        let world = Arc::new(World::new(database, 5_000).await);
        let peer = World::peer(database, &world).await;
        let mut tasks = Vec::new();
        for at in 0..20 {
            let here = if at % 2 == 0 {
                Arc::clone(&world)
            } else {
                Arc::clone(&peer)
            };
            tasks.push(tokio::spawn(async move {
                let draft = draft_of(Contact, &format!("Label {}", at / 4), ColumnType::Date);
                here.run(Task::Columns(ColumnCommand::Create(draft)))
                    .await
                    .is_ok()
            }));
        }
        let mut made = 0;
        for task in tasks {
            made += usize::from(task.await.unwrap());
        }
        assert_eq!(made, 5);
        assert_eq!(world.columns().await.len(), 5);
        assert_eq!(world.columns().await, peer.columns().await);
        let column = world.columns().await[0].id;
        let record = peer.create(contact(column, "2026-04-22")).await;
        let read = world.get(record.key()).await.unwrap();
        assert!(matches!(read.custom[&column], CustomValue::Date(_)));
        peer.store.close().await;
        world.store.close().await;
    });
}

#[test]
fn a_default_option_fills_new_records() {
    on_each(async |database| {
        let world = World::new(database, 5_000).await;
        let mut draft = draft_of(Contact, "Stage", ColumnType::SingleSelect);
        if let Patch::Set(options) = &mut draft.options.options {
            options[1].is_default = true;
        }
        let column = world.column(draft).await;
        let record = world
            .create(Draft::new(Contact).text("firstName", "Ada"))
            .await;
        let read = world.get(record.key()).await.unwrap();
        assert_eq!(
            read.custom[&column.id],
            CustomValue::Option("Won".to_owned())
        );
        world.store.close().await;
    });
}
