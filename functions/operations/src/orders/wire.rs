//! What comes in and goes out of the orders' routes.

use crate::wire::Address;
use domain::address::Person;
use domain::aggregate::Actor;
use domain::order::{
    AllocationRule, CancelReason, DeliveryState, Edit, FulfillmentOrder, FulfilmentState, Hold, HoldReason, LineEdit,
    MoneyState, Order, OrderLine,
};
use domain::pick_task::{PickTask, PickTaskState};
use domain::privacy::PersonalData;
use domain::returns::{Refund, Return, ReturnKind, ReturnLine, ReturnState};
use domain::{ChannelId, Currency, LocationId, OrderId, PickTaskId, ReturnId, ShipmentId, Sku};
use jiff::Timestamp;
use platform::Versioned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shipment_wire::ShipmentView;
use super::timeline::TimelineEntry;

/// Longest note of a hold, bytes.
pub(crate) const NOTE_BYTES_MAX: usize = 200;

/// Why to cancel.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelRequest {
    /// Kept in the timeline.
    #[serde(default)]
    pub reason: Option<CancelReason>,
}

/// Until when to hold stock for the payment.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtensionRequest {
    /// The new end, UTC: not before the present one, at most 90 days from now.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// What of an order is to be another; what is absent stays.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditRequest {
    /// Who is served first when stock is short: 0 to 9999, higher first.
    #[serde(default)]
    pub priority: Option<u32>,
    /// Lines with other quantities.
    #[serde(default)]
    pub lines: Vec<LineEditRequest>,
    /// What the shopper pays in all, minor units.
    #[serde(default)]
    pub total_minor: Option<i64>,
    /// What the courier must collect, minor units: needed when the lines of an order that is paid at the door change.
    #[serde(default)]
    pub cash_on_delivery_minor: Option<i64>,
}

impl From<EditRequest> for Edit {
    fn from(sent: EditRequest) -> Self {
        let EditRequest { priority, lines, total_minor, cash_on_delivery_minor } = sent;
        let lines = lines.into_iter().map(|LineEditRequest { line, quantity }| LineEdit { line, quantity }).collect();
        Self { priority, lines, total_minor, cash_on_delivery_minor }
    }
}

/// Another quantity of a line.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LineEditRequest {
    /// The line's number.
    pub line: u32,
    /// Units that are ordered from now on, 0 to 100000; 0 removes the line.
    pub quantity: u32,
}

/// A hold to place.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldRequest {
    /// Why the order may not move.
    pub reason: HoldReason,
    /// Detail for the person who resolves it, at most 200 bytes. No personal data.
    #[serde(default)]
    pub note: Option<String>,
}

/// Whom the parcels go to.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecipientRequest {
    /// Full name, in any script.
    pub name: String,
    /// Company.
    #[serde(default)]
    pub company: Option<String>,
    /// E-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// Telephone number, E.164.
    #[serde(default)]
    pub phone: Option<String>,
    /// Where the parcels go.
    #[schema(inline)]
    pub address: Address,
}

impl From<RecipientRequest> for Person {
    fn from(sent: RecipientRequest) -> Self {
        let RecipientRequest { name, company, email, phone, address } = sent;
        Self { name, company, email, phone, address: address.into() }
    }
}

/// Who does a manual step.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActorRequest {
    /// Who, and where.
    pub actor: Actor,
}

/// An order in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct OrderSummary {
    /// Its id.
    pub id: OrderId,
    /// The connected shop it came from; absent for our own API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    /// The shop's own id.
    pub source_id: String,
    /// The number that people use.
    pub number: String,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cash_on_delivery_minor: Option<i64>,
    /// ISO 3166-1 alpha-2 country it ships to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ship_to_country: Option<String>,
    /// Who is served first when stock is short: 0 to 9999, higher first.
    pub priority: u32,
    /// Until when stock is held for its payment, UTC; absent when it is not held for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub reserved_until: Option<Timestamp>,
    /// It was not paid in time, and its stock was given back.
    pub reservation_expired: bool,
    /// Axis fulfilment.
    pub fulfilment: FulfilmentState,
    /// Axis delivery.
    pub delivery: DeliveryState,
    /// Axis money.
    pub money: MoneyState,
    /// Axis holds: the order moves only when there is none.
    pub holds: Vec<Hold>,
    /// A cancellation was asked for and is being carried out.
    pub cancel_requested: bool,
    /// Whether the shopper's personal data is restricted or erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal_data: Option<PersonalData>,
    /// Version, for `If-Match`.
    pub version: u64,
}

