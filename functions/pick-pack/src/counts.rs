//! Count tasks: opened by a short pick or by a person, counted on the floor, approved by a person of the office.

use crate::read::SCOPES;
use crate::wire::{CountTaskView, CountedRequest, CountsRequest, NewCountTask, ReviewRequest, actor, bin, text};
use domain::account::Scope;
use domain::aggregate::Actor;
use domain::count_task::{CountState, CountTask};
use domain::lot_record::LotRecord;
use domain::pick_task::PickTask;
use domain::stock::{Bins, Level, LevelId};
use domain::{CountTaskId, Decision, MerchantId, Rejected};
use jiff::Timestamp;
use platform::auth::authenticate;
use platform::items::{
    StoredItem, StoredLevel, StoredLocation, WORK_INDEX, count_parts, count_task_key, item_key, location_key, lot_key,
};
use platform::level::level_key;
use platform::listing::{Page, PageRequest};
use platform::requests::{answer, edited, operation, query_location};
use platform::{Changed, Deps, Failure, Operation, Problem, Request, Response, Table, Versioned, Write};

/// A bin that a short pick froze.
pub(crate) struct FrozenBin {
    pub(crate) bin: String,
    /// Units that are suspect.
    pub(crate) suspect: u32,
}

/// The count tasks that a short pick opens: one for each level of which units were not found, of the bin if it was named.
pub(crate) fn opened(
    deps: &Deps,
    (before, after): (&PickTask, &PickTask),
    frozen: Option<FrozenBin>,
    operation: &Operation,
    at: Timestamp,
) -> Result<Vec<Write>, Failure> {
    let mut writes = Vec::new();
    for line in &after.lines {
        let same = |earlier: &&domain::pick_task::PickLine| earlier.sku == line.sku && earlier.lot == line.lot;
        let had = before.lines.iter().find(same).map_or(0, |earlier| earlier.short);
        if line.short <= had {
            continue;
        }
        let lot = line.lot.as_ref().map(|lot| lot.code.as_str()).unwrap_or_default();
        let parts = ["short-pick", after.id.as_str(), line.sku.as_str(), lot, &line.short.to_string()];
        let id = CountTaskId::derive(&after.merchant(), &parts);
        let task = CountTask::request(id, after.level_of(line), after.id.to_string(), at);
        let task = match &frozen {
            Some(frozen) => task.of_bin(frozen.bin.clone(), frozen.suspect),
            None => task,
        };
        writes.extend(deps.store.write_of(None, Decision::of(task), operation)?.0);
    }
    Ok(writes)
}

/// Who asks, and the task that the path names.
async fn task_of(deps: &Deps, request: &Request, scopes: &[Scope]) -> Result<CountTaskId, Problem> {
    let principal = authenticate(deps, request, scopes).await?;
    let id: CountTaskId = request.parameter("count")?;
    principal.may_see(&id.merchant(), "this count task")?;
    Ok(id)
}

async fn command(
    deps: &Deps,
    request: &Request,
    id: &CountTaskId,
    decide: impl AsyncFn(&CountTask) -> Result<Decision<CountTask>, Failure>,
) -> Result<Response, Problem> {
    let key = request.idempotency_key(&*deps.ids)?;
    let operation = Operation::of_request(&id.merchant(), &request.route, id.as_str(), &key, &request.body);
    let stored_at = count_task_key(id);
    let changed = deps.store.change(&stored_at, &operation, async |loaded: Option<&Versioned<CountTask>>| {
        let task = loaded.ok_or_else(|| Failure::NotFound("this count task".to_owned()))?;
        decide(&task.body).await
    });
    let changed = changed.await?;
    tracing::info!(count = %id, state = ?changed.value.body.state, replayed = changed.replayed, "count task");
    edited(changed, CountTaskView::from)
}

