use super::*;
use crate::aggregate::{Actor, Decision};
use crate::ids::PickTaskId;
use crate::money::Currency;
use crate::stock::Term;
use jiff::SignedDuration;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn order() -> OrderId {
    OrderId::derive(&MerchantId::derive(&["acme"]), &["shop", "1001"])
}

fn start() -> Timestamp {
    "2026-05-10T12:00:00Z".parse().unwrap()
}

fn plan() -> ShipmentPlan {
    let line = |line, sku: &str, quantity| ShippedLine { line, sku: Sku::parse(sku).unwrap(), lot: None, quantity };
    ShipmentPlan {
        id: PickTaskId::of(&order(), 1).shipment(),
        order: order(),
        leg: Leg::Outbound,
        location: LocationId::parse("SOF1").unwrap(),
        carrier_account: Some(CarrierAccountId::derive(&order().merchant(), &["sandbox"])),
        service: "standard".into(),
        parcel: Parcel { weight_grams: 500, length_mm: 200, width_mm: 100, height_mm: 50 },
        contents: vec![line(1, "TEA", 2), line(2, "CUP", 1), line(3, "TEA", 3)],
        cash_on_delivery_minor: None,
    }
}

fn label(id: &str) -> Label {
    Label {
        carrier_shipment_id: id.into(),
        tracking_number: format!("T-{id}"),
        tracking_url: None,
        cost: Money::new(450, Currency::parse("EUR").unwrap()),
        pdf_key: format!("{id}.pdf"),
        zpl_key: format!("{id}.zpl"),
    }
}

fn actor() -> Actor {
    Actor { person: "badge-1".into(), station: "DOCK".into() }
}

fn attempt(claim: &str) -> Attempt {
    let plan = plan();
    Attempt {
        claim: claim.into(),
        carrier_account: plan.carrier_account.expect("the plan has one"),
        service: plan.service,
    }
}

fn intent() -> Shipment {
    Shipment::intend(plan(), "mine".into(), start()).next
}

/// What a carrier, a queue and people may do, in any order.
#[derive(Debug, Clone)]
enum Step {
    /// The open attempt's call is sent.
    Send,
    /// A call reaches the carrier, which sells a label; its answer arrives if `answered`. Too late a call was given up.
    Arrive {
        answered: bool,
    },
    /// A run that was frozen sends its call long after; it does get the answer.
    Thaw,
    /// An answer that was under way for long arrives: of any label ever sold.
    LateAnswer(usize),
    NothingBought,
    Lost,
    Refuse,
    Retry,
    Wait(i64),
    /// Somebody looks under our reference and acts on what is found.
    Reconcile,
    RequestVoid,
    HandOver,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Send),
        3 => any::<bool>().prop_map(|answered| Step::Arrive { answered }),
        1 => Just(Step::Thaw),
        1 => (0_usize..5).prop_map(Step::LateAnswer),
        1 => Just(Step::NothingBought),
        1 => Just(Step::Lost),
        1 => Just(Step::Refuse),
        1 => Just(Step::Retry),
        2 => (1_i64..200).prop_map(Step::Wait),
        3 => Just(Step::Reconcile),
        1 => Just(Step::RequestVoid),
        1 => Just(Step::HandOver),
    ];
    proptest::collection::vec(step, 0..40)
}

/// A carrier that keeps what it sold, and our side over it.
struct World {
    shipment: Shipment,
    now: Timestamp,
    /// Labels sold, whether each is live, and the attempt that bought it.
    sold: Vec<(String, bool, u32)>,
    /// The attempt for which the carrier was called: a claim is good for one call.
    called: u32,
    /// Calls that were sent and have not arrived, with the instant after which they never do.
    under_way: Vec<(Timestamp, u32)>,
    /// Attempts whose run was frozen before it sent its call.
    frozen: Vec<u32>,
    stock: i64,
}

impl World {
    fn new() -> Self {
        Self {
            shipment: intent(),
            now: start(),
            sold: Vec::new(),
            called: 0,
            under_way: Vec::new(),
            frozen: Vec::new(),
            stock: 0,
        }
    }