impl From<&Versioned<Order>> for OrderSummary {
    fn from(stored: &Versioned<Order>) -> Self {
        let order = &stored.body;
        Self {
            id: order.id.clone(),
            channel: order.channel.clone(),
            source_id: order.source_id.clone(),
            number: order.number.clone(),
            placed_at: order.placed_at,
            created_at: order.created_at,
            currency: order.currency,
            total_minor: order.total_minor,
            cash_on_delivery_minor: order.cash_on_delivery_minor,
            ship_to_country: order.ship_to_country.clone(),
            priority: order.priority,
            reserved_until: order.reserved_until,
            reservation_expired: order.reservation_expired,
            fulfilment: order.fulfilment,
            delivery: order.delivery,
            money: order.money,
            holds: order.holds.clone(),
            cancel_requested: order.cancel_requested,
            personal_data: order.personal_data,
            version: stored.version,
        }
    }
}

/// An order with everything that belongs to it.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct OrderView {
    /// The order itself, with its four axes.
    #[serde(flatten)]
    pub order: OrderSummary,
    /// What to do when one location has not everything.
    pub rule: AllocationRule,
    /// Lines.
    pub lines: Vec<OrderLine>,
    /// What each location ships.
    pub fulfillment_orders: Vec<FulfillmentOrder>,
    /// Whom the parcels go to; absent when the shop sent nobody, for keys of the floor, and when the data is restricted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<Person>,
    /// The shopper's note to the warehouse; absent for keys of the floor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Pick tasks, by number.
    pub pick_tasks: Vec<PickTaskView>,
    /// Shipments with their trackers: outbound ones by number, then those of returns.
    pub shipments: Vec<ShipmentView>,
    /// Returns, by number; in full at `GET /v1/returns/{return}`.
    pub returns: Vec<ReturnSummary>,
    /// Everything that happened, oldest first.
    pub timeline: Vec<TimelineEntry>,
}

/// A pick task of an order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PickTaskView {
    /// Its id.
    pub id: PickTaskId,
    /// Number of the fulfilment order.
    pub number: u32,
    /// Where it is picked.
    pub location: LocationId,
    /// How far it is.
    pub state: PickTaskState,
    /// Badge of the person who claimed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// What to pick.
    pub lines: Vec<PickLineView>,
}

/// One item of a pick task, in units.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PickLineView {
    /// The item.
    pub sku: Sku,
    /// Units allocated.
    pub quantity: u32,
    /// Units scanned.
    pub picked: u32,
    /// Units that were not found.
    pub short: u32,
}

impl From<&PickTask> for PickTaskView {
    fn from(task: &PickTask) -> Self {
        let lines = task.lines.iter().map(|line| PickLineView {
            sku: line.sku.clone(),
            quantity: line.quantity(),
            picked: line.picked(),
            short: line.short,
        });
        Self {
            id: task.id.clone(),
            number: task.number,
            location: task.location.clone(),
            state: task.state,
            assigned_to: task.assigned_to.clone(),
            lines: lines.collect(),
        }
    }
}

/// A return of an order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ReturnSummary {
    /// Its id.
    pub id: ReturnId,
    /// The number that people use.
    pub number: String,
    /// Kind.
    pub kind: ReturnKind,
    /// State.
    pub state: ReturnState,
    /// Lines.
    pub lines: Vec<ReturnLine>,
    /// The parcel that brings it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipment: Option<ShipmentId>,
    /// The refund instruction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund: Option<Refund>,
    /// When it was opened, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<&Return> for ReturnSummary {
    fn from(back: &Return) -> Self {
        Self {
            id: back.id.clone(),
            number: back.number.clone(),
            kind: back.kind,
            state: back.state,
            lines: back.lines.clone(),
            shipment: back.shipment.clone(),
            refund: back.refund.clone(),
            created_at: back.created_at,
        }
    }
}

/// A link to a document.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct Link {
    /// Downloads the document, without key.
    pub url: String,
    /// Until when it does, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}
