use super::*;
use crate::Retry;

fn account() -> Account {
    Account {
        base_url: "https://acme.myshopify.com/".into(),
        access_token: "shpat_x".into(),
        location: Some("7".into()),
    }
}

fn report(lines: &[(&str, u32)]) -> FulfilmentReport {
    FulfilmentReport {
        order: "1001".into(),
        lines: lines.iter().map(|(id, units)| ((*id).to_owned(), *units)).collect(),
        tracking_number: "SBX1".into(),
        tracking_url: Some("https://track.example/SBX1".into()),
        carrier: "Sandbox".into(),
        notify_shopper: true,
    }
}

fn ok(body: Value) -> Response {
    Response { status: 200, headers: vec![], body: body.to_string().into_bytes() }
}

fn status(status: u16) -> Response {
    Response { status, headers: vec![("Retry-After".into(), "2.0".into())], body: b"<html>".to_vec() }
}

/// One fulfilment order: id, status, location, lines (id, open units), tracking numbers reported on it.
fn open(id: &str, status: &str, location: &str, lines: &[(&str, u32)], tracking: &[(&str, &str)]) -> Value {
    json!({
        "id": id, "status": status, "assignedLocation": {"location": {"id": location}},
        "fulfillments": {"nodes": tracking.iter().map(|(number, status)|
            json!({"id": "f", "status": status, "trackingInfo": [{"number": number}]})).collect::<Vec<_>>()},
        "lineItems": {"nodes": lines.iter().map(|(line, left)|
            json!({"id": format!("{id}/{line}"), "remainingQuantity": left, "lineItem": {"id": gid("LineItem", line)}})).collect::<Vec<_>>()},
    })
}

fn looked_up(orders: &[Value]) -> Response {
    ok(json!({"data": {"order": {"fulfillmentOrders": {"pageInfo": {"hasNextPage": false}, "nodes": orders}}}}))
}

fn variables(request: &Request) -> Value {
    serde_json::from_slice::<Value>(&request.body).unwrap()["variables"].take()
}

fn planned(lines: &[(&str, u32)], orders: &[Value]) -> Result<Vec<Value>, ShopError> {
    let requests = fulfilment_plan(&account(), &report(lines), &looked_up(orders))?;
    Ok(requests.iter().map(|r| variables(r)["fulfillment"]["lineItemsByFulfillmentOrder"].take()).collect())
}

#[test]
fn a_request_goes_to_the_shop_with_version_and_token() {
    let request = fulfilment_lookup(&account(), &report(&[]));
    assert_eq!(request.url, "https://acme.myshopify.com/admin/api/2026-04/graphql.json");
    assert!(request.headers.contains(&("x-shopify-access-token".into(), "shpat_x".into())));
    assert_eq!(variables(&request), json!({"id": "gid://shopify/Order/1001"}));
}

#[test]
fn just_the_units_in_the_parcel_are_reported() {
    let plan = planned(&[("1", 2)], &[open("A", "OPEN", "L", &[("1", 3), ("2", 1)], &[])]).unwrap();
    let items = json!([{"id": "A/1", "quantity": 2}]);
    assert_eq!(plan, [json!([{"fulfillmentOrderId": "A", "fulfillmentOrderLineItems": items}])]);
}

#[test]
fn a_repeated_report_is_recognised_by_tracking_number() {
    let check = |state: &str, requests: usize| {
        let orders = [open("A", "IN_PROGRESS", "L", &[("1", 3)], &[("SBX1", state)])];
        assert_eq!(planned(&[("1", 2)], &orders).unwrap().len(), requests, "{state}");
    };
    check("SUCCESS", 0);
    check("CANCELLED", 1);
    let another = [open("A", "OPEN", "L", &[("1", 3)], &[("SBX2", "SUCCESS")])];
    assert_eq!(planned(&[("1", 2)], &another).unwrap().len(), 1);
}

#[test]
fn a_report_cut_short_between_two_locations_goes_on_with_the_second() {
    let first = open("A", "CLOSED", "L1", &[("1", 0)], &[("SBX1", "SUCCESS")]);
    let plan = planned(&[("1", 1), ("2", 1)], &[first, open("B", "OPEN", "L2", &[("2", 1)], &[])]).unwrap();
    assert_eq!(plan.len(), 1);
    assert_eq!(plan[0][0]["fulfillmentOrderId"], "B");
}

