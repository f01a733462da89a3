//! The SDK's way to the engine: an HTTP client without sockets, with faults on request and partners beside AWS.
//!
//! Every call waits three times, for as long as the [`Gate`] says: on its way to the service, at the service until
//! it takes effect, and on its way back. Dropping the future during the first two is a crash before the call had
//! any effect, during the last one a crash after it. Without a gate the call yields once, then does it all at once.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use engine::Engine;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Tables.
    DynamoDb,
    /// Their streams.
    DynamoDbStreams,
    /// Queues.
    Sqs,
    /// Buckets.
    S3,
    /// A carrier or a shop: whatever was registered by [`EngineConnector::route`].
    Partner,
}

/// A call on its way, as faults see it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The how-manieth call of this connector it is, from 0.
    pub number: u64,
    /// Where it goes.
    pub service: Service,
    /// `PutItem`, `SendMessageBatch`, …; for S3 and partners the HTTP method.
    pub operation: &'a str,
    /// The request itself.
    pub request: &'a Request<Vec<u8>>,
}

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// An error answer, in the form of the service that was called.
    Answer {
        /// HTTP status.
        status: StatusCode,
        /// Error code, e.g. `ProvisionedThroughputExceededException`.
        code: String,
    },
    /// The connection breaks.
    Connection,
    /// No answer in time.
    TimeOut,
}

/// Decides which calls fail, and how.
///
/// A fault [`after`](Faults::after) a call replaces its answer: the call has taken effect and its caller does
/// not know.
pub trait Faults: Send + Sync {
    /// A fault instead of the call.
    fn before(&self, call: &Call) -> Option<Fault> {
        let _ = call;
        None
    }

    /// A fault instead of the answer.
    fn after(&self, call: &Call) -> Option<Fault> {
        let _ = call;
        None
    }
}

/// What becomes of a call at a gate.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It goes on.
    Pass,
    /// It ends here, with this.
    Fail(Fault),
}

/// A wait that a gate imposes.
pub type Wait<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Decides how long each leg of a call takes, and whether it gets through: how a simulation lets virtual time pass.
///
/// An environment that is frozen (its future left unpolled) should be so in [`arrive`](Gate::arrive) or
/// [`answer`](Gate::answer): what has reached a service is worked on whether or not its caller still runs.
pub trait Gate: Send + Sync {
    /// The caller has sent the call; it reaches the service when the future resolves. A failure here has no effect.
    fn arrive<'a>(&'a self, call: &'a Call<'a>) -> Wait<'a, Verdict> {
        let _ = call;
        Box::pin(async {
            tokio::task::yield_now().await;
            Verdict::Pass
        })
    }

    /// The service has the call (a transaction holds its items from now on); it takes effect when the future
    /// resolves.
    fn effect<'a>(&'a self, call: &'a Call<'a>) -> Wait<'a, ()> {
        let _ = call;
        Box::pin(std::future::ready(()))
    }

    /// The call has taken effect; its caller learns `answer`, or the failure, when the future resolves.
    fn answer<'a>(&'a self, call: &'a Call<'a>, answer: &'a Response<Vec<u8>>) -> Wait<'a, Verdict> {
        let _ = (call, answer);
        Box::pin(std::future::ready(Verdict::Pass))
    }
}

/// The gate of a connector that was given none.
struct Open;

impl Gate for Open {}

/// A carrier or a shop: the answer to each request.
pub type Handler = Arc<dyn Fn(Request<Vec<u8>>) -> Response<Vec<u8>> + Send + Sync>;

/// The host in [`ENDPOINT`].
const ENGINE_HOST: &str = "engine.local";

/// The endpoint URL to give to the SDK's clients.
pub const ENDPOINT: &str = "http://engine.local";

/// The SDK's HTTP client over an [`Engine`]. Clones share the count of calls.
#[derive(Clone)]
pub struct EngineConnector {
    engine: Engine,
    gate: Arc<dyn Gate>,
    faults: Option<Arc<dyn Faults>>,
    routes: Vec<(String, Handler)>,
    calls: Arc<AtomicU64>,
}

impl fmt::Debug for EngineConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes: Vec<_> = self.routes.iter().map(|(prefix, _)| prefix).collect();
        f.debug_struct("EngineConnector").field("routes", &routes).finish_non_exhaustive()
    }
}

impl EngineConnector {
    /// A connector without faults that knows no partners.
    pub fn new(engine: Engine) -> Self {
        Self { engine, gate: Arc::new(Open), faults: None, routes: Vec::new(), calls: Arc::default() }
    }

    /// Has `faults` decide over every call.
    #[must_use]
    pub fn faults(mut self, faults: Arc<dyn Faults>) -> Self {
        self.faults = Some(faults);
        self
    }

