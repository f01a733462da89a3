//! Order heads.

use super::{list_partition, shard, sort_instant};
use crate::metrics::{Metric, Sample};
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::OrderId;
use domain::late::order_turned_late;
use domain::order::{FulfilmentState, Order};

/// The key of an order's head.
#[must_use]
pub fn order_key(order: &OrderId) -> Key {
    Key::new(Table::Orders, format!("{}#{order}", order.merchant()), "order")
}

impl Stored for Order {
    fn key(&self) -> Key {
        order_key(&self.id)
    }

    fn indexes(&self, shards: u32) -> Vec<(&'static str, String)> {
        let merchant = self.merchant();
        let shard = shard(self.id.as_str(), shards);
        let created = format!("{}#{}", sort_instant(self.created_at), self.id);
        let mut keys = vec![("listed_pk", list_partition(&[merchant.as_str()], shard)), ("listed_sk", created.clone())];
        if let Some(state) = self.waits_as() {
            keys.push(("waiting_pk", list_partition(&[merchant.as_str(), state], shard)));
            keys.push(("waiting_sk", created));
        }
        // Written at intake, moved by the sweeper's looks and removed at the end; by the order's own updates only when a
        // reservation that expires begins, is extended or ends.
        if let Some(due) = self.look_due_at() {
            keys.push(("due_pk", shard.to_string()));
            keys.push(("due_sk", format!("{due}#{}", self.id)));
        }
        keys
    }

    fn counted(&self, before: Option<&Self>) -> Vec<Sample> {
        let mut samples = Vec::new();
        // Whatever state an order is stored in first, it was received.
        if before.is_none() && self.fulfilment != FulfilmentState::Received {
            samples.push(Sample::entered(Metric::OrdersEntered, FulfilmentState::Received));
        }
        if before.is_none_or(|before| before.fulfilment != self.fulfilment) {
            samples.push(Sample::entered(Metric::OrdersEntered, self.fulfilment));
        }
        if before.is_some_and(|before| order_turned_late(before, self)) {
            samples.push(Sample::of(Metric::OrdersLate, 1));
        }
        samples
    }
}
