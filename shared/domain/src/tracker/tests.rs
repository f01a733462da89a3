use super::*;
use crate::ids::ReturnId;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn account() -> CarrierAccountId {
    CarrierAccountId::derive(&MerchantId::derive(&["acme"]), &["sandbox"])
}

fn order() -> OrderId {
    OrderId::derive(&account().merchant(), &["shop", "1001"])
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-05-10T12:00:00Z")
}

fn event(id: &str, status: TrackingStatus, occurred_at: &str) -> TrackingEvent {
    TrackingEvent {
        tracking_number: "T1".into(),
        event_id: id.into(),
        status,
        carrier_code: "code".into(),
        occurred_at: at(occurred_at),
        reference: None,
    }
}

fn linked() -> Tracker {
    Tracker::new(account(), "T1", now()).link(&ShipmentId::of(&order(), 1), now()).next
}

fn after<'a>(tracker: Tracker, events: impl IntoIterator<Item = &'a TrackingEvent>) -> Tracker {
    events.into_iter().fold(tracker, |tracker, event| tracker.event(event, now()).next)
}

const STATUSES: [TrackingStatus; 18] = {
    use TrackingStatus as S;
    [
        S::Unknown,
        S::PreTransit,
        S::Accepted,
        S::InTransit,
        S::Delayed,
        S::CustomsHold,
        S::OutForDelivery,
        S::DeliveryAttempted,
        S::AvailableForPickup,
        S::PartlyDelivered,
        S::Delivered,
        S::Refused,
        S::ReturnToSender,
        S::Returned,
        S::Damaged,
        S::Lost,
        S::Failure,
        S::Cancelled,
    ]
};

prop_compose! {
    /// Few ids and few minutes, so that ids repeat with other contents, instants tie, and some dates lie in the future.
    fn any_event()(id in 0_u32..60, status in 0..STATUSES.len(), minutes in -3000_i64..3000) -> TrackingEvent {
        TrackingEvent {
            tracking_number: "T1".into(),
            event_id: format!("e{id}"),
            status: STATUSES[status],
            carrier_code: format!("c{status}"),
            occurred_at: now() + SignedDuration::from_mins(minutes),
            reference: None,
        }
    }
}

fn events_and_another_arrival() -> impl Strategy<Value = (Vec<TrackingEvent>, Vec<TrackingEvent>)> {
    proptest::collection::vec(any_event(), 0..80).prop_flat_map(|events| {
        let again = proptest::collection::vec(0..events.len().max(1), 0..40);
        let shuffled = Just(events.clone()).prop_shuffle();
        (Just(events), shuffled, again).prop_map(|(events, mut arrival, again)| {
            if !events.is_empty() {
                // A part of them comes before, in any order, and again among the others.
                let early: Vec<TrackingEvent> = again.iter().map(|index| events[*index].clone()).collect();
                arrival.splice(0..0, early.iter().cloned());
                arrival.extend(early);
            }
            (events, arrival)
        })
    })
}

proptest! {
    #[test]
    fn any_order_any_repetition_and_any_part_followed_by_the_whole_end_the_same(
        (events, arrival) in events_and_another_arrival()
    ) {
        prop_assert_eq!(after(linked(), &events), after(linked(), &arrival));
    }

    #[test]
    fn events_before_the_booking_count_as_those_after_it((events, arrival) in events_and_another_arrival(), cut in 0_usize..80) {
        let (early, late) = arrival.split_at(cut.min(arrival.len()));
        let unknown = after(Tracker::new(account(), "T1", now()), early);
        let linked_late = after(unknown.link(&ShipmentId::of(&order(), 1), now()).next, late);
        prop_assert_eq!(linked_late, after(linked(), &events));
    }

    #[test]
    fn the_kept_events_are_bounded_and_the_decisive_one_is_among_them(events in proptest::collection::vec(any_event(), 0..120)) {
        let tracker = after(linked(), &events);
        prop_assert!(tracker.events.len() <= EVENTS_MAX);
        let ids: BTreeSet<&str> = tracker.events.iter().map(|event| event.id.as_str()).collect();
        prop_assert_eq!(ids.len(), tracker.events.len());
        let strongest = events.iter().map(|event| class(event.status)).max().unwrap_or(0);
        // An id that came with a weaker status, too, keeps the stronger one.
        prop_assert_eq!(class(tracker.status), strongest);
    }

    #[test]
    fn only_a_delivered_event_makes_a_parcel_delivered(events in proptest::collection::vec(any_event(), 0..60)) {
        let tracker = after(linked(), &events);
        let said = events.iter().any(|event| event.status == TrackingStatus::Delivered);
        prop_assert!(tracker.status != TrackingStatus::Delivered || said);
    }

    #[test]
    fn a_message_follows_exactly_when_the_status_of_a_linked_parcel_changes(
        events in proptest::collection::vec(any_event(), 0..40), event in any_event()
    ) {
        let before = after(linked(), &events);
        let decision = before.event(&event, now());
        prop_assert_eq!(decision.messages.is_empty(), decision.next.status == before.status);
        let unlinked = after(Tracker::new(account(), "T1", now()), &events);
        prop_assert!(unlinked.event(&event, now()).messages.is_empty());
    }
}