    fn live(&self) -> Vec<String> {
        self.sold.iter().filter(|(_, live, _)| *live).map(|(id, _, _)| id.clone()).collect()
    }

    fn apply(&mut self, decision: Decision<Shipment>) {
        let units: i64 = decision.stock.iter().map(|change| change.deltas[&Term::OnHand]).sum();
        assert!(decision.stock.iter().all(crate::stock::StockChange::is_balanced));
        self.stock += units;
        self.shipment = decision.next;
    }

    fn void_at_carrier(&mut self, id: &str) {
        for (sold, live, _) in &mut self.sold {
            if sold == id {
                *live = false;
            }
        }
    }

    fn sell(&mut self, attempt: u32, answered: bool) {
        let id = format!("c{}", self.sold.len());
        self.sold.push((id.clone(), true, attempt));
        if answered {
            self.apply(self.shipment.label_of_attempt(attempt, label(&id), self.now));
        }
    }

    /// What the function does with a `reconcile` message.
    fn reconcile(&mut self) {
        for id in self.shipment.surplus.clone() {
            self.void_at_carrier(&id);
            self.apply(self.shipment.surplus_voided(&id, None, self.now));
        }
        let live = self.live();
        match self.shipment.state {
            ShipmentState::BookingIntent | ShipmentState::BookingUnknown => match live.split_first() {
                Some((kept, others)) => {
                    others.iter().for_each(|id| self.void_at_carrier(id));
                    self.apply(self.shipment.label_found(label(kept), self.now));
                }
                None if self.shipment.nothing_found(self.now) == AfterLookUp::Buy => {
                    let attempts = self.shipment.attempts;
                    if self.called < attempts {
                        self.frozen.push(attempts);
                    }
                    let decision = self.shipment.next_attempt(attempts, attempt("mine"), self.now).unwrap();
                    self.apply(decision);
                }
                None => {}
            },
            ShipmentState::VoidRequested => {
                live.iter().for_each(|id| self.void_at_carrier(id));
                if self.shipment.nothing_found(self.now) == AfterLookUp::Nothing {
                    self.apply(self.shipment.label_voided(None, self.now));
                }
            }
            ShipmentState::LabelPurchased | ShipmentState::HandedOver if self.shipment.call_open => {
                let own = self.shipment.label.as_ref().map(|own| own.carrier_shipment_id.clone());
                let others = live.iter().filter(|id| Some(*id) != own.as_ref());
                others.for_each(|id| self.void_at_carrier(id));
                self.apply(self.shipment.call_ended(self.now));
            }
            _ => {}
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Send => {
                if self.called < self.shipment.attempts && self.shipment.may_call("mine", self.now) {
                    self.called = self.shipment.attempts;
                    self.under_way.push((self.shipment.attempted_at + CALL_LASTS, self.called));
                }
            }
            Step::Arrive { answered } => {
                if let Some((until, attempt)) = self.under_way.pop()
                    && self.now < until
                {
                    self.sell(attempt, *answered);
                }
            }
            Step::Thaw => {
                if let Some(attempt) = self.frozen.pop() {
                    self.sell(attempt, true);
                }
            }
            Step::LateAnswer(index) => {
                if let Some((id, _, attempt)) = self.sold.get(*index).cloned() {
                    self.apply(self.shipment.label_of_attempt(attempt, label(&id), self.now));
                }
            }
            Step::NothingBought => {
                // The carrier says so only when it is true.
                if self.called < self.shipment.attempts {
                    self.called = self.shipment.attempts;
                    self.apply(self.shipment.nothing_bought(self.shipment.attempts, "throttled", self.now));
                }
            }
            Step::Lost => self.apply(self.shipment.booking_lost(self.shipment.attempts, None, self.now)),
            Step::Refuse => {
                if self.called < self.shipment.attempts {
                    self.called = self.shipment.attempts;
                    self.apply(self.shipment.booking_refused("no such street", self.now));
                }
            }
            Step::Retry => {
                // A person looks first whether something was bought.
                if self.live().is_empty()
                    && !self.shipment.call_may_last(self.now)
                    && let Ok(decision) = self.shipment.retry_booking(&actor(), self.now)
                {
                    self.apply(decision);
                }
            }
            Step::Wait(seconds) => self.now += SignedDuration::from_secs(*seconds),
            Step::Reconcile => self.reconcile(),
            Step::RequestVoid => self.apply(self.shipment.request_void(self.now)),
            Step::HandOver => {
                if let Ok(decision) = self.shipment.hand_over(&actor(), self.now) {
                    self.apply(decision);
                }
            }
        }
    }
}

