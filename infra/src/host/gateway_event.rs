//! The event that an HTTP API sends to its function (payload format 2.0).

use std::net::IpAddr;

use axum::http::{HeaderMap, request::Parts};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::names::{ACCOUNT, API_ID};
use super::routes::Matched;

/// What the event says beside the request itself.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    /// Request id of the HTTP API.
    pub(crate) request_id: &'a str,
    /// The client's address.
    pub(crate) source: IpAddr,
    /// Port of the HTTP API.
    pub(crate) port: u16,
    /// When the request came.
    pub(crate) at: jiff::Timestamp,
}

/// Builds the event of one request.
pub(crate) fn build(matched: &Matched<'_>, request: &Parts, body: &[u8], arrival: &Arrival<'_>) -> Value {
    let path = decoded(request.uri.path());
    let query = request.uri.query().unwrap_or_default();
    let (headers, cookies) = headers(&request.headers, arrival);
    let route_key = format!("{} {}", matched.route.method, matched.route.path);
    let domain_name = text(&request.headers, "host");
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API_ID,
            "domainName": domain_name,
            "domainPrefix": API_ID,
            "http": {
                "method": request.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", request.version),
                "sourceIp": arrival.source.to_string(),
                "userAgent": text(&request.headers, "user-agent"),
            },
            "requestId": arrival.request_id,
            "routeKey": route_key,
            "stage": "$default",
            "time": arrival.at.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": arrival.at.as_millisecond(),
        },
        "isBase64Encoded": false,
    });
    // Absent, not empty, as AWS has it.
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    let parameters = query_parameters(query);
    if !parameters.is_empty() {
        event["queryStringParameters"] = Value::Object(parameters);
    }
    if !matched.parameters.is_empty() {
        event["pathParameters"] = json!(matched.parameters);
    }
    if !body.is_empty() {
        match std::str::from_utf8(body) {
            Ok(body) if is_text(&request.headers) => event["body"] = json!(body),
            _ => {
                event["body"] = json!(BASE64_STANDARD.encode(body));
                event["isBase64Encoded"] = json!(true);
            }
        }
    }
    event
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Header values joined by comma; cookies apart.
fn headers(headers: &HeaderMap, arrival: &Arrival<'_>) -> (Map<String, Value>, Vec<String>) {
    let mut joined: Map<String, Value> = Map::new();
    let mut cookies = Vec::new();
    for name in headers.keys() {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        if name == "cookie" {
            cookies.extend(values.iter().flat_map(|value| value.split("; ")).map(str::to_owned));
        } else if name != "connection" && name != "transfer-encoding" {
            joined.insert(name.as_str().to_owned(), json!(values.join(",")));
        }
    }
    let forwarded = match joined.get("x-forwarded-for").and_then(Value::as_str) {
        Some(before) => format!("{before}, {}", arrival.source),
        None => arrival.source.to_string(),
    };
    joined.insert("x-forwarded-for".to_owned(), json!(forwarded));
    joined.insert("x-forwarded-port".to_owned(), json!(arrival.port.to_string()));
    joined.insert("x-forwarded-proto".to_owned(), json!("http"));
    (joined, cookies)
}

/// Decoded parameters; the values of a repeated one are joined by comma.
fn query_parameters(query: &str) -> Map<String, Value> {
    let mut parameters: Map<String, Value> = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let joined = match parameters.get(name.as_ref()).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value.into_owned(),
        };
        parameters.insert(name.into_owned(), json!(joined));
    }
    parameters
}

/// The path with its escapes decoded, as an HTTP API passes it on, other than a REST API does; that of `%` alone stays,
/// so that what a client had escaped twice is still escaped once.
fn decoded(path: &str) -> String {
    let kept = path.replace("%25", "%2525");
    percent_decode_str(&kept).decode_utf8_lossy().into_owned()
}

