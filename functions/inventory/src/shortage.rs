//! An adjustment that takes away what orders are promised: they lose it, one pick task after another, and then it is made.
//!
//! Every step is a transaction that also writes the shortage's record at its version. So a request that died is gone on with
//! by its repetition, and two that run at once take no unit twice.

use crate::receipts::{Posted, change_in_lot};
use crate::wire::AdjustmentView;
use domain::catalogue::Item;
use domain::count_task::CountTask;
use domain::lot_record::{LotRecord, lot_corrected};
use domain::order::Order;
use domain::pick_task::PickTask;
use domain::receiving::{Correction, Entry, correct, serial_of};
use domain::serial_record::SerialRecord;
use domain::shortage::{Shortage, check, turn};
use domain::stock::{Level, LevelId};
use domain::{CountTaskId, Decision, OrderId, PickTaskId, Rejected};
use platform::items::{
    Receipt, StoredLevel, WORK_INDEX, lot_key, order_key, pick_task_key, serial_key, shortage_key, work_parts,
};
use platform::level::level_key;
use platform::listing::{PAGE_MAX, PageRequest};
use platform::requests::{created, failed, refused};
use platform::{Changed, Deps, Failure, Operation, Problem, Response, Step, Table, Versioned};
use std::collections::BTreeMap;

/// Most pages of the location's work that are read for a request, the newest tasks first.
const PAGES_MAX: usize = 20;
/// Most pick tasks that a request makes short: the API waits 30 s at most. Its repetition makes more of them short.
const TASKS_AT_ONCE: usize = 100;

/// An adjustment that somebody may be short for.
pub(crate) struct Adjustment<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) item: &'a Item,
    pub(crate) operation: &'a Operation,
    pub(crate) entry: &'a Entry,
    pub(crate) correction: &'a Correction,
    pub(crate) reference: Option<&'a str>,
}

