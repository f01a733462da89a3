//! Money in integer minor units with an ISO 4217 currency.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// An ISO 4217 currency code, three capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "EUR")]
pub struct Currency([u8; 3]);

/// Why a text is no currency or no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not three capital letters.
    #[error("a currency is three capital letters as in ISO 4217, for example EUR")]
    Currency,
    /// Not a decimal number with at most the currency's number of decimals.
    #[error("an amount is a decimal number with at most {decimals} decimals, for example 12.50")]
    Amount {
        /// How many decimals the currency has.
        decimals: u32,
    },
}

impl Currency {
    /// Reads an ISO 4217 code.
    ///
    /// # Errors
    /// [`MoneyError::Currency`] if it is not three capital letters.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        match text.as_bytes() {
            [a, b, c] if [a, b, c].iter().all(|l| l.is_ascii_uppercase()) => Ok(Self([*a, *b, *c])),
            _ => Err(MoneyError::Currency),
        }
    }

    /// How many decimals an amount in this currency has.
    #[must_use]
    pub fn decimals(self) -> u32 {
        match &self.0 {
            b"JPY" | b"KRW" | b"VND" | b"CLP" | b"ISK" | b"UGX" | b"XAF" | b"XOF" => 0,
            b"BHD" | b"KWD" | b"OMR" | b"JOD" | b"TND" | b"IQD" | b"LYD" => 3,
            _ => 2,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or("???"))
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;
    fn try_from(text: String) -> Result<Self, MoneyError> {
        Self::parse(&text)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.to_string()
    }
}

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Money {
    /// Integer minor units, for example cents.
    pub amount_minor: i64,
    /// The currency of the amount.
    pub currency: Currency,
}

impl Money {
    /// An amount in minor units.
    #[must_use]
    pub fn new(amount_minor: i64, currency: Currency) -> Self {
        Self { amount_minor, currency }
    }

    /// Reads a decimal amount as shops write it ("12.5", "1200", "-3.00").
    ///
    /// # Errors
    /// [`MoneyError::Amount`] for anything else, more decimals than the currency has, or an amount past `i64`.
    pub fn parse_decimal(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let decimals = currency.decimals();
        let error = MoneyError::Amount { decimals };
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let significant = fraction.trim_end_matches('0');
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || significant.len() > decimals as usize {
            return Err(error);
        }
        let mut minor: i64 = whole.parse().map_err(|_| error.clone())?;
        for position in 0..decimals as usize {
            let digit = i64::from(significant.as_bytes().get(position).map_or(0, |b| b - b'0'));
            minor = minor.checked_mul(10).and_then(|m| m.checked_add(digit)).ok_or_else(|| error.clone())?;
        }
        Ok(Self::new(if negative { -minor } else { minor }, currency))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = self.currency.decimals();
        let unit = 10_u64.pow(decimals);
        let sign = if self.amount_minor < 0 { "-" } else { "" };
        let amount = self.amount_minor.unsigned_abs();
        if decimals == 0 {
            write!(f, "{sign}{amount} {}", self.currency)
        } else {
            write!(f, "{sign}{}.{:0width$} {}", amount / unit, amount % unit, self.currency, width = decimals as usize)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn eur() -> Currency {
        Currency::parse("EUR").unwrap()
    }

    #[test]
    fn decimal_amounts_are_read_exactly() {
        let check = |text: &str, expect: Option<i64>| {
            assert_eq!(Money::parse_decimal(text, eur()).ok().map(|m| m.amount_minor), expect, "{text}");
        };
        check("12.5", Some(1250));
        check("12.500", Some(1250));
        check("0.01", Some(1));
        check("-3.00", Some(-300));
        check("12.345", None);
        check("1e3", None);
        check("", None);
        check(".5", None);
        check("99999999999999999999", None);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(minor in -1_000_000_000_i64..1_000_000_000) {
            let money = Money::new(minor, eur());
            let shown = money.to_string();
            let amount = shown.strip_suffix(" EUR").unwrap();
            prop_assert_eq!(Money::parse_decimal(amount, eur()).unwrap(), money);
        }
    }
}
