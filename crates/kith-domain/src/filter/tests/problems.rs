//! What is refused, where, and in which words.

use serde_json::{Value, json};

use super::*;
use crate::filter::MAX_RULES;

/// The only problem of a filter.
fn problem(filters: &Value) -> Violation {
    match filter(filters) {
        Ok(_) => unreachable!("{filters} is accepted"),
        Err(mut problems) => {
            assert_eq!(problems.len(), 1, "{problems:?}");
            problems.remove(0)
        }
    }
}

fn one(field: &str, operator: &str, value: Value) -> Value {
    json!([{ "field": field, "operator": operator, "value": value }])
}

#[test]
fn unfit_values_are_refused_with_field_reason_and_example() {
    let long = "x".repeat(1_000_000);
    let rows: Vec<(&str, &str, Value, &str)> = vec![
        (
            "firstName",
            "equals",
            Value::Null,
            "equals on field \"First name\" (text) needs a value (to find records without a value, use isNull); accepted: a text such as \"Ada\"",
        ),
        ("firstName", "equals", json!(""), "an empty text"),
        ("firstName", "equals", json!("  "), "an empty text"),
        ("firstName", "equals", json!(5), "not a text"),
        (
            "firstName",
            "equals",
            json!(["Ada"]),
            "not one value; use in for several",
        ),
        (
            "firstName",
            "equals",
            json!("a\u{0}b"),
            "no such text can be stored",
        ),
        (
            "firstName",
            "equals",
            json!(long),
            "no such text can be stored",
        ),
        ("firstName", "contains", json!(long), "longer than any text"),
        ("firstName", "contains", json!(""), "nothing to look for"),
        ("firstName", "contains", json!(" "), "nothing to look for"),
        (
            "firstName",
            "contains",
            json!("a\u{0}"),
            "no such text can be stored",
        ),
        ("firstName", "contains", json!(["Ada"]), "not a text"),
        (
            "firstName",
            "contains",
            json!("a\u{0}b"),
            "no such text can be stored",
        ),
        (
            "notes",
            "contains",
            json!("\u{7}"),
            "no such text can be stored",
        ),
        (
            "firstName",
            "in",
            json!([]),
            "it has 0 values; accepted: an array of 1 to 1000, each a text",
        ),
        ("firstName", "in", json!("Ada"), "not an array"),
        ("firstName", "in", json!(["Ada", ""]), "an empty text"),
        ("firstName", "in", json!(["Ada", null]), "not a text"),
        (
            "firstName",
            "notIn",
            json!(vec!["Ada"; 1_001]),
            "it has 1001 values",
        ),
        (
            "firstName",
            "isNull",
            json!(true),
            "the operator takes no value",
        ),
        (
            "firstName",
            "isNotNull",
            json!(""),
            "the operator takes no value",
        ),
        ("emails", "equals", json!("ada"), "not an e-mail address"),
        (
            "My email",
            "equals",
            json!("a@b.example, c@d.example"),
            "not one value",
        ),
        (
            "My link",
            "equals",
            json!("example.com"),
            "begins with https:// or http://",
        ),
        (
            "My phone",
            "equals",
            json!("abc"),
            "a phone number has digits",
        ),
        ("My phone", "contains", json!("( )"), "nothing to look for"),
        (
            "version",
            "equals",
            json!("three"),
            "not a number; accepted: a number such as 1234.5",
        ),
        ("version", "equals", json!(1.5), "more than 0 decimals"),
        (
            "version",
            "gt",
            json!(100_000_000_000_000_u64),
            "not below 10^14",
        ),
        ("version", "gt", json!(1e300), "not a number"),
        ("version", "gt", json!("1e3"), "not a number"),
        (
            "version",
            "between",
            json!([1]),
            "it has 1 values; accepted: an array of two",
        ),
        ("version", "between", json!([1, 2, 3]), "it has 3 values"),
        (
            "version",
            "between",
            json!([2, 1]),
            "the first is greater than the last",
        ),
        ("version", "between", json!([1, null]), "not a number"),
        (
            "createdAt",
            "gt",
            json!("yesterday"),
            "not a date or a time; accepted: a date such as \"2026-04-22\" for the whole day",
        ),
        (
            "createdAt",
            "gt",
            json!("2026-02-30"),
            "not a date or a time",
        ),
        (
            "createdAt",
            "gt",
            json!("2026-04-22T10:00:00"),
            "not a date or a time",
        ),
        (
            "createdAt",
            "gt",
            json!(1_776_852_000),
            "not a date or a time",
        ),
        (
            "createdAt",
            "between",
            json!(["2026-04-22", "2026-04-21"]),
            "the first is greater",
        ),
        (
            "createdAt",
            "inLastDays",
            json!(0),
            "not a whole number from 1",
        ),
        (
            "createdAt",
            "inLastDays",
            json!(-1),
            "not a whole number from 1",
        ),
        (
            "createdAt",
            "inLastDays",
            json!(1.5),
            "not a whole number from 1",
        ),
        (
            "createdAt",
            "inLastDays",
            json!("7"),
            "not a whole number from 1",
        ),
        (
            "createdAt",
            "inLastDays",
            json!(1_000_000_000_000_u64),
            "not a whole number from 1",
        ),
        (
            "My date",
            "equals",
            json!("22.04.2026"),
            "equals on field \"My date\" (date) cannot take \"22.04.2026\": not a date of the calendar; accepted: a date such as \"2026-04-22\"",
        ),
        (
            "My currency",
            "equals",
            json!("100 QQQ"),
            "no currency has this code",
        ),
        (
            "My currency",
            "equals",
            json!("1,000"),
            "not a plain decimal number",
        ),
        (
            "My currency",
            "equals",
            json!({"amount": null}),
            "no amount",
        ),
        (
            "My currency",
            "equals",
            json!("1.23456"),
            "more than 4 decimals",
        ),
        (
            "My currency",
            "between",
            json!(["1 EUR", "2 USD"]),
            "two currencies",
        ),
        (
            "My singleSelect",
            "equals",
            json!("Wom"),
            "no such option; did you mean \"Won\"?; accepted: the value or the label of one of the column's options: \"Lead\", \"Won\", \"Lost\"",
        ),
        ("organizationIds", "equals", json!("nope"), "not an id"),
        ("organizationIds", "in", json!([5]), "not an id"),
        ("organizationIds", "hasSome", json!([]), "it has 0 values"),
        (
            "organizationIds",
            "hasNone",
            json!("x"),
            "not an array; accepted: no value, or an array",
        ),
    ];
    for (field, operator, value, reason) in rows {
        let problem = problem(&one(field, operator, value));
        assert_eq!(
            (problem.pointer.as_str(), problem.code),
            ("/filters/0/value", "invalid_value")
        );
        assert!(
            problem.message.contains(reason),
            "{reason}: {}",
            problem.message
        );
        assert!(problem.message.len() < 1_000, "{}", problem.message);
    }
}

