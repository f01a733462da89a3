//! What is attacked: a stack with a merchant who has one of everything, and a stranger who has nothing but keys.

use super::bodies::body_of;
use super::classes::{Class, ROUTES};
use crate::shop::{now, shopper, webhook};
use crate::stack::Stack;
use infra::demo::api::Api;
use infra::demo::setup::{World, set_up};
use infra::sandbox::{ShopOrder, call};
use partners::http::{Method, Request};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

/// Scopes of merchants' keys.
pub(super) const SCOPES: [&str; 3] = ["merchant", "floor", "operations"];

/// An answer, as it came.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// What a caller can tell it by: all but the request's own id.
    pub(super) fn told(&self) -> (u16, Value) {
        let mut body = self.json();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("request_id");
        }
        (self.status, body)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// A merchant with a key of each scope, and one that was taken back.
pub(super) struct Tenant {
    pub(super) world: World,
    pub(super) keys: BTreeMap<&'static str, String>,
    pub(super) revoked: String,
    /// Ids of what it has, by the name that paths and bodies give them.
    pub(super) ids: BTreeMap<String, String>,
}

/// What is attacked.
pub(super) struct Target {
    pub(super) stack: Stack,
    pub(super) document: Value,
    pub(super) owner: Tenant,
    pub(super) stranger: Tenant,
    /// Every answer so far, with what was asked.
    pub(super) seen: Mutex<Vec<(String, Answer)>>,
}

/// A request to this machine, before it is sent.
pub(super) struct Shot(pub(super) Request);

impl Shot {
    pub(super) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.with_header(name, value))
    }

    pub(super) fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub(super) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = body.into();
        self
    }
}

async fn tenant(stack: &Stack, name: &str) -> Tenant {
    let world = set_up(&stack.endpoints, name).await.unwrap();
    let administrator = Api::new(&stack.endpoints.api, &stack.endpoints.administrator_key)
        .with_header("sklad-merchant", &world.merchant);
    let mut keys = BTreeMap::new();
    for scope in SCOPES {
        let issued = administrator.post("/v1/api-keys", &json!({"name": scope, "scope": scope})).await.unwrap();
        keys.insert(scope, issued["key"].as_str().unwrap().to_owned());
    }
    let body = json!({"name": "Taken back", "scope": "operations"});
    let taken_back = administrator.post("/v1/api-keys", &body).await.unwrap();
    let id = taken_back["id"].as_str().unwrap();
    let delete = Request::new(Method::Delete, format!("{}/v1/api-keys/{id}", stack.endpoints.api))
        .with_header("authorization", format!("Bearer {}", stack.endpoints.administrator_key));
    assert_eq!(call(&delete).await.unwrap().status, 204);
    let kept = administrator.post("/v1/api-keys", &json!({"name": "Kept", "scope": "floor"})).await.unwrap();
    let channel = world.webhook_url.rsplit('/').next().unwrap().to_owned();
    let ids = [
        ("merchant", world.merchant.as_str()),
        ("channel", &channel),
        ("carrier_account", &world.carrier_account),
        ("default_carrier_account", &world.carrier_account),
        ("key", kept["id"].as_str().unwrap()),
    ];
    let ids = ids.map(|(name, id)| (name.to_owned(), id.to_owned())).into();
    Tenant { world, keys, revoked: taken_back["key"].as_str().unwrap().to_owned(), ids }
}

impl Target {
    /// Two merchants with their shops, carriers and keys. Tests that share a stack are told apart by `name`.
    pub(super) async fn start(name: &str) -> Self {
        let stack = Stack::start().await;
        let now = now().as_millisecond();
        let owner = tenant(&stack, &format!("Owner {name} {now}")).await;
        let stranger = tenant(&stack, &format!("Stranger {name} {now}")).await;
        let document = Api::new(&stack.endpoints.api, "").get("/v1/openapi.json").await.unwrap();
        Self { stack, document, owner, stranger, seen: Mutex::default() }
    }

    /// The same, and the owner has one of everything.
    pub(super) async fn furnished(name: &str) -> Self {
        let mut target = Self::start(name).await;
        let ids = target.furnish().await;
        target.owner.ids.extend(ids.into_iter().map(|(name, id)| (name.to_owned(), id)));
        target
    }

