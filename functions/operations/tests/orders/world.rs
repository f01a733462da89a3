//! A merchant with items, a warehouse, a carrier account and keys of every scope; orders at every stage.

use domain::account::Scope;
use domain::address::{Address, Person};
use domain::aggregate::Actor;
use domain::incoming::{IncomingLine, IncomingOrder};
use domain::order::{AllocatedLine, Allocation, AllocationRule, IntakeFacts, Order};
use domain::pick_task::{Parcel, PickTask, PickTaskState};
use domain::shipment::{Label, Leg, Shipment, ShipmentPlan, ShippedLine};
use domain::stock::{StockChange, Term};
use domain::{
    CarrierAccountId, Currency, Decision, LocationId, MerchantId, Money, OrderId, PickTaskId, ShipmentId, Sku,
};
use operations::Operations;
use platform::documents::document_key;
use platform::items::{PersonRecord, order_key, pick_task_key, shipment_key};
use platform::{Function, Operation, Request, Response, Stored};
use serde_json::Value;
use std::collections::BTreeMap;
use testkit::Stack;

pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) merchant: MerchantId,
    pub(crate) tea: Sku,
    pub(crate) sofia: LocationId,
    pub(crate) account: CarrierAccountId,
    pub(crate) operations: String,
    pub(crate) merchants: String,
    pub(crate) floor: String,
    /// An operations key of another merchant.
    pub(crate) stranger: String,
}

pub(crate) async fn world() -> World {
    over(Stack::new()).await
}

pub(crate) async fn over(stack: Stack) -> World {
    let merchant = stack.merchant("acme").await;
    let other = stack.merchant("other").await;
    let tea = stack.item(&merchant, "TEA").await;
    let sofia = stack.location(&merchant, "SOF1").await;
    stack.location(&merchant, "VAR1").await;
    let account = stack.carrier_account(&merchant, "http://carrier.test").await;
    stack.stock(&merchant, &tea, &sofia, 100).await;
    World {
        operations: stack.api_key(&merchant, Scope::Operations).await,
        merchants: stack.api_key(&merchant, Scope::Merchant).await,
        floor: stack.api_key(&merchant, Scope::Floor).await,
        stranger: stack.api_key(&other, Scope::Operations).await,
        stack,
        merchant,
        tea,
        sofia,
        account,
    }
}

pub(crate) fn actor() -> Actor {
    Actor { person: "badge-7".to_owned(), station: "DOCK-1".to_owned() }
}

pub(crate) fn person() -> Person {
    let address = Address {
        line1: "бул. Витоша 1".to_owned(),
        city: "София".to_owned(),
        country: "BG".to_owned(),
        ..Address::default()
    };
    Person {
        name: "Мария Иванова".to_owned(),
        email: Some("maria@example.com".to_owned()),
        address,
        ..Person::default()
    }
}

impl World {
    pub(crate) async fn answer(&self, request: Request) -> Response {
        Operations.http(&self.stack.deps, request).await.unwrap_or_else(Response::from)
    }

    pub(crate) async fn call(&self, request: Request) -> (u16, Value) {
        testkit::read(Operations.http(&self.stack.deps, request).await)
    }

    async fn put<T: Stored>(&self, decision: Decision<T>) -> T {
        let key = decision.next.key();
        let operation = Operation::of(&["world", &key.pk, &key.sk, &self.stack.deps.ids.random(8)]);
        self.stack.deps.store.create(&operation, decision).await.unwrap().value.body
    }

    /// An order of 2 × TEA as intake leaves it; `change` makes the incoming document another one.
    pub(crate) async fn order_with(&self, number: &str, change: impl FnOnce(&mut IncomingOrder)) -> OrderId {
        let currency = Currency::parse("EUR").unwrap();
        let mut incoming = IncomingOrder {
            source_id: number.to_owned(),
            number: format!("#{number}"),
            placed_at: self.stack.now(),
            currency,
            total: Money::new(1000, currency),
            cash_on_delivery: None,
            payment_settled: true,
            lines: vec![IncomingLine {
                source_line_id: "l1".to_owned(),
                sku: Some(self.tea.clone()),
                title: "Tea".to_owned(),
                quantity: 2,
                unit_price_minor: 500,
            }],
            ship_to: Some(person()),
            delivery_method: None,
            note: Some("call first".to_owned()),
            priority: 0,
        };
        change(&mut incoming);
        let facts = IntakeFacts {
            merchant: self.merchant.clone(),
            channel: None,
            rule: AllocationRule::Split,
            known_skus: [self.tea.clone()].into_iter().collect(),
            content: number.to_owned(),
            now: self.stack.now(),
            hold_unpaid_stock_minutes: 0,
            min_remaining_shelf_life_days: 0,
        };
        let order = self.put(Order::receive(&incoming, &facts).unwrap()).await;
        let record = PersonRecord {
            order: order.id.clone(),
            content: order.content.clone(),
            person: incoming.ship_to,
            note: incoming.note,
            raw: PersonRecord::deflate(b"{}"),
        };
        self.put(Decision::of(record)).await;
        order.id
    }

