//! S3: buckets and objects behind path-style REST, as far as the official SDKs and the `aws` command need them.

mod answer;
mod body;
mod handler;
mod listing;
mod presign;
mod request;
mod store;

use std::path::Path;
use std::sync::Arc;

use http::{Request, Response};

use crate::clock::Clock;
use crate::error::EngineError;
use crate::meter::Meter;
use store::Store;

pub(crate) use handler::access_denied;
pub use presign::Credentials;
pub use store::{Metadata, Object};

/// The buckets.
///
/// A put is one atomic rename of a complete file, so a killed process leaves the old object or the new one.
/// Requests signed in the query (presigned links) are checked; those signed in a header are taken as they are,
/// since the engine answers on one machine only.
pub struct Objects {
    store: Store,
    clock: Arc<dyn Clock>,
    meter: Arc<Meter>,
}

impl Objects {
    pub(crate) fn open(dir: &Path, clock: Arc<dyn Clock>, meter: Arc<Meter>) -> Result<Self, EngineError> {
        Ok(Self { store: Store::open(dir)?, clock, meter })
    }

    pub(crate) fn memory(clock: Arc<dyn Clock>, meter: Arc<Meter>) -> Self {
        Self { store: Store::memory(), clock, meter }
    }

    /// Answers one REST request. With `credentials`, a presigned link must be signed by them, and a request
    /// without any signature is refused.
    pub fn call(&self, request: &Request<Vec<u8>>, credentials: Option<&Credentials>) -> Response<Vec<u8>> {
        handler::handle(self, request, credentials)
    }
}
