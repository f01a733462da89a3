//! The one door: an AWS request in, its response out.

use std::path::Path;
use std::sync::Arc;

use http::{Request, Response};

use crate::clock::Clock;
use crate::dynamodb::{DynamoDb, wire};
use crate::error::EngineError;
use crate::meter::Meter;
use crate::objects::{Credentials, Objects};

/// The local AWS. Clones share everything but the credentials that they check presigned links against.
#[derive(Clone)]
pub struct Engine {
    dynamodb: Arc<DynamoDb>,
    objects: Arc<Objects>,
    meter: Arc<Meter>,
    credentials: Option<Credentials>,
}

impl Engine {
    /// Opens the files in `dir` (`dynamodb.sqlite`, `queues.sqlite`, `objects/`), or makes them.
    ///
    /// # Errors
    /// The directory or one of its files cannot be used.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>, _seed: u64) -> Result<Self, EngineError> {
        std::fs::create_dir_all(dir).map_err(|error| EngineError::path(dir, error))?;
        let meter = Arc::new(Meter::default());
        let file = dir.join("dynamodb.sqlite");
        let dynamodb = DynamoDb::open(&file, clock.clone(), meter.clone())?;
        let objects = Objects::open(&dir.join("objects"), clock, meter.clone())?;
        Ok(Self {
            dynamodb: Arc::new(dynamodb),
            objects: Arc::new(objects),
            meter,
            credentials: None,
        })
    }

    /// An engine whose state ends with the last clone.
    ///
    /// # Errors
    /// SQLite cannot open a database in memory.
    pub fn memory(clock: Arc<dyn Clock>, _seed: u64) -> Result<Self, EngineError> {
        let meter = Arc::new(Meter::default());
        let dynamodb = DynamoDb::memory(clock.clone(), meter.clone())?;
        let objects = Objects::memory(clock, meter.clone());
        Ok(Self {
            dynamodb: Arc::new(dynamodb),
            objects: Arc::new(objects),
            meter,
            credentials: None,
        })
    }

    /// The same engine for callers who must sign with `credentials`: a presigned link must carry their
    /// signature, and an unsigned request for an object is refused.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Answers one request. Which service it is for is told by its `x-amz-target`; one without is for S3.
    pub fn call(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        let Some(target) = request.headers().get("x-amz-target") else {
            return self.objects.call(&request, self.credentials.as_ref());
        };
        match target.to_str().ok().and_then(|t| t.split_once('.')) {
            Some(("DynamoDB_20120810" | "DynamoDBStreams_20120810", operation)) => {
                self.dynamodb.call(operation, request.body())
            }
            _ => wire::unknown_operation(),
        }
    }

    /// The tables and their streams.
    pub fn dynamodb(&self) -> &DynamoDb {
        &self.dynamodb
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
