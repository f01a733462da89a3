//! Webhooks of connected shops: the signature is checked on the raw bytes before anything is read.

use crate::intake::{Source, take_in};
use crate::wire::{Accepted, Ignored, ShopAnswer};
use domain::ChannelId;
use partners::shops::{self, Topic};
use platform::items::SealedChannel;
use platform::{Deps, Problem, Request, Response};

/// The channel that a webhook names, with its opened webhook secrets.
pub(crate) async fn channel(deps: &Deps, id: &ChannelId) -> Result<(SealedChannel, Vec<String>), Problem> {
    let stored = deps.store.load::<SealedChannel>(&SealedChannel::key_of(id)).await?;
    let channel = stored.ok_or_else(|| Problem::not_found("this channel"))?.body;
    let secrets = channel
        .webhook_secrets
        .iter()
        .map(|sealed| deps.secrets.open(id.as_str(), sealed))
        .collect::<Result<Vec<_>, _>>()?;
    Ok((channel, secrets))
}

/// A field of a partner's or merchant's body that is wrong.
pub(crate) fn field_problem(error: &partners::FieldError) -> Problem {
    Problem::invalid(error.pointer.clone(), error.to_string())
}

/// A signature that does not hold.
pub(crate) fn signature_problem(error: &partners::SignatureError) -> Problem {
    Problem::new(401, "invalid-signature", error.to_string())
}

/// A shop's webhook.
///
/// Answered when the order is durable; the same order again gets the first answer. A shopper's request about personal data that
/// the platform hands on waits for the merchant's decision.
#[utoipa::path(
    post, path = "/webhooks/shops/{channel}", tag = "order-intake",
    params(("channel" = String, Path, description = "The channel's id")),
    request_body(content = String, description = "The platform's own payload, signed as the platform signs it", content_type = "application/json"),
    responses(
        (status = 200, description = "Understood, and nothing follows; or a request about personal data waits", body = ShopAnswer),
        (status = 201, description = "Durable", body = Accepted),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The signature does not hold", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The order number was used with another body", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
    ),
    security(()),
)]
pub(crate) async fn shop_webhook(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let id: ChannelId = request.parameter("channel")?;
    let (channel, secrets) = channel(deps, &id).await?;
    let platform_name = channel.channel.platform.as_str();
    let orders = shops::find(platform_name)
        .and_then(|platform| platform.orders)
        .ok_or_else(|| Problem::not_found("an order webhook of this channel's platform"))?;
    let headers: Vec<(String, String)> =
        request.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    orders.verify(&secrets, &headers, &request.body, deps.clock.now()).map_err(|error| signature_problem(&error))?;
    let delivery = orders.delivery(&headers).map_err(|error| Problem::new(400, "invalid-header", error.to_string()))?;
    if !delivery.shop.eq_ignore_ascii_case(&channel.channel.shop_domain) {
        return Err(Problem::new(401, "invalid-signature", "the webhook comes from another shop than this channel's"));
    }
    tracing::info!(delivery_id = delivery.delivery_id, "webhook verified");
    match delivery.topic {
        Topic::OrderCreated => {}
        Topic::PrivacyRequest(kind) => {
            let orders = orders.parse_privacy_request(kind, &request.body).map_err(|error| field_problem(&error))?;
            return crate::privacy::open(deps, (&id, &delivery.delivery_id), kind, &orders).await;
        }
        Topic::ShopErasure => {
            // Which of its orders are still held is the merchant's to say: a person opens the requests.
            tracing::warn!(channel = %id, "the shop's platform asks to erase all of its shoppers' data");
            return Response::json(200, &Ignored { ignored: "the merchant decides, order by order".to_owned() });
        }
        Topic::Other(topic) => return Response::json(200, &Ignored { ignored: format!("topic {topic}") }),
    }
    match orders.parse_order(&request.body) {
        Ok(incoming) => {
            let min_remaining_shelf_life_days = channel.channel.min_remaining_shelf_life_days;
            let merchant = id.merchant();
            let source = Source { merchant, channel: Some(id), min_remaining_shelf_life_days, idempotency: None };
            take_in(deps, source, &incoming, &request.body).await
        }
        Err(error) if error.is_nothing_to_do() => Response::json(200, &Ignored { ignored: error.to_string() }),
        Err(error) => Err(field_problem(&error)),
    }
}
