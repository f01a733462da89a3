//! Claim, scan, short pick, put back: one command, one commit.

use crate::counts::FrozenBin;
use crate::read::{named, task_of};
use crate::wire::{ClaimRequest, PutBackRequest, ScanRequest, ShortPickRequest, Task, actor, bin, text, units};
use domain::pick_task::PickTask;
use domain::stock::DEFAULT_BIN;
use domain::{Decision, PickTaskId, Rejected};
use jiff::Timestamp;
use platform::items::{StoredLevel, pick_task_key};
use platform::level::level_key;
use platform::{Changed, Deps, Failure, Operation, Problem, Request, Response, Step, Versioned};

/// The step that a request asks of a task.
pub(crate) fn operation_of(deps: &Deps, request: &Request, id: &PickTaskId) -> Result<Operation, Problem> {
    let key = request.idempotency_key(&*deps.ids)?;
    Ok(Operation::of_request(&id.merchant(), &request.route, id.as_str(), &key, &request.body))
}

async fn command(
    deps: &Deps,
    request: &Request,
    id: &PickTaskId,
    decide: impl Fn(&PickTask, Timestamp) -> Result<Decision<PickTask>, Rejected>,
) -> Result<Changed<PickTask>, Problem> {
    steps(deps, request, id, async |task, now| Ok((decide(task, now)?, None))).await
}

/// As [`command`]; the step may freeze a bin.
async fn steps(
    deps: &Deps,
    request: &Request,
    id: &PickTaskId,
    decide: impl AsyncFn(&PickTask, Timestamp) -> Result<(Decision<PickTask>, Option<FrozenBin>), Failure>,
) -> Result<Changed<PickTask>, Problem> {
    let operation = operation_of(deps, request, id)?;
    let now = deps.clock.now();
    let changed = deps
        .store
        .change(&pick_task_key(id), &operation, async |loaded: Option<&Versioned<PickTask>>| {
            let task = loaded.ok_or_else(|| Failure::NotFound("this task".to_owned()))?;
            let (decision, frozen) = decide(&task.body, now).await?;
            let mut also = crate::serials::follow(deps, &task.body, &decision.next, &operation).await?;
            also.extend(crate::counts::opened(deps, (&task.body, &decision.next), frozen, &operation, now)?);
            Ok::<_, Failure>(Step { decision, also })
        })
        .await?;
    let task = &changed.value.body;
    tracing::info!(correlation_id = %task.order, task = %task.id, state = ?task.state, replayed = changed.replayed, "pick task");
    Ok(changed)
}

/// The answer about a task after a command.
pub(crate) fn answer(changed: &Changed<PickTask>, task: &Task) -> Result<Response, Problem> {
    let mut response = Response::json(200, task)?.with_version(changed.value.version);
    if changed.replayed {
        response.headers.push(("idempotent-replayed".to_owned(), "true".to_owned()));
    }
    Ok(response)
}

/// Claim a pick task.
///
/// Claiming one's own task again gives the same answer.
#[utoipa::path(
    post, path = "/v1/pick-tasks/{task}/claim", tag = "pick-pack",
    params(
        ("task" = String, Path, description = "The pick task's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key takes effect once"),
    ),
    request_body(content = ClaimRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "The task is this person's", body = Task),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such task", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Another person's, or over", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The Idempotency-Key was used with another body", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn claim_pick_task(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let id = task_of(deps, request).await?;
    let by = actor(request.json::<ClaimRequest>()?.actor)?;
    let changed = command(deps, request, &id, |task, now| task.claim(&by, now)).await?;
    answer(&changed, &named(deps, &changed.value.body).await?)
}

/// Scan units of an item.
///
/// The last scan completes the pick: its units are picked from then on.
#[utoipa::path(
    post, path = "/v1/pick-tasks/{task}/scans", tag = "pick-pack",
    params(
        ("task" = String, Path, description = "The pick task's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key takes effect once"),
    ),
    request_body(content = ScanRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Counted", body = Task),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such task", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Wrong item or lot (with what is expected), a serial number that is not in stock here, more than is left, not claimed, another person's, or over", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The Idempotency-Key was used with another body", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn scan_item(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let id = task_of(deps, request).await?;
    let (scan, by) = request.json::<ScanRequest>()?.read()?;
    let changed = command(deps, request, &id, |task, now| task.scan(&scan, &by, now)).await?;
    answer(&changed, &Task::from(&changed.value.body))
}

/// Report units that are not where they should be.
///
/// They are reserved elsewhere if they can be, and a count task is opened; the rest of the task goes on. A bin that is named is
/// frozen until it is counted: nobody else is sent there, and what it holds and nobody is promised is not sold. A kit that they belong
/// to is given up with all its components: what of them is scanned already is `surplus`, to be put back.
#[utoipa::path(
    post, path = "/v1/pick-tasks/{task}/short-picks", tag = "pick-pack",
    params(
        ("task" = String, Path, description = "The pick task's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key takes effect once"),
    ),
    request_body(content = ShortPickRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Recorded", body = Task),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such task", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "No item or lot of the task, more than is left, not claimed, another person's, or over", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The Idempotency-Key was used with another body", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn report_short_pick(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let id = task_of(deps, request).await?;
    let body = request.json::<ShortPickRequest>()?;
    let by = actor(body.actor)?;
    let missing = units("/quantity", body.quantity)?;
    let lot = body.lot.map(|lot| text("/lot", lot)).transpose()?;
    let lot = lot.as_deref();
    let changed = match bin(body.bin)?.filter(|bin| bin != DEFAULT_BIN) {
        None => command(deps, request, &id, |task, now| task.short_pick(&body.sku, lot, missing, &by, now)).await?,
        Some(bin) => {
            steps(deps, request, &id, async |task, now| {
                // Read anew at every try: the guards of the write say whether it still holds.
                let level = level_key(&id.merchant(), &task.missed_level(&body.sku, lot)?);
                let stored = deps.store.load::<StoredLevel>(&level).await?;
                let (level, bins) = stored.map(|it| (it.body.level(), it.body.bins())).unwrap_or_default();
                let short = (&body.sku, lot, missing);
                let (decision, suspect) = task.short_pick_in_bin(&bin, (&level, &bins), short, &by, now)?;
                Ok((decision, Some(FrozenBin { bin: bin.clone(), suspect })))
            })
            .await?
        }
    };
    answer(&changed, &Task::from(&changed.value.body))
}

/// Say that scanned units lie in their bins again.
///
/// Of a cancelled order that is every one. Of any other it is the `surplus` of kits that lack a component, and the task goes on.
#[utoipa::path(
    post, path = "/v1/pick-tasks/{task}/put-back", tag = "pick-pack",
    params(
        ("task" = String, Path, description = "The pick task's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key takes effect once"),
    ),
    request_body(content = PutBackRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "The units become available, a cancelled order's when its task is `cancelled`", body = Task),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such task", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Nothing to put back", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The Idempotency-Key was used with another body", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn put_back(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let id = task_of(deps, request).await?;
    let by = actor(request.json::<PutBackRequest>()?.actor)?;
    let changed = command(deps, request, &id, |task, now| task.put_back(&by, now)).await?;
    answer(&changed, &Task::from(&changed.value.body))
}
