use super::*;
use crate::catalogue::Item;
use crate::lot_record::LotRecord;
use crate::order::{
    AllocationRule, DeliveryState, FulfillmentOrder, FulfillmentOrderStatus, FulfilmentState, MoneyState, Order,
    OrderLine,
};
use crate::stock::{Condition, Level, Lot, MovementKind, StockChange, Term};
use crate::tracking_status::TrackingStatus;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn day(days: i64) -> Timestamp {
    "2026-11-02T08:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(24 * days)
}

fn sku(code: &str) -> Sku {
    Sku::parse(code).unwrap()
}

fn sofia() -> LocationId {
    LocationId::parse("SOF1").unwrap()
}

fn actor() -> Actor {
    Actor { person: "badge-1".to_owned(), station: "DOCK-1".to_owned() }
}

/// Two lines, TEA × 2 at 3.00 and MUG × 1 at 10.00, in one parcel; 16.00 and 2.00 freight were paid.
fn order(delivery: DeliveryState) -> Order {
    let merchant = MerchantId::derive(&["acme"]);
    let line = |number, code: &str, quantity, unit_price_minor| OrderLine {
        number,
        source_line_id: number.to_string(),
        sku: Some(sku(code)),
        quantity,
        unit_price_minor,
        kit: Vec::new(),
        returned: 0,
        undelivered: 0,
    };
    Order {
        id: OrderId::derive(&merchant, &["shop", "1"]),
        channel: None,
        source_id: "1".to_owned(),
        number: "#1001".to_owned(),
        content: "c".to_owned(),
        placed_at: day(-3),
        created_at: day(-3),
        currency: Currency::parse("EUR").unwrap(),
        total_minor: 1800,
        cash_on_delivery_minor: None,
        ship_to_country: Some("BG".to_owned()),
        rule: AllocationRule::Split,
        priority: 0,
        hold_unpaid_stock_minutes: 0,
        min_remaining_shelf_life_days: 0,
        reserved_until: None,
        reservation_expired: false,
        fulfilment: FulfilmentState::Fulfilled,
        delivery,
        money: MoneyState::Settled,
        holds: vec![],
        lines: vec![line(1, "TEA", 2, 300), line(2, "MUG", 1, 1000)],
        fulfillment_orders: vec![FulfillmentOrder {
            number: 1,
            location: sofia(),
            status: FulfillmentOrderStatus::Closed,
            delivery,
            comes_back: false,
            lines: vec![AllocatedLine { line: 1, quantity: 2 }, AllocatedLine { line: 2, quantity: 1 }],
            goods: vec![],
            take: String::new(),
        }],
        waits_for: Vec::new(),
        cancel_requested: false,
        personal_data: None,
        returns: 0,
        next_look_at: None,
        history: History::default(),
    }
}

fn delivered() -> Order {
    order(DeliveryState::Delivered)
}

fn facts() -> PolicyFacts {
    PolicyFacts { window_days: 30, delivered_at: Some(day(0)), non_returnable: BTreeSet::new() }
}

fn asks(kind: Option<ReturnKind>, lines: &[(&str, u32)]) -> ReturnRequest {
    let line = |(code, quantity): &(&str, u32)| AskedLine {
        of: LineReference::Sku(sku(code)),
        quantity: *quantity,
        reason: ReturnReason::ChangedMind,
    };
    ReturnRequest { kind, lines: lines.iter().map(line).collect() }
}

fn opened(order: &Order, kind: ReturnKind, lines: &[(&str, u32)]) -> Return {
    Return::request(order, &asks(Some(kind), lines), &facts(), day(1)).unwrap().back.next
}

fn arrival(code: &str, quantity: u32) -> Arrival {
    Arrival { sku: sku(code), lot: None, serial: None, quantity, condition: None }
}

fn found(code: &str, disposition: Disposition, quantity: u32) -> Inspected {
    Inspected {
        sku: sku(code),
        lot: None,
        serial: None,
        disposition,
        quantity,
        condition: None,
        note: None,
        liable: None,
    }
}

