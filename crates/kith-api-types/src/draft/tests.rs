//! Readers of request bodies, on good and bad bodies.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use kith_domain::draft::Patch;
use kith_domain::entity::EntityType::{Contact, Deal, Service};
use kith_domain::notes::Notes;
use kith_domain::record::{LinkSet, Record};
use kith_domain::time::Timestamp;

use super::*;
use crate::record::{NotesFormat, RecordJson};

const ID: &str = "0198c5f2-7a3e-7c14-9d52-3b8e6f1a2c44";

fn draft(entity: EntityType, body: &str) -> Draft {
    match create(entity, body.as_bytes()).unwrap() {
        Command::Create { mut drafts, .. } => drafts.remove(0),
        other => panic!("{other:?}"),
    }
}

fn found(problems: &[Violation]) -> Vec<(&str, &str)> {
    problems
        .iter()
        .map(|problem| (problem.pointer.as_str(), problem.code))
        .collect()
}

fn refused(read: Result<Command, ReadError>) -> Vec<Violation> {
    match read.unwrap_err() {
        ReadError::Invalid(problems) => problems,
        ReadError::NotJson(reason) => panic!("{reason}"),
    }
}

#[test]
fn every_problem_of_a_record_is_told_at_once() {
    let draft = draft(
        Contact,
        r#"{"firstName": 1, "lastName": null, "emails": ["a@example.com", 2], "organizationIds": ["x", true],
            "dealIds": {}, "notes": [], "firstname": "Ada", "colour": "red", "lastName": "L",
            "customFieldValues": [{"columnId": "x", "value": 1}, {"column": 1}], "\ud83d\ude00": 1}"#,
    );
    assert_eq!(
        found(&draft.problems),
        [
            ("/firstName", "wrong_type"),
            ("/emails/1", "wrong_type"),
            ("/organizationIds/0", "invalid_id"),
            ("/organizationIds/1", "wrong_type"),
            ("/dealIds", "wrong_type"),
            ("/notes", "wrong_type"),
            ("/firstname", "unknown_member"),
            ("/colour", "unknown_member"),
            ("/lastName", "duplicate"),
            ("/customFieldValues/0/columnId", "invalid_id"),
            ("/customFieldValues/1/column", "unknown_member"),
            ("/customFieldValues/1/columnId", "required"),
            ("/customFieldValues/1/value", "required"),
            ("/😀", "unknown_member"),
        ]
    );
    assert!(
        draft.problems[6]
            .message
            .contains("did you mean `firstName`?")
    );
    assert!(
        draft.problems[7]
            .message
            .contains("accepted are firstName, lastName, emails")
    );
    assert_eq!(draft.fields[0], Patch::Unreadable);
    assert_eq!(draft.fields[1], Patch::Null);
}

#[test]
fn numbers_keep_every_digit() {
    for (text, expected) in [
        ("99999999999.9999", Some("99999999999.9999")),
        ("0.1", Some("0.1")),
        ("1e3", Some("1000")),
        ("-2.50", Some("-2.5")),
        ("1E400", None),
        ("123456789012345678901234567890123", None),
        ("0.00000000000000000000000000000000001", None),
    ] {
        let draft = draft(Service, &format!(r#"{{"name": "x", "amount": {text}}}"#));
        let read = match &draft.fields[1] {
            Patch::Set(value) => Some(value.as_decimal().normalize().to_string()),
            _ => None,
        };
        assert_eq!(read.as_deref(), expected, "{text}");
        assert_eq!(draft.problems.len(), usize::from(expected.is_none()));
    }
}

#[test]
fn services_of_a_deal_have_quantities() {
    let draft = draft(
        Deal,
        &format!(
            r#"{{"services": [{{"serviceId": "{ID}"}}, {{"serviceId": "{ID}", "quantity": 2.5}},
                {{"quantity": 1}}, {{"serviceId": "{ID}", "quantity": "2", "price": 3}}, "{ID}"]}}"#
        ),
    );
    let Patch::Set(items) = &draft.links[2] else {
        panic!("{draft:?}")
    };
    let quantities: Vec<_> = items
        .iter()
        .map(|item| (item.at, item.quantity.unwrap().to_string()))
        .collect();
    assert_eq!(quantities, [(0, "1".to_owned()), (1, "2.5".to_owned())]);
    assert_eq!(
        found(&draft.problems),
        [
            ("/services/2/serviceId", "required"),
            ("/services/3/price", "unknown_member"),
            ("/services/3/quantity", "wrong_type"),
            ("/services/4", "wrong_type"),
        ]
    );
}

