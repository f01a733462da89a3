//! One look: load consistently, decide, store.

use crate::privacy::look_at_privacy_request;
use crate::recalls::look_at_recall;
use crate::{Swept, polls};
use domain::lot_record::LotRecord;
use domain::order::{FulfillmentOrder, Order};
use domain::pick_task::PickTask;
use domain::returns::{Return, ReturnKind};
use domain::shipment::Shipment;
use domain::stock::{Level, LevelId, Lot};
use domain::sweep::Parts;
use domain::tracker::Tracker;
use domain::{Decision, LocationId, MerchantId, Message, PickTaskId, Sku};
use jiff::Timestamp;
use platform::items::{StoredLevel, WaitingOrder, is_lot_key, order_key, pick_task_key, shipment_key};
use platform::level::level_key;
use platform::{Deps, Failure, Key, Operation, Stored, Versioned, Write};
use std::collections::{BTreeMap, BTreeSet};

/// A run under way.
pub(crate) struct Run {
    pub(crate) now: Timestamp,
    pub(crate) swept: Swept,
    /// Carriers that do not answer: not asked again in this run.
    pub(crate) silent: BTreeSet<String>,
}

impl Run {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { now, swept: Swept::default(), silent: BTreeSet::new() }
    }
}

pub(crate) async fn look(deps: &Deps, run: &mut Run, key: &Key) -> Result<(), Failure> {
    match key.sk.as_str() {
        _ if is_lot_key(key) => look_at_lot(deps, run, key).await,
        "order" => look_at_order(deps, run, key).await,
        "shipment" => look_at_shipment(deps, run, key).await,
        "tracker" => look_at_tracker(deps, run, key).await,
        "return" => look_at_return(deps, run, key).await,
        "recall" => look_at_recall(deps, run, key).await,
        "privacy-request" => look_at_privacy_request(deps, run, key).await,
        other => Err(Failure::bug(format!("a `{other}` has no due instant"))),
    }
}

/// The item that an index entry stands for, if it is due indeed: index reads are hints.
pub(crate) async fn due<T: Stored>(
    deps: &Deps,
    run: &Run,
    key: &Key,
    due_at: impl Fn(&T) -> Option<Timestamp>,
) -> Result<Option<Versioned<T>>, Failure> {
    let loaded = deps.store.load::<T>(key).await?;
    Ok(loaded.filter(|loaded| due_at(&loaded.body).is_some_and(|due| due <= run.now)))
}

async fn look_at_order(deps: &Deps, run: &mut Run, key: &Key) -> Result<(), Failure> {
    let Some(order) = due(deps, run, key, Order::look_due_at).await? else { return Ok(()) };
    let (mut tasks, mut shipments, mut expired_takes) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    for active in order.body.fulfillment_orders.iter().filter(|f| f.is_active()) {
        // The shipment first: a task that is packed in between has no shipment yet, and is not taken for one that lost it.
        let task = PickTaskId::of(&order.body.id, active.number);
        if let Some(shipment) = deps.store.load::<Shipment>(&shipment_key(&task.shipment())).await? {
            shipments.insert(active.number, shipment);
        }
        if let Some(task) = deps.store.load::<PickTask>(&pick_task_key(&task)).await? {
            tasks.insert(active.number, task);
        }
        if !active.take.is_empty() {
            expired_takes.extend(expired_take(deps, run, &order.body, active).await?);
        }
    }
    let parts = Parts { tasks: bodies(&tasks), shipments: bodies(&shipments), expired_takes };
    let look = order.body.look(&parts, run.now);
    let mut commit = Commit::default();
    let waited = look
        .stops_waiting
        .into_iter()
        .map(|sku| Write::Delete(WaitingOrder::new(&order.body, sku, 0, 0, deps.store.list_shards()).key()));
    commit.writes.extend(waited);
    commit.add(deps, order, look.order)?;
    for (number, decision) in look.tasks {
        if let Some(task) = tasks.remove(&number) {
            commit.add(deps, task, decision)?;
        }
    }
    for (number, decision) in look.shipments {
        if let Some(shipment) = shipments.remove(&number) {
            commit.add(deps, shipment, decision)?;
        }
    }
    commit.apply(deps, run).await.map(drop)
}

/// The levels on which the take of a fulfilment order is open, and expired.
async fn expired_take(
    deps: &Deps,
    run: &Run,
    order: &Order,
    active: &FulfillmentOrder,
) -> Result<Vec<LevelId>, Failure> {
    let mut found = Vec::new();
    for goods in order.goods_of(active) {
        let level = LevelId { sku: goods.sku, location: active.location.clone(), lot: goods.lot };
        let stored = deps.store.load::<StoredLevel>(&level_key(&order.merchant(), &level)).await?;
        let take = stored.and_then(|stored| stored.body.takes().remove(&active.take));
        if take.is_some_and(|take| take.is_expired(run.now)) {
            found.push(level);
        }
    }
    Ok(found)
}

fn bodies<T: Clone>(stored: &BTreeMap<u32, Versioned<T>>) -> BTreeMap<u32, T> {
    stored.iter().map(|(number, stored)| (*number, stored.body.clone())).collect()
}

