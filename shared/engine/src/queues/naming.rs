//! Names, URLs and ARNs of queues.

use super::QueueError;

/// The one account of the local AWS.
pub const ACCOUNT_ID: &str = "000000000000";

/// What URLs and ARNs are built from.
#[derive(Debug, Clone)]
pub(super) struct Naming {
    pub(super) region: String,
    pub(super) authority: String,
}

impl Naming {
    pub(super) fn url(&self, name: &str) -> String {
        format!("http://{}/{ACCOUNT_ID}/{name}", self.authority)
    }

    pub(super) fn arn(&self, name: &str) -> String {
        format!("arn:aws:sqs:{}:{ACCOUNT_ID}:{name}", self.region)
    }

    /// The queue's name in an ARN of this region and account.
    pub(super) fn name_of_arn<'a>(&self, arn: &'a str) -> Option<&'a str> {
        let mut parts = arn.splitn(6, ':');
        let expected = ["arn", "aws", "sqs", self.region.as_str(), ACCOUNT_ID];
        for part in expected {
            if parts.next() != Some(part) {
                return None;
            }
        }
        parts.next().filter(|name| !name.is_empty())
    }
}

/// The queue's name in a URL: its last path segment, whatever host the caller reached us by.
#[must_use]
pub fn name_of_url(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

/// Refuses names that SQS refuses, and those of FIFO queues.
pub(super) fn check_name(name: &str) -> Result<(), QueueError> {
    if name.is_empty() {
        return Err(QueueError::MissingParameter { name: "QueueName" });
    }
    if name.ends_with(".fifo") {
        return Err(QueueError::Unsupported { what: "FIFO queues; use a standard queue" });
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.len() > 80 || !name.chars().all(allowed) {
        return Err(QueueError::InvalidParameter {
            name: "QueueName",
            reason: "must be 1 to 80 letters, digits, hyphens or underscores".into(),
        });
    }
    Ok(())
}
