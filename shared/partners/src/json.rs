//! Reading JSON from outside with errors that name the place (a JSON pointer) and never the value, which may be personal.

use domain::money::{Currency, Money, MoneyError};
use jiff::Timestamp;
use serde_json::Value;

/// What is wrong with one field of a document from outside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", if .pointer.is_empty() { "the document" } else { .pointer.as_str() })]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the field, for example `/line_items/0/quantity`; empty for the whole document.
    pub pointer: String,
    /// What is wrong there.
    pub problem: FieldProblem,
}

/// The kinds of things that can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldProblem {
    /// The document is no JSON.
    #[error("is not valid JSON (line {line}, column {column})")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// A field that must be there is absent or null.
    #[error("is missing")]
    Missing,
    /// A field that we do not know.
    #[error("is not a field of this document: remove it, or correct its name")]
    Unknown,
    /// Another JSON type.
    #[error("must be {expected}")]
    Type {
        /// What it must be, with its article.
        expected: &'static str,
    },
    /// Only space, or nothing.
    #[error("must not be empty")]
    Empty,
    /// Zero where at least one is needed.
    #[error("must be at least 1, not zero")]
    Zero,
    /// Below zero.
    #[error("must not be negative")]
    Negative,
    /// Not a whole number.
    #[error("must be a whole number, without a fraction or an exponent")]
    Fraction,
    /// Above the limit.
    #[error("must be at most {max}")]
    TooLarge {
        /// The limit.
        max: u64,
    },
    /// More entries than allowed.
    #[error("has too many entries: at most {max}")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// Longer than allowed.
    #[error("is too long: at most {max} characters")]
    TooLong {
        /// The limit, in characters.
        max: usize,
    },
    /// The same value as an earlier entry, where each must differ.
    #[error("repeats the value of an earlier entry: each must differ")]
    Repeated,
    /// No amount or currency.
    #[error("{0}")]
    Money(MoneyError),
    /// Another currency than the document's own.
    #[error("must be in the order's own currency")]
    OtherCurrency,
    /// No instant.
    #[error("must be an instant with an offset as in RFC 3339, for example 2026-03-01T09:30:00+02:00")]
    Time,
    /// No code or id of ours.
    #[error("{0}")]
    Code(String),
    /// Not one of the texts allowed.
    #[error("must be one of: {allowed}")]
    Choice {
        /// The texts allowed, separated by comma.
        allowed: &'static str,
    },
    /// Every line is digital, removed or a gift card: a legal order, but none of a warehouse's.
    #[error("has nothing that needs shipping")]
    NothingToShip,
    /// The shop cancelled the order before it reached us.
    #[error("says that the order is already cancelled")]
    Cancelled,
}

impl FieldError {
    /// An error at `pointer`.
    #[must_use]
    pub fn new(pointer: impl Into<String>, problem: FieldProblem) -> Self {
        Self { pointer: pointer.into(), problem }
    }

    /// Whether the document is right but not ours to handle: acknowledge it and do nothing, since a shop that is
    /// answered with an error repeats it and in the end stops sending.
    #[must_use]
    pub fn is_nothing_to_do(&self) -> bool {
        matches!(self.problem, FieldProblem::NothingToShip | FieldProblem::Cancelled)
    }
}

/// Parses a whole document.
///
/// # Errors
/// [`FieldProblem::NotJson`] with line and column.
pub fn parse(body: &[u8]) -> Result<Value, FieldError> {
    serde_json::from_slice(body)
        .map_err(|e| FieldError::new("", FieldProblem::NotJson { line: e.line(), column: e.column() }))
}

/// A value of a document and where it stands. Absent and null are the same.
#[derive(Clone)]
pub struct Field<'a> {
    value: Option<&'a Value>,
    pointer: String,
}

impl<'a> Field<'a> {
    /// The whole document.
    #[must_use]
    pub fn root(value: &'a Value) -> Self {
        Self { value: Some(value), pointer: String::new() }
    }

    /// The member `name` of an object; absent if this is none.
    #[must_use]
    pub fn get(&self, name: &str) -> Self {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        Self {
            value: self.value.and_then(|v| v.get(name)).filter(|v| !v.is_null()),
            pointer: format!("{}/{escaped}", self.pointer),
        }
    }

