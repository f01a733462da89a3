//! Units that are kept by serial number: what is on which shelf, in a picker's hand, or with a shopper. Only whoever holds a unit
//! can read its number.

use std::collections::BTreeMap;

use super::Stage;

/// Where units are that have a number. A merchant has one item of the kind.
#[derive(Debug, Default)]
pub(crate) struct Units {
    /// By merchant and location.
    shelves: BTreeMap<(String, String), Vec<String>>,
    /// By order and pick task: in a hand, in a parcel, or sent.
    taken: BTreeMap<(String, String), Vec<String>>,
}

impl Stage {
    /// A number that no unit had before.
    pub(super) fn new_serial(&self) -> String {
        self.new_key("SN")
    }

    /// A unit lies on a shelf.
    pub(super) fn shelved(&self, merchant: &str, location: &str, serial: &str) {
        let mut progress = self.progress.borrow_mut();
        let shelf = progress.units.shelves.entry((merchant.to_owned(), location.to_owned())).or_default();
        shelf.push(serial.to_owned());
    }

    /// Takes the first unit off a shelf.
    pub(super) fn take_unit(&self, merchant: &str, location: &str) -> Option<String> {
        let mut progress = self.progress.borrow_mut();
        let shelf = progress.units.shelves.get_mut(&(merchant.to_owned(), location.to_owned()))?;
        (!shelf.is_empty()).then(|| shelf.remove(0))
    }

    /// A unit was scanned for a task.
    pub(super) fn unit_taken(&self, order: &str, task: &str, serial: String) {
        let mut progress = self.progress.borrow_mut();
        progress.units.taken.entry((order.to_owned(), task.to_owned())).or_default().push(serial);
    }

    /// All that was scanned for a task lies on the shelf again.
    pub(super) fn units_put_back(&self, merchant: &str, location: &str, order: &str, task: &str) {
        let units = self.progress.borrow_mut().units.taken.remove(&(order.to_owned(), task.to_owned()));
        for serial in units.unwrap_or_default() {
            self.shelved(merchant, location, &serial);
        }
    }

    /// One of the units that were sent to the shopper of an order comes back.
    pub(super) fn unit_back(&self, order: &str) -> Option<String> {
        let mut progress = self.progress.borrow_mut();
        let mut sent = progress.units.taken.iter_mut().filter(|((its, _), units)| its == order && !units.is_empty());
        sent.next().map(|(_, units)| units.remove(0))
    }
}
