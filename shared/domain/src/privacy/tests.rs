use super::*;
use crate::aggregate::Actor;
use crate::ids::{LocationId, MerchantId, OrderId, PrivacyRequestId, ReturnId};
use crate::order::{DeliveryState, FulfilmentState, MoneyState};
use crate::returns::{Return, ReturnKind, ReturnState};
use crate::shipment::{Leg, Shipment, ShipmentPlan, ShipmentState};
use jiff::SignedDuration;
use jiff::civil::date;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn at(hours: i64) -> Timestamp {
    "2026-05-10T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
}

fn who() -> Actor {
    Actor { person: "badge-1".to_owned(), station: "DESK-1".to_owned() }
}

/// An order whose one parcel was delivered and paid.
fn at_rest() -> Facts {
    let mut order = crate::order::tests::received();
    order.created_at = at(0);
    let lines = vec![crate::order::AllocatedLine { line: 1, quantity: 2 }];
    let location = LocationId::parse("SOF1").unwrap();
    let allocation = crate::order::Allocation::plain(location.clone(), lines);
    order = order.allocated(vec![allocation], &String::new(), at(0)).next;
    order = order.handed_over(1, at(1)).next.parcel_moved(1, DeliveryState::Delivered, at(2)).next;
    order.fulfilment = FulfilmentState::Fulfilled;
    let shipment = shipment(&order.id, Leg::Outbound, ShipmentState::HandedOver);
    Facts { order, shipments: vec![shipment], returns: Vec::new(), recalled_at: Vec::new() }
}

fn shipment(order: &OrderId, leg: Leg, state: ShipmentState) -> Shipment {
    let plan = ShipmentPlan {
        id: crate::ids::ShipmentId::of(order, 1),
        order: order.clone(),
        leg,
        location: LocationId::parse("SOF1").unwrap(),
        carrier_account: None,
        service: "standard".to_owned(),
        parcel: crate::pick_task::Parcel { weight_grams: 1, length_mm: 1, width_mm: 1, height_mm: 1 },
        contents: Vec::new(),
        cash_on_delivery_minor: None,
    };
    let mut shipment = Shipment::intend(plan, "claim".to_owned(), at(0)).next;
    shipment.state = state;
    shipment.reason = Some("waits for a person".to_owned());
    shipment
}

fn back(order: &OrderId, state: ReturnState) -> Return {
    Return {
        id: ReturnId::of(order, 1),
        order: Some(order.clone()),
        number: "#1-R1".to_owned(),
        kind: ReturnKind::Warranty,
        state,
        lines: Vec::new(),
        lots: Vec::new(),
        serials: Vec::new(),
        shipment: None,
        location: LocationId::parse("SOF1").unwrap(),
        refund: None,
        send_by: None,
        created_at: at(24),
        next_look_at: None,
        history: crate::aggregate::History::default(),
    }
}

fn requested(kind: PrivacyKind, orders: &[OrderId]) -> PrivacyRequest {
    let id = PrivacyRequestId::derive(&MerchantId::derive(&["acme"]), &["1"]);
    PrivacyRequest::open(id, (kind, PrivacyOrigin::Merchant), orders.to_vec(), Some(&who()), at(0)).unwrap().next
}

fn restricted(order: &OrderId) -> PrivacyRequest {
    let request = requested(PrivacyKind::Erasure, std::slice::from_ref(order));
    request.confirm(Some(InvoiceHold::KeptElsewhere), &who(), at(0)).unwrap().next
}

/// A whole look at a world that has what `found` says.
fn look(request: &PrivacyRequest, facts: &Facts, found: bool, now: Timestamp) -> PrivacyRequest {
    let facts = request.held().map(|id| (id.clone(), facts.clone())).collect::<BTreeMap<_, _>>();
    let pace = Pace::default();
    request.look(&facts, pace, now).next.cleared(|_, _| found, pace, now).next
}

