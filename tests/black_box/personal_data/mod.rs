//! A shopper's data from the order to its erasure, looked for in everything that there is: each table, stream, queue, object and
//! log through its API, and byte by byte in the files of the run. Of `cargo local` alone: it needs the files.

mod traces;

use crate::stack::Stack;
use domain::OrderId;
use domain::address::{Address, Person};
use infra::demo::api::{Api, send};
use infra::demo::setup::{World, set_up};
use infra::sandbox::{ShopOrder, shopify_order};
use partners::http::Request;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use traces::Traces;

/// What nobody else is called, lives at, or says.
const NAME: &str = "Ксантипа Неповторимова";
const STREET: &str = "ул. Единствена 7919";
const EMAIL: &str = "xanthippe.7919@nowhere.example";
const PHONE: &str = "+359897919791";
const NOTE: &str = "пратката е за леля Праскева";
const PERSONAL: [&str; 6] = [NAME, "Неповторимова", STREET, EMAIL, PHONE, NOTE];

/// How long what goes on by itself may take.
const PATIENCE: Duration = Duration::from_secs(100);

fn shopper() -> Person {
    let address = Address {
        line1: STREET.to_owned(),
        city: "София".to_owned(),
        country: "BG".to_owned(),
        postal_code: Some("1000".to_owned()),
        ..Address::default()
    };
    Person {
        name: NAME.to_owned(),
        email: Some(EMAIL.to_owned()),
        phone: Some(PHONE.to_owned()),
        address,
        ..Person::default()
    }
}

/// The order as the shop sends it; `quantity` makes it another body.
fn webhook(world: &World, quantity: u32) -> (Value, Request) {
    let now = "2026-05-10T08:00:00Z".parse().unwrap();
    let order = ShopOrder::new(7919, 7919, now, shopper()).line("CUP-BLUE", "Чаша", quantity, 100).note(NOTE);
    (order.body(), shopify_order(&order, &world.shop, &world.webhook_url, now))
}

/// Runs the sweeper now; its schedule does the same each minute.
async fn sweep(stack: &Stack) {
    let sweeper = Api::new(&stack.aws_url, "none");
    sweeper.post("/_sklad/functions/sweeper/invocations", &json!({})).await.unwrap();
}

