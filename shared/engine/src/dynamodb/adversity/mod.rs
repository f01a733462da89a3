//! What DynamoDB does under load and dynoxide does not: partitions that run out of units, transactions that
//! conflict while they take their time, reads that are late, and request tokens that expire by the virtual clock.
//!
//! State and expressions stay dynoxide's. Off until [`DynamoDb::set_adversities`] is called; from then on every
//! choice follows from the seed, the clock and the order of calls. PartiQL statements, `Scan` and the sweep of
//! expired items pass it by.

mod budget;
mod holds;
mod journal;
mod past;
mod reads;
mod refusal;
pub(super) mod shape;
mod transactions;
mod writes;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dynoxide::DynoxideError;
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::types::Item;
use http::Response;

use super::{DynamoDb, operations, wire};
use refusal::respond;
use shape::Shape;

pub use budget::{Budgets, Partition, PartitionUsage, Rate};

/// How late a read may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The oldest state that a read may see, in milliseconds.
    pub max_ms: u64,
    /// How many reads of a thousand (of an index: how many of a thousand items that changed within `max_ms`) see
    /// one that is not the latest; its age is drawn evenly up to `max_ms`.
    pub per_mille: u16,
}

/// What goes wrong. The default adds nothing but what no caller can do without: conflicts of transactions that
/// overlap in time, and tokens that expire ten minutes after their transaction by the injected clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adversities {
    /// What the lags are drawn from.
    pub seed: u64,
    /// Units per partition and second; `None` counts but never throttles.
    pub budgets: Option<Budgets>,
    /// Reads of tables that are not consistent.
    pub stale_reads: Option<Lag>,
    /// Queries of global secondary indexes, which each change of an item reaches in its own time.
    pub index_lag: Option<Lag>,
}

impl Adversities {
    fn horizon_ms(&self) -> u64 {
        [self.stale_reads, self.index_lag].into_iter().flatten().map(|lag| lag.max_ms).max().unwrap_or(0)
    }
}

/// The adversities with everything they remember.
pub(super) struct State {
    config: Adversities,
    random: u64,
    ledger: budget::Ledger,
    holds: holds::Holds,
    tokens: holds::Tokens,
    journal: journal::Journal,
    shapes: BTreeMap<String, Option<Arc<Shape>>>,
    past: Option<past::Past>,
}

impl State {
    fn new(config: Adversities) -> Self {
        Self {
            random: config.seed,
            config,
            ledger: budget::Ledger::default(),
            holds: holds::Holds::default(),
            tokens: holds::Tokens::default(),
            journal: journal::Journal::default(),
            shapes: BTreeMap::new(),
            past: None,
        }
    }

    /// The next of a sequence that follows from the seed (SplitMix64).
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// How old a state this read sees; `None` for the latest.
    fn age_ms(&mut self, lag: Option<Lag>) -> Option<u64> {
        let lag = lag.filter(|lag| lag.max_ms > 0)?;
        let late = self.draw() % 1000 < u64::from(lag.per_mille);
        let age_ms = 1 + self.draw() % lag.max_ms;
        late.then_some(age_ms)
    }
}

/// A request that has arrived and has not taken effect. Dropped, it never does, and what it held is free.
pub(crate) enum Begun {
    /// Nothing is decided before its effect.
    Open,
    /// A transaction that holds its items.
    Transaction(transactions::Held),
    /// Decided on arrival.
    Answered(Response<Vec<u8>>),
}

/// One call under adversity: the database, what is remembered, and when it is.
struct World<'a> {
    db: &'a DynamoDb,
    state: MutexGuard<'a, State>,
    call: operations::Call<'a>,
    now_ms: u64,
}

