//! Our own order document, for `POST /v1/orders`: the fields of [`IncomingOrder`], nothing else.
//!
//! May be left out: `number` (then `source_id`), `source_line_id` (then the line's position from 1), `title` (then the
//! SKU), `cash_on_delivery`, `ship_to` (then the order is held), `delivery_method`, `note`,
//! `priority` (then 0).

use crate::json::{Field, FieldError, FieldProblem, parse};
use domain::address::{Address, Person};
use domain::ids::Sku;
use domain::incoming::{IncomingLine, IncomingOrder, LINES_MAX, PRIORITY_MAX, QUANTITY_MAX};
use domain::money::{Currency, Money};
use std::collections::BTreeSet;

/// Longest name, address line, title or id, in characters.
const TEXT_MAX: usize = 255;
/// Longest note, in characters.
const NOTE_MAX: usize = 2000;
/// Largest amount in minor units: sums of a whole order stay far from overflow.
const AMOUNT_MAX: u64 = 1_000_000_000_000;

/// Reads an order document of our own.
///
/// # Errors
/// [`FieldError`] with the JSON pointer of the first field that is missing, unknown or wrong.
pub fn parse_own(body: &[u8]) -> Result<IncomingOrder, FieldError> {
    let value = parse(body)?;
    let root = Field::root(&value);
    root.only(&[
        "source_id",
        "number",
        "placed_at",
        "currency",
        "total",
        "cash_on_delivery",
        "payment_settled",
        "lines",
        "ship_to",
        "delivery_method",
        "note",
        "priority",
    ])?;
    let source_id = root.get("source_id").filled(TEXT_MAX)?.to_owned();
    let currency = root.get("currency").currency()?;
    Ok(IncomingOrder {
        number: root.get("number").optional_text(TEXT_MAX)?.unwrap_or(&source_id).to_owned(),
        placed_at: root.get("placed_at").instant()?,
        currency,
        total: money(&root.get("total"), currency)?,
        cash_on_delivery: match root.get("cash_on_delivery").present() {
            Some(field) => Some(cash(&field, currency)?),
            None => None,
        },
        payment_settled: root.get("payment_settled").bool()?,
        lines: lines(&root.get("lines"))?,
        ship_to: root.get("ship_to").present().map(|field| person(&field)).transpose()?,
        delivery_method: owned(&root.get("delivery_method"), TEXT_MAX)?,
        note: owned(&root.get("note"), NOTE_MAX)?,
        source_id,
        priority: root.get("priority").present().map(|field| priority(&field)).transpose()?.unwrap_or(0),
    })
}

fn lines(field: &Field<'_>) -> Result<Vec<IncomingLine>, FieldError> {
    let items = field.items()?;
    if items.is_empty() {
        return Err(field.error(FieldProblem::NothingToShip));
    }
    if items.len() > LINES_MAX {
        return Err(field.error(FieldProblem::TooMany { max: LINES_MAX }));
    }
    let mut ids = BTreeSet::new();
    let mut lines = Vec::with_capacity(items.len());
    for (position, item) in items.iter().enumerate() {
        item.only(&["source_line_id", "sku", "title", "quantity", "unit_price_minor"])?;
        let id = item.get("source_line_id");
        let source_line_id = id.optional_text(TEXT_MAX)?.map_or_else(|| (position + 1).to_string(), str::to_owned);
        if !ids.insert(source_line_id.clone()) {
            return Err(id.error(FieldProblem::Repeated));
        }
        let sku = item.get("sku").code(Sku::parse)?;
        lines.push(IncomingLine {
            title: item.get("title").optional_text(TEXT_MAX)?.unwrap_or(sku.as_str()).to_owned(),
            quantity: quantity(&item.get("quantity"))?,
            unit_price_minor: amount(&item.get("unit_price_minor"))?,
            source_line_id,
            sku: Some(sku),
        });
    }
    Ok(lines)
}

