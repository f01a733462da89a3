use super::*;
use crate::store::Stored;
use domain::order::{FulfilmentState, Order};
use domain::shipment::{Shipment, ShipmentState};
use domain::tracker::Tracker;
use domain::tracking_status::{TrackingEvent, TrackingStatus};
use domain::{CarrierAccountId, MerchantId, OrderId, ReturnId, ShipmentId};
use jiff::SignedDuration;
use proptest::prelude::*;
use std::sync::{Arc, Mutex};
use tracing_subscriber::layer::SubscriberExt;

fn start() -> Timestamp {
    Timestamp::from_second(1_760_000_000).unwrap()
}

fn id() -> OrderId {
    OrderId::derive(&MerchantId::derive(&["acme"]), &["1"])
}

fn order(fulfilment: FulfilmentState) -> Order {
    let order: Order = serde_json::from_value(json!({
        "id": id(), "source_id": "1", "number": "#1", "content": "c", "placed_at": start(), "created_at": start(),
        "currency": "EUR", "total_minor": 100, "rule": "split", "fulfilment": "received", "delivery": "none",
        "money": "not_due", "lines": [],
    }))
    .unwrap();
    Order { fulfilment, ..order }
}

fn tracker(shipment: &ShipmentId, events: &[TrackingStatus]) -> Tracker {
    let account = CarrierAccountId::derive(&id().merchant(), &["sandbox"]);
    let linked = Tracker::new(account, "T1", start()).link(shipment, start()).next;
    events.iter().enumerate().fold(linked, |tracker, (index, status)| {
        let occurred_at = start() + SignedDuration::from_secs(i64::try_from(index).unwrap());
        let event = TrackingEvent {
            tracking_number: "T1".to_owned(),
            event_id: index.to_string(),
            status: *status,
            carrier_code: "code".to_owned(),
            occurred_at,
            reference: None,
        };
        tracker.event(&event, occurred_at).next
    })
}

fn states(samples: &[Sample]) -> Vec<(Metric, &str)> {
    samples.iter().map(|sample| (sample.metric, sample.state.as_deref().unwrap_or("-"))).collect()
}

fn fulfilment() -> impl Strategy<Value = FulfilmentState> {
    use FulfilmentState as S;
    prop::sample::select(vec![
        S::Received,
        S::Validated,
        S::Allocated,
        S::PartiallyAllocated,
        S::Backordered,
        S::InProgress,
        S::PartiallyFulfilled,
        S::Fulfilled,
        S::PartiallyCancelled,
        S::Cancelled,
    ])
}

fn sample() -> impl Strategy<Value = Sample> {
    let metric = prop::sample::select(Metric::ALL.to_vec());
    (metric, prop::option::of("[a-z_]{1,20}"), any::<u64>()).prop_map(|(metric, state, count)| Sample {
        metric,
        state,
        count,
    })
}

