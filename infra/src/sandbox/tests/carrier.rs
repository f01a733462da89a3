//! The carrier.

use super::*;
use domain::tracking_status::TrackingStatus;
use partners::carriers::sandbox::Sandbox;
use partners::carriers::{Book, Booked, CarrierError, LookUp, Poll, Rates, Void, Webhook};
use partners::http::Headers;
use tokio::sync::mpsc;

const KEY: (&str, &str) = ("authorization", "Bearer sbx_test");

fn account(stack: &Stack) -> Account {
    Account { base_url: stack.url.clone(), api_key: "sbx_test".into() }
}

fn booking(reference: &str) -> BookingRequest {
    BookingRequest {
        reference: ShipmentId::parse(reference).unwrap(),
        leg: Leg::Outbound,
        service: "standard".into(),
        sender: person("Склад ООД"),
        recipient: person("Иван Петров"),
        parcel: Parcel { weight_grams: 1200, length_mm: 300, width_mm: 200, height_mm: 100 },
        cash_on_delivery: None,
        contents: "Чай".into(),
    }
}

async fn purchase(stack: &Stack, booking: &BookingRequest) -> Result<Booked, CarrierError> {
    match call(&Sandbox.build_booking(&account(stack), booking)).await {
        Ok(answer) => Sandbox.read_booking(&answer),
        Err(error) => Err(CarrierError::Indeterminate { reason: error.to_string() }),
    }
}

async fn count(stack: &Stack, reference: &str) -> usize {
    let request = Sandbox.build_lookup(&account(stack), &ShipmentId::parse(reference).unwrap());
    Sandbox.read_lookup(&call(&request).await.unwrap()).unwrap().len()
}

async fn fault(stack: &Stack, body: Value) {
    assert_eq!(stack.send(Method::Post, "/carrier/v1/faults", KEY, Some(body)).await.0, 201);
}

#[tokio::test]
async fn a_label_is_bought_and_the_same_reference_buys_another() {
    let stack = Stack::start().await;
    let first = purchase(&stack, &booking("shp_a_1_1")).await.unwrap();
    assert_eq!(first.cost.to_string(), "4.50 EUR");
    assert!(first.label_pdf.starts_with(b"%PDF SBX") && first.label_zpl.contains("Иван Петров"));
    let second = purchase(&stack, &booking("shp_a_1_1")).await.unwrap();
    assert_ne!(first.tracking_number, second.tracking_number);
    assert_eq!(count(&stack, "shp_a_1_1").await, 2);
    assert_eq!(count(&stack, "shp_a_1_2").await, 0);
}

#[tokio::test]
async fn real_labels_are_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::new(dir.path().to_owned(), Arc::new(|| Timestamp::UNIX_EPOCH));
    let stack = Stack { url: serve(router(config).await.unwrap()).await, clock: TestClock(Arc::default()), dir };
    let booked = purchase(&stack, &booking("shp_a_1_1")).await.unwrap();
    assert!(booked.label_pdf.starts_with(b"%PDF-1."));
    assert!(booked.label_zpl.starts_with("^XA") && booked.label_zpl.trim_end().ends_with("^XZ"));
    let shown = call(
        &Request::new(
            Method::Get,
            format!("{}/carrier/v1/shipments/{}/label.pdf", stack.url, booked.carrier_shipment_id),
        )
        .with_header(KEY.0, KEY.1),
    )
    .await
    .unwrap();
    assert_eq!(shown.body, booked.label_pdf, "the same label each time");
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let stack = Stack::start().await;
    let booked = purchase(&stack, &booking("shp_a_1_1")).await.unwrap();
    let other = Account { api_key: "sbx_other".into(), ..account(&stack) };
    let answer = call(&Sandbox.build_lookup(&other, &ShipmentId::parse("shp_a_1_1").unwrap())).await.unwrap();
    assert_eq!(Sandbox.read_lookup(&answer), Ok(vec![]));
    let answer = call(&Sandbox.build_void(&other, &booked.carrier_shipment_id)).await.unwrap();
    assert!(matches!(Sandbox.read_void(&answer), Err(CarrierError::Refused { .. })));
    let answer = call(&Sandbox.build_poll(&other, &booked.tracking_number)).await.unwrap();
    assert_eq!(answer.status, 404);
    let nobody = Account { api_key: "wrong".into(), ..account(&stack) };
    let answer = call(&Sandbox.build_booking(&nobody, &booking("shp_a_1_1"))).await.unwrap();
    assert_eq!(Sandbox.read_booking(&answer), Err(CarrierError::Unauthorised));
}

