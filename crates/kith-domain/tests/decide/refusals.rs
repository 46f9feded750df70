//! Every request that is refused: which problems, where, under which code.

mod fields;
mod links;

use kith_domain::decide::Command;
use kith_domain::draft::{CustomInput, Draft, NotesInput, Patch};
use kith_domain::entity::EntityType::{self, Contact, Deal, Organization, Service, Task};
use kith_domain::entity::FieldValue;
use kith_domain::record::RecordKey;
use kith_domain::violation::{Refusal, Violation};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::{Model, NOBODY, PLAIN, STAGE, USERS, columns, decimal, named};

/// A model, with shorthands to its records.
struct Setting {
    model: Model,
}

impl Setting {
    fn new() -> Self {
        Setting {
            model: Model::seeded(columns()),
        }
    }

    fn key(&self, entity: EntityType, nth: usize) -> RecordKey {
        let id = self.model.of(entity)[nth];
        RecordKey { entity, id }
    }

    fn id(&self, entity: EntityType, nth: usize) -> Uuid {
        self.key(entity, nth).id
    }

    /// Runs a command that must be refused and changes nothing; its problems by place and code.
    #[track_caller]
    fn refused(&mut self, command: &Command) -> Refusal {
        let before = self.model.records.clone();
        let refusal = self.model.run(command).expect_err("a refusal");
        assert_eq!(self.model.records, before);
        refusal
    }

    #[track_caller]
    fn expect(&mut self, command: &Command, expected: &[(&str, &str)]) {
        let refusal = self.refused(command);
        let all_absent = expected.iter().all(|(_, code)| *code == "not_found");
        let problems: &[Violation] = match &refusal {
            Refusal::NotFound(problems) if all_absent => problems,
            Refusal::Invalid(problems) if !all_absent => problems,
            other => panic!("{command:?}: {other}"),
        };
        let found: Vec<_> = problems
            .iter()
            .map(|p| (p.pointer.as_str(), p.code))
            .collect();
        assert_eq!(found, expected, "{refusal}");
        for problem in problems {
            assert!(problem.message.len() > 10, "{problem}");
        }
    }
}

fn create(draft: Draft) -> Command {
    Command::create(draft)
}

fn amount(text: &str) -> FieldValue {
    FieldValue::Decimal(decimal(text))
}

fn emails(addresses: &[&str]) -> FieldValue {
    FieldValue::Emails(addresses.iter().map(ToString::to_string).collect())
}

#[test]
fn batches() {
    let mut setting = Setting::new();
    let [a, b] = [setting.id(Contact, 0), setting.id(Contact, 1)];
    let rename = |name| Draft::new(Contact).text("firstName", name);
    let cases: Vec<(Command, &[(&str, &str)])> = vec![
        (
            Command::create_many(
                Contact,
                [
                    named(Contact, "Ada"),
                    Draft::new(Contact),
                    named(Contact, "\0"),
                ],
            ),
            &[
                ("/contacts/1/firstName", "required"),
                ("/contacts/2/firstName", "control_character"),
            ],
        ),
        (
            Command::update_many(
                Contact,
                [(a, rename("x")), (b, rename("y")), (a, rename("z"))],
            ),
            &[("/contacts/2/id", "duplicate")],
        ),
        (
            Command::update_many(Contact, [(a, rename("x")), (NOBODY, rename("y"))]),
            &[("/contacts/1/id", "not_found")],
        ),
        (
            Command::update_many(Contact, [(NOBODY, rename("x")), (a, rename(""))]),
            &[
                ("/contacts/0/id", "not_found"),
                ("/contacts/1/firstName", "required"),
            ],
        ),
        (
            Command::delete_many(Contact, [a, b, a]),
            &[("/ids/2", "duplicate")],
        ),
        (
            Command::delete_many(Contact, [NOBODY, a]),
            &[("/ids/0", "not_found")],
        ),
        (
            Command::update_many(Contact, [(a, Draft::new(Contact).text("x~/y", "z"))]),
            &[("/contacts/0/x~0~1y", "unknown_member")],
        ),
        // All problems at once, of every record.
        (
            Command::create_many(
                Contact,
                [
                    named(Contact, "").links("deals", [NOBODY]),
                    named(Contact, "").field("emails", emails(&["ada"])),
                ],
            ),
            &[
                ("/contacts/0/firstName", "required"),
                ("/contacts/0/dealIds/0", "not_found"),
                ("/contacts/1/firstName", "required"),
                ("/contacts/1/emails/0", "invalid_email"),
            ],
        ),
    ];
    for (command, expected) in cases {
        setting.expect(&command, expected);
    }
    let foreign = Command::update_many(Contact, [(a, named(Organization, "Ada"))]);
    setting.expect(&foreign, &[("/contacts/0", "wrong_type")]);
}

#[test]
fn single_records_that_are_not_there() {
    let mut setting = Setting::new();
    for entity in EntityType::ALL {
        let key = RecordKey { entity, id: NOBODY };
        setting.expect(&Command::delete(key), &[("", "not_found")]);
        setting.expect(&Command::notes(key, "x"), &[("", "not_found")]);
        let update = Command::update(NOBODY, Draft::new(entity));
        setting.expect(&update, &[("/id", "not_found")]);
    }
}

