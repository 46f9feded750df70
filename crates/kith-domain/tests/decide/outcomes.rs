//! Particular decisions that the properties would seldom come across.

use kith_domain::columns::CustomValue;
use kith_domain::decide::{Command, LinkChange, LinkMode};
use kith_domain::draft::{CustomInput, Draft, LinkItem};
use kith_domain::entity::EntityType::{Contact, Deal, Service};
use kith_domain::entity::FieldValue;
use kith_domain::record::RecordKey;
use rust_decimal::Decimal;
use serde_json::json;

use super::model::{Model, PLAIN, STAGE, columns, decimal, named};

fn first(model: &Model, entity: kith_domain::entity::EntityType) -> RecordKey {
    RecordKey {
        entity,
        id: model.of(entity)[0],
    }
}

#[test]
fn a_quantity_may_be_given_from_either_end() {
    let mut model = Model::seeded(columns());
    let (deal, service) = (first(&model, Deal), first(&model, Service));
    let lines = Draft::new(Deal).lines("services", [(service.id, decimal("5"))]);
    model.run(&Command::update(deal.id, lines)).unwrap();
    for quantity in ["1", "1.0000", "2.5"] {
        let link = Command::Link(LinkChange {
            key: service,
            link: Service.link_index("deals").unwrap(),
            mode: LinkMode::Link,
            expected_version: None,
            member: "services",
            items: vec![LinkItem::with_quantity(0, deal.id, decimal(quantity))],
            problems: Vec::new(),
        });
        let moved = model.run(&link).unwrap().events.len();
        assert_eq!(
            moved,
            usize::from(quantity != "1.0000"),
            "only the deal shows quantities"
        );
        let held = model.records[&deal].linked("services").unwrap();
        assert_eq!(held.quantity(service.id), Some(decimal(quantity)));
        let total = model.records[&deal]
            .field("totalValue")
            .unwrap()
            .as_decimal();
        assert_eq!(total, decimal(quantity) * Decimal::TEN);
    }
    assert_eq!(
        model.records[&service].version, 2,
        "the service has only been linked"
    );
}

#[test]
fn totals_are_exact_where_products_have_thirty_digits() {
    let mut model = Model::seeded(columns());
    let ids = model.of(Service);
    let amount = |text| Draft::new(Service).field("amount", FieldValue::Decimal(decimal(text)));
    model
        .run(&Command::update(ids[0], amount("99999999999.9999")))
        .unwrap();
    model
        .run(&Command::update(ids[1], amount("-99999999999.9999")))
        .unwrap();
    // Each product is near 10^22 with 8 decimals; their sum is small and exact.
    let quantities = ["99999999999.9999", "99999999999.9998"].map(decimal);
    let draft = named(Deal, "deal").lines("services", ids[..2].iter().copied().zip(quantities));
    let deal = model
        .run(&Command::create(draft))
        .unwrap()
        .records
        .remove(0);
    let total = deal.field("totalValue").unwrap().as_decimal();
    assert_eq!(total, decimal("9999999.99999999"));
}

#[test]
fn a_default_option_fills_new_records_only() {
    let mut model = Model::seeded(columns());
    let open = CustomValue::Option("open".to_owned());
    let run = |model: &mut Model, value: Option<serde_json::Value>| {
        let mut draft = named(Deal, "deal");
        draft.custom = value
            .map(|value| CustomInput {
                at: 0,
                column: STAGE,
                value,
            })
            .into_iter()
            .collect();
        model
            .run(&Command::create(draft))
            .unwrap()
            .records
            .remove(0)
    };
    assert_eq!(run(&mut model, None).custom.get(&STAGE), Some(&open));
    assert_eq!(run(&mut model, Some(json!(null))).custom.get(&STAGE), None);
    let won = CustomValue::Option("won".to_owned());
    let deal = run(&mut model, Some(json!("WON")));
    assert_eq!(deal.custom.get(&STAGE), Some(&won));
    let rename = Draft::new(Deal).text("name", "renamed");
    model.run(&Command::update(deal.id, rename)).unwrap();
    assert_eq!(model.records[&deal.key()].custom.get(&STAGE), Some(&won));
}

#[test]
fn custom_values_merge_by_column() {
    let mut model = Model::seeded(columns());
    let contact = first(&model, Contact);
    let set = |value: serde_json::Value| {
        let mut draft = Draft::new(Contact);
        draft.custom = vec![CustomInput {
            at: 0,
            column: PLAIN,
            value,
        }];
        Command::update(contact.id, draft)
    };
    assert_eq!(model.run(&set(json!("Ada"))).unwrap().events.len(), 1);
    assert_eq!(model.run(&set(json!("Ada"))).unwrap().events.len(), 0);
    let other = Command::update(contact.id, Draft::new(Contact).text("lastName", "L"));
    model.run(&other).unwrap();
    assert_eq!(model.records[&contact].custom.len(), 1);
    assert_eq!(model.run(&set(json!(null))).unwrap().events.len(), 1);
    assert_eq!(model.run(&set(json!(""))).unwrap().events.len(), 0);
}
