//! Webhooks of carriers: the signature is checked on the raw bytes before anything is read.

use crate::wire::Taken;
use domain::{CarrierAccountId, Message, MessageKind};
use platform::items::SealedCarrierAccount;
use platform::{Deps, Problem, Request, Response};

/// A carrier's webhook.
///
/// Answered when its events are durable. Carriers send late, twice and out of order: none of that matters.
#[utoipa::path(
    post, path = "/webhooks/carriers/{carrier_account}", tag = "tracking-webhooks",
    params(("carrier_account" = String, Path, description = "The carrier account's id")),
    request_body(content = String, description = "The carrier's own payload, signed as the carrier signs it", content_type = "application/json"),
    responses(
        (status = 202, description = "Durable", body = Taken),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The signature does not hold", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such account, or its carrier sends no webhooks", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
    ),
    security(()),
)]
pub(crate) async fn carrier_webhook(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let id: CarrierAccountId = request.parameter("carrier_account")?;
    let stored = deps.store.load::<SealedCarrierAccount>(&SealedCarrierAccount::key_of(&id)).await?;
    let account = stored.ok_or_else(|| Problem::not_found("this carrier account"))?.body;
    let webhook = partners::carriers::find(&account.account.carrier)
        .and_then(|carrier| carrier.webhook)
        .ok_or_else(|| Problem::not_found("a webhook of this account's carrier"))?;
    let secrets = account
        .webhook_secrets
        .iter()
        .map(|sealed| deps.secrets.open(id.as_str(), sealed))
        .collect::<Result<Vec<_>, _>>()?;
    let headers: Vec<(String, String)> =
        request.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    webhook
        .verify_webhook(&secrets, &headers, &request.body, deps.clock.now())
        .map_err(|error| Problem::new(401, "invalid-signature", error.to_string()))?;
    let events = webhook
        .parse_webhook(&request.body)
        .map_err(|error| Problem::invalid(error.pointer.clone(), error.to_string()))?;
    let merchant = id.merchant();
    let messages: Vec<Message> = events
        .into_iter()
        .map(|event| {
            // The order's id, where the carrier echoes our reference and it is one of this merchant's.
            let order = event.reference.as_ref().filter(|reference| reference.merchant() == merchant);
            let order = order.and_then(|reference| {
                let parent = reference.order().map(|(order, _)| order);
                parent.or_else(|| Some(reference.return_id()?.order()?.0))
            });
            let correlation = order.map_or_else(|| event.tracking_number.clone(), |order| order.to_string());
            MessageKind::TrackingEvent { carrier_account: id.clone(), event }.for_merchant(&merchant, correlation)
        })
        .collect();
    deps.queues.send(&messages).await?;
    tracing::info!(carrier_account = %id, events = messages.len(), "carrier webhook taken");
    Response::json(202, &Taken { events: messages.len() })
}
