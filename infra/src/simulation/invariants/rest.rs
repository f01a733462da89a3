//! What must hold when nothing moves any more: nothing undersold, nothing lost, nothing bought twice, ledgers that add up.

use std::collections::{BTreeMap, BTreeSet};

use domain::count_task::CountTask;
use domain::order::{DeliveryState, FulfillmentOrder, HoldReason, Order};
use domain::pick_task::PickTaskState;
use domain::recall::{Recall, RecallState};
use domain::shipment::{Leg, Shipment, ShipmentState};
use domain::stock::{Level, Term};
use engine::Engine;

use super::fill::{self, Available};
use super::goods::{level_key, of_parcel};
use super::{Found, Invariants, serials};
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
        shipment.is_some_and(waits_for_a_person) || !order.holds.is_empty()
    })
}

/// Whether its booking waits for a person: a purchase of which nothing is known is looked up by itself, as long as that may help.
fn waits_for_a_person(shipment: &Shipment) -> bool {
    match shipment.state {
        ShipmentState::BookingRefused => true,
        ShipmentState::BookingUnknown => shipment.reconcile_due_at().is_none(),
        _ => false,
    }
}

/// Whether this is the key of a level of the recalled lot.
fn is_of(recall: &Recall, sk: &str) -> bool {
    let location = sk.split('#').nth(1).unwrap_or_default();
    sk == level_key(location, Some(&recall.lot))
}

pub(super) fn unsettled(all: &Invariants) -> Option<String> {
    let order = all.orders.values().find(|order| !is_settled(all, order));
    if let Some(order) = order {
        return Some(format!("{} is {:?}, {:?}", order.id, order.fulfilment, order.fulfillment_orders));
    }
    let shipment = all.shipments.values().find(|shipment| {
        matches!(shipment.state, ShipmentState::BookingIntent | ShipmentState::VoidRequested)
            || !shipment.surplus.is_empty()
            || shipment.reconcile_due_at().is_some()
    });
    if let Some(shipment) = shipment {
        return Some(format!("{} is {:?}, surplus labels {:?}", shipment.id, shipment.state, shipment.surplus));
    }
    let recall =
        all.recalls.values().find(|recall| matches!(recall.state, RecallState::Declared | RecallState::Stopped));
    if let Some(recall) = recall {
        return Some(format!("{} is {:?}", recall.id, recall.state));
    }
    // What is given back of a recalled lot is blocked by the next look: until then only its mark keeps it from being promised.
    if let Some((_, free)) = all.free_of_recalled().find(|(recall, _)| recall.state != RecallState::Closed) {
        return Some(free);
    }
    let open = all.levels.0.iter().find(|(_, level)| level.get(Term::OpenTakes) != 0);
    open.map(|((pk, sk), level)| format!("{pk} {sk}: a take is open: {:?}", level.0))
}