proptest! {
    /// Each dimension and metric that CloudWatch is told of is there, as the embedded metric format wants it.
    #[test]
    fn a_line_says_what_it_announces(sample in sample(), stage in "[a-z][a-z0-9-]{0,31}", at_s in 0_i64..4_000_000_000) {
        let line = sample.line(&stage, Timestamp::from_second(at_s).unwrap());
        prop_assert!(!line.contains('\n'));
        let line: Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(&line["_aws"]["Timestamp"], &json!(at_s * 1000));
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        prop_assert_eq!(&directive["Namespace"], "Sklad");
        for dimension in directive["Dimensions"][0].as_array().unwrap() {
            let value = line[dimension.as_str().unwrap()].as_str();
            prop_assert!(value.is_some_and(|value| !value.is_empty()), "{dimension}");
        }
        prop_assert_eq!(line.get("State").is_some(), sample.state.is_some());
        let metrics = directive["Metrics"].as_array().unwrap();
        prop_assert_eq!(metrics.len(), 1);
        prop_assert_eq!(&line[metrics[0]["Name"].as_str().unwrap()], &json!(sample.count));
        prop_assert_eq!(&metrics[0]["Unit"], "Count");
        // Nothing else goes out with it: no merchant, no order.
        let extra = line.as_object().unwrap().len() - 3;
        prop_assert_eq!(extra, usize::from(sample.state.is_some()));
    }

    #[test]
    fn an_order_is_counted_where_its_state_changes(before in fulfilment(), now in fulfilment()) {
        let samples = order(now).counted(Some(&order(before)));
        prop_assert_eq!(samples.len(), usize::from(before != now));
        if let Some(sample) = samples.first() {
            prop_assert_eq!(sample.metric, Metric::OrdersEntered);
            let stored = serde_json::to_value(now).unwrap();
            prop_assert_eq!(sample.state.as_deref(), stored.as_str());
        }
        let new = order(now).counted(None);
        let new = states(&new);
        prop_assert_eq!(new[0], (Metric::OrdersEntered, "received"), "every order is received");
        prop_assert_eq!(new.len(), if now == FulfilmentState::Received { 1 } else { 2 });
    }

    #[test]
    fn what_is_counted_is_what_is_written(samples in prop::collection::vec(sample(), 0..4)) {
        let seen = Seen::default();
        let subscriber = tracing_subscriber::registry().with(seen.clone());
        tracing::subscriber::with_default(subscriber, || emit(&samples));
        prop_assert_eq!(&*seen.0.lock().unwrap(), &samples);
    }
}

/// A layer that keeps samples instead of writing them.
#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Vec<Sample>>>);

impl<S: Subscriber> Layer<S> for Seen {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        assert_eq!(event.metadata().target(), TARGET);
        self.0.lock().unwrap().extend(Fields::of(event).sample());
    }
}

#[test]
fn an_order_is_late_once_it_is_looked_at_for_the_last_time_in_time() {
    let looked = |hours| Order {
        next_look_at: Some(start() + SignedDuration::from_hours(hours)),
        ..order(FulfilmentState::Allocated)
    };
    assert_eq!(states(&looked(43).counted(Some(&looked(21)))), [(Metric::OrdersLate, "-")]);
    assert_eq!(looked(67).counted(Some(&looked(43))), []);
}

#[test]
fn a_shipment_is_counted_where_its_state_changes() {
    let shipment = |state| -> Shipment {
        serde_json::from_value(json!({
            "id": ShipmentId::of(&id(), 1), "order": id(), "leg": "outbound", "location": "SOF1", "service": "standard",
            "parcel": { "weight_grams": 1, "length_mm": 1, "width_mm": 1, "height_mm": 1 }, "contents": [],
            "state": state, "attempts": 1, "attempted_at": start(), "call_open": false, "claim": "", "created_at": start(),
        }))
        .unwrap()
    };
    let (intent, refused) = (shipment(ShipmentState::BookingIntent), shipment(ShipmentState::BookingRefused));
    assert_eq!(states(&intent.counted(None)), [(Metric::ShipmentsEntered, "booking_intent")]);
    assert_eq!(states(&refused.counted(Some(&intent))), [(Metric::ShipmentsEntered, "booking_refused")]);
    assert_eq!(refused.counted(Some(&refused)), []);
}

#[test]
fn a_parcel_is_counted_on_its_way_out_only() {
    use TrackingStatus as S;
    let way = [S::PreTransit, S::InTransit, S::OutForDelivery, S::Delivered, S::Delivered];
    let counted = |shipment: &ShipmentId| -> Vec<String> {
        let steps: Vec<Tracker> = (0..=way.len()).map(|length| tracker(shipment, &way[..length])).collect();
        let samples = steps.windows(2).flat_map(|pair| pair[1].counted(Some(&pair[0])));
        samples.filter_map(|sample| sample.state).collect()
    };
    assert_eq!(counted(&ShipmentId::of(&id(), 1)), ["in_transit", "delivered"]);
    assert_eq!(counted(&ReturnId::of(&id(), 1).shipment()), Vec::<String>::new());
}
