//! The order: four independent axes (fulfilment, delivery, money, holds) over lines and fulfilment orders.

mod cancel;
mod cash_on_delivery;
mod edit;
mod hold;
mod progress;
pub mod receive;
mod recipient;
mod reservation;
mod reserve;
#[cfg(test)]
pub(crate) mod tests;

pub use cancel::CancelReason;
pub use edit::{Edit, Edited, LineEdit};
pub use receive::{IntakeFacts, OrderRejection};
pub use reservation::{EXTENSION_MAX, Expiry};
pub use reserve::{Allocation, AllocationRule};

use crate::aggregate::{History, Rejected};
use crate::allocation::Component;
use crate::ids::{ChannelId, LocationId, MerchantId, OrderId, PickTaskId, ReturnId, ShipmentId, Sku};
use crate::incoming::PRIORITY_MAX;
use crate::message::{Message, MessageKind};
use crate::money::{Currency, Money};
use crate::stock::{Lot, TakeId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Axis: how far the warehouse is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum FulfilmentState {
    Received,
    Validated,
    Allocated,
    PartiallyAllocated,
    Backordered,
    InProgress,
    PartiallyFulfilled,
    Fulfilled,
    PartiallyCancelled,
    Cancelled,
}

/// Axis: where the parcels are, derived from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum DeliveryState {
    #[default]
    None,
    InTransit,
    Delivered,
    PartlyDelivered,
    Refused,
    Returned,
    Lost,
}

/// Axis: what became of the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum MoneyState {
    NotDue,
    Expected,
    Collected,
    Remitted,
    Settled,
    WrittenOff,
    Refunded,
}

/// Why an order may not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum HoldReason {
    AwaitingPayment,
    HighRiskOfFraud,
    IncorrectAddress,
    InventoryOutOfStock,
    AwaitingReturnItems,
    UnknownDeliveryDate,
    AwaitingDocument,
    CodConfirmation,
    DuplicateSuspected,
    MergeWindow,
    MerchantRequest,
    ComplianceBlock,
    MissingItemData,
    MissingCustomsData,
    Dispute,
    PaymentReversed,
    Other,
}

/// One hold: the order moves only when it has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    /// Why.
    pub reason: HoldReason,
    /// Detail for the person who resolves it; no personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderLine {
    /// Number within the order, from 1.
    pub number: u32,
    /// The shop's own id of the line.
    pub source_line_id: String,
    /// The item; absent when the shop sent none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// Units ordered.
    pub quantity: u32,
    /// Price of one unit after discounts, minor units.
    pub unit_price_minor: i64,
    /// What one unit is made of, where the item is a kit: as it was when stock was first to be reserved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kit: Vec<Component>,
    /// Units for which a return was requested or received.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub returned: u32,
    /// Those of the returned units that come back without having reached the shopper.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub undelivered: u32,
}

fn is_zero(units: &u32) -> bool {
    *units == 0
}

/// States of a fulfilment order, by Shopify's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)]
pub enum FulfillmentOrderStatus {
    Open,
    InProgress,
    Scheduled,
    OnHold,
    Incomplete,
    Cancelled,
    Closed,
}

/// Units of one order line within a fulfilment order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AllocatedLine {
    /// The order line's number.
    pub line: u32,
    /// Units.
    pub quantity: u32,
}

/// Units of an item, of one lot where it is kept by lot, that an order line is served with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AllocatedGoods {
    /// The order line's number.
    pub line: u32,
    /// The item: the line's own, or a component of its kit.
    pub sku: Sku,
    /// The lot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<Lot>,
    /// Units.
    pub quantity: u32,
}

/// What one location must ship of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FulfillmentOrder {
    /// Number within the order, from 1: the pick task's and shipment's number too.
    pub number: u32,
    /// The location.
    pub location: LocationId,
    /// Its state.
    pub status: FulfillmentOrderStatus,
    /// Where its parcel is.
    #[serde(default)]
    pub delivery: DeliveryState,
    /// Its parcel was turned round by the carrier, and a return claims what is in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub comes_back: bool,
    /// What it ships.
    pub lines: Vec<AllocatedLine>,
    /// The same as goods, where that says more than the lines: kits, and items that are kept by lot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goods: Vec<AllocatedGoods>,
    /// The take that its units were claimed from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub take: TakeId,
}