#[test]
fn each_fact_holds_for_its_reason_and_until_its_day() {
    use LegalHoldReason as R;
    let year = Some(at(0) + CLAIMS_LAST);
    let check = |change: &dyn Fn(&mut Facts), expect: &[(R, Option<Timestamp>)]| {
        let mut facts = at_rest();
        change(&mut facts);
        let found: Vec<_> = holds(&facts, None, at(48)).into_iter().map(|hold| (hold.reason, hold.until)).collect();
        assert_eq!(found, expect);
    };
    let parcel = |delivery| move |facts: &mut Facts| facts.order.fulfillment_orders[0].delivery = delivery;
    let own = |state| move |facts: &mut Facts| facts.shipments[0].state = state;
    let claimed = |state| move |facts: &mut Facts| facts.returns.push(back(&facts.order.id.clone(), state));
    let paid_at_the_door = |money| {
        move |facts: &mut Facts| {
            facts.order.cash_on_delivery_minor = Some(100);
            facts.order.money = money;
        }
    };
    check(&|_| {}, &[]);
    check(&|facts| facts.order.fulfilment = FulfilmentState::InProgress, &[(R::OpenWork, None)]);
    check(&parcel(DeliveryState::InTransit), &[(R::OpenWork, year)]);
    check(&parcel(DeliveryState::Lost), &[(R::OpenClaim, year)]);
    check(&parcel(DeliveryState::Returned), &[]);
    for (state, open) in [
        (ShipmentState::BookingIntent, true),
        (ShipmentState::LabelPurchased, true),
        (ShipmentState::VoidRequested, true),
        (ShipmentState::Voided, false),
    ] {
        check(&own(state), if open { &[(R::OpenWork, None)] } else { &[] });
    }
    check(&|facts| facts.shipments[0].surplus.push("label-2".to_owned()), &[(R::OpenWork, None)]);
    check(
        &|facts| {
            let leg = Leg::Return(ReturnId::of(&facts.order.id, 1));
            facts.shipments.push(shipment(&facts.order.id, leg, ShipmentState::LabelPurchased));
        },
        &[],
    );
    check(&claimed(ReturnState::Received), &[(R::OpenClaim, Some(at(24) + CLAIMS_LAST))]);
    check(&claimed(ReturnState::Closed), &[]);
    check(&paid_at_the_door(MoneyState::Expected), &[(R::CashOnDelivery, year)]);
    check(&paid_at_the_door(MoneyState::Collected), &[(R::CashOnDelivery, year)]);
    check(&paid_at_the_door(MoneyState::Remitted), &[]);
    check(&|facts| facts.recalled_at.push(at(40)), &[(R::Recall, Some(at(40) + CLAIMS_LAST))]);
    check(&|facts| facts.recalled_at.push(at(40) - CLAIMS_LAST), &[]);
}

#[test]
fn of_two_holds_for_one_reason_the_later_end_counts_and_an_event_is_later_than_any_day() {
    let mut facts = at_rest();
    facts.recalled_at = vec![at(9), at(30), at(20)];
    facts.order.fulfilment = FulfilmentState::InProgress;
    facts.order.fulfillment_orders[0].delivery = DeliveryState::InTransit;
    let found: Vec<_> = holds(&facts, None, at(48)).into_iter().map(|hold| hold.until).collect();
    assert_eq!(found, [None, Some(at(30) + CLAIMS_LAST)]);
}

#[test]
fn an_invoice_is_held_until_the_end_of_its_day() {
    let day = Some(InvoiceHold::Until(date(2027, 1, 31)));
    let is_held = |now: &str| !holds(&at_rest(), day, now.parse().unwrap()).is_empty();
    assert!(is_held("2027-01-31T23:59:59Z"));
    assert!(!is_held("2027-02-01T00:00:00Z"));
    assert!(holds(&at_rest(), Some(InvoiceHold::KeptElsewhere), at(48)).is_empty());
}

#[test]
fn every_state_answers_every_command_as_the_table_says() {
    use PrivacyState as S;
    let order = at_rest().order.id;
    let confirm = |own: &PrivacyRequest| own.confirm(Some(InvoiceHold::KeptElsewhere), &who(), at(1));
    let decline = |own: &PrivacyRequest| own.decline("not the shopper", &who(), at(1));
    let erasure = requested(PrivacyKind::Erasure, std::slice::from_ref(&order));
    let access = requested(PrivacyKind::Access, std::slice::from_ref(&order));
    let restricted = confirm(&erasure).unwrap().next;
    let erased = look(&look(&restricted, &at_rest(), true, at(2)), &at_rest(), false, at(3));
    let declined = decline(&erasure).unwrap().next;
    let granted = confirm(&access).unwrap().next;
    let (is_declined, is_confirmed) = (Err("privacy-request-declined"), Err("privacy-request-confirmed"));
    let rows = [
        (erasure, S::Requested, Ok(S::Restricted), Ok(S::Declined)),
        (access, S::Requested, Ok(S::Granted), Ok(S::Declined)),
        (restricted, S::Restricted, Ok(S::Restricted), is_confirmed),
        (granted, S::Granted, Ok(S::Granted), is_confirmed),
        (erased, S::Erased, Ok(S::Erased), is_confirmed),
        (declined, S::Declined, is_declined, Ok(S::Declined)),
    ];
    for (own, state, confirmed, declined) in rows {
        assert_eq!(own.state, state);
        let name = |answer: Result<Decision<PrivacyRequest>, Rejected>| {
            answer.map(|decision| decision.next.state).map_err(|rejected| rejected.code)
        };
        assert_eq!(name(confirm(&own)), confirmed, "{state:?} × confirm");
        assert_eq!(name(decline(&own)), declined, "{state:?} × decline");
        if confirmed == Ok(state) {
            assert_eq!(confirm(&own).unwrap().next, own, "a no-op");
        }
    }
}

