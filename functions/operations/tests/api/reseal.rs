//! Rotation of the key that seals secrets: old key → both → new key alone, with nothing lost on the way.

use crate::World;
use platform::items::{SealedCarrierAccount, SealedChannel};
use platform::secrets::{Sealed, Secrets};
use platform::{Deps, Function, Response, Stored};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use testkit::api::{new_carrier_account, new_channel};
use testkit::connector::{Call, EngineConnector, Gate, Verdict, Wait};
use testkit::request;
use testkit::request::RequestBuilder;
use testkit::stack::{ADMINISTRATOR_KEY, deps_over};
use tokio::sync::Notify;

const OLD: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW: &str = "/wECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn holding(current: &str, second: &str) -> Secrets {
    let pairs = [("SECRETS_KEY", current), ("SECOND_SECRETS_KEY", second)];
    Secrets::from_settings(&pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect())
}

/// A world of the old key with three channels and two accounts, rotated to the new key with the old one still in the ring.
struct Rotation {
    world: World,
    channels: Vec<String>,
    accounts: Vec<String>,
}

impl Rotation {
    async fn begun() -> Self {
        let mut world = World::new().await;
        let (mut channels, mut accounts) = (Vec::new(), Vec::new());
        for merchant in [&world.merchant, &world.other, &world.merchant] {
            let request = request("POST /v1/channels").json(&new_channel()).header("sklad-merchant", merchant);
            let (status, body) = testkit::read(Ok(world.send(request.key(ADMINISTRATOR_KEY)).await));
            assert_eq!(status, 201, "{body}");
            channels.push(body["id"].as_str().unwrap().to_owned());
        }
        for merchant in [&world.merchant, &world.other] {
            let request = request("POST /v1/carrier-accounts").json(&new_carrier_account());
            let request = request.header("sklad-merchant", merchant).key(ADMINISTRATOR_KEY);
            let (_, body) = testkit::read(Ok(world.send(request).await));
            accounts.push(body["id"].as_str().unwrap().to_owned());
        }
        world.stack.deps.secrets = holding(NEW, OLD);
        Self { world, channels, accounts }
    }

    async fn channel(&self, id: &str) -> platform::Versioned<SealedChannel> {
        let key = SealedChannel::key_of(&id.parse().unwrap());
        self.world.stack.deps.store.load(&key).await.unwrap().unwrap()
    }

    /// Everything that is stored, as these secrets open it.
    async fn opened(&self, secrets: &Secrets) -> Vec<String> {
        let mut texts = Vec::new();
        let mut open = |owner: &str, sealed: &Sealed| texts.push(secrets.open(owner, sealed).unwrap());
        for id in &self.channels {
            let stored = self.channel(id).await.body;
            stored.webhook_secrets.iter().chain(&stored.access_token).for_each(|sealed| open(id, sealed));
        }
        for id in &self.accounts {
            let key = SealedCarrierAccount::key_of(&id.parse().unwrap());
            let stored = self.world.stack.deps.store.load::<SealedCarrierAccount>(&key).await.unwrap().unwrap().body;
            open(id, &stored.api_key);
            stored.webhook_secrets.iter().for_each(|sealed| open(id, sealed));
        }
        texts
    }

    async fn reseal(&self) -> Value {
        let (status, body) = self.world.platform(reseal()).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Dependencies of another environment, whose calls pass `gate`.
    fn behind(&self, gate: Arc<Hold>) -> Deps {
        let stack = &self.world.stack;
        let mut deps = deps_over(&EngineConnector::new(stack.engine.clone()).gate(gate), &stack.clock);
        deps.secrets = stack.deps.secrets.clone();
        deps.ids = stack.deps.ids.clone();
        deps
    }
}

fn reseal() -> RequestBuilder {
    request("POST /v1/sealed-secrets/reseal")
}

const TEXTS: [&str; 10] = [
    "shpss_hush",
    "shpat_hush",
    "shpss_hush",
    "shpat_hush",
    "shpss_hush",
    "shpat_hush",
    "carrier-hush",
    "webhook-hush",
    "carrier-hush",
    "webhook-hush",
];

/// Holds the `nth` put until it is let go, or for ever: a crash before it.
struct Hold {
    nth: u32,
    puts: AtomicU32,
    reached: Notify,
    release: Notify,
}

impl Hold {
    fn at(nth: u32) -> Arc<Self> {
        Arc::new(Self { nth, puts: AtomicU32::new(0), reached: Notify::new(), release: Notify::new() })
    }
}

impl Gate for Hold {
    fn arrive<'a>(&'a self, call: &'a Call<'a>) -> Wait<'a, Verdict> {
        Box::pin(async move {
            if call.operation == "PutItem" && self.puts.fetch_add(1, Ordering::SeqCst) + 1 == self.nth {
                self.reached.notify_one();
                self.release.notified().await;
            }
            Verdict::Pass
        })
    }
}

