//! What the ledger of goods adds up to, without reading all of it each time.
//!
//! Entries older than [`SETTLED_AFTER`] are summed up in a checkpoint: by then a stream has delivered or lost its record. A
//! level that drifts is looked at again without the checkpoint, which is then written anew: what was copied late, from a
//! dead-letter queue, is found so. Memory is bounded by the page; a ledger of more than [`ENTRIES_MAX`] entries is always read
//! from its checkpoint.

use domain::audit::Ledger;
use domain::stock::Lot;
use domain::{LocationId, MerchantId, Sku};
use jiff::SignedDuration;
use platform::items::{LedgerCheckpoint, StoredMovement, movements_partition, sort_instant};
use platform::listing::PageRequest;
use platform::partition::PartitionList;
use platform::{Deps, Failure, Operation, Stored, Table};
use std::collections::{BTreeMap, BTreeSet};

/// Past the 24 hours for which a stream keeps a record, and as long again for a retry.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_hours(48);
/// Entries of one page.
const PAGE: usize = 1000;
/// A checkpoint is moved by at least so many entries: it is a write.
const CHECKPOINT_EVERY: u64 = 200;
/// Most entries that are read again to check a checkpoint.
const ENTRIES_MAX: u64 = 100_000;

/// The sums of one item at one location, by the lot whose level the movements changed.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) by_lot: BTreeMap<Option<Lot>, Ledger>,
    /// Movements that a level has embedded and the ledger has not: they are summed up already.
    pub(super) lost: Vec<StoredMovement>,
}

/// Sums up the ledger and what is embedded in the levels; with `whole` without trusting the checkpoint.
pub(super) async fn sums(
    deps: &Deps,
    (merchant, sku, location): (&MerchantId, &Sku, &LocationId),
    embedded: Vec<StoredMovement>,
    whole: bool,
) -> Result<Sums, Failure> {
    let stored = deps.store.load::<LedgerCheckpoint>(&LedgerCheckpoint::key_of(merchant, sku, location)).await?;
    let stored = stored.map(|stored| stored.body);
    let new = || LedgerCheckpoint {
        merchant: merchant.clone(),
        sku: sku.clone(),
        location: location.clone(),
        through: String::new(),
        sums: Vec::new(),
    };
    if whole && let Some(sums) = from(deps, new(), &embedded, ENTRIES_MAX).await? {
        return Ok(sums);
    }
    let sums = from(deps, stored.unwrap_or_else(new), &embedded, u64::MAX).await?;
    sums.ok_or_else(|| Failure::bug("a ledger without end"))
}

/// Goes on from a checkpoint, and moves it. `None` for more than `most` entries.
async fn from(
    deps: &Deps,
    mut checkpoint: LedgerCheckpoint,
    embedded: &[StoredMovement],
    most: u64,
) -> Result<Option<Sums>, Failure> {
    let settled = sort_instant(deps.clock.now() - SETTLED_AFTER);
    let mut missing: BTreeSet<String> = embedded.iter().map(|entry| entry.key().sk).collect();
    missing.retain(|sk| *sk > checkpoint.through);
    let mut old: BTreeMap<Option<Lot>, Ledger> = checkpoint.sums.iter().cloned().collect();
    let mut young: BTreeMap<Option<Lot>, Ledger> = BTreeMap::new();
    let partition = movements_partition(&checkpoint.merchant, &checkpoint.sku, &checkpoint.location);
    let list = PartitionList { table: Table::Movements, partitions: &[partition], prefix: "", descending: false };
    let after = Some(checkpoint.through.clone()).filter(|through| !through.is_empty());
    let mut page = PageRequest { limit: PAGE, after };
    let (mut read, mut moved) = (0_u64, 0_u64);
    loop {
        let found = deps.store.list_partitions::<StoredMovement>(&list, &page).await?;
        for entry in found.items {
            read += 1;
            let sk = entry.body.key().sk;
            missing.remove(&sk);
            let lot = entry.body.lot.clone();
            if sk < settled {
                old.entry(lot).or_default().add(&entry.body.movement);
                checkpoint.through = sk;
                moved += 1;
            } else {
                young.entry(lot).or_default().add(&entry.body.movement);
            }
        }
        if read > most {
            return Ok(None);
        }
        match found.next_cursor.as_deref().and_then(|cursor| page.following(cursor)) {
            Some(following) => page = following,
            None => break,
        }
    }
    if moved >= CHECKPOINT_EVERY {
        checkpoint.sums = old.iter().map(|(lot, sums)| (lot.clone(), sums.clone())).collect();
        deps.store.put_child(&checkpoint, &Operation::of(&["ledger"])).await?;
    }
    let mut sums = Sums { by_lot: old, lost: Vec::new() };
    for (lot, young) in young {
        sums.by_lot.entry(lot).or_default().merge(&young);
    }
    for entry in embedded.iter().filter(|entry| missing.contains(&entry.key().sk)) {
        sums.by_lot.entry(entry.lot.clone()).or_default().add(&entry.movement);
        sums.lost.push(entry.clone());
    }
    Ok(Some(sums))
}