#[test]
fn an_export_is_for_an_access_request_that_was_confirmed_and_ends() {
    let order = at_rest().order.id;
    let access = requested(PrivacyKind::Access, std::slice::from_ref(&order));
    let granted = access.confirm(None, &who(), at(0)).unwrap().next;
    assert!(granted.may_export(at(0) + EXPORT_LASTS).is_ok());
    assert_eq!(granted.may_export(at(1) + EXPORT_LASTS).unwrap_err().code, "no-export");
    for other in [access, restricted(&order)] {
        assert_eq!(other.may_export(at(0)).unwrap_err().code, "no-export");
    }
}

#[test]
fn an_erasure_says_what_becomes_of_the_books_within_reason() {
    let order = at_rest().order.id;
    let erasure = requested(PrivacyKind::Erasure, std::slice::from_ref(&order));
    let code = |invoice| erasure.confirm(invoice, &who(), at(0)).map(|_| ()).map_err(|rejected| rejected.pointer);
    let refused = Err(Some("/invoice".to_owned()));
    assert_eq!(code(None), refused);
    assert_eq!(code(Some(InvoiceHold::Until(date(2026, 5, 9)))), refused);
    assert_eq!(code(Some(InvoiceHold::Until(date(2037, 5, 11)))), refused);
    assert_eq!(code(Some(InvoiceHold::Until(date(2037, 5, 10)))), Ok(()));
}

#[test]
fn a_request_names_one_to_twenty_five_orders_each_once() {
    let orders: Vec<OrderId> =
        (0..30).map(|n| OrderId::derive(&MerchantId::derive(&["acme"]), &[&n.to_string()])).collect();
    let id = || PrivacyRequestId::derive(&MerchantId::derive(&["acme"]), &["1"]);
    let named = (PrivacyKind::Erasure, PrivacyOrigin::Shop);
    let open = |orders: Vec<OrderId>| PrivacyRequest::open(id(), named, orders, None, at(0));
    assert_eq!(open(Vec::new()).unwrap_err().code, "invalid-field");
    assert_eq!(open(orders.clone()).unwrap_err().code, "invalid-field");
    let twice = orders[..3].iter().chain(&orders[..3]).cloned().collect();
    assert_eq!(open(twice).unwrap().next.orders.len(), 3);
}

#[test]
fn erased_is_said_only_by_a_look_that_comes_late_enough_and_finds_nothing() {
    let facts = at_rest();
    let minutes = |minutes| at(5) + SignedDuration::from_mins(minutes);
    let first = look(&restricted(&facts.order.id), &facts, true, minutes(0));
    assert!(first.orders[0].classes_in(ErasureState::Erasing).eq(DataClass::ALL));
    assert_eq!(first.next_look_at, Some(minutes(15)));
    let early = look(&first, &facts, false, minutes(14));
    assert_eq!(early.state, PrivacyState::Restricted);
    let again = look(&early, &facts, true, minutes(15));
    assert_eq!(again.next_look_at, Some(minutes(30)), "a late writer was found");
    let done = look(&again, &facts, false, minutes(30));
    assert_eq!((done.state, done.erased_at, done.next_look_at), (PrivacyState::Erased, Some(minutes(30)), None));
}

#[test]
fn each_class_goes_when_its_own_last_hold_has_passed() {
    let mut facts = at_rest();
    facts.recalled_at.push(at(1));
    let own = look(&restricted(&facts.order.id), &facts, true, at(5));
    let erasing: Vec<_> = own.orders[0].classes_in(ErasureState::Erasing).collect();
    assert_eq!(erasing, [DataClass::OrderBody, DataClass::Documents]);
    assert!(!own.orders[0].is_let_go());
    let own = look(&own, &facts, false, at(6));
    assert_eq!(own.next_look_at, Some(at(1) + CLAIMS_LAST), "the recall's end, and nothing before it");
    let own = look(&own, &facts, true, at(1) + CLAIMS_LAST);
    assert!(own.orders[0].is_let_go());
    assert_eq!(look(&own, &facts, false, at(2) + CLAIMS_LAST).state, PrivacyState::Erased);
}

