//! A carrier as the sandbox carrier's plug-in knows it, which remembers what it sold, and faults on the way to it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use testkit::connector::{Call, Fault, Faults, Handler, Service};

pub(crate) const URL: &str = "http://carrier.test";

/// How the carrier answers a purchase that is out of the ordinary.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Sells, then the connection is gone.
    SoldThen500,
    /// Sells twice for one request.
    SoldTwice,
    Refused,
    Throttled,
}

#[derive(Clone)]
pub(crate) struct Sold {
    pub(crate) id: String,
    pub(crate) reference: String,
    pub(crate) voided: bool,
    pub(crate) request: Value,
}

#[derive(Default)]
struct Books {
    sold: Vec<Sold>,
    purchases: u32,
    answers: VecDeque<Answer>,
    takes_back: bool,
}

#[derive(Clone)]
pub(crate) struct Carrier(Arc<Mutex<Books>>);

impl Carrier {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Books { takes_back: true, ..Books::default() })))
    }

    pub(crate) fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let carrier = Self::new();
        carrier.0.lock().unwrap().answers.extend(answers);
        carrier
    }

    pub(crate) fn handler(&self) -> Handler {
        let books = self.0.clone();
        Arc::new(move |request| books.lock().unwrap().answer(&request))
    }

    /// Requests to buy that arrived.
    pub(crate) fn purchases(&self) -> u32 {
        self.0.lock().unwrap().purchases
    }

    pub(crate) fn sold(&self) -> Vec<Sold> {
        self.0.lock().unwrap().sold.clone()
    }

    pub(crate) fn live(&self) -> Vec<Sold> {
        self.sold().into_iter().filter(|sold| !sold.voided).collect()
    }

    pub(crate) fn refuses_voids(&self) {
        self.0.lock().unwrap().takes_back = false;
    }
}

fn response(status: u16, body: &Value) -> Response<Vec<u8>> {
    let mut response = Response::new(body.to_string().into_bytes());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn shown(sold: &Sold) -> Value {
    json!({
        "id": sold.id,
        "status": if sold.voided { "voided" } else { "live" },
        "tracking_number": format!("T-{}", sold.id),
        "tracking_url": format!("{URL}/t/{}", sold.id),
        "cost": {"amount_minor": 450, "currency": "EUR"},
        "labels": {"pdf": STANDARD.encode(format!("pdf of {}", sold.id)), "zpl": STANDARD.encode(format!("^XA{}^XZ", sold.id))},
    })
}

impl Books {
    fn answer(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let path = request.uri().path();
        match (request.method(), path) {
            (&Method::POST, "/carrier/v1/shipments") => self.buy(request),
            (&Method::GET, "/carrier/v1/shipments") => {
                let query = request.uri().query().unwrap_or_default();
                let reference = query.strip_prefix("reference=").unwrap_or_default();
                let found: Vec<Value> =
                    self.sold.iter().filter(|sold| sold.reference == reference).map(shown).collect();
                response(200, &json!({"shipments": found}))
            }
            (&Method::POST, path) if path.ends_with("/void") => {
                if !self.takes_back {
                    return response(409, &json!({"error": {"code": "too_late"}}));
                }
                let id = path.trim_end_matches("/void").rsplit('/').next().unwrap_or_default();
                let found = self.sold.iter_mut().find(|sold| sold.id == id);
                match found {
                    Some(sold) if sold.voided => response(409, &json!({"error": {"code": "already_voided"}})),
                    Some(sold) => {
                        sold.voided = true;
                        response(200, &json!({}))
                    }
                    None => response(404, &json!({"error": {"code": "not_found"}})),
                }
            }
            _ => response(404, &json!({"error": {"code": "no_route"}})),
        }
    }

    fn buy(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.purchases += 1;
        let answer = self.answers.pop_front();
        match answer {
            Some(Answer::Refused) => {
                return response(422, &json!({"error": {"code": "address_unknown", "field": "recipient.city"}}));
            }
            Some(Answer::Throttled) => {
                let mut throttled = response(429, &json!({}));
                throttled.headers_mut().insert("retry-after", "7".parse().unwrap());
                return throttled;
            }
            Some(Answer::SoldThen500 | Answer::SoldTwice) | None => {}
        }
        let request: Value = serde_json::from_slice(request.body()).unwrap();
        let times = if answer == Some(Answer::SoldTwice) { 2 } else { 1 };
        for _ in 0..times {
            self.sold.push(Sold {
                id: format!("c{}", self.sold.len() + 1),
                reference: request["reference"].as_str().unwrap().to_owned(),
                voided: false,
                request: request.clone(),
            });
        }
        match answer {
            None => response(201, &shown(self.sold.last().unwrap())),
            Some(_) => response(500, &json!({})),
        }
    }
}

/// From its `n`-th call on nothing of a run comes through: the process is gone, before or just after that call took effect.
#[derive(Default)]
pub(crate) struct Crash {
    calls: AtomicU64,
    /// 0: no crash.
    at: AtomicU64,
    after: AtomicU64,
}

impl Crash {
    /// The next run dies at its `call`-th call, from 1; `after` it took effect or before.
    pub(crate) fn arm(&self, call: u64, after: bool) {
        self.calls.store(0, Ordering::SeqCst);
        self.after.store(after.into(), Ordering::SeqCst);
        self.at.store(call, Ordering::SeqCst);
    }

    /// Heals; says how many calls there were.
    pub(crate) fn heal(&self) -> u64 {
        self.at.store(0, Ordering::SeqCst);
        self.calls.swap(0, Ordering::SeqCst)
    }

    fn fails(&self, call: u64, is_after: bool) -> bool {
        let at = self.at.load(Ordering::SeqCst);
        let after = self.after.load(Ordering::SeqCst) == 1;
        at > 0 && (call > at || (call == at && after == is_after))
    }
}

impl Faults for Crash {
    fn before(&self, _: &Call) -> Option<Fault> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        self.fails(call, false).then_some(Fault::Connection)
    }

    fn after(&self, _: &Call) -> Option<Fault> {
        self.fails(self.calls.load(Ordering::SeqCst), true).then_some(Fault::Connection)
    }
}

/// The answers to the first `n` purchases never arrive.
pub(crate) struct LostAnswers(pub(crate) AtomicU64);

impl Faults for LostAnswers {
    fn after(&self, call: &Call) -> Option<Fault> {
        let is_purchase = call.service == Service::Partner
            && call.operation == "POST"
            && call.request.uri().path() == "/carrier/v1/shipments";
        let lost =
            is_purchase && self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        lost.then_some(Fault::TimeOut)
    }
}
