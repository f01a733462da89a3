//! `sweeper`: every minute, finds what is due, and sets going again what a lost message left behind.
//!
//! What is owed, and why a repetition does no harm, is [`domain::sweep`]'s to say. Here it is read and stored: a look is one
//! conditional write that moves the item's own due instant; with messages, it is their outbox. If anything else changes the
//! item meanwhile, the look is left out, since then it is not stuck.

mod audit;
mod look;
mod polls;
mod privacy;
mod recalls;
mod stock;

use domain::stock::LevelId;
use look::Run;
use platform::store::IndexPage;
use platform::{Deps, Failure, Function, Table};
use std::collections::VecDeque;

/// The function.
#[derive(Debug, Clone, Copy)]
pub struct Sweeper;

/// How long a run may take, in seconds: the template gives it 50, and one look may wait 10 for a carrier.
const RUN_LASTS_S: i64 = 35;
/// How long it may take with audits of stock.
const AUDITS_UNTIL_S: i64 = 42;
/// Most looks of a run.
const LOOKS_MAX: u32 = 2000;
/// Entries of one page of an index.
const PAGE: usize = 25;

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Items looked at.
    pub looks: u32,
    /// Messages sent again.
    pub messages: u32,
    /// Carriers' answers about a parcel.
    pub polls: u32,
    /// Inventory levels whose drift was proven in this run.
    pub drifts: Vec<LevelId>,
}

impl Function for Sweeper {
    const NAME: &'static str = "sweeper";

    async fn scheduled(&self, deps: &Deps) -> Result<(), Failure> {
        let (swept, outcome) = sweep(deps).await;
        tracing::info!(looks = swept.looks, messages = swept.messages, polls = swept.polls, "swept");
        outcome
    }
}

/// One shard of one table's `due` index.
struct Lane {
    table: Table,
    shard: String,
    after: Option<String>,
}

/// One run. What fails keeps nothing else from being looked at; the first failure is the outcome.
pub async fn sweep(deps: &Deps) -> (Swept, Result<(), Failure>) {
    let now = deps.clock.now();
    let mut run = Run::new(now);
    let mut outcome = Ok(());
    // Shards are taken page by page in turn, beginning with another one each minute: a full one starves no other.
    let mut lanes: VecDeque<Lane> = [Table::Orders, Table::Shipments, Table::Returns, Table::Stock]
        .into_iter()
        .flat_map(|table| (0..deps.store.list_shards()).map(move |shard| (table, shard.to_string())))
        .map(|(table, shard)| Lane { table, shard, after: None })
        .collect();
    let minute = usize::try_from(now.as_second() / 60).unwrap_or(0);
    lanes.rotate_left(minute % lanes.len().max(1));
    while let Some(mut lane) = lanes.pop_front() {
        match sweep_page(deps, &mut run, &lane).await {
            Ok((last, looked)) => {
                outcome = outcome.and(looked);
                if last.is_some() {
                    lane.after = last;
                    lanes.push_back(lane);
                }
            }
            Err(failure) => {
                tracing::error!(table = lane.table.variable(), shard = lane.shard, reason = %failure, "index not read");
                outcome = outcome.and(Err(failure));
            }
        }
        if lasted_s(deps, &run) > RUN_LASTS_S || run.swept.looks >= LOOKS_MAX {
            tracing::warn!(looks = run.swept.looks, "more is due than one run can look at");
            break;
        }
    }
    outcome = outcome.and(stock::ask(deps, now).await.map(|asked| run.swept.messages += asked));
    outcome = outcome.and(audit::audit(deps, &mut run, minute).await);
    (run.swept, outcome)
}

/// For how long a run has lasted, seconds.
fn lasted_s(deps: &Deps, run: &Run) -> i64 {
    deps.clock.now().as_second() - run.now.as_second()
}

/// Looks at one page; gives the index sort key after which the next one begins, if there may be one.
async fn sweep_page(deps: &Deps, run: &mut Run, lane: &Lane) -> Result<(Option<String>, Result<(), Failure>), Failure> {
    // Index sort keys are `<instant>#<id>`: this is greater than all of now, and less than any of the next second.
    let until = format!("{}~", run.now);
    let page = IndexPage {
        table: lane.table,
        index: "due",
        partition: &lane.shard,
        after: lane.after.as_deref(),
        until: Some(&until),
        descending: false,
        limit: PAGE,
    };
    let entries = deps.store.index_page(&page).await?;
    let mut outcome = Ok(());
    for (_, key) in &entries {
        run.swept.looks += 1;
        if let Err(failure) = look::look(deps, run, key).await {
            tracing::error!(pk = key.pk, sk = key.sk, reason = %failure, "not looked at");
            outcome = outcome.and(Err(failure));
        }
    }
    let last = entries.into_iter().map(|(sort_key, _)| sort_key).nth(PAGE - 1);
    Ok((last, outcome))
}

/// Runs the function on Lambda.
///
/// # Errors
/// As [`platform::run`].
pub async fn run() -> Result<(), platform::function::Error> {
    platform::run(Sweeper).await
}