    /// Has `gate` decide how long every call takes. A clone with another gate is another environment of the same
    /// stack.
    #[must_use]
    pub fn gate(mut self, gate: Arc<dyn Gate>) -> Self {
        self.gate = gate;
        self
    }

    /// Sends requests whose URL starts with `prefix` (scheme, host, and as much of the path as is meant) to
    /// `handler`. The longest prefix wins.
    #[must_use]
    pub fn route(mut self, prefix: impl Into<String>, handler: Handler) -> Self {
        self.routes.push((prefix.into(), handler));
        self.routes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        self
    }

    async fn run(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = collected(request).await?;
        let handler = self.handler(&request)?;
        let (service, operation) = match handler {
            Some(_) => (Service::Partner, request.method().as_str()),
            None => addressed(&request),
        };
        let call = Call { number: self.calls.fetch_add(1, Ordering::SeqCst), service, operation, request: &request };
        let fails = |fault| fail(fault, service, &request);
        if let Verdict::Fail(fault) = self.gate.arrive(&call).await {
            return fails(fault);
        }
        if let Some(fault) = self.faults.as_ref().and_then(|f| f.before(&call)) {
            return fails(fault);
        }
        let answer = match handler {
            Some(handler) => {
                self.gate.effect(&call).await;
                handler(request.clone())
            }
            None => {
                let ticket = self.engine.begin(request.clone());
                self.gate.effect(&call).await;
                ticket.finish()
            }
        };
        if let Some(fault) = self.faults.as_ref().and_then(|f| f.after(&call)) {
            return fails(fault);
        }
        match self.gate.answer(&call, &answer).await {
            Verdict::Pass => into_sdk(answer),
            Verdict::Fail(fault) => fails(fault),
        }
    }

    /// The partner that answers; `None` for the engine. A host that is neither cannot be reached.
    fn handler(&self, request: &Request<Vec<u8>>) -> Result<Option<&Handler>, ConnectorError> {
        let url = request.uri().to_string();
        if let Some((_, handler)) = self.routes.iter().find(|(prefix, _)| url.starts_with(prefix)) {
            return Ok(Some(handler));
        }
        if request.uri().host() == Some(ENGINE_HOST) {
            return Ok(None);
        }
        let host = request.uri().host().unwrap_or("(none)");
        Err(ConnectorError::io(format!("no route to host {host}: register it with EngineConnector::route").into())
            .never_connected())
    }
}

impl HttpConnector for EngineConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().run(request))
    }
}

impl HttpClient for EngineConnector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

async fn collected(request: HttpRequest) -> Result<Request<Vec<u8>>, ConnectorError> {
    let (parts, body) = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?.into_parts();
    let bytes = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
    Ok(Request::from_parts(parts, bytes.to_vec()))
}

fn into_sdk(answer: Response<Vec<u8>>) -> Result<HttpResponse, ConnectorError> {
    HttpResponse::try_from(answer.map(SdkBody::from)).map_err(|error| ConnectorError::other(error.into(), None))
}

/// The service of AWS that a request is for, and the operation; for S3 the HTTP method.
#[must_use]
pub fn addressed(request: &Request<Vec<u8>>) -> (Service, &str) {
    let target = request
        .headers()
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .and_then(|target| target.split_once('.'));
    match target {
        Some(("AmazonSQS", action)) => (Service::Sqs, action),
        Some((name, operation)) if name.starts_with("DynamoDBStreams") => (Service::DynamoDbStreams, operation),
        Some((_, operation)) => (Service::DynamoDb, operation),
        None => (Service::S3, request.method().as_str()),
    }
}

fn fail(fault: Fault, service: Service, request: &Request<Vec<u8>>) -> Result<HttpResponse, ConnectorError> {
    let (status, code) = match fault {
        Fault::Connection => {
            return Err(ConnectorError::io(format!("the connection broke: {}", request.uri()).into()));
        }
        Fault::TimeOut => {
            return Err(ConnectorError::timeout(format!("no answer in time: {}", request.uri()).into()));
        }
        Fault::Answer { status, code } => (status, code),
    };
    let body = match service {
        Service::S3 => {
            format!("<Error><Code>{code}</Code><Message>injected by the test</Message></Error>")
        }
        Service::DynamoDb | Service::DynamoDbStreams | Service::Sqs | Service::Partner => {
            serde_json::json!({ "__type": format!("com.amazonaws#{code}"), "message": "injected by the test" })
                .to_string()
        }
    };
    let mut response = Response::new(body.into_bytes());
    *response.status_mut() = status;
    into_sdk(response)
}