fn legal(from: ShipmentState, to: ShipmentState) -> bool {
    use ShipmentState as S;
    from == to
        || matches!(
            (from, to),
            (
                S::BookingIntent,
                S::BookingUnknown | S::BookingRefused | S::LabelPurchased | S::VoidRequested | S::Voided
            ) | (
                S::BookingUnknown,
                S::BookingIntent | S::BookingRefused | S::LabelPurchased | S::VoidRequested | S::Voided
            ) | (S::BookingRefused, S::BookingIntent | S::LabelPurchased | S::VoidRequested | S::Voided)
                | (S::LabelPurchased, S::HandedOver | S::VoidRequested)
                | (S::VoidRequested, S::Voided)
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_happens_there_is_at_most_one_live_label_at_rest_and_every_move_is_legal(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            let before = world.shipment.state;
            world.step(step);
            prop_assert!(legal(before, world.shipment.state), "{step:?}: {before:?} to {:?}", world.shipment.state);
            if let (ShipmentState::LabelPurchased | ShipmentState::HandedOver, Some(own)) =
                (world.shipment.state, &world.shipment.label)
            {
                prop_assert!(world.live().contains(&own.carrier_shipment_id), "our label must be a live one");
            }
        }
        // Faults stop: what is under way ends, and every label that somebody heard of is settled.
        world.now += CALL_LASTS;
        world.reconcile();
        world.reconcile();
        let live = world.live();
        prop_assert!(live.len() <= 1, "{live:?}");
        let expect_live = matches!(world.shipment.state, ShipmentState::LabelPurchased | ShipmentState::HandedOver);
        if world.shipment.state != ShipmentState::BookingIntent && world.shipment.state != ShipmentState::BookingRefused {
            prop_assert_eq!(!live.is_empty(), expect_live, "{:?}", world.shipment.state);
        }
        let shipped = if world.shipment.state == ShipmentState::HandedOver { -6 } else { 0 };
        prop_assert_eq!(world.stock, shipped, "goods leave the stock once, at hand-over");
    }
}

#[test]
fn a_repeated_purchase_needs_proof_that_nothing_was_bought() {
    let shipment = intent();
    let check = |shipment: &Shipment, seconds: i64, expect: AfterLookUp| {
        assert_eq!(shipment.nothing_found(start() + SignedDuration::from_secs(seconds)), expect);
    };
    check(&shipment, 0, AfterLookUp::AskAgain(CALL_LASTS));
    check(&shipment, 59, AfterLookUp::AskAgain(SignedDuration::from_secs(1)));
    check(&shipment, 60, AfterLookUp::Buy);
    let unknown = shipment.booking_lost(1, None, start()).next;
    check(&unknown, 59, AfterLookUp::AskAgain(SignedDuration::from_secs(1)));
    check(&unknown, 60, AfterLookUp::Buy);
    check(&shipment.nothing_bought(1, "throttled", start()).next, 0, AfterLookUp::Buy);
    for done in [
        shipment.label_bought(label("c1"), start()).next,
        shipment.booking_refused("no", start()).next,
        shipment.label_bought(label("c1"), start()).next.request_void(start()).next,
    ] {
        check(&done, 1000, AfterLookUp::Nothing);
    }
}

#[test]
fn a_function_that_was_frozen_does_not_call_any_more() {
    let shipment = intent();
    assert!(shipment.may_call("mine", start()));
    assert!(!shipment.may_call("another's", start()));
    assert!(!shipment.may_call("mine", start() + START_WITHIN));
    assert!(!shipment.nothing_bought(1, "x", start()).next.may_call("mine", start()));
}

