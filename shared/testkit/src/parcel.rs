//! A packed parcel, as booking and tracking find it: the order with its person, its task, and the stock picked for it.

use crate::Stack;
use domain::address::{Address, Person};
use domain::aggregate::Actor;
use domain::incoming::{IncomingLine, IncomingOrder};
use domain::order::{AllocatedLine, Allocation, AllocationRule, IntakeFacts, Order};
use domain::pick_task::{Parcel, PickTask, Scan};
use domain::stock::{Goods, StockChange, TakeId, Term};
use domain::{Currency, Decision, LocationId, MerchantId, Money, OrderId, PickTaskId, Sku};
use platform::Operation;
use platform::items::PersonRecord;
use std::collections::BTreeMap;

/// A packed parcel and whose it is.
#[derive(Debug, Clone)]
pub struct PackedParcel {
    /// The merchant.
    pub merchant: MerchantId,
    /// The order.
    pub order: OrderId,
    /// The packed task.
    pub task: PickTaskId,
    /// What is inside.
    pub sku: Sku,
    /// Where it lies.
    pub location: LocationId,
}

/// The person who packs in tests.
#[must_use]
pub fn packer() -> Actor {
    Actor { person: "badge-17".to_owned(), station: "PACK-2".to_owned() }
}

impl Stack {
    /// An order of `merchant` for two units, allocated at `SOF1` but not picked; `cash_on_delivery_minor` is collected.
    pub async fn allocated_order(
        &self,
        merchant: &MerchantId,
        number: &str,
        cash_on_delivery_minor: Option<i64>,
    ) -> (Order, Sku, LocationId) {
        let (sku, location) = (self.item(merchant, "TEA").await, self.location(merchant, "SOF1").await);
        let currency = Currency::parse("EUR").expect("a currency");
        let address = Address {
            line1: "бул. Витоша 1".to_owned(),
            city: "София".to_owned(),
            country: "BG".to_owned(),
            ..Address::default()
        };
        let incoming = IncomingOrder {
            source_id: number.to_owned(),
            number: format!("#{number}"),
            placed_at: self.now(),
            currency,
            total: Money::new(2000, currency),
            cash_on_delivery: cash_on_delivery_minor.map(|minor| Money::new(minor, currency)),
            payment_settled: true,
            lines: vec![IncomingLine {
                source_line_id: "l1".to_owned(),
                sku: Some(sku.clone()),
                title: "Tea".to_owned(),
                quantity: 2,
                unit_price_minor: 1000,
            }],
            ship_to: Some(Person { name: "Иван Петров".to_owned(), address, ..Person::default() }),
            delivery_method: None,
            note: None,
            priority: 0,
        };
        let facts = IntakeFacts {
            merchant: merchant.clone(),
            channel: None,
            rule: AllocationRule::Split,
            known_skus: [sku.clone()].into(),
            content: format!("content-{number}"),
            now: self.now(),
            hold_unpaid_stock_minutes: 0,
            min_remaining_shelf_life_days: 0,
        };
        let received = Order::receive(&incoming, &facts).expect("an order").next;
        let lines = vec![AllocatedLine { line: 1, quantity: 2 }];
        let order =
            received.allocated(vec![Allocation::plain(location.clone(), lines)], &TakeId::new(), self.now()).next;
        let person = PersonRecord {
            order: order.id.clone(),
            content: order.content.clone(),
            person: incoming.ship_to,
            note: None,
            raw: Vec::new(),
        };
        let operation = Operation::of(&["testkit", order.id.as_str()]);
        self.deps.store.create_child(&person, &operation).await.expect("a person");
        self.deps.store.create(&operation, Decision::of(order.clone())).await.expect("an order");
        (order, sku, location)
    }

    /// A packed parcel of two units, which are `picked` in the stock; nothing is in the outbox.
    pub async fn packed_parcel(&self, merchant: &MerchantId, number: &str) -> PackedParcel {
        self.packed_parcel_with(merchant, number, None).await
    }

    /// As [`Stack::packed_parcel`], for an order paid at the door.
    pub async fn packed_parcel_with(
        &self,
        merchant: &MerchantId,
        number: &str,
        cash_on_delivery_minor: Option<i64>,
    ) -> PackedParcel {
        let (order, sku, location) = self.allocated_order(merchant, number, cash_on_delivery_minor).await;
        let actor = packer();
        let fulfillment_order = order.fulfillment_order(1).expect("an allocation");
        let task = PickTask::create(&order, fulfillment_order, &BTreeMap::new(), self.now()).expect("a task").next;
        let task = task.claim(&actor, self.now()).expect("a claim").next;
        let scan = Scan { barcode: sku.to_string(), quantity: 2, goods: Goods::default() };
        let task = task.scan(&scan, &actor, self.now()).expect("a scan").next;
        let parcel = Parcel { weight_grams: 500, length_mm: 300, width_mm: 200, height_mm: 100 };
        let task = task.pack(parcel, &actor, self.now()).expect("a parcel").next;
        let id = task.id.clone();
        let stock = [StockChange::add(&sku, &location, 2, Term::Picked)];
        let operation = Operation::of(&["testkit", id.as_str()]);
        self.deps.store.create(&operation, Decision::of(task).with_stock(stock)).await.expect("a task");
        drop(self.outbox());
        PackedParcel { merchant: merchant.clone(), order: order.id, task: id, sku, location }
    }
}