fn person(field: &Field<'_>) -> Result<Person, FieldError> {
    field.only(&["name", "company", "email", "phone", "address"])?;
    let address = field.get("address");
    address.only(&["line1", "line2", "city", "region", "postal_code", "country"])?;
    let country = address.get("country");
    let code = country.text()?;
    if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(
            country.error(FieldProblem::Type { expected: "an ISO 3166-1 alpha-2 code in capitals, for example BG" })
        );
    }
    Ok(Person {
        name: field.get("name").filled(TEXT_MAX)?.to_owned(),
        company: owned(&field.get("company"), TEXT_MAX)?,
        email: owned(&field.get("email"), TEXT_MAX)?,
        phone: owned(&field.get("phone"), TEXT_MAX)?,
        address: Address {
            line1: address.get("line1").filled(TEXT_MAX)?.to_owned(),
            line2: owned(&address.get("line2"), TEXT_MAX)?,
            city: address.get("city").filled(TEXT_MAX)?.to_owned(),
            region: owned(&address.get("region"), TEXT_MAX)?,
            postal_code: owned(&address.get("postal_code"), TEXT_MAX)?,
            country: code.to_owned(),
        },
    })
}

/// The units of one line: 1 to [`QUANTITY_MAX`].
pub(super) fn quantity(field: &Field<'_>) -> Result<u32, FieldError> {
    let count = field.at_least_one(u64::from(QUANTITY_MAX))?;
    u32::try_from(count).map_err(|_| field.error(FieldProblem::TooLarge { max: u64::from(QUANTITY_MAX) }))
}

fn priority(field: &Field<'_>) -> Result<u32, FieldError> {
    let count = field.count(u64::from(PRIORITY_MAX))?;
    u32::try_from(count).map_err(|_| field.error(FieldProblem::TooLarge { max: u64::from(PRIORITY_MAX) }))
}

fn amount(field: &Field<'_>) -> Result<i64, FieldError> {
    let count = field.count(AMOUNT_MAX)?;
    i64::try_from(count).map_err(|_| field.error(FieldProblem::TooLarge { max: AMOUNT_MAX }))
}

fn money(field: &Field<'_>, order: Currency) -> Result<Money, FieldError> {
    field.only(&["amount_minor", "currency"])?;
    let currency = field.get("currency");
    if currency.currency()? != order {
        return Err(currency.error(FieldProblem::OtherCurrency));
    }
    Ok(Money::new(amount(&field.get("amount_minor"))?, order))
}

fn cash(field: &Field<'_>, order: Currency) -> Result<Money, FieldError> {
    let money = money(field, order)?;
    if money.amount_minor == 0 {
        return Err(field.get("amount_minor").error(FieldProblem::Zero));
    }
    Ok(money)
}

