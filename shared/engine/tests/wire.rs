//! What a caller without an SDK meets: odd requests are answered as AWS answers, and never panic.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::sync::Arc;

use engine::Engine;
use engine::clock::ManualClock;
use http::{Request, StatusCode};
use proptest::prelude::*;

fn engine() -> Engine {
    Engine::memory(Arc::new(ManualClock::new(1_770_000_000_000)), 7).unwrap()
}

fn error_type(target: &str, body: &str) -> (StatusCode, String) {
    let request = Request::post("/").header("x-amz-target", target).body(body.as_bytes().to_vec()).unwrap();
    let answer = engine().call(request);
    let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    let name = body["__type"].as_str().unwrap_or_default();
    let name = name.rsplit('#').next().unwrap_or_default().to_owned();
    (answer.status(), name)
}

#[test]
fn odd_requests_get_the_errors_of_aws() {
    let check = |target: &str, body: &str, name: &str| {
        assert_eq!(error_type(target, body), (StatusCode::BAD_REQUEST, name.to_owned()), "{target} {body}");
    };
    check("DynamoDB_20120810.Nonsense", "{}", "UnknownOperationException");
    check("Elsewhere.PutItem", "{}", "UnknownOperationException");
    check("DynamoDB_20120810.PutItem", "", "SerializationException");
    check("DynamoDB_20120810.PutItem", "[", "SerializationException");
    check(
        "DynamoDB_20120810.GetItem",
        r#"{"TableName":"orders","Key":{"pk":{"S":"a"}},"ReturnConsumedCapacity":"SOME"}"#,
        "ValidationException",
    );
    check("DynamoDB_20120810.GetItem", r#"{"TableName":"orders","Key":{"pk":{"S":"a"}}}"#, "ResourceNotFoundException");
}

#[test]
fn s3_does_not_take_an_operation_it_lacks_for_one_it_has() {
    let engine = engine();
    let call = |request: http::request::Builder| {
        let answer = engine.call(request.body(Vec::new()).unwrap());
        (answer.status(), String::from_utf8_lossy(answer.body()).into_owned())
    };
    assert_eq!(call(Request::put("/docs")).0, StatusCode::OK);
    for request in [
        Request::post("/docs/key?uploads"),
        Request::put("/docs/key?tagging"),
        Request::put("/docs/key").header("x-amz-copy-source", "/docs/other"),
        Request::delete("/docs/key?uploadId=1"),
        Request::delete("/docs"),
    ] {
        let (status, body) = call(request);
        assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{body}");
    }
    assert_eq!(call(Request::post("/docs/key")).0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(call(Request::get("/docs/%ff")).0, StatusCode::BAD_REQUEST);
    assert_eq!(call(Request::get("/..%2f..%2fetc/passwd")).0, StatusCode::BAD_REQUEST);
}

proptest! {
    #[test]
    fn no_body_makes_an_operation_panic(
        operation in prop::sample::select(vec!["PutItem", "Query", "TransactWriteItems", "GetRecords", "BatchGetItem"]),
        body in "\\PC{0,40}|\\{\"TableName\":\"[a-z]{0,4}\",\"(Key|Item)\":\\{\"pk\":\\{\"[SNBM]\":\"\\PC{0,3}\"\\}\\}\\}",
    ) {
        let request = Request::post("/")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .body(body.into_bytes())
            .unwrap();
        prop_assert!(engine().call(request).status().is_client_error());
    }
}
