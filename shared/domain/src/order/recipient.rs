//! Correcting whom the parcels go to. The person is stored elsewhere; the head knows the country only.

use super::Order;
use crate::aggregate::{Decision, Rejected};
use jiff::Timestamp;

impl Order {
    /// The recipient was corrected to one in `country` (ISO 3166-1 alpha-2). Only while the order is on hold, so that no
    /// label can be bought for the old address meanwhile. Whether a label exists already is the caller's to ask.
    ///
    /// # Errors
    /// `order-cancelled`; `order-handed-over`; `order-not-on-hold`.
    pub fn recipient_corrected(&self, country: &str, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        if self.cancel_requested {
            return Err(Rejected::new("order-cancelled", "the order is cancelled: nothing is sent to anybody"));
        }
        if self.is_settled() {
            return Err(Rejected::new(
                "order-handed-over",
                "the parcels have left the warehouse: ask the carrier to redirect them",
            ));
        }
        if self.holds.is_empty() {
            return Err(Rejected::new(
                "order-not-on-hold",
                "the order moves: place the hold `incorrect_address` first, correct the recipient, release the hold",
            ));
        }
        let mut next = self.clone();
        next.ship_to_country = Some(country.to_owned());
        next.history.record(at, "recipient_corrected", None);
        Ok(Decision::of(next))
    }
}
