//! The shop's routes: the Admin GraphQL API, and what only a test can ask of a shop.

mod graphql;
mod state;

use super::carrier::read;
use super::faults::{self, Fault};
use super::journal::JournalError;
use super::{ApiError, Shared, lock};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use graphql::Field;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use state::{Answered, Item, LOCATION, Order, ShopState};
use std::collections::HashMap;

/// First version of the API in which setting stock needs the `@idempotent` directive.
const IDEMPOTENT_FROM: &str = "2026-04";

/// All shops, by account.
#[derive(Default)]
pub(super) struct Shops(HashMap<String, ShopState>);

impl Shops {
    fn of(&mut self, account: &str) -> &mut ShopState {
        self.0.entry(account.to_owned()).or_default()
    }

    /// Takes back a record that was kept; false if it is none of a shop's.
    pub(super) fn restore(&mut self, key: &str, value: &Value) -> Result<bool, JournalError> {
        let unknown = || JournalError::UnknownRecord { key: key.to_owned() };
        let Some((account, rest)) = key.strip_prefix("shop/").and_then(|rest| rest.split_once('/')) else {
            return Ok(false);
        };
        let shop = self.of(account);
        match rest.split_once('/') {
            Some(("order", id)) => {
                shop.orders.insert(id.to_owned(), Order::deserialize(value).map_err(|_| unknown())?);
            }
            Some(("item", sku)) => {
                shop.items.insert(sku.to_owned(), Item::deserialize(value).map_err(|_| unknown())?);
            }
            Some(("answered", id)) => {
                shop.answered.insert(id.to_owned(), Answered::deserialize(value).map_err(|_| unknown())?);
            }
            _ => return Err(unknown()),
        }
        Ok(true)
    }
}

pub(super) fn routes() -> Router<Shared> {
    let api = Router::new()
        .route("/api/{version}/graphql.json", post(graphql_call))
        .route("/orders", post(place_order))
        .route("/items", post(set_items))
        .route("/sell", post(sell))
        .route("/state", get(show_state))
        .route("/faults", post(add_fault).get(list_faults).delete(clear_faults));
    Router::new().nest("/shop/admin", api)
}

fn account(headers: &HeaderMap) -> Result<String, ApiError> {
    match headers.get("x-shopify-access-token").and_then(|value| value.to_str().ok()) {
        Some(token) if token.starts_with("shpat_") && (8..=100).contains(&token.len()) => {
            Ok(domain::ids::digest(&["shop", token], 16))
        }
        _ => Err(ApiError::new(StatusCode::UNAUTHORIZED, "invalid_access_token")),
    }
}

fn respond(status: StatusCode, result: Result<Value, ApiError>) -> Response {
    match result {
        Ok(body) => (status, axum::Json(body)).into_response(),
        Err(error) => error.into_response(),
    }
}

/// GraphQL's way to say it: status 200 and an error with a code.
fn throttled() -> Response {
    let error = json!({ "message": "Throttled", "extensions": { "code": "THROTTLED" } });
    let status = json!({ "maximumAvailable": 2000.0, "currentlyAvailable": 5, "restoreRate": 100.0 });
    let cost = json!({ "requestedQueryCost": 105, "actualQueryCost": null, "throttleStatus": status });
    axum::Json(json!({ "errors": [error], "extensions": { "cost": cost } })).into_response()
}

#[derive(Deserialize)]
struct Query {
    query: String,
    #[serde(default)]
    variables: Value,
}