#[tokio::test]
async fn what_cannot_be_carried_is_refused_with_the_field() {
    let stack = Stack::start().await;
    let check = async |change: fn(&mut BookingRequest), field: &str| {
        let mut request = booking("shp_a_1_1");
        change(&mut request);
        let error = purchase(&stack, &request).await.unwrap_err();
        assert!(matches!(&error, CarrierError::Refused { field: Some(own), .. } if own == field), "{error}");
    };
    check(|b| b.service = "teleport".into(), "service").await;
    check(|b| b.parcel.weight_grams = 0, "parcel.weight_grams").await;
    check(|b| b.parcel.weight_grams = 50_001, "parcel.weight_grams").await;
    check(|b| b.parcel.height_mm = 2001, "parcel.length_mm").await;
    check(|b| b.recipient.address.city.clear(), "recipient.city").await;
    check(|b| b.recipient.address.country = "US".into(), "recipient.country").await;
    assert_eq!(count(&stack, "shp_a_1_1").await, 0);
}

#[tokio::test]
async fn prices_follow_weight_volume_and_cash() {
    let stack = Stack::start().await;
    let price = async |change: fn(&mut BookingRequest)| {
        let mut request = booking("shp_a_1_1");
        change(&mut request);
        let answer = call(&Sandbox.build_rates(&account(&stack), &request)).await.unwrap();
        let rates = Sandbox.read_rates(&answer).unwrap();
        rates.iter().map(|rate| (rate.service.clone(), rate.cost.amount_minor)).collect::<Vec<_>>()
    };
    let named = |prices: [(&str, i64); 3]| prices.map(|(name, minor)| (name.to_owned(), minor)).to_vec();
    let light = |b: &mut BookingRequest| {
        b.parcel = Parcel { weight_grams: 1000, length_mm: 200, width_mm: 150, height_mm: 100 }
    };
    assert_eq!(price(light).await, named([("pickup_point", 290), ("standard", 390), ("express", 690)]));
    let bulky =
        |b: &mut BookingRequest| b.parcel = Parcel { weight_grams: 100, length_mm: 500, width_mm: 400, height_mm: 100 };
    assert_eq!(price(bulky).await, named([("pickup_point", 410), ("standard", 570), ("express", 960)]));
    let cash = |b: &mut BookingRequest| {
        b.parcel = Parcel { weight_grams: 900, length_mm: 200, width_mm: 150, height_mm: 100 };
        b.cash_on_delivery = Some(domain::Money::new(10_000, domain::Currency::parse("EUR").unwrap()));
    };
    assert_eq!(price(cash).await, named([("pickup_point", 410), ("standard", 510), ("express", 810)]));
}

#[tokio::test]
async fn a_label_can_be_given_back_until_the_parcel_is_accepted() {
    let stack = Stack::start().await;
    let booked = purchase(&stack, &booking("shp_a_1_1")).await.unwrap();
    let void = async |id: &str| Sandbox.read_void(&call(&Sandbox.build_void(&account(&stack), id)).await.unwrap());
    assert_eq!(void(&booked.carrier_shipment_id).await.unwrap().refund, Some(booked.cost));
    assert_eq!(void(&booked.carrier_shipment_id).await.unwrap().refund, None, "the second void is a success, too");
    let answer = call(&Sandbox.build_lookup(&account(&stack), &ShipmentId::parse("shp_a_1_1").unwrap())).await.unwrap();
    assert!(Sandbox.read_lookup(&answer).unwrap()[0].voided);
    let moved = purchase(&stack, &booking("shp_a_1_1")).await.unwrap();
    let path = format!("/carrier/v1/shipments/{}/events", moved.carrier_shipment_id);
    assert_eq!(stack.send(Method::Post, &path, KEY, Some(json!({"status": "accepted"}))).await.0, 201);
    assert!(matches!(void(&moved.carrier_shipment_id).await, Err(CarrierError::Refused { .. })));
}

#[tokio::test]
async fn faults_do_or_do_not_buy_as_their_kind_says() {
    let stack = Stack::start().await;
    let check = async |kind: &str, reference: &str, bought: usize| {
        fault(&stack, json!({"kind": kind, "delay_ms": 1})).await;
        let result = purchase(&stack, &booking(reference)).await;
        assert_eq!(count(&stack, reference).await, bought, "{kind}");
        result
    };
    assert!(matches!(check("error_5xx", "shp_a_1_1", 0).await, Err(CarrierError::Indeterminate { .. })));
    assert!(matches!(
        check("answer_lost_after_purchase", "shp_a_1_2", 1).await,
        Err(CarrierError::Indeterminate { .. })
    ));
    assert!(matches!(check("malformed", "shp_a_1_3", 1).await, Err(CarrierError::Indeterminate { .. })));
    let limited = check("rate_limited", "shp_a_1_4", 0).await;
    assert_eq!(limited, Err(CarrierError::Unavailable { retry_after_seconds: Some(1) }));
    assert!(check("slow", "shp_a_1_5", 1).await.is_ok());
    assert!(purchase(&stack, &booking("shp_a_1_6")).await.is_ok(), "each fault hit once");
}

