//! Tables of accepted and refused forms.

use serde_json::{Value, json};

use super::*;
use crate::columns::CustomValue;

pub(super) fn accepts(column: &Column, rows: Vec<(Value, Value)>) {
    for (given, expected) in rows {
        let value = match column.parse(&given, &in_germany()) {
            Ok(value) => value,
            Err(error) => unreachable!("{error}"),
        };
        let stored = value.as_ref().map_or(Value::Null, CustomValue::to_json);
        assert_eq!(stored, expected, "{} of {given}", column.label);
    }
}

pub(super) fn refuses(column: &Column, rows: Vec<(Value, &str)>) {
    for (given, reason) in rows {
        let Err(error) = column.parse(&given, &in_germany()) else {
            unreachable!("{} accepts {given}", column.label)
        };
        let message = error.to_string();
        assert!(message.contains(reason), "{given}: {message}");
        let start = format!(
            "column \"{}\" ({}) cannot hold ",
            column.label,
            column.column_type().name()
        );
        assert!(message.starts_with(&start), "{message}");
        assert!(message.contains("; accepted: "), "{message}");
        assert!(message.len() < 1_000, "{message}");
    }
}

#[test]
fn every_type_is_cleared_by_null_and_emptiness() {
    for column_type in ColumnType::ALL {
        let rows = [json!(null), json!(""), json!(" \t\n"), json!([])];
        accepts(
            &column(column_type),
            rows.map(|given| (given, Value::Null)).into(),
        );
    }
}

#[test]
fn plain_takes_text() {
    accepts(
        &column(ColumnType::Plain),
        vec![
            (json!("hello"), json!("hello")),
            (json!("  hello \n"), json!("hello")),
            (
                json!("two\r\nlines\tand a tab"),
                json!("two\nlines\tand a tab"),
            ),
            (json!("日本語 🙂 עברית"), json!("日本語 🙂 עברית")),
            (
                json!("'; drop table contact; --"),
                json!("'; drop table contact; --"),
            ),
            (json!("100 % _ \\"), json!("100 % _ \\")),
            (json!("x".repeat(10_000)), json!("x".repeat(10_000))),
            (json!("ä".repeat(10_000)), json!("ä".repeat(10_000))),
            (
                json!(format!(" {} ", "x".repeat(10_000))),
                json!("x".repeat(10_000)),
            ),
        ],
    );
    refuses(
        &column(ColumnType::Plain),
        vec![
            (json!("x".repeat(10_001)), "10001 characters"),
            (json!("x".repeat(1_000_000)), "1000000 characters"),
            (json!("nul\u{0}"), "U+0000"),
            (json!("bell\u{7}bell"), "U+0007"),
            (json!(5), "a number, where text is expected"),
            (json!(true), "true or false, where text is expected"),
            (json!({"a": 1}), "an object, where text is expected"),
            (json!(["a"]), "a list, where one value is expected"),
            (json!(["a", "b"]), "more than one value"),
        ],
    );
}

#[test]
fn date_takes_dates_and_times_and_keeps_the_date_part() {
    accepts(
        &column(ColumnType::Date),
        vec![
            (json!("2026-04-22"), json!("2026-04-22")),
            (json!(" 2026-04-22 "), json!("2026-04-22")),
            (json!("2024-02-29"), json!("2024-02-29")),
            (json!("0001-01-01"), json!("0001-01-01")),
            (json!("9999-12-31"), json!("9999-12-31")),
            (json!("2026-04-22T10:00:00Z"), json!("2026-04-22")),
            (json!("2026-04-22T23:59:59.999-12:00"), json!("2026-04-22")),
            (json!("2026-04-22T00:30:00+02:00"), json!("2026-04-22")),
        ],
    );
    refuses(
        &column(ColumnType::Date),
        vec![
            (json!("2026-02-29"), "not a date of the calendar"),
            (json!("2026-13-01"), "not a date"),
            (json!("2026-4-2"), "not a date"),
            (json!("22.04.2026"), "not a date"),
            (json!("04/22/2026"), "not a date"),
            (json!("20260422"), "not a date"),
            (json!("+2026-04-2"), "not a date"),
            (json!("0000-01-01"), "not a date"),
            (json!("12026-04-22"), "not a date"),
            (json!("2026-04-22T10:00:00"), "not a date"),
            (json!("2026-04-22T25:00:00Z"), "not a date"),
            (json!("2026-04-22 and more"), "not a date"),
            (json!("tomorrow"), "such as \"2026-04-22\""),
            (json!("２０２６-04-22"), "not a date"),
            (json!(20260422), "a number, where text is expected"),
            (json!({"date": "2026-04-22"}), "an object"),
        ],
    );
}

