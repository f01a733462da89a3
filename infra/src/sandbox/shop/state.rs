//! What a sandbox shop knows: orders with what is left to fulfil, and stock.

use jiff::Timestamp;
use partners::FieldError;
use partners::json::Field;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The shop's one location.
pub(super) const LOCATION: &str = "gid://shopify/Location/1";

/// One shop.
#[derive(Default)]
pub(super) struct ShopState {
    pub(super) orders: BTreeMap<String, Order>,
    pub(super) items: BTreeMap<String, Item>,
    /// Idempotency keys with what was asked and answered.
    pub(super) answered: BTreeMap<String, Answered>,
    /// How often each field of the API was called. Not kept.
    pub(super) calls: BTreeMap<String, u64>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) fulfilment_orders: Vec<FulfilmentOrder>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct FulfilmentOrder {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) lines: Vec<Line>,
    pub(super) fulfilments: Vec<Fulfilment>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) line_item: String,
    pub(super) sku: String,
    pub(super) remaining: u64,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Fulfilment {
    pub(super) id: String,
    pub(super) tracking_number: Option<String>,
    pub(super) tracking_url: Option<String>,
    pub(super) company: Option<String>,
    pub(super) notified: bool,
    /// Line item and units.
    pub(super) lines: Vec<(String, u64)>,
    pub(super) created_at: Timestamp,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) sku: String,
    pub(super) tracked: bool,
    pub(super) available: i64,
    /// How often the quantity was set through the API.
    pub(super) times_set: u64,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Answered {
    pub(super) asked: String,
    pub(super) answer: Value,
}

impl Order {
    /// The order that a shop has before it tells anyone: from the JSON that its webhook carries.
    pub(super) fn read(document: &Value) -> Result<Self, FieldError> {
        let root = Field::root(document);
        let id = root.get("id").at_least_one(i64::MAX as u64)?;
        let mut lines = Vec::new();
        for item in root.get("line_items").items()? {
            let line = item.get("id").at_least_one(i64::MAX as u64)?;
            lines.push(Line {
                id: format!("gid://shopify/FulfillmentOrderLineItem/{line}"),
                line_item: format!("gid://shopify/LineItem/{line}"),
                sku: item.get("sku").optional_text(255)?.unwrap_or_default().to_owned(),
                remaining: item.get("quantity").count(1_000_000)?,
            });
        }
        Ok(Self {
            id: format!("gid://shopify/Order/{id}"),
            name: root.get("name").filled(255)?.to_owned(),
            fulfilment_orders: vec![FulfilmentOrder {
                id: format!("gid://shopify/FulfillmentOrder/{id}"),
                status: "OPEN".into(),
                lines,
                fulfilments: Vec::new(),
            }],
        })
    }

    /// The order as the API shows it.
    pub(super) fn json(&self) -> Value {
        let connection = |nodes: Vec<Value>| json!({ "pageInfo": { "hasNextPage": false }, "nodes": nodes });
        let fulfilment = |fulfilment: &Fulfilment| {
            json!({
                "id": fulfilment.id, "status": "SUCCESS", "createdAt": fulfilment.created_at,
                "trackingInfo": [{ "number": fulfilment.tracking_number, "url": fulfilment.tracking_url, "company": fulfilment.company }],
            })
        };
        let line = |line: &Line| json!({ "id": line.id, "remainingQuantity": line.remaining, "sku": line.sku, "lineItem": { "id": line.line_item } });
        let orders = self.fulfilment_orders.iter().map(|order| {
            json!({
                "id": order.id, "status": order.status, "assignedLocation": { "location": { "id": LOCATION } },
                "fulfillments": connection(order.fulfilments.iter().map(fulfilment).collect()),
                "lineItems": connection(order.lines.iter().map(line).collect()),
            })
        });
        json!({ "id": self.id, "name": self.name, "fulfillmentOrders": connection(orders.collect()) })
    }
}

impl Item {
    /// The item as the API shows it.
    pub(super) fn json(&self) -> Value {
        let quantities = json!([{ "name": "available", "quantity": self.available }]);
        let level = json!({ "location": { "id": LOCATION }, "quantities": quantities });
        json!({
            "id": self.id, "sku": self.sku, "tracked": self.tracked, "inventoryLevel": level,
            "inventoryLevels": { "pageInfo": { "hasNextPage": false }, "nodes": [level] },
        })
    }
}

impl ShopState {
    /// Takes an order that was placed: its units leave the shop's own stock, as they would there.
    pub(super) fn place(&mut self, order: Order) -> Vec<Item> {
        let mut changed = Vec::new();
        for line in order.fulfilment_orders.iter().flat_map(|order| &order.lines) {
            if let Some(item) = self.items.get_mut(&line.sku) {
                item.available -= i64::try_from(line.remaining).unwrap_or(i64::MAX);
                changed.push(item.clone());
            }
        }
        self.orders.insert(order.id.clone(), order);
        changed
    }

    /// What everything came to, for a test to look at.
    pub(super) fn json(&self) -> Value {
        json!({
            "orders": self.orders.values().collect::<Vec<_>>(),
            "items": self.items.values().collect::<Vec<_>>(),
            "calls": self.calls,
        })
    }

