//! The people and machines around the system: they use its public interfaces only.

mod carrier;
mod counter;
mod dock;
mod editor;
mod features;
mod floor;
mod keeper;
mod returner;
mod serials;
mod setup;
mod shopper;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use partners::http::{Method, Request};
use serde_json::Value;

use super::clock::lock;
use super::core::Core;
use super::door::{API, Answer, Door};
use super::executor::Spawner;
use super::invariants::Invariants;
use super::partners::Partners;
use super::size::Size;

pub(crate) use features::Features;
pub(crate) use setup::set_up;

/// One merchant, and how it is reached.
#[derive(Debug, Clone)]
pub(crate) struct Merchant {
    pub(crate) id: String,
    /// Key of the merchant's operations people.
    pub(crate) operations: String,
    /// Key of the people on the floor.
    pub(crate) floor: String,
    pub(crate) shop: crate::sandbox::Shop,
    /// Where the shop sends its orders; a merchant without a shop takes them by the API only.
    pub(crate) webhook_url: Option<String>,
    pub(crate) shop_token: String,
    pub(crate) carrier_account: String,
    pub(crate) carrier_key: String,
    pub(crate) carrier_secret: String,
    pub(crate) locations: Vec<String>,
    /// What is kept in stock.
    pub(crate) items: Vec<String>,
    /// What is sold as one and kept in stock as its components.
    pub(crate) kits: Vec<String>,
    /// The item that is kept by lot.
    pub(crate) lots_of: Option<String>,
    /// The item whose units are kept by serial number.
    pub(crate) serials_of: Option<String>,
    pub(crate) features: Features,
}

/// What the actors know of how far things are: what nobody will change any more.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Actors that still have something to do by themselves.
    pub(crate) busy: usize,
    /// Orders that were accepted: a 2xx was seen.
    pub(crate) accepted: Vec<String>,
    /// Under which e-mail address, by order.
    pub(crate) emails: BTreeMap<String, String>,
    /// Parcels that the carrier has.
    pub(crate) handed_over: BTreeSet<String>,
    /// Units with a serial number.
    units: serials::Units,
    /// Keys that were given out.
    keys: u64,
    /// Of the actors that have something to do, those that wait until all others are done.
    last: usize,
}

/// What every actor has.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) core: Arc<Core>,
    pub(crate) door: Door,
    pub(crate) spawner: Spawner,
    pub(crate) partners: Arc<Partners>,
    pub(crate) progress: Rc<RefCell<Progress>>,
    pub(crate) invariants: Arc<Mutex<Invariants>>,
}

impl Stage {
    /// Starts an actor with luck of its own, which follows from its name; the run waits for its end.
    pub(crate) fn act<F: Future<Output = ()> + 'static>(&self, name: &str, actor: impl FnOnce(Stage, Rng) -> F) {
        self.progress.borrow_mut().busy += 1;
        let acting = actor(self.clone(), self.core.luck_of(name));
        let progress = Rc::clone(&self.progress);
        self.spawner.spawn(async move {
            acting.await;
            progress.borrow_mut().busy -= 1;
        });
    }

    /// Starts an actor that never ends: the run waits for it only while it has something to do.
    pub(crate) fn serve<F: Future<Output = ()> + 'static>(&self, name: &str, actor: impl FnOnce(Stage, Rng) -> F) {
        self.progress.borrow_mut().busy += 1;
        self.spawner.spawn(actor(self.clone(), self.core.luck_of(name)));
    }

    /// Something that must never be was seen by a client.
    pub(crate) fn broken(&self, invariant: &'static str, evidence: String) {
        lock(&self.invariants).broken(invariant, evidence);
    }

    /// Until something was written to the table since `seen`: nobody walks to a list that cannot have changed.
    pub(crate) async fn something_new(&self, table: &str, seen: &mut usize) {
        self.progress.borrow_mut().busy -= 1;
        self.core.watch.beyond(table, *seen).await;
        self.progress.borrow_mut().busy += 1;
        *seen = self.core.watch.length(table);
    }

    /// A key that no request had before.
    pub(crate) fn new_key(&self, what: &str) -> String {
        let mut progress = self.progress.borrow_mut();
        progress.keys += 1;
        format!("{what}-{}", progress.keys)
    }

    /// What a receipt, move or adjustment was answered with must be in the ledger, once.
    pub(crate) fn is_posted(&self, answer: &Answer) {
        if answer.is_success() {
            let units = answer.body["movement"]["quantity"].as_u64().unwrap_or(0);
            lock(&self.invariants).is_posted(&answer.text("/id"), units);
        }
    }

    /// Until nobody else has anything to do by himself.
    pub(crate) async fn when_quiet(&self, rng: &mut Rng) {
        self.progress.borrow_mut().last += 1;
        loop {
            self.wait(rng.u64(60..=180)).await;
            let progress = self.progress.borrow();
            if progress.busy <= progress.last {
                break;
            }
        }
    }

    /// Waits so many virtual seconds.
    pub(crate) async fn wait(&self, seconds: u64) {
        self.core.agenda.pass(std::time::Duration::from_secs(seconds)).await;
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> Answer {
        self.door.insist(&request(Method::Get, key, path)).await
    }

    /// Posts, and again under the same key until there is an answer.
    pub(crate) async fn post(&self, key: &str, path: &str, idempotency_key: &str, body: &Value) -> Answer {
        let request = request(Method::Post, key, path).with_header("idempotency-key", idempotency_key).with_json(body);
        self.door.insist(&request).await
    }
}