#[test]
fn date_time_takes_rfc_3339_and_stores_utc() {
    accepts(
        &column(ColumnType::DateTime),
        vec![
            (
                json!("2026-04-22T10:00:00Z"),
                json!("2026-04-22T10:00:00.000Z"),
            ),
            (
                json!("2026-04-22T12:00:00+02:00"),
                json!("2026-04-22T10:00:00.000Z"),
            ),
            (
                json!("2026-04-22T10:00:00.123456Z"),
                json!("2026-04-22T10:00:00.123Z"),
            ),
            (
                json!("2026-04-21T22:30:00.5-11:30"),
                json!("2026-04-22T10:00:00.500Z"),
            ),
            (
                json!("1969-12-31T23:59:59.999Z"),
                json!("1969-12-31T23:59:59.999Z"),
            ),
            (
                json!("0001-01-01T00:00:00Z"),
                json!("0001-01-01T00:00:00.000Z"),
            ),
            (
                json!("9999-12-31T23:59:59Z"),
                json!("9999-12-31T23:59:59.000Z"),
            ),
            (
                json!(" 2026-04-22T10:00:00Z "),
                json!("2026-04-22T10:00:00.000Z"),
            ),
        ],
    );
    refuses(
        &column(ColumnType::DateTime),
        vec![
            (json!("2026-04-22"), "a date without a time"),
            (
                json!("2026-04-22T10:00:00"),
                "a time without an offset; add Z for UTC",
            ),
            (json!("2026-04-22T10:00"), "not a point in time"),
            (json!("2026-04-22T24:00:00Z"), "not a point in time"),
            (json!("2026-02-30T10:00:00Z"), "not a point in time"),
            (json!("9999-12-31T23:59:59-01:00"), "not a point in time"),
            (json!("0001-01-01T00:00:00+01:00"), "not a point in time"),
            (json!("10:00"), "not a point in time"),
            (json!(1_776_852_000), "a number, where text is expected"),
            (json!("now"), "such as \"2026-04-22T10:00:00Z\""),
        ],
    );
}

