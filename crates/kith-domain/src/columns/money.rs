//! Money: an exact amount with its currency.

use rust_decimal::Decimal;
use serde_json::Number;

use crate::locale::Currency;

/// Most decimals of an amount.
pub const MAX_DECIMALS: u32 = 4;

/// Amounts are smaller than 10^11, so that they fit a 64-bit integer scaled by 10^4.
const LIMIT: Decimal = Decimal::from_parts(1_215_752_192, 23, 0, false, 0);

/// An amount with its currency. Equality is numeric: 1.5 EUR equals 1.50 EUR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    amount: Decimal,
    currency: Currency,
}

/// Why a number is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not a plain decimal number.
    #[error(
        "the amount is not a plain decimal number such as 1234.5 (no thousands separators, `.` before the decimals)"
    )]
    NotANumber,
    /// More than [`MAX_DECIMALS`] decimals.
    #[error("the amount has more than {MAX_DECIMALS} decimals")]
    TooPrecise,
    /// 10^11 or more.
    #[error("the amount is not below 100000000000 (10^11)")]
    TooLarge,
}

impl Money {
    /// An amount of a currency.
    ///
    /// # Errors
    /// [`AmountError`] if it has more than 4 decimals or is not below 10^11.
    pub fn new(amount: Decimal, currency: Currency) -> Result<Self, AmountError> {
        let mut amount = checked(amount)?;
        amount.rescale(amount.scale().max(currency.minor_digits()));
        Ok(Money { amount, currency })
    }

    /// The amount, with at least the currency's minor digits.
    pub fn amount(&self) -> Decimal {
        self.amount
    }

    /// The currency.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The amount scaled by 10^4, exactly.
    pub fn scaled(&self) -> i64 {
        let mut amount = self.amount;
        amount.rescale(MAX_DECIMALS);
        // At most 15 digits, since the amount is below 10^11.
        i64::try_from(amount.mantissa()).unwrap_or_default()
    }
}

/// Reads an amount: digits with an optional `-` before and decimals after `.`.
///
/// # Errors
/// [`AmountError`] if it is something else, has more than 4 decimals (trailing zeros aside) or is not below 10^11.
pub fn parse_amount(text: &str) -> Result<Decimal, AmountError> {
    checked(plain_decimal(text)?)
}

/// Reads a plain decimal of at most 15 digits before and 12 after the point.
pub(crate) fn plain_decimal(text: &str) -> Result<Decimal, AmountError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(decimals) {
        return Err(AmountError::NotANumber);
    }
    let (whole, decimals) = (
        whole.trim_start_matches('0'),
        decimals.trim_end_matches('0'),
    );
    if decimals.len() > 12 {
        return Err(AmountError::TooPrecise);
    }
    if whole.len() > 15 {
        return Err(AmountError::TooLarge);
    }
    let sign = if text.starts_with('-') { "-" } else { "" };
    let number = Decimal::from_str_exact(&format!("{sign}0{whole}.{decimals}0"));
    number.map_err(|_| AmountError::NotANumber)
}

/// Reads a JSON number as the decimal that was written.
pub(crate) fn decimal_of(number: &Number) -> Result<Decimal, AmountError> {
    let text = number.to_string();
    if !text.contains(['e', 'E']) {
        return plain_decimal(&text);
    }
    let too_large = number.as_f64().is_none_or(|value| value.abs() >= 1e15);
    let error = if too_large {
        AmountError::TooLarge
    } else {
        AmountError::TooPrecise
    };
    Decimal::from_scientific(&text).map_err(|_| error)
}

/// Reduced to lowest terms and within the limits.
pub(super) fn checked(amount: Decimal) -> Result<Decimal, AmountError> {
    let amount = amount.normalize();
    if amount.abs() >= LIMIT {
        return Err(AmountError::TooLarge);
    }
    if amount.scale() > MAX_DECIMALS {
        return Err(AmountError::TooPrecise);
    }
    Ok(amount)
}
