//! Every operator on every field that has it, and what it finds among three contacts.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::*;
use crate::filter::{FilterKind, Operator, fields_of, find_field};

/// Field, operator, value (null: none) and the contacts found.
fn rows() -> Vec<(&'static str, &'static str, Value, Vec<u128>)> {
    let none = || Value::Null;
    let link = |number: u128| json!(id(number).to_string());
    vec![
        // Id
        ("id", "equals", link(1), vec![1]),
        ("id", "in", ids(&[1, 3, 9]), vec![1, 3]),
        ("id", "notIn", ids(&[1, 3]), vec![2]),
        ("id", "isNull", none(), vec![]),
        ("id", "isNotNull", none(), vec![1, 2, 3]),
        // Text
        ("firstName", "equals", json!("Ada"), vec![1]),
        ("firstName", "equals", json!(" Ada "), vec![1]),
        ("firstName", "equals", json!("ada"), vec![]),
        ("firstName", "contains", json!("A"), vec![1, 2]),
        ("firstName", "contains", json!("éL"), vec![3]),
        ("firstName", "contains", json!("elise"), vec![]),
        (
            "firstName",
            "in",
            json!(["Ada", "Élise", "Bob"]),
            vec![1, 3],
        ),
        ("lastName", "notIn", json!(["Hopper"]), vec![1, 3]),
        ("lastName", "isNull", none(), vec![3]),
        ("lastName", "isNotNull", none(), vec![1, 2]),
        ("My plain", "equals", json!("plain text"), vec![2]),
        ("My plain", "contains", json!("% _ \\ ü"), vec![1]),
        ("My plain", "contains", json!("%t"), vec![]),
        ("My plain", "contains", json!("' or 1=1 --"), vec![]),
        ("My plain", "in", json!(["plain text", "x"]), vec![2]),
        ("My plain", "notIn", json!(["plain text", "x"]), vec![1, 3]),
        ("My plain", "isNull", none(), vec![3]),
        ("My plain", "isNotNull", none(), vec![1, 2]),
        // E-mail addresses
        ("emails", "equals", json!("ada@EXAMPLE.com"), vec![1]),
        ("emails", "equals", json!("al@math.example"), vec![1]),
        ("emails", "contains", json!("EXAMPLE.com"), vec![1, 2]),
        (
            "emails",
            "in",
            json!(["grace@example.com", "no@example.com"]),
            vec![2],
        ),
        ("emails", "notIn", json!(["al@math.example"]), vec![2, 3]),
        ("emails", "isNull", none(), vec![3]),
        ("emails", "isNotNull", none(), vec![1, 2]),
        ("My email", "equals", json!("Y@B.example"), vec![1, 2]),
        ("My email", "contains", json!("@a."), vec![1]),
        // Web addresses
        ("My link", "equals", json!("HTTPS://B.example"), vec![1, 2]),
        ("My link", "equals", json!("https://a.example/path"), vec![]),
        ("My link", "contains", json!("/PATH"), vec![1]),
        (
            "My link",
            "in",
            json!(["https://a.example/Path", "https://c.example"]),
            vec![1],
        ),
        (
            "My link",
            "notIn",
            json!(["https://a.example/Path"]),
            vec![2, 3],
        ),
        ("My link", "isNull", none(), vec![3]),
        ("My link", "isNotNull", none(), vec![1, 2]),
        // Phone numbers
        ("My phone", "equals", json!("(030) 12 34 56"), vec![1]),
        ("My phone", "equals", json!("+14155552671"), vec![1, 2]),
        ("My phone", "contains", json!("+49 30"), vec![1]),
        ("My phone", "in", json!(["030123456"]), vec![1]),
        ("My phone", "notIn", json!(["030123456"]), vec![2, 3]),
        ("My phone", "isNull", none(), vec![3]),
        ("My phone", "isNotNull", none(), vec![1, 2]),
        // Numbers
        ("version", "equals", json!(3), vec![1]),
        ("version", "equals", json!("2.0"), vec![2]),
        ("version", "gt", json!(2), vec![1]),
        ("version", "gte", json!(2), vec![1, 2]),
        ("version", "lt", json!(2), vec![3]),
        ("version", "lte", json!(2), vec![2, 3]),
        ("version", "in", json!([1, 3]), vec![1, 3]),
        ("version", "notIn", json!([1, 3]), vec![2]),
        ("version", "between", json!([2, 3]), vec![1, 2]),
        ("version", "isNull", none(), vec![]),
        ("version", "isNotNull", none(), vec![1, 2, 3]),
        // Points in time: contact n was created n days before 2026-04-22T10:00Z
        (
            "createdAt",
            "equals",
            json!("2026-04-20T12:00:00+02:00"),
            vec![2],
        ),
        ("createdAt", "equals", json!("2026-04-20"), vec![2]),
        ("createdAt", "gt", json!("2026-04-20"), vec![1]),
        (
            "createdAt",
            "gt",
            json!("2026-04-20T09:59:59.999Z"),
            vec![1, 2],
        ),
        ("createdAt", "gte", json!("2026-04-20"), vec![1, 2]),
        ("createdAt", "lt", json!("2026-04-20"), vec![3]),
        ("createdAt", "lte", json!("2026-04-20"), vec![2, 3]),
        (
            "createdAt",
            "in",
            json!(["2026-04-19", "2026-04-21T10:00:00Z"]),
            vec![1, 3],
        ),
        (
            "createdAt",
            "notIn",
            json!(["2026-04-19", "2026-04-21T10:00:00Z"]),
            vec![2],
        ),
        (
            "createdAt",
            "between",
            json!(["2026-04-19", "2026-04-20"]),
            vec![2, 3],
        ),
        ("createdAt", "isNull", none(), vec![]),
        ("createdAt", "isNotNull", none(), vec![1, 2, 3]),
        ("createdAt", "inLastDays", json!(1), vec![1]),
        ("updatedAt", "inLastDays", json!(2), vec![1, 2]),
        ("My dateTime", "equals", json!("2026-04-20"), vec![1]),
        ("My dateTime", "gte", json!("2026-04-21"), vec![2]),
        ("My dateTime", "lte", json!("2026-04-20"), vec![1]),
        ("My dateTime", "notIn", json!(["2026-04-20"]), vec![2, 3]),
        (
            "My dateTime",
            "between",
            json!(["2026-04-20", "2026-04-21T00:00:00Z"]),
            vec![1, 2],
        ),
        ("My dateTime", "isNull", none(), vec![3]),
        ("My dateTime", "inLastDays", json!(1), vec![2]),
        // Dates
        ("My date", "equals", json!("2026-04-20"), vec![1]),
        (
            "My date",
            "equals",
            json!("2026-04-20T23:00:00-05:00"),
            vec![1],
        ),
        ("My date", "gt", json!("2026-04-20"), vec![2]),
        ("My date", "gte", json!("2026-04-20"), vec![1, 2]),
        ("My date", "lt", json!("2026-05-01"), vec![1]),
        ("My date", "lte", json!("2026-05-01"), vec![1, 2]),
        ("My date", "in", json!(["2026-05-01"]), vec![2]),
        ("My date", "notIn", json!(["2026-05-01"]), vec![1, 3]),
        (
            "My date",
            "between",
            json!(["2026-04-20", "2026-04-20"]),
            vec![1],
        ),
        ("My date", "isNull", none(), vec![3]),
        ("My date", "isNotNull", none(), vec![1, 2]),
        ("My date", "inLastDays", json!(2), vec![1]),
        ("My date", "inLastDays", json!(1), vec![]),
        // Money
        ("My currency", "equals", json!(100), vec![1]),
        ("My currency", "equals", json!("100.00 EUR"), vec![1]),
        ("My currency", "equals", json!("100 USD"), vec![]),
        ("My currency", "gt", json!(100), vec![2]),
        ("My currency", "gt", json!("100 EUR"), vec![]),
        ("My currency", "gte", json!(100), vec![1, 2]),
        (
            "My currency",
            "gte",
            json!({"amount": 100, "currency": "USD"}),
            vec![2],
        ),
        ("My currency", "lt", json!("100.5"), vec![1]),
        ("My currency", "lte", json!(100.5), vec![1, 2]),
        ("My currency", "in", json!([100, "100.5 EUR"]), vec![1]),
        ("My currency", "notIn", json!(["100 EUR"]), vec![2, 3]),
        ("My currency", "between", json!([99, 101]), vec![1, 2]),
        ("My currency", "between", json!([99, "101 USD"]), vec![2]),
        ("My currency", "isNull", none(), vec![3]),
        ("My currency", "isNotNull", none(), vec![1, 2]),
        // Options
        ("My singleSelect", "equals", json!("o-won"), vec![1]),
        ("My singleSelect", "equals", json!("lead"), vec![2]),
        (
            "My singleSelect",
            "in",
            json!(["Won", "o-lead"]),
            vec![1, 2],
        ),
        ("My singleSelect", "notIn", json!(["Won"]), vec![2, 3]),
        ("My singleSelect", "isNull", none(), vec![3]),
        ("My singleSelect", "isNotNull", none(), vec![1, 2]),
        // Links
        ("organizationIds", "equals", link(12), vec![1, 2]),
        ("organizationIds", "in", ids(&[11, 99]), vec![1]),
        ("organizationIds", "notIn", ids(&[11]), vec![2, 3]),
        ("organizationIds", "isNull", none(), vec![3]),
        ("organizationIds", "isNotNull", none(), vec![1, 2]),
        ("organizationIds", "hasNone", none(), vec![3]),
        ("organizationIds", "hasSome", none(), vec![1, 2]),
        ("organizationIds", "hasNone", ids(&[13]), vec![1, 3]),
        ("organizationIds", "hasSome", ids(&[13]), vec![2]),
        ("dealIds", "hasSome", none(), vec![]),
        ("userIds", "hasNone", none(), vec![1, 2, 3]),
        // Notes
        ("notes", "contains", json!("ENGINES"), vec![1]),
        ("notes", "isNull", none(), vec![2, 3]),
        ("notes", "isNotNull", none(), vec![1]),
    ]
}