#[test]
fn unknown_fields_list_what_is_available() {
    let problem = problem(&one("firstname", "equals", json!("Ada")));
    assert_eq!(
        (problem.pointer.as_str(), problem.code),
        ("/filters/0/field", "unknown_field")
    );
    let number = |column_type: ColumnType| column(column_type).id;
    assert_eq!(
        problem.message,
        format!(
            "contacts have no field \"firstname\"; did you mean \"firstName\"? Available: \
             id, \"My singleSelect\" ({}): equals, in, notIn, isNull, isNotNull; \
             createdAt, updatedAt, \"My date\" ({}), \"My dateTime\" ({}): \
             equals, gt, gte, lt, lte, in, notIn, between, isNull, isNotNull, inLastDays; \
             version, \"My currency\" ({}): equals, gt, gte, lt, lte, in, notIn, between, isNull, isNotNull; \
             firstName, lastName, emails, \"My plain\" ({}), \"My link\" ({}), \"My email\" ({}), \"My phone\" ({}): \
             equals, contains, in, notIn, isNull, isNotNull; \
             organizationIds, dealIds, userIds: equals, in, notIn, isNull, isNotNull, hasNone, hasSome; \
             notes: contains, isNull, isNotNull",
            number(ColumnType::SingleSelect),
            number(ColumnType::Date),
            number(ColumnType::DateTime),
            number(ColumnType::Currency),
            number(ColumnType::Plain),
            number(ColumnType::Link),
            number(ColumnType::Email),
            number(ColumnType::Phone),
        )
    );
    for name in [
        "",
        "my plain",
        "organizations",
        "companyId",
        "drop table",
        &id(99).to_string(),
        &"x".repeat(1_000_000),
    ] {
        let problem = self::problem(&one(name, "equals", json!("Ada")));
        assert_eq!(problem.code, "unknown_field");
        assert!(problem.message.len() < 2_000);
    }
    let elsewhere = Filter::parse(
        EntityType::Deal,
        &columns(),
        &context(),
        &one("My plain", "isNull", Value::Null),
        "",
    );
    assert!(elsewhere.is_err());
}

