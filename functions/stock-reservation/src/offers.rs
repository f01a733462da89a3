//! What locations could give, read consistently.

use domain::allocation::{LotUnits, Offer};
use domain::stock::{LevelId, Lot, Take, TakeId, Term};
use domain::{LocationId, MerchantId, Sku};
use futures_util::{StreamExt, TryStreamExt};
use platform::items::{StoredLocation, locations_partition};
use platform::{Deps, Failure, Table};
use std::collections::{BTreeMap, BTreeSet};

/// Most locations of a merchant.
const LOCATIONS_MAX: usize = 200;
/// Items read at the same time.
const AT_ONCE: usize = 16;

/// An item (or a lot of it) that a location does not really have.
pub(crate) type Emptied = (Sku, LocationId, Option<Lot>);

/// The levels of some items, as they were read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Levels(BTreeMap<LevelId, Level>);

#[derive(Debug, Clone)]
struct Level {
    available: u32,
    takes: BTreeMap<TakeId, Take>,
}

impl Levels {
    /// Reads every level of the items.
    pub(crate) async fn load(deps: &Deps, merchant: &MerchantId, skus: &BTreeSet<Sku>) -> Result<Self, Failure> {
        let read = |sku| deps.store.levels(merchant, sku);
        let pages: Vec<_> = futures_util::stream::iter(skus).map(read).buffered(AT_ONCE).try_collect().await?;
        let mut levels = BTreeMap::new();
        for (id, stored) in pages.into_iter().flatten() {
            let available = if stored.body.is_recalled() { 0 } else { stored.body.level().get(Term::Available) };
            let available = u32::try_from(available).unwrap_or(0);
            levels.insert(id, Level { available, takes: stored.body.takes() });
        }
        Ok(Self(levels))
    }

    /// Adds levels of other items.
    pub(crate) fn add(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether any unit is available.
    pub(crate) fn has_any(&self, skus: &[Sku]) -> bool {
        self.0.iter().any(|(id, level)| level.available > 0 && skus.contains(&id.sku))
    }

    /// Every open take.
    pub(crate) fn takes(&self) -> impl Iterator<Item = (&LevelId, &TakeId, &Take)> {
        self.0.iter().flat_map(|(id, level)| level.takes.iter().map(move |(name, take)| (id, name, take)))
    }

    /// What the merchant's locations could give of them.
    pub(crate) fn offers(&self, locations: &[StoredLocation]) -> Vec<Offer> {
        let mut by_location: BTreeMap<&LocationId, BTreeMap<Sku, Vec<LotUnits>>> = BTreeMap::new();
        for (id, level) in self.0.iter().filter(|(_, level)| level.available > 0) {
            let lots = by_location.entry(&id.location).or_default().entry(id.sku.clone()).or_default();
            lots.push(LotUnits { lot: id.lot.clone(), units: level.available });
        }
        let offer = |stored: &StoredLocation| {
            let mut available = by_location.get(&stored.location.id)?.clone();
            for lots in available.values_mut() {
                lots.sort_by_key(|lot| lot.lot.as_ref().map(Lot::sort_key));
            }
            Some(Offer {
                location: stored.location.id.clone(),
                country: stored.location.address.country.clone(),
                serves: stored.location.serves.clone(),
                cost: stored.location.parcel_cost_minor,
                priority: stored.location.priority,
                available,
            })
        };
        locations.iter().filter_map(offer).collect()
    }
}

/// The merchant's locations that are open.
pub(crate) async fn locations(deps: &Deps, merchant: &MerchantId) -> Result<Vec<StoredLocation>, Failure> {
    let partition = locations_partition(merchant);
    let found = deps.store.query::<StoredLocation>(Table::Catalogue, &partition, "", LOCATIONS_MAX).await?;
    Ok(found.into_iter().map(|(_, stored)| stored.body).filter(|stored| !stored.location.closed).collect())
}

/// The offers without what is known not to be there.
pub(crate) fn without(offers: &[Offer], emptied: &[Emptied]) -> Vec<Offer> {
    let mut offers = offers.to_vec();
    for (sku, location, lot) in emptied {
        for offer in offers.iter_mut().filter(|offer| offer.location == *location) {
            if let Some(lots) = offer.available.get_mut(sku) {
                lots.retain(|offered| offered.lot != *lot);
            }
        }
    }
    offers
}