fn refusal(
    order: &Order,
    kind: Option<ReturnKind>,
    lines: &[(&str, u32)],
    facts: &PolicyFacts,
    at: Timestamp,
) -> (&'static str, Option<String>) {
    let rejected = Return::request(order, &asks(kind, lines), facts, at).unwrap_err();
    (rejected.code, rejected.pointer)
}

#[test]
fn a_lawful_withdrawal_is_approved_at_once_and_a_label_is_booked() {
    let opened = Return::request(&delivered(), &asks(None, &[("TEA", 1)]), &facts(), day(14)).unwrap();
    let back = opened.back.next;
    assert_eq!((back.kind, back.state), (ReturnKind::Withdrawal, ReturnState::Approved));
    assert_eq!(back.number, "#1001-R1");
    assert_eq!(back.location, sofia());
    assert_eq!(opened.back.messages[0].kind, MessageKind::BookReturn { return_id: back.id.clone() });
    assert_eq!(opened.order.next.lines[0].returned, 1);
    assert_eq!(back.send_by, Some(day(14) + SEND_WITHIN));
}

#[test]
fn the_window_is_the_merchants_and_for_a_withdrawal_at_least_the_laws() {
    let check = |window_days, days, kind, expect: Option<&str>| {
        let facts = PolicyFacts { window_days, ..facts() };
        let outcome = Return::request(&delivered(), &asks(kind, &[("TEA", 1)]), &facts, day(days));
        assert_eq!(outcome.err().map(|rejected| rejected.code), expect, "{window_days} {days} {kind:?}");
    };
    check(7, 14, Some(ReturnKind::Withdrawal), None);
    check(7, 8, Some(ReturnKind::Policy), Some("return-window-closed"));
    check(7, 15, None, Some("return-window-closed"));
    check(30, 30, None, None);
    check(30, 31, None, Some("return-window-closed"));
    check(0, 700, Some(ReturnKind::Warranty), None);
    check(0, 731, Some(ReturnKind::Warranty), Some("return-window-closed"));
    check(30, 1, Some(ReturnKind::Refused), Some("kind-not-requestable"));
}

#[test]
fn the_window_does_not_begin_before_the_last_parcel_came() {
    let facts = PolicyFacts { window_days: 0, delivered_at: None, ..facts() };
    assert!(Return::request(&delivered(), &asks(None, &[("TEA", 1)]), &facts, day(100)).is_ok());
}

#[test]
fn an_undelivered_order_is_not_returned() {
    let check = |delivery| {
        let outcome = refusal(&order(delivery), None, &[("TEA", 1)], &facts(), day(1));
        assert_eq!(outcome.0, "not-delivered", "{delivery:?}");
    };
    check(DeliveryState::None);
    check(DeliveryState::InTransit);
    check(DeliveryState::Lost);
}

#[test]
fn an_undelivered_line_of_a_partly_delivered_order_is_not_returned() {
    let mut split = delivered();
    let mug = split.fulfillment_orders[0].lines.remove(1);
    split.fulfillment_orders.push(FulfillmentOrder {
        number: 2,
        delivery: DeliveryState::InTransit,
        lines: vec![mug],
        ..split.fulfillment_orders[0].clone()
    });
    let outcome = refusal(&split, None, &[("TEA", 1), ("MUG", 1)], &facts(), day(1));
    assert_eq!(outcome, ("not-delivered", Some("/lines/1".to_owned())));
}

#[test]
fn an_item_that_may_not_come_back_is_named_unless_it_is_faulty() {
    let facts = PolicyFacts { non_returnable: BTreeSet::from([sku("MUG")]), ..facts() };
    let outcome = refusal(&delivered(), None, &[("TEA", 1), ("MUG", 1)], &facts, day(1));
    assert_eq!(outcome, ("item-not-returnable", Some("/lines/1".to_owned())));
    let claim = asks(Some(ReturnKind::Warranty), &[("MUG", 1)]);
    let claimed = Return::request(&delivered(), &claim, &facts, day(1)).unwrap().back;
    assert_eq!(claimed.next.state, ReturnState::Requested);
    assert_eq!(claimed.messages, vec![]);
}