#[test]
fn only_the_last_attempt_can_be_followed_by_another() {
    let failed = intent().nothing_bought(1, "throttled", start()).next;
    let second = failed.next_attempt(1, attempt("yours"), start()).unwrap().next;
    assert_eq!((second.attempts, second.claim.as_str(), second.call_open), (2, "yours", true));
    assert_eq!(second.next_attempt(1, attempt("mine"), start()).unwrap_err().code, "booking-moved-on");
    assert_eq!(second.next_attempt(2, attempt("mine"), start()).unwrap_err().code, "booking-moved-on");
}

#[test]
fn an_answer_to_an_older_attempt_says_nothing_about_the_newer() {
    let second =
        intent().nothing_bought(1, "throttled", start()).next.next_attempt(1, attempt("yours"), start()).unwrap().next;
    assert_eq!(second.nothing_bought(1, "late", start()), Decision::of(second.clone()));
    assert_eq!(second.booking_lost(1, None, start()), Decision::of(second.clone()));
}

#[test]
fn a_second_label_is_kept_in_mind_until_it_is_given_back() {
    let bought = intent().label_bought(label("c1"), start()).next;
    let surplus = bought.label_bought(label("c2"), start());
    assert_eq!(surplus.next.surplus, ["c2"]);
    assert_eq!(surplus.next.label, Some(label("c1")));
    assert!(matches!(surplus.messages[0].kind, MessageKind::Reconcile { .. }));
    assert_eq!(surplus.next.label_bought(label("c2"), start()), Decision::of(surplus.next.clone()));
    assert!(surplus.next.surplus_voided("c2", None, start()).next.surplus.is_empty());
}

#[test]
fn a_label_of_an_older_attempt_leaves_the_last_one_open_until_the_carrier_was_asked() {
    let thawed_at = start() + CALL_LASTS;
    let second = intent().next_attempt(1, attempt("yours"), thawed_at).unwrap().next;
    let bought = second.label_of_attempt(1, label("c1"), thawed_at);
    assert_eq!((bought.next.state, bought.next.call_open), (ShipmentState::LabelPurchased, true));
    assert!(matches!(bought.messages[..], [Message { kind: MessageKind::Reconcile { .. }, .. }]));
    assert!(bought.next.call_ended(thawed_at).next.call_open, "not before it is over");
    assert!(!bought.next.call_ended(thawed_at + CALL_LASTS).next.call_open);
    let found = second.label_found(label("c1"), thawed_at).next;
    assert!(found.call_open, "the one that was found may be the first attempt's");
    assert!(!intent().label_found(label("c1"), start()).next.call_open, "one purchase, one label");
    let answered = bought.next.label_of_attempt(2, label("c2"), thawed_at).next;
    assert_eq!((answered.call_open, answered.surplus.as_slice()), (false, ["c2".to_owned()].as_slice()));
}

#[test]
fn a_label_is_counted_once() {
    let bought = intent().label_bought(label("c1"), start());
    assert_eq!(bought.facts.len(), 1);
    assert_eq!(bought.next.label_bought(label("c1"), start()), Decision::of(bought.next.clone()));
}

#[test]
fn a_void_before_the_booking_leaves_a_tombstone() {
    let tombstone = Shipment::tombstone(plan(), start());
    assert_eq!(tombstone.next.state, ShipmentState::Voided);
    assert!(tombstone.messages.iter().any(|m| matches!(m.kind, MessageKind::CancelPickTasks { .. })));
    assert_eq!(tombstone.next.nothing_found(start() + CALL_LASTS), AfterLookUp::Nothing);
}

#[test]
fn a_booking_that_never_called_is_voided_at_once() {
    let unbookable = Shipment::unbookable(plan(), "no carrier account", start()).next;
    assert_eq!(unbookable.state, ShipmentState::BookingRefused);
    assert_eq!(unbookable.request_void(start()).next.state, ShipmentState::Voided);
    assert_eq!(intent().request_void(start()).next.state, ShipmentState::VoidRequested);
}

#[test]
fn a_void_after_hand_over_tells_the_order_and_changes_nothing() {
    let handed = intent().label_bought(label("c1"), start()).next.hand_over(&actor(), start()).unwrap().next;
    let late = handed.request_void(start());
    assert_eq!(late.next.state, ShipmentState::HandedOver);
    assert!(matches!(late.messages[..], [Message { kind: MessageKind::ShipmentChanged { .. }, .. }]));
}

