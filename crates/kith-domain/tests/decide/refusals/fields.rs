//! Own fields, and null.

use kith_domain::decide::Command;
use kith_domain::draft::{Draft, Patch};
use kith_domain::entity::EntityType::{self, Contact, Deal, Organization, Service, Task};
use kith_domain::entity::FieldValue;
use kith_domain::violation::Refusal;

use super::super::model::named;
use super::{Setting, amount, create, emails};

#[test]
fn own_fields() {
    let mut setting = Setting::new();
    let text = |text: &str| FieldValue::Text(text.to_owned());
    let long = |count| text(&"ä".repeat(count));
    let twenty_one: Vec<_> = (0..21).map(|n| format!("a{n}@example.com")).collect();
    let cases: Vec<(Draft, &[(&str, &str)])> = vec![
        (Draft::new(Contact), &[("/firstName", "required")]),
        (Draft::new(Organization), &[("/name", "required")]),
        (Draft::new(Deal), &[("/name", "required")]),
        (Draft::new(Task), &[("/name", "required")]),
        (
            Draft::new(Service),
            &[("/name", "required"), ("/amount", "required")],
        ),
        (named(Contact, ""), &[("/firstName", "required")]),
        (
            named(Contact, " \t\n\u{2003}"),
            &[("/firstName", "required")],
        ),
        (
            named(Contact, "Ada\0"),
            &[("/firstName", "control_character")],
        ),
        (
            named(Contact, "A\u{7f}da"),
            &[("/firstName", "control_character")],
        ),
        (
            named(Contact, "A\u{9b}da"),
            &[("/firstName", "control_character")],
        ),
        (
            named(Contact, "A\rda"),
            &[("/firstName", "control_character")],
        ),
        (
            named(Contact, "").field("firstName", long(201)),
            &[("/firstName", "too_long")],
        ),
        (
            named(Contact, "Ada").field("lastName", long(201)),
            &[("/lastName", "too_long")],
        ),
        (
            named(Deal, "").field("name", long(301)),
            &[("/name", "too_long")],
        ),
        (
            named(Deal, "").field("name", amount("1")),
            &[("/name", "wrong_type")],
        ),
        (
            named(Service, "s").field("amount", text("1")),
            &[("/amount", "wrong_type")],
        ),
        (
            named(Contact, "Ada").field("emails", text("a@example.com")),
            &[("/emails", "wrong_type")],
        ),
        (
            named(Service, "s").field("amount", amount("0.00001")),
            &[("/amount", "out_of_range")],
        ),
        (
            named(Service, "s").field("amount", amount("100000000000")),
            &[("/amount", "out_of_range")],
        ),
        (
            named(Service, "s").field("amount", amount("-100000000000")),
            &[("/amount", "out_of_range")],
        ),
        (
            named(Deal, "d").field("totalValue", amount("1")),
            &[("/totalValue", "wrong_type")],
        ),
        (
            named(Deal, "d").field("totalQuantity", amount("1")),
            &[("/totalQuantity", "wrong_type")],
        ),
        (
            named(Contact, "Ada").field(
                "emails",
                emails(&["a@example.com", "ada", "A@Example.com", ""]),
            ),
            &[
                ("/emails/1", "invalid_email"),
                ("/emails/2", "duplicate"),
                ("/emails/3", "invalid_email"),
            ],
        ),
        (
            named(Contact, "Ada").field("emails", FieldValue::Emails(twenty_one)),
            &[("/emails", "too_many")],
        ),
        (
            named(Contact, "Ada").text("fristName", "x"),
            &[("/fristName", "unknown_member")],
        ),
        (
            named(Task, "t").text("firstName", "x"),
            &[("/firstName", "unknown_member")],
        ),
    ];
    for (draft, expected) in cases {
        setting.expect(&create(draft), expected);
    }
    for (draft, _) in [
        (named(Contact, "").field("firstName", long(200)), ()),
        (
            named(Deal, "").field("name", text(&format!("  {}\r\n", "ä".repeat(300)))),
            (),
        ),
        (
            named(Service, "s").field("amount", amount("-99999999999.999900")),
            (),
        ),
    ] {
        setting.model.run(&create(draft)).unwrap();
    }
}

#[test]
fn null() {
    let mut setting = Setting::new();
    let cleared = |entity: EntityType, field: &str| {
        let mut draft = Draft::new(entity);
        draft.fields[entity.field_index(field).unwrap()] = Patch::Null;
        draft
    };
    for (entity, field, code) in [
        (Contact, "firstName", "required"),
        (Organization, "name", "required"),
        (Service, "amount", "required"),
        (Deal, "totalValue", "wrong_type"),
    ] {
        let update = Command::update(setting.id(entity, 0), cleared(entity, field));
        setting.expect(&update, &[(&format!("/{field}"), code)]);
    }
    for entity in EntityType::ALL {
        for (link, def) in entity.links().iter().enumerate() {
            let mut draft = Draft::new(entity);
            draft.links[link] = Patch::Null;
            let update = Command::update(setting.id(entity, 0), draft);
            setting.expect(&update, &[(&format!("/{}", def.field), "null_links")]);
            let Refusal::Invalid(problems) = setting.refused(&update) else {
                continue;
            };
            for way in ["[]", "link", "unlink"] {
                assert!(problems[0].message.contains(way), "{}", problems[0]);
            }
        }
    }
    let update = Command::update(setting.id(Contact, 0), cleared(Contact, "lastName"));
    setting.model.run(&update).unwrap();
}
