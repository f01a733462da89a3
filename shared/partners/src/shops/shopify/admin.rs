//! Requests to the Admin GraphQL API, and its answers.

use super::API_VERSION;
use crate::http::{Method, Request, Response, join};
use crate::shops::{Account, FulfilmentReport, ShopError, StockUpdate};
use domain::ids::{Sku, digest};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const FULFILMENT_LOOKUP: &str = "query OrderFulfillments($id: ID!) {
  order(id: $id) {
    fulfillmentOrders(first: 5) {
      pageInfo { hasNextPage }
      nodes {
        id
        status
        assignedLocation { location { id } }
        fulfillments(first: 20) { nodes { id status trackingInfo(first: 5) { number } } }
        lineItems(first: 80) { nodes { id remainingQuantity lineItem { id } } }
      }
    }
  }
}";

const FULFILMENT_CREATE: &str = "mutation FulfillmentCreate($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id status }
    userErrors { field message }
  }
}";

const STOCK_LOOKUP: &str = "query SellableStock($query: String!, $location: ID!) {
  inventoryItems(first: 10, query: $query) {
    nodes { id sku tracked inventoryLevel(locationId: $location) { quantities(names: [\"available\"]) { name quantity } } }
  }
}";

const STOCK_LOOKUP_PRIMARY: &str = "query SellableStock($query: String!) {
  location { id }
  inventoryItems(first: 10, query: $query) {
    nodes { id sku tracked inventoryLevels(first: 20) { nodes { location { id } quantities(names: [\"available\"]) { name quantity } } } }
  }
}";

const STOCK_SET: &str = "mutation SetSellableStock($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { code field message }
  }
}";

fn gid(kind: &str, id: &str) -> String {
    if id.starts_with("gid://") { id.to_owned() } else { format!("gid://shopify/{kind}/{id}") }
}

fn post(account: &Account, query: &str, variables: Value) -> Request {
    let url = join(&account.base_url, &format!("admin/api/{API_VERSION}/graphql.json"));
    Request::new(Method::Post, url)
        .with_header("x-shopify-access-token", &account.access_token)
        .with_json(&json!({ "query": query, "variables": variables }))
}

pub(super) fn fulfilment_lookup(account: &Account, report: &FulfilmentReport) -> Request {
    post(account, FULFILMENT_LOOKUP, json!({ "id": gid("Order", &report.order) }))
}

/// A line counts as reported if any fulfilment order that holds it has a live fulfilment with our tracking number.
/// One mutation may cover one of the shop's locations only, so there is one request per location.
pub(super) fn fulfilment_plan(
    account: &Account,
    report: &FulfilmentReport,
    response: &Response,
) -> Result<Vec<Request>, ShopError> {
    let data = answer(response, Sent::Question)?;
    let order = &data["order"];
    if order.is_null() {
        return Err(refused("the shop has no such order", Some("order")));
    }
    let orders = nodes(&order["fulfillmentOrders"])?;
    let more = order["fulfillmentOrders"]["pageInfo"]["hasNextPage"].as_bool().unwrap_or(false);
    let mut wanted: BTreeMap<String, u64> = BTreeMap::new();
    for (line, units) in &report.lines {
        *wanted.entry(gid("LineItem", line)).or_default() += u64::from(*units);
    }
    for held in orders.iter().filter(|order| has_fulfilment(order, &report.tracking_number)) {
        for line in nodes(&held["lineItems"])? {
            wanted.remove(text(line, "/lineItem/id")?);
        }
    }
    let mut by_location: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for open in orders.iter().filter(|order| matches!(order["status"].as_str(), Some("OPEN" | "IN_PROGRESS"))) {
        let mut items = Vec::new();
        for line in nodes(&open["lineItems"])? {
            let Some(left) = wanted.get_mut(text(line, "/lineItem/id")?) else {
                continue;
            };
            let units = (*left).min(line["remainingQuantity"].as_u64().unwrap_or(0));
            if units > 0 {
                *left -= units;
                items.push(json!({ "id": text(line, "/id")?, "quantity": units }));
            }
        }
        if !items.is_empty() {
            let location = open.pointer("/assignedLocation/location/id").and_then(Value::as_str).unwrap_or_default();
            let part = json!({ "fulfillmentOrderId": text(open, "/id")?, "fulfillmentOrderLineItems": items });
            by_location.entry(location).or_default().push(part);
        }
    }
    if wanted.values().any(|left| *left > 0) {
        let reason = if more {
            "the order has more than 5 fulfilment orders in the shop: report this parcel there by hand"
        } else {
            "the shop has fewer units open on these lines than were sent: they were fulfilled, cancelled or put on hold there"
        };
        return Err(refused(reason, Some("lines")));
    }
    Ok(by_location.into_values().map(|parts| fulfilment_create(account, report, &parts)).collect())
}

fn has_fulfilment(order: &Value, tracking_number: &str) -> bool {
    let list = order["fulfillments"]["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .filter(|fulfilment| !matches!(fulfilment["status"].as_str(), Some("CANCELLED" | "ERROR" | "FAILURE")))
        .flat_map(|fulfilment| fulfilment["trackingInfo"].as_array().map(Vec::as_slice).unwrap_or_default())
        .any(|info| info["number"].as_str() == Some(tracking_number))
}

fn fulfilment_create(account: &Account, report: &FulfilmentReport, parts: &[Value]) -> Request {
    let fulfillment = json!({
        "lineItemsByFulfillmentOrder": parts,
        "notifyCustomer": report.notify_shopper,
        "trackingInfo": { "company": report.carrier, "number": report.tracking_number, "url": report.tracking_url },
    });
    post(account, FULFILMENT_CREATE, json!({ "fulfillment": fulfillment }))
}

pub(super) fn read_fulfilment(response: &Response) -> Result<String, ShopError> {
    let data = answer(response, Sent::Change)?;
    let payload = &data["fulfillmentCreate"];
    // The mutation's errors have no codes. Another request may have fulfilled these lines: looking again tells.
    user_errors(payload, |_| ErrorClass::Refused)?;
    match payload.pointer("/fulfillment/id").and_then(Value::as_str) {
        Some(id) => Ok(id.to_owned()),
        None => Err(ShopError::Indeterminate { reason: "neither a fulfilment nor an error in the answer".into() }),
    }
}

pub(super) fn stock_lookup(account: &Account, sku: &Sku) -> Request {
    // In the search syntax a value in quotes is taken whole, with quotes and backslashes escaped.
    let escaped = sku.as_str().replace('\\', "\\\\").replace('"', "\\\"");
    let query = format!("sku:\"{escaped}\"");
    match &account.location {
        Some(location) => post(account, STOCK_LOOKUP, json!({ "query": query, "location": gid("Location", location) })),
        None => post(account, STOCK_LOOKUP_PRIMARY, json!({ "query": query })),
    }
}

pub(super) fn stock_plan(
    account: &Account,
    update: &StockUpdate,
    response: &Response,
) -> Result<Option<Request>, ShopError> {
    let data = answer(response, Sent::Question)?;
    // The shop's search matches words: what it finds need not be the SKU asked for.
    let items: Vec<&Value> = nodes(&data["inventoryItems"])?
        .iter()
        .filter(|item| item["sku"].as_str() == Some(update.sku.as_str()))
        .collect();
    let item = match items.as_slice() {
        [item] => *item,
        [] => return Err(refused("the shop has no item with this SKU", Some("sku"))),
        _ => {
            return Err(refused("the shop has several items with this SKU: give each its own", Some("sku")));
        }
    };
    if item["tracked"].as_bool() == Some(false) {
        return Err(refused("the shop does not track this item's stock: switch tracking on there", Some("sku")));
    }
    let (location, level) = match &account.location {
        Some(location) => (gid("Location", location), Some(&item["inventoryLevel"])),
        None => {
            let primary = text(&data, "/location/id")?;
            let levels = nodes(&item["inventoryLevels"])?;
            (
                primary.to_owned(),
                levels.iter().find(|l| l.pointer("/location/id").and_then(Value::as_str) == Some(primary)),
            )
        }
    };
    let available = level.and_then(|level| level["quantities"].as_array()).and_then(|quantities| {
        quantities.iter().find(|q| q["name"].as_str() == Some("available")).and_then(|q| q["quantity"].as_i64())
    });
    let Some(available) = available else {
        return Err(refused("the shop does not stock this item at our location: add it there", Some("location")));
    };
    if available == i64::from(update.quantity) {
        return Ok(None);
    }
    let id = text(item, "/id")?;
    let key = digest(&[&update.operation, id, &location, &available.to_string(), &update.quantity.to_string()], 32);
    let input = json!({
        "name": "available",
        "reason": "correction",
        "quantities": [{ "inventoryItemId": id, "locationId": location, "quantity": update.quantity, "changeFromQuantity": available }],
    });
    Ok(Some(post(account, STOCK_SET, json!({ "input": input, "key": key }))))
}

pub(super) fn read_stock(response: &Response) -> Result<(), ShopError> {
    let data = answer(response, Sent::Change)?;
    let payload = &data["inventorySetQuantities"];
    user_errors(payload, |code| match code {
        "CHANGE_FROM_QUANTITY_STALE" | "COMPARE_QUANTITY_STALE" => ErrorClass::Conflict,
        "IDEMPOTENCY_CONCURRENT_REQUEST" | "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED" => ErrorClass::Conflict,
        "SERVICE_UNAVAILABLE" => ErrorClass::Unavailable,
        _ => ErrorClass::Refused,
    })?;
    if payload.is_null() {
        return Err(ShopError::Indeterminate { reason: "neither a result nor an error in the answer".into() });
    }
    Ok(())
}

/// Whether the request could have changed something: decides what an unreadable answer means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    Question,
    Change,
}

enum ErrorClass {
    Refused,
    Conflict,
    Unavailable,
}

fn refused(reason: &str, field: Option<&str>) -> ShopError {
    ShopError::Refused { reason: reason.to_owned(), field: field.map(str::to_owned) }
}

fn unreadable(sent: Sent, reason: String) -> ShopError {
    match sent {
        Sent::Question => ShopError::Malformed { reason },
        Sent::Change => ShopError::Indeterminate { reason },
    }
}

/// The `data` of an answer. GraphQL says most of its errors with status 200.
fn answer(response: &Response, sent: Sent) -> Result<Value, ShopError> {
    match response.status {
        200 => {}
        401 | 403 => return Err(ShopError::Unauthorised),
        423 | 429 | 430 => {
            return Err(ShopError::Unavailable { retry_after_seconds: response.retry_after_seconds() });
        }
        402 => return Err(refused("the shop is frozen", None)),
        404 => return Err(refused("there is no such shop or API version", None)),
        400..=407 | 409..=499 => return Err(refused(&format!("status {}", response.status), None)),
        status if sent == Sent::Change => {
            return Err(ShopError::Indeterminate { reason: format!("status {status}") });
        }
        _ => {
            return Err(ShopError::Unavailable { retry_after_seconds: response.retry_after_seconds() });
        }
    }
    let mut body: Value =
        serde_json::from_slice(&response.body).map_err(|_| unreadable(sent, "the body is not JSON".into()))?;
    if let Some(error) = body["errors"].as_array().and_then(|errors| errors.first()) {
        return Err(top_level_error(error, &body, sent));
    }
    match body.get_mut("data").map(Value::take) {
        Some(data) if data.is_object() => Ok(data),
        _ => Err(unreadable(sent, "no `data` in the answer".into())),
    }
}

fn top_level_error(error: &Value, body: &Value, sent: Sent) -> ShopError {
    let code = error.pointer("/extensions/code").and_then(Value::as_str).unwrap_or_default();
    let message = error["message"].as_str().unwrap_or_default();
    match code {
        "THROTTLED" => ShopError::Unavailable { retry_after_seconds: throttled_seconds(body) },
        _ if message == "Throttled" => ShopError::Unavailable { retry_after_seconds: throttled_seconds(body) },
        "ACCESS_DENIED" => ShopError::Unauthorised,
        "SHOP_INACTIVE" => refused("the shop is not active", None),
        "MAX_COST_EXCEEDED" => refused("the query costs more than the shop allows", None),
        "INTERNAL_SERVER_ERROR" | "TIMEOUT" => match sent {
            Sent::Question => ShopError::Unavailable { retry_after_seconds: None },
            Sent::Change => ShopError::Indeterminate { reason: code.to_owned() },
        },
        // Errors of the query itself are found before anything is executed. Messages may echo input: they are not kept.
        "" => refused("the query was not accepted", None),
        other => refused(other, None),
    }
}

/// How long until the bucket holds what the query costs.
fn throttled_seconds(body: &Value) -> Option<u32> {
    let cost = body.pointer("/extensions/cost")?;
    let status = &cost["throttleStatus"];
    let missing = cost["requestedQueryCost"].as_f64()? - status["currentlyAvailable"].as_f64()?;
    let rate = status["restoreRate"].as_f64().filter(|rate| *rate > 0.0)?;
    let seconds = (missing / rate).ceil();
    // Saturates; a bucket is full again within a minute.
    Some((seconds.clamp(1.0, 60.0)) as u32)
}

fn user_errors(payload: &Value, class: impl Fn(&str) -> ErrorClass) -> Result<(), ShopError> {
    let Some(error) = payload["userErrors"].as_array().and_then(|errors| errors.first()) else {
        return Ok(());
    };
    let code = error["code"].as_str().unwrap_or_default();
    let path: Vec<&str> = error["field"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let field = (!path.is_empty()).then(|| path.join("."));
    Err(match class(code) {
        ErrorClass::Conflict => ShopError::Conflict,
        ErrorClass::Unavailable => ShopError::Unavailable { retry_after_seconds: None },
        ErrorClass::Refused => {
            ShopError::Refused { reason: if code.is_empty() { message(error) } else { code.to_owned() }, field }
        }
    })
}

/// A `userErrors` message: speaks of ids and states of the order, cut in case it does more.
fn message(error: &Value) -> String {
    error["message"].as_str().unwrap_or("no reason given").chars().take(200).collect()
}

fn nodes(connection: &Value) -> Result<&[Value], ShopError> {
    let nodes = connection["nodes"].as_array().map(Vec::as_slice);
    nodes.ok_or_else(|| ShopError::Malformed { reason: "a list is missing in the answer".into() })
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str, ShopError> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.ok_or_else(|| ShopError::Malformed { reason: format!("`{pointer}` is missing in the answer") })
}

#[cfg(test)]
#[path = "admin_tests.rs"]
mod tests;