/// Ask for a count.
#[utoipa::path(
    post, path = "/v1/count-tasks", tag = "pick-pack",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key takes effect once"),
        ("Sklad-Merchant" = Option<String>, Header, description = "The merchant, for keys of the platform"),
    ),
    request_body(content = NewCountTask, content_type = "application/json"),
    responses(
        (status = 201, description = "On the list", body = CountTaskView),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "No such item, location or lot, or the Idempotency-Key was used with another body", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn create_count_task(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &SCOPES).await?;
    let merchant = principal.merchant()?;
    let new: NewCountTask = request.json()?;
    let reason = text("/reason", new.reason)?;
    let operation = operation(deps, request, merchant)?;
    if deps.store.load::<StoredItem>(&item_key(merchant, &new.sku)).await?.is_none() {
        return Err(Problem::new(422, "unknown-item", "there is no item with this SKU: see GET /v1/items").at("/sku"));
    }
    if deps.store.load::<StoredLocation>(&location_key(merchant, &new.location)).await?.is_none() {
        let detail = "there is no location with this code: see GET /v1/locations";
        return Err(Problem::new(422, "unknown-location", detail).at("/location"));
    }
    let lot = match &new.lot {
        None => None,
        Some(code) => {
            let record = deps.store.load::<LotRecord>(&lot_key(merchant, &new.sku, code)).await?.ok_or_else(|| {
                let detail = "no goods of this lot ever came in: see GET /v1/stock-levels/{sku}";
                Problem::new(422, "unknown-lot", detail).at("/lot")
            })?;
            Some(record.body.lot)
        }
    };
    let level = LevelId { sku: new.sku, location: new.location, lot };
    let id = CountTaskId::derive(merchant, &["count", operation.id()]);
    let mut task = CountTask::request(id, level, reason, deps.clock.now());
    if let Some(bin) = bin(new.bin)? {
        task = task.of_bin(bin, 0);
    }
    let created = deps.store.create(&operation, Decision::of(task)).await?;
    operation.is_done(&created.value.operations)?;
    answer(created, CountTaskView::from)
}

/// List what is to be counted or approved at a location, the oldest first.
#[utoipa::path(
    get, path = "/v1/count-tasks", tag = "pick-pack",
    params(
        ("location" = String, Query, description = "The location's code"),
        ("state" = Option<CountState>, Query, description = "Only those in this state"),
        ("limit" = Option<usize>, Query, description = "Most entries, 1 to 100; 25 unless said otherwise"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("Sklad-Merchant" = Option<String>, Header, description = "The merchant, for keys of the platform"),
    ),
    responses(
        (status = 200, description = "A page of open count tasks", body = Page<CountTaskView>),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn list_count_tasks(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &SCOPES).await?;
    let merchant = principal.merchant()?;
    let location = query_location(request)?
        .ok_or_else(|| Problem::invalid("?location", "say which location's counts are asked for"))?;
    let state = match request.query.get("state").map(String::as_str) {
        None => None,
        Some("requested") => Some(CountState::Requested),
        Some("counting") => Some(CountState::Counting),
        Some("counted") => Some(CountState::Counted),
        Some(_) => return Err(Problem::invalid("?state", "a state is requested, counting or counted")),
    };
    let page = PageRequest::of(request)?;
    let parts = count_parts(merchant, &location);
    let belongs = |task: &CountTask| task.is_open() && state.is_none_or(|state| task.state == state);
    let tasks = deps.store.list::<CountTask>(Table::Tasks, WORK_INDEX, &parts, &page, false, belongs).await?;
    Response::json(200, &tasks.map(|task| CountTaskView::from(task.body)))
}

/// Read one count task.
#[utoipa::path(
    get, path = "/v1/count-tasks/{count}", tag = "pick-pack",
    params(("count" = String, Path, description = "The count task's id")),
    responses(
        (status = 200, description = "The task, with its version as ETag", body = CountTaskView),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such task", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn get_count_task(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let id = task_of(deps, request, &SCOPES).await?;
    let value = deps.store.require::<CountTask>(&count_task_key(&id), "this count task").await?;
    edited(Changed { value, replayed: false }, CountTaskView::from)
}

/// Take a count task.
#[utoipa::path(
    post, path = "/v1/count-tasks/{count}/start", tag = "pick-pack",
    params(
        ("count" = String, Path, description = "The count task's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key takes effect once"),
    ),
    request_body(content = CountsRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "The task is this person's", body = CountTaskView),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such task", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`count-claimed`, `count-ended`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn start_count(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let id = task_of(deps, request, &SCOPES).await?;
    let by = actor(request.json::<CountsRequest>()?.actor)?;
    let now = deps.clock.now();
    command(deps, request, &id, async |task| Ok(task.start(&by, now)?)).await
}