#[test]
fn the_status_follows_the_rule() {
    use TrackingStatus as S;
    let check = |events: &[(S, &str)], expect: S| {
        let events: Vec<TrackingEvent> = events
            .iter()
            .enumerate()
            .map(|(index, (status, time))| event(&format!("e{index}"), *status, &format!("2026-05-{time}:00Z")))
            .collect();
        assert_eq!(after(linked(), &events).status, expect, "{events:?}");
    };
    check(&[], S::Unknown);
    check(&[(S::InTransit, "08T10:00"), (S::Accepted, "07T10:00")], S::InTransit);
    check(&[(S::Delivered, "08T10:00"), (S::InTransit, "07T10:00")], S::Delivered);
    check(&[(S::Delivered, "08T10:00"), (S::InTransit, "09T10:00")], S::Delivered);
    check(&[(S::InTransit, "08T10:00"), (S::Unknown, "09T10:00")], S::InTransit);
    check(&[(S::DeliveryAttempted, "08T10:00"), (S::ReturnToSender, "09T10:00")], S::ReturnToSender);
    check(&[(S::ReturnToSender, "08T10:00"), (S::InTransit, "09T10:00")], S::ReturnToSender);
    check(&[(S::ReturnToSender, "08T10:00"), (S::Delivered, "09T10:00")], S::Delivered);
    check(&[(S::ReturnToSender, "08T10:00"), (S::Delivered, "07T10:00")], S::ReturnToSender);
    check(&[(S::Returned, "08T10:00"), (S::Delivered, "09T10:00")], S::Returned);
    check(&[(S::Lost, "08T10:00"), (S::InTransit, "09T10:00")], S::InTransit);
    check(&[(S::PartlyDelivered, "08T10:00"), (S::Delivered, "09T10:00")], S::Delivered);
}

#[test]
fn a_date_far_in_the_future_does_not_freeze_the_parcel() {
    use TrackingStatus as S;
    let broken_clock = event("future", S::OutForDelivery, "2031-01-01T00:00:00Z");
    let tracker = after(linked(), [&broken_clock]);
    assert_eq!(tracker.status, S::OutForDelivery, "it is the only thing known");
    let tracker = after(tracker, [&event("e1", S::AvailableForPickup, "2026-05-10T11:00:00Z")]);
    assert_eq!(tracker.status, S::AvailableForPickup);
    let turned = event("turned", S::ReturnToSender, "2031-01-01T00:00:00Z");
    let delivered = event("e2", S::Delivered, "2026-05-10T11:30:00Z");
    assert_eq!(after(tracker, [&turned, &delivered]).status, S::Delivered);
}

#[test]
fn a_time_zone_taken_wrongly_is_believed() {
    use TrackingStatus as S;
    let ahead = event("e1", S::AvailableForPickup, "2026-05-11T01:00:00Z");
    let tracker = after(linked(), [&ahead, &event("e0", S::InTransit, "2026-05-10T11:00:00Z")]);
    assert_eq!(tracker.status, S::AvailableForPickup);
}

fn kinds(decision: &Decision<Tracker>) -> Vec<&'static str> {
    decision
        .messages
        .iter()
        .map(|message| match message.kind {
            MessageKind::TrackerChanged { .. } => "tracker_changed",
            MessageKind::ParcelRefused { .. } => "parcel_refused",
            MessageKind::ReturnParcelMoved { .. } => "return_parcel_moved",
            _ => "other",
        })
        .collect()
}

