//! What locations could give, read consistently.

use domain::allocation::{Need, Offer};
use domain::stock::Term;
use domain::{LocationId, MerchantId, Sku};
use platform::items::{StoredLevel, StoredLocation, locations_partition};
use platform::{Deps, Failure, Table};
use std::collections::{BTreeMap, BTreeSet};

/// Most locations of a merchant.
const LOCATIONS_MAX: usize = 200;

/// The offers of a merchant's locations.
pub(crate) struct Offers(pub(crate) Vec<Offer>);

impl Offers {
    /// Reads the levels of every item needed.
    pub(crate) async fn load(deps: &Deps, merchant: &MerchantId, needs: &[Need]) -> Result<Self, Failure> {
        let mut available: BTreeMap<LocationId, BTreeMap<Sku, u32>> = BTreeMap::new();
        let skus: BTreeSet<&Sku> = needs.iter().map(|need| &need.sku).collect();
        for sku in skus {
            let partition = format!("{merchant}#{sku}");
            for (_, stored) in
                deps.store.query::<StoredLevel>(Table::Stock, &partition, "level#", LOCATIONS_MAX).await?
            {
                let units = u32::try_from(stored.body.level().get(Term::Available)).unwrap_or(0);
                if let Some(location) = stored.body.location()
                    && units > 0
                {
                    available.entry(location).or_default().insert(sku.clone(), units);
                }
            }
        }
        if available.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let locations = deps
            .store
            .query::<StoredLocation>(Table::Catalogue, &locations_partition(merchant), "", LOCATIONS_MAX)
            .await?;
        let offers = locations.into_iter().filter_map(|(_, stored)| {
            let location = stored.body.location;
            let available = available.remove(&location.id)?;
            Some(Offer {
                location: location.id,
                country: location.address.country,
                priority: location.priority,
                available,
            })
        });
        Ok(Self(offers.collect()))
    }

    /// Leaves out items that a location does not really have.
    pub(crate) fn leave_out(&mut self, emptied: &[(Sku, LocationId)]) {
        for (sku, location) in emptied {
            for offer in self.0.iter_mut().filter(|offer| offer.location == *location) {
                offer.available.remove(sku);
            }
        }
    }
}
