//! The demo's orders, from the shop's webhook to the shopper's door and back.

use super::api::{StepError, must, same, send, text};
use super::setup::World;
use crate::sandbox::{Payment, ShopOrder, shopify_order};
use domain::address::{Address, Person};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// What became of one order, for the table at the end.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// The shop's number.
    pub(super) number: String,
    /// The order's id; absent when it was refused.
    pub(super) order: Option<String>,
    /// What it shows.
    pub(super) story: &'static str,
    /// Links: name and URL.
    pub(super) documents: Vec<(String, String)>,
}

/// Plays orders of one shop; numbers and times come from the start of the demo.
pub(super) struct Scenario<'a> {
    world: &'a World,
    started: Timestamp,
    next: u32,
    printed: std::collections::BTreeMap<String, usize>,
}

fn shopper(name: &str, email: &str, city: &str, line1: &str) -> Person {
    Person {
        name: name.to_owned(),
        company: None,
        email: Some(email.to_owned()),
        phone: Some("+359888123456".to_owned()),
        address: Address {
            line1: line1.to_owned(),
            line2: None,
            city: city.to_owned(),
            region: None,
            postal_code: Some("1000".to_owned()),
            country: "BG".to_owned(),
        },
    }
}

impl<'a> Scenario<'a> {
    /// A scenario that begins now.
    #[must_use]
    pub(super) fn new(world: &'a World, started: Timestamp) -> Self {
        Self { world, started, next: 1001, printed: std::collections::BTreeMap::new() }
    }

    fn order(&mut self, person: Person) -> ShopOrder {
        let number = self.next;
        self.next += 1;
        let id = u64::try_from(self.started.as_millisecond()).unwrap_or(0) * 100 + u64::from(number % 100);
        ShopOrder::new(id, number, self.started - SignedDuration::from_secs(30), person)
    }

    /// The shop places the order and sends its webhook; gives the order's id.
    async fn place(&self, order: &ShopOrder) -> Result<String, StepError> {
        self.world.shop_admin.post("/shop/admin/orders", &order.body()).await?;
        let request = shopify_order(order, &self.world.shop, &self.world.webhook_url, self.started);
        let body = must("the shop's webhook", send(&request).await?, &[201])?;
        text(&body, "/id")
    }

    /// Prints what is new on the order's timeline.
    async fn show(&mut self, number: &str, order: &str) -> Result<(), StepError> {
        let body = self.world.operations.get(&format!("/v1/orders/{order}")).await?;
        let timeline = body["timeline"].as_array().cloned().unwrap_or_default();
        let from = self.printed.insert(order.to_owned(), timeline.len()).unwrap_or(0);
        for entry in timeline.iter().skip(from) {
            let field = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let at = field("at");
            let time = at.get(11..19).unwrap_or(&at);
            let who = entry["person"].as_str().map(|person| format!("  by {person}")).unwrap_or_default();
            println!("  {number:<8} {time}  {:<10} {:<22} {}{who}", field("object"), field("event"), field("note"));
        }
        Ok(())
    }

    async fn documents(&self, order: &str, shipment: &str) -> Result<Vec<(String, String)>, StepError> {
        let label = self.world.operations.get(&format!("/v1/shipments/{shipment}/label?format=pdf")).await?;
        let body = self.world.operations.get(&format!("/v1/orders/{order}")).await?;
        let task = text(&body, "/pick_tasks/0/id")?;
        let slip = self.world.operations.get(&format!("/v1/pick-tasks/{task}/packing-slip")).await?;
        Ok(vec![("label".to_owned(), text(&label, "/url")?), ("packing slip".to_owned(), text(&slip, "/url")?)])
    }

    /// Two lines, a discount, Cyrillic; delivered, with tracking backwards and twice; one unit comes back and is restocked.
    ///
    /// # Errors
    /// [`StepError`].
    pub(super) async fn delivered_and_returned(&mut self) -> Result<Outcome, StepError> {
        let person = shopper("Мария Иванова", "maria@example.org", "София", "ул. „Граф Игнатиев“ 12, ап. 4");
        let order = self
            .order(person)
            .line("TEA-GREEN-100", "Зелен чай 100 г", 2, 890)
            .discount(178)
            .line("CUP-BLUE", "Чаша синя", 1, 1450)
            .note("Моля, без фактура");
        let id = self.place(&order).await?;
        let number = "#1001";
        let tasks = self.tasks(&id, 1).await?;
        self.world.pick_and_pack(&tasks[0]).await?;
        let shipment = self.world.labels(&id, 1).await?.remove(0).0;
        self.show(number, &id).await?;
        let documents = self.documents(&id, &shipment).await?;
        self.world.close_out().await?;
        self.world.order_is(&id, "fulfilment", "fulfilled").await?;
        self.world.play(&shipment, "delivered", "reversed", 2).await?;
        self.world.order_is(&id, "delivery", "delivered").await?;
        self.show(number, &id).await?;
        self.send_back(&id, number).await?;
        self.show(number, &id).await?;
        Ok(Outcome {
            number: number.to_owned(),
            order: Some(id),
            story: "delivered; one unit returned and restocked",
            documents,
        })
    }

