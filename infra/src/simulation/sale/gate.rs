//! Latency, crashes and freezes of a sale's environments; and what they write.

use std::sync::{Arc, Mutex};

use http::Response;
use testkit::connector::{Call, Gate, Service, Verdict, Wait};

use super::super::clock::lock;
use super::super::core::Core;
use super::super::gate::{Running, When, meet};
use super::world::Ledger;

/// The gate of one environment.
pub(super) struct SaleGate {
    pub(super) core: Arc<Core>,
    pub(super) running: Arc<Mutex<Running>>,
    pub(super) ledger: Arc<Ledger>,
}

impl Gate for SaleGate {
    fn arrive<'a>(&'a self, _: &'a Call<'a>) -> Wait<'a, Verdict> {
        Box::pin(async move {
            lock(&self.running).calls += 1;
            meet(&self.core, "an environment", &self.running, When::Before).await;
            self.core.agenda.pass(self.core.draw_ms(0, 1)).await;
            Verdict::Pass
        })
    }

    fn effect<'a>(&'a self, _: &'a Call<'a>) -> Wait<'a, ()> {
        Box::pin(async move { self.core.agenda.pass(self.core.draw_ms(2, 7)).await })
    }

    fn answer<'a>(&'a self, call: &'a Call<'a>, answer: &'a Response<Vec<u8>>) -> Wait<'a, Verdict> {
        if call.service == Service::DynamoDb {
            self.ledger.wrote(call, answer.status().is_success(), self.core.clock.now_us());
        }
        Box::pin(async move {
            meet(&self.core, "an environment", &self.running, When::After).await;
            self.core.agenda.pass(self.core.draw_ms(0, 1)).await;
            Verdict::Pass
        })
    }
}