#[test]
fn each_location_of_the_shop_gets_its_own_fulfilment() {
    let orders = [
        open("A", "OPEN", "L1", &[("1", 1)], &[]),
        open("B", "OPEN", "L2", &[("1", 1), ("2", 5)], &[]),
        open("C", "OPEN", "L1", &[("3", 1)], &[]),
    ];
    let plan = planned(&[("1", 2), ("2", 1), ("3", 1)], &orders).unwrap();
    assert_eq!(plan.len(), 2);
    assert_eq!(plan[0].as_array().unwrap().len(), 2, "both of the first location in one");
}

#[test]
fn fewer_open_units_than_sent_are_refused_and_not_reported_in_part() {
    for state in ["OPEN", "ON_HOLD", "CANCELLED", "CLOSED"] {
        let error = planned(&[("1", 2)], &[open("A", state, "L", &[("1", 1)], &[])]).unwrap_err();
        assert!(matches!(error, ShopError::Refused { .. }), "{state}: {error}");
    }
    let error = fulfilment_plan(&account(), &report(&[("1", 1)]), &ok(json!({"data": {"order": null}}))).unwrap_err();
    assert_eq!(error.retry(), Retry::Never);
}

#[test]
fn the_created_fulfilment_is_read() {
    let body = json!({"data": {"fulfillmentCreate": {"fulfillment": {"id": "gid://shopify/Fulfillment/5"}, "userErrors": []}}});
    assert_eq!(read_fulfilment(&ok(body)).unwrap(), "gid://shopify/Fulfillment/5");
    let body = json!({"data": {"fulfillmentCreate": {"fulfillment": null, "userErrors": [{"field": ["fulfillment", "lineItems"], "message": "Invalid line"}]}}});
    let expect = ShopError::Refused { reason: "Invalid line".into(), field: Some("fulfillment.lineItems".into()) };
    assert_eq!(read_fulfilment(&ok(body)), Err(expect));
}

fn stocked(items: Value) -> Response {
    ok(json!({"data": {"inventoryItems": {"nodes": items}}}))
}

fn item(sku: &str, available: i64) -> Value {
    json!({"id": format!("gid://shopify/InventoryItem/{sku}"), "sku": sku, "tracked": true,
        "inventoryLevel": {"quantities": [{"name": "available", "quantity": available}]}})
}

fn update(quantity: u32) -> StockUpdate {
    StockUpdate { sku: Sku::parse("TEA").unwrap(), quantity, operation: "level-9".into() }
}

#[test]
fn stock_is_set_from_the_quantity_that_was_seen() {
    let request =
        stock_plan(&account(), &update(4), &stocked(json!([item("TEA-2", 1), item("TEA", 9)]))).unwrap().unwrap();
    let variables = variables(&request);
    let expect = json!({"inventoryItemId": "gid://shopify/InventoryItem/TEA", "locationId": "gid://shopify/Location/7", "quantity": 4, "changeFromQuantity": 9});
    assert_eq!(variables["input"]["quantities"], json!([expect]));
    assert_eq!(variables["key"].as_str().unwrap().len(), 32);
    let again = stock_plan(&account(), &update(4), &stocked(json!([item("TEA", 9)]))).unwrap().unwrap();
    assert_eq!(again, request, "the same update from the same state is the same request");
    let moved = stock_plan(&account(), &update(4), &stocked(json!([item("TEA", 8)]))).unwrap().unwrap();
    assert_ne!(moved, request, "another state has another idempotency key");
}

#[test]
fn stock_that_is_right_already_is_left_alone() {
    assert_eq!(stock_plan(&account(), &update(9), &stocked(json!([item("TEA", 9)]))), Ok(None));
}