#[test]
fn no_unit_is_returned_twice() {
    let first = Return::request(&delivered(), &asks(None, &[("TEA", 1)]), &facts(), day(1)).unwrap();
    let outcome = refusal(&first.order.next, None, &[("TEA", 2)], &facts(), day(1));
    assert_eq!(outcome, ("not-returnable", Some("/lines/0/quantity".to_owned())));
    assert_eq!(refusal(&delivered(), None, &[("TEA", 1), ("TEA", 2)], &facts(), day(1)).0, "not-returnable");
    let second = Return::request(&first.order.next, &asks(None, &[("TEA", 1)]), &facts(), day(1)).unwrap();
    assert_eq!(second.back.next.number, "#1001-R2");
    assert_eq!(second.order.next.returnable(), vec![AllocatedLine { line: 2, quantity: 1 }]);
}

#[test]
fn what_a_refused_parcel_brings_back_is_none_of_what_was_delivered() {
    // Of three teas two were delivered, and one was refused at the door.
    let mut split = delivered();
    split.lines[0].quantity = 3;
    let refused = FulfillmentOrder {
        number: 2,
        delivery: DeliveryState::Refused,
        lines: vec![AllocatedLine { line: 1, quantity: 1 }],
        ..split.fulfillment_orders[0].clone()
    };
    split.fulfillment_orders.push(refused);
    let shipment = split.shipment(2);
    let returnable =
        |order: &Order| order.returnable().iter().find(|line| line.line == 1).map_or(0, |line| line.quantity);
    let back = Return::refused(&split, &shipment, day(1)).unwrap();
    let order = back.order.next;
    assert_eq!(returnable(&order), 2, "both that were delivered");
    assert_eq!(Return::refused(&order, &shipment, day(1)).unwrap_err().code, "not-returnable", "opened once");
    let asked = Return::request(&order, &asks(None, &[("TEA", 1)]), &facts(), day(2)).unwrap();
    let one_left = asked.order.next;
    assert_eq!(returnable(&one_left), 1);
    // The refused unit never came: it is neither returned nor returnable.
    let lost = one_left.return_ended(&back.back.next.claimed(), true, day(9)).next;
    assert_eq!((returnable(&lost), lost.lines[0].returned, lost.lines[0].undelivered), (1, 1, 0));
    assert_eq!(refusal(&lost, None, &[("TEA", 2)], &facts(), day(10)).0, "not-returnable");
}

#[test]
fn a_refused_parcel_comes_back_whole_once_and_without_refund() {
    let order = order(DeliveryState::Refused);
    let parcel = ShipmentId::of(&order.id, 1);
    let opened = Return::refused(&order, &parcel, day(1)).unwrap();
    let back = opened.back.next;
    assert_eq!((back.kind, back.state), (ReturnKind::Refused, ReturnState::InTransit));
    assert_eq!(back.claimed(), order.fulfillment_orders[0].lines);
    assert_eq!(opened.back.messages, vec![]);
    assert_eq!(Return::refused(&opened.order.next, &parcel, day(2)).unwrap_err().code, "not-returnable");
    let received = back.receive(&sofia(), &[arrival("TEA", 2), arrival("MUG", 1)], &actor(), day(3)).unwrap().next;
    let all = [found("TEA", Disposition::Restock, 2), found("MUG", Disposition::WriteOff, 1)];
    let closed = received.inspect(&all, Some(&order), &[], &actor(), day(4)).unwrap();
    assert_eq!(closed.next.refund, None);
    let written_off = closed.stock.iter().flat_map(|change| &change.movements);
    let liable: Vec<_> = written_off.filter(|m| m.kind == MovementKind::WriteOff).map(|m| m.liable).collect();
    assert_eq!(liable, vec![Some(crate::stock::LiableParty::Carrier)]);
}

#[test]
fn a_parcel_that_was_never_handed_over_is_not_refused() {
    let mut order = order(DeliveryState::InTransit);
    order.fulfillment_orders[0].status = FulfillmentOrderStatus::InProgress;
    let parcel = ShipmentId::of(&order.id, 1);
    assert_eq!(Return::refused(&order, &parcel, day(1)).unwrap_err().code, "not-shipped");
}