#[tokio::test]
async fn a_lost_answer_waits_for_a_purchase() {
    let stack = Stack::start().await;
    fault(&stack, json!({"kind": "answer_lost_after_purchase", "count": 2})).await;
    assert_eq!(count(&stack, "shp_a_1_1").await, 0, "a look-up is not hit");
    assert!(purchase(&stack, &booking("shp_a_1_1")).await.is_err());
    assert!(purchase(&stack, &booking("shp_a_1_1")).await.is_err());
    assert!(purchase(&stack, &booking("shp_a_1_1")).await.is_ok());
    assert_eq!(count(&stack, "shp_a_1_1").await, 3);
    fault(&stack, json!({"kind": "slow", "count": 5})).await;
    assert_eq!(stack.send(Method::Delete, "/carrier/v1/faults", KEY, None).await.0, 200);
    assert_eq!(stack.send(Method::Get, "/carrier/v1/faults", KEY, None).await.1, json!({"faults": []}));
    assert_eq!(stack.send(Method::Post, "/carrier/v1/faults", KEY, Some(json!({"kind": "gremlins"}))).await.0, 422);
}

/// What a merchant's endpoint took.
struct Endpoint {
    url: String,
    taken: mpsc::UnboundedReceiver<(Headers, Vec<u8>)>,
}

impl Endpoint {
    /// An endpoint that refuses the first `refusals` webhooks.
    async fn start(refusals: i64) -> Self {
        let (sender, taken) = mpsc::unbounded_channel();
        let left = Arc::new(AtomicI64::new(refusals));
        let handler = move |headers: axum::http::HeaderMap, body: axum::body::Bytes| {
            let (sender, left) = (sender.clone(), left.clone());
            async move {
                if left.fetch_sub(1, Ordering::SeqCst) > 0 {
                    return StatusCode::SERVICE_UNAVAILABLE;
                }
                let headers = headers.iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect();
                sender.send((headers, body.to_vec())).unwrap();
                StatusCode::NO_CONTENT
            }
        };
        let url = serve(Router::new().route("/hook", axum::routing::post(handler))).await;
        Self { url: format!("{url}/hook"), taken }
    }

    async fn next(&mut self, stack: &Stack) -> String {
        let (headers, body) = self.taken.recv().await.unwrap();
        let secrets = ["hush".to_owned()];
        Sandbox.verify_webhook(&secrets, &headers, &body, stack.clock.now()).unwrap();
        let events = Sandbox.parse_webhook(&body).unwrap();
        assert_eq!(events.len(), 1);
        events[0].carrier_code.clone()
    }

    async fn next_codes(&mut self, stack: &Stack, count: usize) -> Vec<String> {
        let mut codes = Vec::new();
        for _ in 0..count {
            codes.push(self.next(stack).await);
        }
        codes
    }
}

async fn listen(stack: &Stack, endpoint: &Endpoint) {
    let target = json!({"url": endpoint.url, "secret": "hush"});
    assert_eq!(stack.send(Method::Put, "/carrier/v1/webhook", KEY, Some(target)).await.0, 200);
}

async fn script(stack: &Stack, booked: &Booked, body: Value) {
    let path = format!("/carrier/v1/shipments/{}/script", booked.carrier_shipment_id);
    assert_eq!(stack.send(Method::Post, &path, KEY, Some(body)).await.0, 201);
}

