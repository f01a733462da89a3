//! One level, some orders, and every step that is legal, decided by the real state machines.

use crate::address::{Address, Person};
use crate::aggregate::Actor;
use crate::audit::{Evidence, OpenTake};
use crate::ids::{LocationId, MerchantId, OrderId, PickTaskId, Sku};
use crate::incoming::{IncomingLine, IncomingOrder};
use crate::money::{Currency, Money};
use crate::order::{
    AllocatedLine, Allocation, AllocationRule, FulfillmentOrder, FulfillmentOrderStatus, IntakeFacts, Order,
};
use crate::pick_task::{Label, Parcel, PickTask, PickTaskState, Scan};
use crate::shipment::{Leg, Shipment, ShipmentPlan, ShipmentState, ShippedLine};
use crate::stock::{Goods, Level, LevelId, Movement, MovementKind, StockChange, Take, TakeId, Term};
use crate::sweep::Parts;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// What happens, to which order, with how many units.
pub(super) type Step = (u8, usize, u32);

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) level: Level,
    pub(super) movements: Vec<Movement>,
    pub(super) takes: BTreeMap<TakeId, (Take, OrderId)>,
    pub(super) orders: Vec<(Order, Parts)>,
    names: u32,
}

fn sku() -> Sku {
    Sku::parse("TEA").unwrap()
}

fn location() -> LocationId {
    LocationId::parse("SOF1").unwrap()
}

pub(super) fn level_id() -> LevelId {
    LevelId { sku: sku(), location: location(), lot: None }
}

fn now() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

fn actor() -> Actor {
    Actor { person: "badge-17".to_owned(), station: "PICK-1".to_owned() }
}

fn received(number: usize) -> Order {
    let currency = Currency::parse("EUR").unwrap();
    let address = Address { line1: "1".into(), city: "Sofia".into(), country: "BG".into(), ..Address::default() };
    let incoming = IncomingOrder {
        source_id: number.to_string(),
        number: number.to_string(),
        placed_at: now(),
        currency,
        total: Money::new(1000, currency),
        cash_on_delivery: None,
        payment_settled: number.is_multiple_of(2),
        lines: vec![IncomingLine {
            source_line_id: "1".into(),
            sku: Some(sku()),
            title: "Tea".into(),
            quantity: 3,
            unit_price_minor: 500,
        }],
        ship_to: Some(Person { name: "A".into(), address, ..Person::default() }),
        delivery_method: None,
        note: None,
        priority: 0,
    };
    let facts = IntakeFacts {
        min_remaining_shelf_life_days: 0,
        merchant: MerchantId::derive(&["acme"]),
        channel: None,
        rule: AllocationRule::Split,
        known_skus: [sku()].into(),
        content: number.to_string(),
        now: now(),
        hold_unpaid_stock_minutes: 30,
    };
    Order::receive(&incoming, &facts).unwrap().next
}

pub(super) fn order_id(number: usize) -> OrderId {
    received(number).id
}

fn bears(order: &Order, take: &TakeId) -> bool {
    order.fulfillment_orders.iter().any(|f| f.take == *take)
}

impl World {
    pub(super) fn new() -> Self {
        let orders = (0..4).map(|number| (received(number), Parts::default())).collect();
        Self { level: Level::default(), movements: vec![], takes: BTreeMap::new(), orders, names: 0 }
    }

    pub(super) fn evidence(&self) -> Evidence {
        let mut evidence = Evidence::default();
        for movement in &self.movements {
            evidence.ledger.add(movement);
        }
        for (order, parts) in &self.orders {
            evidence.add(&order.id, 1, order.holds(parts).remove(&level_id()).unwrap_or_default());
        }
        for (name, (take, owner)) in &self.takes {
            let claimed = self.orders.iter().any(|(order, _)| order.id == *owner && bears(order, name));
            let claimed = if claimed { take.units } else { 0 };
            evidence.takes.push(OpenTake { take: name.clone(), units: take.units, claimed });
        }
        evidence
    }

    /// Does a step if it is legal now; whatever is refused, or would make a term negative, changes nothing.
    pub(super) fn step(&mut self, step: Step) {
        let mut next = self.clone();
        if next.try_step(step).is_some() {
            *self = next;
        }
    }

    fn apply(&mut self, changes: Vec<StockChange>) -> Option<()> {
        for change in StockChange::merged(changes) {
            assert_eq!(change.level(), level_id());
            self.level = self.level.after(&change)?;
            self.movements.extend(change.movements);
        }
        Some(())
    }

