//! The documents bucket: labels and packing slips, all under `orders/<id>/`, so that erasure finds them.

use crate::failure::Failure;
use crate::settings::Settings;
use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use domain::OrderId;
use jiff::Timestamp;
use std::time::{Duration, SystemTime};

/// How long a download link works, seconds.
pub const LINK_VALID_S: u64 = 300;

/// The documents bucket.
#[derive(Debug, Clone)]
pub struct Documents {
    client: Client,
    settings: Settings,
}

/// What the keys of all documents of an order begin with.
#[must_use]
pub fn documents_prefix(order: &OrderId) -> String {
    format!("orders/{order}/")
}

/// The key of a document of an order.
#[must_use]
pub fn document_key(order: &OrderId, name: &str) -> String {
    format!("{}{name}", documents_prefix(order))
}

impl Documents {
    /// The bucket over a client.
    #[must_use]
    pub fn new(client: Client, settings: Settings) -> Self {
        Self { client, settings }
    }

    fn bucket(&self) -> Result<&str, Failure> {
        self.settings.require("DOCUMENTS_BUCKET")
    }

    /// Stores a document.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn put(&self, key: &str, content_type: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        self.client
            .put_object()
            .bucket(self.bucket()?)
            .key(key)
            .content_type(content_type)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map(drop)
            .map_err(|error| unavailable(&error))
    }

    /// Reads a document; `None` when there is none.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        match self.client.get_object().bucket(self.bucket()?).key(key).send().await {
            Ok(answer) => {
                let bytes = answer.body.collect().await.map_err(|error| unavailable(&error))?;
                Ok(Some(bytes.into_bytes().to_vec()))
            }
            Err(error) if error.as_service_error().is_some_and(|service| service.is_no_such_key()) => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// The keys of all documents of an order.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn keys(&self, order: &OrderId) -> Result<Vec<String>, Failure> {
        let mut found = Vec::new();
        let mut continuation = None;
        loop {
            let list = self.client.list_objects_v2().bucket(self.bucket()?).prefix(documents_prefix(order));
            let answer = list.set_continuation_token(continuation.take()).send().await;
            let answer = answer.map_err(|error| unavailable(&error))?;
            found.extend(answer.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
            continuation = answer.next_continuation_token;
            if continuation.is_none() {
                return Ok(found);
            }
        }
    }

    /// Deletes a document; one that is not there is no error. The bucket has no versions: it is gone.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn delete(&self, key: &str) -> Result<(), Failure> {
        let deleted = self.client.delete_object().bucket(self.bucket()?).key(key).send().await;
        deleted.map(drop).map_err(|error| unavailable(&error))
    }

    /// A link that downloads the document for [`LINK_VALID_S`] seconds from `now`.
    ///
    /// # Errors
    /// [`Failure::Bug`] when it cannot be signed.
    pub async fn link(&self, key: &str, now: Timestamp) -> Result<String, Failure> {
        let start = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now.as_millisecond()).unwrap_or(0));
        let config = PresigningConfig::builder()
            .start_time(start)
            .expires_in(Duration::from_secs(LINK_VALID_S))
            .build()
            .map_err(|error| Failure::bug(error.to_string()))?;
        let request =
            self.client.get_object().bucket(self.bucket()?).key(key).presigned(config).await.map_err(|error| {
                Failure::bug(format!("{}", aws_smithy_types::error::display::DisplayErrorContext(&error)))
            })?;
        Ok(request.uri().to_owned())
    }
}

fn unavailable<E: std::error::Error>(error: &E) -> Failure {
    Failure::unavailable(format!("S3: {}", aws_smithy_types::error::display::DisplayErrorContext(error)))
}
