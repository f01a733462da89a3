//! What must hold when nothing moves any more: nothing undersold, nothing lost, nothing bought twice, ledgers that add up.

use std::collections::{BTreeMap, BTreeSet};

use domain::order::{AllocationRule, DeliveryState, FulfillmentOrder, Order};
use domain::shipment::{Leg, ShipmentState};
use domain::stock::{Movement, Term};
use engine::Engine;
use serde_json::{Value, json};

use super::{Found, Invariants, image, levels};
use crate::sandbox::Purchase;

/// What else is looked at, at rest.
pub(crate) struct Rest<'a> {
    pub(crate) engine: &'a Engine,
    /// Labels at the carrier.
    pub(crate) purchases: Vec<Purchase>,
    /// Orders whose clients saw a 2xx.
    pub(crate) accepted: &'a [String],
    /// The ledger's table.
    pub(crate) movements_table: &'a str,
}

/// Whether a person, or nobody, has to do with it.
fn is_settled(all: &Invariants, order: &Order) -> bool {
    if order.is_settled() || order.reservation_expired {
        return true;
    }
    let active: Vec<&FulfillmentOrder> = order.fulfillment_orders.iter().filter(|parcel| parcel.is_active()).collect();
    if active.is_empty() || all.nobody_picks && order.lines.iter().any(|line| order.unallocated(line) > 0) {
        return order.waits_as().is_some();
    }
    if all.nobody_picks && !order.cancel_requested {
        return true;
    }
    active.iter().all(|parcel| {
        let id = order.shipment(parcel.number);
        let shipment = all.shipments.values().find(|shipment| shipment.id == id);
        let refused = shipment.is_some_and(|shipment| {
            matches!(shipment.state, ShipmentState::BookingRefused | ShipmentState::BookingUnknown)
        });
        refused || !order.holds.is_empty()
    })
}

pub(super) fn unsettled(all: &Invariants) -> Option<String> {
    let order = all.orders.values().find(|order| !is_settled(all, order));
    if let Some(order) = order {
        return Some(format!("{} is {:?}, {:?}", order.id, order.fulfilment, order.fulfillment_orders));
    }
    let shipment = all.shipments.values().find(|shipment| {
        matches!(shipment.state, ShipmentState::BookingIntent | ShipmentState::VoidRequested)
            || !shipment.surplus.is_empty()
    });
    if let Some(shipment) = shipment {
        return Some(format!("{} is {:?}, surplus labels {:?}", shipment.id, shipment.state, shipment.surplus));
    }
    let open = all.levels.0.iter().find(|(_, level)| level.get(Term::OpenTakes) != 0);
    open.map(|((pk, sk), level)| format!("{pk} {sk}: a take is open: {:?}", level.0))
}

/// Whether an order with these needs could be served, at least in part, as its merchant wants it. Written down once more
/// here: the planner must not be its own judge.
fn could_be_filled(
    rule: AllocationRule,
    needs: &BTreeMap<&str, i64>,
    available: &BTreeMap<&str, BTreeMap<&str, i64>>,
) -> bool {
    let at = |location: &BTreeMap<&str, i64>, sku: &str| location.get(sku).copied().unwrap_or(0);
    match rule {
        AllocationRule::ShipComplete => {
            available.values().any(|location| needs.iter().all(|(sku, units)| at(location, sku) >= *units))
        }
        AllocationRule::Split => {
            needs.iter().all(|(sku, units)| available.values().map(|location| at(location, sku)).sum::<i64>() >= *units)
        }
        AllocationRule::Backorder => needs.keys().any(|sku| available.values().any(|location| at(location, sku) > 0)),
    }
}

impl Invariants {
    /// Everything that must hold at rest.
    pub(crate) fn rest(&mut self, rest: &Rest<'_>) {
        let mut found = Found::new();
        self.nothing_lost(rest, &mut found);
        self.nothing_undersold(&mut found);
        self.promises_add_up(&mut found);
        self.ledger_adds_up(rest, &mut found);
        self.one_label_each(rest, &mut found);
        self.delivered_means_delivered(rest, &mut found);
        self.refunds_fit(&mut found);
        for (invariant, evidence) in found {
            self.broken(invariant, evidence);
        }
    }

