//! The HTTP API as clients see it: over a network that loses requests and answers, in front of the real functions.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use partners::http::{Method, Request};
use serde_json::Value;

use super::clock::lock;
use super::core::Core;
use super::lambda::{Lambda, Outcome};
use crate::host::gateway_event::{self, Arrival};
use crate::host::{Found, Routes};

/// Where the API seems to be.
pub(crate) const API: &str = "http://127.0.0.1:8080";

/// What a client gets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The text at a JSON pointer, empty when there is none.
    pub(crate) fn text(&self, pointer: &str) -> String {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// The way to the API. Clones share it.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) core: Arc<Core>,
    lambda: Lambda,
    routes: &'static Routes,
    requests: Rc<Cell<u64>>,
}

impl Door {
    pub(crate) fn new(lambda: Lambda) -> Self {
        Self { core: Arc::clone(&lambda.core), routes: &lambda.declared.routes, lambda, requests: Rc::default() }
    }

    /// Sends one request, once; `None` when no answer came.
    pub(crate) async fn send(&self, request: &Request) -> Option<Answer> {
        let number = self.requests.get() + 1;
        self.requests.set(number);
        self.core.agenda.pass(self.core.draw_ms(5, 60)).await;
        let lost = self.core.chance(self.core.profile().client_lost);
        if lost && self.core.chance(0.5) {
            self.core.fault("request of a client lost");
            self.core.agenda.pass(Duration::from_secs(10)).await;
            return None;
        }
        let mut answer = self.through(request, &format!("request-{number}")).await;
        if lost {
            self.core.fault("answer to a client lost");
            answer = None;
        }
        self.core.agenda.pass(self.core.draw_ms(5, 60)).await;
        if self.core.traces() {
            let path = request.url.strip_prefix(API).unwrap_or(&request.url);
            let status = answer.as_ref().map_or("no answer".to_owned(), |answer| answer.status.to_string());
            let kind = answer.as_ref().filter(|answer| !answer.is_success()).map(|answer| answer.text("/type"));
            self.core.say(format!("{} {path} = {status} {}", request.method.as_str(), kind.unwrap_or_default()));
        }
        answer
    }

    async fn through(&self, request: &Request, request_id: &str) -> Option<Answer> {
        let mut builder = http::Request::builder().method(request.method.as_str()).uri(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let (parts, ()) = builder.body(()).ok()?.into_parts();
        let refused = |status| Some(Answer { status, body: Value::Null });
        let Found::Route(matched) = self.routes.find(parts.method.as_str(), parts.uri.path()) else {
            return refused(404);
        };
        let arrival = Arrival { request_id, source: [127, 0, 0, 1].into(), port: 8080, at: self.core.clock.now() };
        let event = gateway_event::build(&matched, &parts, &request.body, &arrival);
        match self.lambda.invoke(matched.function, event).await {
            Outcome::Answered(answer) => {
                let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
                let body = answer["body"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
                Some(Answer { status, body })
            }
            Outcome::Failed(_) | Outcome::Crashed => refused(500),
            Outcome::TimedOut | Outcome::Throttled => refused(503),
        }
    }

    /// A client that missed the answer sends the request once more: it must get the same one.
    async fn perhaps_again(&self, request: &Request, first: &Answer) {
        let writes = matches!(request.method, Method::Post | Method::Patch) && first.is_success();
        if !writes || !self.core.chance(self.core.profile().client_twice) {
            return;
        }
        self.core.fault("request sent twice");
        let Some(second) = self.send(request).await else { return };
        let same = second.is_success() && second.body["id"] == first.body["id"];
        if second.status < 500 && second.status != 429 && !same {
            let evidence = format!("{}: first {}, then {} {}", request.url, first.body, second.status, second.body);
            lock(&self.lambda.invariants).broken("same key, same result", evidence);
        }
    }

    /// Sends a request again and again, as clients do, until something other than a failure of the server's comes back.
    pub(crate) async fn insist(&self, request: &Request) -> Answer {
        let mut pause = Duration::from_secs(1);
        loop {
            match self.send(request).await {
                Some(answer) if answer.status < 500 && answer.status != 429 => {
                    self.perhaps_again(request, &answer).await;
                    return answer;
                }
                _ => {
                    self.core.mark("client sends again");
                    self.core.agenda.pass(pause + self.core.draw_ms(0, 1000)).await;
                    pause = (pause * 2).min(Duration::from_secs(30));
                }
            }
        }
    }
}