    fn try_step(&mut self, (kind, index, units): Step) -> Option<()> {
        let (order, parts) = self.orders.get(index)?.clone();
        let active: Option<FulfillmentOrder> = order.fulfillment_orders.iter().find(|f| f.is_active()).cloned();
        match kind {
            0 => {
                let movement = Movement::new(MovementKind::Receipt, units, None, Some(Term::Available), "rec", now());
                self.apply(vec![StockChange::add(&sku(), &location(), units, Term::Available).moved([movement])])
            }
            1 => {
                let units = order.unallocated(order.line(1)?).min(units);
                order.may_reserve().ok().filter(|()| units > 0)?;
                self.apply(vec![StockChange::open_take(&sku(), &location(), units)])?;
                self.names += 1;
                let take = Take { units, opened_at: now(), orders: vec![] };
                self.takes.insert(self.names.to_string(), (take, order.id.clone()));
                Some(())
            }
            2 => {
                let mut open =
                    self.takes.iter().filter(|(name, (_, owner))| *owner == order.id && !bears(&order, name));
                let (name, (take, _)) = open.next()?;
                if take.units > order.unallocated(order.line(1)?) {
                    return None;
                }
                let lines = vec![AllocatedLine { line: 1, quantity: take.units }];
                let claimed = order.allocated(vec![Allocation::plain(location(), lines)], name, now());
                self.put(index, claimed.next, parts);
                Some(())
            }
            3 => {
                let name = self.takes.keys().nth(index)?.clone();
                let (take, owner) = self.takes.remove(&name)?;
                let claimed = self.orders.iter().any(|(order, _)| order.id == owner && bears(order, &name));
                let claimed = if claimed { take.units } else { 0 };
                self.apply(vec![StockChange::close_take(&sku(), &location(), take.units, claimed)])
            }
            4 => {
                // What an unpaid order holds is `OnHold`: no pick task is made of it.
                let is_new = |f: &FulfillmentOrder| {
                    f.status == FulfillmentOrderStatus::Open && !parts.tasks.contains_key(&f.number)
                };
                let (active, mut parts) = (active.filter(is_new)?, parts);
                let task = PickTask::create(&order, &active, &BTreeMap::new(), now()).ok()?.next;
                parts.tasks.insert(active.number, task);
                self.put(index, order, parts);
                Some(())
            }
            5..=8 | 12 => self.work(kind, index, active?.number),
            9 => self.hand_over(index, active?.number),
            10 => {
                let shipment = parts.shipments.get(&active.as_ref()?.number)?;
                let left = shipment.state == ShipmentState::HandedOver;
                let next = left.then(|| order.handed_over(shipment.id.pick_task().order().unwrap().1, now()).next)?;
                self.put(index, next, parts);
                Some(())
            }
            11 => {
                let mut parts = parts;
                let decision = order.request_cancel(now()).ok()?;
                for (number, task) in &mut parts.tasks {
                    if !parts.shipments.contains_key(number) {
                        *task = task.request_cancel(Label::Voided, now()).next;
                    }
                }
                self.apply(decision.stock)?;
                self.put(index, decision.next, parts);
                Some(())
            }
            13 => {
                let active = active?;
                let task = parts.tasks.get(&active.number).filter(|task| task.state == PickTaskState::Cancelled)?;
                let held = task.lines.iter().filter(|line| line.held() > 0);
                let released = held.map(|line| StockChange::release(&line.sku, &task.location, line.held())).collect();
                self.apply(released)?;
                let next = order.fulfillment_order_cancelled(active.number, now()).next;
                self.put(index, next, parts);
                Some(())
            }
            _ => {
                let expiry = order.expire_reservation(now() + SignedDuration::from_mins(30))?;
                self.apply(expiry.order.stock)?;
                self.put(index, expiry.order.next, parts);
                Some(())
            }
        }
    }

    fn put(&mut self, index: usize, order: Order, parts: Parts) {
        self.orders[index] = (order, parts);
    }

    /// A step of a pick task, or of its order on what the task reported.
    fn work(&mut self, kind: u8, index: usize, number: u32) -> Option<()> {
        let (mut order, mut parts) = self.orders.get(index)?.clone();
        let task = parts.tasks.get(&number)?.clone();
        let decision = match kind {
            5 => {
                let claimed = task.claim(&actor(), now()).ok()?.next;
                let scan = Scan { barcode: sku().as_str().to_owned(), quantity: 1, goods: Goods::default() };
                claimed.scan(&scan, &actor(), now()).ok()?
            }
            6 => task.claim(&actor(), now()).ok()?.next.short_pick(&sku(), None, 1, &actor(), now()).ok()?,
            7 => {
                let ships: u32 = task.shipping().iter().map(|line| line.quantity).sum();
                let counted: u32 = order.fulfillment_order(number)?.lines.iter().map(|line| line.quantity).sum();
                let missing = counted.checked_sub(ships).filter(|units| *units > 0)?;
                order =
                    order.short_picked(number, &[AllocatedLine { line: 1, quantity: missing }], task.contents(), now());
                self.put(index, order, parts);
                return Some(());
            }
            8 => {
                let parcel = Parcel { weight_grams: 500, length_mm: 200, width_mm: 100, height_mm: 50 };
                task.pack(parcel, &actor(), now()).ok()?
            }
            _ => task.put_back(&actor(), now()).ok()?,
        };
        self.apply(decision.stock)?;
        parts.tasks.insert(number, decision.next);
        self.put(index, order, parts);
        Some(())
    }

    fn hand_over(&mut self, index: usize, number: u32) -> Option<()> {
        let (order, mut parts) = self.orders.get(index)?.clone();
        let task = parts.tasks.get(&number).filter(|task| task.state == PickTaskState::Packed)?;
        if parts.shipments.contains_key(&number) {
            return None;
        }
        let contents = task
            .shipping()
            .iter()
            .map(|line| ShippedLine { line: line.line, sku: sku(), lot: None, quantity: line.quantity })
            .collect();
        let plan = ShipmentPlan {
            id: PickTaskId::of(&order.id, number).shipment(),
            order: order.id.clone(),
            leg: Leg::Outbound,
            location: location(),
            carrier_account: None,
            service: "standard".into(),
            parcel: task.parcel?,
            contents,
            cash_on_delivery_minor: None,
        };
        let mut shipment = Shipment::intend(plan, "claim".into(), now()).next;
        shipment.state = ShipmentState::LabelPurchased;
        let decision = shipment.hand_over(&actor(), now()).ok()?;
        self.apply(decision.stock)?;
        parts.shipments.insert(number, decision.next);
        self.put(index, order, parts);
        Some(())
    }
}
