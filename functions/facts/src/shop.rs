//! Calling a shop: its account with the opened token, and what its errors mean for a queue's message.

use partners::Retry;
use partners::http::{Request, Response};
use partners::shops::{Account, ShopError};
use platform::items::SealedChannel;
use platform::outbound::OutboundError;
use platform::{Deps, Failure};
use std::time::Duration;

/// The account of a channel; `None` when it was connected without a token, and so cannot be told anything.
pub(crate) fn account(deps: &Deps, stored: &SealedChannel) -> Result<Option<Account>, Failure> {
    let Some(token) = &stored.access_token else { return Ok(None) };
    Ok(Some(Account {
        base_url: stored.channel.api_url.clone(),
        access_token: deps.secrets.open(stored.channel.id.as_str(), token)?,
        location: stored.channel.shop_location.clone(),
    }))
}

/// Sends a request. Whatever became of it, the message may come again: every round begins with a look.
pub(crate) async fn call(deps: &Deps, request: Request) -> Result<Response, Failure> {
    deps.partners.call(request).await.map_err(|error| match error {
        OutboundError::NotSent(reason) | OutboundError::Indeterminate(reason) => {
            Failure::unavailable(format!("shop: {reason}"))
        }
    })
}

/// What a shop's error means for the message.
pub(crate) fn failure(error: &ShopError) -> Failure {
    let reason = format!("shop: {error}");
    match error.retry() {
        // A person must act (connect again, map the item): the dead-letter queue shows the reason.
        Retry::Never => Failure::Malformed(reason),
        Retry::Later { after_seconds } => {
            Failure::Unavailable { reason, after: after_seconds.map(|seconds| Duration::from_secs(u64::from(seconds))) }
        }
        Retry::LookFirst => Failure::Conflict(reason),
    }
}
