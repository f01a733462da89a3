//! A shop that speaks as much of Shopify's Admin GraphQL API as is asked of it.

use http::{Request, Response};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard};
use testkit::connector::{Call, Fault, Faults, Handler, Service};

/// Its only location.
const LOCATION: &str = "gid://shopify/Location/1";
/// Where it is.
pub(crate) const URL: &str = "https://shop.example";

/// A fulfilment that was created.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fulfilment {
    pub(crate) tracking: Value,
    /// Line item and units.
    pub(crate) lines: Vec<(String, u64)>,
}

type Hook = Box<dyn FnMut() + Send>;

#[derive(Default)]
pub(crate) struct State {
    /// Line items of its one order, with the units left to fulfil.
    pub(crate) lines: Vec<(String, u64)>,
    pub(crate) fulfilments: Vec<Fulfilment>,
    /// Available units of the item `TEA`.
    pub(crate) available: i64,
    /// Quantities that were set, in order.
    pub(crate) set: Vec<i64>,
    /// Answers this status instead of doing anything.
    pub(crate) status: Option<u16>,
    /// Requests so far.
    pub(crate) calls: u32,
    /// The answers to so many changes are lost.
    pub(crate) lost: u32,
    /// Called once before the next question is answered.
    pub(crate) on_question: Option<Hook>,
    /// Called once after the next quantity was set.
    pub(crate) on_set: Option<Hook>,
}

/// The shop, shared by its handler and the test.
#[derive(Clone, Default)]
pub(crate) struct Shop(Arc<Mutex<State>>);

impl Shop {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn handler(&self) -> Handler {
        let shop = self.clone();
        Arc::new(move |request| shop.answer(&request))
    }

    fn answer(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.state().calls += 1;
        let respond =
            |status: u16, body: Value| Response::builder().status(status).body(body.to_string().into_bytes()).unwrap();
        if let Some(status) = self.state().status {
            return respond(status, json!({}));
        }
        if request.headers().get("x-shopify-access-token").is_none_or(|token| token != "token") {
            return respond(401, json!({ "errors": "the access token is not valid" }));
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let query = body["query"].as_str().unwrap();
        let data = if query.contains("fulfillmentCreate(") {
            self.fulfil(&body["variables"]["fulfillment"])
        } else if query.contains("inventorySetQuantities(") {
            assert!(query.contains("@idempotent(key: $key)") && body["variables"]["key"].is_string());
            self.set(&body["variables"]["input"]["quantities"][0])
        } else {
            let hook = self.state().on_question.take();
            if let Some(mut hook) = hook {
                hook();
            }
            if query.contains("inventoryItems(") { self.stock() } else { self.order() }
        };
        respond(200, json!({ "data": data }))
    }

    fn order(&self) -> Value {
        let state = self.state();
        let line = |(id, left): &(String, u64)| json!({ "id": format!("gid://shopify/FulfillmentOrderLineItem/{id}"), "remainingQuantity": left, "lineItem": { "id": format!("gid://shopify/LineItem/{id}") } });
        let fulfilment = |(number, fulfilment): (usize, &Fulfilment)| json!({ "id": format!("gid://shopify/Fulfillment/{number}"), "status": "SUCCESS", "trackingInfo": [{ "number": fulfilment.tracking["number"] }] });
        let open = state.lines.iter().any(|(_, left)| *left > 0);
        // As Shopify does: what is fulfilled of a fulfilment order becomes one of its own, which is closed.
        let closed = state.fulfilments.iter().enumerate().map(|(number, own)| {
            let lines: Vec<Value> = own.lines.iter().map(|(id, _)| line(&(id.clone(), 0))).collect();
            json!({
                "id": format!("gid://shopify/FulfillmentOrder/9{number}"), "status": "CLOSED",
                "assignedLocation": { "location": { "id": LOCATION } },
                "fulfillments": { "nodes": [fulfilment((number, own))] }, "lineItems": { "nodes": lines },
            })
        });
        let rest = json!({
            "id": "gid://shopify/FulfillmentOrder/1", "status": if open { "OPEN" } else { "CLOSED" },
            "assignedLocation": { "location": { "id": LOCATION } },
            "fulfillments": { "nodes": [] }, "lineItems": { "nodes": state.lines.iter().map(line).collect::<Vec<_>>() },
        });
        let orders: Vec<Value> = closed.chain([rest]).collect();
        json!({ "order": { "fulfillmentOrders": { "pageInfo": { "hasNextPage": false }, "nodes": orders } } })
    }

    fn fulfil(&self, input: &Value) -> Value {
        let mut state = self.state();
        let mut lines = Vec::new();
        for part in input["lineItemsByFulfillmentOrder"].as_array().unwrap() {
            for item in part["fulfillmentOrderLineItems"].as_array().unwrap() {
                let id = item["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
                let units = item["quantity"].as_u64().unwrap();
                let own = state.lines.iter_mut().find(|(own, _)| *own == id).unwrap();
                match own.1.checked_sub(units) {
                    Some(left) => own.1 = left,
                    None => {
                        let error = json!({ "field": ["fulfillment"], "message": "Invalid quantity." });
                        return json!({ "fulfillmentCreate": { "fulfillment": null, "userErrors": [error] } });
                    }
                }
                lines.push((id, units));
            }
        }
        state.fulfilments.push(Fulfilment { tracking: input["trackingInfo"].clone(), lines });
        let id = format!("gid://shopify/Fulfillment/{}", state.fulfilments.len());
        json!({ "fulfillmentCreate": { "fulfillment": { "id": id, "status": "SUCCESS" }, "userErrors": [] } })
    }

    fn stock(&self) -> Value {
        let quantities = json!([{ "name": "available", "quantity": self.state().available }]);
        let level = json!({ "location": { "id": LOCATION }, "quantities": quantities });
        let item = json!({ "id": "gid://shopify/InventoryItem/1", "sku": "TEA", "tracked": true, "inventoryLevels": { "nodes": [level] } });
        json!({ "location": { "id": LOCATION }, "inventoryItems": { "nodes": [item] } })
    }

    fn set(&self, quantity: &Value) -> Value {
        let hook = {
            let mut state = self.state();
            if quantity["changeFromQuantity"].as_i64() != Some(state.available) {
                let error = json!({ "code": "CHANGE_FROM_QUANTITY_STALE", "field": [], "message": "stale" });
                return json!({ "inventorySetQuantities": { "inventoryAdjustmentGroup": null, "userErrors": [error] } });
            }
            state.available = quantity["quantity"].as_i64().unwrap();
            let set = state.available;
            state.set.push(set);
            state.on_set.take()
        };
        if let Some(mut hook) = hook {
            hook();
        }
        json!({ "inventorySetQuantities": { "inventoryAdjustmentGroup": { "id": "1" }, "userErrors": [] } })
    }
}

impl Faults for Shop {
    fn after(&self, call: &Call) -> Option<Fault> {
        let is_change =
            call.service == Service::Partner && String::from_utf8_lossy(call.request.body()).contains("mutation");
        let mut state = self.state();
        if is_change && state.lost > 0 {
            state.lost -= 1;
            return Some(Fault::TimeOut);
        }
        None
    }
}
