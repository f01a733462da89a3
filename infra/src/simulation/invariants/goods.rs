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
        if let Some(sku) = order.lines.iter().find(|line| line.number == own.line).and_then(|line| line.sku.as_ref()) {
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
        let was = before.and_then(|before| before.lines.iter().find(|known| known.number == line.number));
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