async fn request_is(world: &World, stack: &Stack, id: &str, done: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        sweep(stack).await;
        let request = world.shopkeeper.get(&format!("/v1/privacy-requests/{id}")).await.unwrap();
        if done(&request) {
            return request;
        }
        assert!(Instant::now() < deadline, "it stays {request}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_is_nowhere_but_in_two_places_and_after_the_erasure_nowhere() {
    if std::env::var("SKLAD_STACK").is_ok() {
        return;
    }
    let stack = Stack::own(&[("ERASURE_SETTLES_SECONDS", "1"), ("ERASURE_LOOKS_SECONDS", "1")]).await;
    let world = set_up(&stack.endpoints, "Personal data").await.unwrap();
    world.stock_up(|_, location| if location == "SOF1" { 7 } else { 0 }).await.unwrap();
    let (body, sent) = webhook(&world, 2);
    world.shop_admin.post("/shop/admin/orders", &body).await.unwrap();
    let (status, accepted) = send(&sent).await.unwrap();
    assert_eq!(status, 201, "{accepted}");
    let id = accepted["id"].as_str().unwrap().to_owned();
    let order: OrderId = id.parse().unwrap();
    let tasks = world.pick_tasks(&id, 1).await.unwrap();
    world.pick_and_pack(&tasks[0]).await.unwrap();
    let (shipment, _) = world.labels(&id, 1).await.unwrap().remove(0);
    world.close_out().await.unwrap();
    world.order_is(&id, "fulfilment", "fulfilled").await.unwrap();

    // While the order lives, the shopper is in the table of persons, and on paper.
    let mut traces = Traces::of(&stack, &PERSONAL);
    traces.compressed(&stack).await;
    assert!(
        traces.in_tables(&stack).await.iter().all(|place| place == "people"),
        "{:?}",
        traces.in_tables(&stack).await
    );
    assert!(!traces.in_tables(&stack).await.is_empty(), "else nothing is shown here");
    assert_eq!(traces.in_streams(&stack).await, [""; 0]);
    assert_eq!(traces.in_queues(&stack).await, [""; 0]);
    assert_eq!(traces.in_logs(&stack), [""; 0]);
    let documents = traces.objects(&stack, &order).await;
    assert!(
        documents.len() >= 3 && documents.iter().all(|key| key.starts_with(&format!("orders/{id}/"))),
        "{documents:?}"
    );
    assert!(!traces.in_files(&stack).is_empty(), "the files hold it as they should");

    // Asked for by number and e-mail address, decided by the merchant, while the parcel is on its way.
    let actor = json!({"person": "clerk-1", "station": "DESK-1"});
    let asked = json!({"kind": "erasure", "order_number": "7919", "email": EMAIL.to_uppercase(), "actor": actor});
    let request = world.operations.post("/v1/privacy-requests", &asked).await.unwrap();
    let request = request["id"].as_str().unwrap();
    let confirmed = json!({"actor": actor, "invoice": "kept_elsewhere"});
    world.shopkeeper.post(&format!("/v1/privacy-requests/{request}/confirm"), &confirmed).await.unwrap();
    let shown = world.operations.get(&format!("/v1/orders/{id}")).await.unwrap();
    assert_eq!((&shown["personal_data"], &shown["recipient"]), (&json!("restricted"), &Value::Null));
    let held = request_is(&world, &stack, request, |own| own["orders"][0]["holds"].is_array()).await;
    assert_eq!(held["orders"][0]["holds"][0]["reason"], "open_work", "the parcel is on its way: {held}");
    assert!(!traces.in_tables(&stack).await.is_empty());

    // A return is open when the parcel has arrived, and closed in the end.
    world.play(&shipment, "delivered", "in_order", 1).await.unwrap();
    world.order_is(&id, "delivery", "delivered").await.unwrap();
    let lines = json!([{"sku": "CUP-BLUE", "quantity": 1, "reason": "changed_mind"}]);
    let back = json!({"order": id, "email": EMAIL, "kind": "warranty", "lines": lines});
    let back = world.shopkeeper.post("/v1/returns", &back).await.unwrap();
    let claim = |own: &Value| own["orders"][0]["holds"][0]["reason"] == "open_claim";
    request_is(&world, &stack, request, claim).await;
    assert!(!traces.objects(&stack, &order).await.is_empty(), "a claim may need the label");
    let decline = format!("/v1/returns/{}/decline", back["id"].as_str().unwrap());
    world.operations.post(&decline, &json!({"reason": "no defect", "actor": actor})).await.unwrap();

    request_is(&world, &stack, request, |own| own["state"] == "erased").await;
    assert_eq!(traces.in_tables(&stack).await, [""; 0]);
    assert_eq!(traces.in_streams(&stack).await, [""; 0]);
    assert_eq!(traces.in_queues(&stack).await, [""; 0]);
    assert_eq!(traces.objects(&stack, &order).await, [""; 0]);
    assert_eq!(traces.in_logs(&stack), [""; 0]);

    // The shop sends it again, as it was and changed.
    let (status, again) = send(&sent).await.unwrap();
    assert_eq!((status, again["id"].as_str()), (201, Some(id.as_str())), "the first answer again");
    assert_eq!(send(&webhook(&world, 3).1).await.unwrap().0, 409);
    assert_eq!(traces.in_tables(&stack).await, [""; 0]);
    let shown = world.operations.get(&format!("/v1/orders/{id}")).await.unwrap();
    assert_eq!(
        (&shown["personal_data"], &shown["lines"][0]["quantity"]),
        (&json!("erased"), &json!(2)),
        "for the books"
    );

    // Housekeeping writes the database anew.
    let deadline = Instant::now() + PATIENCE;
    while !traces.in_files(&stack).is_empty() {
        assert!(Instant::now() < deadline, "left in {:?}", traces.in_files(&stack));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    stack.end().await;
}
