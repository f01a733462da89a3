use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use engine::Engine;
use engine::clock::ManualClock;
use engine::objects::Credentials;
use http::{Request, StatusCode};
use proptest::prelude::*;

use crate::{NOW_MS, Stack};

async fn docs(client: &Client) {
    client.create_bucket().bucket("docs").send().await.unwrap();
}

async fn put(client: &Client, key: &str, body: &[u8]) {
    client
        .put_object()
        .bucket("docs")
        .key(key)
        .content_type("application/pdf")
        .metadata("order", "ord_1")
        .body(ByteStream::from(body.to_vec()))
        .send()
        .await
        .unwrap();
}

async fn get(client: &Client, key: &str) -> Vec<u8> {
    let object = client.get_object().bucket("docs").key(key).send().await.unwrap();
    object.body.collect().await.unwrap().to_vec()
}

#[tokio::test]
async fn an_object_comes_back_as_it_was_put() {
    for stack in stacks().1 {
        let client = stack.s3();
        docs(&client).await;
        let key = "labels/2026/Ярлык №1 + 50%.pdf";
        put(&client, key, b"%PDF-1.7 hello").await;
        let object = client.get_object().bucket("docs").key(key).send().await.unwrap();
        assert_eq!(object.content_type(), Some("application/pdf"));
        assert_eq!(object.metadata().unwrap()["order"], "ord_1");
        assert_eq!(object.content_encoding(), None);
        assert_eq!(object.last_modified().unwrap().secs(), (NOW_MS / 1000) as i64);
        assert_eq!(object.body.collect().await.unwrap().to_vec(), b"%PDF-1.7 hello");

        let head = client.head_object().bucket("docs").key(key).send().await.unwrap();
        assert_eq!(head.content_length(), Some(14));
        let part = client.get_object().bucket("docs").key(key).range("bytes=0-3").send().await.unwrap();
        assert_eq!(part.content_range(), Some("bytes 0-3/14"));
        assert_eq!(part.body.collect().await.unwrap().to_vec(), b"%PDF");

        client.delete_object().bucket("docs").key(key).send().await.unwrap();
        let gone = client.get_object().bucket("docs").key(key).send().await;
        assert!(gone.unwrap_err().into_service_error().is_no_such_key());
        let gone = client.head_object().bucket("docs").key(key).send().await;
        assert!(gone.unwrap_err().into_service_error().is_not_found());
    }
}

/// One in memory, one on disk (whose directory must outlive it).
fn stacks() -> (tempfile::TempDir, [Stack; 2]) {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(NOW_MS);
    let file = Engine::open(dir.path(), Arc::new(clock.clone()), 7).unwrap();
    (dir, [Stack::new(), Stack::over(clock, file)])
}

#[tokio::test]
async fn a_streamed_body_with_a_trailing_checksum_is_stored_without_its_frame() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("big");
    let body: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
    std::fs::write(&file, &body).unwrap();
    let stack = Stack::new();
    let client = stack.s3();
    docs(&client).await;
    let stream = ByteStream::read_from().path(&file).build().await.unwrap();
    client.put_object().bucket("docs").key("big").body(stream).send().await.unwrap();
    assert_eq!(get(&client, "big").await, body);
}

#[tokio::test]
async fn an_existing_object_is_not_overwritten_on_that_condition() {
    let stack = Stack::new();
    let client = stack.s3();
    docs(&client).await;
    put(&client, "a", b"first").await;
    let again = client
        .put_object()
        .bucket("docs")
        .key("a")
        .if_none_match("*")
        .body(ByteStream::from_static(b"second"))
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert_eq!(again.meta().code(), Some("PreconditionFailed"));
    assert_eq!(get(&client, "a").await, b"first");
}

#[tokio::test]
async fn buckets_are_made_once_and_known_after() {
    let stack = Stack::new();
    let client = stack.s3();
    let head = client.head_bucket().bucket("docs").send().await;
    assert!(head.unwrap_err().into_service_error().is_not_found());
    docs(&client).await;
    client.head_bucket().bucket("docs").send().await.unwrap();
    let again = client.create_bucket().bucket("docs").send().await;
    assert!(again.unwrap_err().into_service_error().is_bucket_already_owned_by_you());
    let lost = client.put_object().bucket("nowhere").key("a").send().await;
    assert_eq!(lost.unwrap_err().into_service_error().meta().code(), Some("NoSuchBucket"));
}

