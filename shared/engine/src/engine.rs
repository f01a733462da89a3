//! The one door: an AWS request in, its response out.

use std::path::Path;
use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};

use crate::clock::Clock;
use crate::dynamodb::adversity::Begun;
use crate::dynamodb::{DynamoDb, wire};
use crate::error::EngineError;
use crate::meter::Meter;
use crate::objects::{self, Credentials, Objects};
use crate::queues::{self, Queues, Settings};

/// The local AWS. Clones share everything but the credentials that they check presigned links against.
#[derive(Clone)]
pub struct Engine {
    dynamodb: Arc<DynamoDb>,
    queues: Queues,
    objects: Arc<Objects>,
    meter: Arc<Meter>,
    credentials: Option<Credentials>,
}

/// A request that has reached the engine and has not taken effect. Dropped, it never does.
pub struct Ticket {
    engine: Engine,
    request: Request<Vec<u8>>,
    begun: Begun,
}

impl Ticket {
    /// Lets the request take effect and answers it. Which service it is for is told by its `x-amz-target`; one
    /// without is for S3.
    pub fn finish(self) -> Response<Vec<u8>> {
        let Self { engine, request, begun } = self;
        match target(&request) {
            Target::DynamoDb(operation) => engine.dynamodb.finish(operation, request.body(), begun),
            Target::Sqs(action) => {
                engine.meter.sqs(action);
                sqs_response(queues::call(&engine.queues, action, request.body()))
            }
            Target::S3 => engine.objects.call(&request, engine.credentials.as_ref()),
            Target::Unknown => wire::unknown_operation(),
        }
    }
}

impl Engine {
    /// Opens the files in `dir` (`dynamodb.sqlite`, `queues.sqlite`, `objects/`), or makes them. Message ids
    /// follow from `seed`.
    ///
    /// # Errors
    /// The directory or one of its files cannot be used.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>, seed: u64) -> Result<Self, EngineError> {
        Self::open_with(dir, clock, with_seed(seed))
    }

    /// [`Engine::open`] with the region and the authority (host and port) in queue URLs given.
    ///
    /// # Errors
    /// The directory or one of its files cannot be used.
    pub fn open_with(dir: &Path, clock: Arc<dyn Clock>, settings: Settings) -> Result<Self, EngineError> {
        std::fs::create_dir_all(dir).map_err(|error| EngineError::path(dir, error))?;
        let meter = Arc::new(Meter::default());
        let file = dir.join("dynamodb.sqlite");
        let dynamodb = DynamoDb::open(&file, clock.clone(), meter.clone(), settings.region.clone())?;
        let queues = Queues::open(&dir.join("queues.sqlite"), clock.clone(), settings)?;
        let objects = Objects::open(&dir.join("objects"), clock, meter.clone())?;
        Ok(Self { dynamodb: Arc::new(dynamodb), queues, objects: Arc::new(objects), meter, credentials: None })
    }

    /// An engine whose state ends with the last clone.
    ///
    /// # Errors
    /// SQLite cannot open a database in memory.
    pub fn memory(clock: Arc<dyn Clock>, seed: u64) -> Result<Self, EngineError> {
        let settings = with_seed(seed);
        let meter = Arc::new(Meter::default());
        let dynamodb = DynamoDb::memory(clock.clone(), meter.clone(), settings.region.clone())?;
        let queues = Queues::memory(clock.clone(), settings)?;
        let objects = Objects::memory(clock, meter.clone());
        Ok(Self { dynamodb: Arc::new(dynamodb), queues, objects: Arc::new(objects), meter, credentials: None })
    }

    /// The same engine for callers who must sign with `credentials`: a presigned link must carry their
    /// signature, and an unsigned request for an object is refused.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Takes one request in; it takes effect when the ticket is finished. In between, the caller lets virtual time
    /// pass: a transaction holds its items for so long.
    pub fn begin(&self, request: Request<Vec<u8>>) -> Ticket {
        let begun = match target(&request) {
            Target::DynamoDb(operation) => self.dynamodb.begin(operation, request.body()),
            Target::Sqs(_) | Target::S3 | Target::Unknown => Begun::Open,
        };
        Ticket { engine: self.clone(), request, begun }
    }

    /// Answers one request at once.
    ///
    /// It never waits: an empty receive whose caller wants to wait carries a [`queues::LongPoll`] in the
    /// response's extensions, for the host to act on.
    pub fn call(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.begin(request).finish()
    }

    /// The tables and their streams.
    pub fn dynamodb(&self) -> &Arc<DynamoDb> {
        &self.dynamodb
    }

    /// The queues.
    pub fn queues(&self) -> &Queues {
        &self.queues
    }

    /// The buckets.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// What has been asked of the engine.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
}

/// The service that a request is for, and what it asks.
enum Target<'a> {
    DynamoDb(&'a str),
    Sqs(&'a str),
    S3,
    Unknown,
}

fn target(request: &Request<Vec<u8>>) -> Target<'_> {
    let Some(target) = request.headers().get("x-amz-target") else { return Target::S3 };
    match target.to_str().ok().and_then(|t| t.split_once('.')) {
        Some(("DynamoDB_20120810" | "DynamoDBStreams_20120810", operation)) => Target::DynamoDb(operation),
        Some(("AmazonSQS", action)) => Target::Sqs(action),
        _ => Target::Unknown,
    }
}

/// The answer to a request that its caller's role does not allow, in the words of the service that it is for.
#[must_use]
pub fn access_denied(request: &Request<Vec<u8>>, reason: &str) -> Response<Vec<u8>> {
    match target(request) {
        Target::S3 => objects::access_denied(request, reason),
        Target::DynamoDb(_) | Target::Sqs(_) | Target::Unknown => wire::access_denied(reason),
    }
}

fn with_seed(seed: u64) -> Settings {
    Settings { seed, ..Settings::default() }
}

fn sqs_response(reply: queues::Reply) -> Response<Vec<u8>> {
    let headers = reply.headers();
    let mut response = Response::new(reply.body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        // Both are error names and media types of our own: neither can fail to be a header.
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    if let Some(long_poll) = reply.long_poll {
        response.extensions_mut().insert(long_poll);
    }
    response
}