async fn graphql_call(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Path(version): Path<String>,
    body: Bytes,
) -> Response {
    let account = match account(&headers) {
        Ok(account) => account,
        Err(_) => {
            let body = json!({ "errors": "[API] the access token is not valid" });
            return (StatusCode::UNAUTHORIZED, axum::Json(body)).into_response();
        }
    };
    let query: Query = match serde_json::from_slice(&body) {
        Ok(query) => query,
        Err(_) => {
            return (StatusCode::BAD_REQUEST, axum::Json(json!({ "errors": "the body is no JSON with a query" })))
                .into_response();
        }
    };
    let failed = |message: String| axum::Json(json!({ "errors": [{ "message": message }] })).into_response();
    let operation = match graphql::parse(&query.query, &query.variables) {
        Ok(operation) => operation,
        Err(message) => return failed(message),
    };
    let work = || {
        let mut data = Map::new();
        for field in &operation.fields {
            let resolved = resolve(&shared, &account, &version, operation.is_mutation, field);
            match resolved.and_then(|value| Ok(graphql::select(&value, field)?)) {
                Ok(value) => data.insert(field.name.clone(), value),
                Err(Unresolved::Query(message)) => return failed(message),
                Err(Unresolved::Ours(error)) => return error.into_response(),
            };
        }
        axum::Json(json!({ "data": data })).into_response()
    };
    faults::answer(&shared, &account, operation.is_mutation, throttled, work).await
}

enum Unresolved {
    /// An error of the query.
    Query(String),
    /// The sandbox's own.
    Ours(ApiError),
}

impl From<String> for Unresolved {
    fn from(message: String) -> Self {
        Self::Query(message)
    }
}

impl From<JournalError> for Unresolved {
    fn from(error: JournalError) -> Self {
        Self::Ours(error.into())
    }
}

fn resolve(
    shared: &Shared,
    account: &str,
    version: &str,
    is_mutation: bool,
    field: &Field,
) -> Result<Value, Unresolved> {
    let mut shops = lock(&shared.shops);
    let shop = shops.of(account);
    *shop.calls.entry(field.name.clone()).or_default() += 1;
    let text = |name: &str| field.arguments.get(name).and_then(Value::as_str).unwrap_or_default();
    match (is_mutation, field.name.as_str()) {
        (false, "order") => Ok(shop.orders.get(text("id")).map_or(Value::Null, Order::json)),
        (false, "location") => Ok(json!({ "id": LOCATION })),
        (false, "inventoryItems") => {
            let nodes: Vec<Value> = shop.search(text("query")).into_iter().map(Item::json).collect();
            Ok(json!({ "pageInfo": { "hasNextPage": false }, "nodes": nodes }))
        }
        (true, "fulfillmentCreate") => {
            let input = field.arguments.get("fulfillment").cloned().unwrap_or_default();
            match shop.fulfil(&input, (shared.clock)()) {
                Ok((order, id)) => {
                    shared.journal.put(&format!("shop/{account}/order/{}", order.id), &order)?;
                    Ok(json!({ "fulfillment": { "id": id, "status": "SUCCESS" }, "userErrors": [] }))
                }
                Err(message) => {
                    let error = json!({ "field": ["fulfillment"], "message": message });
                    Ok(json!({ "fulfillment": null, "userErrors": [error] }))
                }
            }
        }
        (true, "inventorySetQuantities") => set_stock(shared, account, version, shop, field),
        _ => Err(Unresolved::Query(format!("Field '{}' doesn't exist on the root", field.name))),
    }
}

fn set_stock(
    shared: &Shared,
    account: &str,
    version: &str,
    shop: &mut ShopState,
    field: &Field,
) -> Result<Value, Unresolved> {
    let key = field
        .directives
        .iter()
        .find(|(name, _)| name == "idempotent")
        .and_then(|(_, arguments)| arguments.get("key")?.as_str());
    if key.is_none() && version >= IDEMPOTENT_FROM {
        return Err(Unresolved::Query("the @idempotent directive with a key is required for this mutation".into()));
    }
    let input = field.arguments.get("input").cloned().unwrap_or_default();
    let asked = domain::ids::digest(&[&input.to_string()], 32);
    let refused = |code: &str, place: &[String]| {
        let error = json!({ "code": code, "field": place, "message": code.to_lowercase().replace('_', " ") });
        json!({ "inventoryAdjustmentGroup": null, "userErrors": [error] })
    };
    if let Some(before) = key.and_then(|key| shop.answered.get(key)) {
        return Ok(if before.asked == asked {
            before.answer.clone()
        } else {
            refused("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", &[])
        });
    }
    let answer = match shop.set_stock(&input)? {
        Ok(changed) => {
            for item in &changed {
                shared.journal.put(&format!("shop/{account}/item/{}", item.sku), item)?;
            }
            json!({ "inventoryAdjustmentGroup": { "id": format!("gid://shopify/InventoryAdjustmentGroup/{asked}") }, "userErrors": [] })
        }
        Err((code, place)) => return Ok(refused(code, &place)),
    };
    if let Some(key) = key {
        let answered = Answered { asked, answer: answer.clone() };
        shared.journal.put(&format!("shop/{account}/answered/{key}"), &answered)?;
        shop.answered.insert(key.to_owned(), answered);
    }
    Ok(answer)
}

