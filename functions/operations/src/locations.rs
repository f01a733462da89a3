//! Warehouses.

use crate::requests::{answer, create_named, existing_merchant, refused};
use crate::wire::{CreateRefusals, ForMerchant, Idempotent, PageQuery, Refusals};
use crate::wire::{LocationView, NewLocation};
use domain::account::{Location, Scope};
use platform::auth::authenticate;
use platform::items::{StoredLocation, locations_partition};
use platform::listing::{Page, PageRequest};
use platform::partition::PartitionList;
use platform::{Deps, Problem, Request, Response, Table};

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
