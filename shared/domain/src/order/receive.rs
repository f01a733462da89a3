//! From an incoming order to an order's head: what is wrong with it becomes a hold, not a loss.

use super::{AllocationRule, DeliveryState, FulfilmentState, Hold, HoldReason, MoneyState, Order, OrderLine};
use crate::aggregate::{Decision, History};
use crate::ids::{ChannelId, MerchantId, OrderId, Sku, digest};
use crate::incoming::{IncomingOrder, LINES_MAX, PRIORITY_MAX, QUANTITY_MAX};
use crate::message::MessageKind;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// What the decision needs to know beside the order.
#[derive(Debug, Clone)]
pub struct IntakeFacts {
    /// The merchant, from the credential.
    pub merchant: MerchantId,
    /// The channel, from the credential; absent for our own API.
    pub channel: Option<ChannelId>,
    /// The merchant's rule for orders that one location cannot fill.
    pub rule: AllocationRule,
    /// SKUs of the order that the catalogue knows.
    pub known_skus: BTreeSet<Sku>,
    /// Digest of number and body: [`content_digest`].
    pub content: String,
    /// Now, UTC.
    pub now: Timestamp,
    /// Minutes for which the merchant holds stock for unpaid orders; 0: not at all.
    pub hold_unpaid_stock_minutes: u32,
    /// Days for which the channel asks goods to keep still.
    pub min_remaining_shelf_life_days: u32,
}

/// Why a body is no order at all. Refused with the field; everything else is accepted, if need be on hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct OrderRejection {
    /// JSON pointer to the field, in our own schema.
    pub pointer: String,
    /// What is wrong and what to do.
    pub detail: String,
}

impl OrderRejection {
    fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

impl Order {
    /// The id of the order that the shop calls `source_id`: one shop order, one order here.
    #[must_use]
    pub fn id_for(merchant: &MerchantId, channel: Option<&ChannelId>, source_id: &str) -> OrderId {
        OrderId::derive(merchant, &[channel.map_or("api", ChannelId::as_str), source_id])
    }