/// Enter what lies on the shelf: all units but those that are picked.
///
/// A count that agrees with the record completes the task; any other waits for a person's approval.
#[utoipa::path(
    post, path = "/v1/count-tasks/{count}/count", tag = "pick-pack",
    params(
        ("count" = String, Path, description = "The count task's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key takes effect once"),
    ),
    request_body(content = CountedRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Counted", body = CountTaskView),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such task", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`not-counting`, `count-claimed`, `count-ended`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn enter_count(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let id = task_of(deps, request, &SCOPES).await?;
    let body: CountedRequest = request.json()?;
    let by = actor(body.actor)?;
    let now = deps.clock.now();
    command(deps, request, &id, async |task| {
        let (level, bins, version) = level_of(deps, &id.merchant(), &task.level).await?;
        Ok(task.counted(body.units, (&level, &bins, version), &by, now)?)
    })
    .await
}

/// Approve a count, or have it done again.
///
/// Approved, the record becomes what was counted: what is missing leaves the stock at the cost of the liable party, and units
/// that pickers had not found and that are there are available again.
#[utoipa::path(
    post, path = "/v1/count-tasks/{count}/review", tag = "pick-pack",
    params(
        ("count" = String, Path, description = "The count task's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key takes effect once"),
    ),
    request_body(content = ReviewRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Completed, or requested again", body = CountTaskView),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such task", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`not-counted`, `count-ended`, `insufficient-stock`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn review_count(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let id = task_of(deps, request, &[Scope::Operations]).await?;
    let body: ReviewRequest = request.json()?;
    let by: Actor = actor(body.actor)?;
    let reason = text("/reason", body.reason)?;
    let now = deps.clock.now();
    let merchant = id.merchant();
    command(deps, request, &id, async |task| {
        if !body.approve {
            return Ok(task.reject(&by, now)?);
        }
        let liable = body.liable.ok_or_else(|| {
            Rejected::new("liable-needed", "say who pays for the difference: warehouse, merchant, carrier or supplier")
                .at("/liable")
        })?;
        let (level, ..) = level_of(deps, &merchant, &task.level).await?;
        let record = match &task.level.lot {
            Some(lot) => deps.store.load::<LotRecord>(&lot_key(&merchant, &task.level.sku, &lot.code)).await?,
            None => None,
        };
        let lot = record.as_ref().map(|record| &record.body);
        Ok(task.approve(&level, lot, (liable, &reason), &by, now)?)
    })
    .await
}

/// Cancel a count task.
#[utoipa::path(
    post, path = "/v1/count-tasks/{count}/cancel", tag = "pick-pack",
    params(
        ("count" = String, Path, description = "The count task's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key takes effect once"),
    ),
    request_body(content = CountsRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Cancelled", body = CountTaskView),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such task", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`count-ended`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn cancel_count(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let id = task_of(deps, request, &[Scope::Operations]).await?;
    let by = actor(request.json::<CountsRequest>()?.actor)?;
    let now = deps.clock.now();
    command(deps, request, &id, async |task| Ok(task.cancel(&by, now)?)).await
}

/// What is on record of a level, and its version.
async fn level_of(deps: &Deps, merchant: &MerchantId, level: &LevelId) -> Result<(Level, Bins, u64), Failure> {
    let stored = deps.store.load::<StoredLevel>(&level_key(merchant, level)).await?;
    Ok(stored.map(|stored| (stored.body.level(), stored.body.bins(), stored.version)).unwrap_or_default())
}