#[test]
fn what_is_paid_back_is_the_price_and_in_all_never_more_than_was_paid() {
    let check = |total_minor, money, lines: &[(&str, u32)], expect: Option<i64>| {
        let order = Order { total_minor, money, ..delivered() };
        let back = opened(&order, ReturnKind::Withdrawal, lines);
        let arrivals: Vec<Arrival> = lines.iter().map(|(code, quantity)| arrival(code, *quantity)).collect();
        let received = back.receive(&sofia(), &arrivals, &actor(), day(2)).unwrap().next;
        let all: Vec<Inspected> =
            lines.iter().map(|(code, quantity)| found(code, Disposition::Restock, *quantity)).collect();
        let closed = received.inspect(&all, Some(&order), &[], &actor(), day(3)).unwrap().next;
        assert_eq!(closed.refund.map(|refund| refund.amount_minor), expect, "{total_minor} {money:?} {lines:?}");
    };
    let everything = [("TEA", 2), ("MUG", 1)];
    check(1800, MoneyState::Settled, &everything, Some(1600));
    check(1800, MoneyState::Collected, &[("TEA", 1)], Some(300));
    check(800, MoneyState::Settled, &everything, Some(800));
    check(800, MoneyState::Settled, &[("MUG", 1)], Some(500));
    check(0, MoneyState::Settled, &everything, None);
    check(1800, MoneyState::NotDue, &everything, None);
}

#[test]
fn what_was_received_is_disposed_of_exactly() {
    let order = delivered();
    let back = opened(&order, ReturnKind::Withdrawal, &[("TEA", 2), ("MUG", 1)]);
    let received = back.receive(&sofia(), &[arrival("TEA", 2)], &actor(), day(2)).unwrap().next;
    assert_eq!(received.state, ReturnState::PartiallyReceived);
    let check = |found: &[Inspected], expect: Result<(), &str>| {
        let outcome = received.inspect(found, Some(&order), &[], &actor(), day(3));
        assert_eq!(outcome.map(drop).map_err(|rejected| rejected.code), expect, "{found:?}");
    };
    check(&[found("TEA", Disposition::Restock, 1)], Err("not-all-disposed"));
    check(&[found("TEA", Disposition::Restock, 3)], Err("not-all-disposed"));
    check(&[found("TEA", Disposition::Restock, 2), found("MUG", Disposition::Restock, 1)], Err("not-all-disposed"));
    check(&[], Err("not-all-disposed"));
    let damaged = Inspected { condition: Some(Condition::Damaged), ..found("TEA", Disposition::Restock, 2) };
    check(&[damaged], Err("damaged-not-sellable"));
    check(&[found("TEA", Disposition::Restock, 1), found("TEA", Disposition::Quarantine, 1)], Ok(()));
}

#[test]
fn units_that_did_not_come_are_named_so_that_they_are_given_free() {
    let back = opened(&delivered(), ReturnKind::Withdrawal, &[("TEA", 2), ("MUG", 1)]);
    let received = back.receive(&sofia(), &[arrival("TEA", 1)], &actor(), day(2)).unwrap().next;
    let closed = received.inspect(&[found("TEA", Disposition::Restock, 1)], Some(&delivered()), &[], &actor(), day(3));
    let missing = closed.unwrap().next.missing();
    assert_eq!(missing, vec![AllocatedLine { line: 1, quantity: 1 }, AllocatedLine { line: 2, quantity: 1 }]);
}

#[test]
fn a_rest_is_received_where_the_first_part_was() {
    let back = opened(&delivered(), ReturnKind::Withdrawal, &[("TEA", 2)]);
    let (sofia, varna) = (sofia(), LocationId::parse("VAR1").unwrap());
    let part = back.receive(&varna, &[arrival("TEA", 1)], &actor(), day(2)).unwrap().next;
    assert_eq!(part.receive(&sofia, &[arrival("TEA", 1)], &actor(), day(3)).unwrap_err().code, "received-elsewhere");
    assert_eq!(part.receive(&varna, &[arrival("TEA", 2)], &actor(), day(3)).unwrap_err().code, "not-announced");
    assert_eq!(part.receive(&varna, &[arrival("TEA", 1)], &actor(), day(3)).unwrap().next.state, ReturnState::Received);
}

