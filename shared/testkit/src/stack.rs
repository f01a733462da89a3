//! A ready stack for handler tests: the engine with every table and queue, functions' dependencies over the real SDK.

use crate::connector::{ENDPOINT, EngineConnector, Faults, Handler};
use crate::tables::TABLES;
use crate::time::{TestClock, TestIds};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector};
use domain::account::{ApiKey, CarrierAccount, Channel, Location, Merchant, Scope};
use domain::address::Address;
use domain::catalogue::Item;
use domain::lot_record::LotRecord;
use domain::order::AllocationRule;
use domain::stock::{Level, LevelId, Movement, MovementKind, StockChange, Term};
use domain::{ApiKeyId, CarrierAccountId, ChannelId, Decision, LocationId, MerchantId, Message, Queue, ReceiptId, Sku};
use engine::Engine;
use engine::queues::AttributeChanges;
use platform::deps::Seams;
use platform::items::{Receipt, SealedCarrierAccount, SealedChannel, StoredItem, StoredLevel, StoredLocation};
use platform::level::level_key;
use platform::stream::StreamRecord;
use platform::{Deps, Operation, Settings, Stored};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The bucket's name in tests.
pub const BUCKET: &str = "documents";
/// The webhook secret of [`Stack::channel`] and [`Stack::carrier_account`], in the form of Standard Webhooks.
pub const WEBHOOK_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Engine, clock, and what functions need.
#[derive(Clone)]
pub struct Stack {
    /// The local AWS.
    pub engine: Engine,
    /// Time: only [`TestClock::advance`] moves it.
    pub clock: TestClock,
    /// What handlers take.
    pub deps: Deps,
    read_up_to: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

/// How a stack is built: faults and partners are chosen before the first call.
#[derive(Default)]
pub struct StackBuilder {
    faults: Option<Arc<dyn Faults>>,
    partners: Vec<(String, Handler)>,
}

impl StackBuilder {
    /// Has `faults` decide over every call.
    #[must_use]
    pub fn faults(mut self, faults: Arc<dyn Faults>) -> Self {
        self.faults = Some(faults);
        self
    }

    /// Answers requests whose URL starts with `prefix`.
    #[must_use]
    pub fn partner(mut self, prefix: &str, handler: Handler) -> Self {
        self.partners.push((prefix.to_owned(), handler));
        self
    }

