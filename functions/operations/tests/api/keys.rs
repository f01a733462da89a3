//! API keys.

use crate::World;
use domain::MerchantId;
use domain::account::{ApiKey, Scope};
use platform::auth::hash;
use platform::items::key_of_api_key;
use serde_json::json;
use testkit::api::{refused, with};
use testkit::request;
use testkit::stack::ADMINISTRATOR_KEY;

fn create(merchant: &MerchantId) -> testkit::request::RequestBuilder {
    let body = json!({"name": "Dock", "scope": "floor", "merchant": merchant});
    request("POST /v1/api-keys").header("idempotency-key", "k1").json(&body)
}

#[tokio::test]
async fn a_key_works_from_when_it_is_issued_until_it_is_taken_back() {
    let world = World::new().await;
    let (status, issued) = world.platform(create(&world.merchant)).await;
    assert_eq!(status, 201, "{issued}");
    let key = issued["key"].as_str().unwrap();
    let uses = async || world.send(request("GET /v1/items").key(key)).await.status;
    assert_eq!(uses().await, 200);
    let delete = request("DELETE /v1/api-keys/{key}").path("key", issued["id"].as_str().unwrap());
    assert_eq!(world.platform(delete.clone()).await.0, 204);
    assert_eq!(uses().await, 401);
    assert_eq!(world.platform(delete).await.0, 204);
    // A late repetition of the request does not make it again.
    refused(world.platform(create(&world.merchant)).await, 409, "key-revoked", "");
    assert_eq!(uses().await, 401);
}

#[tokio::test]
async fn only_the_hash_of_a_key_is_stored_and_only_the_first_answer_and_its_repetition_show_it() {
    let world = World::new().await;
    let (_, issued) = world.platform(create(&world.merchant)).await;
    let key = issued["key"].as_str().unwrap();
    assert!(key.starts_with(&format!("sklad_{}_", world.merchant.tail())));
    assert_eq!(world.platform(create(&world.merchant)).await, (201, issued.clone()));
    let stored = world.stack.deps.store.load::<ApiKey>(&key_of_api_key(&world.merchant, &hash(key))).await;
    let stored = stored.unwrap().unwrap().body;
    assert!(!serde_json::to_string(&stored).unwrap().contains(key));
    let (_, list) = world.admin(request("GET /v1/api-keys")).await;
    let listed = list["items"].as_array().unwrap();
    assert!(listed.iter().any(|listed| listed["id"] == issued["id"] && listed["name"] == "Dock"));
    assert!(!list.to_string().contains(key) && !list.to_string().contains(&stored.sha256), "{list}");
    let body = json!({"name": "Other", "scope": "floor", "merchant": world.merchant});
    let reused = create(&world.merchant).json(&body);
    refused(world.platform(reused).await, 422, "idempotency-key-reused", "");
}

#[tokio::test]
async fn two_requests_get_two_keys() {
    let world = World::new().await;
    let body = json!({"name": "Dock", "scope": "floor", "merchant": world.merchant});
    let (_, first) = world.platform(request("POST /v1/api-keys").json(&body)).await;
    let (_, second) = world.platform(request("POST /v1/api-keys").json(&body)).await;
    assert_ne!(first["key"], second["key"]);
    assert_ne!(first["id"], second["id"]);
}

#[tokio::test]
async fn a_key_of_the_platform_acts_for_the_merchant_that_the_header_names() {
    let world = World::new().await;
    let body = json!({"name": "Dock staff", "scope": "operations"});
    let (status, issued) = world.platform(request("POST /v1/api-keys").json(&body)).await;
    assert_eq!((status, issued["merchant"].as_str()), (201, Some("mer_platform")));
    let key = issued["key"].as_str().unwrap();
    let create = request("POST /v1/items").json(&testkit::api::new_item("TEA")).key(key);
    assert_eq!(world.send(create.clone().header("sklad-merchant", &world.merchant)).await.status, 201);
    assert_eq!(world.send(create).await.status, 400);
    // It may do what its scope says, and nothing of the deployment's.
    assert_eq!(world.send(request("GET /v1/merchants").key(key)).await.status, 403);
    assert_eq!(world.send(request("POST /v1/api-keys").json(&body).key(key)).await.status, 403);
}

#[tokio::test]
async fn administrators_are_the_platforms_alone() {
    let world = World::new().await;
    let base = json!({"name": "A", "scope": "administrator"});
    let body = with(&base, &json!({"merchant": world.merchant}));
    refused(world.platform(request("POST /v1/api-keys").json(&body)).await, 400, "invalid-field", "/scope");
    refused(world.admin(request("POST /v1/api-keys").json(&base)).await, 400, "invalid-field", "/scope");
    let (status, issued) = world.platform(request("POST /v1/api-keys").json(&base)).await;
    assert_eq!(status, 201, "{issued}");
    let administrator = issued["key"].as_str().unwrap();
    assert_eq!(world.send(request("GET /v1/merchants").key(administrator)).await.status, 200);
    // Should a merchant ever have such a key, it opens nothing of the deployment's.
    let key = world.stack.api_key(&world.merchant, Scope::Administrator).await;
    for route in ["GET /v1/merchants", "POST /v1/merchants", "GET /v1/api-keys", "POST /v1/api-keys"] {
        assert_eq!(world.send(request(route).json(&base).key(&key)).await.status, 403, "{route}");
    }
}

#[tokio::test]
async fn a_key_with_a_wrong_field_is_refused_with_the_pointer() {
    let world = World::new().await;
    let base = json!({"name": "A", "scope": "floor", "merchant": world.merchant});
    let send = async |change| world.platform(request("POST /v1/api-keys").json(&with(&base, &change))).await;
    refused(send(json!({"name": ""})).await, 400, "invalid-field", "/name");
    refused(send(json!({"scope": "root"})).await, 400, "invalid-field", "/scope");
    refused(send(json!({"merchant": "acme"})).await, 400, "invalid-field", "/merchant");
    refused(send(json!({"merchant": "mer_nobody"})).await, 422, "unknown-merchant", "/merchant");
    let two = request("POST /v1/api-keys").json(&with(&base, &json!({"merchant": world.other})));
    refused(world.admin(two).await, 400, "invalid-field", "/merchant");
    for id in ["key_x", "nonsense", &format!("key_{}_{}", world.merchant.tail(), "0".repeat(20))] {
        let delete = request("DELETE /v1/api-keys/{key}").path("key", id).key(ADMINISTRATOR_KEY);
        assert_eq!(world.send(delete).await.status, 404, "{id}");
    }
}