#[test]
fn goods_come_back_into_their_lot_and_those_of_an_unknown_lot_are_not_sold() {
    let lot =
        |code: &str, expiry| Lot { code: code.to_owned(), expiry: Some(day(expiry).to_zoned(TimeZone::UTC).date()) };
    let record = |lot: &Lot| LotRecord::new(&MerchantId::derive(&["acme"]), &sku("TEA"), lot.clone(), day(0));
    let (good, old) = (lot("GOOD", 90), lot("OLD", 1));
    let records = [record(&good), record(&old)];
    let mut tea: Item = serde_json::from_str(r#"{"sku":"TEA","name":"Tea","lot_tracked":true}"#).unwrap();
    let unknown = Arrival::lot_of(&tea, None);
    assert_eq!(Arrival::lot_of(&tea, Some(&records[0])), Some(good.clone()));
    tea.lot_tracked = false;
    assert_eq!(Arrival::lot_of(&tea, None), None);
    let of = |lot: Option<Lot>| Arrival { lot, ..arrival("TEA", 1) };
    let arrivals = [of(Some(good.clone())), of(Some(old.clone())), of(unknown.clone())];
    let id = ReturnId::derive(&MerchantId::derive(&["acme"]), &["unannounced", "1"]);
    let opened = Return::unannounced(id, &sofia(), &arrivals, None, &actor(), day(3)).unwrap();
    let into: Vec<_> = opened.stock.iter().map(|change| change.lot.clone()).collect();
    assert_eq!(into, [Some(good.clone()), Some(old.clone()), unknown.clone()]);
    let back = opened.next;
    let check = |found: &[Inspected]| back.inspect(found, None, &records, &actor(), day(4));
    let refused = check(&[found("TEA", Disposition::Restock, 3)]).unwrap_err();
    assert_eq!((refused.code, refused.pointer.as_deref()), ("lot-unknown", Some("/lines/0/disposition")));
    let named = |code: &str, disposition| Inspected { lot: Some(code.to_owned()), ..found("TEA", disposition, 1) };
    let restock = Disposition::Restock;
    let twice = [named("GOOD", restock), named("GOOD", restock), named("UNKNOWN", Disposition::WriteOff)];
    assert_eq!(check(&twice).unwrap_err().code, "not-all-disposed");
    let closed = check(&[found("TEA", restock, 2), named("UNKNOWN", Disposition::WriteOff)]).unwrap();
    let to: Vec<_> = closed.stock.iter().map(|change| (change.lot.clone(), change.movements[0].to)).collect();
    assert_eq!(to, [(Some(good), Some(Term::Available)), (Some(old), Some(Term::Expired)), (unknown, None)]);
    assert!(closed.stock.iter().all(|change| change.movements[0].goods.of_lot() == change.lot));
    assert_eq!(closed.next.lots, []);
}

#[test]
fn a_unit_that_is_not_the_one_that_was_sent_is_flagged_and_not_sold() {
    let unit = |serial: Option<&str>, known| Arrival {
        serial: Some(ArrivedSerial { serial: serial.map(str::to_owned), known }),
        ..arrival("TEA", 1)
    };
    let id = ReturnId::derive(&MerchantId::derive(&["acme"]), &["unannounced", "1"]);
    let arrivals = [unit(Some("S1"), true), unit(Some("S9"), false), unit(None, false)];
    let back = Return::unannounced(id, &sofia(), &arrivals, None, &actor(), day(3)).unwrap().next;
    let flags = back.history.0.iter().filter(|entry| entry.event == "serial_unknown").count();
    assert_eq!((flags, back.serials.len()), (2, 3));
    let named = |serial: Option<&str>, disposition| Inspected {
        serial: serial.map(str::to_owned),
        ..found("TEA", disposition, 1)
    };
    let inspect = |found: &[Inspected]| back.inspect(found, None, &[], &actor(), day(4));
    let (restock, off) = (Disposition::Restock, Disposition::WriteOff);
    assert_eq!(inspect(&[named(Some("S9"), restock)]).unwrap_err().code, "serial-unknown");
    assert_eq!(inspect(&[named(Some("S1"), restock), named(Some("S1"), off)]).unwrap_err().code, "not-all-disposed");
    let closed = inspect(&[named(Some("S9"), off), named(Some("S1"), restock), named(None, off)]).unwrap().next;
    let became: Vec<_> = closed.serials.iter().map(|unit| unit.disposition).collect();
    assert_eq!(became, [Some(restock), Some(off), Some(off)]);
}

#[test]
fn an_unannounced_parcel_is_received_and_refunds_nothing() {
    let id = ReturnId::derive(&MerchantId::derive(&["acme"]), &["unannounced", "1"]);
    let arrivals = [arrival("TEA", 1), arrival("TEA", 2)];
    let opened = Return::unannounced(id, &sofia(), &arrivals, None, &actor(), day(1)).unwrap();
    let back = opened.next;
    assert_eq!((back.kind, back.state, back.lines[0].received), (ReturnKind::Unidentified, ReturnState::Received, 3));
    assert_eq!(StockChange::merged(opened.stock)[0].deltas[&Term::Inspection], 3);
    let closed = back.inspect(&[found("TEA", Disposition::Quarantine, 3)], None, &[], &actor(), day(2)).unwrap();
    assert_eq!(closed.next.refund, None);
    assert_eq!(closed.next.missing(), vec![]);
}

#[test]
fn a_withdrawal_is_not_declined_and_an_ended_return_not_approved() {
    let requested =
        Return { kind: ReturnKind::Withdrawal, ..opened(&delivered(), ReturnKind::Warranty, &[("TEA", 1)]) };
    assert_eq!(requested.decline("no", None, day(1)).unwrap_err().code, "withdrawal-not-declinable");
    let claim = opened(&delivered(), ReturnKind::Warranty, &[("TEA", 1)]);
    let declined = claim.decline("used", None, day(2)).unwrap().next;
    assert_eq!(declined.decline("used", None, day(3)).unwrap(), Decision::of(declined.clone()));
    assert_eq!(declined.approve(None, day(3)).unwrap_err().code, "return-ended");
    let (freed, order) = (declined.claimed(), delivered());
    let claimed = order.open_return(&freed, day(1)).unwrap().1.next;
    assert_eq!(claimed.return_ended(&freed, false, day(3)).next.lines, order.lines);
}

/// Every command and event, as data.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    Approve,
    Decline,
    Booked,
    BookingRefused,
    Moved(TrackingStatus),
    Receive(u32),
    Inspect,
    Expire,
}