#[tokio::test]
async fn a_listing_pages_through_all_keys_of_a_prefix_in_order() {
    let stack = Stack::new();
    let client = stack.s3();
    docs(&client).await;
    for key in ["b", "labels/3", "labels/1", "labels/2<&>", "a"] {
        put(&client, key, b"x").await;
    }
    let mut pages = client.list_objects_v2().bucket("docs").prefix("labels/").max_keys(2).into_paginator().send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        assert!(page.contents().len() <= 2);
        keys.extend(page.contents().iter().map(|o| o.key().unwrap().to_owned()));
    }
    assert_eq!(keys, ["labels/1", "labels/2<&>", "labels/3"]);
    let top = client.list_objects_v2().bucket("docs").delimiter("/").send().await.unwrap();
    assert_eq!(top.common_prefixes()[0].prefix(), Some("labels/"));
    assert_eq!(top.key_count(), Some(3));
}

async fn link(client: &Client, expires_s: u64) -> String {
    let config = PresigningConfig::builder()
        .start_time(UNIX_EPOCH + Duration::from_millis(NOW_MS))
        .expires_in(Duration::from_secs(expires_s))
        .build()
        .unwrap();
    let request = client
        .get_object()
        .bucket("docs")
        .key("labels/Ярлык 1.pdf")
        .response_content_disposition("inline")
        .presigned(config)
        .await
        .unwrap();
    assert!(
        request.headers().next().is_none(),
        "a link must need no headers: {:?}",
        request.headers().collect::<Vec<_>>()
    );
    request.uri().to_owned()
}

fn follow(engine: &Engine, uri: &str) -> http::Response<Vec<u8>> {
    engine.call(Request::get(uri).body(Vec::new()).unwrap())
}

fn local_keys() -> Credentials {
    Credentials { access_key_id: "local".into(), secret_access_key: "local-secret".into() }
}

#[tokio::test]
async fn a_presigned_link_opens_until_it_expires() {
    let stack = Stack::new();
    let client = stack.s3();
    docs(&client).await;
    put(&client, "labels/Ярлык 1.pdf", b"label").await;
    let engine = stack.engine.clone().with_credentials(local_keys());
    let uri = link(&client, 60).await;
    let answer = follow(&engine, &uri);
    assert_eq!(answer.status(), StatusCode::OK, "{}", String::from_utf8_lossy(answer.body()));
    assert_eq!(answer.body(), b"label");
    assert_eq!(answer.headers()["content-disposition"], "inline");
    stack.clock.advance(60_001);
    assert_eq!(follow(&engine, &uri).status(), StatusCode::FORBIDDEN);
    stack.clock.set(NOW_MS - 16 * 60_000);
    assert_eq!(follow(&engine, &uri).status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_link_of_another_key_is_refused() {
    let stack = Stack::new();
    let client = stack.s3();
    docs(&client).await;
    put(&client, "labels/Ярлык 1.pdf", b"label").await;
    let uri = link(&client, 60).await;
    for (id, secret) in [("local", "other"), ("other", "local-secret")] {
        let engine = stack
            .engine
            .clone()
            .with_credentials(Credentials { access_key_id: id.into(), secret_access_key: secret.into() });
        assert_eq!(follow(&engine, &uri).status(), StatusCode::FORBIDDEN, "{id}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_changed_link_opens(at in any::<prop::sample::Index>(), to in "[a-zA-Z0-9%&=/-]") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (engine, uri) = runtime.block_on(async {
            let stack = Stack::new();
            let client = stack.s3();
            docs(&client).await;
            put(&client, "labels/Ярлык 1.pdf", b"label").await;
            let uri = link(&client, 60).await;
            (stack.engine.with_credentials(local_keys()), uri)
        });
        let start = "http://engine.local/".len();
        let at = start + at.index(uri.len() - start);
        let mut changed = uri.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != uri);
        if let Ok(request) = Request::get(&changed).body(Vec::new()) {
            let status = engine.call(request).status();
            // %af and %aF are the same byte, so such a change changes nothing.
            if !changed.eq_ignore_ascii_case(&uri) {
                prop_assert_ne!(status, StatusCode::OK, "{}", changed);
            }
        }
    }
}
