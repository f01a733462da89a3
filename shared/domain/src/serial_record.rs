//! What is known of one unit of an item that is kept by serial number: one record per merchant, item and number, so that a
//! number comes in once, only what is there is scanned, and what comes back is known.
//!
//! | Event | no record | `in_stock` | `with_order` | `returned` | `gone` |
//! |---|---|---|---|---|---|
//! | `receive` (receipt, correction upwards) | `in_stock` | refused | refused | refused | `in_stock` |
//! | `pick` (scan) | refused | `with_order`, at its location only | own: no-op; else refused | refused | refused |
//! | `put_back` | – | no-op | own: `in_stock` | no-op | no-op |
//! | `come_back` (dock) | flagged | flagged | own: `returned`; another order's: `returned`, flagged | flagged | flagged |
//! | `inspected` | – | no-op | no-op | `in_stock` if restocked, else `gone` | no-op |
//! | `remove` (correction downwards) | refused | `gone`, at its location only | refused | `gone` | refused |
//!
//! The record is written in the same transaction as what it tells of. The order stays on it when the parcel has left.

use crate::aggregate::Rejected;
use crate::ids::{LocationId, MerchantId, OrderId, Sku};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SerialState {
    /// On the shelf.
    InStock,
    /// Scanned for an order, or sent to its shopper.
    WithOrder,
    /// Counted at the dock, and not inspected yet.
    Returned,
    /// Written off, or set aside for good.
    Gone,
}

/// The record of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SerialRecord {
    /// Whose.
    pub merchant: MerchantId,
    /// The item.
    pub sku: Sku,
    /// Its number.
    pub serial: String,
    /// Where it is, or was last.
    pub location: LocationId,
    /// How it is.
    pub state: SerialState,
    /// The order that it was scanned for last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
}

impl SerialRecord {
    /// A unit comes in; `known` is the record of its number.
    ///
    /// # Errors
    /// `serial-received` when it came in before and is not gone.
    pub fn receive(
        (merchant, sku, serial): (&MerchantId, &Sku, &str),
        location: &LocationId,
        known: Option<&Self>,
    ) -> Result<Self, Rejected> {
        let detail = match known.map(|known| (known.state, &known.order)) {
            None | Some((SerialState::Gone, _)) => {
                return Ok(Self {
                    merchant: merchant.clone(),
                    sku: sku.clone(),
                    serial: serial.to_owned(),
                    location: location.clone(),
                    state: SerialState::InStock,
                    order: None,
                });
            }
            Some((SerialState::WithOrder, Some(order))) => {
                format!("serial number {serial} came in before and was scanned for {order}: receive it as a return")
            }
            Some(_) => format!("serial number {serial} came in before: check the number"),
        };
        Err(Rejected::new("serial-received", detail).at("/goods/serial"))
    }

    /// The unit is scanned for `order` at `location`.
    ///
    /// # Errors
    /// `serial-not-in-stock` unless it is on a shelf there.
    pub fn pick(&self, order: &OrderId, location: &LocationId) -> Result<Self, Rejected> {
        match self.state {
            SerialState::InStock if self.location == *location => {
                Ok(Self { state: SerialState::WithOrder, order: Some(order.clone()), ..self.clone() })
            }
            SerialState::WithOrder if self.order.as_ref() == Some(order) => Ok(self.clone()),
            _ => Err(Self::not_in_stock(&self.serial)),
        }
    }

    /// Why a unit cannot be scanned.
    #[must_use]
    pub fn not_in_stock(serial: &str) -> Rejected {
        let detail = format!("serial number {serial} is not in stock here: put the unit aside and take another");
        Rejected::new("serial-not-in-stock", detail).at("/serial")
    }

    /// The unit lies in its bin again.
    #[must_use]
    pub fn put_back(&self, order: &OrderId) -> Self {
        if self.state == SerialState::WithOrder && self.order.as_ref() == Some(order) {
            Self { state: SerialState::InStock, order: None, ..self.clone() }
        } else {
            self.clone()
        }
    }

    /// The unit came to the dock at `location`, with a return of `order` as far as that is known. Gives the record, and whether
    /// it is a unit that was sent, and to that order.
    #[must_use]
    pub fn come_back(&self, order: Option<&OrderId>, location: &LocationId) -> (Self, bool) {
        if self.state != SerialState::WithOrder {
            return (self.clone(), false);
        }
        let expected = order.is_none() || order == self.order.as_ref();
        (Self { state: SerialState::Returned, location: location.clone(), ..self.clone() }, expected)
    }

