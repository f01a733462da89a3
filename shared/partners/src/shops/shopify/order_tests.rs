use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const FIXTURE: &str = include_str!("orders_create.json");

fn fixture() -> Value {
    serde_json::from_str(FIXTURE).unwrap()
}

/// The fixture with one value replaced; `Value::Null` stands for an absent one.
fn set(pointer: &str, value: Value) -> Value {
    let mut document = fixture();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match parent.as_array_mut() {
        Some(items) => items[key.parse::<usize>().unwrap()] = value,
        None => parent[key] = value,
    }
    document
}

fn read(document: &Value) -> Result<IncomingOrder, FieldError> {
    parse_order(document.to_string().as_bytes())
}

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::parse("EUR").unwrap())
}

#[test]
fn an_order_is_read_whole() {
    let order = read(&fixture()).unwrap();
    assert_eq!(order.source_id, "6200407294252");
    assert_eq!(order.number, "#1071");
    assert_eq!(order.placed_at.to_string(), "2026-03-01T09:10:15Z");
    assert_eq!(order.total, eur(6130));
    assert_eq!(order.cash_on_delivery, Some(eur(6130)));
    assert!(order.payment_settled);
    assert_eq!(order.delivery_method.as_deref(), Some("Куриер до адрес"));
    let person = order.ship_to.unwrap();
    assert_eq!((person.name.as_str(), person.phone.as_deref()), ("Иван Петров", Some("+359888123456")));
    assert_eq!((person.address.city.as_str(), person.address.country.as_str()), ("София", "BG"));
    assert_eq!(person.address.missing(), None);
}

#[test]
fn lines_keep_their_ids_and_those_that_do_not_ship_are_dropped() {
    let order = read(&fixture()).unwrap();
    let lines: Vec<(&str, Option<&str>, u32, i64)> = order
        .lines
        .iter()
        .map(|l| (l.source_line_id.as_str(), l.sku.as_ref().map(Sku::as_str), l.quantity, l.unit_price_minor))
        .collect();
    assert_eq!(
        lines,
        [
            ("15518907892012", Some("TEA-GREEN-100"), 3, 1080),
            ("15518907924780", Some("MUG-01"), 1, 1800),
            ("15518907924781", Some("MUG-01"), 1, 500),
            ("15518907924782", None, 1, 0),
        ]
    );
}

#[test]
fn every_wrong_field_is_named() {
    let check = |pointer: &str, value: Value, expect: FieldProblem| {
        assert_eq!(read(&set(pointer, value)).unwrap_err(), FieldError::new(pointer, expect));
    };
    let max = u64::from(QUANTITY_MAX);
    check("/line_items/0/quantity", json!(0), FieldProblem::Zero);
    check("/line_items/0/quantity", json!(-1), FieldProblem::Negative);
    check("/line_items/1/quantity", json!(1.5), FieldProblem::Fraction);
    check("/line_items/1/quantity", json!(4_000_000_000_u64), FieldProblem::TooLarge { max });
    check("/line_items/1/quantity", json!(1e200), FieldProblem::TooLarge { max });
    check("/line_items/1/quantity", json!("1"), FieldProblem::Type { expected: "a number" });
    check("/line_items/1/quantity", Value::Null, FieldProblem::Missing);
    check("/line_items/1/id", Value::Null, FieldProblem::Missing);
    check(
        "/line_items/0/price",
        json!("12,00"),
        FieldProblem::Money(domain::money::MoneyError::Amount { decimals: 2 }),
    );
    check("/line_items/0/price", json!("-12.00"), FieldProblem::Negative);
    check("/line_items/0/price", json!(12), FieldProblem::Type { expected: "a text" });
    check("/line_items", Value::Null, FieldProblem::Missing);
    check("/line_items", json!({}), FieldProblem::Type { expected: "an array" });
    check("/id", Value::Null, FieldProblem::Missing);
    check("/id", json!("6200407294252"), FieldProblem::Type { expected: "a number" });
    check("/currency", json!("eur"), FieldProblem::Money(domain::money::MoneyError::Currency));
    check("/total_price", json!("1e3"), FieldProblem::Money(domain::money::MoneyError::Amount { decimals: 2 }));
    check("/created_at", json!("2026-03-01T11:10:15"), FieldProblem::Time);
    check("/shipping_address", json!("Sofia"), FieldProblem::Type { expected: "an object" });
    check("/shipping_address/city", json!(7), FieldProblem::Type { expected: "a text" });
    let error = read(&set("/line_items/0/discount_allocations/0/amount", json!("99.00"))).unwrap_err();
    assert_eq!(error, FieldError::new("/line_items/0/discount_allocations", FieldProblem::Negative));
}

