//! How a return begins: by the shopper's request under the merchant's policy, by a refused parcel, or by surprise.

use super::{Arrival, LINES_MAX, Return, ReturnKind, ReturnLine, ReturnReason, ReturnState};
use crate::aggregate::{Actor, Decision, History, Rejected};
use crate::ids::{LocationId, ReturnId, ShipmentId, Sku};
use crate::order::{AllocatedLine, DeliveryState, FulfillmentOrder, FulfillmentOrderStatus, Order, OrderLine};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Days after delivery within which the law lets a shopper withdraw.
pub const STATUTORY_DAYS: u32 = 14;
/// Days after delivery within which the law makes the seller answer for faults.
pub const WARRANTY_DAYS: u32 = 2 * 365;

/// Which line of the order is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineReference {
    /// By number.
    Number(u32),
    /// By item: whichever of its lines has units left.
    Sku(Sku),
}

/// What the shopper wants to send back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedLine {
    /// Of which line.
    pub of: LineReference,
    /// Units, at least 1.
    pub quantity: u32,
    /// Why.
    pub reason: ReturnReason,
}

/// A shopper's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnRequest {
    /// Withdrawal, warranty or policy; absent: a withdrawal while the law gives one, then the merchant's policy.
    pub kind: Option<ReturnKind>,
    /// What.
    pub lines: Vec<AskedLine>,
}

/// What the policy needs to know beside the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFacts {
    /// The merchant's window: days after delivery.
    pub window_days: u32,
    /// When the last of the order's parcels was delivered, UTC; absent while one is still on its way (the law counts from the
    /// last parcel).
    pub delivered_at: Option<Timestamp>,
    /// Items of the order that may not be sent back.
    pub non_returnable: BTreeSet<Sku>,
}

/// A return, and the order whose units it claims: to be committed together.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The order.
    pub order: Decision<Order>,
    /// The return.
    pub back: Decision<Return>,
}

impl Return {
    /// Opens the return that a shopper asks for, if the policy allows it. All is fine: approved at once, except a warranty
    /// claim, which waits for a person.
    ///
    /// # Errors
    /// `not-delivered`, `return-window-closed`, `item-not-returnable`, `unknown-line`, `part-of-kit`, `not-returnable`, each naming the field.
    pub fn request(
        order: &Order,
        request: &ReturnRequest,
        facts: &PolicyFacts,
        at: Timestamp,
    ) -> Result<Opened, Rejected> {
        if !order.fulfillment_orders.iter().any(is_delivered) {
            return Err(not_delivered());
        }
        let lawful = is_within(STATUTORY_DAYS, facts.delivered_at, at);
        let kind = request.kind.unwrap_or(if lawful { ReturnKind::Withdrawal } else { ReturnKind::Policy });
        check_window(kind, facts, at)?;
        let lines = resolve(order, kind, request, facts)?;
        let location = lines
            .first()
            .and_then(|line| order.fulfillment_orders.iter().filter(|f| is_delivered(f)).find(|f| ships(f, line.line)))
            .map(|fulfillment_order| fulfillment_order.location.clone())
            .ok_or_else(not_delivered)?;
        let claim: Vec<AllocatedLine> =
            lines.iter().filter_map(|line| Some(AllocatedLine { line: line.line?, quantity: line.quantity })).collect();
        let (id, order_after) = order.open_return(&claim, at)?;
        let parts = lines.into_iter().flat_map(|line| line.clone().exploded(order.kit_of(line.line.unwrap_or(0))));
        let mut next = Self::new(id, order, kind, parts.collect(), location, at);
        next.record(at, "requested", None, None);
        let mut messages = Vec::new();
        if kind != ReturnKind::Warranty {
            messages.push(next.approved(None, at));
        }
        Ok(Opened { order: order_after, back: Decision::of(next).with_messages(messages) })
    }

