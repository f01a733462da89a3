//! The sandbox over real connections, through the same plug-ins that the system uses.

mod carrier;
mod shop;

use super::*;
use domain::address::{Address, Person};
use domain::ids::ShipmentId;
use partners::carriers::{Account, BookingRequest, Leg, Parcel};
use partners::http::{Method, Request, Response as Answer};
use serde_json::Value;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::net::TcpListener;

/// Labels that are quick to draw and show what they were drawn from.
struct PlainLabels;

impl LabelMaker for PlainLabels {
    fn pdf(&self, facts: &labels::LabelFacts<'_>) -> Result<Vec<u8>, LabelError> {
        Ok(format!("%PDF {} {}", facts.tracking_number, facts.reference).into_bytes())
    }

    fn zpl(&self, facts: &labels::LabelFacts<'_>) -> Result<String, LabelError> {
        Ok(format!("^XA^FD{} {}^FS^XZ", facts.tracking_number, facts.recipient.name))
    }
}

/// A clock that a test moves.
#[derive(Clone)]
struct TestClock(Arc<AtomicI64>);

impl TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

struct Stack {
    url: String,
    clock: TestClock,
    dir: tempfile::TempDir,
}

impl Stack {
    async fn start() -> Self {
        let stack = Self {
            url: String::new(),
            clock: TestClock(Arc::new(AtomicI64::new(1_772_000_000))),
            dir: tempfile::tempdir().unwrap(),
        };
        stack.restart().await
    }

    /// The same data served by a new sandbox on a new port.
    async fn restart(self) -> Self {
        let clock = self.clock.clone();
        let config = Config {
            labels: Arc::new(PlainLabels),
            retry_delays: vec![Duration::from_millis(1); 5],
            ..Config::new(self.dir.path().to_owned(), Arc::new(move || clock.now()))
        };
        let url = serve(router(config).await.unwrap()).await;
        Self { url, ..self }
    }

    async fn send(&self, method: Method, path: &str, auth: (&str, &str), body: Option<Value>) -> (u16, Value) {
        let mut request = Request::new(method, format!("{}{path}", self.url)).with_header(auth.0, auth.1);
        if let Some(body) = body {
            request = request.with_json(&body);
        }
        let answer = call(&request).await.unwrap();
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn person(name: &str) -> Person {
    Person {
        name: name.into(),
        phone: Some("+359888123456".into()),
        email: Some("ivan@example.com".into()),
        address: Address {
            line1: "бул. Витоша 15".into(),
            city: "София".into(),
            postal_code: Some("1000".into()),
            country: "BG".into(),
            ..Address::default()
        },
        ..Person::default()
    }
}
