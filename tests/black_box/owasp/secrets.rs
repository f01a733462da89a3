//! Secrets go in and never out: not by an answer, not into a log, a table, a queue or a file.

use super::classes::ROUTES;
use super::target::Target;
use crate::shop::{now, shopper};
use infra::demo::api::Api;
use infra::sandbox::{ShopOrder, shopify_order};
use partners::http::{Method, Request};
use serde_json::json;
use std::path::Path;

/// Files that hold the secret of the data directory itself, and what the sandbox's partners know: their own secrets.
const KEEPERS: [&str; 3] = ["administrator.key", "secrets.key", "sandbox"];

#[tokio::test(flavor = "multi_thread")]
async fn api3_a_secret_is_in_no_answer_no_log_and_no_file() {
    let target = Target::furnished("api3-secrets").await;
    let ids = &target.owner.ids;
    let administrator = Api::new(&target.stack.endpoints.api, target.administrator())
        .with_header("sklad-merchant", &target.owner.world.merchant);
    // All of them set anew, so that the test knows them; then used: a signed webhook, a booking, a publication of stock.
    let secrets = ["shpss_quite_secret_1", "shpat_quite_secret_2", "sbx_quite_secret_3", "hook_quite_secret_4"];
    let edit = json!({
        "name": "Shop", "api_url": format!("{}/shop", target.stack.endpoints.sandbox),
        "webhook_secrets": [secrets[0]], "access_token": secrets[1],
    });
    let edited = administrator.put(&format!("/v1/channels/{}", ids["channel"]), &edit).await.unwrap();
    let account = json!({
        "carrier": "sandbox", "name": "Secret", "api_url": target.stack.endpoints.sandbox, "service": "standard",
        "api_key": secrets[2], "webhook_secrets": [secrets[3]], "default": true,
    });
    let account = administrator.post("/v1/carrier-accounts", &account).await.unwrap();
    assert!(!format!("{edited}{account}").contains("quite_secret"));
    let mut world = infra::sandbox::Shop { secret: secrets[0].to_owned(), ..target.owner.world.shop.clone() };
    let now = now();
    let number = u32::try_from(now.as_second() % 1_000_000).unwrap() + 1;
    let order = ShopOrder::new(u64::from(number), number, now, shopper()).line("CUP-BLUE", "Чаша", 1, 100);
    let webhook = shopify_order(&order, &world, &target.owner.world.webhook_url, now);
    let accepted = target.send(super::Shot(webhook)).await;
    assert_eq!(accepted.status, 201, "{}", accepted.text);
    let order_id = accepted.json()["id"].as_str().unwrap().to_owned();
    let task = target.owner.world.pick_tasks(&order_id, 1).await.unwrap().remove(0);
    target.owner.world.pick_and_pack(&task).await.unwrap();
    // Booked with the new key, which the sandbox takes.
    target.owner.world.labels(&order_id, 1).await.unwrap();
    // A wrong secret is refused without being told again.
    world.secret = "shpss_quite_secret_guess".to_owned();
    let refused = shopify_order(&order, &world, &target.owner.world.webhook_url, now);
    assert_eq!(target.send(super::Shot(refused)).await.status, 401);
    let unknown = Request::new(Method::Get, format!("{}/v1/orders", target.stack.endpoints.api));
    let unknown = super::Shot(unknown).key("sklad_platform_quite_secret_guess");
    assert_eq!(target.send(unknown).await.status, 401);
    for (route, class) in ROUTES.iter().filter(|(route, class)| route.starts_with("GET ") && class.scopes().is_some()) {
        for caller in target.callers(&target.owner, *class) {
            target.send(super::with(target.shot(route, ids), &caller)).await;
        }
    }
    let resealed = administrator.post("/v1/sealed-secrets/reseal", &json!(null)).await;
    assert!(resealed.is_ok(), "{resealed:?}");
    let mut words: Vec<String> = vec!["quite_secret".to_owned(), target.administrator().to_owned()];
    words.extend(target.owner.keys.values().cloned());
    words.extend(target.owner.keys.values().map(|key| platform::auth::hash(key)));
    for (what, answer) in target.seen.lock().unwrap().iter() {
        for word in &words {
            assert!(!answer.text.contains(word.as_str()), "{what} tells a secret");
            assert!(!answer.headers.iter().any(|(_, value)| value.contains(word.as_str())), "{what} tells a secret");
        }
    }
    if let Some(data) = target.stack.data() {
        // Hashes of keys are stored: that is what they are for.
        let kept: Vec<&String> = words.iter().filter(|word| word.contains('_')).collect();
        let read = search(data, &kept);
        assert!(read > 100_000, "only {read} bytes were looked through");
    }
    target.stack.end().await;
}

/// Looks through every file but the [`KEEPERS`]; gives how many bytes.
fn search(folder: &Path, words: &[&String]) -> usize {
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| KEEPERS.iter().any(|keeper| name == *keeper)) {
            continue;
        }
        if path.is_dir() {
            read += search(&path, words);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let found = words.iter().find(|word| bytes.windows(word.len()).any(|part| part == word.as_bytes()));
            assert!(found.is_none(), "{} holds a secret", path.display());
            read += bytes.len();
        }
    }
    read
}