    /// The carrier turned an outbound parcel round: all of it comes back, without refund. Opened once, since its units are
    /// claimed.
    ///
    /// # Errors
    /// `not-shipped` when the order does not know the parcel as handed over; `not-returnable` when its units are being returned.
    pub fn refused(order: &Order, shipment: &ShipmentId, at: Timestamp) -> Result<Opened, Rejected> {
        let parcel = shipment
            .order()
            .and_then(|(_, number)| order.fulfillment_order(number))
            .filter(|parcel| parcel.status == FulfillmentOrderStatus::Closed)
            .ok_or_else(|| Rejected::new("not-shipped", "the order does not know this parcel as handed over"))?;
        let mut lines: Vec<ReturnLine> = Vec::new();
        for shipped in order.goods_of(parcel) {
            let same = |line: &&mut ReturnLine| line.line == Some(shipped.line) && line.sku == shipped.sku;
            if let Some(line) = lines.iter_mut().find(same) {
                line.quantity += shipped.quantity;
                continue;
            }
            let part = order.kit_of(shipped.line).iter().find(|component| component.sku == shipped.sku);
            let per_kit = part.map_or(0, |component| component.quantity);
            let line = ReturnLine::announced(shipped.line, &shipped.sku, shipped.quantity, None);
            lines.push(ReturnLine { per_kit, ..line });
        }
        let (id, order_after) = order.open_undelivered(parcel.number, at)?;
        let mut next = Self::new(id, order, ReturnKind::Refused, lines, parcel.location.clone(), at);
        next.state = ReturnState::InTransit;
        next.shipment = Some(shipment.clone());
        next.record(at, "refused_by_shopper", None, None);
        next.record(at, "in_transit", None, None);
        Ok(Opened { order: order_after, back: Decision::of(next) })
    }

    /// A parcel came that nobody can match: counted, and its goods wait for inspection. `note` says what was tried.
    ///
    /// # Errors
    /// As [`Return::receive`].
    pub fn unannounced(
        id: ReturnId,
        location: &LocationId,
        arrivals: &[Arrival],
        note: Option<String>,
        actor: &Actor,
        at: Timestamp,
    ) -> Result<Decision<Self>, Rejected> {
        let mut units: BTreeMap<&Sku, u32> = BTreeMap::new();
        for arrival in arrivals {
            let known = units.entry(&arrival.sku).or_default();
            *known = known.saturating_add(arrival.quantity);
        }
        let lines = units
            .into_iter()
            .map(|(sku, quantity)| ReturnLine { line: None, ..ReturnLine::announced(0, sku, quantity, None) })
            .collect();
        let tail = id.tail();
        let short = tail.get(tail.len().saturating_sub(8)..).unwrap_or(tail).to_uppercase();
        let mut opened = Self {
            number: format!("U-{short}"),
            order: None,
            kind: ReturnKind::Unidentified,
            state: ReturnState::InTransit,
            lines,
            lots: Vec::new(),
            serials: Vec::new(),
            shipment: None,
            location: location.clone(),
            refund: None,
            send_by: None,
            next_look_at: None,
            created_at: at,
            history: History::default(),
            id,
        };
        opened.record(at, "unannounced", note, Some(actor));
        opened.receive(location, arrivals, actor, at)
    }

    fn new(
        id: ReturnId,
        order: &Order,
        kind: ReturnKind,
        lines: Vec<ReturnLine>,
        location: LocationId,
        at: Timestamp,
    ) -> Self {
        let number = id.order().map_or(0, |(_, number)| number);
        Self {
            id,
            order: Some(order.id.clone()),
            number: format!("{}-R{number}", order.number),
            kind,
            state: ReturnState::Requested,
            lines,
            lots: Vec::new(),
            serials: Vec::new(),
            shipment: None,
            location,
            refund: None,
            send_by: None,
            next_look_at: None,
            created_at: at,
            history: History::default(),
        }
    }
}

fn is_delivered(parcel: &FulfillmentOrder) -> bool {
    matches!(parcel.delivery, DeliveryState::Delivered | DeliveryState::PartlyDelivered)
}

fn ships(parcel: &FulfillmentOrder, line: Option<u32>) -> bool {
    parcel.lines.iter().any(|shipped| Some(shipped.line) == line)
}

fn not_delivered() -> Rejected {
    Rejected::new("not-delivered", "nothing of this was delivered yet: refuse the parcel, or ask again after delivery")
}