#[test]
fn operators_that_the_field_lacks_list_those_that_it_has() {
    let message = problem(&one("firstName", "gt", json!("A"))).message;
    assert!(message.starts_with("field \"First name\" (text) has no operator \"gt\"; accepted here: equals, contains, in, notIn, isNull, isNotNull. Available: id, "), "{message}");
    let message = problem(&one("firstName", "equal", json!("A"))).message;
    assert!(
        message.contains("no operator \"equal\"; did you mean \"equals\"?"),
        "{message}"
    );
    for (field, operator) in [
        ("notes", "equals"),
        ("createdAt", "contains"),
        ("My singleSelect", "contains"),
        ("version", "inLastDays"),
        ("firstName", "hasSome"),
        ("firstName", "regex"),
    ] {
        assert_eq!(
            problem(&one(field, operator, json!("A"))).code,
            "unknown_operator"
        );
    }
}

#[test]
fn malformed_filters_are_refused_where_they_stand() {
    let rule = json!({ "field": "firstName", "operator": "isNull" });
    let rows = [
        (json!({}), "/filters", "type"),
        (json!("all"), "/filters", "type"),
        (json!([5]), "/filters/0", "type"),
        (json!([rule, null]), "/filters/1", "type"),
        (json!([{ "or": [] }]), "/filters/0/or", "type"),
        (json!([{ "or": rule }]), "/filters/0/or", "type"),
        (json!([{ "not": [rule] }]), "/filters/0/not", "type"),
        (
            json!([{ "and": [rule, { "or": [5] }] }]),
            "/filters/0/and/1/or/0",
            "type",
        ),
        (
            json!([{ "or": [rule], "and": [rule] }]),
            "/filters/0",
            "unknown_member",
        ),
        (
            json!([{ "field": "firstName", "operator": "isNull", "a/b": 1 }]),
            "/filters/0/a~1b",
            "unknown_member",
        ),
        (
            json!([{ "operator": "isNull" }]),
            "/filters/0/field",
            "required",
        ),
        (
            json!([{ "field": "firstName" }]),
            "/filters/0/operator",
            "required",
        ),
        (
            json!([{ "field": 5, "operator": "isNull" }]),
            "/filters/0/field",
            "type",
        ),
    ];
    for (filters, pointer, code) in rows {
        let problem = problem(&filters);
        assert_eq!(
            (problem.pointer.as_str(), problem.code),
            (pointer, code),
            "{filters}"
        );
    }
}

#[test]
fn every_problem_is_told_and_the_fields_are_listed_once() {
    let filters = json!([
        { "field": "a", "operator": "equals" },
        { "field": "b", "operator": "equals" },
        { "field": "firstName", "operator": "gt", "value": 1 },
        { "field": "firstName", "operator": "equals", "value": 1 },
    ]);
    let problems = filter(&filters).unwrap_err();
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(
        codes,
        [
            "unknown_field",
            "unknown_field",
            "unknown_operator",
            "invalid_value"
        ]
    );
    assert_eq!(
        problems
            .iter()
            .filter(|problem| problem.message.contains("Available:"))
            .count(),
        1
    );
}

#[test]
fn depth_and_number_of_rules_are_limited() {
    let rule = json!({ "field": "firstName", "operator": "isNull" });
    let nested = |depth: usize| (0..depth).fold(rule.clone(), |inner, _| json!({ "or": [inner] }));
    assert!(filter(&json!([nested(5)])).is_ok());
    let problem = problem(&json!([nested(6)]));
    assert_eq!(
        (problem.code, problem.message.as_str()),
        ("too_deep", "filters nest to depth 5; this is depth 6")
    );
    assert_eq!(self::problem(&json!([nested(100)])).code, "too_deep");

    assert!(filter(&Value::from(vec![rule.clone(); MAX_RULES])).is_ok());
    assert_eq!(
        self::problem(&Value::from(vec![rule.clone(); 101])).code,
        "too_many"
    );
    let group = json!({ "or": vec![rule; 60] });
    assert_eq!(
        self::problem(&json!([group, { "not": group }])).pointer,
        "/filters/1/not/or/40"
    );
}

#[test]
fn a_million_things_that_are_no_rules_are_a_few_problems() {
    let filters = [
        Value::from(vec![json!(1); 1_000_000]),
        json!([{ "or": vec![json!({ "or": 1 }); 100_000] }]),
        json!([(0..100_000)
            .map(|at| (at.to_string(), json!(1)))
            .collect::<serde_json::Map<_, _>>()]),
    ];
    for filters in filters {
        let problems = filter(&filters).unwrap_err();
        assert!((100..300).contains(&problems.len()), "{}", problems.len());
    }
}
