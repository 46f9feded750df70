//! Tables of accepted and refused forms of the types that hold lists.

use serde_json::{Value, json};

use super::forms::{accepts, refuses};
use super::*;

#[test]
fn link_takes_http_addresses_in_any_listing() {
    accepts(
        &column(ColumnType::Link),
        vec![
            (json!("https://example.com"), json!(["https://example.com"])),
            (
                json!(["https://example.com"]),
                json!(["https://example.com"]),
            ),
            (
                json!("https://example.com/"),
                json!(["https://example.com/"]),
            ),
            (
                json!(" HTTPS://Example.COM/A?b=C#d "),
                json!(["https://example.com/A?b=C#d"]),
            ),
            (
                json!("http://example.com:8080/x"),
                json!(["http://example.com:8080/x"]),
            ),
            (
                json!("https://example.com:443/x"),
                json!(["https://example.com/x"]),
            ),
            (
                json!("https://a.example, https://b.example"),
                json!(["https://a.example", "https://b.example"]),
            ),
            (
                json!("https://a.example,,http://b.example ,"),
                json!(["https://a.example", "http://b.example"]),
            ),
            (
                json!(["https://b.example", "", "https://a.example"]),
                json!(["https://b.example", "https://a.example"]),
            ),
            (
                json!(["https://a.example", "https://A.example"]),
                json!(["https://a.example"]),
            ),
            (
                json!("https://a.example/x,y,z"),
                json!(["https://a.example/x,y,z"]),
            ),
            (
                json!("https://a.example/x,y, https://b.example"),
                json!(["https://a.example/x,y", "https://b.example"]),
            ),
            (
                json!(["https://a.example/?u=1,http://b.example"]),
                json!(["https://a.example/?u=1%2Chttp://b.example"]),
            ),
            (
                json!("https://müller.example/ä"),
                json!(["https://xn--mller-kva.example/%C3%A4"]),
            ),
            (
                json!("https://example.com?q=1"),
                json!(["https://example.com/?q=1"]),
            ),
            (
                json!("http://192.168.0.1/admin"),
                json!(["http://192.168.0.1/admin"]),
            ),
            (json!(["", " "]), Value::Null),
            (json!(",,"), Value::Null),
        ],
    );
    refuses(
        &column(ColumnType::Link),
        vec![
            (json!("example.com"), "begins with https:// or http://"),
            (json!("//example.com"), "begins with https:// or http://"),
            (json!("ftp://example.com"), "not ftp:"),
            (json!("javascript:alert(1)"), "not javascript:"),
            (json!("mailto:ada@example.com"), "not mailto:"),
            (json!("https://"), "begins with"),
            (json!("https://exa mple.com"), "no white space"),
            (json!("https://example.com/a b"), "no white space"),
            (json!("https://example.com/\u{0}"), "no white space"),
            (json!("https://a.example,b.example"), "no valid host name"),
            (json!("https://[::1"), "begins with"),
            (
                json!(["https://a.example", "nope"]),
                "\"nope\": not a web address",
            ),
            (
                json!(["https://a.example", 5]),
                "a number, where text is expected",
            ),
            (
                json!(["https://a.example", null]),
                "null, where text is expected",
            ),
            (
                json!([["https://a.example"]]),
                "a list, where text is expected",
            ),
            (
                json!({"url": "https://a.example"}),
                "an object, where text or a list of texts is expected",
            ),
            (
                json!(format!("https://example.com/{}", "x".repeat(3_000))),
                "at most 2048 bytes",
            ),
            (
                json!(
                    (0..101)
                        .map(|n| format!("https://example.com/{n}"))
                        .collect::<Vec<_>>()
                ),
                "101 values, more than 100",
            ),
        ],
    );
}