pub(super) fn owned(field: &Field<'_>, max: usize) -> Result<Option<String>, FieldError> {
    Ok(field.optional_text(max)?.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn document() -> Value {
        json!({
            "source_id": "W-77", "placed_at": "2026-03-01T09:30:00+02:00", "currency": "EUR",
            "total": {"amount_minor": 4250, "currency": "EUR"}, "payment_settled": true,
            "lines": [
                {"sku": "TEA-1", "quantity": 2, "unit_price_minor": 1500, "title": "Чай 🍵"},
                {"source_line_id": "b", "sku": "TEA-1", "quantity": 1, "unit_price_minor": 1250}
            ],
            "ship_to": {"name": "مريم", "address": {"line1": "ул. Шипка 1", "city": "София", "country": "BG"}}
        })
    }

    fn set(pointer: &str, value: Value) -> Value {
        let mut document = document();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = document.pointer_mut(parent).unwrap();
        match parent.as_array_mut() {
            Some(items) => items[key.parse::<usize>().unwrap()] = value,
            None => parent[key] = value,
        }
        document
    }

    fn read(document: &Value) -> Result<IncomingOrder, FieldError> {
        parse_own(document.to_string().as_bytes())
    }

    #[test]
    fn an_order_is_read_with_what_may_be_left_out() {
        let order = read(&document()).unwrap();
        assert_eq!((order.number.as_str(), order.placed_at.to_string().as_str()), ("W-77", "2026-03-01T07:30:00Z"));
        let ids: Vec<&str> = order.lines.iter().map(|line| line.source_line_id.as_str()).collect();
        assert_eq!(ids, ["1", "b"]);
        assert_eq!(order.lines[0].title, "Чай 🍵");
        assert_eq!(order.lines[1].title, "TEA-1");
        assert_eq!(order.ship_to.unwrap().name, "مريم");
    }

    #[test]
    fn what_an_order_serialises_to_reads_back() {
        let order = read(&document()).unwrap();
        assert_eq!(parse_own(&serde_json::to_vec(&order).unwrap()).unwrap(), order);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let check = |pointer: &str, value: Value, expect: FieldProblem| {
            assert_eq!(read(&set(pointer, value)).unwrap_err(), FieldError::new(pointer, expect));
        };
        let max = u64::from(QUANTITY_MAX);
        check("/lines/0/quantity", json!(0), FieldProblem::Zero);
        check("/lines/1/quantity", json!(-3), FieldProblem::Negative);
        check("/lines/1/quantity", json!(2.5), FieldProblem::Fraction);
        check("/lines/1/quantity", json!(1e300), FieldProblem::TooLarge { max });
        check("/lines/1/quantity", json!(max + 1), FieldProblem::TooLarge { max });
        check("/lines/1/quantity", json!("2"), FieldProblem::Type { expected: "a number" });
        check("/lines/1/source_line_id", json!("1"), FieldProblem::Repeated);
        check("/lines/0/price", json!(1), FieldProblem::Unknown);
        check("/lines", json!([]), FieldProblem::NothingToShip);
        check("/lines", Value::Null, FieldProblem::Missing);
        check("/colour", json!("red"), FieldProblem::Unknown);
        check("/source_id", json!("  "), FieldProblem::Empty);
        check("/placed_at", json!("2026-03-01 09:30"), FieldProblem::Time);
        check("/payment_settled", Value::Null, FieldProblem::Missing);
        check("/total/currency", json!("BGN"), FieldProblem::OtherCurrency);
        check("/total/amount_minor", json!(-1), FieldProblem::Negative);
        check("/ship_to/address/city", json!(""), FieldProblem::Empty);
        check("/ship_to/note~1x".replace("~1", "_").as_str(), json!(""), FieldProblem::Unknown);
        let cash = read(&set("/cash_on_delivery", json!({"amount_minor": 0, "currency": "EUR"})));
        assert_eq!(cash.unwrap_err(), FieldError::new("/cash_on_delivery/amount_minor", FieldProblem::Zero));
        let country = read(&set("/ship_to/address/country", json!("Bulgaria"))).unwrap_err();
        assert_eq!(country.pointer, "/ship_to/address/country");
        let sku = read(&set("/lines/0/sku", json!("A#1"))).unwrap_err();
        assert!(matches!(sku.problem, FieldProblem::Code(_)), "{sku}");
        assert_eq!(read(&set("/lines/0/sku", Value::Null)).unwrap_err().problem, FieldProblem::Missing);
    }

    #[test]
    fn more_lines_than_an_order_can_hold_are_refused() {
        let lines: Vec<Value> =
            (0..=LINES_MAX).map(|_| json!({"sku": "A", "quantity": 1, "unit_price_minor": 1})).collect();
        let error = read(&set("/lines", json!(lines))).unwrap_err();
        assert_eq!(error, FieldError::new("/lines", FieldProblem::TooMany { max: LINES_MAX }));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300), cut in 0..400_usize) {
            let _ = parse_own(&body);
            let text = document().to_string();
            let cut = cut.min(text.len() - 1);
            prop_assert!(parse_own(&text.as_bytes()[..cut]).is_err());
        }
    }
}