impl FulfillmentOrder {
    /// Whether it still has to be shipped.
    #[must_use]
    pub fn is_active(&self) -> bool {
        match self.status {
            FulfillmentOrderStatus::Open
            | FulfillmentOrderStatus::InProgress
            | FulfillmentOrderStatus::Scheduled
            | FulfillmentOrderStatus::OnHold
            | FulfillmentOrderStatus::Incomplete => true,
            FulfillmentOrderStatus::Cancelled | FulfillmentOrderStatus::Closed => false,
        }
    }
}

/// An order's head. Everything that is personal is in the `people` table instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    /// Its id, derived from merchant, channel and the shop's order id.
    pub id: OrderId,
    /// The connected shop it came from; absent for our own API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    /// The shop's own id.
    pub source_id: String,
    /// The number that people use.
    pub number: String,
    /// Digest of what the shop sent: another body under the same number is a conflict.
    pub content: String,
    /// When the shop took it, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub placed_at: Timestamp,
    /// When it became durable here, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Currency of every amount.
    pub currency: Currency,
    /// What the shopper pays in all, minor units.
    pub total_minor: i64,
    /// What the courier must collect, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cash_on_delivery_minor: Option<i64>,
    /// ISO 3166-1 alpha-2 country it ships to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_to_country: Option<String>,
    /// What to do when one location has not everything.
    pub rule: AllocationRule,
    /// Who is served first when stock is short: 0 to 9999, higher first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: u32,
    /// Minutes for which its merchant held stock for unpaid orders when it came in; 0: not at all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hold_unpaid_stock_minutes: u32,
    /// Days for which goods must still keep when they are promised to it: what its channel asked for when it came in.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min_remaining_shelf_life_days: u32,
    /// Until when stock is held for its payment, UTC; absent when it is not held for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub reserved_until: Option<Timestamp>,
    /// It was not paid in time, and its stock was given back. Stays until a person has it reserved anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reservation_expired: bool,
    /// Axis fulfilment.
    pub fulfilment: FulfilmentState,
    /// Axis delivery.
    pub delivery: DeliveryState,
    /// Axis money.
    pub money: MoneyState,
    /// Axis holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// Lines.
    pub lines: Vec<OrderLine>,
    /// What each location ships.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fulfillment_orders: Vec<FulfillmentOrder>,
    /// Items that it waits for: its entries in their queues.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<Sku>,
    /// A cancellation was asked for and is being carried out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_requested: bool,
    /// How far the shopper's personal data may be used; absent: as every order's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal_data: Option<crate::privacy::PersonalData>,
    /// How many returns were opened: numbers of [`crate::ReturnId`]s from 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub returns: u32,
    /// When the sweeper looks at it next, UTC; absent until it did for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_look_at: Option<Timestamp>,
    /// Timeline.
    #[serde(default)]
    pub history: History,
}

impl Order {
    /// The merchant.
    #[must_use]
    pub fn merchant(&self) -> MerchantId {
        self.id.merchant()
    }

    /// The line numbered `number`.
    #[must_use]
    pub fn line(&self, number: u32) -> Option<&OrderLine> {
        self.lines.iter().find(|line| line.number == number)
    }

    /// The fulfilment order numbered `number`.
    #[must_use]
    pub fn fulfillment_order(&self, number: u32) -> Option<&FulfillmentOrder> {
        self.fulfillment_orders.iter().find(|fulfillment_order| fulfillment_order.number == number)
    }

    /// What the courier must collect.
    #[must_use]
    pub fn cash_on_delivery(&self) -> Option<Money> {
        self.cash_on_delivery_minor.map(|minor| Money::new(minor, self.currency))
    }

    /// Units of the line that no fulfilment order ships yet (none once the order is being cancelled).
    #[must_use]
    pub fn unallocated(&self, line: &OrderLine) -> u32 {
        if self.cancel_requested || self.fulfilment == FulfilmentState::Cancelled {
            return 0;
        }
        let allocated: u32 = self
            .fulfillment_orders
            .iter()
            .filter(|fulfillment_order| fulfillment_order.status != FulfillmentOrderStatus::Cancelled)
            .flat_map(|fulfillment_order| &fulfillment_order.lines)
            .filter(|allocated| allocated.line == line.number)
            .map(|allocated| allocated.quantity)
            .sum();
        line.quantity.saturating_sub(allocated)
    }