impl DynamoDb {
    /// Has calls go wrong from now on, or otherwise than before. Meters, tokens, and what running transactions
    /// hold stay as they are, so that a simulation can heal everything by `Adversities::default()`; another seed
    /// begins its sequence. Set it before the first write: what happened earlier is not known.
    pub fn set_adversities(&self, adversities: Adversities) {
        let state = self.adversity.get_or_init(|| Mutex::new(State::new(adversities.clone())));
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.config.seed != adversities.seed {
            state.random = adversities.seed;
        }
        state.config = adversities;
    }

    /// What every partition was used for since [`DynamoDb::set_adversities`] was first called, by table, index and
    /// key; empty before that.
    pub fn partition_usage(&self) -> Vec<PartitionUsage> {
        self.adversity().map(|state| state.ledger.usage()).unwrap_or_default()
    }

    fn adversity(&self) -> Option<MutexGuard<'_, State>> {
        self.adversity.get().map(|state| state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn forget_shapes(&self) {
        if let Some(mut state) = self.adversity() {
            state.shapes.clear();
            state.past = None;
        }
    }

    fn world<'a>(&'a self, operation: &'a str, body: &'a [u8]) -> Option<World<'a>> {
        let state = self.adversity()?;
        let call = operations::Call { db: self, operation, body };
        Some(World { db: self, state, call, now_ms: self.clock.now_ms() })
    }

    /// Takes a request in.
    pub(crate) fn begin(self: &Arc<Self>, operation: &str, body: &[u8]) -> Begun {
        match (operation, self.world(operation, body)) {
            ("TransactWriteItems", Some(mut world)) => match world.begin_transaction(self) {
                Ok(held) => Begun::Transaction(held),
                Err(decided) => Begun::Answered(respond(operation, &self.region, decided)),
            },
            _ => Begun::Open,
        }
    }

    /// Lets it take effect.
    pub(crate) fn finish(&self, operation: &str, body: &[u8], begun: Begun) -> Response<Vec<u8>> {
        let world = || self.world(operation, body);
        let outcome = match begun {
            Begun::Answered(response) => return response,
            Begun::Transaction(held) => world().map(|mut world| world.finish_transaction(held)),
            Begun::Open => match operation {
                "PutItem" => world().map(|mut world| world.put_item()),
                "UpdateItem" => world().map(|mut world| world.update_item()),
                "DeleteItem" => world().map(|mut world| world.delete_item()),
                "BatchWriteItem" => world().map(|mut world| world.batch_write_item()),
                "GetItem" => world().map(|mut world| world.get_item()),
                "BatchGetItem" => world().map(|mut world| world.batch_get_item()),
                "TransactGetItems" => world().map(|mut world| world.transact_get_items()),
                "Query" => world().map(|mut world| world.query()),
                _ => None,
            },
        };
        match outcome {
            Some(outcome) => respond(operation, &self.region, outcome),
            None => self.run(operation, body),
        }
    }

    /// Runs an operation without adversities.
    fn run(&self, operation: &str, body: &[u8]) -> Response<Vec<u8>> {
        match operations::run(self, operation, body) {
            Some(outcome) => wire::respond(operation, outcome),
            None => wire::unknown_operation(),
        }
    }
}

impl World<'_> {
    /// The keys and indexes of a table; `None` if there is none.
    fn shape(&mut self, table: &str) -> Result<Option<Arc<Shape>>, DynoxideError> {
        if let Some(known) = self.state.shapes.get(table) {
            return Ok(known.clone());
        }
        let found = self.db.database.get_table_metadata(table)?;
        let shape = found.map(|found| Shape::of(&found)).transpose()?.map(Arc::new);
        self.state.shapes.insert(table.to_owned(), shape.clone());
        Ok(shape)
    }

    /// An item as it is now.
    fn image(&self, table: &str, key: &Item) -> Result<Option<Item>, DynoxideError> {
        let request = GetItemRequest {
            table_name: table.to_owned(),
            key: key.clone(),
            consistent_read: Some(true),
            ..GetItemRequest::default()
        };
        Ok(self.db.database.get_item(request)?.item)
    }
}
