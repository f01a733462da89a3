//! A merchant with two locations, a shop, a carrier account and a catalogue, set up as an ops team would.

use super::api::{Api, StepError, same, text};
use crate::sandbox::Shop;
use serde_json::{Value, json};

/// The catalogue that is imported.
pub const CATALOGUE: &str = include_str!("catalogue.csv");
/// The demo's two locations.
pub const LOCATIONS: [&str; 2] = ["SOF1", "VAR1"];

/// Where the system and its partners are.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// HTTP API.
    pub api: String,
    /// Sandbox carrier and shop.
    pub sandbox: String,
    /// The administrator's key.
    pub administrator_key: String,
}

/// What was set up.
pub struct World {
    /// The merchant's id.
    pub merchant: String,
    /// A caller with the operations key.
    pub operations: Api,
    /// A caller with the floor key.
    pub floor: Api,
    /// A caller with the merchant's own key.
    pub shopkeeper: Api,
    /// The sandbox carrier, as its customer.
    pub carrier: Api,
    /// The sandbox shop, as its owner.
    pub shop_admin: Api,
    /// The channel's webhook URL.
    pub webhook_url: String,
    /// The shop that signs.
    pub shop: Shop,
    /// The carrier account's id.
    pub carrier_account: String,
}

/// Sets up a merchant of its own: `name` tells several apart on one stack.
///
/// # Errors
/// [`StepError`].
pub async fn set_up(endpoints: &Endpoints, name: &str) -> Result<World, StepError> {
    let administrator = Api::new(&endpoints.api, &endpoints.administrator_key);
    let tag = domain::ids::digest(&["demo", name], 12);
    let created = administrator
        .post("/v1/merchants", &json!({"name": name, "allocation_rule": "split", "return_window_days": 30}))
        .await?;
    let merchant = text(&created, "/id")?;
    let administrator = administrator.with_header("sklad-merchant", &merchant);
    let mut keys = Vec::new();
    for scope in ["operations", "floor", "merchant"] {
        let body = json!({"name": format!("{name} {scope}"), "scope": scope});
        keys.push(text(&administrator.post("/v1/api-keys", &body).await?, "/key")?);
    }
    let caller = |index: usize| Api::new(&endpoints.api, &keys[index]);
    let shop = Shop { domain: format!("demo-{tag}.myshopify.com"), secret: format!("shpss_{tag}") };
    let token = format!("shpat_{tag}");
    let channel = administrator
        .post(
            "/v1/channels",
            &json!({
                "platform": "shopify", "name": name, "shop_domain": shop.domain,
                "api_url": format!("{}/shop", endpoints.sandbox),
                "webhook_secrets": [shop.secret], "access_token": token,
            }),
        )
        .await?;
    let carrier_key = format!("sbx_{tag}");
    let carrier_secret = format!("carrier-secret-{tag}");
    let account = administrator
        .post(
            "/v1/carrier-accounts",
            &json!({
                "carrier": "sandbox", "name": "Sandbox Express", "api_url": endpoints.sandbox, "service": "standard",
                "api_key": carrier_key, "webhook_secrets": [carrier_secret], "default": true,
            }),
        )
        .await?;
    let carrier_account = text(&account, "/id")?;
    let carrier = Api::new(&endpoints.sandbox, &carrier_key);
    let url = format!("{}/webhooks/carriers/{carrier_account}", endpoints.api);
    carrier.put("/carrier/v1/webhook", &json!({"url": url, "secret": carrier_secret})).await?;
    Ok(World {
        webhook_url: format!("{}/webhooks/shops/{}", endpoints.api, text(&channel, "/id")?),
        merchant,
        operations: caller(0),
        floor: caller(1),
        shopkeeper: caller(2),
        carrier,
        shop_admin: Api::new(&endpoints.sandbox, "").with_header("x-shopify-access-token", &token),
        shop,
        carrier_account,
    })
}

impl World {
    /// Creates both locations and imports the catalogue.
    ///
    /// # Errors
    /// [`StepError`].
    pub async fn stock_up(&self, quantity: impl Fn(usize, &str) -> u32) -> Result<usize, StepError> {
        for (number, code) in LOCATIONS.into_iter().enumerate() {
            let city = if number == 0 { "София" } else { "Варна" };
            let address = json!({"line1": format!("ул. „Складова“ {}", number + 1), "city": city, "country": "BG", "postal_code": if number == 0 { "1528" } else { "9009" }});
            let body = json!({"id": code, "name": format!("Склад {city}"), "address": address, "phone": "+35924000000", "priority": number});
            self.operations.post("/v1/locations", &body).await?;
        }
        let report = self.operations.post_csv("/v1/items/import", CATALOGUE).await?;
        let skus: Vec<&str> = CATALOGUE.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
        same("items refused by the import", report.pointer("/refused").and_then(Value::as_u64), Some(0))?;
        let items: Vec<Value> = skus.iter().map(|sku| json!({"sku": sku, "available": 0})).collect();
        self.shop_admin.post("/shop/admin/items", &json!({"items": items})).await?;
        for (index, sku) in skus.iter().enumerate() {
            for location in LOCATIONS {
                let quantity = quantity(index, location);
                if quantity > 0 {
                    self.receive(sku, location, quantity).await?;
                }
            }
        }
        Ok(skus.len())
    }

    /// Receives goods.
    ///
    /// # Errors
    /// [`StepError`].
    pub async fn receive(&self, sku: &str, location: &str, quantity: u32) -> Result<(), StepError> {
        let actor = json!({"person": "badge-07", "station": "DOCK-1"});
        let body = json!({"location": location, "sku": sku, "quantity": quantity, "actor": actor});
        self.operations.post("/v1/receipts", &body).await.map(drop)
    }
}
