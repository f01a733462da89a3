//! The ledger of goods, and what was done for a merchant. Both are written by `facts`, moments after what they tell of.

use crate::wire::MovementView;
use domain::account::Scope;
use domain::stock::ActivityFact;
use jiff::civil::Date;
use platform::auth::{READERS, authenticate};
use platform::items::{FACT_SHARDS, StoredFacts, StoredMovement, facts_partition, movements_partition};
use platform::listing::{Page, PageRequest};
use platform::partition::PartitionList;
use platform::requests::{query_location, query_sku};
use platform::spec::{ForMerchant, PageQuery, Refusals};
use platform::{Deps, Problem, Request, Response, Table};

/// The ledger of one item at one location, newest first.
#[utoipa::path(
    get, path = "/v1/movements", tag = "inventory",
    params(
        ("sku" = String, Query, description = "The item"),
        ("location" = String, Query, description = "Where"),
        PageQuery, ForMerchant,
    ),
    responses((status = 200, description = "One page", body = Page<MovementView>), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn list_movements(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, READERS).await?;
    let missing = |name: &str| Problem::invalid(format!("?{name}"), format!("say of which {name}: ?{name}=…"));
    let sku = query_sku(request)?.ok_or_else(|| missing("sku"))?;
    let location = query_location(request)?.ok_or_else(|| missing("location"))?;
    let list = PartitionList {
        table: Table::Movements,
        partitions: &[movements_partition(principal.merchant()?, &sku, &location)],
        prefix: "",
        descending: true,
    };
    let page = deps.store.list_partitions::<StoredMovement>(&list, &PageRequest::of(request)?).await?;
    Response::json(
        200,
        &page.map(|stored| MovementView {
            sku: stored.body.sku,
            location: stored.body.location,
            movement: stored.body.movement,
        }),
    )
}

/// What was done on one day (UTC), oldest first.
///
/// `limit` counts steps, each of which may have several facts.
#[utoipa::path(
    get, path = "/v1/activity-facts", tag = "inventory",
    params(("day" = String, Query, description = "Day in UTC, YYYY-MM-DD"), PageQuery, ForMerchant),
    responses((status = 200, description = "One page", body = Page<ActivityFact>), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn list_activity_facts(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Merchant, Scope::Operations]).await?;
    let merchant = principal.merchant()?;
    let day: Date =
        request.query("day")?.ok_or_else(|| Problem::invalid("?day", "say of which day: ?day=YYYY-MM-DD"))?;
    let partitions: Vec<String> = (0..FACT_SHARDS).map(|shard| facts_partition(merchant, day, shard)).collect();
    let list = PartitionList { table: Table::Movements, partitions: &partitions, prefix: "", descending: false };
    let page = deps.store.list_partitions::<StoredFacts>(&list, &PageRequest::of(request)?).await?;
    let items: Vec<ActivityFact> = page.items.into_iter().flat_map(|stored| stored.body.facts).collect();
    Response::json(200, &Page { items, next_cursor: page.next_cursor })
}
