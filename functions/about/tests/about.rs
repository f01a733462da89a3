//! The open routes over the testkit's stack.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use about::About;
use platform::Function;
use serde_json::json;
use testkit::{Stack, read, request};

#[tokio::test]
async fn health_version_and_description_need_no_key() {
    let stack = Stack::new();
    let open = async |route| read(About.http(&stack.deps, request(route).build()).await);
    assert_eq!(open("GET /v1/health").await, (200, json!({"status": "ok"})));
    assert_eq!(open("GET /v1/version").await, (200, json!({"version": env!("CARGO_PKG_VERSION"), "stage": "test"})));
    let (status, api) = open("GET /v1/openapi.json").await;
    assert_eq!((status, api["openapi"].as_str()), (200, Some("3.1.0")));
    assert!(api["paths"]["/v1/receipts"]["post"].is_object());
    assert_eq!(open("GET /v1/nothing").await.0, 404);
}
