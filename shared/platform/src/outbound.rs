//! HTTP out: carriers and shops are called through the same connector as AWS, so that faults and TLS exist once.

use aws_smithy_async::future::timeout::Timeout;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_smithy_runtime_api::http as smithy;
use aws_smithy_types::body::SdkBody;
use std::time::Duration;

/// Longest wait for an answer.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer read, bytes.
pub const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The request was certainly not processed: it could not be built or no connection came about.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The request may have been processed: it timed out or the connection broke.
    #[error("outcome unknown: {0}")]
    Indeterminate(String),
}

/// The way to partners.
#[derive(Debug, Clone)]
pub struct Outbound {
    connector: SharedHttpConnector,
    sleep: SharedAsyncSleep,
}

impl Outbound {
    /// Partners over a connector; `sleep` measures the time that an answer may take.
    #[must_use]
    pub fn new(connector: SharedHttpConnector, sleep: SharedAsyncSleep) -> Self {
        Self { connector, sleep }
    }

    /// Sends one request, once: whether it may be repeated is the caller's to say.
    ///
    /// # Errors
    /// [`OutboundError`] says whether the partner may have acted on it.
    pub async fn call(&self, request: partners::http::Request) -> Result<partners::http::Response, OutboundError> {
        let not_sent = |error: String| OutboundError::NotSent(error);
        let mut built = smithy::Request::new(SdkBody::from(request.body));
        built.set_method(request.method.as_str()).map_err(|error| not_sent(error.to_string()))?;
        built.set_uri(request.url).map_err(|error| not_sent(error.to_string()))?;
        for (name, value) in request.headers {
            built.headers_mut().try_insert(name, value).map_err(|error| not_sent(error.to_string()))?;
        }
        let answer = Timeout::new(
            async {
                let mut answer = self.connector.call(built).await.map_err(|error| {
                    let text = error.to_string();
                    // Before a connection stands nothing was sent; a user error is a request that cannot be sent at all.
                    let connecting = std::error::Error::source(&error).is_some_and(|source| {
                        let mut cause = Some(source);
                        while let Some(error) = cause {
                            let text = error.to_string().to_lowercase();
                            if text.contains("connection refused") || text.contains("dns error") {
                                return true;
                            }
                            cause = error.source();
                        }
                        false
                    });
                    if error.is_user() || connecting {
                        OutboundError::NotSent(text)
                    } else {
                        OutboundError::Indeterminate(text)
                    }
                })?;
                let status = answer.status().as_u16();
                let headers: Vec<(String, String)> =
                    answer.headers().iter().map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
                let body = std::mem::replace(answer.body_mut(), SdkBody::taken());
                // Read bit by bit: what a partner sends must not fill the function's memory first.
                let mut stream = aws_smithy_types::byte_stream::ByteStream::new(body);
                let mut bytes = Vec::new();
                while let Some(chunk) =
                    stream.try_next().await.map_err(|error| OutboundError::Indeterminate(error.to_string()))?
                {
                    if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                        return Err(OutboundError::Indeterminate("the answer is too large".to_owned()));
                    }
                    bytes.extend_from_slice(&chunk);
                }
                Ok(partners::http::Response { status, headers, body: bytes })
            },
            self.sleep.sleep(TIMEOUT),
        );
        answer
            .await
            .unwrap_or_else(|_| Err(OutboundError::Indeterminate(format!("no answer within {} s", TIMEOUT.as_secs()))))
    }
}
