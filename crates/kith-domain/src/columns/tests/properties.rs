//! What holds for every value: one normal form, accepted back, however it was written.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::columns::CustomValue;

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[0-9+. ()/eE-]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("amount|currency|[a-z]{0,4}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Texts that come near to what the types accept.
fn likely_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[0-9]{1,12}(\\.[0-9]{1,5})?( (EUR|usd|JPY|BHD|CLF|QQQ))?",
        "[0-9]{4}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,9})?(Z|[+-][01][0-9]:[0-5][0-9]))?",
        "(https?|HTTP|ftp)://[a-zA-Zäß0-9.-]{1,10}(:[0-9]{1,4})?(/[a-z,%?#&=@ä:/]{0,12})?(, ?https?://[a-z.]{1,8})?",
        "[a-zA-Z0-9.+]{1,6}@[a-zA-Zä-]{1,6}\\.[a-zA-Z]{2,3}(, ?[a-z]{1,3}@[a-z]{1,3}\\.de)?",
        "(\\+|00|0)?[0-9 ()/.-]{3,18}",
        "\\+(1|7|20|33|39|44|49|52|54|55|61|81|86|91|225|358|800)[0-9]{3,13}",
        "(lead|New lead|won|Won|WON|Lost, sadly|x1)",
        "[ a-z\\t\\n]{0,10}",
    ]
}

fn countries() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(vec![
        None,
        Some("DE"),
        Some("US"),
        Some("IT"),
        Some("MX"),
        Some("AR"),
        Some("RU"),
        Some("AQ"),
    ])
}

fn context(country: Option<&str>) -> ParseContext {
    ParseContext {
        country: country.map(|code| code.parse().unwrap()),
        ..ParseContext::default()
    }
}

/// A value that was accepted is accepted back in each of its own forms, and stays what it is.
fn check_stable(
    column: &Column,
    value: &CustomValue,
    context: &ParseContext,
) -> Result<(), TestCaseError> {
    let stored = value.to_json();
    prop_assert_eq!(
        CustomValue::from_stored(column.column_type(), stored.clone()),
        Ok(value.clone())
    );
    for country in [None, Some("US"), Some("DE")] {
        let elsewhere = self::context(country);
        let again = column.parse(&stored, &elsewhere);
        prop_assert_eq!(again.as_ref(), Ok(&Some(value.clone())));
        prop_assert_eq!(
            again.unwrap().map(|again| again.to_json()),
            Some(stored.clone())
        );
    }
    let text = Value::from(value.to_text(column));
    prop_assert_eq!(column.parse(&text, context), Ok(Some(value.clone())));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_json_is_accepted_in_a_stable_form_or_refused(given in json_value(), country in countries()) {
        let context = context(country);
        for column_type in ColumnType::ALL {
            let column = column(column_type);
            if let Ok(Some(value)) = column.parse(&given, &context) {
                check_stable(&column, &value, &context)?;
            }
            let _ = CustomValue::from_stored(column_type, given.clone());
            let _ = ColumnOptions::from_stored(column_type, &given);
        }
    }

    #[test]
    fn likely_texts_are_accepted_in_a_stable_form_or_refused(
        given in prop_oneof![likely_text().prop_map(Value::from), prop::collection::vec(likely_text(), 0..4).prop_map(Value::from)],
        country in countries(),
    ) {
        let context = context(country);
        for column_type in ColumnType::ALL {
            let column = column(column_type);
            match column.parse(&given, &context) {
                Ok(Some(value)) => check_stable(&column, &value, &context)?,
                Ok(None) => {}
                Err(error) => prop_assert!(error.to_string().contains(column_type.name())),
            }
        }
    }

    #[test]
    fn every_form_of_an_amount_stores_the_same(scaled in -999_999_999_999_999_i64..=999_999_999_999_999, places in 0_u32..=4, zeros in 0_usize..5) {
        let column = column(ColumnType::Currency);
        let amount = rust_decimal::Decimal::new(scaled, places.max(4)).round_dp(places);
        let text = amount.to_string();
        let padded = if text.contains('.') { format!("{text}{}", "0".repeat(zeros)) } else { text.clone() };
        let number: serde_json::Number = serde_json::from_str(&text).unwrap();
        let expected = column.parse(&json!(text), &in_germany()).unwrap();
        prop_assert!(expected.is_some());
        for given in [
            json!(number), json!(padded), json!(format!("  {text} ")), json!(format!("{text} EUR")), json!(format!("{text} eur")),
            json!({"amount": text}), json!({"amount": number, "currency": "EUR"}), json!({"amount": padded, "currency": null}),
        ] {
            prop_assert_eq!(&column.parse(&given, &in_germany()).unwrap(), &expected, "{}", given);
        }
        let Some(CustomValue::Money(money)) = expected else { return Ok(()) };
        prop_assert_eq!(rust_decimal::Decimal::new(money.scaled(), 4), amount);
    }

    #[test]
    fn every_form_of_a_list_stores_the_same(names in prop::collection::vec("[a-z]{1,6}", 1..6), space in " {0,2}") {
        let context = in_germany();
        let forms: [(ColumnType, Vec<String>); 3] = [
            (ColumnType::Email, names.iter().map(|name| format!("{name}@example.com")).collect()),
            (ColumnType::Link, names.iter().map(|name| format!("https://{name}.example/a,b")).collect()),
            (ColumnType::Phone, names.iter().map(|name| format!("+4930{:06}", name.len() * 1_234)).collect()),
        ];
        for (column_type, texts) in forms {
            let column = column(column_type);
            let expected = column.parse(&json!(texts), &context).unwrap();
            prop_assert!(expected.is_some());
            for given in [json!(texts.join(",")), json!(texts.join(&format!("{space},{space}"))), json!(format!("{},", texts.join(", ")))] {
                prop_assert_eq!(&column.parse(&given, &context).unwrap(), &expected, "{}", given);
            }
        }
    }

    #[test]
    fn every_form_of_an_instant_stores_the_same(millis in -62_000_000_000_000_i64..253_000_000_000_000, minutes in -720_i32..=840) {
        let column = column(ColumnType::DateTime);
        let expected = Some(CustomValue::DateTime(Timestamp(millis)));
        let offset = chrono::FixedOffset::east_opt(minutes * 60).unwrap();
        let local = Timestamp(millis).to_utc().with_timezone(&offset).to_rfc3339();
        prop_assert_eq!(column.parse(&json!(Timestamp(millis).to_string()), &in_germany()), Ok(expected.clone()));
        prop_assert_eq!(column.parse(&json!(local), &in_germany()), Ok(expected));
    }
}