#[test]
fn a_parcel_that_turns_round_opens_one_return() {
    use TrackingStatus as S;
    let refused = linked().event(&event("e1", S::Refused, "2026-05-08T10:00:00Z"), now());
    assert_eq!(kinds(&refused), ["tracker_changed", "parcel_refused"]);
    let turned = refused.next.event(&event("e2", S::ReturnToSender, "2026-05-08T11:00:00Z"), now());
    assert_eq!(kinds(&turned), ["tracker_changed"]);
    let back = linked().event(&event("e3", S::Returned, "2026-05-09T11:00:00Z"), now());
    assert_eq!(kinds(&back), ["tracker_changed", "parcel_refused"], "even when the turn itself was never told");
}

#[test]
fn a_return_leg_never_speaks_to_the_order() {
    use TrackingStatus as S;
    let return_id = ReturnId::of(&order(), 1);
    let tracker = Tracker::new(account(), "T1", now()).link(&return_id.shipment(), now()).next;
    for status in STATUSES {
        let decision = tracker.event(&event("e1", status, "2026-05-08T10:00:00Z"), now());
        let expect: &[&str] = if status == S::Unknown { &[] } else { &["return_parcel_moved"] };
        assert_eq!(kinds(&decision), expect, "{status:?}");
    }
}

#[test]
fn what_came_before_the_booking_is_told_at_the_booking() {
    use TrackingStatus as S;
    let early = after(Tracker::new(account(), "T1", now()), [&event("e1", S::Accepted, "2026-05-08T10:00:00Z")]);
    assert_eq!(early.poll_due_at(), None, "another's parcel is not asked for");
    let shipment = ShipmentId::of(&order(), 1);
    let decision = early.link(&shipment, now());
    assert_eq!(kinds(&decision), ["tracker_changed"]);
    assert_eq!(decision.messages[0].correlation_id, order().to_string());
    assert_eq!(decision.next.link(&shipment, now()), Decision::of(decision.next.clone()), "linking twice is no change");
}

#[test]
fn a_number_given_anew_does_not_inherit_another_parcels_way() {
    use TrackingStatus as S;
    let first = after(linked(), [&event("e1", S::Delivered, "2026-05-08T10:00:00Z")]);
    let second = first.link(&ShipmentId::of(&order(), 2), now()).next;
    assert_eq!((second.status, second.events.len()), (S::Unknown, 0));
}

#[test]
fn only_a_silent_parcel_on_its_way_is_asked_for() {
    use TrackingStatus as S;
    let tracker = linked();
    assert_eq!(tracker.poll_due_at(), Some(now() + POLL_AFTER));
    assert!(!tracker.is_silent(now()));
    let later = now() + POLL_AFTER;
    assert!(tracker.is_silent(later));
    let heard = tracker.event(&event("e1", S::InTransit, "2026-05-11T10:00:00Z"), later).next;
    assert!(!heard.is_silent(later));
    assert_eq!(heard.polled(later).next.poll_due_at(), Some(at("2026-05-12T10:00:00Z")));
    let delivered = heard.event(&event("e2", S::Delivered, "2026-05-11T11:00:00Z"), later).next;
    assert_eq!(delivered.poll_due_at(), None);
    let old = now() + POLL_FOR;
    assert_eq!(heard.polled(old).next.poll_due_at(), None, "a parcel is not asked for for ever");
}

#[test]
fn a_tracker_reads_back_from_the_form_it_is_frozen_to() {
    let tracker = after(linked(), [&event("e1", TrackingStatus::InTransit, "2026-05-10T10:00:00Z")]);
    let json = serde_json::to_string(&tracker).unwrap();
    assert_eq!(
        json,
        format!(
            concat!(
                r#"{{"carrier_account":"{}","tracking_number":"T1","shipment":"{}","status":"in_transit","#,
                r#""events":[{{"id":"e1","status":"in_transit","code":"code","at":"2026-05-10T10:00:00Z"}}],"#,
                r#""created_at":"2026-05-10T12:00:00Z","poll_at":"2026-05-11T12:00:00Z"}}"#
            ),
            account(),
            ShipmentId::of(&order(), 1)
        )
    );
    assert_eq!(serde_json::from_str::<Tracker>(&json).unwrap(), tracker);
}
