//! Which parcel collects how much, when an order that is paid at the door is split over several.

use super::{FulfillmentOrder, FulfillmentOrderStatus, Order};
use crate::ids::FulfillmentOrderNumber;

impl Order {
    /// What the courier of the fulfilment order numbered `number` must collect, minor units: its share of the order's
    /// amount by the value of its goods, so that the shares of all parcels add up to the amount to the cent.
    /// `None` when nothing is collected.
    #[must_use]
    pub fn cash_on_delivery_of(&self, number: FulfillmentOrderNumber) -> Option<i64> {
        let amount = i128::from(self.cash_on_delivery_minor?);
        let own = self.fulfillment_order(number)?;
        let live = |other: &&FulfillmentOrder| other.status != FulfillmentOrderStatus::Cancelled;
        let before = self.fulfillment_orders.iter().filter(live).filter(|other| other.number < number);
        let units = |f: &FulfillmentOrder| f.lines.iter().map(|line| i128::from(line.quantity)).sum::<i128>();
        // Goods that are given away have no value to divide by: then units count.
        let by_value = self.lines.iter().any(|line| line.unit_price_minor > 0);
        let weight = |f: &FulfillmentOrder| if by_value { self.value(f) } else { units(f) };
        let total: i128 = self
            .lines
            .iter()
            .map(|line| i128::from(line.quantity) * if by_value { i128::from(line.unit_price_minor.max(0)) } else { 1 })
            .sum();
        let low: i128 = before.map(weight).sum();
        let high = low + weight(own);
        let share_up_to = |part: i128| (amount * part).checked_div(total);
        i64::try_from(share_up_to(high)? - share_up_to(low)?).ok().filter(|share| *share > 0)
    }

    fn value(&self, fulfillment_order: &FulfillmentOrder) -> i128 {
        let price = |line: u32| self.line(line).map_or(0, |line| i128::from(line.unit_price_minor.max(0)));
        fulfillment_order.lines.iter().map(|line| price(line.line) * i128::from(line.quantity)).sum()
    }
}

#[cfg(test)]
mod tests {
    use crate::ids::{LocationId, MerchantId, Sku};
    use crate::incoming::{IncomingLine, IncomingOrder};
    use crate::money::{Currency, Money};
    use crate::order::{AllocatedLine, Allocation, AllocationRule, IntakeFacts, Order};
    use crate::stock::TakeId;
    use jiff::Timestamp;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn order(prices: &[i64], amount: i64) -> Order {
        let money = |minor| Money::new(minor, Currency::parse("EUR").unwrap());
        let now: Timestamp = "2026-05-10T12:00:00Z".parse().unwrap();
        let lines = prices.iter().enumerate().map(|(index, price)| IncomingLine {
            source_line_id: index.to_string(),
            sku: Some(Sku::parse(&format!("SKU-{index}")).unwrap()),
            title: "goods".into(),
            quantity: 4,
            unit_price_minor: *price,
        });
        let incoming = IncomingOrder {
            source_id: "1".into(),
            number: "#1".into(),
            placed_at: now,
            currency: Currency::parse("EUR").unwrap(),
            total: money(amount),
            cash_on_delivery: Some(money(amount)),
            payment_settled: true,
            lines: lines.collect(),
            ship_to: None,
            delivery_method: None,
            note: None,
            priority: 0,
        };
        let facts = IntakeFacts {
            merchant: MerchantId::derive(&["acme"]),
            channel: None,
            rule: AllocationRule::Split,
            known_skus: BTreeSet::new(),
            content: "c".into(),
            now,
            hold_unpaid_stock_minutes: 0,
            min_remaining_shelf_life_days: 0,
        };
        Order::receive(&incoming, &facts).unwrap().next
    }

    fn split(order: &Order, firsts: &[u32]) -> Order {
        let location = LocationId::parse("SOF1").unwrap();
        let part = |of: &dyn Fn(u32) -> u32| {
            let lines = (1..).zip(firsts).map(|(line, first)| AllocatedLine { line, quantity: of(*first) });
            Allocation::plain(location.clone(), lines.filter(|line| line.quantity > 0).collect())
        };
        let parts = vec![part(&|first| first), part(&|first| 4 - first)];
        order.allocated(parts, &TakeId::new(), order.created_at).next
    }

    proptest! {
        #[test]
        fn the_parcels_together_collect_the_amount_to_the_cent(
            lines in proptest::collection::vec((0_i64..5000, 0_u32..=4), 1..6), amount in 1_i64..1_000_000
        ) {
            let (prices, firsts): (Vec<i64>, Vec<u32>) = lines.into_iter().unzip();
            let order = split(&order(&prices, amount), &firsts);
            let shares: Vec<i64> = [1, 2].map(|number| order.cash_on_delivery_of(number).unwrap_or(0)).to_vec();
            prop_assert_eq!(shares.iter().sum::<i64>(), amount);
            prop_assert!(shares.iter().all(|share| *share >= 0));
        }
    }

    #[test]
    fn a_parcel_collects_by_the_value_of_its_goods() {
        let order = split(&order(&[1000, 3000], 16_500), &[4, 0]);
        assert_eq!(order.cash_on_delivery_of(1), Some(4125));
        assert_eq!(order.cash_on_delivery_of(2), Some(12_375));
        assert_eq!(order.cash_on_delivery_of(3), None);
    }
}