#[test]
fn an_order_with_nothing_to_ship_is_right_but_not_ours() {
    let mut document = fixture();
    for line in document["line_items"].as_array_mut().unwrap() {
        line["requires_shipping"] = json!(false);
    }
    let error = read(&document).unwrap_err();
    assert_eq!(error, FieldError::new("/line_items", FieldProblem::NothingToShip));
    assert!(error.is_nothing_to_do());
    let error = read(&set("/cancelled_at", json!("2026-03-01T12:00:00+02:00"))).unwrap_err();
    assert!(error.is_nothing_to_do(), "{error}");
}

#[test]
fn units_already_taken_out_of_the_order_are_left_out() {
    let order = read(&set("/line_items/0/current_quantity", json!(1))).unwrap();
    assert_eq!((order.lines[0].quantity, order.lines[0].unit_price_minor), (1, 1080));
    let order = read(&set("/line_items/0/current_quantity", json!(0))).unwrap();
    assert_eq!(order.lines.len(), 3);
}

#[test]
fn payment_decides_between_settled_cash_and_held() {
    let check = |status: &str, gateways: Value, outstanding: &str, settled: bool, cash: Option<i64>| {
        let mut document = set("/financial_status", json!(status));
        document["payment_gateway_names"] = gateways.clone();
        document["total_outstanding"] = json!(outstanding);
        let order = read(&document).unwrap();
        assert_eq!((order.payment_settled, order.cash_on_delivery), (settled, cash.map(eur)), "{status} {gateways}");
    };
    check("paid", json!(["shopify_payments"]), "0.00", true, None);
    check("paid", json!(["Cash on Delivery (COD)"]), "0.00", true, None);
    check("pending", json!(["Cash on Delivery (COD)"]), "61.30", true, Some(6130));
    check("pending", json!(["cash_on_delivery"]), "61.30", true, Some(6130));
    check("pending", json!(["Наложен платеж"]), "61.30", true, Some(6130));
    check("partially_paid", json!(["gift_card", "COD"]), "11.30", true, Some(1130));
    check("pending", json!(["bank_transfer"]), "61.30", false, None);
    check("pending", json!(["codfish bank"]), "61.30", false, None);
    check("authorized", json!(["shopify_payments"]), "61.30", false, None);
    check("voided", json!([]), "0.00", false, None);
    check("refunded", json!(["shopify_payments"]), "0.00", false, None);
}

#[test]
fn the_courier_collects_in_the_currency_that_the_shopper_saw() {
    let mut document = set("/total_price_set/presentment_money", json!({"amount": "305.20", "currency_code": "RON"}));
    document["presentment_currency"] = json!("RON");
    let order = read(&document).unwrap();
    assert_eq!(order.total, eur(6130));
    assert_eq!(order.cash_on_delivery, Some(Money::new(30_520, Currency::parse("RON").unwrap())));
}

#[test]
fn a_missing_or_incomplete_address_is_no_error_but_is_visible() {
    assert!(read(&set("/shipping_address", Value::Null)).unwrap().ship_to.is_none());
    let order = read(&set("/shipping_address/address1", json!(" "))).unwrap();
    assert_eq!(order.ship_to.unwrap().address.missing(), Some("line1"));
}

#[test]
fn a_sku_that_cannot_be_ours_is_kept_in_the_title() {
    let order = read(&set("/line_items/0/sku", json!("A#1"))).unwrap();
    assert_eq!(order.lines[0].sku, None);
    assert_eq!(order.lines[0].title, "Зелен чай 100 г (SKU A#1)");
}

#[test]
fn long_texts_are_cut_between_characters_and_other_scripts_stay() {
    let order = read(&set("/line_items/0/name", json!("🍵".repeat(400)))).unwrap();
    assert_eq!(order.lines[0].title.chars().count(), TEXT_MAX);
    let order = read(&set("/shipping_address/name", json!("مريم \u{202e}حداد 👩‍🚀"))).unwrap();
    assert_eq!(order.ship_to.unwrap().name, "مريم \u{202e}حداد 👩‍🚀");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_order(&body);
    }

    #[test]
    fn a_truncated_document_is_an_error(cut in 0..FIXTURE.trim_end().len()) {
        prop_assert!(parse_order(&FIXTURE.as_bytes()[..cut]).is_err());
    }

    #[test]
    fn units_times_price_never_exceed_the_discounted_sum(quantity in 1..1000_u32, price in 0..100_000_i64, discount in 0..50_000_i64) {
        prop_assume!(i64::from(quantity) * price >= discount);
        let decimal = |minor: i64| json!(format!("{}.{:02}", minor / 100, minor % 100));
        let mut document = set("/line_items/0/quantity", json!(quantity));
        document["line_items"][0]["current_quantity"] = json!(quantity);
        document["line_items"][0]["price"] = decimal(price);
        document["line_items"][0]["discount_allocations"] = json!([{"amount": decimal(discount)}]);
        let line = read(&document).unwrap().lines.remove(0);
        let sum = i64::from(quantity) * price - discount;
        let priced = line.unit_price_minor * i64::from(quantity);
        prop_assert!(priced <= sum && sum - priced < i64::from(quantity));
    }
}