    /// This field, if it is there.
    #[must_use]
    pub fn present(self) -> Option<Self> {
        self.value.is_some_and(|v| !v.is_null()).then_some(self)
    }

    /// The JSON pointer of this field.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// An error at this field.
    #[must_use]
    pub fn error(&self, problem: FieldProblem) -> FieldError {
        FieldError::new(self.pointer.clone(), problem)
    }

    fn expect(&self, expected: &'static str) -> FieldError {
        self.error(if self.value.is_none_or(Value::is_null) {
            FieldProblem::Missing
        } else {
            FieldProblem::Type { expected }
        })
    }

    /// Checks that this is an object.
    ///
    /// # Errors
    /// [`FieldProblem::Missing`] or [`FieldProblem::Type`].
    pub fn object(&self) -> Result<&'a serde_json::Map<String, Value>, FieldError> {
        self.value.and_then(Value::as_object).ok_or_else(|| self.expect("an object"))
    }

    /// Checks that this is an object with no other fields than `known`.
    ///
    /// # Errors
    /// As [`Field::object`]; [`FieldProblem::Unknown`] at the first other field.
    pub fn only(&self, known: &[&str]) -> Result<(), FieldError> {
        match self.object()?.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(self.get(key).error(FieldProblem::Unknown)),
            None => Ok(()),
        }
    }

    /// The entries of an array.
    ///
    /// # Errors
    /// [`FieldProblem::Missing`] or [`FieldProblem::Type`].
    pub fn items(&self) -> Result<Vec<Self>, FieldError> {
        let items = self.value.and_then(Value::as_array).ok_or_else(|| self.expect("an array"))?;
        Ok(items
            .iter()
            .enumerate()
            .map(|(i, value)| Self { value: Some(value), pointer: format!("{}/{i}", self.pointer) })
            .collect())
    }

    /// A text, as it stands.
    ///
    /// # Errors
    /// [`FieldProblem::Missing`] or [`FieldProblem::Type`].
    pub fn text(&self) -> Result<&'a str, FieldError> {
        self.value.and_then(Value::as_str).ok_or_else(|| self.expect("a text"))
    }

    /// A text without space at its ends, not empty, of at most `max` characters.
    ///
    /// # Errors
    /// As [`Field::text`]; [`FieldProblem::Empty`], [`FieldProblem::TooLong`].
    pub fn filled(&self, max: usize) -> Result<&'a str, FieldError> {
        let text = self.text()?.trim();
        if text.is_empty() {
            Err(self.error(FieldProblem::Empty))
        } else if text.chars().count() > max {
            Err(self.error(FieldProblem::TooLong { max }))
        } else {
            Ok(text)
        }
    }

    /// A text that may be absent, null or blank.
    ///
    /// # Errors
    /// [`FieldProblem::Type`], [`FieldProblem::TooLong`].
    pub fn optional_text(&self, max: usize) -> Result<Option<&'a str>, FieldError> {
        match self.clone().present() {
            Some(field) if field.text()?.trim().is_empty() => Ok(None),
            Some(field) => field.filled(max).map(Some),
            None => Ok(None),
        }
    }

    /// A yes or no.
    ///
    /// # Errors
    /// [`FieldProblem::Missing`] or [`FieldProblem::Type`].
    pub fn bool(&self) -> Result<bool, FieldError> {
        self.value.and_then(Value::as_bool).ok_or_else(|| self.expect("true or false"))
    }

    /// A whole number from 0 to `max`.
    ///
    /// # Errors
    /// [`FieldProblem`] `Missing`, `Type`, `Negative`, `Fraction` or `TooLarge`.
    pub fn count(&self, max: u64) -> Result<u64, FieldError> {
        let number = self.value.and_then(Value::as_number).ok_or_else(|| self.expect("a number"))?;
        let problem = if let Some(count) = number.as_u64() {
            if count <= max {
                return Ok(count);
            }
            FieldProblem::TooLarge { max }
        } else if number.as_i64().is_some() {
            FieldProblem::Negative
        } else {
            // A number past 64 bits is read as floating point.
            match number.as_f64() {
                Some(float) if float < 0.0 => FieldProblem::Negative,
                Some(float) if float > max as f64 => FieldProblem::TooLarge { max },
                _ => FieldProblem::Fraction,
            }
        };
        Err(self.error(problem))
    }

    /// A whole number from 1 to `max`.
    ///
    /// # Errors
    /// As [`Field::count`]; [`FieldProblem::Zero`].
    pub fn at_least_one(&self, max: u64) -> Result<u64, FieldError> {
        match self.count(max)? {
            0 => Err(self.error(FieldProblem::Zero)),
            count => Ok(count),
        }
    }

    /// An instant with an offset.
    ///
    /// # Errors
    /// As [`Field::text`]; [`FieldProblem::Time`].
    pub fn instant(&self) -> Result<Timestamp, FieldError> {
        self.text()?.parse().map_err(|_| self.error(FieldProblem::Time))
    }

    /// A currency code.
    ///
    /// # Errors
    /// As [`Field::text`]; [`FieldProblem::Money`].
    pub fn currency(&self) -> Result<Currency, FieldError> {
        Currency::parse(self.text()?).map_err(|e| self.error(FieldProblem::Money(e)))
    }

    /// A decimal amount as text ("12.50"), not negative.
    ///
    /// # Errors
    /// As [`Field::text`]; [`FieldProblem::Money`], [`FieldProblem::Negative`].
    pub fn decimal(&self, currency: Currency) -> Result<Money, FieldError> {
        let money = Money::parse_decimal(self.text()?, currency).map_err(|e| self.error(FieldProblem::Money(e)))?;
        if money.amount_minor < 0 { Err(self.error(FieldProblem::Negative)) } else { Ok(money) }
    }

    /// A value of ours that a text must be readable as, for example an id or a SKU.
    ///
    /// # Errors
    /// As [`Field::text`]; [`FieldProblem::Code`] with the type's own words.
    pub fn code<T, E: std::fmt::Display>(&self, read: impl Fn(&str) -> Result<T, E>) -> Result<T, FieldError> {
        read(self.text()?).map_err(|e| self.error(FieldProblem::Code(e.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_says_exactly_what_is_wrong() {
        let check = |json: &str, expect: Result<u64, FieldProblem>| {
            let value = parse(format!("{{\"a/b\":[{json}]}}").as_bytes()).unwrap();
            let field = Field::root(&value).get("a/b").items().unwrap().remove(0);
            assert_eq!(field.at_least_one(100), expect.map_err(|p| FieldError::new("/a~1b/0", p)), "{json}");
        };
        check("1", Ok(1));
        check("100", Ok(100));
        check("0", Err(FieldProblem::Zero));
        check("-1", Err(FieldProblem::Negative));
        check("-1.5", Err(FieldProblem::Negative));
        check("1.5", Err(FieldProblem::Fraction));
        check("1.0", Err(FieldProblem::Fraction));
        check("101", Err(FieldProblem::TooLarge { max: 100 }));
        check("1e30", Err(FieldProblem::TooLarge { max: 100 }));
        check("99999999999999999999999", Err(FieldProblem::TooLarge { max: 100 }));
        check("-99999999999999999999999", Err(FieldProblem::Negative));
        check("\"1\"", Err(FieldProblem::Type { expected: "a number" }));
        check("null", Err(FieldProblem::Missing));
    }

    #[test]
    fn an_error_names_the_place_and_not_the_value() {
        let value = parse(br#"{"phone": ["0888123456"]}"#).unwrap();
        let error = Field::root(&value).get("phone").text().unwrap_err();
        assert_eq!(error.to_string(), "/phone: must be a text");
    }

    #[test]
    fn broken_json_is_located() {
        assert_eq!(parse(b"{\n \"a\": }").unwrap_err().problem, FieldProblem::NotJson { line: 2, column: 7 });
        assert_eq!(parse(b"").unwrap_err().pointer, "");
        assert!(parse("[".repeat(100_000).as_bytes()).is_err(), "deep nesting ends in an error, not in a crash");
        assert!(parse(b"\xff\xfe{}").is_err());
    }
}
