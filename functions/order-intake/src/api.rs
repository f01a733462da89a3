//! `POST /v1/orders`: our own order document, with an API key or signed by Standard Webhooks.

use crate::intake::{Source, take_in};
use crate::webhook::{channel, field_problem, signature_problem};
use crate::wire::Accepted;
use domain::account::Scope;
use domain::incoming::IncomingOrder;
use domain::{ChannelId, MerchantId};
use partners::{shops::own, standard_webhooks};
use platform::{Deps, Operation, Problem, Request, Response};

/// The header that names the channel whose secret a Standard Webhooks signature was made with.
const CHANNEL_HEADER: &str = "sklad-channel";

/// Create an order.
///
/// With an API key, or signed by Standard Webhooks with the secret of the channel that `Sklad-Channel` names.
#[utoipa::path(
    post, path = "/v1/orders", tag = "order-intake",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key gives the first answer"),
        ("Sklad-Channel" = Option<String>, Header, description = "The channel whose secret signed the request"),
    ),
    request_body(content = IncomingOrder, content_type = "application/json"),
    responses(
        (status = 201, description = "Durable", body = Accepted),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key or signature", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The order was sent before with another body", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The Idempotency-Key was used with another body", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn create_order(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (merchant, channel, min_remaining_shelf_life_days) = if request.header(standard_webhooks::SIGNATURE).is_some() {
        signed_by_channel(deps, request).await?
    } else {
        let principal = platform::auth::authenticate(deps, request, &[Scope::Merchant, Scope::Operations]).await?;
        (principal.merchant()?.clone(), None, 0)
    };
    let incoming = own::parse_own(&request.body).map_err(|error| field_problem(&error))?;
    let idempotency = match request.header("idempotency-key") {
        None => None,
        Some(_) => {
            let key = request.idempotency_key(&*deps.ids)?;
            Some(Operation::of_request(&merchant, &request.route, "", &key, &request.body))
        }
    };
    let source = Source { merchant, channel, min_remaining_shelf_life_days, idempotency };
    take_in(deps, source, &incoming, &request.body).await
}

/// The merchant, the channel, and for how many days the channel asks goods to keep still.
async fn signed_by_channel(deps: &Deps, request: &Request) -> Result<(MerchantId, Option<ChannelId>, u32), Problem> {
    let id = request.header(CHANNEL_HEADER).and_then(|text| ChannelId::parse(text).ok()).ok_or_else(|| {
        Problem::new(401, "invalid-signature", "a signed request names its channel in the header Sklad-Channel")
    })?;
    let (channel, secrets) = channel(deps, &id).await.map_err(|problem| match problem.status {
        404 => Problem::new(401, "invalid-signature", "there is no such channel"),
        _ => problem,
    })?;
    let headers: Vec<(String, String)> =
        request.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    standard_webhooks::verify(&secrets, &headers, &request.body, deps.clock.now())
        .map_err(|error| signature_problem(&error))?;
    Ok((id.merchant(), Some(id), channel.channel.min_remaining_shelf_life_days))
}