    /// Creates a fulfilment. The error is the shop's word to its client.
    pub(super) fn fulfil(&mut self, input: &Value, now: Timestamp) -> Result<(Order, String), String> {
        let parts = input["lineItemsByFulfillmentOrder"].as_array().filter(|parts| !parts.is_empty());
        let parts = parts.ok_or("lineItemsByFulfillmentOrder is empty")?;
        let owner = |part: &Value| {
            let id = part["fulfillmentOrderId"].as_str()?.to_owned();
            let found = self.orders.values().find(|order| order.fulfilment_orders.iter().any(|own| own.id == id));
            found.map(|order| order.id.clone())
        };
        let order = parts.first().and_then(owner).ok_or("Fulfillment order does not exist.")?;
        if parts.iter().any(|part| owner(part).as_ref() != Some(&order)) {
            return Err("All fulfillment orders must belong to the same order.".into());
        }
        let mut order = self.orders.get(&order).cloned().ok_or("Order does not exist.")?;
        let count: usize = order.fulfilment_orders.iter().map(|own| own.fulfilments.len()).sum();
        let id = format!("gid://shopify/Fulfillment/{}", domain::ids::digest(&[&order.id, &count.to_string()], 12));
        for part in parts {
            let open = order
                .fulfilment_orders
                .iter_mut()
                .find(|own| Some(own.id.as_str()) == part["fulfillmentOrderId"].as_str());
            let open = open.ok_or("Fulfillment order does not exist.")?;
            open.fulfil(part, input, &id, now)?;
        }
        self.orders.insert(order.id.clone(), order.clone());
        Ok((order, id))
    }
}

impl FulfilmentOrder {
    fn fulfil(&mut self, part: &Value, input: &Value, id: &str, now: Timestamp) -> Result<(), String> {
        if !matches!(self.status.as_str(), "OPEN" | "IN_PROGRESS") {
            return Err(format!("Fulfillment order {} is not open.", self.id));
        }
        let mut wanted: Vec<(String, u64)> = Vec::new();
        match part["fulfillmentOrderLineItems"].as_array() {
            Some(items) => {
                for item in items {
                    let line = item["id"].as_str().ok_or("A line item has no id.")?;
                    let units =
                        item["quantity"].as_u64().filter(|units| *units > 0).ok_or("A quantity must be positive.")?;
                    wanted.push((line.to_owned(), units));
                }
            }
            // Without lines the whole of it is fulfilled.
            None => wanted.extend(
                self.lines.iter().filter(|line| line.remaining > 0).map(|line| (line.id.clone(), line.remaining)),
            ),
        }
        let mut lines = Vec::new();
        for (line, units) in wanted {
            let own = self
                .lines
                .iter_mut()
                .find(|own| own.id == line)
                .ok_or("Fulfillment order line item does not exist.")?;
            own.remaining =
                own.remaining.checked_sub(units).ok_or("Quantity is greater than the remaining quantity.")?;
            lines.push((own.line_item.clone(), units));
        }
        let done = self.lines.iter().all(|line| line.remaining == 0);
        self.status = if done { "CLOSED" } else { "IN_PROGRESS" }.into();
        let tracking = |name: &str| input["trackingInfo"][name].as_str().map(str::to_owned);
        self.fulfilments.push(Fulfilment {
            id: id.to_owned(),
            tracking_number: tracking("number"),
            tracking_url: tracking("url"),
            company: tracking("company"),
            notified: input["notifyCustomer"].as_bool().unwrap_or(false),
            lines,
            created_at: now,
        });
        Ok(())
    }
}

impl ShopState {
    /// Sets quantities, all or none. `Ok` holds the items changed or the first error's code with its place; `Err` is an
    /// error of the query itself.
    pub(super) fn set_stock(
        &mut self,
        input: &Value,
    ) -> Result<Result<Vec<Item>, (&'static str, Vec<String>)>, String> {
        let quantities = input["quantities"].as_array().ok_or("quantities is required")?;
        if input["name"].as_str() != Some("available") {
            return Ok(Err(("INVALID_NAME", vec!["input".into(), "name".into()])));
        }
        if input["reason"].as_str().is_none_or(str::is_empty) {
            return Ok(Err(("INVALID_REASON", vec!["input".into(), "reason".into()])));
        }
        let mut changed: Vec<Item> = Vec::new();
        for (n, quantity) in quantities.iter().enumerate() {
            let error = |code, field: &str| {
                Ok(Err((code, vec!["input".into(), "quantities".into(), n.to_string(), field.into()])))
            };
            let Some(item) =
                self.items.values().find(|item| Some(item.id.as_str()) == quantity["inventoryItemId"].as_str())
            else {
                return error("INVALID_INVENTORY_ITEM", "inventoryItemId");
            };
            if quantity["locationId"].as_str() != Some(LOCATION) {
                return error("INVALID_LOCATION", "locationId");
            }
            if changed.iter().any(|other| other.id == item.id) {
                return error("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", "inventoryItemId");
            }
            let Some(wanted) = quantity["quantity"].as_i64() else { return Err("quantity is required".into()) };
            if wanted < 0 {
                return error("INVALID_QUANTITY_NEGATIVE", "quantity");
            }
            match quantity.get("changeFromQuantity") {
                None => return Err("changeFromQuantity is required".into()),
                Some(Value::Null) => {}
                Some(from) if from.as_i64() == Some(item.available) => {}
                Some(_) => return error("CHANGE_FROM_QUANTITY_STALE", "changeFromQuantity"),
            }
            changed.push(Item { available: wanted, times_set: item.times_set + 1, ..item.clone() });
        }
        for item in &changed {
            self.items.insert(item.sku.clone(), item.clone());
        }
        Ok(Ok(changed))
    }

    /// Items found by the search `sku:"…"`, which as in Shopify matches the beginnings of words.
    pub(super) fn search(&self, query: &str) -> Vec<&Item> {
        let quoted = query.strip_prefix("sku:\"").and_then(|rest| rest.strip_suffix('"'));
        let wanted =
            quoted.map(|text| text.replace("\\\"", "\"").replace("\\\\", "\\")).unwrap_or_default().to_lowercase();
        self.items.values().filter(|item| !wanted.is_empty() && item.sku.to_lowercase().starts_with(&wanted)).collect()
    }
}