#[tokio::test]
async fn after_a_walk_that_seals_nothing_the_old_key_can_be_dropped() {
    let rotation = Rotation::begun().await;
    // The new functions open what the old ones sealed: no time without service.
    assert_eq!(rotation.opened(&holding(NEW, OLD)).await, TEXTS);
    let report = rotation.reseal().await;
    assert_eq!((&report["resealed"], &report["current"]), (&json!(5), &json!(0)), "{report}");
    let again = rotation.reseal().await;
    assert_eq!((&again["resealed"], &again["current"], &again["unopened"]), (&json!(0), &json!(5), &json!([])));
    assert_eq!(again["key"], holding(NEW, "").current_key().unwrap());
    assert!(again.get("next_cursor").is_none());
    assert_eq!(rotation.opened(&holding(NEW, "")).await, TEXTS);
    // Twice asked, once done.
    assert_eq!(rotation.channel(&rotation.channels[0]).await.version, 2);
}

#[tokio::test]
async fn pages_of_merchants_add_up_to_the_whole() {
    let rotation = Rotation::begun().await;
    let (mut resealed, mut pages, mut cursor) = (0, 0, None::<String>);
    loop {
        let request = reseal().query("limit", "1");
        let request = match &cursor {
            Some(cursor) => request.query("cursor", cursor),
            None => request,
        };
        let (status, body) = rotation.world.platform(request).await;
        assert_eq!(status, 200, "{body}");
        resealed += body["resealed"].as_u64().unwrap();
        pages += 1;
        cursor = body["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
        assert!(pages < 10, "the cursor does not advance");
    }
    assert_eq!((resealed, pages), (5, 2));
    assert_eq!(rotation.opened(&holding(NEW, "")).await, TEXTS);
}

#[tokio::test]
async fn a_crash_in_the_middle_loses_nothing_and_the_next_request_goes_on() {
    for nth in 1..=5 {
        let rotation = Rotation::begun().await;
        let hold = Hold::at(nth);
        let deps = rotation.behind(hold.clone());
        let request = reseal().key(ADMINISTRATOR_KEY).build();
        // The crash: the handler's future is dropped at its `nth` write.
        tokio::select! {
            _ = operations::Operations.http(&deps, request) => panic!("it was held at write {nth}"),
            () = hold.reached.notified() => {}
        }
        // Half is under the old key, half under the new one: both open.
        assert_eq!(rotation.opened(&holding(NEW, OLD)).await, TEXTS, "{nth}");
        let report = rotation.reseal().await;
        assert_eq!((&report["resealed"], &report["current"]), (&json!(6 - nth), &json!(nth - 1)), "{report}");
        assert_eq!(rotation.opened(&holding(NEW, "")).await, TEXTS, "{nth}");
    }
}

#[tokio::test]
async fn an_edit_at_the_same_moment_is_kept_and_sealed_with_the_current_key() {
    let rotation = Rotation::begun().await;
    let hold = Hold::at(1);
    let deps = rotation.behind(hold.clone());
    let walk = operations::Operations.http(&deps, reseal().key(ADMINISTRATOR_KEY).build());
    let edits = async {
        hold.reached.notified().await;
        // Whichever channel is first: all get another token meanwhile, from a function that still seals with the old key.
        let mut old_function = rotation.world.stack.deps.clone();
        old_function.secrets = holding(OLD, NEW);
        for id in &rotation.channels {
            let edit =
                json!({"name": "Edited", "api_url": "https://acme.myshopify.com", "access_token": "shpat_newer"});
            let edit = request("PUT /v1/channels/{channel}").path("channel", id).json(&edit).key(ADMINISTRATOR_KEY);
            let answer = operations::Operations.http(&old_function, edit.build()).await.unwrap_or_else(Into::into);
            assert_eq!(answer.status, 200);
        }
        hold.release.notify_one();
    };
    let (answer, ()) = tokio::join!(walk, edits);
    let answer: Response = answer.unwrap_or_else(Into::into);
    let (status, report) = testkit::read(Ok(answer));
    assert_eq!((status, &report["resealed"]), (200, &json!(5)), "{report}");
    for id in &rotation.channels {
        let stored = rotation.channel(id).await.body;
        assert_eq!(stored.channel.name, "Edited");
        let new_key_alone = holding(NEW, "");
        assert_eq!(new_key_alone.open(id, stored.access_token.as_ref().unwrap()).unwrap(), "shpat_newer");
        assert_eq!(new_key_alone.open(id, &stored.webhook_secrets[0]).unwrap(), "shpss_hush");
    }
}

#[tokio::test]
async fn what_an_old_function_sealed_after_the_walk_is_found_by_the_next_one() {
    let rotation = Rotation::begun().await;
    rotation.reseal().await;
    let id = &rotation.channels[0];
    let mut stored = rotation.channel(id).await.body;
    let old = holding(OLD, NEW).seal(id, "shpat_late", &"ef".repeat(12)).unwrap();
    stored.access_token = Some(old);
    let operation = platform::Operation::of(&["test", "late"]);
    let key = stored.key();
    let store = &rotation.world.stack.deps.store;
    let change = store.change::<SealedChannel, _>(&key, &operation, async |_| Ok(domain::Decision::of(stored.clone())));
    change.await.unwrap();
    assert_eq!(rotation.reseal().await["resealed"], 1);
    assert_eq!(rotation.reseal().await["resealed"], 0);
}

#[tokio::test]
async fn a_secret_that_no_key_opens_is_named_left_alone_and_holds_up_nothing() {
    let mut rotation = Rotation::begun().await;
    rotation.world.stack.deps.secrets = holding(NEW, "");
    let report = rotation.reseal().await;
    assert_eq!((&report["resealed"], report["unopened"].as_array().unwrap().len()), (&json!(0), 5), "{report}");
    rotation.world.stack.deps.secrets = holding(NEW, OLD);
    assert_eq!(rotation.reseal().await["resealed"], 5);
    assert_eq!(rotation.opened(&holding(NEW, "")).await, TEXTS);
}

#[tokio::test]
async fn the_report_tells_no_secret_and_is_the_platforms_alone() {
    let rotation = Rotation::begun().await;
    let report = rotation.reseal().await.to_string();
    for secret in [OLD, NEW, "hush"] {
        assert!(!report.contains(secret), "{report}");
    }
    let key = rotation.world.stack.api_key(&rotation.world.merchant, domain::account::Scope::Administrator).await;
    assert_eq!(rotation.world.send(reseal().key(&key)).await.status, 403);
}

#[tokio::test]
async fn the_repetition_of_a_request_for_a_key_gets_the_same_key_while_the_deployments_key_is_rotated() {
    let mut world = World::new().await;
    let create = request("POST /v1/api-keys").header("idempotency-key", "k1").json(&json!({
        "name": "Dock", "scope": "floor", "merchant": world.merchant,
    }));
    let issued = world.platform(create.clone()).await;
    world.stack.deps.secrets = holding(NEW, OLD);
    assert_eq!(world.platform(create.clone()).await, issued);
    let delete = request("DELETE /v1/api-keys/{key}").path("key", issued.1["id"].as_str().unwrap());
    assert_eq!(world.platform(delete).await.0, 204);
    testkit::api::refused(world.platform(create).await, 409, "key-revoked", "");
}