#[test]
fn what_is_restricted_is_shown_to_nobody_and_printed_while_it_is_in_use() {
    let order = at_rest().order;
    let restricted = order.restricted(at(1)).next;
    let erased = restricted.erased(at(2)).next;
    let code = |order: &Order, in_use| order.shows_documents(in_use).map_err(|rejected| rejected.code);
    assert!(order.shows_person() && !restricted.shows_person() && !erased.shows_person());
    assert_eq!(code(&order, false), Ok(()));
    assert_eq!((code(&restricted, true), code(&restricted, false)), (Ok(()), Err("personal-data-restricted")));
    assert_eq!(code(&erased, true), Err("personal-data-erased"));
    assert_eq!(restricted.restricted(at(9)).next, restricted);
    assert_eq!(erased.restricted(at(9)).next, erased, "no way back");
    assert_eq!(erased.erased(at(9)).next, erased);
}

#[test]
fn nothing_outlives_the_recipient_and_open_work_holds_every_class() {
    let all: BTreeSet<_> = DataClass::Recipient.holds().iter().collect();
    for class in DataClass::ALL {
        assert!(class.holds().iter().all(|hold| all.contains(hold)), "{class:?} names the recipient too");
        assert!(class.holds().contains(&LegalHoldReason::OpenWork), "{class:?}");
    }
}

#[test]
fn the_page_shows_the_table() {
    let plain = |class: &DataClass| crate::order::serde_plain(class);
    let mut table = "| Class | Where | Held by | When nobody asks |\n|---|---|---|---|\n".to_owned();
    for row in RETENTION {
        let holds: Vec<_> = row.holds.iter().map(|hold| format!("`{}`", crate::order::serde_plain(hold))).collect();
        let cells = (plain(&row.class), row.place, holds.join(", "), row.unasked);
        table += &format!("| `{}` | {} | {} | {} |\n", cells.0, cells.1, cells.2, cells.3);
    }
    let page = include_str!("../../../../docs/personal-data.md");
    assert!(page.contains(&table), "docs/personal-data.md lacks this table:\n\n{table}");
}

proptest! {
    #[test]
    fn nothing_goes_before_its_holds_have_passed_and_all_goes_in_the_end(
        facts in (any::<bool>(), any::<bool>(), 0_i64..9000, any::<bool>(), 0_i64..9000),
        looks in proptest::collection::vec((1_i64..900, any::<bool>()), 1..40),
    ) {
        let (in_transit, claimed, recalled, unpaid, invoice) = facts;
        let mut facts = at_rest();
        if in_transit {
            facts.order.fulfillment_orders[0].delivery = DeliveryState::InTransit;
        }
        if claimed {
            let back = back(&facts.order.id, ReturnState::InTransit);
            facts.returns.push(back);
        }
        facts.recalled_at.push(at(recalled - 4000));
        if unpaid {
            facts.order.cash_on_delivery_minor = Some(1);
            facts.order.money = MoneyState::Expected;
        }
        let day = (at(invoice)).to_zoned(jiff::tz::TimeZone::UTC).date();
        let request = requested(PrivacyKind::Erasure, std::slice::from_ref(&facts.order.id));
        let mut own = request.confirm(Some(InvoiceHold::Until(day)), &who(), at(0)).unwrap().next;
        let mut now = at(0);
        for (hours, found) in looks {
            now += SignedDuration::from_hours(hours);
            let before = own.clone();
            own = look(&own, &facts, found, now);
            let held = holds(&facts, own.invoice, now);
            for (class, state) in &own.orders[0].classes {
                let was = before.orders[0].classes[class];
                prop_assert!(was.state <= state.state, "no way back");
                if was.state == ErasureState::Held {
                    let holds = held.iter().any(|hold| class.holds().contains(&hold.reason));
                    prop_assert_eq!(holds, state.state == ErasureState::Held);
                }
                if was.state == ErasureState::Erasing && state.state == ErasureState::Erased {
                    prop_assert!(!found && was.since + Pace::default().settles <= now);
                }
            }
            prop_assert_eq!(own.next_look_at.is_none(), own.state == PrivacyState::Erased);
        }
        // A look whenever one is due comes to the end, in time for the last day of all.
        let mut count = 0;
        while let Some(due) = own.next_look_at {
            now = now.max(due);
            own = look(&own, &facts, false, now);
            count += 1;
            prop_assert!(count < 20_000);
        }
        prop_assert_eq!(own.state, PrivacyState::Erased);
    }
}