#[test]
fn a_voided_shipment_lets_the_goods_be_put_back_and_a_returns_does_not() {
    let voided =
        intent().label_bought(label("c1"), start()).next.request_void(start()).next.label_voided(None, start());
    assert!(voided.messages.iter().any(|m| matches!(m.kind, MessageKind::CancelPickTasks { .. })));
    let back = ReturnId::of(&order(), 1);
    let plan = ShipmentPlan { id: back.shipment(), leg: Leg::Return(back), ..plan() };
    let intent = Shipment::intend(plan, "mine".into(), start()).next;
    let bought = intent.label_bought(label("c1"), start());
    assert!(matches!(bought.messages[..], [Message { kind: MessageKind::ReturnLabelBooked { .. }, .. }]));
    assert_eq!(bought.next.hand_over(&actor(), start()).unwrap_err().code, "shipment-not-outbound");
    assert!(!bought.next.awaits_close_out());
    assert!(bought.next.request_void(start()).next.label_voided(None, start()).messages.is_empty());
}

#[test]
fn goods_leave_the_stock_by_item_with_their_movements() {
    let bought = intent().label_bought(label("c1"), start()).next;
    assert!(bought.awaits_close_out());
    let handed = bought.hand_over(&actor(), start()).unwrap();
    let units: Vec<(&str, i64, i64)> = handed
        .stock
        .iter()
        .map(|change| (change.sku.as_str(), change.deltas[&Term::OnHand], change.deltas[&Term::Picked]))
        .collect();
    assert_eq!(units, [("CUP", -1, -1), ("TEA", -5, -5)]);
    for change in &handed.stock {
        let moved: u32 = change.movements.iter().map(|movement| movement.quantity).sum();
        assert_eq!(-i64::from(moved), change.deltas[&Term::OnHand]);
        assert_eq!(change.movements[0].actor, Some(actor()));
    }
    let kinds: BTreeSet<&str> = handed
        .messages
        .iter()
        .map(|message| match message.kind {
            MessageKind::ShipmentChanged { .. } => "shipment_changed",
            MessageKind::ReportFulfilment { .. } => "report_fulfilment",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, BTreeSet::from(["shipment_changed", "report_fulfilment"]));
    assert!(!handed.next.awaits_close_out());
    assert_eq!(handed.next.hand_over(&actor(), start()).unwrap_err().code, "shipment-handed-over");
    assert_eq!(intent().hand_over(&actor(), start()).unwrap_err().code, "shipment-not-labelled");
}

#[test]
fn a_booking_waits_for_a_person_only_when_the_carrier_cannot_be_asked() {
    let unknown = intent().booking_lost(1, None, start()).next;
    assert_eq!(unknown.reconcile_due_at(), Some(start() + CALL_LASTS));
    let for_a_person = intent().booking_lost(1, Some("this carrier cannot be asked"), start()).next;
    assert_eq!(for_a_person.reconcile_due_at(), None);
    assert_eq!(for_a_person.state, ShipmentState::BookingUnknown);
    let too_early = for_a_person.retry_booking(&actor(), start()).unwrap_err();
    assert_eq!(too_early.code, "booking-under-way", "the lost purchase may still reach the carrier");
    let retried = for_a_person.retry_booking(&actor(), start() + CALL_LASTS).unwrap();
    assert_eq!(retried.next.nothing_found(start() + CALL_LASTS), AfterLookUp::Buy);
    assert!(matches!(retried.messages[..], [Message { kind: MessageKind::Reconcile { .. }, .. }]));
}

#[test]
fn a_shipment_reads_back_from_the_form_it_is_frozen_to() {
    let shipment = intent().label_bought(label("c1"), start()).next;
    let json = serde_json::to_value(&shipment).unwrap();
    assert_eq!(json["state"], "label_purchased");
    assert_eq!(json["leg"], "outbound");
    assert_eq!(json["label"]["tracking_number"], "T-c1");
    assert_eq!(serde_json::from_value::<Shipment>(json).unwrap(), shipment);
}