#[test]
fn versions() {
    let mut setting = Setting::new();
    let key = setting.key(Task, 0);
    let rename = Command::update(key.id, Draft::new(Task).text("name", "new"));
    for command in [
        rename.clone(),
        Command::delete(key),
        Command::notes(key, "new"),
        Command::link(key, "users", [USERS[0]]).unwrap(),
    ] {
        for expected in [0, 2, i64::MAX] {
            let refusal = setting.refused(&command.clone().expecting(expected));
            assert_eq!(
                refusal,
                Refusal::VersionMismatch {
                    expected,
                    actual: 1
                }
            );
        }
    }
    setting.model.run(&rename.expecting(1)).unwrap();
}

#[test]
fn notes() {
    let mut setting = Setting::new();
    let documents = [
        json!({"type": "doc", "content": [{"type": "video"}]}),
        json!({"type": "paragraph"}),
        json!([]),
        json!({}),
    ];
    let key = setting.key(Contact, 0);
    for document in documents {
        let mut draft = named(Contact, "Ada");
        draft.notes = Patch::Set(NotesInput::Document(document.clone()));
        setting.expect(&create(draft), &[("/notes", "invalid_notes")]);
        let Command::Notes(mut change) = Command::notes(key, "") else {
            continue;
        };
        change.notes = Some(NotesInput::Document(document));
        for append in [false, true] {
            change.append = append;
            setting.expect(
                &Command::Notes(change.clone()),
                &[("/notes", "invalid_notes")],
            );
        }
    }
    for markdown in [
        "a\0b".to_owned(),
        "a".repeat(65_536),
        "> ".repeat(500) + "deep",
    ] {
        let draft = named(Contact, "Ada").markdown(&markdown);
        setting.expect(&create(draft), &[("/notes", "invalid_notes")]);
        setting.expect(
            &Command::notes(key, &markdown),
            &[("/notes", "invalid_notes")],
        );
    }
}

#[test]
fn custom_values() {
    let mut setting = Setting::new();
    let with = |values: &[(Uuid, Value)]| {
        let mut draft = named(Deal, "deal");
        let inputs = values.iter().cloned().enumerate();
        draft.custom = inputs
            .map(|(at, (column, value))| CustomInput { at, column, value })
            .collect();
        draft
    };
    let won = || json!("won");
    let cases: Vec<(Draft, &[(&str, &str)])> = vec![
        (
            with(&[(NOBODY, won())]),
            &[("/customFieldValues/0/columnId", "unknown_column")],
        ),
        // A column of another type.
        (
            with(&[(PLAIN, won())]),
            &[("/customFieldValues/0/columnId", "unknown_column")],
        ),
        (
            with(&[(STAGE, won()), (STAGE, won())]),
            &[("/customFieldValues/1/columnId", "duplicate")],
        ),
        (
            with(&[(STAGE, json!("lost"))]),
            &[("/customFieldValues/0/value", "invalid_value")],
        ),
        (
            with(&[(STAGE, json!(1))]),
            &[("/customFieldValues/0/value", "invalid_value")],
        ),
    ];
    for (draft, expected) in cases {
        setting.expect(&create(draft), expected);
    }
    let refusal = setting
        .refused(&create(with(&[(STAGE, json!("lost"))])))
        .to_string();
    for part in ["Stage", "lost", "WON"] {
        assert!(
            refusal.contains(part),
            "the label, what came, what is accepted: {refusal}"
        );
    }
}

#[test]
fn totals_beyond_the_range() {
    let mut setting = Setting::new();
    let [service, other] = [setting.id(Service, 0), setting.id(Service, 1)];
    let deal = setting.id(Deal, 0);
    let dear = Draft::new(Service).field("amount", amount("99999999999.9999"));
    setting
        .model
        .run(&Command::update(service, dear.clone()))
        .unwrap();
    let lines = |quantity| {
        Draft::new(Deal).lines(
            "services",
            [(service, decimal(quantity)), (other, Decimal::ONE)],
        )
    };
    setting.expect(
        &Command::update(deal, lines("9000.0001")),
        &[("", "out_of_range")],
    );
    setting.expect(
        &Command::update(deal, lines("99999999999.9999")),
        &[("", "out_of_range")],
    );
    setting
        .model
        .run(&Command::update(deal, lines("8999")))
        .unwrap();
    // Repriced, the other line would carry the deal over the limit of 9 × 10^14; the service itself is fine.
    let lines = Draft::new(Deal).lines(
        "services",
        [(service, decimal("8999")), (other, Decimal::TWO)],
    );
    setting.model.run(&Command::update(deal, lines)).unwrap();
    setting.expect(
        &Command::update(other, dear.clone()),
        &[("", "out_of_range")],
    );
    setting
        .model
        .run(&Command::update(other, dear.links("deals", [])))
        .unwrap();
}