const EVENTS: [Event; 12] = [
    Event::Approve,
    Event::Decline,
    Event::Booked,
    Event::BookingRefused,
    Event::Moved(TrackingStatus::PreTransit),
    Event::Moved(TrackingStatus::InTransit),
    Event::Moved(TrackingStatus::Delivered),
    Event::Moved(TrackingStatus::Lost),
    Event::Receive(1),
    Event::Receive(2),
    Event::Inspect,
    Event::Expire,
];

fn apply(back: &Return, event: Event, at: Timestamp) -> Result<Decision<Return>, Rejected> {
    let parcel = ShipmentId::derive(&back.merchant(), &["label"]);
    match event {
        Event::Approve => back.approve(None, at),
        Event::Decline => back.decline("no", None, at),
        Event::Booked => Ok(back.label_booked(&parcel, at)),
        Event::BookingRefused => Ok(back.label_refused(&parcel, at)),
        Event::Moved(status) => Ok(back.parcel_moved(status, at)),
        Event::Receive(units) => back.receive(&sofia(), &[arrival("TEA", units)], &actor(), at),
        Event::Inspect => {
            let units = back.lines[0].in_inspection();
            let split = [found("TEA", Disposition::Restock, 1), found("TEA", Disposition::WriteOff, units.max(1) - 1)];
            let split: Vec<_> = split.into_iter().filter(|found| found.quantity > 0).collect();
            back.inspect(&split, Some(&delivered()), &[], &actor(), at)
        }
        Event::Expire => Ok(back.expire(at)),
    }
}