fn ids(numbers: &[u128]) -> Value {
    numbers
        .iter()
        .map(|number| id(*number).to_string())
        .collect()
}

fn rule(field: &str, operator: &str, value: &Value) -> Value {
    match value {
        Value::Null => json!({ "field": field, "operator": operator }),
        value => json!({ "field": field, "operator": operator, "value": value }),
    }
}

#[test]
fn every_row_finds_what_it_says() {
    for (field, operator, value, expected) in rows() {
        let rule = rule(field, operator, &value);
        assert_eq!(found(&json!([rule])), expected, "{rule}");
        let others: Vec<u128> = [1, 2, 3]
            .into_iter()
            .filter(|number| !expected.contains(number))
            .collect();
        assert_eq!(found(&json!([{ "not": rule }])), others, "not {rule}");
    }
}

#[test]
fn every_operator_of_every_kind_has_a_row() {
    let fields = fields_of(EntityType::Contact, &columns());
    let kind = |name: &str| find_field(&fields, name).unwrap().kind;
    let tested: HashSet<(FilterKind, Operator)> = rows()
        .iter()
        .map(|row| (kind(row.0), Operator::by_name(row.1).unwrap()))
        .collect();
    for field in &fields {
        for operator in field.operators() {
            assert!(
                tested.contains(&(field.kind, *operator)),
                "{} {}",
                field.kind.name(),
                operator.name()
            );
        }
    }
    let operators: HashSet<_> = tested.iter().map(|(_, operator)| *operator).collect();
    assert_eq!(operators.len(), Operator::ALL.len());
}

