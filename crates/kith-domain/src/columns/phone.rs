//! Phone numbers in E.164, from any form in which people write them.

use std::str::FromStr;

use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, PhoneNumber, country};

use crate::locale::Country;

/// Longest text that is tried, in bytes: E.164 has 15 digits, people add punctuation.
const MAX_INPUT: usize = 64;

/// Reads a number in international form, or as it is dialled in `country`, and writes it in E.164.
///
/// A number whose length does not exist in its country is refused; whether it has been assigned is not judged, since
/// numbering plans grow and test numbers exist. Letters and extensions are refused, because E.164 cannot keep them.
pub(crate) fn parse(text: &str, country: Option<Country>) -> Result<String, String> {
    let text = text.trim();
    let text = text.strip_prefix("tel:").unwrap_or(text).trim_start();
    let written = |c: char| {
        c.is_ascii_digit()
            || c == '+'
            || matches!(
                c,
                '(' | ')' | '.' | '/' | '-' | '\u{2010}'
                    ..='\u{2015}' | ' ' | '\u{a0}' | '\u{202f}' | '\t'
            )
    };
    if text.len() > MAX_INPUT || !text.chars().all(written) {
        return Err("a phone number has digits, with spaces, brackets, dots, slashes or hyphens between them".to_owned());
    }
    let is_plain = |c: &char| c.is_ascii_digit() || *c == '+';
    let compact: String = text.chars().filter(is_plain).collect();
    let number = if compact.starts_with('+') {
        read(&compact, None).ok_or("no country has such a number")?
    } else {
        let Some(country) = country else {
            return Err(
                "without a company country the number needs its country code, as in +4930123456"
                    .to_owned(),
            );
        };
        // A country that has no numbers of its own knows no national form either.
        let id = country::Id::from_str(country.code()).ok();
        let number = id.and_then(|id| read(&compact, Some(id)));
        number.ok_or_else(|| format!("no number is dialled like this in {country}; with its country code it would be accepted from anywhere"))?
    };
    // What is stored has to mean the same when it comes back.
    match read(&number, None) {
        Some(again) if again == number => Ok(number),
        _ => Err("no country has such a number".to_owned()),
    }
}

fn read(text: &str, country: Option<country::Id>) -> Option<String> {
    let number = phonenumber::parse(country, text).ok()?;
    let code = number.country().code();
    (code != 0 && (phonenumber::is_valid(&number) || is_possible(&number, code)))
        .then(|| number.format().mode(Mode::E164).to_string())
}

/// Whether some kind of number of a country with this code has as many digits.
fn is_possible(number: &PhoneNumber, code: u16) -> bool {
    let Ok(length) = u16::try_from(number.national().to_string().len()) else {
        return false;
    };
    let plans = DATABASE.by_code(&code).unwrap_or_default();
    plans.iter().map(|plan| plan.descriptors()).any(|kinds| {
        let kinds = [
            kinds.fixed_line(),
            kinds.mobile(),
            kinds.toll_free(),
            kinds.premium_rate(),
            kinds.shared_cost(),
            kinds.voip(),
            kinds.uan(),
        ];
        kinds
            .into_iter()
            .flatten()
            .any(|kind| kind.possible_length().contains(&length))
    })
}