/// The table at the top of the module, once more, as data: `Some(state)` it leads to, `None`: refused.
fn expected(state: ReturnState, event: Event, (received, kind): (u32, ReturnKind)) -> Option<ReturnState> {
    use ReturnState as S;
    match (event, state) {
        (Event::Approve, S::Requested) => Some(S::Approved),
        (Event::Approve, S::Declined | S::ExpiredUnsent | S::SentBackToShopper) => None,
        (Event::Decline, _) if kind == ReturnKind::Withdrawal => None,
        (Event::Decline, S::Requested | S::Declined) => Some(S::Declined),
        (Event::Decline, _) => None,
        (Event::Booked, S::Approved) => Some(S::LabelIssued),
        (Event::Moved(TrackingStatus::Lost), S::Approved | S::LabelIssued | S::InTransit) => Some(S::LostInReturn),
        (
            Event::Moved(TrackingStatus::InTransit | TrackingStatus::Delivered),
            S::Approved | S::LabelIssued | S::LostInReturn,
        ) => Some(S::InTransit),
        (
            Event::Receive(units),
            S::Requested | S::Approved | S::LabelIssued | S::InTransit | S::PartiallyReceived | S::LostInReturn,
        ) => match received + units {
            1 => Some(S::PartiallyReceived),
            2 => Some(S::Received),
            _ => None,
        },
        (Event::Receive(_), _) => None,
        (Event::Inspect, S::PartiallyReceived | S::Received) => Some(S::Closed),
        (Event::Inspect, _) => None,
        (Event::Expire, S::Approved | S::LabelIssued) => Some(S::ExpiredUnsent),
        (_, same) => Some(same),
    }
}

#[test]
fn every_state_takes_every_event_as_the_table_says() {
    for kind in [ReturnKind::Warranty, ReturnKind::Withdrawal] {
        for state in ReturnState::ALL {
            let fresh = opened(&delivered(), ReturnKind::Warranty, &[("TEA", 2)]);
            let mut back = Return { kind, state, send_by: Some(day(1)), ..fresh };
            back.lines[0].received = match state {
                ReturnState::PartiallyReceived => 1,
                ReturnState::Received => 2,
                _ => 0,
            };
            for event in EVENTS {
                let outcome = apply(&back, event, day(40)).ok().map(|decision| decision.next.state);
                assert_eq!(outcome, expected(state, event, (back.lines[0].received, kind)), "{state:?} {event:?}");
            }
        }
    }
}

#[test]
fn a_state_reads_back_from_its_name() {
    for state in ReturnState::ALL {
        assert_eq!(state.name().parse(), Ok(state));
        assert_eq!(serde_json::to_value(state).unwrap(), serde_json::Value::String(state.name()));
    }
    assert!("gone".parse::<ReturnState>().is_err());
}

proptest! {
    #[test]
    fn units_and_money_are_conserved_whatever_happens(picks in proptest::collection::vec(0..EVENTS.len(), 0..40)) {
        let mut back = opened(&delivered(), ReturnKind::Warranty, &[("TEA", 2)]);
        let mut level = Level::default();
        let (mut refunds, mut hours) = (BTreeSet::new(), 0);
        for pick in picks {
            hours += 1;
            let at = day(1) + SignedDuration::from_hours(40 * hours);
            let Ok(decision) = apply(&back, EVENTS[pick], at) else { continue };
            for change in StockChange::merged(decision.stock) {
                prop_assert!(change.is_balanced());
                level = level.after(&change).expect("no term is negative");
            }
            if back.state.is_final() {
                prop_assert_eq!(&decision.next, &back, "a final return changes no more");
            }
            back = decision.next;
            refunds.extend(back.refund.as_ref().map(|refund| refund.instructed_at));
            let line = &back.lines[0];
            prop_assert!(level.is_sound());
            prop_assert!(line.received <= line.quantity);
            prop_assert_eq!(level.get(Term::Inspection), i64::from(line.in_inspection()));
            prop_assert_eq!(level.get(Term::Available), i64::from(line.restocked));
            prop_assert_eq!(level.get(Term::OnHand), i64::from(line.received - line.written_off));
            let due = i64::from(line.received) * 300;
            prop_assert_eq!(back.refund.as_ref().map_or(due, |refund| refund.amount_minor), due);
            prop_assert_eq!(back.refund.is_some(), back.state == ReturnState::Closed);
        }
        prop_assert!(refunds.len() <= 1, "the refund is instructed once");
    }
}

