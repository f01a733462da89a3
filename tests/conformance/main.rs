//! SQS as AWS documents it, asked of the engine in process; or of the endpoint at `SQS_ENDPOINT`, whose kind is
//! `SQS_SERVER` (`ministack`, `moto`, `sklad`): how `tests/on-ministack` runs it.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod suite;

use engine::Engine;
use engine::clock::{Clock as _, ManualClock};
use engine::queues::LongPoll;
use http::Request;
use serde_json::Value;
use std::sync::Arc;
use suite::{Answer, Endpoint, deviations, remote::Remote};

/// The engine on a clock that moves when a case or a long poll waits.
struct InProcess {
    engine: Engine,
    clock: ManualClock,
}

impl InProcess {
    fn new() -> Self {
        let clock = ManualClock::new(1_770_000_000_000);
        Self { engine: Engine::memory(Arc::new(clock.clone()), 7).unwrap(), clock }
    }
}

impl Endpoint for InProcess {
    fn call(&self, action: &str, body: &Value) -> Result<Answer, String> {
        let until = self.clock.now_ms();
        loop {
            let request = Request::post("/")
                .header("x-amz-target", format!("AmazonSQS.{action}"))
                .body(body.to_string().into_bytes())
                .map_err(|error| error.to_string())?;
            let mut response = self.engine.call(request);
            // As the host does: wait for the next message or the end of the poll, and look again.
            if let Some(poll) = response.extensions_mut().remove::<LongPoll>() {
                let (now, end) = (self.clock.now_ms(), until + poll.wait_ms);
                if now < end {
                    let next = self.engine.queues().next_visible_at_ms(&poll.queue).unwrap();
                    self.clock.set(next.unwrap_or(end).clamp(now + 1, end));
                    continue;
                }
            }
            let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
            let body = match response.body().as_slice() {
                [] => Value::Null,
                bytes => serde_json::from_slice(bytes).map_err(|error| error.to_string())?,
            };
            let query_error = header("x-amzn-query-error");
            return Ok(Answer { status: response.status().as_u16(), query_error, body });
        }
    }

    fn pass(&self, milliseconds: u64) {
        self.clock.advance(milliseconds);
    }

    fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    fn is_virtual(&self) -> bool {
        true
    }
}

#[test]
fn sqs_is_as_aws_documents_it() {
    let (endpoint, server): (Box<dyn Endpoint>, String) = match std::env::var("SQS_ENDPOINT") {
        Ok(url) => (Box::new(Remote::new(&url)), std::env::var("SQS_SERVER").expect("SQS_SERVER names its kind")),
        Err(_) => (Box::new(InProcess::new()), "sklad".to_owned()),
    };
    let known = deviations::of(&server);
    let differences = suite::differences(endpoint.as_ref(), known);
    for deviation in known {
        println!("{server}: known to differ: {} ({})", deviation.case, deviation.reason);
    }
    assert!(differences.is_empty(), "{server}:\n{}", differences.join("\n"));
}