    async fn furnish(&self) -> Vec<(&'static str, String)> {
        let world = &self.owner.world;
        let actor = json!({"person": "badge-07", "station": "DOCK-1"});
        world.stock_up(|_, location| if location == "SOF1" { 7 } else { 0 }).await.unwrap();
        let now = now();
        let number = u32::try_from(now.as_second() % 1_000_000).unwrap();
        let order = ShopOrder::new(u64::from(number), number, now, shopper()).line("CUP-BLUE", "Чаша", 2, 100);
        world.shop_admin.post("/shop/admin/orders", &order.body()).await.unwrap();
        let order = webhook(world, &order, now).await;
        let id = |body: &Value| body["id"].as_str().unwrap_or_else(|| panic!("no id: {body}")).to_owned();
        let task = world.pick_tasks(&order, 1).await.unwrap().remove(0);
        world.pick_and_pack(&task).await.unwrap();
        let (shipment, _) = world.labels(&order, 1).await.unwrap().remove(0);
        world.close_out().await.unwrap();
        world.order_is(&order, "fulfilment", "fulfilled").await.unwrap();
        world.play(&shipment, "delivered", "in_order", 1).await.unwrap();
        world.order_is(&order, "delivery", "delivered").await.unwrap();
        let lines = json!([{"sku": "CUP-BLUE", "quantity": 1, "reason": "changed_mind"}]);
        let request = json!({"order": order, "email": "ana@example.org", "kind": "withdrawal", "lines": lines});
        let back = id(&world.shopkeeper.post("/v1/returns", &request).await.unwrap());
        let what = "a label for the return";
        let labelled = |body: &Value| (body["state"] == "label_issued").then_some(());
        world.operations.until(what, &format!("/v1/returns/{back}"), labelled).await.unwrap();
        let count = json!({"sku": "CUP-BLUE", "location": "SOF1", "reason": "attack"});
        let count = id(&world.operations.post("/v1/count-tasks", &count).await.unwrap());
        let audit = id(&world.operations.post("/v1/stock-audits", &json!({"skus": ["CUP-BLUE"]})).await.unwrap());
        // The sweeper carries a recall on within a minute: the stock that is compared is another item's.
        for sku in ["OWNERS-LOT", "OWNERS-RECALLED-LOT"] {
            let item = json!({"sku": sku, "name": "By lot", "lot_tracked": true});
            world.operations.post("/v1/items", &item).await.unwrap();
            let receipt = json!({
                "sku": sku, "location": "SOF1", "quantity": 2, "goods": {"lot": "L1", "expiry": "2040-01-01"}, "actor": actor,
            });
            world.operations.post("/v1/receipts", &receipt).await.unwrap();
        }
        let recall = json!({"sku": "OWNERS-RECALLED-LOT", "lot": "L1", "reason": "attack", "actor": actor});
        let recall = id(&world.operations.post("/v1/recalls", &recall).await.unwrap());
        let request = json!({"kind": "access", "orders": [order], "actor": actor});
        let privacy_request = id(&world.operations.post("/v1/privacy-requests", &request).await.unwrap());
        let confirm = format!("/v1/privacy-requests/{privacy_request}/confirm");
        world.shopkeeper.post(&confirm, &json!({"actor": actor})).await.unwrap();
        vec![
            ("privacy_request", privacy_request),
            ("order", order),
            ("task", task),
            ("shipment", shipment),
            ("return", back),
            ("count", count),
            ("audit", audit),
            ("recall", recall),
            ("sku", "OWNERS-LOT".to_owned()),
            ("location", "SOF1".to_owned()),
            ("reason", "merchant_request".to_owned()),
        ]
    }

    /// The route with what its path names taken from `ids`, and the query that it must have.
    pub(super) fn shot(&self, route: &str, ids: &BTreeMap<String, String>) -> Shot {
        let (method, pattern) = route.split_once(' ').unwrap();
        let mut path = String::new();
        for part in pattern.split('/').skip(1) {
            let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            let part = match name {
                Some(name) => ids.get(name).unwrap_or_else(|| panic!("say in target.rs what {{{name}}} is: {route}")),
                None => part,
            };
            path.push_str(&format!("/{part}"));
        }
        let operation = &self.document["paths"][pattern][method.to_lowercase()];
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let needed = parameters.filter(|parameter| parameter["in"] == "query" && parameter["required"] == true);
        let query: Vec<String> = needed
            .map(|parameter| {
                let name = parameter["name"].as_str().unwrap();
                let value = if name == "day" { "2026-11-22" } else { ids.get(name).map_or("x1", String::as_str) };
                format!("{name}={value}")
            })
            .collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let method = match method {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            other => panic!("{other}: {route}"),
        };
        Shot(Request::new(method, format!("{}{path}{query}", self.stack.endpoints.api)))
    }

    /// The same with a body that fits the description, naming `ids`.
    pub(super) fn whole(&self, route: &str, ids: &BTreeMap<String, String>) -> Shot {
        let shot = self.shot(route, ids);
        match body_of(&self.document, route, ids) {
            Some(body) => shot.header("content-type", "application/json").body(body.to_string()),
            None => shot,
        }
    }

    /// Sends it and remembers the answer.
    pub(super) async fn send(&self, shot: Shot) -> Answer {
        let Shot(request) = shot;
        let what = format!("{} {}", request.method.as_str(), request.url);
        let answer = call(&request).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let answer = Answer { status: answer.status, headers: answer.headers, text };
        self.seen.lock().unwrap().push((what, answer.clone()));
        answer
    }

    /// The administrator's key.
    pub(super) fn administrator(&self) -> &str {
        &self.stack.endpoints.administrator_key
    }

    /// Everything that a tenant's key or an administrator for it may send to the route.
    pub(super) fn callers(&self, tenant: &Tenant, class: Class) -> Vec<Vec<(&'static str, String)>> {
        let bearer = |key: &str| ("authorization", format!("Bearer {key}"));
        let scopes = class.scopes().unwrap_or_default();
        let mut callers: Vec<_> = scopes.iter().map(|scope| vec![bearer(&tenant.keys[scope])]).collect();
        callers.push(vec![bearer(self.administrator()), ("sklad-merchant", tenant.world.merchant.clone())]);
        callers
    }

    /// What the owner has, read until nothing moves any more. Audits and recalls are carried on by the sweeper and left out.
    pub(super) async fn belongings(&self) -> BTreeMap<String, Value> {
        let mut last = BTreeMap::new();
        for _ in 0..100 {
            let mut read = BTreeMap::new();
            for (route, class) in ROUTES.iter().filter(|(route, _)| route.starts_with("GET ") && route.contains('{')) {
                if ["label", "slip", "export", "{audit}", "{recall}"].iter().any(|moving| route.contains(moving)) {
                    continue;
                }
                let headers = self.callers(&self.owner, *class).pop().unwrap();
                let shot = headers
                    .iter()
                    .fold(self.shot(route, &self.owner.ids), |shot, (name, value)| shot.header(name, value));
                let answer = self.send(shot).await;
                assert_eq!(answer.status, 200, "{route}: {}", answer.text);
                read.insert((*route).to_owned(), answer.json());
            }
            if read == last {
                return read;
            }
            last = read;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("the owner's things do not come to rest");
    }
}
