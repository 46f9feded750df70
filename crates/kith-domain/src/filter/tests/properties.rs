//! What holds for every filter and every order.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::filter::{Operator, fields_of, sortable_fields};

fn contacts() -> impl Strategy<Value = Vec<Record>> {
    let contact = (
        (
            "(Ada|ada|Élise|Li|Zoe)",
            "(|Li|Lindt|Hopper)",
            "[a-c]{1,2}@[a-b]\\.example",
        ),
        prop::option::of("[a-cÄé %_]{1,3}"),
        prop::option::of(prop::sample::select(vec![
            "2026-04-20",
            "2026-04-21",
            "2026-05-01",
        ])),
        prop::option::of((0_i64..4, prop::sample::select(vec!["EUR", "USD"]))),
        prop::option::of(prop::sample::select(vec!["Lead", "Won", "Lost"])),
        prop::collection::vec(11_u128..14, 0..3),
    );
    prop::collection::vec(contact, 0..12).prop_map(|contacts| {
        let numbered = contacts.into_iter().zip(1..);
        numbered
            .map(
                |(((first, last, email), text, date, money, choice, links), number)| {
                    let mut record = super::contact(number, &first, &last);
                    record.fields[2] = FieldValue::Emails(vec![email]);
                    record.links[0] = LinkSet::from_ids(links.into_iter().map(id).collect());
                    record.created_at =
                        Timestamp(NOW.0 - i64::try_from(number % 3).unwrap() * 43_200_000);
                    let values = [
                        (
                            ColumnType::Plain,
                            text.filter(|text| !text.trim().is_empty()).map(Value::from),
                        ),
                        (ColumnType::Date, date.map(Value::from)),
                        (
                            ColumnType::Currency,
                            money.map(|(amount, currency)| json!(format!("{amount} {currency}"))),
                        ),
                        (ColumnType::SingleSelect, choice.map(Value::from)),
                    ];
                    values
                        .into_iter()
                        .fold(record, |record, (column_type, value)| match value {
                            Some(value) => with(record, column_type, value),
                            None => record,
                        })
                },
            )
            .collect()
    })
}

fn operands() -> impl Strategy<Value = Value> {
    let one = prop_oneof![
        Just(json!("Ada")),
        Just(json!("Won")),
        Just(json!(id(12).to_string())),
        Just(json!(2)),
        Just(json!("1 USD")),
        Just(json!("2026-04-21")),
        Just(json!("a@a.example")),
        "[a-c%_]{1,2}".prop_map(Value::from),
    ];
    prop_oneof![
        Just(Value::Null),
        one.clone(),
        prop::collection::vec(one, 0..3).prop_map(Value::from),
        any::<String>().prop_map(Value::from)
    ]
}

fn rules() -> impl Strategy<Value = Value> {
    let names: Vec<String> = fields_of(EntityType::Contact, &columns())
        .into_iter()
        .map(|field| field.name)
        .collect();
    let operators = prop::sample::select(Operator::ALL.map(Operator::name).to_vec());
    (prop::sample::select(names), operators, operands())
        .prop_map(|(field, operator, value)| json!({ "field": field, "operator": operator, "value": value }))
        .prop_filter("accepted", |rule| filter(&json!([rule])).is_ok())
}

fn sorts() -> impl Strategy<Value = SearchInput> {
    let names: Vec<String> = sortable_fields(EntityType::Contact, &columns())
        .into_iter()
        .map(|field| field.name)
        .collect();
    (
        prop::sample::select(names),
        prop::sample::select(vec!["asc", "desc"]),
    )
        .prop_map(|(field, direction)| sorted_by(&field, direction))
}

fn found_in(filters: &Value, records: &[Record]) -> Vec<Uuid> {
    let filter = filter(filters).unwrap();
    records
        .iter()
        .filter(|record| filter.matches(record))
        .map(|record| record.id)
        .collect()
}

proptest! {
    #[test]
    fn groups_are_boolean_algebra(a in rules(), b in rules(), records in contacts()) {
        let both = found_in(&json!([a, b]), &records);
        prop_assert_eq!(&both, &found_in(&json!([{ "and": [b, a] }]), &records));
        prop_assert_eq!(&both, &found_in(&json!([{ "not": { "or": [{ "not": a }, { "not": b }] } }]), &records));
        let either = found_in(&json!([{ "or": [a, b] }]), &records);
        prop_assert_eq!(&either, &found_in(&json!([{ "not": { "and": [{ "not": a }, { "not": b }] } }]), &records));
        prop_assert_eq!(both.len() + either.len(), found_in(&json!([a]), &records).len() + found_in(&json!([b]), &records).len());
    }

    #[test]
    fn opposite_operators_share_out_the_records(rule in rules(), records in contacts()) {
        let opposite = match (rule["operator"].as_str().unwrap(), rule["value"].is_null()) {
            ("in", _) => "notIn",
            ("isNull", _) => "isNotNull",
            ("hasSome", _) => "hasNone",
            _ => return Ok(()),
        };
        let other = json!([{ "field": rule["field"], "operator": opposite, "value": rule["value"] }]);
        prop_assert_eq!(found_in(&json!([rule]), &records).len() + found_in(&other, &records).len(), records.len());
    }

    #[test]
    fn no_json_panics(field in any::<String>(), operator in any::<String>(), value in operands()) {
        for operator in Operator::ALL.map(Operator::name).into_iter().chain([operator.as_str()]) {
            let _ = filter(&json!([{ "field": field, "operator": operator, "value": value }]));
            for field in fields_of(EntityType::Contact, &columns()) {
                let _ = filter(&json!([{ "field": field.name, "operator": operator, "value": value }]));
            }
        }
        let _ = filter(&value);
    }

    #[test]
    fn pages_by_number_and_by_cursor_are_the_whole_answer(sort in sorts(), size in 1_u64..5, records in contacts()) {
        let whole = SearchInput { page_size: Some(1_000), ..sort.clone() };
        let whole: Vec<_> = search(&whole).unwrap().answer(&records).records.iter().map(|record| record.id).collect();
        prop_assert_eq!(whole.len(), records.len());

        let mut by_number = Vec::new();
        for page in 1..=(records.len() as u64).div_ceil(size) {
            let input = SearchInput { page: Some(page), page_size: Some(size), ..sort.clone() };
            by_number.extend(search(&input).unwrap().answer(&records).records.iter().map(|record| record.id));
        }
        prop_assert_eq!(&by_number, &whole);

        let mut by_cursor = Vec::new();
        let mut cursor = None;
        loop {
            let input = SearchInput { cursor: cursor.clone(), page_size: Some(size), ..sort.clone() };
            let search = search(&input).unwrap();
            let answer = search.answer(&records);
            prop_assert_eq!(answer.total, records.len() as u64);
            by_cursor.extend(answer.records.iter().map(|record| record.id));
            cursor = answer.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        prop_assert_eq!(&by_cursor, &whole);
    }

    #[test]
    fn the_order_is_total(sort in sorts(), records in contacts()) {
        let sort = search(&sort).unwrap().sort;
        for one in &records {
            for other in &records {
                prop_assert_eq!(sort.compare(one, other), sort.compare(other, one).reverse());
                prop_assert_eq!(sort.compare(one, other).is_eq(), one.id == other.id);
            }
        }
    }
}
