//! What a function's answer becomes as an HTTP response (payload format 2.0).

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

/// The function's answer is no HTTP response.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadAnswer {
    /// Not JSON.
    #[error("the answer is not JSON")]
    NotJson,
    /// No status between 100 and 599.
    #[error("statusCode is not a status between 100 and 599")]
    Status,
    /// A header or cookie that HTTP does not allow.
    #[error("the header `{0}` has a name or value that HTTP does not allow")]
    Header(String),
    /// The body is not what `isBase64Encoded` says.
    #[error("body is neither text nor, with isBase64Encoded, base64")]
    Body,
}

/// Reads a function's answer. An object without `statusCode` (or any other JSON) is the body of a 200, as AWS infers.
pub(crate) fn read(answer: &[u8]) -> Result<Response<Body>, BadAnswer> {
    let value: Value = serde_json::from_slice(answer).map_err(|_| BadAnswer::NotJson)?;
    let Some(status) = value.get("statusCode") else {
        let body = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let mut response = Response::new(Body::from(body));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return Ok(response);
    };
    let status = match status {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let status = status
        .and_then(|status| u16::try_from(status).ok())
        .filter(|status| (100..600).contains(status))
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or(BadAnswer::Status)?;

    let mut response = Response::new(Body::from(body(&value)?));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(Value::Object(given)) = value.get("headers") {
        for (name, value) in given {
            let bad = || BadAnswer::Header(name.clone());
            let key = HeaderName::try_from(name.as_str()).map_err(|_| bad())?;
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                Value::Null => continue,
                Value::Array(_) | Value::Object(_) => return Err(bad()),
            };
            // The server frames the body itself.
            if key != header::CONTENT_LENGTH && key != header::TRANSFER_ENCODING && key != header::CONNECTION {
                headers.insert(key, HeaderValue::try_from(text).map_err(|_| bad())?);
            }
        }
    }
    if let Some(Value::Array(cookies)) = value.get("cookies") {
        for cookie in cookies {
            let cookie = cookie
                .as_str()
                .and_then(|cookie| HeaderValue::try_from(cookie).ok())
                .ok_or_else(|| BadAnswer::Header("set-cookie".to_owned()))?;
            headers.append(header::SET_COOKIE, cookie);
        }
    }
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain;charset=UTF-8"));
    Ok(response)
}

fn body(value: &Value) -> Result<Vec<u8>, BadAnswer> {
    let encoded = value.get("isBase64Encoded").and_then(Value::as_bool).unwrap_or(false);
    match value.get("body") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) if encoded => BASE64_STANDARD.decode(text).map_err(|_| BadAnswer::Body),
        Some(Value::String(text)) => Ok(text.clone().into_bytes()),
        Some(_) => Err(BadAnswer::Body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    async fn check(answer: Value, status: u16, content_type: &str, body: &[u8]) {
        let response = read(answer.to_string().as_bytes()).unwrap();
        assert_eq!(response.status(), status, "{answer}");
        assert_eq!(response.headers()["content-type"], content_type, "{answer}");
        assert_eq!(axum::body::to_bytes(response.into_body(), 1000).await.unwrap(), body, "{answer}");
    }

    #[tokio::test]
    async fn status_headers_and_body_are_taken_over() {
        check(
            json!({"statusCode": 201, "headers": {"Content-Type": "application/pdf", "content-length": "9"},
                   "body": "JVBERg==", "isBase64Encoded": true}),
            201,
            "application/pdf",
            b"%PDF",
        )
        .await;
        check(json!({"statusCode": "204"}), 204, "text/plain;charset=UTF-8", b"").await;
        check(json!({"ok": true}), 200, "application/json", br#"{"ok":true}"#).await;
        check(json!("hello"), 200, "application/json", b"hello").await;
    }

    #[test]
    fn every_cookie_is_a_header_of_its_own() {
        let answer = json!({"statusCode": 200, "cookies": ["a=1", "b=2"]}).to_string();
        let response = read(answer.as_bytes()).unwrap();
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
    }

    #[test]
    fn an_answer_that_is_no_response_is_refused() {
        let refused = |answer: &str| read(answer.as_bytes()).unwrap_err();
        assert_eq!(refused("nonsense"), BadAnswer::NotJson);
        assert_eq!(refused(r#"{"statusCode": 700}"#), BadAnswer::Status);
        assert_eq!(refused(r#"{"statusCode": 200, "body": {}}"#), BadAnswer::Body);
        assert_eq!(refused(r#"{"statusCode": 200, "body": "%", "isBase64Encoded": true}"#), BadAnswer::Body);
        assert_eq!(refused(r#"{"statusCode": 200, "headers": {"a": "b\nc"}}"#), BadAnswer::Header("a".to_owned()));
    }
}
