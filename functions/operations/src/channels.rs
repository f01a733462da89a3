//! Connected shops. Their secrets go in, sealed, and never out.

use crate::fields::{base_url, domain_name, seal, seal_all};
use crate::wire::{ChannelEdit, ChannelView, NewChannel};
use domain::account::{Channel, Scope};
use domain::{ChannelId, Decision};
use partners::shops::Platform;
use partners::{shops, standard_webhooks};
use platform::auth::authenticate;
use platform::items::{SealedChannel, key_prefix};
use platform::listing::{Page, PageRequest};
use platform::partition::PartitionList;
use platform::requests::{created, edit, edited, existing_merchant, operation, refused};
use platform::secrets::Sealed;
use platform::spec::{CreateRefusals, EditRefusals, ForMerchant, Idempotent, IfMatch, PageQuery, Refusals};
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
    let api_url = checked_url(deps, platform, new.api_url.as_deref())?;
    let access_token = match (&new.access_token, is_called(platform)) {
        (Some(token), _) => Some(seal(deps, id.as_str(), "/access_token", token)?),
        (None, false) => None,
        (None, true) => return Err(Problem::invalid("/access_token", "this platform is called: send its token")),
    };
    let webhook_secrets = sealed_secrets(deps, platform, &id, &new.webhook_secrets)?;
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

/// Whether we call the platform's API.
fn is_called(platform: &Platform) -> bool {
    platform.fulfilments.is_some() || platform.stock.is_some()
}

fn checked_url(deps: &Deps, platform: &Platform, url: Option<&str>) -> Result<String, Problem> {
    match (url, is_called(platform)) {
        (Some(url), _) => base_url(deps, "/api_url", url),
        (None, false) => Ok(String::new()),
        (None, true) => Err(Problem::invalid("/api_url", "this platform is called: send its base URL")),
    }
}

fn sealed_secrets(
    deps: &Deps,
    platform: &Platform,
    id: &ChannelId,
    secrets: &[String],
) -> Result<Vec<Sealed>, Problem> {
    if platform.orders.is_none() {
        // Its orders come by our own API, signed by Standard Webhooks.
        for (index, secret) in secrets.iter().enumerate() {
            standard_webhooks::secret_bytes(secret)
                .map_err(|error| Problem::invalid(format!("/webhook_secrets/{index}"), error.to_string()))?;
        }
    }
    seal_all(deps, id.as_str(), secrets, 1)
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

/// Edit a shop, or rotate its secrets.
///
/// Secrets and token stay as they are when they are left out. Platform and domain cannot be changed: connect another shop.
#[utoipa::path(
    put, path = "/v1/channels/{channel}", tag = "operations",
    params(("channel" = String, Path, description = "Its id"), Idempotent, IfMatch), request_body = ChannelEdit,
    responses((status = 200, description = "As it is now; its version in `ETag`", body = ChannelView), Refusals, EditRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn edit_channel(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[]).await?;
    let id: ChannelId = request.parameter("channel")?;
    principal.may_see(&id.merchant(), "this channel")?;
    let sent: ChannelEdit = request.json()?;
    let key = SealedChannel::key_of(&id);
    // The platform never changes, so that what is checked and sealed once holds for every try.
    let stored = deps.store.require::<SealedChannel>(&key, "this channel").await?.body.channel;
    let platform = shops::find(&stored.platform).ok_or_else(|| unknown_platform(&stored.platform))?;
    let api_url = checked_url(deps, platform, sent.api_url.as_deref())?;
    let secrets = sent.webhook_secrets.as_deref();
    let secrets = secrets.map(|secrets| sealed_secrets(deps, platform, &id, secrets)).transpose()?;
    let token = sent.access_token.as_deref();
    let token = token.map(|token| seal(deps, id.as_str(), "/access_token", token)).transpose()?;
    let of = (&key, id.as_str(), "this channel");
    let merchant = id.merchant();
    let changed = edit(deps, request, &merchant, of, async |stored: &SealedChannel| {
        let mut next = stored.clone();
        next.channel.name = sent.name.clone();
        next.channel.api_url = api_url.clone();
        next.channel.shop_location = sent.shop_location.clone();
        next.channel.min_remaining_shelf_life_days = sent.min_remaining_shelf_life_days;
        next.channel.check()?;
        if let Some(secrets) = &secrets {
            next.webhook_secrets = secrets.clone();
        }
        if token.is_some() {
            next.access_token = token.clone();
        }
        Ok(next)
    });
    edited(changed.await?, |sealed| ChannelView::from(sealed.channel))
}