    async fn send_back(&mut self, order: &str, number: &str) -> Result<(), StepError> {
        let body = json!({
            "order": order, "email": "Maria@example.org", "kind": "withdrawal",
            "lines": [{"sku": "CUP-BLUE", "quantity": 1, "reason": "changed_mind"}],
        });
        let opened = self.world.shopkeeper.post("/v1/returns", &body).await?;
        let id = text(&opened, "/id")?;
        let path = format!("/v1/returns/{id}");
        let what = format!("a label for the return of {number}");
        self.world.operations.until(&what, &path, |body| (body["state"] == "label_issued").then_some(())).await?;
        let actor = json!({"person": "badge-07", "station": "DOCK-1"});
        let received = json!({"location": "SOF1", "lines": [{"sku": "CUP-BLUE", "quantity": 1}], "actor": actor});
        self.world.floor.post(&format!("{path}/receive"), &received).await?;
        let inspected =
            json!({"lines": [{"sku": "CUP-BLUE", "quantity": 1, "disposition": "restock"}], "actor": actor});
        self.world.floor.post(&format!("{path}/inspect"), &inspected).await?;
        let body = self.world.operations.get(&path).await?;
        same("refund of one cup, cents", body.pointer("/refund/amount_minor").and_then(Value::as_i64), Some(1450))?;
        self.world.order_is(order, "money", "refunded").await.map(drop)
    }

    /// What one location alone does not have: two parcels.
    ///
    /// # Errors
    /// [`StepError`].
    pub(super) async fn split(&mut self) -> Result<Outcome, StepError> {
        let person = shopper("Георги Петров", "georgi@example.org", "Пловдив", "бул. „Марица“ 5");
        let order = self.order(person).line("HONEY-ACACIA-400", "Акациев мед", 1, 1290).line(
            "JAM-FIG-300",
            "Сладко от смокини",
            2,
            790,
        );
        let id = self.place(&order).await?;
        let number = "#1002";
        for task in self.tasks(&id, 2).await? {
            self.world.pick_and_pack(&task).await?;
        }
        let labels = self.world.labels(&id, 2).await?;
        self.world.close_out().await?;
        self.world.order_is(&id, "fulfilment", "fulfilled").await?;
        for (shipment, _) in &labels {
            self.world.play(shipment, "delivered", "shuffled", 1).await?;
        }
        self.world.order_is(&id, "delivery", "delivered").await?;
        self.show(number, &id).await?;
        let documents = self.documents(&id, &labels[0].0).await?;
        Ok(Outcome {
            number: number.to_owned(),
            order: Some(id),
            story: "split over two locations, both parcels delivered",
            documents,
        })
    }

    /// The same webhook twice is one order; another body under its number is refused.
    ///
    /// # Errors
    /// [`StepError`].
    pub(super) async fn duplicate(&mut self) -> Result<Outcome, StepError> {
        let person = shopper("Elena Димитрова", "elena@example.org", "Варна", "ул. „Приморска“ 7");
        let order = self.order(person.clone()).line("SOAP-ROSE", "Сапун с роза", 1, 490);
        let first = self.place(&order).await?;
        let request = shopify_order(&order, &self.world.shop, &self.world.webhook_url, self.started);
        let again = must("the webhook's second delivery", send(&request).await?, &[201])?;
        same("the order of the second delivery", text(&again, "/id")?, first.clone())?;
        self.next -= 1;
        let other = self.order(person).line("SOAP-ROSE", "Сапун с роза", 5, 490);
        let request = shopify_order(&other, &self.world.shop, &self.world.webhook_url, self.started);
        must("another body under the same number", send(&request).await?, &[409])?;
        let number = "#1003";
        let tasks = self.tasks(&first, 1).await?;
        self.world.pick_and_pack(&tasks[0]).await?;
        let shipment = self.world.labels(&first, 1).await?.remove(0).0;
        self.world.close_out().await?;
        self.world.play(&shipment, "delivered", "in_order", 1).await?;
        self.world.order_is(&first, "delivery", "delivered").await?;
        self.show(number, &first).await?;
        let documents = self.documents(&first, &shipment).await?;
        Ok(Outcome {
            number: number.to_owned(),
            order: Some(first),
            story: "webhook delivered twice: one order, one parcel",
            documents,
        })
    }

