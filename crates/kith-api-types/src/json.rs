//! The scalar values of the public JSON, written straight into a buffer.

use std::io::Write;

use chrono::{Datelike, Timelike};
use kith_domain::time::Timestamp;
use rust_decimal::Decimal;
use uuid::Uuid;

/// Writes a string with its quotes.
pub fn string(out: &mut Vec<u8>, text: &str) {
    // Writing a string into a vector cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// Writes an id as a string.
pub fn id(out: &mut Vec<u8>, id: Uuid) {
    let mut text = [0; 38];
    text[0] = b'"';
    id.hyphenated().encode_lower(&mut text[1..37]);
    text[37] = b'"';
    out.extend_from_slice(&text);
}

/// Writes a point in time as a string: RFC 3339, UTC, milliseconds and `Z`.
pub fn timestamp(out: &mut Vec<u8>, at: Timestamp) {
    let utc = at.to_utc();
    let Ok(year) = u32::try_from(utc.year()) else {
        return string(out, &at.to_string());
    };
    if year > 9_999 {
        return string(out, &at.to_string());
    }
    let mut text = *b"\"0000-00-00T00:00:00.000Z\"";
    let parts = [
        (1..5, year),
        (6..8, utc.month()),
        (9..11, utc.day()),
        (12..14, utc.hour()),
        (15..17, utc.minute()),
        (18..20, utc.second()),
        (21..24, utc.timestamp_subsec_millis()),
    ];
    for (place, mut number) in parts {
        for digit in text[place].iter_mut().rev() {
            // The remainder of a division by ten is a digit.
            *digit += (number % 10) as u8;
            number /= 10;
        }
    }
    out.extend_from_slice(&text);
}

/// Writes a decimal as an exact JSON number, without trailing zeros.
pub fn decimal(out: &mut Vec<u8>, number: Decimal) {
    // Writing into a vector cannot fail.
    let _ = write!(out, "{}", number.normalize());
}

/// Writes an integer.
pub fn integer(out: &mut Vec<u8>, number: i64) {
    // Writing into a vector cannot fail.
    let _ = write!(out, "{number}");
}

/// Writes `true` or `false`.
pub fn flag(out: &mut Vec<u8>, flag: bool) {
    out.extend_from_slice(if flag { b"true" } else { b"false" });
}

/// Writes a value, or `null` where there is none.
pub fn optional<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        Some(value) => write(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

/// Writes `[…]`, one element after the other.
pub fn array<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut item: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    let mut first = true;
    for element in items {
        if !first {
            out.push(b',');
        }
        first = false;
        item(out, element);
    }
    out.push(b']');
}

/// Writes `"name":`, after a comma unless the buffer ends with an opening brace. `name` needs no escapes.
pub fn member(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_are_written_as_the_domain_prints_them() {
        for millis in [
            0,
            1_776_852_000_007,
            -1,
            951_782_400_000,
            253_402_300_799_999,
            253_402_300_800_000,
            -62_198_755_200_000,
        ] {
            let at = Timestamp(millis);
            assert_eq!(written(|out| timestamp(out, at)), format!("\"{at}\""));
        }
    }

    #[test]
    fn decimals_keep_every_digit() {
        for (given, expected) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("1200.50", "1200.5"),
            ("99999999999.9999", "99999999999.9999"),
            ("0.00000001", "0.00000001"),
            ("900000000000000.12345678", "900000000000000.12345678"),
        ] {
            assert_eq!(
                written(|out| decimal(out, given.parse().unwrap())),
                expected
            );
        }
    }

    #[test]
    fn strings_and_ids_are_quoted() {
        assert_eq!(
            written(|out| string(out, "a\"b\\\n\u{1}é")),
            r#""a\"b\\\n\u0001é""#
        );
        assert_eq!(
            written(|out| id(out, Uuid::from_u128(0xAB))),
            "\"00000000-0000-0000-0000-0000000000ab\""
        );
    }
}