/// Whether `days` after delivery have not passed. The day of delivery does not count and the last day counts in full, in
/// whatever time zone: so up to a day more than `days` times 24 hours.
fn is_within(days: u32, delivered_at: Option<Timestamp>, at: Timestamp) -> bool {
    let window = SignedDuration::from_hours(24 * (i64::from(days) + 1));
    delivered_at.is_none_or(|delivered| delivered.checked_add(window).is_ok_and(|end| at < end))
}

fn check_window(kind: ReturnKind, facts: &PolicyFacts, at: Timestamp) -> Result<(), Rejected> {
    let days = match kind {
        ReturnKind::Withdrawal => facts.window_days.max(STATUTORY_DAYS),
        ReturnKind::Warranty => WARRANTY_DAYS,
        ReturnKind::Policy => facts.window_days,
        ReturnKind::Refused | ReturnKind::Unidentified => {
            return Err(Rejected::new("kind-not-requestable", "ask for withdrawal, warranty or policy").at("/kind"));
        }
    };
    if is_within(days, facts.delivered_at, at) {
        return Ok(());
    }
    let detail = format!("a return is possible until {days} days after delivery; for faulty goods ask for warranty");
    Err(Rejected::new("return-window-closed", detail))
}

fn resolve(
    order: &Order,
    kind: ReturnKind,
    request: &ReturnRequest,
    facts: &PolicyFacts,
) -> Result<Vec<ReturnLine>, Rejected> {
    if request.lines.is_empty() || request.lines.len() > LINES_MAX {
        return Err(Rejected::new("lines-out-of-range", format!("a return has 1 to {LINES_MAX} lines")).at("/lines"));
    }
    let mut left: BTreeMap<u32, u32> = order.returnable().into_iter().map(|line| (line.line, line.quantity)).collect();
    let mut lines: BTreeMap<u32, ReturnLine> = BTreeMap::new();
    for (index, asked) in request.lines.iter().enumerate() {
        let meant: Vec<(&OrderLine, &Sku)> = order
            .lines
            .iter()
            .filter_map(|line| Some((line, line.sku.as_ref()?)))
            .filter(|(line, sku)| match &asked.of {
                LineReference::Number(number) => line.number == *number,
                LineReference::Sku(wanted) => *sku == wanted,
            })
            .collect();
        let Some((line, sku)) = meant.first() else {
            if let LineReference::Sku(part) = &asked.of
                && let Some(kit) = order.lines.iter().find(|line| line.kit.iter().any(|c| c.sku == *part))
            {
                let detail =
                    format!("{part} was sold as a part of line {}: ask for that line, by whole kits", kit.number);
                return Err(Rejected::new("part-of-kit", detail).at(format!("/lines/{index}")));
            }
            return Err(Rejected::new("unknown-line", "the order has no such line: see its `lines`")
                .at(format!("/lines/{index}")));
        };
        let mut stays = line.kit.iter().map(|component| &component.sku).chain([*sku]);
        if let Some(sku) = stays.find(|sku| facts.non_returnable.contains(sku))
            && kind != ReturnKind::Warranty
        {
            return Err(Rejected::new(
                "item-not-returnable",
                format!("{sku} may not be sent back; if it is faulty, ask for warranty"),
            )
            .at(format!("/lines/{index}")));
        }
        let mut wanted = asked.quantity;
        for (line, sku) in &meant {
            let units = left.entry(line.number).or_default();
            let taken = wanted.min(*units);
            if taken == 0 {
                continue;
            }
            *units -= taken;
            wanted -= taken;
            lines
                .entry(line.number)
                .and_modify(|line| line.quantity += taken)
                .or_insert_with(|| ReturnLine::announced(line.number, sku, taken, Some(asked.reason)));
        }
        if asked.quantity == 0 || wanted > 0 {
            let delivered = order
                .fulfillment_orders
                .iter()
                .any(|parcel| is_delivered(parcel) && meant.iter().any(|(line, _)| ships(parcel, Some(line.number))));
            return Err(if delivered {
                Rejected::new("not-returnable", "more units than were delivered and are not being returned already")
                    .at(format!("/lines/{index}/quantity"))
            } else {
                not_delivered().at(format!("/lines/{index}"))
            });
        }
    }
    Ok(lines.into_values().collect())
}