    fn nothing_lost(&self, rest: &Rest<'_>, found: &mut Found) {
        for id in rest.accepted {
            if self.order(id).is_none() {
                found.push(("no lost order", format!("{id} was accepted and is not stored")));
            }
        }
        if let Some(stuck) = self.unsettled() {
            found.push(("liveness", stuck));
        }
    }

    /// Available units of each item of a merchant, by location.
    fn available(&self, merchant: &str) -> BTreeMap<&str, BTreeMap<&str, i64>> {
        let mut available: BTreeMap<&str, BTreeMap<&str, i64>> = BTreeMap::new();
        for ((pk, sk), level) in &self.levels.0 {
            let Some((owner, sku)) = pk.split_once('#') else { continue };
            if owner == merchant {
                let location = sk.split('#').nth(1).unwrap_or_default();
                *available.entry(location).or_default().entry(sku).or_default() += level.get(Term::Available);
            }
        }
        available
    }

    fn nothing_undersold(&self, found: &mut Found) {
        for order in self.orders.values() {
            if order.may_move().is_err() || order.is_settled() || order.reservation_expired {
                continue;
            }
            let mut needs: BTreeMap<&str, i64> = BTreeMap::new();
            for line in &order.lines {
                let units = i64::from(order.unallocated(line));
                if let Some(sku) = line.sku.as_ref().filter(|_| units > 0) {
                    *needs.entry(sku.as_str()).or_default() += units;
                }
            }
            let merchant = order.merchant();
            let available = self.available(merchant.as_str());
            if !needs.is_empty() && could_be_filled(order.rule, &needs, &available) {
                let evidence =
                    format!("{} ({:?}) waits for {needs:?}, and there is {available:?}", order.id, order.rule);
                found.push(("no undersell at rest", evidence));
            }
        }
    }

    /// What levels hold as reserved or picked is what orders and tasks hold of them.
    fn promises_add_up(&self, found: &mut Found) {
        let mut promised: BTreeMap<(String, String), i64> = BTreeMap::new();
        for order in self.orders.values() {
            for parcel in order.fulfillment_orders.iter().filter(|parcel| parcel.is_active()) {
                for goods in &parcel.lines {
                    let Some(sku) = order.line(goods.line).and_then(|line| line.sku.as_ref()) else { continue };
                    let level = (format!("{}#{sku}", order.merchant()), parcel.location.to_string());
                    *promised.entry(level).or_default() += i64::from(goods.quantity);
                }
            }
        }
        let mut held: BTreeMap<(String, String), i64> = BTreeMap::new();
        for ((pk, sk), level) in &self.levels.0 {
            let location = sk.split('#').nth(1).unwrap_or_default().to_owned();
            *held.entry((pk.clone(), location)).or_default() += level.get(Term::Reserved) + level.get(Term::Picked);
        }
        held.retain(|_, units| *units != 0);
        promised.retain(|_, units| *units != 0);
        if held != promised {
            let keys: BTreeSet<&(String, String)> = held.keys().chain(promised.keys()).collect();
            let differ: Vec<String> = keys
                .into_iter()
                .filter(|key| held.get(*key) != promised.get(*key))
                .map(|key| {
                    format!("{} at {}: held {:?}, promised {:?}", key.0, key.1, held.get(key), promised.get(key))
                })
                .collect();
            found.push(("levels hold what orders were promised", differ.join("; ")));
        }
    }