/// TEA × 2 is a kit of one POT and three BAG now.
fn kit_order(delivery: DeliveryState) -> Order {
    let mut order = order(delivery);
    order.lines[0].kit =
        [("POT", 1), ("BAG", 3)].map(|(code, quantity)| Component { sku: sku(code), quantity }).to_vec();
    let goods = |line, code: &str, quantity| crate::order::AllocatedGoods { line, sku: sku(code), lot: None, quantity };
    order.fulfillment_orders[0].goods = vec![goods(1, "POT", 2), goods(1, "BAG", 6), goods(2, "MUG", 1)];
    order
}

#[test]
fn a_kit_is_asked_for_as_a_whole_and_comes_back_as_its_components() {
    let order = kit_order(DeliveryState::Delivered);
    let opened = Return::request(&order, &asks(None, &[("TEA", 2)]), &facts(), day(1)).unwrap();
    let lines: Vec<_> =
        opened.back.next.lines.iter().map(|line| (line.line, line.sku.as_str(), line.quantity)).collect();
    assert_eq!(lines, [(Some(1), "POT", 2), (Some(1), "BAG", 6)]);
    assert_eq!(opened.back.next.claimed(), vec![AllocatedLine { line: 1, quantity: 2 }]);
    assert_eq!(opened.order.next.lines[0].returned, 2);
    assert_eq!(refusal(&order, None, &[("POT", 1)], &facts(), day(1)), ("part-of-kit", Some("/lines/0".to_owned())));
    let stays = PolicyFacts { non_returnable: BTreeSet::from([sku("BAG")]), ..facts() };
    assert_eq!(refusal(&order, None, &[("TEA", 1)], &stays, day(1)).0, "item-not-returnable");
}

#[test]
fn whole_kits_are_refunded_and_each_component_has_its_own_fate() {
    let order = kit_order(DeliveryState::Delivered);
    let back = opened(&order, ReturnKind::Withdrawal, &[("TEA", 2)]);
    let arrived = back.receive(&sofia(), &[arrival("POT", 2), arrival("BAG", 5)], &actor(), day(3)).unwrap().next;
    assert_eq!(arrived.state, ReturnState::PartiallyReceived);
    let found = [found("POT", Disposition::Restock, 2), found("BAG", Disposition::WriteOff, 5)];
    let closed = arrived.inspect(&found, Some(&order), &[], &actor(), day(3)).unwrap().next;
    let refund = closed.refund.clone().unwrap();
    assert_eq!((refund.amount_minor, refund.lines[0].quantity), (300, 1), "of the second kit a part did not come");
    assert_eq!(closed.missing(), vec![AllocatedLine { line: 1, quantity: 1 }]);
}

#[test]
fn a_refused_parcel_brings_back_the_components_of_its_kits() {
    let order = kit_order(DeliveryState::Refused);
    let shipment = order.shipment(1);
    let back = Return::refused(&order, &shipment, day(1)).unwrap().back.next;
    let lines: Vec<_> = back.lines.iter().map(|line| (line.sku.as_str(), line.per_kit, line.quantity)).collect();
    assert_eq!(lines, [("POT", 1, 2), ("BAG", 3, 6), ("MUG", 0, 1)]);
    let claimed: Vec<_> = back.claimed().into_iter().map(|line| (line.line, line.quantity)).collect();
    assert_eq!(claimed, [(1, 2), (2, 1)]);
}
