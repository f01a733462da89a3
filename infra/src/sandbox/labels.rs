//! Labels of the sandbox carrier.

use domain::address::Person;
use domain::money::Money;

/// What a label shows.
#[derive(Debug, Clone)]
pub struct LabelFacts<'a> {
    /// Who sends.
    pub sender: &'a Person,
    /// Who receives.
    pub recipient: &'a Person,
    /// The service.
    pub service: &'a str,
    /// Grams.
    pub weight_grams: u64,
    /// The merchant's reference.
    pub reference: &'a str,
    /// The tracking number.
    pub tracking_number: &'a str,
    /// What is collected at the door.
    pub cash_on_delivery: Option<Money>,
}

/// Why there is no label.
#[derive(Debug, thiserror::Error)]
#[error("the label cannot be drawn: {0}")]
pub struct LabelError(pub String);

/// Draws labels: the same facts, the same bytes, so that a label need not be kept.
pub trait LabelMaker: Send + Sync {
    /// The label as PDF.
    ///
    /// # Errors
    /// [`LabelError`].
    fn pdf(&self, facts: &LabelFacts<'_>) -> Result<Vec<u8>, LabelError>;

    /// The label as ZPL.
    ///
    /// # Errors
    /// [`LabelError`].
    fn zpl(&self, facts: &LabelFacts<'_>) -> Result<String, LabelError>;
}

/// Labels by the `documents` crate.
#[derive(Debug, Clone, Copy)]
pub struct DocumentLabels;

impl LabelMaker for DocumentLabels {
    fn pdf(&self, facts: &LabelFacts<'_>) -> Result<Vec<u8>, LabelError> {
        with_label(facts, |label| documents::label::pdf(label).map_err(|error| LabelError(error.to_string())))
    }

    fn zpl(&self, facts: &LabelFacts<'_>) -> Result<String, LabelError> {
        with_label(facts, |label| documents::label::zpl(label).map_err(|error| LabelError(error.to_string())))
    }
}

fn with_label<T>(facts: &LabelFacts<'_>, draw: impl FnOnce(&documents::Label<'_>) -> T) -> T {
    let service = format!("Sandbox {}", facts.service);
    let amount = facts.cash_on_delivery.map(|money| money.to_string());
    draw(&documents::Label {
        sender: party(facts.sender),
        recipient: party(facts.recipient),
        service: &service,
        weight_grams: facts.weight_grams,
        reference: facts.reference,
        tracking_number: facts.tracking_number,
        cash_on_delivery: amount.as_deref(),
    })
}

fn party(person: &Person) -> documents::Party<'_> {
    let address = &person.address;
    documents::Party {
        name: &person.name,
        company: person.company.as_deref(),
        line1: &address.line1,
        line2: address.line2.as_deref(),
        postal_code: address.postal_code.as_deref(),
        city: &address.city,
        region: address.region.as_deref(),
        country: &address.country,
        phone: person.phone.as_deref(),
    }
}
