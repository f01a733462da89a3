//! Merchants with everything that they need, set up through the API as an ops team would.

use partners::http::{Method, Request};
use serde_json::json;

use super::{Merchant, Stage, request};
use crate::sandbox::Shop;
use crate::simulation::SimulationError;
use crate::simulation::declared::ADMINISTRATOR_KEY;
use crate::simulation::door::Answer;
use crate::simulation::partners::PARTNERS;
use crate::simulation::size::Size;

/// Sets up one merchant.
///
/// # Errors
/// [`SimulationError::Setup`] says which step was refused.
pub(crate) async fn set_up(stage: &Stage, number: usize, size: &Size) -> Result<Merchant, SimulationError> {
    let name = format!("Merchant {number}");
    let rule = if number.is_multiple_of(2) { "split" } else { "ship_complete" };
    let body = json!({"name": name, "allocation_rule": rule, "return_window_days": 30});
    let created = done("merchant", stage.post(ADMINISTRATOR_KEY, "/v1/merchants", &name, &body).await)?;
    let id = created.text("/id");
    let as_administrator = |path: &str, body: &serde_json::Value| {
        let key = domain::ids::digest(&[path, &body.to_string()], 16);
        request(Method::Post, ADMINISTRATOR_KEY, path)
            .with_header("sklad-merchant", &id)
            .with_header("idempotency-key", key)
            .with_json(body)
    };
    let mut keys = Vec::new();
    for scope in ["operations", "floor"] {
        let asked = as_administrator("/v1/api-keys", &json!({"name": scope, "scope": scope}));
        keys.push(done("API key", stage.door.insist(&asked).await)?.text("/key"));
    }
    let tag = domain::ids::digest(&["simulation", &number.to_string()], 12);
    let shop = Shop { domain: format!("sim-{tag}.myshopify.com"), secret: format!("shpss_{tag}") };
    let shop_token = format!("shpat_{tag}");
    let mut webhook_url = None;
    if size.shop {
        let channel = as_administrator(
            "/v1/channels",
            &json!({
                "platform": "shopify", "name": "Shop", "shop_domain": shop.domain, "api_url": format!("{PARTNERS}/shop"),
                "webhook_secrets": [shop.secret], "access_token": shop_token,
            }),
        );
        let channel = done("channel", stage.door.insist(&channel).await)?.text("/id");
        webhook_url = Some(format!("{}/webhooks/shops/{channel}", crate::simulation::door::API));
    }
    let (carrier_key, carrier_secret) = (format!("sbx_{tag}"), format!("carrier-secret-{tag}"));
    let account = as_administrator(
        "/v1/carrier-accounts",
        &json!({
            "carrier": "sandbox", "name": "Sandbox", "api_url": PARTNERS, "service": "standard",
            "api_key": carrier_key, "webhook_secrets": [carrier_secret], "default": true,
        }),
    );
    let carrier_account = done("carrier account", stage.door.insist(&account).await)?.text("/id");
    let merchant = Merchant {
        id,
        operations: keys[0].clone(),
        floor: keys[1].clone(),
        webhook_url,
        shop,
        shop_token,
        carrier_account,
        carrier_key,
        carrier_secret,
        locations: (1..=size.locations).map(|number| format!("LOC{number}")).collect(),
        items: (1..=size.items).map(|number| format!("ITEM-{number}")).collect(),
    };
    stock_up(stage, &merchant, size).await?;
    Ok(merchant)
}

async fn stock_up(stage: &Stage, merchant: &Merchant, size: &Size) -> Result<(), SimulationError> {
    for (priority, code) in merchant.locations.iter().enumerate() {
        let address = json!({"line1": "ул. „Складова“ 1", "city": "София", "country": "BG", "postal_code": "1528"});
        let body = json!({"id": code, "name": code, "address": address, "phone": "+35924000000", "priority": priority});
        done("location", stage.post(&merchant.operations, "/v1/locations", code, &body).await)?;
    }
    let mut csv = "sku,name,barcodes,weight_grams,non_returnable,shop_item,safety_stock\n".to_owned();
    for sku in &merchant.items {
        csv.push_str(&format!("{sku},Стока {sku},barcode-{sku},120,false,,0\n"));
    }
    let mut import: Request = request(Method::Post, &merchant.operations, "/v1/items/import");
    import = import.with_header("content-type", "text/csv");
    import.body = csv.into_bytes();
    done("import of items", stage.door.insist(&import).await)?;
    if size.shop {
        let items: Vec<_> = merchant.items.iter().map(|sku| json!({"sku": sku, "available": 0})).collect();
        stage.partners.owner_of_shop(merchant, "/shop/admin/items", &json!({"items": items}));
    }
    for sku in &merchant.items {
        for location in &merchant.locations {
            let body = receipt(sku, location, size.units);
            let key = format!("first-{sku}-{location}");
            done("receipt", stage.post(&merchant.operations, "/v1/receipts", &key, &body).await)?;
        }
    }
    Ok(())
}

/// The request of a receipt.
pub(crate) fn receipt(sku: &str, location: &str, quantity: u32) -> serde_json::Value {
    let actor = json!({"person": "badge-07", "station": "DOCK-1"});
    json!({"location": location, "sku": sku, "quantity": quantity, "actor": actor})
}

fn done(what: &str, answer: Answer) -> Result<Answer, SimulationError> {
    if answer.is_success() {
        return Ok(answer);
    }
    Err(SimulationError::Setup(format!("{what}: {} {}", answer.status, answer.body)))
}