#[test]
fn columns_are_found_by_id_too() {
    let plain = column(ColumnType::Plain).id;
    assert_eq!(
        found(&json!([rule(
            &plain.to_string(),
            "equals",
            &json!("plain text")
        )])),
        [2]
    );
    assert_eq!(
        found(&json!([rule(
            &plain.simple().to_string(),
            "equals",
            &json!("plain text")
        )])),
        [2]
    );
}

#[test]
fn an_own_field_wins_over_a_columns_label() {
    let named = Column {
        label: "firstName".to_owned(),
        ..column(ColumnType::Date)
    };
    let filters = json!([rule("firstName", "equals", &json!("Ada"))]);
    assert!(Filter::parse(EntityType::Contact, &[named], &context(), &filters, "").is_ok());
}

#[test]
fn totals_and_lines_of_deals_are_fields() {
    let fields = fields_of(EntityType::Deal, &[]);
    let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "id",
            "createdAt",
            "updatedAt",
            "version",
            "name",
            "totalValue",
            "totalQuantity",
            "contactIds",
            "organizationIds",
            "services",
            "userIds",
            "notes"
        ]
    );
    let filters = json!([
        rule("totalValue", "gte", &json!("0.00000001")),
        rule("totalQuantity", "lt", &json!(3)),
        rule("serviceIds", "hasSome", &Value::Null),
    ]);
    assert!(Filter::parse(EntityType::Deal, &[], &context(), &filters, "").is_ok());
}

#[test]
fn rules_join_and_groups_nest() {
    let named = |name: &str| json!({ "field": "firstName", "operator": "equals", "value": name });
    let has_links = json!({ "field": "organizationIds", "operator": "hasSome" });
    assert_eq!(found(&json!([])), [1, 2, 3]);
    assert_eq!(found(&Value::Null), [1, 2, 3]);
    assert_eq!(found(&json!([named("Ada"), has_links])), [1]);
    assert_eq!(
        found(&json!([named("Élise"), has_links])),
        Vec::<u128>::new()
    );
    assert_eq!(
        found(&json!([{ "or": [named("Ada"), named("Élise")] }])),
        [1, 3]
    );
    assert_eq!(
        found(&json!([{ "and": [has_links, { "not": named("Ada") }] }])),
        [2]
    );
    assert_eq!(
        found(&json!([{ "not": { "or": [named("Ada"), { "and": [has_links] }] } }])),
        [3]
    );
    assert_eq!(
        found(&json!([{ "not": { "not": { "not": { "not": { "not": named("Ada") } } } } }])),
        [2, 3]
    );
}

#[test]
fn the_scope_of_a_user_is_a_filter() {
    let mut records = corpus();
    records[1].links[2] = LinkSet::from_ids(vec![id(77)]);
    let scope = Filter::of_user(EntityType::Contact, id(77)).and(Filter::everything());
    let seen: Vec<_> = records
        .iter()
        .filter(|record| scope.matches(record))
        .map(|record| record.id)
        .collect();
    assert_eq!(seen, [id(2)]);
}