    /// What becomes of a unit that came back: on the shelf again, or gone.
    #[must_use]
    pub fn inspected(&self, restocked: bool) -> Self {
        match self.state {
            SerialState::Returned if restocked => Self { state: SerialState::InStock, order: None, ..self.clone() },
            SerialState::Returned => Self { state: SerialState::Gone, ..self.clone() },
            SerialState::InStock | SerialState::WithOrder | SerialState::Gone => self.clone(),
        }
    }

    /// The unit is taken off the record.
    ///
    /// # Errors
    /// `serial-not-in-stock` unless it is at `location` and no order's.
    pub fn remove(&self, location: &LocationId) -> Result<Self, Rejected> {
        match self.state {
            SerialState::InStock | SerialState::Returned if self.location == *location => {
                Ok(Self { state: SerialState::Gone, ..self.clone() })
            }
            _ => Err(Self::not_in_stock(&self.serial).at("/goods/serial")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(number: &str) -> OrderId {
        OrderId::derive(&MerchantId::derive(&["acme"]), &["api", number])
    }

    fn place(code: &str) -> LocationId {
        LocationId::parse(code).unwrap()
    }

    fn record(state: SerialState) -> SerialRecord {
        let (merchant, sku) = (MerchantId::derive(&["acme"]), Sku::parse("PHONE").unwrap());
        let order = (state != SerialState::InStock).then(|| order("1"));
        SerialRecord { merchant, sku, serial: "S1".to_owned(), location: place("SOF1"), state, order }
    }

    type Event<'a> = &'a dyn Fn(&SerialRecord) -> Option<SerialState>;

    #[test]
    fn every_state_answers_every_event_as_the_table_says() {
        use SerialState::{Gone, InStock, Returned, WithOrder};
        let states = [InStock, WithOrder, Returned, Gone];
        let check = |name: &str, apply: Event<'_>, expect: [Option<SerialState>; 4]| {
            assert_eq!(states.map(|state| apply(&record(state))), expect, "{name}");
        };
        let same = states.map(Some);
        let received = |known: &SerialRecord| {
            let of = (&known.merchant, &known.sku, known.serial.as_str());
            SerialRecord::receive(of, &place("SOF1"), Some(known)).ok().map(|record| record.state)
        };
        check("receive", &received, [None, None, None, Some(InStock)]);
        let pick = |number: &'static str, at: &'static str| {
            move |known: &SerialRecord| known.pick(&order(number), &place(at)).ok().map(|record| record.state)
        };
        check("pick", &pick("1", "SOF1"), [Some(WithOrder), Some(WithOrder), None, None]);
        check("pick for another", &pick("2", "SOF1"), [Some(WithOrder), None, None, None]);
        check("pick elsewhere", &pick("2", "VAR1"), [None; 4]);
        let back = |known: &SerialRecord| Some(known.put_back(&order("1")).state);
        check("put back", &back, [Some(InStock), Some(InStock), same[2], same[3]]);
        check("put back by another", &|known| Some(known.put_back(&order("2")).state), same);
        let came = |known: &SerialRecord| Some(known.come_back(Some(&order("1")), &place("VAR1")).0.state);
        check("come back", &came, [same[0], Some(Returned), same[2], same[3]]);
        check("restock", &|known| Some(known.inspected(true).state), [same[0], same[1], Some(InStock), same[3]]);
        check("dispose", &|known| Some(known.inspected(false).state), [same[0], same[1], Some(Gone), same[3]]);
        let removed = |known: &SerialRecord| known.remove(&place("SOF1")).ok().map(|record| record.state);
        check("remove", &removed, [Some(Gone), None, Some(Gone), None]);
    }

    #[test]
    fn only_the_unit_that_was_sent_to_the_order_is_expected_back() {
        let expected =
            |state, number: Option<&str>| record(state).come_back(number.map(order).as_ref(), &place("SOF1")).1;
        assert!(expected(SerialState::WithOrder, Some("1")));
        assert!(expected(SerialState::WithOrder, None), "it was sent, if nobody knows for which order");
        assert!(!expected(SerialState::WithOrder, Some("2")));
        assert!(!expected(SerialState::InStock, Some("1")) && !expected(SerialState::Gone, Some("1")));
    }

    #[test]
    fn a_number_that_comes_in_twice_is_told_where_it_is() {
        let known = record(SerialState::WithOrder);
        let of = (&known.merchant, &known.sku, "S1");
        let rejected = SerialRecord::receive(of, &place("SOF1"), Some(&known)).unwrap_err();
        assert_eq!((rejected.code, rejected.pointer.as_deref()), ("serial-received", Some("/goods/serial")));
        assert!(rejected.detail.contains(order("1").as_str()), "{rejected}");
        assert_eq!(SerialRecord::receive(of, &place("VAR1"), None).unwrap().location, place("VAR1"));
    }
}