#[test]
fn email_takes_addresses_in_any_listing() {
    accepts(
        &column(ColumnType::Email),
        vec![
            (json!("ada@example.com"), json!(["ada@example.com"])),
            (json!("Ada@Example.COM"), json!(["Ada@example.com"])),
            (
                json!("a@example.com,b@example.com"),
                json!(["a@example.com", "b@example.com"]),
            ),
            (
                json!("a@example.com , b@example.com,"),
                json!(["a@example.com", "b@example.com"]),
            ),
            (
                json!(["b@example.com", "a@example.com"]),
                json!(["b@example.com", "a@example.com"]),
            ),
            (
                json!(["a@example.com", "A@EXAMPLE.com"]),
                json!(["a@example.com"]),
            ),
            (json!([""]), Value::Null),
        ],
    );
    refuses(
        &column(ColumnType::Email),
        vec![
            (json!("ada"), "not an e-mail address"),
            (json!("ada@localhost"), "not an e-mail address"),
            (json!("Ada <ada@example.com>"), "not an e-mail address"),
            (
                json!("a@example.com;b@example.com"),
                "not an e-mail address",
            ),
            (
                json!("a@example.com, nope"),
                "\"nope\": not an e-mail address",
            ),
            (
                json!(format!("{}@example.com", "a".repeat(1_000_000))),
                "more than 254 characters",
            ),
            (
                json!(7),
                "a number, where text or a list of texts is expected",
            ),
        ],
    );
}

#[test]
fn phone_takes_international_and_national_forms() {
    accepts(
        &column(ColumnType::Phone),
        vec![
            (json!("+4930123456"), json!(["+4930123456"])),
            (json!("+49 30 123456"), json!(["+4930123456"])),
            (json!("+49 (0)30 / 123-456"), json!(["+4930123456"])),
            (json!("0049 30 123456"), json!(["+4930123456"])),
            (json!("030 123456"), json!(["+4930123456"])),
            (json!("(030) 12 34 56"), json!(["+4930123456"])),
            (json!("tel:+49-30-123456"), json!(["+4930123456"])),
            (json!("0171 1234567"), json!(["+491711234567"])),
            (json!("+1 415 555 2671"), json!(["+14155552671"])),
            (json!("+1 (555) 123-4567"), json!(["+15551234567"])),
            (json!("+44 20 7946 0958"), json!(["+442079460958"])),
            (json!("+39 06 1234 5678"), json!(["+390612345678"])),
            (json!("+33 1 42 68 53 00"), json!(["+33142685300"])),
            (
                json!("030 123456, +1 415 555 2671"),
                json!(["+4930123456", "+14155552671"]),
            ),
            (json!(["030 123456", "+4930123456"]), json!(["+4930123456"])),
        ],
    );
    refuses(
        &column(ColumnType::Phone),
        vec![
            (json!("abc"), "a phone number has digits"),
            (json!("1-800-FLOWERS"), "a phone number has digits"),
            (json!("030 123456 ext. 5"), "a phone number has digits"),
            (json!("+999 123456789"), "no country has such a number"),
            (json!("+"), "no country has such a number"),
            (json!("+49"), "no country has such a number"),
            (json!("+1 415 555"), "no country has such a number"),
            (
                json!("+493012345678901234567"),
                "no country has such a number",
            ),
            (json!("5"), "no number is dialled like this in DE"),
            (json!("1".repeat(1_000_000)), "a phone number has digits"),
            (
                json!(4_930_123_456_u64),
                "a number, where text or a list of texts is expected",
            ),
        ],
    );
}

#[test]
fn without_a_country_phone_numbers_need_their_code() {
    let nowhere = ParseContext::default();
    let phone = column(ColumnType::Phone);
    assert!(phone.parse(&json!("+49 30 123456"), &nowhere).is_ok());
    let error = phone.parse(&json!("030 123456"), &nowhere).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("needs its country code, as in +4930123456")
    );
}

#[test]
fn a_column_for_one_value_refuses_two() {
    let rows = [
        (ColumnType::Link, "https://a.example", "https://b.example"),
        (ColumnType::Email, "a@example.com", "b@example.com"),
        (ColumnType::Phone, "+4930123456", "+14155552671"),
    ];
    for (column_type, one, two) in rows {
        let column = single(column_type);
        accepts(
            &column,
            vec![
                (json!(one), json!([one])),
                (json!([one]), json!([one])),
                (json!([one, one]), json!([one])),
                (json!([one, ""]), json!([one])),
            ],
        );
        let reason = "2 values, where the column allows one";
        refuses(
            &column,
            vec![
                (json!([one, two]), reason),
                (json!(format!("{one}, {two}")), reason),
            ],
        );
    }
}
