//! Warehouses.

use crate::wire::{LocationEdit, LocationView, NewLocation};
use domain::account::{Location, Scope};
use domain::pick_task::PickTask;
use domain::stock::Term;
use domain::{Decision, LocationId, MerchantId, Sku};
use futures_util::{StreamExt, TryStreamExt};
use platform::auth::authenticate;
use platform::items::{
    StoredItem, StoredLevel, StoredLocation, WORK_INDEX, items_partitions, level_prefix, location_key,
    locations_partition, stock_partition, work_parts,
};
use platform::listing::{Page, PageRequest};
use platform::partition::PartitionList;
use platform::requests::{answer, create_named, edit, edited, existing_merchant, refused};
use platform::spec::{CreateRefusals, EditRefusals, ForMerchant, Idempotent, IfMatch, PageQuery, Refusals};
use platform::{Deps, Failure, Operation, Problem, Request, Response, Table, Versioned};

/// Most things named that keep a location from being closed.
const NAMED_MAX: usize = 5;
/// Most items of a merchant in one partition of the catalogue, and most levels of an item.
const READ_MAX: usize = 100_000;
/// Items whose levels are read at the same time.
const AT_ONCE: usize = 16;

/// Create a warehouse.
#[utoipa::path(
    post, path = "/v1/locations", tag = "operations", params(Idempotent, ForMerchant), request_body = NewLocation,
    responses((status = 201, description = "Created", body = LocationView), Refusals, CreateRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn create_location(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Operations]).await?;
    let merchant = existing_merchant(deps, &principal).await?;
    let location = Location::from(request.json::<NewLocation>()?);
    location.check().map_err(refused)?;
    let exists = Problem::new(409, "location-exists", "there is a location with this code: choose another").at("/id");
    let stored = StoredLocation { merchant: merchant.clone(), location };
    let changed = create_named(deps, request, merchant, stored, Vec::new(), exists).await?;
    let version = changed.value.version;
    answer(changed, |stored| LocationView { location: stored.location, version })
}

/// List the merchant's warehouses.
#[utoipa::path(
    get, path = "/v1/locations", tag = "operations", params(PageQuery, ForMerchant),
    responses((status = 200, description = "One page", body = Page<LocationView>), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn list_locations(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Merchant, Scope::Floor, Scope::Operations]).await?;
    let list = PartitionList {
        table: Table::Catalogue,
        partitions: &[locations_partition(principal.merchant()?)],
        prefix: "",
        descending: false,
    };
    let page = deps.store.list_partitions::<StoredLocation>(&list, &PageRequest::of(request)?).await?;
    let view = |location: platform::Versioned<StoredLocation>| LocationView {
        location: location.body.location,
        version: location.version,
    };
    Response::json(200, &page.map(view))
}

/// Edit a warehouse, close it, or open it again.
///
/// Closing is refused as long as anything is in it: stock in whatever state, or a pick task. The problem names some of it.
/// A closed warehouse receives nothing, and nothing is allocated from it; it can be opened again at any time.
#[utoipa::path(
    put, path = "/v1/locations/{location}", tag = "operations",
    params(("location" = String, Path, description = "Its code"), Idempotent, IfMatch, ForMerchant),
    request_body = LocationEdit,
    responses(
        (status = 200, description = "As it is now; its version in `ETag`", body = LocationView), Refusals, EditRefusals,
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn edit_location(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Operations]).await?;
    let merchant = principal.merchant()?;
    let id: LocationId = request.parameter("location")?;
    let next = request.json::<LocationEdit>()?.of(id.clone());
    next.check().map_err(refused)?;
    let key = location_key(merchant, &id);
    let current = deps.store.require::<StoredLocation>(&key, "this location").await?.body.location;
    let closes = next.closed && !current.closed;
    if closes {
        nothing_in_it(deps, merchant, &id).await?;
    }
    let of = (&key, id.as_str(), "this location");
    let changed = edit(deps, request, merchant, of, async |stored: &StoredLocation| {
        Ok(StoredLocation { location: next.clone(), ..stored.clone() })
    })
    .await?;
    // What came in beside the closing found it open: from now on nothing does, so a second look sees all.
    if closes && let Err(problem) = nothing_in_it(deps, merchant, &id).await {
        reopen(deps, &changed.value).await?;
        return Err(problem);
    }
    let version = changed.value.version;
    edited(changed, |stored| LocationView { location: stored.location, version })
}

/// Opens a location that was closed with something in it, unless somebody has edited it since.
async fn reopen(deps: &Deps, closed: &Versioned<StoredLocation>) -> Result<(), Failure> {
    let operation = Operation::of(&[
        "reopen",
        closed.body.merchant.as_str(),
        closed.body.location.id.as_str(),
        &closed.version.to_string(),
    ]);
    let mut next = closed.body.clone();
    next.location.closed = false;
    let (writes, _) = deps.store.write_of(Some(closed), Decision::of(next), &operation)?;
    match deps.store.apply(writes).await {
        Ok(()) | Err(Failure::Conflict(_)) => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// Refuses a location with stock or open work, naming some of it.
async fn nothing_in_it(deps: &Deps, merchant: &MerchantId, location: &LocationId) -> Result<(), Problem> {
    let page = PageRequest { limit: NAMED_MAX, after: None };
    let parts = work_parts(merchant, location);
    let needs_floor = |task: &PickTask| task.needs_floor();
    let tasks = deps.store.list::<PickTask>(Table::Tasks, WORK_INDEX, &parts, &page, false, needs_floor).await?;
    let mut found: Vec<String> = tasks.items.iter().map(|task| format!("pick task {}", task.body.id)).collect();
    for partition in items_partitions(merchant) {
        if found.len() >= NAMED_MAX {
            break;
        }
        let items = deps.store.query::<StoredItem>(Table::Catalogue, &partition, "", READ_MAX).await?;
        let skus: Vec<Sku> = items.into_iter().map(|(_, stored)| stored.body.item.sku).collect();
        let levels = futures_util::stream::iter(skus)
            .map(|sku| stock_of(deps, merchant, sku, location))
            .buffered(AT_ONCE)
            .try_filter_map(async |held: Option<String>| Ok(held));
        let room = NAMED_MAX - found.len();
        found.extend(levels.take(room).try_collect::<Vec<_>>().await?);
    }
    if found.is_empty() {
        return Ok(());
    }
    let detail = format!("ship, move or write off what is in it first: {}", found.join("; "));
    Err(Problem::new(409, "location-not-empty", detail).at("/closed"))
}

/// What a location has of an item, in words; `None` when it has nothing.
async fn stock_of(
    deps: &Deps,
    merchant: &MerchantId,
    sku: Sku,
    location: &LocationId,
) -> Result<Option<String>, Failure> {
    let partition = stock_partition(merchant, &sku);
    let prefix = format!("{}{location}", level_prefix());
    let levels = deps.store.query::<StoredLevel>(Table::Stock, &partition, &prefix, READ_MAX).await?;
    let mut terms: std::collections::BTreeMap<Term, i64> = std::collections::BTreeMap::new();
    // Another location's code may begin like this one's.
    for (_, stored) in levels.into_iter().filter(|(_, stored)| stored.body.location().as_ref() == Some(location)) {
        for term in Term::ALL {
            *terms.entry(term).or_default() += stored.body.level().get(term);
        }
    }
    let held: Vec<String> = terms
        .into_iter()
        .filter(|(term, units)| *units != 0 && *term != Term::OnHand)
        .map(|(term, units)| format!("{units} {}", term.attribute()))
        .collect();
    Ok((!held.is_empty()).then(|| format!("{sku}: {}", held.join(", "))))
}
