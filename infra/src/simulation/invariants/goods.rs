//! What an order's parcels hold: no more than is ordered, kits whole, and in the end what was sent.

use std::collections::BTreeMap;

use domain::order::{FulfillmentOrder, FulfillmentOrderStatus, FulfilmentState, Order};

use super::Found;

/// Item and level's sort key of goods at a location, with their units.
pub(super) type Goods = BTreeMap<(String, String), i64>;

/// The sort key of a level, as it is documented.
pub(super) fn level_key(location: &str, lot: Option<&domain::stock::Lot>) -> String {
    match lot {
        None => format!("level#{location}"),
        Some(lot) => {
            let expiry = lot.expiry.map_or_else(|| "9999-99-99".to_owned(), |expiry| expiry.to_string());
            format!("level#{location}#{expiry}#{}", lot.code)
        }
    }
}

/// What a parcel holds, or will: by item and level.
pub(super) fn of_parcel(order: &Order, parcel: &FulfillmentOrder) -> Goods {
    let mut goods = Goods::new();
    let location = parcel.location.as_str();
    for own in &parcel.goods {
        let key = (own.sku.to_string(), level_key(location, own.lot.as_ref()));
        *goods.entry(key).or_default() += i64::from(own.quantity);
    }
    // Goods are told only where the lines do not say the same.
    for own in parcel.lines.iter().filter(|_| parcel.goods.is_empty()) {
        if let Some(sku) = order.line(own.line).and_then(|line| line.sku.as_ref()) {
            *goods.entry((sku.to_string(), level_key(location, None))).or_default() += i64::from(own.quantity);
        }
    }
    goods
}

/// What must hold of an order at every write.
pub(super) fn check(before: Option<&Order>, next: &Order) -> Found {
    let mut found = Found::new();
    let counts = |parcel: &&FulfillmentOrder| parcel.status != FulfillmentOrderStatus::Cancelled;
    for line in &next.lines {
        let units = |parcel: &FulfillmentOrder| -> u32 {
            parcel.lines.iter().filter(|own| own.line == line.number).map(|own| own.quantity).sum()
        };
        let promised: u32 = next.fulfillment_orders.iter().filter(counts).map(units).sum();
        if promised > line.quantity {
            let evidence = format!("{} line {}: {promised} promised of {}", next.id, line.number, line.quantity);
            found.push(("no order is promised more than it asks for", evidence));
        }
        let closed = |parcel: &&FulfillmentOrder| parcel.status == FulfillmentOrderStatus::Closed;
        let sent: u32 = next.fulfillment_orders.iter().filter(closed).map(units).sum();
        if next.fulfilment == FulfilmentState::Fulfilled && sent != line.quantity {
            let evidence = format!("{} line {}: fulfilled with {sent} of {}", next.id, line.number, line.quantity);
            found.push(("what is fulfilled was sent", evidence));
        }
        let was = before.and_then(|before| before.line(line.number));
        if was.is_some_and(|was| !was.kit.is_empty() && was.kit != line.kit) {
            found
                .push(("a kit stays what it was made of", format!("{} line {}: {:?}", next.id, line.number, line.kit)));
        }
        for parcel in next.fulfillment_orders.iter().filter(counts).filter(|_| !line.kit.is_empty()) {
            let kits = units(parcel);
            for part in &line.kit {
                let own = parcel.goods.iter().filter(|own| own.line == line.number && own.sku == part.sku);
                let there: u32 = own.map(|own| own.quantity).sum();
                if there != kits * part.quantity {
                    let evidence = format!(
                        "{} parcel {} line {}: {there} of {} for {kits} kits",
                        next.id, parcel.number, line.number, part.sku
                    );
                    found.push(("a kit is whole or not promised", evidence));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn order(lines: &Value, parcels: &Value) -> Order {
        let order = json!({
            "id": "ord_0123456789_x", "source_id": "1", "number": "1", "content": "c",
            "placed_at": "2026-11-02T08:00:00Z", "created_at": "2026-11-02T08:00:00Z", "currency": "EUR",
            "total_minor": 100, "rule": "split", "fulfilment": "allocated", "delivery": "none", "money": "settled",
            "lines": lines, "fulfillment_orders": parcels,
        });
        serde_json::from_value(order).unwrap()
    }

    #[track_caller]
    fn check(lines: &Value, parcels: &Value, expect: &[&str]) {
        let found: Vec<&str> = super::check(None, &order(lines, parcels)).into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, expect);
    }

    fn lines(quantity: u32) -> Value {
        let kit = json!([{"sku": "TEA", "quantity": 2}, {"sku": "CUP", "quantity": 1}]);
        json!([{"number": 1, "source_line_id": "1", "sku": "SET", "quantity": quantity, "unit_price_minor": 1, "kit": kit}])
    }

    fn parcel(status: &str, kits: u32, tea: u32) -> Value {
        json!([{
            "number": 1, "location": "SOF1", "status": status, "lines": [{"line": 1, "quantity": kits}],
            "goods": [{"line": 1, "sku": "TEA", "quantity": tea}, {"line": 1, "sku": "CUP", "quantity": kits}],
        }])
    }

    #[test]
    fn an_order_is_promised_what_it_asks_for_at_most_and_kits_are_whole() {
        check(&lines(2), &parcel("OPEN", 2, 4), &[]);
        check(&lines(1), &parcel("OPEN", 2, 4), &["no order is promised more than it asks for"]);
        check(&lines(1), &parcel("CANCELLED", 2, 4), &[]);
        check(&lines(2), &parcel("OPEN", 2, 3), &["a kit is whole or not promised"]);
    }
}
