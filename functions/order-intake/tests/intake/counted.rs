//! Business metrics: an order is counted by the commit that makes it, and by nothing else.

use crate::world::{shop_order, shop_order_with, world};
use serde_json::json;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// Keeps what is counted, as `<metric> <state>`.
#[derive(Debug, Default)]
struct Counted(Mutex<Vec<String>>);

impl Subscriber for Counted {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sklad::metrics"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut texts = Texts::default();
        event.record(&mut texts);
        self.0.lock().unwrap().push(texts.0.join(" "));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Texts(Vec<String>);

impl Visit for Texts {
    fn record_str(&mut self, _: &Field, value: &str) {
        self.0.push(value.to_owned());
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

#[tokio::test]
async fn an_order_is_counted_once_however_often_it_is_sent() {
    let world = world().await;
    let counted = Arc::new(Counted::default());
    let send = async {
        assert_eq!(world.deliver(&shop_order()).await.0, 201);
        assert_eq!(world.deliver(&shop_order()).await.0, 201, "a duplicate");
        let other = shop_order_with("/shipping_address/name", json!("Друг Човек"));
        assert_eq!(world.deliver(&other).await.0, 409, "another body under the same number");
    };
    send.with_subscriber(Dispatch::new(Arc::clone(&counted))).await;
    assert_eq!(*counted.0.lock().unwrap(), ["OrdersEntered received"]);
}
