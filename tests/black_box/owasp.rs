//! OWASP's API Security Top 10 (2023), each risk against each class of route. Routes, their queries and bodies come from the
//! served description and from the table of classes, so that a new route is attacked as soon as it exists.
//! What cannot be seen from outside is shown elsewhere: throttles in `tests/template/production.rs`
//! (`each_route_is_throttled_and_the_open_and_dear_ones_most`), partners' nonsense in `shared/partners` (`no_bytes_make_it_panic`).

mod bodies;
mod classes;
mod partner;
mod secrets;
mod target;
mod webhooks;

use bodies::{fields, schema_of};
use classes::{Class, ROUTES};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use target::{Answer, SCOPES, Shot, Target};

/// Largest body, bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

fn with(shot: Shot, headers: &[(&'static str, String)]) -> Shot {
    headers.iter().fold(shot, |shot, (name, value)| shot.header(name, value))
}

fn takes_a_body(route: &str) -> bool {
    ["POST ", "PUT ", "PATCH "].iter().any(|method| route.starts_with(method))
}

/// Ids of the same form that nobody has.
fn nobodys(ids: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    ids.iter()
        .map(|(name, id)| {
            let mut other = id.clone();
            let last = other.pop();
            other.push(if last == Some('0') { '1' } else { '0' });
            (name.clone(), if name == "reason" { id.clone() } else { other })
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn api1_another_merchants_objects_do_not_exist() {
    let target = Target::furnished("api1").await;
    let (owned, nobodys) = (&target.owner.ids, nobodys(&target.owner.ids));
    let before = target.belongings().await;
    let mut odd = Vec::new();
    // First what names an object in its path: what comes after makes things of the stranger's own, under the same codes.
    let (named, others): (Vec<&(&str, Class)>, Vec<&(&str, Class)>) =
        ROUTES.iter().filter(|(_, class)| class.scopes().is_some()).partition(|(route, _)| route.contains('{'));
    for (route, class) in named.into_iter().chain(others) {
        for caller in target.callers(&target.stranger, *class) {
            let foreign = target.send(with(target.whole(route, owned), &caller)).await;
            let nobodys_answer = target.send(with(target.whole(route, &nobodys), &caller)).await;
            // To the letter, apart from the id that was asked for.
            let told = |answer: &Answer| {
                let mut text = answer.told().1.to_string();
                for id in owned.values().chain(nobodys.values()) {
                    text = text.replace(id.as_str(), "…");
                }
                (answer.status, text)
            };
            let is_read = route.starts_with("GET ") && *class != Class::Platform;
            // What makes something of the stranger's own makes it under an id of its own.
            if is_read || route.contains('{') || foreign.status >= 400 {
                assert_eq!(told(&foreign), told(&nobodys_answer), "{route}");
            }
            if !route.contains('{') {
                continue;
            }
            if foreign.status != 404 && !(route.starts_with("GET ") && foreign.status == 200) {
                odd.push(format!("{route}: {} {}", foreign.status, foreign.text));
            }
        }
    }
    assert!(odd.is_empty(), "refused, but not as what does not exist: {odd:#?}");
    assert_eq!(target.belongings().await, before, "nothing of the owner's was changed");
    target.stack.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api2_no_route_answers_without_a_valid_key() {
    let target = Target::start("api2").await;
    let mut ids = target.owner.ids.clone();
    for name in [
        "order",
        "task",
        "shipment",
        "return",
        "count",
        "audit",
        "recall",
        "sku",
        "location",
        "reason",
        "privacy_request",
    ] {
        ids.entry(name.to_owned()).or_insert_with(|| "x1".to_owned());
    }
    let good = &target.owner.keys["operations"];
    let (stem, _) = good.rsplit_once('_').unwrap();
    let keys = [
        String::new(),
        "Basic c2tsYWQ6c2tsYWQ=".to_owned(),
        "Bearer ".to_owned(),
        good.clone(),
        format!("Bearer {}", &good[..good.len() - 1]),
        format!("Bearer {good}0"),
        format!("Bearer {stem}_{}", "0".repeat(40)),
        format!("Bearer {}", target.owner.revoked),
        format!("Bearer {}x", target.administrator()),
        "Bearer sklad_platform_".to_owned(),
    ];
    let mut refusals = std::collections::BTreeSet::new();
    for (route, _) in ROUTES.iter().filter(|(_, class)| class.scopes().is_some()) {
        let mut shots = vec![target.whole(route, &ids)];
        shots.extend(keys.iter().map(|key| target.whole(route, &ids).header("authorization", key)));
        let mut in_the_url = target.whole(route, &ids);
        let mark = if in_the_url.0.url.contains('?') { '&' } else { '?' };
        in_the_url.0.url.push_str(&format!("{mark}api_key={good}&access_token={good}"));
        shots.push(in_the_url);
        for shot in shots {
            let answer = target.send(shot).await;
            assert_eq!(answer.status, 401, "{route}: {}", answer.text);
            refusals.insert(answer.told().1.to_string());
        }
    }
    assert_eq!(refusals.len(), 1, "no refusal tells what was wrong with the key: {refusals:?}");
    target.stack.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api3_unknown_fields_are_refused_by_name() {
    let target = Target::furnished("api3").await;
    for (route, class) in ROUTES.iter().filter(|(_, class)| class.scopes().is_some()) {
        if schema_of(&target.document, route).is_none() {
            continue;
        }
        for caller in target.callers(&target.owner, *class) {
            let shot = target.shot(route, &target.owner.ids).header("content-type", "application/json");
            let answer = target.send(with(shot, &caller).body(r#"{"is_administrator":true}"#)).await;
            assert_eq!(answer.status, 400, "{route}: {}", answer.text);
            assert!(answer.text.contains("is_administrator"), "{route}: {}", answer.text);
        }
    }
    target.stack.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api4_what_asks_for_too_much_is_refused() {
    let target = Target::furnished("api4").await;
    let ids = &target.owner.ids;
    let large = vec![b' '; BODY_BYTES_MAX + 1];
    let deep = "[".repeat(50_000);
    let deep_fields = format!("{}1{}", r#"{"a":"#.repeat(20_000), "}".repeat(20_000));
    for (route, class) in ROUTES {
        if takes_a_body(route) {
            let answer = target.send(target.shot(route, ids).body(large.clone())).await;
            assert_eq!(answer.status, 413, "{route}: {}", answer.text);
        }
        let Some(caller) = class.scopes().map(|_| target.callers(&target.owner, *class).remove(0)) else { continue };
        if schema_of(&target.document, route).is_some() {
            for body in [&deep, &deep_fields] {
                let answer = target.send(with(target.shot(route, ids), &caller).body(body.as_str())).await;
                assert_eq!(answer.status, 400, "{route}: {}", answer.text);
            }
        }
        let (method, path) = route.split_once(' ').unwrap();
        let parameters = &target.document["paths"][path][method.to_lowercase()]["parameters"];
        let has = |name: &str| parameters.as_array().into_iter().flatten().any(|parameter| parameter["name"] == name);
        let mut wrong = Vec::new();
        if has("limit") {
            wrong.extend(["limit=0", "limit=101", "limit=-1", "limit=18446744073709551616", "limit=all", "limit="]);
        }
        if has("cursor") {
            wrong.extend(["cursor=x", "cursor=%00"]);
        }
        for query in wrong {
            let mut shot = with(target.shot(route, ids), &caller);
            let mark = if shot.0.url.contains('?') { '&' } else { '?' };
            shot.0.url.push_str(&format!("{mark}{query}"));
            let answer = target.send(shot).await;
            assert_eq!(answer.status, 400, "{route} {query}: {}", answer.text);
        }
    }
    target.stack.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api5_a_key_does_what_its_scope_says_and_nothing_else() {
    let target = Target::furnished("api5").await;
    let before = target.belongings().await;
    for (route, class) in ROUTES {
        let Some(allowed) = class.scopes() else { continue };
        for scope in SCOPES {
            let key = &target.owner.keys[scope];
            if !allowed.contains(&scope) {
                let answer = target.send(target.whole(route, &target.owner.ids).key(key)).await;
                assert_eq!(answer.status, 403, "{route} {scope}: {}", answer.text);
            } else {
                // The table says no less than what is true; with a body that nothing is done for.
                let answer = target.send(target.shot(route, &target.owner.ids).key(key).body("{")).await;
                assert!(![401, 403].contains(&answer.status), "{route} {scope}: {}", answer.text);
            }
            // Nor does the platform's header widen it.
            for merchant in [target.stranger.world.merchant.as_str(), "mer_platform"] {
                let shot = target.whole(route, &target.owner.ids).key(key).header("sklad-merchant", merchant);
                let answer = target.send(shot).await;
                assert_eq!(answer.status, 403, "{route} {scope} for {merchant}: {}", answer.text);
            }
        }
    }
    assert_eq!(target.belongings().await, before, "nothing was changed");
    target.stack.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api6_orders_cannot_be_guessed_by_number_and_email() {
    let target = Target::furnished("api6").await;
    let order = target.owner.ids["order"].clone();
    let detail = target.owner.world.operations.get(&format!("/v1/orders/{order}")).await.unwrap();
    let number = detail["number"].as_str().unwrap_or_else(|| panic!("no number: {detail}")).to_owned();
    let ask = async |key: &str, named: Value, email: &str| {
        let lines = json!([{"sku": "CUP-BLUE", "quantity": 1, "reason": "changed_mind"}]);
        let mut body = json!({"email": email, "kind": "withdrawal", "lines": lines});
        body.as_object_mut().unwrap().extend(named.as_object().unwrap().clone());
        let shot = target.shot("POST /v1/returns", &target.owner.ids).key(key);
        target.send(shot.header("content-type", "application/json").body(body.to_string())).await.told()
    };
    let own = &target.owner.keys["merchant"];
    let strangers = &target.stranger.keys["merchant"];
    // One answer for each way of asking, whatever was wrong.
    let unknown = nobodys(&target.owner.ids)["order"].clone();
    let nobody = ask(own, json!({"order_number": "#999999999"}), "nobody@example.org").await;
    let no_order = ask(own, json!({"order": unknown}), "nobody@example.org").await;
    assert_eq!((nobody.0, no_order.0), (404, 404), "{nobody:?} {no_order:?}");
    for (key, named, email) in [
        // Neither half tells whether it is right.
        (own, json!({"order_number": number}), "nobody@example.org"),
        (own, json!({"order_number": "#999999999"}), "ana@example.org"),
        (own, json!({"order": order}), "nobody@example.org"),
        (own, json!({"order_number": number}), "ana@example.orgx"),
        // Nor does anything of another merchant's.
        (strangers, json!({"order_number": number}), "ana@example.org"),
        (strangers, json!({"order": order}), "ana@example.org"),
    ] {
        let expected = if named.get("order").is_some() { &no_order } else { &nobody };
        assert_eq!(ask(key, named.clone(), email).await, *expected, "{named} {email}");
    }
    target.stack.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api7_addresses_are_set_by_administrators_and_are_public() {
    let target = Target::start("api7").await;
    let ids = &target.owner.ids;
    for (route, class) in ROUTES {
        let fields = fields_of_addresses(&target.document, route);
        // A field that makes functions call somewhere is for administrators; `shop_domain` is only compared.
        assert!(fields.is_empty() || *class == Class::Administrator, "{route} {fields:?}: who may set an address?");
        assert!(fields.iter().all(|field| field == "api_url"), "{route} {fields:?}: attack it here");
    }
    let caller = target.callers(&target.owner, Class::Administrator).pop().unwrap();
    let channel = |url: &str| {
        json!({"platform": "shopify", "name": "A", "shop_domain": "a.myshopify.com", "api_url": url,
            "webhook_secrets": ["shpss_x"], "access_token": "shpat_x"})
    };
    let edit = |url: &str| json!({"name": "A", "api_url": url});
    let account = |url: &str| json!({"carrier": "sandbox", "name": "A", "api_url": url, "service": "standard", "api_key": "k", "webhook_secrets": ["s"]});
    for url in [
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254",
        "https://10.0.0.1",
        "https://[fd00:ec2::254]",
        "https://localhost:9001",
        "https://0x7f.1",
        "https://2130706433",
        "https://metadata.google.internal",
        "http://example.com",
        "https://user:secret@example.com",
        "https://example.com/?redirect=http://127.0.0.1",
        "https://example.com#@127.0.0.1",
        "file:///etc/passwd",
        "gopher://example.com",
        "//example.com",
        "/v1/health",
        "",
    ] {
        for (route, body) in [
            ("POST /v1/channels", channel(url)),
            ("PUT /v1/channels/{channel}", edit(url)),
            ("POST /v1/carrier-accounts", account(url)),
        ] {
            let shot = with(target.shot(route, ids), &caller).header("content-type", "application/json");
            let answer = target.send(shot.body(body.to_string())).await;
            assert_eq!(
                (answer.status, &answer.json()["pointer"]),
                (400, &json!("/api_url")),
                "{route} {url}: {}",
                answer.text
            );
        }
    }
    target.stack.end().await;
}

fn fields_of_addresses(document: &Value, route: &str) -> Vec<String> {
    let is_address = |name: &String| {
        ["url", "uri", "host", "endpoint", "callback", "proxy", "webhook_path"].iter().any(|part| name.contains(part))
    };
    fields(document, route).into_iter().filter(is_address).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn api8_answers_tell_nothing_of_the_inside_and_are_kept_by_nobody() {
    let target = Target::furnished("api8").await;
    let ids = &target.owner.ids;
    for (route, class) in ROUTES {
        let callers = match class.scopes() {
            None => vec![Vec::new()],
            Some(_) => vec![Vec::new(), target.callers(&target.owner, *class).pop().unwrap()],
        };
        for caller in callers {
            for body in ["", "{", "null", "[]", "\"\"", "{\"a\":1}", "\u{0}"] {
                let shot = with(target.shot(route, ids), &caller).header("origin", "https://evil.example");
                let answer = target.send(if takes_a_body(route) { shot.body(body) } else { shot }).await;
                assert!(answer.status < 500, "{route} {body:?}: {}", answer.text);
                assert_eq!(answer.header("cache-control"), Some("no-store"), "{route}");
                assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{route}");
                assert!(answer.header("strict-transport-security").is_some(), "{route}");
                let kind = if answer.status >= 400 { "application/problem+json" } else { "application/json" };
                assert!(
                    answer.status == 204 || answer.header("content-type") == Some(kind),
                    "{route}: {:?}",
                    answer.headers
                );
                assert!(
                    !answer.headers.iter().any(|(name, _)| name.starts_with("access-control")),
                    "{route}: no page of another site may read it"
                );
                if !takes_a_body(route) {
                    break;
                }
            }
        }
    }
    // What a gateway elsewhere answers by itself is not ours.
    let own = target.stack.data().is_some();
    for method in ["OPTIONS", "TRACE", "HEAD", "CONNECT"].into_iter().filter(|_| own) {
        let answer = raw(&target, method, "/v1/orders").await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{method}: {answer}");
        assert!(!answer.to_lowercase().contains("access-control"), "{method}: {answer}");
    }
    let inside = [
        "panicked",
        ".rs:",
        "RUST_BACKTRACE",
        "dynamodb",
        "ConditionalCheck",
        "sqlite",
        "_TABLE",
        "QUEUE_URL",
        "SECRETS_KEY",
        "/home/",
        "/work/",
        "expected struct",
    ];
    for (what, answer) in target.seen.lock().unwrap().iter().filter(|(_, answer)| answer.status >= 400) {
        for word in inside {
            assert!(!answer.text.to_lowercase().contains(&word.to_lowercase()), "{what}: {word}: {}", answer.text);
        }
    }
    target.stack.end().await;
}

/// Sends what no client of ours would.
async fn raw(target: &Target, method: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let host = target.stack.endpoints.api.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\norigin: https://evil.example\r\naccess-control-request-method: GET\r\n\
         connection: close\r\ncontent-length: 0\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn api9_only_described_routes_answer_and_each_has_one_class() {
    let target = Target::start("api9").await;
    let mut described: Vec<(String, bool)> = Vec::new();
    for (path, methods) in target.document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let needs_a_key = operation["security"][0].as_object().is_some_and(|schemes| !schemes.is_empty());
            described.push((format!("{} {path}", method.to_uppercase()), needs_a_key));
        }
    }
    let mut classed: Vec<(String, bool)> =
        ROUTES.iter().map(|(route, class)| ((*route).to_owned(), class.scopes().is_some())).collect();
    described.sort();
    classed.sort();
    assert_eq!(described, classed, "tests/black_box/owasp/classes.rs has each route once, with who may use it");
    for path in [
        "/",
        "/v0/orders",
        "/v2/orders",
        "/V1/orders",
        "/v1",
        "/v1/",
        "/v1/orders/",
        "/v1//orders",
        "/orders",
        "/admin",
        "/.env",
        "/v1/../v1/orders",
        "/health",
        "/metrics",
        "/debug",
        "/openapi.json",
        "/v1/openapi.yaml",
        "/swagger",
        "/webhooks",
        "/webhooks/shops",
        "/carrier/v1/shipments",
        "/shop/admin/state",
        "/2018-06-01/runtime/invocation/next",
    ] {
        for key in ["", target.administrator()] {
            let url = format!("{}{path}", target.stack.endpoints.api);
            let answer =
                target.send(Shot(partners::http::Request::new(partners::http::Method::Get, url)).key(key)).await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        }
    }
    let version = target.send(target.shot("GET /v1/version", &target.owner.ids)).await.json();
    let told: Vec<&String> = version.as_object().unwrap().keys().collect();
    assert!(told.iter().all(|name| ["name", "version", "stage", "commit"].contains(&name.as_str())), "{version}");
    target.stack.end().await;
}