    /// Whether the warehouse may work on it; otherwise why not.
    ///
    /// # Errors
    /// `order-on-hold` or `order-cancelled`.
    pub fn may_move(&self) -> Result<(), Rejected> {
        if self.cancel_requested || self.fulfilment == FulfilmentState::Cancelled {
            return Err(Rejected::new(
                "order-cancelled",
                "the order is cancelled: put the goods back and scan them into their bin",
            ));
        }
        match self.holds.first() {
            None => Ok(()),
            Some(hold) => Err(Rejected::new(
                "order-on-hold",
                format!("the order is on hold ({:?}): release the hold first", hold.reason),
            )),
        }
    }

    /// The state by which a person finds the order when it waits for one, or for stock; `None` when it moves by itself.
    #[must_use]
    pub fn waits_as(&self) -> Option<&'static str> {
        if self.fulfilment == FulfilmentState::Cancelled {
            return None;
        }
        if !self.holds.is_empty() {
            return Some("on_hold");
        }
        match self.fulfilment {
            FulfilmentState::Backordered => Some("backordered"),
            FulfilmentState::PartiallyAllocated => Some("partially_allocated"),
            // The rest waits, though a part has left.
            FulfilmentState::PartiallyFulfilled if !self.waits_for.is_empty() => Some("partially_allocated"),
            _ => None,
        }
    }

    /// Whether nothing more will happen to it by itself: the sweeper need not look at it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let shipped = self.fulfillment_orders.iter().all(|fulfillment_order| !fulfillment_order.is_active());
        match self.fulfilment {
            FulfilmentState::Fulfilled | FulfilmentState::Cancelled | FulfilmentState::PartiallyCancelled => shipped,
            _ => false,
        }
    }

    /// Where it stands among the orders that wait for an item, as text: the higher priority first, then the older one.
    /// All have the same form up to the order's id, so that their order as text is their order in the queue.
    #[must_use]
    pub fn waiting_rank(&self) -> String {
        let placed_at = self.placed_at.max(Timestamp::UNIX_EPOCH);
        format!("{:04}#{placed_at:.3}#{}", PRIORITY_MAX.saturating_sub(self.priority), self.id)
    }

    /// Pick tasks of the fulfilment orders that are still active.
    #[must_use]
    pub fn active_tasks(&self) -> Vec<PickTaskId> {
        self.fulfillment_orders
            .iter()
            .filter(|fulfillment_order| fulfillment_order.is_active())
            .map(|fulfillment_order| PickTaskId::of(&self.id, fulfillment_order.number))
            .collect()
    }

    /// The shipment of the fulfilment order numbered `number`.
    #[must_use]
    pub fn shipment(&self, number: u32) -> ShipmentId {
        ShipmentId::of(&self.id, number)
    }

    /// Its returns, by number.
    pub fn return_ids(&self) -> impl DoubleEndedIterator<Item = ReturnId> {
        (1..=self.returns).map(|number| ReturnId::of(&self.id, number))
    }

    /// Its shipments: outbound ones by number, then those of its returns.
    pub fn shipments(&self) -> impl Iterator<Item = ShipmentId> {
        let outbound = self.fulfillment_orders.iter().map(|f| self.shipment(f.number));
        outbound.chain(self.return_ids().map(|id| id.shipment()))
    }

    fn message(&self, kind: MessageKind) -> Message {
        kind.for_merchant(&self.merchant(), &self.id)
    }
}

/// The wire name of a hold's reason.
#[must_use]
pub fn reason_name(reason: HoldReason) -> String {
    serde_plain(&reason)
}

/// The wire name of a unit variant, as serde writes it.
pub(crate) fn serde_plain<T: std::fmt::Debug>(value: &T) -> String {
    let debug = format!("{value:?}");
    let mut name = String::with_capacity(debug.len() + 4);
    for (position, letter) in debug.chars().enumerate() {
        if letter.is_ascii_uppercase() && position > 0 {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