    fn ledger_adds_up(&self, rest: &Rest<'_>, found: &mut Found) {
        let body = json!({ "TableName": rest.movements_table }).to_string();
        let answer = rest.engine.dynamodb().call("Scan", body.as_bytes());
        let answer: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let mut ledger: BTreeMap<(String, String), Vec<Movement>> = BTreeMap::new();
        for item in answer["Items"].as_array().into_iter().flatten() {
            let item = image::plain(&json!({ "M": item }));
            let Ok(movement) = serde_json::from_value::<Movement>(item["movement"].clone()) else { continue };
            let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
            let level = (format!("{}#{}", text("merchant"), text("sku")), text("location"));
            ledger.entry(level).or_default().push(movement);
        }
        let mut levels: BTreeMap<(String, String), BTreeMap<Term, i64>> = BTreeMap::new();
        for ((pk, sk), level) in &self.levels.0 {
            let location = sk.split('#').nth(1).unwrap_or_default().to_owned();
            let terms = levels.entry((pk.clone(), location)).or_default();
            for (term, units) in levels::physical(level) {
                *terms.entry(term).or_default() += units;
            }
        }
        for (key, terms) in levels {
            let sum = levels::sum(ledger.get(&key).into_iter().flatten());
            if sum != terms {
                found.push(("the ledger adds up to the level", format!("{key:?}: level {terms:?}, ledger {sum:?}")));
            }
        }
    }

    fn one_label_each(&self, rest: &Rest<'_>, found: &mut Found) {
        let mut live: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for purchase in rest.purchases.iter().filter(|purchase| !purchase.voided) {
            live.entry(&purchase.reference).or_default().push(&purchase.tracking_number);
        }
        for (reference, labels) in live {
            let shipment = self.shipments.values().find(|shipment| shipment.id.as_str() == reference);
            let wanted = shipment.is_some_and(|shipment| {
                matches!(shipment.state, ShipmentState::LabelPurchased | ShipmentState::HandedOver)
            });
            // A refusal waits for a person, who looks at the carrier's list before anything is bought again.
            if labels.len() > 1 || !wanted {
                let state = shipment.map(|shipment| shipment.state);
                found.push(("no double label", format!("{reference} ({state:?}) has the live labels {labels:?}")));
            }
        }
    }

    /// A parcel counts as delivered if the carrier delivered that parcel, whatever happened on its way back.
    fn delivered_means_delivered(&self, rest: &Rest<'_>, found: &mut Found) {
        for order in self.orders.values() {
            for parcel in &order.fulfillment_orders {
                let shipment = order.shipment(parcel.number);
                let events: Vec<&str> = rest
                    .purchases
                    .iter()
                    .filter(|purchase| purchase.reference == shipment.as_str())
                    .flat_map(|purchase| purchase.events.iter().map(String::as_str))
                    .collect();
                let told = |code: &str| events.contains(&code);
                let wrong = match parcel.delivery {
                    DeliveryState::Delivered => !told("delivered"),
                    DeliveryState::Returned => !told("returned"),
                    DeliveryState::Refused => !told("refused") && !told("return_to_sender"),
                    DeliveryState::InTransit => told("delivered") || told("returned"),
                    DeliveryState::None => events.len() > 1,
                    DeliveryState::PartlyDelivered | DeliveryState::Lost => false,
                };
                if wrong {
                    let evidence = format!("{shipment} is {:?}, the carrier told {events:?}", parcel.delivery);
                    found.push(("an order's delivery is its own parcel's", evidence));
                }
            }
        }
        for shipment in self.shipments.values().filter(|shipment| matches!(shipment.leg, Leg::Return(_))) {
            if shipment.state == ShipmentState::HandedOver {
                found.push(("legal moves only", format!("{}: the label of a return was handed over", shipment.id)));
            }
        }
    }

    fn refunds_fit(&self, found: &mut Found) {
        let mut refunded: BTreeMap<(String, u32), u32> = BTreeMap::new();
        for back in self.returns.values() {
            let (Some(order), Some(refund)) = (&back.order, &back.refund) else { continue };
            for line in &refund.lines {
                *refunded.entry((order.to_string(), line.line)).or_default() += line.quantity;
            }
        }
        for ((order, line), units) in refunded {
            let ordered = self.order(&order).and_then(|order| order.line(line)).map_or(0, |line| line.quantity);
            if units > ordered {
                found.push((
                    "one refund per return line",
                    format!("{order} line {line}: {units} of {ordered} units refunded"),
                ));
            }
        }
    }
}