#[test]
fn without_a_chosen_location_the_shops_own_is_taken() {
    let account = Account { location: None, ..account() };
    let levels = json!({"nodes": [
        {"location": {"id": "L2"}, "quantities": [{"name": "available", "quantity": 1}]},
        {"location": {"id": "L1"}, "quantities": [{"name": "available", "quantity": 5}]}]});
    let body = json!({"data": {"location": {"id": "L1"}, "inventoryItems": {"nodes": [{"id": "i", "sku": "TEA", "tracked": true, "inventoryLevels": levels}]}}});
    let request = stock_plan(&account, &update(3), &ok(body)).unwrap().unwrap();
    let quantity = &variables(&request)["input"]["quantities"][0];
    assert_eq!((&quantity["locationId"], &quantity["changeFromQuantity"]), (&json!("L1"), &json!(5)));
}

#[test]
fn an_item_that_cannot_be_set_is_refused_with_the_reason() {
    let mut untracked = item("TEA", 1);
    untracked["tracked"] = json!(false);
    let mut elsewhere = item("TEA", 1);
    elsewhere["inventoryLevel"] = Value::Null;
    for items in [
        json!([]),
        json!([item("TEA-2", 1)]),
        json!([item("TEA", 1), item("TEA", 2)]),
        json!([untracked]),
        json!([elsewhere]),
    ] {
        let error = stock_plan(&account(), &update(4), &stocked(items)).unwrap_err();
        assert!(matches!(error, ShopError::Refused { field: Some(_), .. }), "{error}");
    }
}

#[test]
fn a_sku_cannot_break_out_of_the_search() {
    let request = stock_lookup(&account(), &Sku::parse(r#"A" OR sku:"B\"#).unwrap());
    assert_eq!(variables(&request)["query"], r#"sku:"A\" OR sku:\"B\\""#);
}

#[test]
fn errors_of_setting_stock_have_their_classes() {
    let check = |code: &str, expect: Retry| {
        let error = json!({"code": code, "field": ["input"], "message": "m"});
        let body = json!({"data": {"inventorySetQuantities": {"userErrors": [error]}}});
        assert_eq!(read_stock(&ok(body)).unwrap_err().retry(), expect, "{code}");
    };
    check("CHANGE_FROM_QUANTITY_STALE", Retry::LookFirst);
    check("IDEMPOTENCY_CONCURRENT_REQUEST", Retry::LookFirst);
    check("INVALID_LOCATION", Retry::Never);
    check("SOMETHING_NEW", Retry::Never);
    assert_eq!(read_stock(&ok(json!({"data": {"inventorySetQuantities": {"userErrors": []}}}))), Ok(()));
}

#[test]
fn transport_errors_have_their_classes() {
    let check = |response: &Response, question: Retry, change: Retry| {
        assert_eq!(stock_plan(&account(), &update(1), response).unwrap_err().retry(), question, "{response:?}");
        assert_eq!(read_stock(response).unwrap_err().retry(), change, "{response:?}");
        assert_eq!(read_fulfilment(response).unwrap_err().retry(), change, "{response:?}");
    };
    let later = |seconds| Retry::Later { after_seconds: seconds };
    check(&status(401), Retry::Never, Retry::Never);
    check(&status(403), Retry::Never, Retry::Never);
    check(&status(404), Retry::Never, Retry::Never);
    check(&status(429), later(Some(2)), later(Some(2)));
    check(&status(500), later(Some(2)), Retry::LookFirst);
    check(&status(502), later(Some(2)), Retry::LookFirst);
    check(&status(200), Retry::Never, Retry::LookFirst);
    check(&ok(json!({"data": {}})), Retry::Never, Retry::LookFirst);
    let throttled = json!({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
        "extensions": {"cost": {"requestedQueryCost": 752, "actualQueryCost": null,
        "throttleStatus": {"maximumAvailable": 1000.0, "currentlyAvailable": 602, "restoreRate": 50.0}}}});
    check(&ok(throttled), later(Some(3)), later(Some(3)));
    let denied = json!({"errors": [{"message": "no", "extensions": {"code": "ACCESS_DENIED"}}]});
    check(&ok(denied), Retry::Never, Retry::Never);
    let internal = json!({"errors": [{"message": "oops", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]});
    check(&ok(internal), later(None), Retry::LookFirst);
}
