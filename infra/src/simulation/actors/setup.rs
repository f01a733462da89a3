//! Merchants with everything that they need, set up through the API as an ops team would.

use partners::http::{Method, Request};
use serde_json::json;

use super::floor::BINS;
use super::keeper::LOTS;
use super::{Features, Merchant, Stage, request};
use crate::sandbox::Shop;
use crate::simulation::SimulationError;
use crate::simulation::declared::ADMINISTRATOR_KEY;
use crate::simulation::door::Answer;
use crate::simulation::partners::PARTNERS;
use crate::simulation::size::Size;

/// A kit of the first two items, or of two of the only one.
const KIT: &str = "KIT-1";
/// Most units with a number at a location: each is a receipt.
const NUMBERED_MAX: u32 = 3;

/// Sets up one merchant.
///
/// # Errors
/// [`SimulationError::Setup`] says which step was refused.
pub(crate) async fn set_up(stage: &Stage, number: usize, size: &Size) -> Result<Merchant, SimulationError> {
    let name = format!("Merchant {number}");
    let mut rng = stage.core.luck_of(&name);
    let rule =
        ["split", "split", "split", "split", "split", "ship_complete", "ship_complete", "backorder"][rng.usize(0..8)];
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
    let features = Features::drawn(&stage.core, size);
    let items: Vec<String> = (1..=size.items).map(|number| format!("ITEM-{number}")).collect();
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
        kits: if features.kits { vec![KIT.to_owned()] } else { Vec::new() },
        lots_of: items.first().filter(|_| features.lots).cloned(),
        // Parts of kits are put back one by one, and nobody sees which: so none of them has a number.
        serials_of: items.get(usize::from(features.lots)).filter(|_| features.serials && !features.kits).cloned(),
        items,
        features,
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
    let mut csv =
        "sku,name,barcodes,weight_grams,non_returnable,shop_item,safety_stock,lot_tracked,serial_tracked,kit\n"
            .to_owned();
    for sku in &merchant.items {
        let by_lot = merchant.lots_of.as_ref() == Some(sku);
        let by_serial = merchant.serials_of.as_ref() == Some(sku);
        csv.push_str(&format!("{sku},Стока {sku},barcode-{sku},120,false,,0,{by_lot},{by_serial},\n"));
    }
    for sku in &merchant.kits {
        let parts: Vec<String> =
            merchant.items.iter().take(2).zip([2, 1]).map(|(item, units)| format!("{item}*{units}")).collect();
        csv.push_str(&format!("{sku},Комплект,barcode-{sku},0,false,,0,false,false,{}\n", parts.join("|")));
    }
    let mut import: Request = request(Method::Post, &merchant.operations, "/v1/items/import");
    import = import.with_header("content-type", "text/csv");
    import.body = csv.into_bytes();
    done("import of items", stage.door.insist(&import).await)?;
    if size.shop {
        let items: Vec<_> =
            merchant.items.iter().chain(&merchant.kits).map(|sku| json!({"sku": sku, "available": 0})).collect();
        stage.partners.owner_of_shop(merchant, "/shop/admin/items", &json!({"items": items}));
    }
    for sku in &merchant.items {
        for location in &merchant.locations {
            let key = format!("first-{sku}-{location}");
            let mut body = receipt(sku, location, size.units);
            if merchant.features.bins {
                body["goods"]["bin"] = json!(BINS[0]);
            }
            if merchant.serials_of.as_ref() == Some(sku) {
                for _ in 0..size.units.min(NUMBERED_MAX) {
                    receive_unit(stage, merchant, location, &mut body).await?;
                }
                continue;
            }
            if merchant.lots_of.as_ref() == Some(sku) {
                // Half of it expires later.
                let mut later = body.clone();
                later["goods"]["lot"] = json!(LOTS[1].code);
                later["goods"]["expiry"] = json!(LOTS[1].expiry);
                later["quantity"] = json!(size.units.div_ceil(2));
                post_receipt(stage, merchant, &format!("{key}-later"), &later).await?;
                body["goods"]["lot"] = json!(LOTS[0].code);
                body["goods"]["expiry"] = json!(LOTS[0].expiry);
                body["quantity"] = json!((size.units / 2).max(1));
            }
            post_receipt(stage, merchant, &key, &body).await?;
        }
    }
    Ok(())
}

/// Counts in one unit with a number of its own.
async fn receive_unit(
    stage: &Stage,
    merchant: &Merchant,
    location: &str,
    body: &mut serde_json::Value,
) -> Result<(), SimulationError> {
    let serial = stage.new_serial();
    body["goods"]["serial"] = json!(serial);
    body["quantity"] = json!(1);
    post_receipt(stage, merchant, &serial, body).await?;
    stage.shelved(&merchant.id, location, &serial);
    Ok(())
}

async fn post_receipt(
    stage: &Stage,
    merchant: &Merchant,
    key: &str,
    body: &serde_json::Value,
) -> Result<(), SimulationError> {
    let answer = done("receipt", stage.post(&merchant.operations, "/v1/receipts", key, body).await)?;
    stage.is_posted(&answer);
    Ok(())
}

/// The request of a receipt.
pub(crate) fn receipt(sku: &str, location: &str, quantity: u32) -> serde_json::Value {
    let actor = json!({"person": "badge-07", "station": "DOCK-1"});
    json!({"location": location, "sku": sku, "quantity": quantity, "actor": actor, "goods": {}})
}

fn done(what: &str, answer: Answer) -> Result<Answer, SimulationError> {
    if answer.is_success() {
        return Ok(answer);
    }
    Err(SimulationError::Setup(format!("{what}: {} {}", answer.status, answer.body)))
}
