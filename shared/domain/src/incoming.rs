//! An order as it comes in, whatever shop it comes from: what `partners::shops` parse a webhook into and what
//! `POST /v1/orders` takes.

use crate::address::Person;
use crate::ids::Sku;
use crate::money::{Currency, Money};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Largest quantity of one line.
pub const QUANTITY_MAX: u32 = 100_000;
/// Most lines of one order: the order's head is one item, and a reservation one transaction.
pub const LINES_MAX: usize = 80;

/// Highest priority of an order.
pub const PRIORITY_MAX: u32 = 9999;

/// One line of an incoming order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncomingLine {
    /// The shop's own id of the line, needed to report its fulfilment.
    pub source_line_id: String,
    /// The item; `None` when the shop sent none (the order is held with the reason).
    pub sku: Option<Sku>,
    /// What the shop calls it.
    pub title: String,
    /// Units ordered, 1 to [`QUANTITY_MAX`].
    pub quantity: u32,
    /// Price of one unit after discounts, in minor units of the order's currency.
    pub unit_price_minor: i64,
}

/// An order as a shop sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncomingOrder {
    /// The shop's own id of the order: with the channel, its identity.
    pub source_id: String,
    /// The number that people use, for example `#1001`.
    pub number: String,
    /// When the shop took it, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub placed_at: jiff::Timestamp,
    /// Currency of every amount of the order.
    pub currency: Currency,
    /// What the shopper pays in all.
    pub total: Money,
    /// What the courier must collect; `None` when the order is paid or will be paid otherwise.
    pub cash_on_delivery: Option<Money>,
    /// Whether the shop says that it is paid (or payable on delivery); otherwise the order is held as awaiting payment.
    pub payment_settled: bool,
    /// Lines that need shipping, in the shop's order.
    pub lines: Vec<IncomingLine>,
    /// Whom to ship to; `None` when the shop sent no address (the order is held).
    pub ship_to: Option<Person>,
    /// The shop's name of the delivery method.
    pub delivery_method: Option<String>,
    /// The shopper's note to the warehouse.
    pub note: Option<String>,
    /// Who is served first when stock is short: 0 to [`PRIORITY_MAX`], higher first, 0 unless said otherwise.
    #[serde(default)]
    pub priority: u32,
}