async fn look_at_shipment(deps: &Deps, run: &mut Run, key: &Key) -> Result<(), Failure> {
    let Some(shipment) = due(deps, run, key, Shipment::reconcile_due_at).await? else { return Ok(()) };
    let decision = shipment.body.look(run.now);
    Commit::default().with(deps, shipment, decision)?.apply(deps, run).await.map(drop)
}

async fn look_at_tracker(deps: &Deps, run: &mut Run, key: &Key) -> Result<(), Failure> {
    let Some(tracker) = due(deps, run, key, Tracker::poll_due_at).await? else { return Ok(()) };
    if tracker.body.is_silent(run.now) && !polls::ask(deps, run, &tracker.body).await? {
        // It stays due: the carrier is asked again in a minute.
        return Ok(());
    }
    let decision = tracker.body.look(run.now);
    Commit::default().with(deps, tracker, decision)?.apply(deps, run).await.map(drop)
}

/// Every level of a lot.
pub(crate) async fn levels_of_lot(
    deps: &Deps,
    merchant: &MerchantId,
    sku: &Sku,
    lot: &Lot,
) -> Result<Vec<(LocationId, Level)>, Failure> {
    let mut levels = deps.store.levels(merchant, sku).await?;
    levels.retain(|(level, _)| level.lot.as_ref() == Some(lot));
    Ok(levels.into_iter().map(|(level, stored)| (level.location, stored.body.level())).collect())
}

/// What is available of a lot that has expired is available no more.
async fn look_at_lot(deps: &Deps, run: &mut Run, key: &Key) -> Result<(), Failure> {
    let Some(record) = due(deps, run, key, |record: &LotRecord| record.next_look_at).await? else { return Ok(()) };
    let LotRecord { merchant, sku, lot, .. } = &record.body;
    let levels = levels_of_lot(deps, merchant, sku, lot).await?;
    let decision = record.body.look(&levels, run.now);
    Commit::default().with(deps, record, decision)?.apply(deps, run).await.map(drop)
}

async fn look_at_return(deps: &Deps, run: &mut Run, key: &Key) -> Result<(), Failure> {
    let Some(back) = due(deps, run, key, Return::look_due_at).await? else { return Ok(()) };
    let shipment = deps.store.load::<Shipment>(&shipment_key(&back.body.id.shipment())).await?;
    let look = back.body.look(shipment.as_ref().map(|stored| &stored.body), run.now);
    let mut commit = Commit::default();
    if let (true, Some(order)) = (look.expired, &back.body.order) {
        let order = deps.store.require::<Order>(&order_key(order), order).await?;
        let ended = order.body.return_ended(&back.body.claimed(), back.body.kind == ReturnKind::Refused, run.now);
        commit.add(deps, order, ended)?;
    }
    if let (Some(stored), Some(decision)) = (shipment, look.shipment) {
        commit.add(deps, stored, decision)?;
    }
    commit.with(deps, back, look.back)?.apply(deps, run).await.map(drop)
}

/// What one look stores: usually one item, in one conditional write.
#[derive(Default)]
pub(crate) struct Commit {
    pub(crate) writes: Vec<Write>,
    owed: Vec<Message>,
}

impl Commit {
    /// Adds what a look decided; gives the item as it will be stored.
    pub(crate) fn add<T: Stored>(
        &mut self,
        deps: &Deps,
        mut loaded: Versioned<T>,
        decision: Decision<T>,
    ) -> Result<Versioned<T>, Failure> {
        let operation = if decision.stock.is_empty() {
            Operation::of(&["sweep"])
        } else {
            // What changes levels is told apart by those who follow them.
            let key = decision.next.key();
            Operation::of(&["sweep", &key.pk, &key.sk, &loaded.version.to_string()])
        };
        // Looks must not push out what callers repeat their requests by: an item remembers the last one only.
        loaded.operations.retain(|mark| *mark != operation.mark());
        self.owed.extend(decision.messages.iter().cloned());
        let (writes, next) = deps.store.write_of(Some(&loaded), decision, &operation)?;
        self.writes.extend(writes);
        Ok(next)
    }

    pub(crate) fn with<T: Stored>(
        mut self,
        deps: &Deps,
        loaded: Versioned<T>,
        decision: Decision<T>,
    ) -> Result<Self, Failure> {
        self.add(deps, loaded, decision)?;
        Ok(self)
    }

    /// Stores it all, or nothing of it; says which, as [`applied`].
    pub(crate) async fn apply(self, deps: &Deps, run: &mut Run) -> Result<bool, Failure> {
        let is_stored = applied(deps, self.writes).await?;
        for message in self.owed.iter().filter(|_| is_stored) {
            tracing::info!(correlation_id = message.correlation_id, message = ?message.kind, "sent again");
            run.swept.messages += 1;
        }
        Ok(is_stored)
    }
}

/// Whether it was stored. Something that moved by itself at this moment is not stuck: it is looked at in a minute.
pub(crate) async fn applied(deps: &Deps, writes: Vec<Write>) -> Result<bool, Failure> {
    match deps.store.apply(writes).await {
        Ok(()) => Ok(true),
        Err(Failure::Conflict(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}