async fn place_order(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let place = || -> Result<(StatusCode, Value), ApiError> {
        let account = account(&headers)?;
        let order = Order::read(&partners::json::parse(&body)?)?;
        let mut shops = lock(&shared.shops);
        let shop = shops.of(&account);
        if shop.orders.contains_key(&order.id) {
            return Ok((StatusCode::OK, json!({ "id": order.id })));
        }
        shared.journal.put(&format!("shop/{account}/order/{}", order.id), &order)?;
        let shown = json!({ "id": order.id });
        for item in shop.place(order) {
            shared.journal.put(&format!("shop/{account}/item/{}", item.sku), &item)?;
        }
        Ok((StatusCode::CREATED, shown))
    };
    match place() {
        Ok((status, body)) => (status, axum::Json(body)).into_response(),
        Err(error) => error.into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewItems {
    items: Vec<NewItem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewItem {
    sku: String,
    #[serde(default)]
    available: i64,
    #[serde(default = "yes")]
    tracked: bool,
}

fn yes() -> bool {
    true
}

async fn set_items(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let set = || -> Result<Value, ApiError> {
        let account = account(&headers)?;
        let new: NewItems = read(&body)?;
        let mut shops = lock(&shared.shops);
        let shop = shops.of(&account);
        for item in new.items {
            let id = format!("gid://shopify/InventoryItem/{}", domain::ids::digest(&[&item.sku], 12));
            let item = Item { id, sku: item.sku, tracked: item.tracked, available: item.available, times_set: 0 };
            shared.journal.put(&format!("shop/{account}/item/{}", item.sku), &item)?;
            shop.items.insert(item.sku.clone(), item);
        }
        Ok(json!({ "items": shop.items.len() }))
    };
    respond(StatusCode::CREATED, set())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sale {
    sku: String,
    quantity: u32,
}

async fn sell(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let sell = || -> Result<Value, ApiError> {
        let account = account(&headers)?;
        let sale: Sale = read(&body)?;
        let mut shops = lock(&shared.shops);
        let item = shops.of(&account).items.get_mut(&sale.sku);
        let item = item.ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, "item_not_found"))?;
        let sold = Item { available: item.available - i64::from(sale.quantity), ..item.clone() };
        shared.journal.put(&format!("shop/{account}/item/{}", sold.sku), &sold)?;
        *item = sold;
        Ok(json!({ "available": item.available }))
    };
    respond(StatusCode::OK, sell())
}

async fn show_state(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let shown = account(&headers).map(|account| lock(&shared.shops).of(&account).json());
    respond(StatusCode::OK, shown)
}

async fn add_fault(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let add = || -> Result<Value, ApiError> {
        let account = account(&headers)?;
        let fault: Fault = read(&body)?;
        let mut faults = lock(&shared.faults);
        faults.add(&account, fault);
        Ok(json!({ "faults": faults.list(&account) }))
    };
    respond(StatusCode::CREATED, add())
}

async fn list_faults(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let list = account(&headers).map(|account| json!({ "faults": lock(&shared.faults).list(&account) }));
    respond(StatusCode::OK, list)
}

async fn clear_faults(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let clear = account(&headers).map(|account| {
        lock(&shared.faults).clear(&account);
        json!({ "faults": [] })
    });
    respond(StatusCode::OK, clear)
}
