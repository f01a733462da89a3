//! A merchant with one location: its items, their stock, and orders as intake leaves them.

use std::collections::BTreeMap;

use domain::account::{Location, Merchant};
use domain::address::{Address, Person};
use domain::catalogue::Item;
use domain::incoming::{IncomingLine, IncomingOrder};
use domain::order::{AllocationRule, IntakeFacts, Order};
use domain::stock::{Movement, MovementKind, StockChange, Term};
use domain::{Currency, Decision, LocationId, MerchantId, MessageKind, Money, OrderId, ReceiptId, Sku};
use engine::queues::OutgoingMessage;
use jiff::Timestamp;
use platform::items::{Receipt, StoredItem, StoredLevel, StoredLocation};
use platform::{Deps, Failure, Key, Operation};

use super::super::SimulationError;

/// The merchant, the location, and the items.
pub(crate) struct Shop {
    merchant: MerchantId,
    location: LocationId,
    skus: Vec<Sku>,
}

impl Shop {
    /// A shop of so many items.
    ///
    /// # Errors
    /// [`SimulationError::Setup`].
    pub(crate) fn new(items: usize) -> Result<Self, SimulationError> {
        let skus = (0..items).map(|number| Sku::parse(&format!("DROP-{number}"))).collect::<Result<_, _>>();
        Ok(Self {
            merchant: MerchantId::derive(&["sale"]),
            location: LocationId::parse("SOF1").map_err(setup)?,
            skus: skus.map_err(setup)?,
        })
    }

    /// Registers everything, with so many units of each item.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn open(&self, deps: &Deps, stock: u32) -> Result<(), Failure> {
        let now = deps.clock.now();
        let registered = Merchant {
            id: self.merchant.clone(),
            name: "Sale".to_owned(),
            allocation_rule: AllocationRule::Split,
            return_window_days: 14,
            hold_unpaid_stock_minutes: 0,
            default_carrier_account: None,
            created_at: now,
        };
        deps.store.create(&Operation::of(&["sale", "merchant"]), Decision::of(registered)).await?;
        let address = Address { line1: "1 Depot".to_owned(), ..address() };
        let location = serde_json::json!({ "id": self.location, "name": "Sofia", "address": address });
        let location: Location = serde_json::from_value(location).map_err(|error| Failure::bug(error.to_string()))?;
        let location = StoredLocation { merchant: self.merchant.clone(), location };
        deps.store.create(&Operation::of(&["sale", "location"]), Decision::of(location)).await?;
        for sku in &self.skus {
            let item: Item = serde_json::from_value(serde_json::json!({ "sku": sku, "name": "Drop" }))
                .map_err(|error| Failure::bug(error.to_string()))?;
            let item = StoredItem { merchant: self.merchant.clone(), item, kits: 0 };
            deps.store.create(&Operation::of(&["sale", "item", sku.as_str()]), Decision::of(item)).await?;
            if stock > 0 {
                self.receive(deps, sku, stock, now).await?;
            }
        }
        Ok(())
    }

    async fn receive(&self, deps: &Deps, sku: &Sku, stock: u32, now: Timestamp) -> Result<(), Failure> {
        let id = ReceiptId::derive(&self.merchant, &["sale", sku.as_str()]);
        let movement = Movement::new(MovementKind::Receipt, stock, None, Some(Term::Available), id.as_str(), now);
        let change = StockChange::add(sku, &self.location, stock, Term::Available).moved([movement.clone()]);
        let receipt = Receipt { id, sku: sku.clone(), location: self.location.clone(), movement, reference: None };
        let decision = Decision::of(receipt).with_stock([change]);
        deps.store.create(&Operation::of(&["sale", "stock", sku.as_str()]), decision).await.map(drop)
    }

    /// A paid order of one unit of each of these items.
    ///
    /// # Errors
    /// [`SimulationError::Setup`].
    pub(crate) fn order(&self, number: u64, items: &[usize], now: Timestamp) -> Result<Order, SimulationError> {
        let currency = Currency::parse("EUR").map_err(setup)?;
        let lines = items.iter().enumerate().map(|(line, item)| IncomingLine {
            source_line_id: line.to_string(),
            sku: self.skus.get(*item).cloned(),
            title: "Drop".to_owned(),
            quantity: 1,
            unit_price_minor: 1000,
        });
        let incoming = IncomingOrder {
            source_id: number.to_string(),
            number: format!("#{number}"),
            placed_at: now,
            currency,
            total: Money::new(1000 * i64::try_from(items.len()).unwrap_or(1), currency),
            cash_on_delivery: None,
            payment_settled: true,
            lines: lines.collect(),
            ship_to: Some(Person { name: "A Buyer".to_owned(), address: address(), ..Person::default() }),
            delivery_method: None,
            note: None,
            priority: 0,
        };
        let facts = IntakeFacts {
            merchant: self.merchant.clone(),
            channel: None,
            rule: AllocationRule::Split,
            hold_unpaid_stock_minutes: 0,
            min_remaining_shelf_life_days: 0,
            known_skus: self.skus.iter().cloned().collect(),
            content: number.to_string(),
            now,
        };
        Ok(Order::receive(&incoming, &facts).map_err(setup)?.next)
    }

    /// The message by which intake asks for the order's reservation.
    pub(crate) fn message(&self, order: &OrderId) -> OutgoingMessage {
        let message = MessageKind::Reserve { order: order.clone() }.for_merchant(&self.merchant, order);
        OutgoingMessage {
            body: serde_json::to_string(&message).unwrap_or_default(),
            delay_seconds: None,
            group_id: Some(self.merchant.to_string()),
            attributes: BTreeMap::new(),
            trace_header: None,
        }
    }

    /// One unit of an item promised to an order, without a take.
    pub(crate) fn reserves(&self, item: usize) -> Option<StockChange> {
        self.skus.get(item).map(|sku| StockChange::reserve(sku, &self.location, 1))
    }

    /// The key of an item's level.
    pub(crate) fn level_key(&self, item: usize) -> Option<Key> {
        self.skus.get(item).map(|sku| StoredLevel::key_of(&self.merchant, sku, &self.location))
    }
}

fn address() -> Address {
    Address { line1: "1 Street".to_owned(), city: "Sofia".to_owned(), country: "BG".to_owned(), ..Address::default() }
}

fn setup(error: impl std::fmt::Display) -> SimulationError {
    SimulationError::Setup(error.to_string())
}
