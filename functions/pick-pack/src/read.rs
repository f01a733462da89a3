//! The floor's list of work, and one task.

use crate::wire::Task;
use domain::account::Scope;
use domain::catalogue::Item;
use domain::pick_task::PickTask;
use domain::{MerchantId, PickTaskId, Sku};
use platform::items::{StoredItem, StoredLevel, WORK_INDEX, item_key, pick_task_key, work_parts};
use platform::level::level_key;
use platform::listing::{Page, PageRequest};
use platform::requests::query_location;
use platform::{Deps, Failure, Problem, Request, Response, Table};
use std::collections::BTreeMap;

/// Scopes that may pick and pack.
pub(crate) const SCOPES: [Scope; 2] = [Scope::Floor, Scope::Operations];

/// The task that a request names, if the caller may see it.
pub(crate) async fn task_of(deps: &Deps, request: &Request) -> Result<PickTaskId, Problem> {
    let principal = platform::auth::authenticate(deps, request, &SCOPES).await?;
    let id: PickTaskId = request.parameter("task")?;
    principal.may_see(&id.merchant(), "this task")?;
    Ok(id)
}

/// Items of the catalogue by SKU; those that it does not have are left out.
pub(crate) async fn items<'a>(
    deps: &Deps,
    merchant: &MerchantId,
    skus: impl Iterator<Item = &'a Sku>,
) -> Result<BTreeMap<Sku, Item>, Failure> {
    let keys: Vec<_> = skus.map(|sku| item_key(merchant, sku)).collect();
    let stored = deps.store.load_many::<StoredItem>(&keys).await?;
    Ok(stored.into_iter().map(|stored| (stored.body.item.sku.clone(), stored.body.item)).collect())
}

/// A task with its items' names, and where their units are.
pub(crate) async fn named(deps: &Deps, task: &PickTask) -> Result<Task, Failure> {
    let merchant = task.merchant();
    let items = items(deps, &merchant, task.lines.iter().map(|line| &line.sku)).await?;
    let keys: Vec<_> = task.lines.iter().map(|line| level_key(&merchant, &task.level_of(line))).collect();
    let levels = deps.store.load_many::<StoredLevel>(&keys).await?;
    let levels = levels.into_iter().filter_map(|stored| Some((stored.body.id()?, stored.body))).collect();
    Ok(Task::from(task).named(&items, &levels))
}

/// List what is to be done at a location, the oldest first.
#[utoipa::path(
    get, path = "/v1/pick-tasks", tag = "pick-pack",
    params(
        ("location" = String, Query, description = "The location's code"),
        ("limit" = Option<usize>, Query, description = "Most entries, 1 to 100; 25 unless said otherwise"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("Sklad-Merchant" = Option<String>, Header, description = "The merchant, for keys of the platform"),
    ),
    responses(
        (status = 200, description = "A page of tasks that need work on the floor", body = Page<Task>),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn list_pick_tasks(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = platform::auth::authenticate(deps, request, &SCOPES).await?;
    let merchant = principal.merchant()?;
    let location = query_location(request)?
        .ok_or_else(|| Problem::invalid("?location", "say which location's work is asked for"))?;
    let page = PageRequest::of(request)?;
    let belongs = |task: &PickTask| task.needs_floor() && task.location == location;
    let parts = work_parts(merchant, &location);
    let tasks = deps.store.list::<PickTask>(Table::Tasks, WORK_INDEX, &parts, &page, false, belongs).await?;
    Response::json(200, &tasks.map(|task| Task::from(&task.body)))
}

/// Read one pick task.
#[utoipa::path(
    get, path = "/v1/pick-tasks/{task}", tag = "pick-pack",
    params(("task" = String, Path, description = "The pick task's id")),
    responses(
        (status = 200, description = "The task, with its version as ETag", body = Task),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such task", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn get_pick_task(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let id = task_of(deps, request).await?;
    let task = deps.store.require::<PickTask>(&pick_task_key(&id), "this task").await?;
    Ok(Response::json(200, &named(deps, &task.body).await?)?.with_version(task.version))
}