    /// A wrong signature: refused, nothing stored.
    ///
    /// # Errors
    /// [`StepError`].
    pub(super) async fn forged(&mut self) -> Result<Outcome, StepError> {
        let order = self.order(shopper("M. Allory", "m@example.org", "София", "1")).line("CUP-BLUE", "Чаша", 1, 1450);
        let mut shop = self.world.shop.clone();
        shop.secret.push('x');
        let request = shopify_order(&order, &shop, &self.world.webhook_url, self.started);
        must("a webhook with a wrong signature", send(&request).await?, &[401])?;
        Ok(Outcome {
            number: "#1004".to_owned(),
            order: None,
            story: "wrong signature: refused with 401",
            documents: vec![],
        })
    }

    /// More than there is: waits, and is filled by the next receipt.
    ///
    /// # Errors
    /// [`StepError`].
    pub(super) async fn backordered(&mut self) -> Result<Outcome, StepError> {
        let person = shopper("Иван Колев", "ivan@example.org", "Русе", "ул. „Дунав“ 3");
        let order = self.order(person).line("POT-CLAY-1L", "Глинен чайник", 12, 3990);
        let id = self.place(&order).await?;
        let number = "#1005";
        self.world.order_is(&id, "fulfilment", "backordered").await?;
        self.show(number, &id).await?;
        self.world.receive("POT-CLAY-1L", "SOF1", 20).await?;
        let tasks = self.tasks(&id, 1).await?;
        self.world.pick_and_pack(&tasks[0]).await?;
        let shipment = self.world.labels(&id, 1).await?.remove(0).0;
        self.world.close_out().await?;
        self.world.play(&shipment, "delivered", "shuffled", 2).await?;
        self.world.order_is(&id, "delivery", "delivered").await?;
        self.show(number, &id).await?;
        let documents = self.documents(&id, &shipment).await?;
        Ok(Outcome {
            number: number.to_owned(),
            order: Some(id),
            story: "more than there was: waited, filled by a receipt",
            documents,
        })
    }

    /// Cash on delivery, refused at the door: a return opens by itself, the goods come back into stock.
    ///
    /// # Errors
    /// [`StepError`].
    pub(super) async fn refused(&mut self) -> Result<Outcome, StepError> {
        let person = shopper("Стоян Христов", "stoyan@example.org", "Бургас", "ул. „Александровска“ 21");
        let order = self
            .order(person)
            .line("TOWEL-LINEN", "Ленена кърпа", 2, 1190)
            .line("CANDLE-BEESWAX", "Свещ", 1, 990)
            .payment(Payment::CashOnDelivery);
        let id = self.place(&order).await?;
        let number = "#1006";
        let tasks = self.tasks(&id, 1).await?;
        self.world.pick_and_pack(&tasks[0]).await?;
        let shipment = self.world.labels(&id, 1).await?.remove(0).0;
        let documents = self.documents(&id, &shipment).await?;
        self.world.close_out().await?;
        self.world.play(&shipment, "refused", "shuffled", 2).await?;
        let what = format!("a return of {number} by itself");
        let path = format!("/v1/orders/{id}");
        let opened = self
            .world
            .operations
            .until(&what, &path, |body| body.pointer("/returns/0/id").and_then(Value::as_str).map(str::to_owned))
            .await?;
        let path = format!("/v1/returns/{opened}");
        let body = self.world.operations.get(&path).await?;
        same("kind of the return", body["kind"].as_str(), Some("refused"))?;
        let actor = json!({"person": "badge-07", "station": "DOCK-1"});
        let lines = json!([{"sku": "TOWEL-LINEN", "quantity": 2}, {"sku": "CANDLE-BEESWAX", "quantity": 1}]);
        self.world
            .floor
            .post(&format!("{path}/receive"), &json!({"location": "SOF1", "lines": lines, "actor": actor}))
            .await?;
        let lines = json!([
            {"sku": "TOWEL-LINEN", "quantity": 2, "disposition": "restock"},
            {"sku": "CANDLE-BEESWAX", "quantity": 1, "disposition": "quarantine", "note": "wick broken"},
        ]);
        self.world.floor.post(&format!("{path}/inspect"), &json!({"lines": lines, "actor": actor})).await?;
        let body = self.world.operations.get(&path).await?;
        same("refund of a refused parcel", body.get("refund").is_none_or(Value::is_null), true)?;
        self.show(number, &id).await?;
        Ok(Outcome {
            number: number.to_owned(),
            order: Some(id),
            story: "cash on delivery, refused: returned by itself, inspected",
            documents,
        })
    }

    async fn tasks(&self, order: &str, count: usize) -> Result<Vec<String>, StepError> {
        self.world.pick_tasks(order, count).await
    }
}
