//! Connected shops. Their secrets go in, sealed, and never out.

use crate::fields::{base_url, domain_name, seal, seal_all};
use crate::requests::{created, existing_merchant, operation, refused};
use crate::wire::{ChannelView, NewChannel};
use crate::wire::{CreateRefusals, ForMerchant, Idempotent, PageQuery, Refusals};
use domain::account::{Channel, Scope};
use domain::{ChannelId, Decision};
use partners::{shops, standard_webhooks};
use platform::auth::authenticate;
use platform::items::{SealedChannel, key_prefix};
use platform::listing::{Page, PageRequest};
use platform::partition::PartitionList;
use platform::{Deps, Problem, Request, Response, Table};

/// Connect a shop.
#[utoipa::path(
    post, path = "/v1/channels", tag = "operations", params(Idempotent, ForMerchant), request_body = NewChannel,
    responses((status = 201, description = "Connected", body = ChannelView), Refusals, CreateRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn create_channel(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[]).await?;
    let merchant = existing_merchant(deps, &principal).await?;
    let new: NewChannel = request.json()?;
    let operation = operation(deps, request, merchant)?;
    let id = ChannelId::derive(merchant, &["channel", operation.id()]);
    let sealed = sealed(deps, id, new)?;
    created(deps.store.create(&operation, Decision::of(sealed)).await?, &operation, |sealed| {
        ChannelView::from(sealed.channel)
    })
}

fn sealed(deps: &Deps, id: ChannelId, new: NewChannel) -> Result<SealedChannel, Problem> {
    let platform = shops::find(&new.platform).ok_or_else(|| unknown_platform(&new.platform))?;
    let is_called = platform.fulfilments.is_some() || platform.stock.is_some();
    let api_url = match (&new.api_url, is_called) {
        (Some(url), _) => base_url("/api_url", url)?,
        (None, false) => String::new(),
        (None, true) => return Err(Problem::invalid("/api_url", "this platform is called: send its base URL")),
    };
    if platform.orders.is_none() {
        // Its orders come by our own API, signed by Standard Webhooks.
        for (index, secret) in new.webhook_secrets.iter().enumerate() {
            standard_webhooks::secret_bytes(secret)
                .map_err(|error| Problem::invalid(format!("/webhook_secrets/{index}"), error.to_string()))?;
        }
    }
    let access_token = match (&new.access_token, is_called) {
        (Some(token), _) => Some(seal(deps, id.as_str(), "/access_token", token)?),
        (None, false) => None,
        (None, true) => return Err(Problem::invalid("/access_token", "this platform is called: send its token")),
    };
    let webhook_secrets = seal_all(deps, id.as_str(), &new.webhook_secrets, 1)?;
    let channel = Channel {
        id,
        platform: new.platform,
        name: new.name,
        shop_domain: domain_name("/shop_domain", &new.shop_domain)?,
        api_url,
        shop_location: new.shop_location,
        min_remaining_shelf_life_days: new.min_remaining_shelf_life_days,
        created_at: deps.clock.now(),
    };
    channel.check().map_err(refused)?;
    Ok(SealedChannel { webhook_secrets, access_token, channel })
}

fn unknown_platform(name: &str) -> Problem {
    let known: Vec<&str> = shops::PLATFORMS.iter().map(|platform| platform.name).collect();
    let shown: String = name.chars().take(40).collect();
    Problem::invalid("/platform", format!("`{shown}` is no platform that we know: send one of {}", known.join(", ")))
}

/// List the merchant's shops.
#[utoipa::path(
    get, path = "/v1/channels", tag = "operations", params(PageQuery, ForMerchant),
    responses((status = 200, description = "One page", body = Page<ChannelView>), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn list_channels(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Merchant]).await?;
    let list = PartitionList {
        table: Table::Accounts,
        partitions: &[principal.merchant()?.to_string()],
        prefix: &key_prefix("channel"),
        descending: false,
    };
    let page = deps.store.list_partitions::<SealedChannel>(&list, &PageRequest::of(request)?).await?;
    Response::json(200, &page.map(|stored| ChannelView::from(stored.body.channel)))
}

/// One shop.
#[utoipa::path(
    get, path = "/v1/channels/{channel}", tag = "operations",
    params(("channel" = String, Path, description = "Its id")),
    responses((status = 200, description = "The shop", body = ChannelView), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn channel(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Merchant]).await?;
    let id: ChannelId = request.parameter("channel")?;
    principal.may_see(&id.merchant(), "this channel")?;
    let stored = deps.store.require::<SealedChannel>(&SealedChannel::key_of(&id), "this channel").await?;
    Ok(Response::json(200, &ChannelView::from(stored.body.channel))?.with_version(stored.version))
}