#[test]
fn currency_takes_numbers_texts_and_objects() {
    let eur = |amount: &str| json!({ "amount": amount, "currency": "EUR" });
    let of = |amount: &str, currency: &str| json!({ "amount": amount, "currency": currency });
    accepts(
        &column(ColumnType::Currency),
        vec![
            (json!(1234.5), eur("1234.50")),
            (json!(1234), eur("1234.00")),
            (json!("1234.5"), eur("1234.50")),
            (json!(" 1234.5 "), eur("1234.50")),
            (json!("1234.5 EUR"), eur("1234.50")),
            (json!("1234.5 eur"), eur("1234.50")),
            (json!("1234.5  USD"), of("1234.50", "USD")),
            (json!({"amount": 1234.5}), eur("1234.50")),
            (
                json!({"amount": "1234.5", "currency": null}),
                eur("1234.50"),
            ),
            (
                json!({"amount": "1234.50", "currency": "USD"}),
                of("1234.50", "USD"),
            ),
            (
                json!({"currency": "usd", "amount": 1234.5}),
                of("1234.50", "USD"),
            ),
            (json!(0), eur("0.00")),
            (json!(-0.0), eur("0.00")),
            (json!("-0"), eur("0.00")),
            (json!(-12.34), eur("-12.34")),
            (json!("007.10"), eur("7.10")),
            (json!("0.0001"), eur("0.0001")),
            (json!(0.1), eur("0.10")),
            (
                json!("1.00000000000000000000000000000000000000000000"),
                eur("1.00"),
            ),
            (
                json!("1.23450000000000000000000000000000000000000000"),
                eur("1.2345"),
            ),
            (json!("99999999999.9999"), eur("99999999999.9999")),
            (json!(99_999_999_999.999_9), eur("99999999999.9999")),
            (json!("-99999999999.9999"), eur("-99999999999.9999")),
            (json!("1234 JPY"), of("1234", "JPY")),
            (json!("1234.0 JPY"), of("1234", "JPY")),
            (json!("1234.5 JPY"), of("1234.5", "JPY")),
            (json!("1.5 BHD"), of("1.500", "BHD")),
            (json!("1.5 CLF"), of("1.5000", "CLF")),
            (json!({"amount": null, "currency": "USD"}), Value::Null),
            (json!({"amount": "", "currency": "USD"}), Value::Null),
        ],
    );
    refuses(
        &column(ColumnType::Currency),
        vec![
            (json!("1,234.50"), "not a plain decimal number"),
            (json!("1234,5"), "not a plain decimal number"),
            (json!("€ 5"), "not a plain decimal number"),
            (json!("USD 5"), "not a plain decimal number"),
            (json!("1e3"), "not a plain decimal number"),
            (json!("+5"), "not a plain decimal number"),
            (json!("--5"), "not a plain decimal number"),
            (json!("."), "not a plain decimal number"),
            (json!("5."), "not a plain decimal number"),
            (json!(".5"), "not a plain decimal number"),
            (json!("٣"), "not a plain decimal number"),
            (json!("NaN"), "not a plain decimal number"),
            (json!("1.23456"), "more than 4 decimals"),
            (json!(0.1 + 0.2), "more than 4 decimals"),
            (json!(1e-7), "more than 4 decimals"),
            (json!(1e-300), "more than 4 decimals"),
            (json!("100000000000"), "not below 100000000000"),
            (json!(100_000_000_000_u64), "not below 100000000000"),
            (json!(1e300), "not below 100000000000"),
            (json!(u64::MAX), "not below 100000000000"),
            (json!(i64::MIN), "not below 100000000000"),
            (json!("9".repeat(1_000)), "not below 100000000000"),
            (json!("5 QQQ"), "no currency has this code"),
            (json!("5 XXX"), "no currency has this code"),
            (json!("5 EURO"), "no currency has this code"),
            (json!("5 USD each"), "more than an amount and a currency"),
            (
                json!({"amount": 5, "currency": "QQQ"}),
                "no currency has this code",
            ),
            (
                json!({"amount": 5, "currency": 978}),
                "the currency is a number",
            ),
            (json!({"amount": [5]}), "the amount is a list"),
            (json!({"amount": true}), "the amount is true or false"),
            (json!({"currency": "EUR"}), "an object without an amount"),
            (json!({"value": 5}), "unknown member \"value\""),
            (json!({}), "an object without an amount"),
            (json!(true), "true or false, where an amount is expected"),
            (json!([5, 6]), "more than one value"),
        ],
    );
}

#[test]
fn the_default_currency_is_the_columns() {
    let yen = Column {
        options: ColumnOptions::Currency {
            currency: "JPY".parse().unwrap(),
        },
        ..column(ColumnType::Currency)
    };
    accepts(
        &yen,
        vec![
            (json!(5), json!({"amount": "5", "currency": "JPY"})),
            (json!("5 EUR"), json!({"amount": "5.00", "currency": "EUR"})),
        ],
    );
}

#[test]
fn single_select_takes_values_before_labels() {
    accepts(
        &column(ColumnType::SingleSelect),
        vec![
            (json!("lead"), json!("lead")),
            (json!("New lead"), json!("lead")),
            (json!("new LEAD"), json!("lead")),
            (json!(" won "), json!("won")),
            (json!("Won"), json!("Won")),
            (json!("WON"), json!("won")),
            (json!("Lost, sadly"), json!("lost")),
            (json!("Lead"), json!("x1")),
        ],
    );
    refuses(
        &column(ColumnType::SingleSelect),
        vec![
            (json!("Re opened"), "did you mean \"Re-opened\"?"),
            (json!("zzzz"), "no such option; accepted"),
            (
                json!("zzzz"),
                "\"New lead\", \"Won\", \"Lost, sadly\", \"Re-opened\", \"lead\"",
            ),
            (json!(1), "a number, where text is expected"),
            (json!(["won"]), "a list, where one value is expected"),
            (json!("w".repeat(1_000_000)), "no such option"),
        ],
    );
}

#[test]
fn a_message_names_everything_that_helps() {
    let budget = Column {
        label: "Budget".to_owned(),
        ..column(ColumnType::Currency)
    };
    let error = budget.parse(&json!("12,50 €"), &in_germany()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column \"Budget\" (currency) cannot hold \"12,50 €\": the amount is not a plain decimal number such as 1234.5 \
         (no thousands separators, `.` before the decimals); accepted: an amount below 10^11 with at most 4 decimals such \
         as 1234.5, \"1234.5\", \"1234.5 USD\" or {\"amount\": \"1234.50\", \"currency\": \"USD\"}"
    );
}