    /// Takes an order in.
    ///
    /// # Errors
    /// [`OrderRejection`] when it has no lines, too many, a quantity out of range or a negative amount.
    pub fn receive(incoming: &IncomingOrder, facts: &IntakeFacts) -> Result<Decision<Self>, OrderRejection> {
        check(incoming)?;
        let id = Self::id_for(&facts.merchant, facts.channel.as_ref(), &incoming.source_id);
        let lines = (1..)
            .zip(&incoming.lines)
            .map(|(number, line)| OrderLine {
                number,
                source_line_id: line.source_line_id.clone(),
                sku: line.sku.clone(),
                quantity: line.quantity,
                unit_price_minor: line.unit_price_minor,
                kit: Vec::new(),
                returned: 0,
                undelivered: 0,
            })
            .collect();
        let holds = holds(incoming, &facts.known_skus);
        let mut history = History::default();
        history.record(facts.now, "received", None);
        for hold in &holds {
            history.record(facts.now, "hold_placed", Some(super::reason_name(hold.reason)));
        }
        let mut order = Self {
            channel: facts.channel.clone(),
            source_id: incoming.source_id.clone(),
            number: incoming.number.clone(),
            content: facts.content.clone(),
            placed_at: incoming.placed_at,
            created_at: facts.now,
            currency: incoming.currency,
            total_minor: incoming.total.amount_minor,
            cash_on_delivery_minor: incoming.cash_on_delivery.map(|money| money.amount_minor),
            ship_to_country: incoming.ship_to.as_ref().map(|person| person.address.country.clone()),
            rule: facts.rule,
            priority: incoming.priority,
            hold_unpaid_stock_minutes: facts.hold_unpaid_stock_minutes,
            min_remaining_shelf_life_days: facts.min_remaining_shelf_life_days,
            reserved_until: None,
            reservation_expired: false,
            fulfilment: FulfilmentState::Received,
            delivery: DeliveryState::None,
            money: if incoming.cash_on_delivery.is_some() {
                MoneyState::Expected
            } else if incoming.payment_settled {
                MoneyState::Settled
            } else {
                MoneyState::NotDue
            },
            holds,
            lines,
            fulfillment_orders: Vec::new(),
            waits_for: Vec::new(),
            cancel_requested: false,
            personal_data: None,
            returns: 0,
            next_look_at: None,
            history,
            id,
        };
        order.start_holding(facts.now);
        let messages = if order.may_reserve().is_ok() {
            vec![order.message(MessageKind::Reserve { order: order.id.clone() })]
        } else {
            vec![]
        };
        Ok(Decision::of(order).with_messages(messages))
    }
}

/// Hexadecimal digits with which [`Order::content`] begins: see [`number_digest`].
pub const NUMBER_DIGITS: usize = 12;

/// Digest of an order number as people write it: `#1001`, `1001` and ` #1001` are the same number.
#[must_use]
pub fn number_digest(number: &str) -> String {
    digest(&[&number.trim().trim_start_matches('#').to_lowercase()], NUMBER_DIGITS)
}

/// [`IntakeFacts::content`]: the digest of the number and then that of the body. An order's personal data is kept under it,
/// so that number and e-mail find the order of a shopper, who knows neither its id nor the shop's, without any further index.
#[must_use]
pub fn content_digest(number: &str, body: &str) -> String {
    format!("{}{}", number_digest(number), digest(&[body], 16))
}

fn check(incoming: &IncomingOrder) -> Result<(), OrderRejection> {
    if incoming.source_id.is_empty() || incoming.source_id.len() > 128 {
        return Err(OrderRejection::new("/source_id", "the shop's order id has 1 to 128 bytes"));
    }
    if incoming.number.is_empty() || incoming.number.len() > 64 {
        return Err(OrderRejection::new("/number", "the order number has 1 to 64 bytes"));
    }
    if incoming.lines.is_empty() {
        return Err(OrderRejection::new("/lines", "an order has at least one line that needs shipping"));
    }
    if incoming.lines.len() > LINES_MAX {
        return Err(OrderRejection::new("/lines", format!("an order has at most {LINES_MAX} lines: split it")));
    }
    if incoming.priority > PRIORITY_MAX {
        return Err(OrderRejection::new("/priority", format!("a priority is 0 to {PRIORITY_MAX}, higher first")));
    }
    if incoming.total.amount_minor < 0 {
        return Err(OrderRejection::new("/total", "the total is not negative"));
    }
    if incoming.cash_on_delivery.is_some_and(|money| money.amount_minor <= 0) {
        return Err(OrderRejection::new("/cash_on_delivery", "what the courier collects is positive, or absent"));
    }
    for (index, line) in incoming.lines.iter().enumerate() {
        if line.quantity == 0 || line.quantity > QUANTITY_MAX {
            return Err(OrderRejection::new(
                format!("/lines/{index}/quantity"),
                format!("a quantity is 1 to {QUANTITY_MAX}"),
            ));
        }
        if line.unit_price_minor < 0 {
            return Err(OrderRejection::new(format!("/lines/{index}/unit_price_minor"), "a price is not negative"));
        }
    }
    Ok(())
}

fn holds(incoming: &IncomingOrder, known: &BTreeSet<Sku>) -> Vec<Hold> {
    let mut holds = Vec::new();
    let unknown: Vec<&str> = incoming
        .lines
        .iter()
        .filter_map(|line| match &line.sku {
            None => Some("(none)"),
            Some(sku) if !known.contains(sku) => Some(sku.as_str()),
            Some(_) => None,
        })
        .collect();
    if !unknown.is_empty() {
        let mut note = format!("unknown SKU: {}", unknown.join(", "));
        if note.len() > 200 {
            let cut = (0..=200).rev().find(|at| note.is_char_boundary(*at)).unwrap_or(0);
            note.truncate(cut);
        }
        holds.push(Hold { reason: HoldReason::MissingItemData, note: Some(note) });
    }
    match incoming.ship_to.as_ref().map(|person| person.address.missing()) {
        None => holds.push(Hold { reason: HoldReason::IncorrectAddress, note: Some("no shipping address".to_owned()) }),
        Some(Some(field)) => {
            holds.push(Hold { reason: HoldReason::IncorrectAddress, note: Some(format!("address without {field}")) });
        }
        Some(None) => {}
    }
    if !incoming.payment_settled && incoming.cash_on_delivery.is_none() {
        holds.push(Hold { reason: HoldReason::AwaitingPayment, note: None });
    }
    holds
}
