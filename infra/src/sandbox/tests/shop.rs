//! The shop.

use super::*;
use domain::ids::Sku;
use partners::Retry;
use partners::shops::shopify::Shopify;
use partners::shops::{self, FulfilmentReport, Fulfilments, Orders, ShopError, Stock, StockUpdate, Topic};

const TOKEN: (&str, &str) = ("x-shopify-access-token", "shpat_test");

fn account(stack: &Stack, location: Option<&str>) -> shops::Account {
    shops::Account {
        base_url: format!("{}/shop", stack.url),
        access_token: "shpat_test".into(),
        location: location.map(str::to_owned),
    }
}

fn order() -> ShopOrder {
    ShopOrder::new(6001, 1001, "2026-03-01T09:30:00Z".parse().unwrap(), person("Иван Петров"))
        .line("TEA", "Зелен чай 100 г", 3, 1200)
        .discount(360)
        .line("MUG", "Чаша 🍵", 1, 2000)
        .payment(Payment::CashOnDelivery)
        .note("Моля, звъннете")
}

fn report(lines: &[(&str, u32)], tracking_number: &str) -> FulfilmentReport {
    FulfilmentReport {
        order: "6001".into(),
        lines: lines.iter().map(|(id, units)| ((*id).to_owned(), *units)).collect(),
        tracking_number: tracking_number.into(),
        tracking_url: Some("http://127.0.0.1/track".into()),
        carrier: "Sandbox".into(),
        notify_shopper: true,
    }
}

async fn with_order() -> Stack {
    let stack = Stack::start().await;
    let items = json!({"items": [{"sku": "TEA", "available": 10}, {"sku": "TEA-2", "available": 1}, {"sku": "MUG", "available": 5}]});
    assert_eq!(stack.send(Method::Post, "/shop/admin/items", TOKEN, Some(items)).await.0, 201);
    assert_eq!(stack.send(Method::Post, "/shop/admin/orders", TOKEN, Some(order().body())).await.0, 201);
    assert_eq!(stack.send(Method::Post, "/shop/admin/orders", TOKEN, Some(order().body())).await.0, 200);
    stack
}

async fn answer(request: &Request) -> Result<Answer, ShopError> {
    call(request).await.map_err(|error| ShopError::Indeterminate { reason: error.to_string() })
}

async fn report_to(stack: &Stack, report: &FulfilmentReport) -> Result<usize, ShopError> {
    let account = account(stack, None);
    let looked_up = answer(&Fulfilments::build_lookup(&Shopify, &account, report)).await?;
    let requests = Fulfilments::plan(&Shopify, &account, report, &looked_up)?;
    for request in &requests {
        Shopify.read_created(&answer(request).await?)?;
    }
    Ok(requests.len())
}

async fn publish(stack: &Stack, location: Option<&str>, sku: &str, quantity: u32) -> Result<bool, ShopError> {
    let account = account(stack, location);
    let update = StockUpdate { sku: Sku::parse(sku).unwrap(), quantity, operation: format!("{sku}-{quantity}") };
    let looked_up = answer(&Stock::build_lookup(&Shopify, &account, &update.sku)).await?;
    match Stock::plan(&Shopify, &account, &update, &looked_up)? {
        Some(request) => Shopify.read_set(&answer(&request).await?).map(|()| true),
        None => Ok(false),
    }
}

async fn state(stack: &Stack) -> Value {
    stack.send(Method::Get, "/shop/admin/state", TOKEN, None).await.1
}

async fn available(stack: &Stack, sku: &str) -> i64 {
    let state = state(stack).await;
    let items = state["items"].as_array().unwrap();
    items.iter().find(|item| item["sku"] == sku).unwrap()["available"].as_i64().unwrap()
}

