//! Countries (ISO 3166-1) and currencies (ISO 4217), as companies and money name them.

use std::fmt;
use std::str::FromStr;

/// A currency of ISO 4217, without the codes for "none" (`XXX`) and "test" (`XTS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency(iso_currency::Currency);

/// The text names no currency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no currency has this code; accepted: a code of ISO 4217 such as EUR, USD, GBP, CHF or JPY"
)]
pub struct UnknownCurrency;

impl Currency {
    /// The currency of companies that have not chosen one.
    pub const EUR: Currency = Currency(iso_currency::Currency::EUR);

    /// `EUR`.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Decimals of the smallest coin in the books: 2 for EUR, 0 for JPY, 3 for BHD, 4 at most; 0 for metals and units of account.
    pub fn minor_digits(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(0))
    }
}

impl Default for Currency {
    fn default() -> Self {
        Currency::EUR
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    /// Reads a code in any case, with white space around it.
    fn from_str(text: &str) -> Result<Self, UnknownCurrency> {
        use iso_currency::Currency as Iso;
        let code = text.trim();
        if code.len() != 3 {
            return Err(UnknownCurrency);
        }
        match Iso::from_code(&code.to_ascii_uppercase()) {
            None | Some(Iso::XXX | Iso::XTS) => Err(UnknownCurrency),
            Some(currency) => Ok(Currency(currency)),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A country of ISO 3166-1, by its two letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country([u8; 2]);

/// The text names no country.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no country has this code; accepted: two letters of ISO 3166-1 such as DE, FR, GB or US")]
pub struct UnknownCountry;

impl Country {
    /// `DE`.
    pub fn code(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Country {
    type Err = UnknownCountry;

    /// Reads a code in any case, with white space around it.
    fn from_str(text: &str) -> Result<Self, UnknownCountry> {
        let code = text.trim().to_ascii_uppercase();
        match (code.as_bytes(), iso_currency::Country::from_str(&code)) {
            (&[a @ b'A'..=b'Z', b @ b'A'..=b'Z'], Ok(country))
                if country != iso_currency::Country::Unspecified =>
            {
                Ok(Country([a, b]))
            }
            _ => Err(UnknownCountry),
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_are_read_in_any_case_and_know_their_digits() {
        let digits = |code: &str| Currency::from_str(code).map(Currency::minor_digits);
        for (code, expected) in [
            ("EUR", 2),
            ("usd", 2),
            (" jpy ", 0),
            ("BHD", 3),
            ("CLF", 4),
            ("XAU", 0),
        ] {
            assert_eq!(digits(code), Ok(expected), "{code}");
        }
        for code in ["", "EU", "EURO", "QQQ", "XXX", "XTS", "€", "ÄÖ", "E R"] {
            assert_eq!(digits(code), Err(UnknownCurrency), "{code}");
        }
    }

    #[test]
    fn countries_are_two_letters() {
        for (text, code) in [("DE", "DE"), ("fr", "FR"), (" us", "US"), ("GB", "GB")] {
            assert_eq!(
                Country::from_str(text).map(|country| country.to_string()),
                Ok(code.to_owned())
            );
        }
        for text in ["", "D", "DEU", "QQ", "ZZ", "49", "ß"] {
            assert_eq!(Country::from_str(text), Err(UnknownCountry), "{text}");
        }
    }
}