/// Waits until no delivery is pending; the endpoint's answers drive the condition.
async fn settled(stack: &Stack) -> Value {
    loop {
        let (_, body) = stack.send(Method::Get, "/carrier/v1/deliveries", KEY, None).await;
        if body["pending"] == 0 {
            return body;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_whole_life_is_posted_signed_and_can_be_polled() {
    let stack = Stack::start().await;
    let mut endpoint = Endpoint::start(0).await;
    listen(&stack, &endpoint).await;
    let booked = purchase(&stack, &booking("shp_a_1_1")).await.unwrap();
    script(&stack, &booked, json!({"life": "delivered"})).await;
    let codes = endpoint.next_codes(&stack, 4).await;
    assert_eq!(codes, ["accepted", "in_transit", "out_for_delivery", "delivered"]);
    let answer = call(&Sandbox.build_poll(&account(&stack), &booked.tracking_number)).await.unwrap();
    let polled = Sandbox.read_poll(&answer).unwrap();
    assert!(polled.is_sorted_by(|a, b| a.occurred_at < b.occurred_at));
    assert_eq!(polled.last().unwrap().status, TrackingStatus::Delivered);
    assert_eq!(polled[0].reference, Some(ShipmentId::parse("shp_a_1_1").unwrap()));
    let page = call(&Request::new(Method::Get, booked.tracking_url.unwrap())).await.unwrap();
    let page = String::from_utf8(page.body).unwrap();
    assert!(page.contains("delivered") && !page.contains("Иван"), "{page}");
}

#[tokio::test]
async fn webhooks_come_twice_and_out_of_order_when_asked() {
    let stack = Stack::start().await;
    let mut endpoint = Endpoint::start(0).await;
    listen(&stack, &endpoint).await;
    let booked = purchase(&stack, &booking("shp_a_1_1")).await.unwrap();
    script(&stack, &booked, json!({"life": "refused", "order": "reversed", "times": 2})).await;
    let codes = endpoint.next_codes(&stack, 12).await;
    assert_eq!(codes[..4], ["returned", "returned", "return_to_sender", "return_to_sender"]);
    let mut shuffled = endpoint.next_codes(&stack, 0).await;
    script(&stack, &booked, json!({"life": "lost", "order": "shuffled", "times": 2})).await;
    shuffled.extend(endpoint.next_codes(&stack, 6).await);
    shuffled.sort();
    assert_eq!(shuffled, ["accepted", "accepted", "in_transit", "in_transit", "lost", "lost"]);
}

#[tokio::test]
async fn a_webhook_is_posted_again_until_it_is_taken() {
    let stack = Stack::start().await;
    let mut endpoint = Endpoint::start(3).await;
    listen(&stack, &endpoint).await;
    let booked = purchase(&stack, &booking("shp_a_1_1")).await.unwrap();
    let path = format!("/carrier/v1/shipments/{}/events", booked.carrier_shipment_id);
    stack.send(Method::Post, &path, KEY, Some(json!({"status": "beamed_up"}))).await;
    assert_eq!(endpoint.next(&stack).await, "beamed_up");
    let delivery = settled(&stack).await["deliveries"][0].take();
    assert_eq!(
        (&delivery["state"], &delivery["attempts"], &delivery["status"]),
        (&json!("delivered"), &json!(4), &json!(204))
    );
}

#[tokio::test]
async fn a_webhook_that_is_never_taken_is_given_up_and_sent_after_a_restart() {
    let stack = Stack::start().await;
    let refusing = Endpoint::start(i64::MAX).await;
    listen(&stack, &refusing).await;
    let booked = purchase(&stack, &booking("shp_a_1_1")).await.unwrap();
    let path = format!("/carrier/v1/shipments/{}/events", booked.carrier_shipment_id);
    stack.send(Method::Post, &path, KEY, Some(json!({"status": "accepted"}))).await;
    let delivery = settled(&stack).await["deliveries"][0].take();
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("failed"), &json!(6)));
    let mut endpoint = Endpoint::start(0).await;
    listen(&stack, &endpoint).await;
    let stack = stack.restart().await;
    assert_eq!(endpoint.next(&stack).await, "accepted");
}

#[tokio::test]
async fn what_was_bought_survives_a_restart() {
    let stack = Stack::start().await;
    let booked = purchase(&stack, &booking("shp_a_1_1")).await.unwrap();
    script(&stack, &booked, json!({"life": "return"})).await;
    let stack = stack.restart().await;
    let answer = call(&Sandbox.build_lookup(&account(&stack), &ShipmentId::parse("shp_a_1_1").unwrap())).await.unwrap();
    let found = Sandbox.read_lookup(&answer).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0].booked.tracking_number, &found[0].booked.label_pdf),
        (&booked.tracking_number, &booked.label_pdf)
    );
    let answer = call(&Sandbox.build_poll(&account(&stack), &booked.tracking_number)).await.unwrap();
    assert_eq!(Sandbox.read_poll(&answer).unwrap().len(), 3);
    let kept = std::fs::read_to_string(stack.dir.path().join("sandbox.jsonl")).unwrap();
    assert!(!kept.contains("sbx_test"), "keys are kept as digests only");
}

#[tokio::test]
async fn webhooks_go_to_this_machine_only() {
    let stack = Stack::start().await;
    for url in ["http://example.com:80/", "https://127.0.0.1:1/", "file:///etc/passwd"] {
        let target = json!({"url": url, "secret": "hush"});
        assert_eq!(stack.send(Method::Put, "/carrier/v1/webhook", KEY, Some(target)).await.0, 422, "{url}");
    }
}