    pub(crate) async fn order(&self, number: &str) -> OrderId {
        self.order_with(number, |_| {}).await
    }

    pub(crate) async fn load(&self, id: &OrderId) -> Order {
        self.stack.deps.store.require::<Order>(&order_key(id), "order").await.unwrap().body
    }

    pub(crate) async fn load_shipment(&self, id: &ShipmentId) -> Shipment {
        self.stack.deps.store.require::<Shipment>(&shipment_key(id), "shipment").await.unwrap().body
    }

    /// Changes a stored value behind the API's back.
    pub(crate) async fn change_order(&self, id: &OrderId, decide: impl Fn(&Order) -> Decision<Order>) {
        let operation = Operation::of(&["world", &self.stack.deps.ids.random(8)]);
        let store = &self.stack.deps.store;
        store
            .change::<Order, _>(&order_key(id), &operation, async |loaded| Ok(decide(&loaded.unwrap().body)))
            .await
            .unwrap();
    }

    /// Reserves the whole order at Sofia.
    pub(crate) async fn allocate(&self, id: &OrderId) {
        let (location, sku, at) = (self.sofia.clone(), self.tea.clone(), self.stack.now());
        self.change_order(id, |order| {
            let lines = vec![AllocatedLine { line: 1, quantity: 2 }];
            let allocated = order.allocated(vec![Allocation::plain(location.clone(), lines)], &String::new(), at);
            allocated.with_stock([StockChange::reserve(&sku, &location, 2)])
        })
        .await;
    }

    /// The order's task, packed or not, with its units picked.
    pub(crate) async fn task(&self, id: &OrderId, is_packed: bool) -> PickTaskId {
        let order = self.load(id).await;
        let at = self.stack.now();
        let mut task = PickTask::create(&order, &order.fulfillment_orders[0], &BTreeMap::new(), at).unwrap().next;
        let mut stock = Vec::new();
        if is_packed {
            task.state = PickTaskState::Packed;
            task.parcel = Some(PARCEL);
            task.history.record_by(at, "packed", None, &actor());
            stock.push(StockChange::shift(&self.tea, &self.sofia, 2, Term::Reserved, Term::Picked));
            let key = document_key(id, &task.packing_slip());
            self.stack.deps.documents.put(&key, "application/pdf", b"slip".to_vec()).await.unwrap();
        }
        let task = self.put(Decision::of(task).with_stock(stock)).await;
        self.stack.deps.store.require::<PickTask>(&pick_task_key(&task.id), "task").await.unwrap();
        task.id
    }

    /// A shipment of the order whose label is being bought.
    pub(crate) async fn intent(&self, id: &OrderId) -> ShipmentId {
        let plan = ShipmentPlan {
            id: ShipmentId::of(id, 1),
            order: id.clone(),
            leg: Leg::Outbound,
            location: self.sofia.clone(),
            carrier_account: Some(self.account.clone()),
            service: "standard".to_owned(),
            parcel: PARCEL,
            contents: vec![ShippedLine { line: 1, sku: self.tea.clone(), lot: None, quantity: 2 }],
            cash_on_delivery_minor: None,
        };
        self.put(Shipment::intend(plan, "claim".to_owned(), self.stack.now())).await.id
    }

    pub(crate) async fn change_shipment(&self, id: &ShipmentId, decide: impl Fn(&Shipment) -> Decision<Shipment>) {
        let operation = Operation::of(&["world", &self.stack.deps.ids.random(8)]);
        let store = &self.stack.deps.store;
        store
            .change::<Shipment, _>(&shipment_key(id), &operation, async |loaded| Ok(decide(&loaded.unwrap().body)))
            .await
            .unwrap();
    }

    /// An order that is packed and labelled, with its documents in the bucket.
    pub(crate) async fn labelled(&self, number: &str) -> (OrderId, ShipmentId) {
        let id = self.order(number).await;
        self.allocate(&id).await;
        self.task(&id, true).await;
        let shipment = self.intent(&id).await;
        let at = self.stack.now();
        let label = Label {
            carrier_shipment_id: format!("carrier-{number}"),
            tracking_number: format!("TRK{number}"),
            tracking_url: None,
            cost: Money::new(450, Currency::parse("EUR").unwrap()),
            pdf_key: document_key(&id, "label-1.pdf"),
            zpl_key: document_key(&id, "label-1.zpl"),
        };
        for (key, bytes) in [(&label.pdf_key, "pdf"), (&label.zpl_key, "zpl")] {
            self.stack.deps.documents.put(key, "text/plain", bytes.as_bytes().to_vec()).await.unwrap();
        }
        self.change_shipment(&shipment, |shipment| shipment.label_bought(label.clone(), at)).await;
        (id, shipment)
    }
}

pub(crate) const PARCEL: Parcel = Parcel { weight_grams: 500, length_mm: 200, width_mm: 100, height_mm: 50 };

pub(crate) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}