/// Whether the content type is one that the HTTP API passes on as text. AWS's pages speak of binary types without a
/// list; these are what was measured there: forms and requests that name no type are not among them.
fn is_text(headers: &HeaderMap) -> bool {
    let media_type = text(headers, "content-type").split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type.starts_with("text/")
        || matches!(media_type.as_str(), "application/json" | "application/javascript" | "application/xml")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    use crate::host::fixtures::{function, stack};
    use crate::host::routes::{Found, Routes};

    fn event(request: axum::http::request::Builder, body: &[u8]) -> Value {
        let routes = Routes::of(&stack([function("order-intake", &[("POST", "/webhooks/shops/{channel}")])])).unwrap();
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let Found::Route(matched) = routes.find(parts.method.as_str(), parts.uri.path()) else {
            panic!("no route");
        };
        let arrival = Arrival {
            request_id: "r-1",
            source: [127, 0, 0, 1].into(),
            port: 8080,
            at: "2026-02-03T04:05:06Z".parse().unwrap(),
        };
        build(&matched, &parts, body, &arrival)
    }

    fn post(uri: &str) -> axum::http::request::Builder {
        Request::post(uri).header("content-type", "application/json")
    }

    #[test]
    fn the_event_names_route_path_and_request() {
        let event = event(
            post("/webhooks/shops/chn%201?a=1&a=2&b=%D0%B6+x")
                .header("X-Topic", "orders/create")
                .header("X-Twice", "1")
                .header("x-twice", "2")
                .header("cookie", "a=1; b=2")
                .header("host", "localhost:8080"),
            br#"{"id":1}"#,
        );
        assert_eq!(event["version"], "2.0");
        assert_eq!(event["routeKey"], "POST /webhooks/shops/{channel}");
        assert_eq!(event["rawPath"], "/webhooks/shops/chn 1");
        assert_eq!(event["rawQueryString"], "a=1&a=2&b=%D0%B6+x");
        assert_eq!(event["pathParameters"], json!({"channel": "chn 1"}));
        assert_eq!(event["queryStringParameters"], json!({"a": "1,2", "b": "ж x"}));
        assert_eq!(event["headers"]["x-topic"], "orders/create");
        assert_eq!(event["headers"]["x-twice"], "1,2");
        assert_eq!(event["headers"]["x-forwarded-for"], "127.0.0.1");
        assert_eq!(event["headers"].get("cookie"), None);
        assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
        assert_eq!(event["body"], r#"{"id":1}"#);
        assert_eq!(event["isBase64Encoded"], false);
        let context = &event["requestContext"];
        assert_eq!(context["requestId"], "r-1");
        assert_eq!(context["stage"], "$default");
        assert_eq!(context["time"], "03/Feb/2026:04:05:06 +0000");
        assert_eq!(context["timeEpoch"], 1_770_091_506_000_i64);
        assert_eq!(context["http"]["protocol"], "HTTP/1.1");
        assert_eq!(context["domainName"], "localhost:8080");
    }

    #[test]
    fn the_path_is_decoded_but_for_an_escaped_percent_sign() {
        let event = event(post("/webhooks/shops/a%2Fb%2520%D0%B6"), b"");
        assert_eq!(event["rawPath"], "/webhooks/shops/a/b%2520ж");
        assert_eq!(event["requestContext"]["http"]["path"], event["rawPath"]);
        assert_eq!(event["pathParameters"], json!({"channel": "a/b%20ж"}));
    }

    #[test]
    fn a_body_is_text_if_its_type_is_one_of_few_and_base64_otherwise() {
        let check = |content_type: Option<&str>, body: &[u8], encoded: bool| {
            let request = Request::post("/webhooks/shops/c");
            let request = match content_type {
                Some(content_type) => request.header("content-type", content_type),
                None => request,
            };
            let event = event(request, body);
            assert_eq!(event["isBase64Encoded"], encoded, "{content_type:?}");
            let got = event["body"].as_str().unwrap();
            let got = if encoded { BASE64_STANDARD.decode(got).unwrap() } else { got.as_bytes().to_vec() };
            assert_eq!(got, body, "{content_type:?}");
        };
        check(Some("application/json; charset=utf-8"), b"{}", false);
        check(Some("text/csv"), "ж".as_bytes(), false);
        check(Some("application/json"), b"\xff\xfe", true);
        for other in ["application/octet-stream", "application/x-www-form-urlencoded", "application/problem+json"] {
            check(Some(other), b"abc", true);
        }
        check(None, b"abc", true);
    }

    #[test]
    fn what_the_request_lacks_is_absent() {
        let event = event(post("/webhooks/shops/c"), b"");
        for absent in ["body", "cookies", "queryStringParameters"] {
            assert_eq!(event.get(absent), None, "{absent}");
        }
    }
}
