//! Erasure of personal data goes on by itself: what no legal hold keeps any more is deleted, and looked for again.
//!
//! Stored first, then done: which classes of which orders are erased is decided in one transaction with the orders' heads, so
//! that no return is opened beside it; then everything of them is deleted, whatever an earlier try deleted already. They are
//! called erased when a look finds nothing, later than any run that may have written something can last.

use crate::look::{Commit, Run, applied, due};
use domain::lot_record::LotRecord;
use domain::order::Order;
use domain::privacy::{DataClass, ErasureState, Facts, Pace, PrivacyRequest};
use domain::recall::Recall;
use domain::returns::Return;
use domain::shipment::Shipment;
use domain::{Decision, OrderId};
use jiff::{SignedDuration, Timestamp};
use platform::items::{
    PersonRecord, lot_key, order_key, person_key, persons_prefix, recall_key, return_key, shipment_key,
};
use platform::{Deps, Failure, Key, Operation, Table};
use std::collections::{BTreeMap, BTreeSet};

/// Settings of the pace, seconds. Nobody sets them but tests.
const SETTLES_VARIABLE: &str = "ERASURE_SETTLES_SECONDS";
const LOOKS_VARIABLE: &str = "ERASURE_LOOKS_SECONDS";
/// Most bodies that were ever sent under one order.
const PERSONS_MAX: usize = 100;

pub(crate) async fn look_at_privacy_request(deps: &Deps, run: &mut Run, key: &Key) -> Result<(), Failure> {
    let Some(mut request) = due(deps, run, key, |own: &PrivacyRequest| own.next_look_at).await? else { return Ok(()) };
    let (mut facts, mut orders) = (BTreeMap::new(), BTreeMap::new());
    for id in request.body.held() {
        let order = deps.store.require::<Order>(&order_key(id), id).await?;
        facts.insert(id.clone(), facts_of(deps, &order.body).await?);
        orders.insert(id.clone(), order);
    }
    let pace = pace(deps);
    let looked = request.body.look(&facts, pace, run.now);
    if looked.next.orders != request.body.orders {
        let mut commit = Commit::default();
        for (before, after) in request.body.orders.iter().zip(&looked.next.orders) {
            let Some(order) = orders.get(&before.order).filter(|_| before.classes != after.classes) else { continue };
            // Also a head that stays as it is gets its next version: what a hold follows from may not have changed.
            let decision =
                if after.is_let_go() { order.body.erased(run.now) } else { Decision::of(order.body.clone()) };
            let erases = Operation::of(&["erase", request.body.id.as_str(), &request.version.to_string()]);
            commit.writes.extend(deps.store.write_of(Some(order), decision, &erases)?.0);
        }
        let next = commit.add(deps, request, looked)?;
        if !commit.apply(deps, run).await? {
            return Ok(());
        }
        request = next;
    }
    let mut found = BTreeSet::new();
    for own in &request.body.orders {
        for class in own.classes_in(ErasureState::Erasing) {
            if erase(deps, &own.order, class).await? {
                found.insert((own.order.clone(), class));
            }
        }
    }
    let now = deps.clock.now();
    let cleared = request.body.cleared(|order, class| found.contains(&(order.clone(), class)), pace, now);
    tracing::info!(privacy_request = %request.body.id, state = ?cleared.next.state, deleted = found.len(), "privacy request");
    Commit::default().with(deps, request, cleared)?.apply(deps, run).await.map(drop)
}

fn pace(deps: &Deps) -> Pace {
    let set = |name| deps.settings.get(name).and_then(|seconds| seconds.parse::<u32>().ok());
    let seconds = |seconds: u32| SignedDuration::from_secs(i64::from(seconds));
    let usual = Pace::default();
    Pace {
        settles: set(SETTLES_VARIABLE).map_or(usual.settles, seconds),
        looks: set(LOOKS_VARIABLE).map_or(usual.looks, seconds),
    }
}

async fn facts_of(deps: &Deps, order: &Order) -> Result<Facts, Failure> {
    let mut returns = Vec::new();
    for id in order.return_ids() {
        let back = deps.store.load::<Return>(&return_key(&id)).await?;
        returns.extend(back.map(|stored| stored.body));
    }
    let keys: Vec<Key> = order.shipments().map(|id| shipment_key(&id)).collect();
    let shipments = deps.store.load_many::<Shipment>(&keys).await?.into_iter().map(|stored| stored.body).collect();
    Ok(Facts { order: order.clone(), shipments, returns, recalled_at: recalled_at(deps, order).await? })
}

/// When the lots that the order has were recalled.
async fn recalled_at(deps: &Deps, order: &Order) -> Result<Vec<Timestamp>, Failure> {
    let goods = order.fulfillment_orders.iter().flat_map(|f| order.goods_of(f));
    let lots: BTreeSet<_> = goods.filter_map(|goods| Some((goods.sku, goods.lot?.code))).collect();
    let mut found = Vec::new();
    for (sku, lot) in lots {
        let record = deps.store.load::<LotRecord>(&lot_key(&order.merchant(), &sku, &lot)).await?;
        if let Some(recall) = record.and_then(|record| record.body.recall) {
            found.push(deps.store.require::<Recall>(&recall_key(&recall), &recall).await?.body.created_at);
        }
    }
    Ok(found)
}

/// Deletes a class of an order's data, whatever is there of it; says whether there was something.
async fn erase(deps: &Deps, id: &OrderId, class: DataClass) -> Result<bool, Failure> {
    match class {
        DataClass::Documents => {
            let keys = deps.documents.keys(id).await?;
            for key in &keys {
                deps.documents.delete(key).await?;
            }
            Ok(!keys.is_empty())
        }
        DataClass::Recipient | DataClass::OrderBody => {
            let order = deps.store.require::<Order>(&order_key(id), id).await?.body;
            erase_persons(deps, &order, class).await
        }
    }
}

/// Empties every record that was ever taken in for the order, and keeps them: a record that is there is not written again by
/// a late webhook.
async fn erase_persons(deps: &Deps, order: &Order, class: DataClass) -> Result<bool, Failure> {
    let operation = Operation::of(&["erase"]);
    let partition = person_key(&order.id, &order.content).pk;
    let prefix = persons_prefix(&order.id);
    let stored = deps.store.query::<PersonRecord>(Table::People, &partition, &prefix, PERSONS_MAX).await?;
    if !stored.iter().any(|(_, record)| record.body.content == order.content) {
        deps.store.create_child(&PersonRecord::erased(&order.id, &order.content), &operation).await?;
    }
    let mut found = false;
    for (_, record) in stored {
        if let Some(without) = record.body.without(class) {
            found = true;
            let (writes, _) = deps.store.write_of(Some(&record), Decision::of(without), &operation)?;
            applied(deps, writes).await?;
        }
    }
    Ok(found)
}