pub(crate) fn request(method: Method, key: &str, path: &str) -> Request {
    Request::new(method, format!("{API}{path}"))
        .with_header("authorization", format!("Bearer {key}"))
        .with_header("host", "127.0.0.1:8080")
}

/// Puts those on the stage who keep a merchant's stock.
fn keep_stock(stage: &Stage, merchant: &Merchant, within_s: u64) {
    let Features { bins, corrections, audit, .. } = merchant.features;
    let (owner, name) = (|| merchant.clone(), |what: &str| format!("{} {what}", merchant.id));
    let of = owner();
    stage.act(&name("dock"), |stage, rng| dock::restock(stage, rng, of, within_s));
    if bins {
        let of = owner();
        stage.act(&name("bins"), |stage, rng| keeper::carrier_of_goods(stage, rng, of, within_s));
    }
    if corrections {
        let of = owner();
        stage.act(&name("books"), |stage, rng| keeper::bookkeeper(stage, rng, of, within_s));
    }
    if merchant.lots_of.is_some() && stage.core.luck_of(&name("recall?")).bool() {
        let of = owner();
        stage.act(&name("recall"), |stage, rng| keeper::recaller(stage, rng, of, within_s));
    }
    if audit {
        let of = owner();
        stage.act(&name("audit"), |stage, rng| keeper::auditor(stage, rng, of));
    }
}

/// Puts everybody on the stage.
pub(crate) fn enter(stage: &Stage, merchants: &[Merchant], size: &Size) {
    for merchant in merchants {
        for (index, location) in merchant.locations.iter().enumerate().filter(|_| size.floor) {
            for worker in 0..2 {
                let (merchant, location) = (merchant.clone(), location.clone());
                let badge = format!("badge-{index}{worker}");
                let name = format!("{} {badge}", merchant.id);
                stage.serve(&name, |stage, rng| floor::worker(stage, rng, merchant, location, badge));
            }
            let (merchant, location) = (merchant.clone(), location.clone());
            let name = format!("{} dispatcher of {location}", merchant.id);
            stage.serve(&name, |stage, rng| carrier::dispatcher(stage, rng, merchant, location));
        }
        if !size.only_orders {
            keep_stock(stage, merchant, size.spread_s);
        }
    }
    for number in 0..size.orders {
        let merchant = merchants[number % merchants.len()].clone();
        let stranger = merchants[(number + 1) % merchants.len()].clone();
        let size = *size;
        let name = format!("shopper {number}");
        stage.act(&name, |stage, rng| shopper::shopper(stage, rng, merchant, stranger, number, size));
    }
}