impl Invariants {
    /// Everything that must hold at rest.
    pub(crate) fn rest(&mut self, rest: &Rest<'_>) {
        let mut found = Found::new();
        self.nothing_lost(rest, &mut found);
        self.nothing_undersold(&mut found);
        self.promises_add_up(&mut found);
        self.ledger_adds_up(rest.engine, rest.movements_table, &mut found);
        self.edits_hold(&mut found);
        self.frozen_bins_are_counted(&mut found);
        self.recalls_hold(&mut found);
        self.units_are_where_they_were_scanned(&mut found);
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
    fn available(&self, merchant: &str) -> Available {
        let mut available = Available::new();
        for ((pk, sk), level) in &self.levels.0 {
            let Some((owner, sku)) = pk.split_once('#') else { continue };
            if owner == merchant {
                let location = sk.split('#').nth(1).unwrap_or_default();
                *available.entry(location.to_owned()).or_default().entry(sku.to_owned()).or_default() +=
                    level.get(Term::Available);
            }
        }
        available
    }

    fn nothing_undersold(&self, found: &mut Found) {
        for order in self.orders.values() {
            if order.may_move().is_err() || order.is_settled() || order.reservation_expired {
                continue;
            }
            let needs = fill::needs(order);
            let available = self.available(order.merchant().as_str());
            if !needs.is_empty() && fill::could_be_filled(order.rule, &needs, &available) {
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
                for ((sku, sk), units) in of_parcel(order, parcel) {
                    *promised.entry((format!("{}#{sku}", order.merchant()), sk)).or_default() += units;
                }
            }
        }
        let held = |level: &Level| level.get(Term::Reserved) + level.get(Term::Picked);
        let mut held: BTreeMap<(String, String), i64> =
            self.levels.0.iter().map(|(key, level)| (key.clone(), held(level))).collect();
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

    /// What a client was answered that it ordered is what is ordered.
    fn edits_hold(&self, found: &mut Found) {
        for ((order, number), units) in &self.ordered {
            let line =
                self.order(order).and_then(|order| order.lines.iter().find(|line| u64::from(line.number) == *number));
            if line.map(|line| u64::from(line.quantity)) != Some(*units) {
                found.push((
                    "an edit that was answered holds",
                    format!("{order} line {number}: {units} asked for, {line:?}"),
                ));
            }
        }
    }

    /// A bin that nobody is sent to waits for somebody who counts it.
    fn frozen_bins_are_counted(&self, found: &mut Found) {
        for ((pk, sk), bins) in &self.frozen {
            for bin in bins {
                let of_bin = |task: &CountTask| {
                    let level = level_key(task.level.location.as_str(), task.level.lot.as_ref());
                    let own = format!("{}#{}", task.merchant(), task.level.sku) == *pk && level == *sk;
                    own && task.bin.as_ref() == Some(bin) && task.is_open()
                };
                if !self.counts.values().any(of_bin) {
                    found.push(("a frozen bin waits to be counted", format!("{pk} {sk} {bin}")));
                }
            }
        }
    }

    /// Units that are with an order are those that were scanned for it, and did not come back.
    fn units_are_where_they_were_scanned(&self, found: &mut Found) {
        let mut scanned = BTreeMap::new();
        for task in self.tasks.values().filter(|task| task.state != PickTaskState::Cancelled) {
            for line in task.lines.iter().filter(|line| line.serial_tracked) {
                let pk = format!("{}#{}", task.merchant(), line.sku);
                for serial in line.scans.iter().filter_map(|scan| scan.serial.as_deref()) {
                    scanned.entry((pk.clone(), serial)).or_insert_with(Vec::new).push(task.order.as_str());
                }
            }
        }
        for (unit, order) in serials::with_orders(&self.serials) {
            let of = scanned.get(&unit).map(Vec::as_slice).unwrap_or_default();
            if !order.is_some_and(|order| of.contains(&order)) {
                found.push(("a unit is with one order", format!("{unit:?} is with {order:?}, scanned for {of:?}")));
            }
        }
    }

    /// What is available of recalled lots, told.
    fn free_of_recalled(&self) -> impl Iterator<Item = (&Recall, String)> {
        self.recalls.values().flat_map(|recall| {
            let pk = format!("{}#{}", recall.merchant(), recall.sku);
            self.levels.0.iter().filter_map(move |((its, sk), level)| {
                let is_free = *its == pk && is_of(recall, sk) && level.get(Term::Available) != 0;
                is_free.then(|| (recall, format!("{its} {sk}: {:?}", level.0)))
            })
        })
    }

    /// Nothing of a recalled lot can be bought, and whoever still has units in the warehouse is held.
    fn recalls_hold(&self, found: &mut Found) {
        let free = self.free_of_recalled().map(|(_, free)| ("nothing of a recalled lot is promised", free));
        found.extend(free);
        for recall in self.recalls.values() {
            for order in self.orders.values().filter(|order| order.merchant() == recall.merchant()) {
                let has_units = |parcel: &&FulfillmentOrder| {
                    parcel.is_active()
                        && of_parcel(order, parcel)
                            .keys()
                            .any(|(sku, sk)| *sku == recall.sku.as_str() && is_of(recall, sk))
                };
                let held = order.holds.iter().any(|hold| hold.reason == HoldReason::ComplianceBlock);
                if order.fulfillment_orders.iter().any(|parcel| has_units(&parcel)) && !held && !order.cancel_requested
                {
                    found.push(("who has units of a recalled lot is held", format!("{}: {:?}", order.id, order.holds)));
                }
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
                    || shipment.state == ShipmentState::BookingUnknown && waits_for_a_person(shipment)
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
                let parts = back.lines.iter().filter(|part| part.line == Some(line.line) && part.per_kit > 0);
                let whole = parts.map(|part| part.received / part.per_kit).min();
                if whole.is_some_and(|whole| line.quantity > whole) {
                    let evidence =
                        format!("{} line {}: {} kits refunded, {whole:?} came", back.id, line.line, line.quantity);
                    found.push(("a kit is refunded when it came whole", evidence));
                }
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