    /// The stack.
    #[must_use]
    pub fn build(self) -> Stack {
        let clock = TestClock::default();
        let engine = Engine::memory(Arc::new(clock.clone()), 7).expect("an engine in memory");
        let mut connector = EngineConnector::new(engine.clone());
        if let Some(faults) = self.faults {
            connector = connector.faults(faults);
        }
        for (prefix, handler) in self.partners {
            connector = connector.route(prefix, handler);
        }
        provision(&engine);
        let deps = deps_over(&connector, &clock);
        Stack { engine, clock, deps, read_up_to: Arc::default() }
    }
}

fn provision(engine: &Engine) {
    for table in TABLES {
        let answer = engine.dynamodb().call("CreateTable", table.create_request().to_string().as_bytes());
        assert!(answer.status().is_success(), "{}: {}", table.name, String::from_utf8_lossy(answer.body()));
    }
    for queue in Queue::ALL.map(Queue::name).into_iter().chain(["relay", "facts"]) {
        for name in [queue.to_owned(), format!("{queue}-dead-letters")] {
            engine.queues().create(&name, &AttributeChanges::default()).expect("a queue");
        }
    }
    let bucket = http::Request::put(format!("{ENDPOINT}/{BUCKET}")).body(Vec::new()).expect("a request");
    assert!(engine.call(bucket).status().is_success(), "no bucket");
}

/// Dependencies with every setting, over a connector: another environment of the same stack.
#[must_use]
pub fn deps_over(connector: &EngineConnector, clock: &TestClock) -> Deps {
    let mut variables: BTreeMap<String, String> = BTreeMap::from(
        [
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", ENDPOINT),
            ("DOCUMENTS_BUCKET", BUCKET),
            ("LIST_SHARDS", "2"),
            ("STAGE", "test"),
            ("SECRETS_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
            ("ADMINISTRATOR_KEY_SHA256", ""),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    variables.insert("ADMINISTRATOR_KEY_SHA256".to_owned(), platform::auth::hash(ADMINISTRATOR_KEY));
    for table in TABLES {
        variables.insert(table.table.variable().to_owned(), table.name.to_owned());
    }
    for queue in Queue::ALL.map(Queue::name).into_iter().chain(["relay", "facts"]) {
        let upper = queue.to_uppercase();
        variables.insert(format!("{upper}_QUEUE_URL"), format!("{ENDPOINT}/000000000000/{queue}"));
        variables
            .insert(format!("{upper}_DEAD_LETTERS_QUEUE_URL"), format!("{ENDPOINT}/000000000000/{queue}-dead-letters"));
    }
    let settings: Settings = variables.into_iter().collect();
    let seams = Seams {
        http_client: SharedHttpClient::new(connector.clone()),
        partners: SharedHttpConnector::new(connector.clone()),
        time_source: SharedTimeSource::new(clock.clone()),
        sleep: SharedAsyncSleep::new(TokioSleep::new()),
        clock: Arc::new(clock.clone()),
        ids: Arc::new(TestIds::default()),
    };
    Deps::new(settings, seams).expect("dependencies of a test")
}

/// The bootstrap administrator's key in tests.
pub const ADMINISTRATOR_KEY: &str = "sklad_platform_test-administrator";

impl Stack {
    /// A stack without faults and partners.
    #[must_use]
    pub fn new() -> Self {
        StackBuilder::default().build()
    }

    /// To choose faults and partners.
    #[must_use]
    pub fn builder() -> StackBuilder {
        StackBuilder::default()
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> jiff::Timestamp {
        self.deps.clock.now()
    }

    async fn create<T: Stored>(&self, value: T) {
        let key = value.key();
        let operation = Operation::of(&["testkit", &key.pk, &key.sk]);
        self.deps.store.create(&operation, Decision::of(value)).await.expect("a fixture");
    }

    /// Registers a merchant whose orders are allocated by `rule`.
    pub async fn merchant_with(&self, name: &str, rule: AllocationRule) -> MerchantId {
        let id = MerchantId::derive(&["testkit", name]);
        self.create(Merchant {
            id: id.clone(),
            name: name.to_owned(),
            allocation_rule: rule,
            return_window_days: 14,
            default_carrier_account: Some(Self::carrier_account_id(&id)),
            hold_unpaid_stock_minutes: 0,
            created_at: self.now(),
        })
        .await;
        id
    }

    /// Registers a merchant.
    pub async fn merchant(&self, name: &str) -> MerchantId {
        self.merchant_with(name, AllocationRule::Split).await
    }

    /// Makes an API key of the merchant; gives the key itself.
    pub async fn api_key(&self, merchant: &MerchantId, scope: Scope) -> String {
        let name = format!("{scope:?}");
        let key = platform::auth::new_key(merchant, &format!("secret-{name}"));
        self.create(ApiKey {
            id: ApiKeyId::derive(merchant, &[&name]),
            merchant: merchant.clone(),
            scope,
            name,
            sha256: platform::auth::hash(&key),
            created_at: self.now(),
        })
        .await;
        key
    }

    /// Adds a location in Bulgaria.
    pub async fn location(&self, merchant: &MerchantId, code: &str) -> LocationId {
        let id = LocationId::parse(code).expect("a location code");
        let address = Address {
            line1: "ул. Склад 1".to_owned(),
            city: "София".to_owned(),
            postal_code: Some("1000".to_owned()),
            country: "BG".to_owned(),
            ..Address::default()
        };
        let location = Location {
            id: id.clone(),
            name: code.to_owned(),
            address,
            phone: None,
            serves: Vec::new(),
            parcel_cost_minor: 0,
            priority: 0,
            closed: false,
        };
        self.create(StoredLocation { merchant: merchant.clone(), location }).await;
        id
    }

    /// Adds an item whose one barcode is `barcode-<sku>`.
    pub async fn item(&self, merchant: &MerchantId, sku: &str) -> Sku {
        self.item_with(merchant, sku, |_| ()).await
    }

    /// The same, with other fields.
    pub async fn item_with(&self, merchant: &MerchantId, sku: &str, change: impl FnOnce(&mut Item)) -> Sku {
        let code = Sku::parse(sku).expect("a SKU");
        let mut item = Item {
            sku: code.clone(),
            name: format!("Стока {sku}"),
            barcodes: vec![format!("barcode-{sku}")],
            weight_grams: 100,
            non_returnable: false,
            shop_item: None,
            lot_tracked: false,
            serial_tracked: false,
            safety_stock: 0,
            lead_time_days: 0,
            reorder_point: None,
            kit: Vec::new(),
        };
        change(&mut item);
        self.create(StoredItem { merchant: merchant.clone(), item, kits: 0 }).await;
        code
    }

    /// Receives `quantity` units into the available stock.
    pub async fn stock(&self, merchant: &MerchantId, sku: &Sku, location: &LocationId, quantity: u32) {
        let level = LevelId { sku: sku.clone(), location: location.clone(), lot: None };
        self.stock_of(merchant, &level, quantity).await;
    }

    /// Receives `quantity` units into the available stock of a level. Of a lot there is a record then, as after a receipt.
    pub async fn stock_of(&self, merchant: &MerchantId, level: &LevelId, quantity: u32) {
        let LevelId { sku, location, lot } = level;
        if let Some(lot) = lot {
            let record = LotRecord::new(merchant, sku, lot.clone(), self.now());
            let operation = Operation::of(&["testkit", "lot", sku.as_str(), &lot.code]);
            self.deps.store.create(&operation, Decision::of(record)).await.expect("a lot");
        }
        let number = self.deps.ids.random(8);
        let id = ReceiptId::derive(merchant, &["testkit", &number]);
        let movement =
            Movement::new(MovementKind::Receipt, quantity, None, Some(Term::Available), id.as_str(), self.now());
        let receipt = Receipt {
            id: id.clone(),
            sku: sku.clone(),
            location: location.clone(),
            movement: movement.clone(),
            reference: None,
        };
        let movement = Movement { goods: movement.goods.clone().in_lot(lot.as_ref()), ..movement };
        let change = StockChange::add(sku, location, quantity, Term::Available).of_lot(lot.clone()).moved([movement]);
        let operation = Operation::of(&["testkit", id.as_str()]);
        self.deps.store.create(&operation, Decision::of(receipt).with_stock([change])).await.expect("stock");
    }

    /// Changes a level behind the API's back.
    pub async fn change_level(&self, merchant: &MerchantId, change: StockChange) {
        let id = ReceiptId::derive(merchant, &["testkit", &self.deps.ids.random(8)]);
        let movement = Movement::new(MovementKind::StatusChange, 1, None, None, id.as_str(), self.now());
        let (sku, location) = (change.sku.clone(), change.location.clone());
        let operation = Operation::of(&["testkit", id.as_str()]);
        let receipt = Receipt { id, sku, location, movement, reference: None };
        self.deps.store.create(&operation, Decision::of(receipt).with_stock([change])).await.expect("a change");
    }

    /// The inventory level, as it is.
    pub async fn level(&self, merchant: &MerchantId, sku: &Sku, location: &LocationId) -> Level {
        self.level_of(merchant, &LevelId { sku: sku.clone(), location: location.clone(), lot: None }).await
    }

    /// The inventory level, also of a lot, as it is.
    pub async fn level_of(&self, merchant: &MerchantId, level: &LevelId) -> Level {
        let key = level_key(merchant, level);
        let stored = self.deps.store.load::<StoredLevel>(&key).await.expect("a level");
        stored.map(|stored| stored.body.level()).unwrap_or_default()
    }

    /// Connects a Shopify shop at `api_url`, whose webhooks are signed with [`WEBHOOK_SECRET`].
    pub async fn channel(&self, merchant: &MerchantId, api_url: &str) -> ChannelId {
        let id = ChannelId::derive(merchant, &["testkit"]);
        let seal = |secret: &str| {
            self.deps.secrets.seal(id.as_str(), secret, &self.deps.ids.random(24)).expect("a sealed secret")
        };
        self.create(SealedChannel {
            channel: Channel {
                id: id.clone(),
                platform: "shopify".to_owned(),
                name: "Shop".to_owned(),
                shop_domain: "test-shop.myshopify.com".to_owned(),
                api_url: api_url.to_owned(),
                shop_location: None,
                min_remaining_shelf_life_days: 0,
                created_at: self.now(),
            },
            webhook_secrets: vec![seal(WEBHOOK_SECRET)],
            access_token: Some(seal("token")),
        })
        .await;
        id
    }

    /// The id of [`Stack::carrier_account`].
    #[must_use]
    pub fn carrier_account_id(merchant: &MerchantId) -> CarrierAccountId {
        CarrierAccountId::derive(merchant, &["testkit"])
    }

    /// Adds an account with the sandbox carrier at `api_url`: the merchant's default.
    pub async fn carrier_account(&self, merchant: &MerchantId, api_url: &str) -> CarrierAccountId {
        let id = Self::carrier_account_id(merchant);
        let seal = |secret: &str| {
            self.deps.secrets.seal(id.as_str(), secret, &self.deps.ids.random(24)).expect("a sealed secret")
        };
        self.create(SealedCarrierAccount {
            account: CarrierAccount {
                id: id.clone(),
                carrier: "sandbox".to_owned(),
                name: "Sandbox".to_owned(),
                api_url: api_url.to_owned(),
                service: "standard".to_owned(),
                created_at: self.now(),
            },
            api_key: seal("carrier-key"),
            webhook_secrets: vec![seal(WEBHOOK_SECRET)],
        })
        .await;
        id
    }

    /// Stream records of every table since the last call, as a function reads them.
    #[must_use]
    pub fn stream_records(&self) -> Vec<StreamRecord> {
        let mut positions = self.read_up_to.lock().expect("one test, one reader");
        let mut found = Vec::new();
        for table in TABLES.iter().filter(|table| table.stream) {
            loop {
                let after = positions.get(table.name).map(String::as_str);
                let records = self.engine.dynamodb().stream_records(table.name, after, 1000).expect("a stream");
                let Some(last) = records.last() else { break };
                positions.insert(table.name, last.sequence_number.clone());
                found.extend(records.into_iter().map(|record| {
                    let event = serde_json::from_value(record.event).expect("a record as Lambda has it");
                    StreamRecord::from_event(event).expect("a record of ours")
                }));
            }
        }
        found
    }

    /// Messages that commits since the last call stored: what the relay would send.
    #[must_use]
    pub fn outbox(&self) -> Vec<Message> {
        self.stream_records().iter().flat_map(|record| record.outbox().expect("an outbox")).collect()
    }

    /// Takes every visible message out of a queue: bodies and attributes, as JSON.
    #[must_use]
    pub fn drain(&self, queue: &str) -> Vec<(Value, BTreeMap<String, String>)> {
        let mut found = Vec::new();
        loop {
            let messages = self.engine.queues().receive(queue, 10, None).expect("a queue");
            if messages.is_empty() {
                return found;
            }
            for message in messages {
                self.engine.queues().delete(queue, &message.receipt_handle).expect("a message");
                let body = serde_json::from_str(&message.body).unwrap_or(Value::String(message.body.clone()));
                let attributes = message
                    .attributes
                    .iter()
                    .map(|(name, attribute)| (name.clone(), format!("{:?}", attribute.value)))
                    .collect();
                found.push((body, attributes));
            }
        }
    }
}

impl Default for Stack {
    fn default() -> Self {
        Self::new()
    }
}
