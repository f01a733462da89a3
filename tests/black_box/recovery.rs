//! Disaster: the tables and documents come back as they were at an instant, every queue and stream position is gone, and partners
//! know more than we do. Nothing is lost, nothing is bought twice, the stock adds up. Of `cargo local` alone, as `restart`.

use crate::shop::{live_labels, now, shopper, units, webhook};
use crate::stack::{Process, free_ports, template};
use infra::demo::api::{Api, send};
use infra::demo::setup::{World, set_up};
use infra::sandbox::ShopOrder;
use jiff::{SignedDuration, Timestamp};
use partners::http::{Method, Request};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

const SKU: &str = "CUP-BLUE";
/// How long ago the backup is made to be: longer than anything waits for its first look, and a carrier for being asked.
const AGO: SignedDuration = SignedDuration::from_hours(25);

fn sklad(data: &Path, command: &str, directory: &Path) -> Output {
    let mut sklad = Command::new(env!("CARGO_BIN_EXE_sklad"));
    sklad.arg("--data").arg(data).arg("--template").arg(template()).arg(command).arg(directory).output().unwrap()
}

fn done(data: &Path, command: &str, directory: &Path) {
    let output = sklad(data, command, directory);
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes the backup as if it had been taken a day earlier: every instant in it is [`AGO`] earlier, in keys, too.
fn age(backup: &Path) {
    let mut moved = 0;
    for entry in std::fs::read_dir(backup.join("tables")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (aged, count) = earlier(&text);
        moved += count;
        std::fs::write(&path, aged).unwrap();
    }
    assert!(moved > 100, "only {moved} instants were found");
}

/// The text with each UTC instant in it earlier, in the same form; and how many there were.
fn earlier(text: &str) -> (String, usize) {
    const FORM: &str = "0000-00-00T00:00:00";
    let bytes = text.as_bytes();
    let (mut aged, mut at, mut kept, mut count) = (String::new(), 0, 0, 0);
    while at + FORM.len() < bytes.len() {
        let is_instant = FORM.bytes().zip(&bytes[at..]).all(|(form, byte)| match form {
            b'0' => byte.is_ascii_digit(),
            other => other == *byte,
        });
        let digits = if is_instant && bytes[at + FORM.len()] == b'.' {
            bytes[at + FORM.len() + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count()
        } else {
            0
        };
        let end = at + FORM.len() + if digits > 0 { digits + 1 } else { 0 };
        if is_instant && bytes.get(end) == Some(&b'Z') {
            let instant: Timestamp = text[at..=end].parse().unwrap();
            aged.push_str(&text[kept..at]);
            aged.push_str(&format!("{:.digits$}", instant - AGO));
            (at, kept) = (end + 1, end + 1);
            count += 1;
        } else {
            at += 1;
        }
    }
    aged.push_str(&text[kept..]);
    (aged, count)
}

#[test]
fn every_instant_of_a_text_moves_and_nothing_else() {
    let text =
        r#"{"a":{"S":"2026-01-01T00:30:00Z"},"k":"2026-01-01T00:30:00.123456Z#ord_2026-01-01T","d":"2026-01-01"} 000Z"#;
    let moved =
        r#"{"a":{"S":"2025-12-30T23:30:00Z"},"k":"2025-12-30T23:30:00.123456Z#ord_2026-01-01T","d":"2026-01-01"} 000Z"#;
    assert_eq!(earlier(text), (moved.to_owned(), 2));
}

/// A disaster in the making: a world, and where it runs.
struct Scene {
    data: tempfile::TempDir,
    ports: [u16; 3],
    process: Process,
    world: World,
    now: Timestamp,
}

impl Scene {
    async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let ports = free_ports();
        let (process, endpoints) = Process::start(data.path(), ports).await;
        let world = set_up(&endpoints, "Recovery").await.unwrap();
        world.stock_up(|_, location| if location == "SOF1" { 20 } else { 0 }).await.unwrap();
        Self { data, ports, process, world, now: now() }
    }

    fn order(&self, number: u32, quantity: u32) -> ShopOrder {
        ShopOrder::new(u64::from(number), number, self.now, shopper()).line(SKU, "Чаша", quantity, 100)
    }

    /// The shop sends its webhook; gives the order's id.
    async fn webhook(&self, order: &ShopOrder) -> String {
        webhook(&self.world, order, self.now).await
    }

    async fn placed(&self, number: u32, quantity: u32) -> String {
        let order = self.order(number, quantity);
        self.world.shop_admin.post("/shop/admin/orders", &order.body()).await.unwrap();
        self.webhook(&order).await
    }

    /// Picks, packs and waits for the label; gives the shipment.
    async fn labelled(&self, order: &str) -> String {
        let task = self.world.pick_tasks(order, 1).await.unwrap().remove(0);
        self.world.pick_and_pack(&task).await.unwrap();
        self.world.labels(order, 1).await.unwrap().remove(0).0
    }

    async fn handed_over(&self, order: &str) -> String {
        let shipment = self.labelled(order).await;
        self.world.close_out_one(&shipment).await.unwrap();
        self.world.order_is(order, "fulfilment", "fulfilled").await.unwrap();
        shipment
    }

    async fn delivered(&self, order: &str, shipment: &str) {
        self.world.play(shipment, "delivered", "in_order", 1).await.unwrap();
        self.world.order_is(order, "delivery", "delivered").await.unwrap();
    }

    /// What the sweeper does each minute, now.
    async fn sweep(&self) {
        let url = format!("http://127.0.0.1:{}/_sklad/functions/sweeper/invocations", self.ports[1]);
        let mut request = Request::new(Method::Post, url);
        let event = json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}});
        request.body = event.to_string().into_bytes();
        let (status, answer) = send(&request).await.unwrap();
        assert_eq!(status, 200, "{answer}");
    }

    /// The disaster: everything stops at once, and what the backup has takes the place of what there was.
    async fn restored(mut self, backup: &Path) -> Self {
        self.process.kill();
        done(self.data.path(), "restore", backup);
        self.process = Process::start(self.data.path(), self.ports).await.0;
        self.sweep().await;
        self
    }

    /// Labels that the carrier has sold for this shipment and that were not given back.
    async fn live_labels(&self, shipment: &str) -> usize {
        live_labels(&self.world, shipment).await
    }

    /// Waits, sweeping, until an audit of the item is over; gives its drifts.
    async fn audit(&self) -> Vec<Value> {
        let begun = self.world.operations.post("/v1/stock-audits", &json!({"skus": [SKU]})).await.unwrap();
        let path = format!("/v1/stock-audits/{}", begun["id"].as_str().unwrap());
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
        loop {
            self.sweep().await;
            let audit = self.world.operations.get(&path).await.unwrap();
            if audit["state"] == "done" {
                assert_eq!(audit["not_judged"], json!([]), "{audit}");
                return audit["drifts"].as_array().unwrap().clone();
            }
            assert!(std::time::Instant::now() < deadline, "{audit}");
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    }

    async fn units(&self, term: &str) -> i64 {
        units(&self.world, SKU, term).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_every_order_goes_on_to_its_end_and_no_label_is_bought_twice() {
    let scene = Scene::new().await;
    // One order at each stage, so that each step's message is lost once.
    let returned = scene.placed(1, 1).await;
    let shipment = scene.handed_over(&returned).await;
    scene.delivered(&returned, &shipment).await;
    let lines = json!([{"sku": SKU, "quantity": 1, "reason": "changed_mind"}]);
    let request = json!({"order": returned, "email": "ana@example.org", "kind": "withdrawal", "lines": lines});
    let back = scene.world.shopkeeper.post("/v1/returns", &request).await.unwrap()["id"].as_str().unwrap().to_owned();
    let under_way = scene.placed(2, 1).await;
    let on_the_road = scene.handed_over(&under_way).await;
    let labelled = scene.placed(3, 1).await;
    let at_the_dock = scene.labelled(&labelled).await;
    let half_picked = scene.placed(4, 2).await;
    let half = scene.world.pick_tasks(&half_picked, 1).await.unwrap().remove(0);
    let picker = json!({"person": "badge-17", "station": "PICK-1"});
    let task = format!("/v1/pick-tasks/{half}");
    scene.world.floor.post(&format!("{task}/claim"), &json!({"actor": picker})).await.unwrap();
    let lines = scene.world.floor.get(&task).await.unwrap();
    let barcode = lines["lines"][0]["barcodes"][0].as_str().unwrap_or(SKU).to_owned();
    let scan = json!({"barcode": barcode, "quantity": 1, "actor": picker});
    scene.world.floor.post(&format!("{task}/scans"), &scan).await.unwrap();
    let allocated = scene.placed(5, 1).await;
    scene.world.pick_tasks(&allocated, 1).await.unwrap();
    let fresh = scene.placed(6, 1).await;
    let backup = tempfile::tempdir().unwrap();
    done(scene.data.path(), "backup", backup.path());

    // The time that is lost: labels are bought, parcels go, an order comes in, of which our tables will know nothing.
    let bought = scene.labelled(&allocated).await;
    scene.world.close_out_one(&at_the_dock).await.unwrap();
    scene.delivered(&under_way, &on_the_road).await;
    let lost = scene.placed(7, 1).await;
    let lost_label = scene.labelled(&lost).await;

    age(backup.path());
    let scene = scene.restored(backup.path()).await;
    assert!(scene.world.operations.get(&format!("/v1/orders/{lost}")).await.is_err(), "it came after the backup");
    // The shop sends again what it sent since: the same order under the same id.
    assert_eq!(scene.webhook(&scene.order(7, 1)).await, lost);
    assert_eq!(scene.labelled(&lost).await, lost_label);
    assert_eq!(scene.labelled(&allocated).await, bought);
    let newest = scene.labelled(&fresh).await;
    scene.world.floor.post(&format!("{task}/scans"), &scan).await.unwrap();
    let parcel = json!({"weight_grams": 400, "length_mm": 300, "width_mm": 200, "height_mm": 150});
    scene.world.floor.post(&format!("{task}/pack"), &json!({"parcel": parcel, "actor": picker})).await.unwrap();
    let halves = scene.world.labels(&half_picked, 1).await.unwrap().remove(0).0;
    // What the carrier told in the lost time it tells again when it is asked.
    scene.world.order_is(&under_way, "delivery", "delivered").await.unwrap();
    let what = "a label for the return";
    let labelled_return = |body: &Value| (body["state"] == "label_issued").then_some(());
    scene.world.operations.until(what, &format!("/v1/returns/{back}"), labelled_return).await.unwrap();

    assert_eq!(scene.world.close_out().await.unwrap(), 5);
    let parcels = [
        (&labelled, &at_the_dock),
        (&half_picked, &halves),
        (&allocated, &bought),
        (&fresh, &newest),
        (&lost, &lost_label),
    ];
    for (order, shipment) in parcels {
        scene.world.order_is(order, "fulfilment", "fulfilled").await.unwrap();
        scene.delivered(order, shipment).await;
    }
    let actor = json!({"person": "badge-07", "station": "DOCK-1"});
    let received = json!({"location": "SOF1", "lines": [{"sku": SKU, "quantity": 1}], "actor": actor});
    scene.world.floor.post(&format!("/v1/returns/{back}/receive"), &received).await.unwrap();
    let inspected = json!({"lines": [{"sku": SKU, "quantity": 1, "disposition": "restock"}], "actor": actor});
    scene.world.floor.post(&format!("/v1/returns/{back}/inspect"), &inspected).await.unwrap();

    for shipment in [&shipment, &on_the_road].into_iter().chain(parcels.map(|(_, shipment)| shipment)) {
        assert_eq!(scene.live_labels(shipment).await, 1, "{shipment}");
    }
    // Twenty came in, eight went out, one came back.
    assert_eq!((scene.units("on_hand").await, scene.units("available").await), (13, 13));
    assert_eq!(scene.audit().await, Vec::<Value>::new());
    let told_once = |state: &Value| {
        let parts =
            state["orders"].as_array()?.iter().filter_map(|order| order["fulfilment_orders"].as_array()).flatten();
        let told: Vec<usize> = parts.map(|part| part["fulfilments"].as_array().map_or(0, Vec::len)).collect();
        (told == [1; 7]).then_some(())
    };
    scene.world.shop_admin.until("each parcel told to the shop once", "/shop/admin/state", told_once).await.unwrap();
    scene.process.kill();
}

/// Tables of different instants, as when they are restored one by one: what they hold against each other is found and mended.
#[tokio::test(flavor = "multi_thread")]
async fn tables_of_different_instants_are_found_out_and_mended() {
    let scene = Scene::new().await;
    let labelled = scene.placed(1, 1).await;
    let early = tempfile::tempdir().unwrap();
    scene.world.pick_tasks(&labelled, 1).await.unwrap();
    done(scene.data.path(), "backup", early.path());
    let bought = scene.labelled(&labelled).await;
    let second = scene.placed(2, 3).await;
    scene.world.pick_tasks(&second, 1).await.unwrap();
    let late = tempfile::tempdir().unwrap();
    done(scene.data.path(), "backup", late.path());
    // Levels and tasks are the later ones: they know of units promised and picked of which the orders know nothing.
    for table in ["orders", "shipments", "people", "returns"] {
        let file = format!("tables/{table}.jsonl");
        std::fs::copy(early.path().join(&file), late.path().join(&file)).unwrap();
    }
    let manifest = late.path().join("backup.json");
    let mut mixed: Value = serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();
    let earlier: Value = serde_json::from_slice(&std::fs::read(early.path().join("backup.json")).unwrap()).unwrap();
    for table in ["orders", "shipments", "people", "returns"] {
        mixed["tables"][table] = earlier["tables"][table].clone();
    }
    std::fs::write(&manifest, mixed.to_string()).unwrap();
    age(late.path());
    let scene = scene.restored(late.path()).await;

    // The packed task without a shipment is booked again; the carrier has its label already.
    assert_eq!(scene.world.labels(&labelled, 1).await.unwrap().remove(0).0, bought);
    assert_eq!(scene.live_labels(&bought).await, 1);
    scene.world.close_out_one(&bought).await.unwrap();
    scene.world.order_is(&labelled, "fulfilment", "fulfilled").await.unwrap();
    // Three units are promised to an order that is not there: the auditor proves it, and a person says what is true.
    let drifts = scene.audit().await;
    assert_eq!(drifts.len(), 1, "{drifts:?}");
    assert!(drifts[0].to_string().contains("reserved"), "{drifts:?}");
    scene.process.kill();
}

/// What the CLI refuses, it refuses before it has changed anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_not_whole_is_refused_and_a_running_stack_is_not_restored_over() {
    let scene = Scene::new().await;
    let backup = tempfile::tempdir().unwrap();
    done(scene.data.path(), "backup", backup.path());
    let run = |command: &str, directory: &Path| {
        let output = sklad(scene.data.path(), command, directory);
        assert!(!output.status.success(), "{command}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(run("restore", backup.path()).contains("another `cargo local` runs"));
    assert!(run("backup", backup.path()).contains("is not empty"));
    let half = tempfile::tempdir().unwrap();
    assert!(run("restore", half.path()).contains("no whole backup"));
    let api = Api::new(&format!("http://127.0.0.1:{}", scene.ports[0]), "");
    assert!(api.get("/v1/health").await.is_ok(), "it goes on");
    scene.process.kill();
}