#[test]
fn batches_have_1_to_1000_records() {
    let problems = refused(create_many(Contact, br#"{"contacts": []}"#));
    assert_eq!(found(&problems), [("/contacts", "required")]);
    let many = format!(r#"{{"contacts": [{}{{}}]}}"#, "{},".repeat(1_000));
    assert_eq!(
        found(&refused(create_many(Contact, many.as_bytes()))),
        [("/contacts", "too_many")]
    );
    let problems = refused(create_many(Contact, br#"{"deals": [{}], "contact": 1}"#));
    let expected = [
        ("/deals", "unknown_member"),
        ("/contact", "unknown_member"),
        ("/contacts", "required"),
    ];
    assert_eq!(found(&problems), expected);
    let problems = refused(create_many(Contact, br#"{"contacts": {}}"#));
    assert_eq!(found(&problems), [("/contacts", "wrong_type")]);
    let problems = refused(create_many(Contact, b"[]"));
    assert_eq!(found(&problems), [("", "wrong_type")]);
    let problems = refused(create_many(
        Contact,
        br#"{"contacts": [3, {"firstName": 4}]}"#,
    ));
    assert_eq!(
        found(&problems),
        [
            ("/contacts/0", "wrong_type"),
            ("/contacts/1/firstName", "wrong_type")
        ]
    );
}

#[test]
fn changes_of_many_need_ids() {
    let body = format!(
        r#"{{"contacts": [{{"id": "{ID}", "firstName": "Ada"}}, {{}}, {{"id": 3}}, {{"id": "{ID}", "x": 1}}]}}"#
    );
    let problems = refused(update_many(Contact, body.as_bytes()));
    assert_eq!(
        found(&problems),
        [
            ("/contacts/1/id", "required"),
            ("/contacts/2/id", "wrong_type"),
            ("/contacts/3/x", "unknown_member")
        ]
    );
}

#[test]
fn deletions_list_ids() {
    let problems = refused(delete_many(Contact, br#"{"ids": ["x", 1]}"#));
    assert_eq!(
        found(&problems),
        [("/ids/0", "invalid_id"), ("/ids/1", "wrong_type")]
    );
    let Command::Delete { ids, batch, .. } =
        delete_many(Contact, format!(r#"{{"ids": ["{ID}"]}}"#).as_bytes()).unwrap()
    else {
        panic!()
    };
    assert_eq!((ids, batch), (vec![ID.parse().unwrap()], true));
}

#[test]
fn links_take_ids_or_quantities_and_not_both() {
    let key = RecordKey {
        entity: Deal,
        id: Uuid::nil(),
    };
    let read = |body: String| link(key, 2, LinkMode::Link, None, body.as_bytes());
    let Command::Link(change) = read(format!(r#"{{"ids": ["{ID}"]}}"#)).unwrap() else {
        panic!()
    };
    assert_eq!((change.member, change.items[0].quantity), ("ids", None));
    let Command::Link(change) =
        read(format!(r#"{{"services": [{{"serviceId": "{ID}"}}]}}"#)).unwrap()
    else {
        panic!()
    };
    assert_eq!(
        (change.member, change.items[0].quantity),
        ("services", None)
    );
    assert_eq!(
        found(&refused(read(r#"{"ids": [], "services": []}"#.to_owned()))),
        [("/services", "duplicate")]
    );
    assert_eq!(
        found(&refused(read("{}".to_owned()))),
        [("/ids", "required")]
    );
    let Command::Link(change) = read(r#"{"ids": []}"#.to_owned()).unwrap() else {
        panic!()
    };
    assert_eq!(found(&change.problems), [("/ids", "required")]);
}

#[test]
fn notes_come_as_text_as_document_or_as_null() {
    let key = RecordKey {
        entity: Deal,
        id: Uuid::nil(),
    };
    for (body, append, fine) in [
        (r#"{"notes": "a"}"#, false, true),
        (r#"{"notes": {"type": "doc"}}"#, true, true),
        (r#"{"notes": null}"#, false, true),
        (r#"{"notes": null}"#, true, false),
        (r#"{"notes": 3}"#, false, false),
        (r#"{"note": "a"}"#, false, false),
        (r#"{"notes": "\ud800"}"#, false, false),
        ("{}", false, false),
    ] {
        assert_eq!(
            notes(key, append, None, body.as_bytes()).is_ok(),
            fine,
            "{body}"
        );
    }
}

#[test]
fn floods_of_problems_are_cut() {
    let body = format!(r#"{{"organizationIds": [{}1]}}"#, "1,".repeat(100_000));
    assert_eq!(draft(Contact, &body).problems.len(), MAX_PROBLEMS);
}

/// Whatever a record is written as can be sent back and means the same.
#[test]
fn what_is_written_is_read_back() {
    for entity in EntityType::ALL {
        for format in [NotesFormat::Markdown, NotesFormat::Tiptap] {
            let mut record = Record::empty(entity, ID.parse().unwrap(), Timestamp(0));
            record.notes = Notes::from_markdown("Hello").unwrap();
            for (links, def) in record.links.iter_mut().zip(entity.links()) {
                *links = LinkSet::new(def.quantity);
                links.insert(Uuid::from_u128(7), "2.5".parse().unwrap());
            }
            let body = RecordJson(&record, format).to_vec();
            let draft = draft(entity, std::str::from_utf8(&body).unwrap());
            assert_eq!(draft.problems, []);
            for ((def, patch), value) in entity
                .fields()
                .iter()
                .zip(&draft.fields)
                .zip(&record.fields)
            {
                if !def.kind.is_derived() {
                    assert_eq!(*patch, Patch::Set(value.clone()), "{}", def.name);
                }
            }
            for ((def, patch), links) in entity.links().iter().zip(&draft.links).zip(&record.links)
            {
                let Patch::Set(items) = patch else {
                    panic!("{}", def.field)
                };
                assert_eq!(items[0].id, links.ids()[0]);
                assert_eq!(
                    items[0].quantity,
                    def.quantity.then(|| "2.5".parse().unwrap())
                );
            }
            assert_ne!(draft.notes, Patch::Absent);
        }
    }
}