impl Adjustment<'_> {
    /// Makes it, and gives the answer. What is free is taken first; without enough of it orders lose units.
    pub(crate) async fn make(&self) -> Result<Response, Problem> {
        check(self.entry, self.correction).map_err(refused)?;
        match self.adjusted().await {
            Err(Failure::Rejected(rejected)) if may_be_short(&rejected) => {}
            outcome => return self.answer(outcome).await,
        }
        self.open().await.map_err(failed)?;
        self.take_from_tasks().await.map_err(failed)?;
        self.answer(self.adjusted().await).await
    }

    /// The adjustment and the pick tasks that went short for it.
    async fn answer(&self, outcome: Result<Changed<Receipt>, Failure>) -> Result<Response, Problem> {
        let changed = outcome.map_err(failed)?;
        let shortage = self.record().await?;
        let short = shortage.map(|shortage| shortage.body.tasks).unwrap_or_default();
        created(changed, self.operation, |receipt| AdjustmentView { receipt: receipt.into(), short_picked: short })
    }

    /// The adjustment, if there is enough that is free or suspect.
    async fn adjusted(&self) -> Result<Changed<Receipt>, Failure> {
        let Self { deps, item, operation, entry, correction, reference } = *self;
        change_in_lot(deps, item, operation, entry, reference, async |known| {
            let (level, lot) = self.level(known).await?;
            let Some(shortage) = self.record().await? else {
                return Ok(Posted::of(correct(entry, correction, &level, lot.as_ref())?));
            };
            let (posting, closed) = shortage.body.close(entry, correction, (&level, lot.as_ref()))?;
            let (also, _) = deps.store.write_of(Some(&shortage), Decision::of(closed), operation)?;
            Ok(Posted { also, ..Posted::of(posting) })
        })
        .await
    }

    /// Opens the shortage, unless it is: what is free is kept aside, and somebody is asked to count.
    async fn open(&self) -> Result<(), Failure> {
        let Self { deps, operation, entry, correction, .. } = *self;
        self.check_serial().await?;
        let merchant = entry.id.merchant();
        let opening = Operation::of(&["shortage", operation.id()]);
        deps.store
            .change::<Shortage, Step<Shortage>>(&shortage_key(&entry.id), &opening, async |stored| {
                if let Some(stored) = stored {
                    return Ok(Decision::of(stored.body.clone()).into());
                }
                let (level, lot) = self.level(self.lot().await?.as_ref()).await?;
                let decision = Shortage::open(entry, correction, (&level, lot.as_ref()), &operation.mark())?;
                let id = CountTaskId::derive(&merchant, &["shortage", entry.id.as_str()]);
                let of = decision.next.level.clone();
                let count = CountTask::request(id, of, entry.id.to_string(), entry.at);
                let (also, _) = deps.store.write_of(None, Decision::of(count), &opening)?;
                Ok(Step { decision, also })
            })
            .await
            .map(drop)
    }

    /// Pick tasks lose units until enough is suspect or free, or none has any left that are not scanned.
    async fn take_from_tasks(&self) -> Result<(), Failure> {
        let Some(shortage) = self.record().await? else { return Ok(()) };
        let mut before = shortage.body.tasks.len();
        for task in self.tasks(&shortage.body.level).await?.into_iter().take(TASKS_AT_ONCE) {
            // Each place in the record is filled once; a task may be made short again, for another place.
            let step = Operation::of(&["shortage", self.operation.id(), task.as_str(), &before.to_string()]);
            let Some(now) = self.take_from(&task, &step).await? else { return Ok(()) };
            before = now.tasks.len();
        }
        Ok(())
    }

    /// A task loses what is lacking; `None` when nothing is any more.
    async fn take_from(&self, task: &PickTaskId, step: &Operation) -> Result<Option<Shortage>, Failure> {
        let Self { deps, entry, .. } = *self;
        let mut enough = false;
        let key = pick_task_key(task);
        let changed = deps.store.change::<PickTask, Step<PickTask>>(&key, step, async |stored| {
            let task = &stored.ok_or_else(|| Failure::NotFound("this pick task".to_owned()))?.body;
            let shortage = deps.store.require::<Shortage>(&shortage_key(&entry.id), "this shortage").await?;
            let (level, lot) = self.level(self.lot().await?.as_ref()).await?;
            let at = deps.clock.now();
            enough = shortage.body.closed || shortage.body.lacking(&level, lot.as_ref(), at) == 0;
            let Some((decision, next)) = shortage.body.take_from(task, (&level, lot.as_ref()), at)? else {
                return Ok(Decision::of(task.clone()).into());
            };
            let (also, _) = deps.store.write_of(Some(&shortage), Decision::of(next), step)?;
            Ok(Step { decision, also })
        });
        let task = changed.await?.value.body;
        tracing::info!(correlation_id = %task.order, task = %task.id, state = ?task.state, adjustment = %entry.id, "shortage");
        if enough {
            return Ok(None);
        }
        Ok(self.record().await?.map(|shortage| shortage.body))
    }

    /// Tasks of the location that have units of the level to lose, in their turn.
    async fn tasks(&self, level: &LevelId) -> Result<Vec<PickTaskId>, Failure> {
        let store = &self.deps.store;
        let merchant = self.entry.id.merchant();
        let parts = work_parts(&merchant, &level.location);
        let mut found: Vec<PickTask> = Vec::new();
        let mut page = Some(PageRequest { limit: PAGE_MAX, after: None });
        for _ in 0..PAGES_MAX {
            let Some(request) = page.take() else { break };
            let has_units = |task: &PickTask| task.unscanned_of(level) > 0;
            let tasks = store.list::<PickTask>(Table::Tasks, WORK_INDEX, &parts, &request, true, has_units).await?;
            found.extend(tasks.items.into_iter().map(|task| task.body));
            page = tasks.next_cursor.and_then(|cursor| request.following(&cursor));
        }
        let keys: Vec<_> = found.iter().map(|task| order_key(&task.order)).collect();
        let orders = store.load_many::<Order>(&keys).await?;
        let priorities: BTreeMap<OrderId, u32> =
            orders.into_iter().map(|order| (order.body.id.clone(), order.body.priority)).collect();
        found.sort_by_cached_key(|task| turn(task, priorities.get(&task.order).copied().unwrap_or(0)));
        Ok(found.into_iter().map(|task| task.id).collect())
    }

    /// The shortage, if it is opened.
    ///
    /// # Errors
    /// `idempotency-key-reused` when it was with another body.
    async fn record(&self) -> Result<Option<Versioned<Shortage>>, Failure> {
        let stored = self.deps.store.load::<Shortage>(&shortage_key(&self.entry.id)).await?;
        if let Some(stored) = &stored {
            self.operation.is_done(std::slice::from_ref(&stored.body.request))?;
        }
        Ok(stored)
    }

    /// What is known of the lot that the entry names.
    async fn lot(&self) -> Result<Option<LotRecord>, Failure> {
        let Some(code) = &self.entry.goods.lot else { return Ok(None) };
        let key = lot_key(&self.entry.id.merchant(), &self.entry.sku, code);
        Ok(self.deps.store.load::<LotRecord>(&key).await?.map(|record| record.body))
    }

    /// What is there now, and of which lot. Read anew at every try: the guard of the write says whether it still holds.
    async fn level(&self, known: Option<&LotRecord>) -> Result<(Level, Option<LotRecord>), Failure> {
        level_corrected(self.deps, self.item, self.entry, self.correction, known).await
    }

    /// Nobody loses a unit for a serial number that is not there to be taken away.
    async fn check_serial(&self) -> Result<(), Failure> {
        let Some(serial) = serial_of(self.item, &self.entry.goods)? else { return Ok(()) };
        let key = serial_key(&self.entry.id.merchant(), &self.entry.sku, serial);
        match self.deps.store.load::<SerialRecord>(&key).await? {
            Some(record) => Ok(record.body.remove(&self.entry.location).map(drop)?),
            None => Err(SerialRecord::not_in_stock(serial).at("/goods/serial").into()),
        }
    }
}

/// Why an adjustment without more ado is refused that a shortage allows.
fn may_be_short(rejected: &Rejected) -> bool {
    matches!(rejected.code, "insufficient-stock" | "shortage-unfinished")
}

/// The level that a correction changes, as it is now, and its lot.
pub(crate) async fn level_corrected(
    deps: &Deps,
    item: &Item,
    entry: &Entry,
    correction: &Correction,
    known: Option<&LotRecord>,
) -> Result<(Level, Option<LotRecord>), Failure> {
    let merchant = entry.id.merchant();
    let lot = lot_corrected(&merchant, item, &entry.goods, correction.quantity > 0, known, entry.at)?;
    let (sku, location) = (entry.sku.clone(), entry.location.clone());
    let level = LevelId { sku, location, lot: lot.as_ref().map(|record| record.lot.clone()) };
    let stored = deps.store.load::<StoredLevel>(&level_key(&merchant, &level)).await?;
    Ok((stored.map(|stored| stored.body.level()).unwrap_or_default(), lot))
}