fn fulfilments(state: &Value) -> Vec<String> {
    let list = state["orders"][0]["fulfilment_orders"][0]["fulfilments"].as_array().unwrap();
    list.iter().map(|fulfilment| fulfilment["tracking_number"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_webhook_is_what_the_plug_in_takes() {
    let shop = Shop { domain: "acme.myshopify.com".into(), secret: "hush".into() };
    let request = shopify_order(&order(), &shop, "http://127.0.0.1:1/", Timestamp::UNIX_EPOCH);
    let secrets = ["hush".to_owned()];
    Shopify.verify(&secrets, &request.headers, &request.body, Timestamp::UNIX_EPOCH).unwrap();
    let delivery = Shopify.delivery(&request.headers).unwrap();
    assert_eq!((delivery.topic, delivery.shop.as_str()), (Topic::OrderCreated, "acme.myshopify.com"));
    let read = Shopify.parse_order(&request.body).unwrap();
    assert_eq!((read.number.as_str(), read.total.amount_minor), ("#1001", order().total_minor()));
    assert_eq!(read.cash_on_delivery, Some(read.total));
    assert_eq!(read.lines.iter().map(|line| line.unit_price_minor).collect::<Vec<_>>(), [1080, 2000]);
    assert_eq!(read.ship_to.unwrap().address.missing(), None);
    let again = shopify_order(&order(), &shop, "http://127.0.0.1:1/", Timestamp::UNIX_EPOCH);
    assert_eq!(again, request, "sent again, it is the same delivery");
}

#[test]
fn payment_shows_in_the_order() {
    let read = |payment| Shopify.parse_order(order().payment(payment).body().to_string().as_bytes()).unwrap();
    assert!(read(Payment::Card).payment_settled && read(Payment::Card).cash_on_delivery.is_none());
    assert!(!read(Payment::BankTransfer).payment_settled);
}

#[tokio::test]
async fn a_fulfilment_is_reported_once_however_often_it_is_sent() {
    let stack = with_order().await;
    let part = report(&[("600101", 2)], "SBX1");
    assert_eq!(report_to(&stack, &part).await, Ok(1));
    assert_eq!(report_to(&stack, &part).await, Ok(0));
    assert_eq!(report_to(&stack, &report(&[("600101", 1), ("600102", 1)], "SBX2")).await, Ok(1));
    let state = state(&stack).await;
    assert_eq!(fulfilments(&state), ["SBX1", "SBX2"]);
    assert_eq!(state["orders"][0]["fulfilment_orders"][0]["status"], "CLOSED");
    let more = report_to(&stack, &report(&[("600101", 1)], "SBX3")).await.unwrap_err();
    assert_eq!(more.retry(), Retry::Never);
}

#[tokio::test]
async fn a_report_whose_answer_was_lost_is_not_made_twice() {
    let stack = with_order().await;
    for kind in ["answer_lost_after_purchase", "malformed"] {
        let part = report(&[("600101", 1)], kind);
        let account = account(&stack, None);
        let looked_up = answer(&Fulfilments::build_lookup(&Shopify, &account, &part)).await.unwrap();
        let request = Fulfilments::plan(&Shopify, &account, &part, &looked_up).unwrap().remove(0);
        stack.send(Method::Post, "/shop/admin/faults", TOKEN, Some(json!({"kind": kind}))).await;
        let error = match answer(&request).await {
            Ok(answer) => Shopify.read_created(&answer).unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.retry(), Retry::LookFirst, "{kind}");
        assert_eq!(report_to(&stack, &part).await, Ok(0), "{kind}");
    }
    assert_eq!(fulfilments(&state(&stack).await).len(), 2);
}

#[tokio::test]
async fn stock_is_set_when_it_differs() {
    let stack = with_order().await;
    assert_eq!(available(&stack, "TEA").await, 7, "the order took three");
    assert_eq!(publish(&stack, None, "TEA", 42).await, Ok(true));
    assert_eq!(publish(&stack, Some("1"), "TEA", 42).await, Ok(false));
    assert_eq!(publish(&stack, Some("1"), "TEA", 41).await, Ok(true));
    assert_eq!((available(&stack, "TEA").await, available(&stack, "TEA-2").await), (41, 1));
    assert_eq!(
        publish(&stack, Some("9"), "TEA", 40).await.unwrap_err().retry(),
        Retry::Never,
        "a location that it is not at"
    );
    assert_eq!(publish(&stack, None, "NONE", 1).await.unwrap_err().retry(), Retry::Never);
}

#[tokio::test]
async fn a_sale_in_between_is_a_conflict_and_not_overwritten() {
    let stack = with_order().await;
    let account = account(&stack, None);
    let update = StockUpdate { sku: Sku::parse("TEA").unwrap(), quantity: 20, operation: "op".into() };
    let looked_up = answer(&Stock::build_lookup(&Shopify, &account, &update.sku)).await.unwrap();
    let request = Stock::plan(&Shopify, &account, &update, &looked_up).unwrap().unwrap();
    stack.send(Method::Post, "/shop/admin/sell", TOKEN, Some(json!({"sku": "TEA", "quantity": 1}))).await;
    assert_eq!(Shopify.read_set(&answer(&request).await.unwrap()), Err(ShopError::Conflict));
    assert_eq!(available(&stack, "TEA").await, 6);
}

#[tokio::test]
async fn a_repeated_set_takes_effect_once() {
    let stack = with_order().await;
    let account = account(&stack, None);
    let update = StockUpdate { sku: Sku::parse("TEA").unwrap(), quantity: 20, operation: "op".into() };
    let looked_up = answer(&Stock::build_lookup(&Shopify, &account, &update.sku)).await.unwrap();
    let request = Stock::plan(&Shopify, &account, &update, &looked_up).unwrap().unwrap();
    for _ in 0..3 {
        assert_eq!(Shopify.read_set(&answer(&request).await.unwrap()), Ok(()));
    }
    let state = state(&stack).await;
    let tea = state["items"].as_array().unwrap().iter().find(|item| item["sku"] == "TEA").unwrap();
    assert_eq!((&tea["available"], &tea["times_set"]), (&json!(20), &json!(1)));
}

#[tokio::test]
async fn faults_show_as_the_shop_would_show_them() {
    let stack = with_order().await;
    let check = async |kind: &str, expect: Retry| {
        stack.send(Method::Post, "/shop/admin/faults", TOKEN, Some(json!({"kind": kind, "delay_ms": 1}))).await;
        assert_eq!(publish(&stack, None, "TEA", 3).await.unwrap_err().retry(), expect, "{kind}");
    };
    check("rate_limited", Retry::Later { after_seconds: Some(1) }).await;
    check("error_5xx", Retry::Later { after_seconds: None }).await;
    check("malformed", Retry::Never).await;
    let stranger = shops::Account { access_token: "wrong".into(), ..account(&stack, None) };
    let answer = answer(&Stock::build_lookup(&Shopify, &stranger, &Sku::parse("TEA").unwrap())).await.unwrap();
    let update = StockUpdate { sku: Sku::parse("TEA").unwrap(), quantity: 1, operation: "op".into() };
    assert_eq!(Stock::plan(&Shopify, &stranger, &update, &answer), Err(ShopError::Unauthorised));
}

#[tokio::test]
async fn orders_and_stock_survive_a_restart() {
    let stack = with_order().await;
    report_to(&stack, &report(&[("600101", 2)], "SBX1")).await.unwrap();
    publish(&stack, None, "MUG", 8).await.unwrap();
    let stack = stack.restart().await;
    assert_eq!(fulfilments(&state(&stack).await), ["SBX1"]);
    assert_eq!((available(&stack, "MUG").await, available(&stack, "TEA").await), (8, 7));
    assert_eq!(report_to(&stack, &report(&[("600101", 2)], "SBX1")).await, Ok(0));
}
