//! Personal data of shoppers: how long each class of it is kept, and what a shopper may ask for ([`PrivacyRequest`]).
//!
//! [`RETENTION`] is the one table. An order has the data of one shopper; the rest of it (goods, amounts, country) names nobody
//! and stays for the books.

mod holds;
mod request;
#[cfg(test)]
mod tests;

pub use holds::{BOOKS_YEARS_MAX, CLAIMS_LAST, Facts, LegalHold, holds};
pub use request::{
    ClassState, EXPORT_LASTS, ErasureState, InvoiceHold, ORDERS_MAX, OrderErasure, Pace, PrivacyKind, PrivacyOrigin,
    PrivacyRequest, PrivacyState,
};

use crate::aggregate::{Decision, Rejected};
use crate::order::Order;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A class of personal data: what is erased at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataClass {
    /// Whom the parcels go to: name, company, address, e-mail, telephone.
    Recipient,
    /// What the shop sent, word for word, and the shopper's note.
    OrderBody,
    /// Labels and packing slips.
    Documents,
}

/// Why data may not be erased yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LegalHoldReason {
    /// The order is not at rest: goods, a parcel or a label are under way.
    OpenWork,
    /// A return is open, or a parcel was lost.
    OpenClaim,
    /// The merchant has not got what the courier was to collect.
    CashOnDelivery,
    /// A lot that the order has was recalled: the shopper must be told.
    Recall,
    /// The merchant's books need whom the invoice was for, and nobody else keeps it.
    Invoice,
}

/// How long one class is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The class.
    pub class: DataClass,
    /// Where it is stored.
    pub place: &'static str,
    /// What keeps it from being erased.
    pub holds: &'static [LegalHoldReason],
    /// How long it is kept when nobody asks.
    pub unasked: &'static str,
}

/// The retention of every class.
pub const RETENTION: [Retention; 3] = [
    Retention {
        class: DataClass::Recipient,
        place: "table `people`: `person`",
        holds: &[
            LegalHoldReason::OpenWork,
            LegalHoldReason::OpenClaim,
            LegalHoldReason::CashOnDelivery,
            LegalHoldReason::Recall,
            LegalHoldReason::Invoice,
        ],
        unasked: "until the merchant has it erased",
    },
    Retention {
        class: DataClass::OrderBody,
        place: "table `people`: `raw`, `note`",
        holds: &[LegalHoldReason::OpenWork, LegalHoldReason::OpenClaim],
        unasked: "until the merchant has it erased",
    },
    Retention {
        class: DataClass::Documents,
        place: "bucket: `orders/<id>/`",
        holds: &[LegalHoldReason::OpenWork, LegalHoldReason::OpenClaim, LegalHoldReason::CashOnDelivery],
        unasked: "`DocumentRetentionDays` of the template",
    },
];

impl DataClass {
    /// Every class, in the order of [`RETENTION`].
    pub const ALL: [Self; 3] = [Self::Recipient, Self::OrderBody, Self::Documents];

    /// What keeps it from being erased.
    #[must_use]
    pub fn holds(self) -> &'static [LegalHoldReason] {
        RETENTION.iter().find(|row| row.class == self).map_or(&[], |row| row.holds)
    }
}

/// How far the personal data of an order may be used: a mark on its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PersonalData {
    /// Only for what is under way and for what a law asks: nobody is shown it.
    Restricted,
    /// There is none any more, but for what is being deleted at this moment; and none is taken in.
    Erased,
}

impl Order {
    /// Its shopper's data is used for nothing but what is under way, from now on. No-op when it is so already.
    #[must_use]
    pub fn restricted(&self, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        if self.personal_data.is_none() {
            next.personal_data = Some(PersonalData::Restricted);
            next.history.record(at, "personal_data_restricted", None);
        }
        Decision::of(next)
    }

    /// Its shopper's data is gone. No-op when it is known to be.
    #[must_use]
    pub fn erased(&self, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        if !self.is_erased() {
            next.personal_data = Some(PersonalData::Erased);
            next.history.record(at, "personal_data_erased", None);
        }
        Decision::of(next)
    }

    /// Whether its shopper's data is gone.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.personal_data == Some(PersonalData::Erased)
    }

    /// Whether people may be shown whom it goes to.
    #[must_use]
    pub fn shows_person(&self) -> bool {
        self.personal_data.is_none()
    }

    /// Whether a document with the shopper's address may be handed out; `in_use`: the work that it was made for is under way.
    ///
    /// # Errors
    /// `personal-data-restricted`, `personal-data-erased`.
    pub fn shows_documents(&self, in_use: bool) -> Result<(), Rejected> {
        match self.personal_data {
            None => Ok(()),
            Some(PersonalData::Restricted) if in_use => Ok(()),
            Some(PersonalData::Restricted) => Err(Rejected::new(
                "personal-data-restricted",
                "the shopper had this data restricted, and the work that it was made for is done",
            )),
            Some(PersonalData::Erased) => Err(gone()),
        }
    }
}

/// There is nothing left of the shopper of an order.
#[must_use]
pub fn gone() -> Rejected {
    Rejected::new("personal-data-erased", "the shopper had this data erased: nothing is left of it here")
}
