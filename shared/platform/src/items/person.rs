//! Personal data of an order: the only table that has it, and it has no stream.

use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::address::Person;
use domain::order::receive::{NUMBER_DIGITS, number_digest};
use domain::privacy::DataClass;
use domain::{MerchantId, OrderId};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};

/// The person of an order, and the body that the shop sent, compressed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRecord {
    /// The order.
    pub order: OrderId,
    /// Digest of number and body, part of the key: another body under the same order number leaves this one alone.
    pub content: String,
    /// Whom it goes to; absent when the shop sent none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
    /// The shopper's note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The raw body, deflated.
    #[serde(with = "serde_bytes")]
    pub raw: Vec<u8>,
}

impl std::fmt::Debug for PersonRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PersonRecord({}, personal)", self.order)
    }
}

/// Sort key prefix of persons.
pub const PERSON_PREFIX: &str = "person#";

/// The key of an order's person; `content` is [`domain::order::Order::content`]. Orders of one number share a partition.
#[must_use]
pub fn person_key(order: &OrderId, content: &str) -> Key {
    let number = content.get(..NUMBER_DIGITS).unwrap_or(content);
    Key::new(Table::People, format!("{}#{number}", order.merchant()), format!("{PERSON_PREFIX}{order}#{content}"))
}

/// Sort key prefix of everything that was ever taken in about an order.
#[must_use]
pub fn persons_prefix(order: &OrderId) -> String {
    format!("{PERSON_PREFIX}{order}#")
}

/// The partition of the persons of the merchant's orders that have this number: one, unless shops number alike.
#[must_use]
pub fn people_partition(merchant: &MerchantId, number: &str) -> String {
    format!("{merchant}#{}", number_digest(number))
}

impl PersonRecord {
    /// What stays of an order's person when all of it is erased: a mark under the same key, which a late or repeated webhook
    /// cannot take the place of. The key's digests name nobody.
    #[must_use]
    pub fn erased(order: &OrderId, content: &str) -> Self {
        Self { order: order.clone(), content: content.to_owned(), person: None, note: None, raw: Vec::new() }
    }

    /// Itself without a class of data; `None` when it has nothing of it.
    #[must_use]
    pub fn without(&self, class: DataClass) -> Option<Self> {
        let next = match class {
            DataClass::Recipient => Self { person: None, ..self.clone() },
            DataClass::OrderBody => Self { note: None, raw: Vec::new(), ..self.clone() },
            DataClass::Documents => self.clone(),
        };
        (next != *self).then_some(next)
    }

    /// Compresses a raw body.
    #[must_use]
    pub fn deflate(raw: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        // Writing to memory cannot fail; if it did, an empty body is honest: the order itself is in its head.
        let written = encoder.write_all(raw).and_then(|()| encoder.finish());
        written.unwrap_or_default()
    }

    /// The raw body as it came.
    #[must_use]
    pub fn inflate(&self) -> Vec<u8> {
        let mut raw = Vec::new();
        let limit = u64::try_from(crate::http::BODY_BYTES_MAX).unwrap_or(u64::MAX);
        let read = flate2::read::DeflateDecoder::new(self.raw.as_slice()).take(limit).read_to_end(&mut raw);
        if read.is_err() {
            raw.clear();
        }
        raw
    }
}

impl Stored for PersonRecord {
    fn key(&self) -> Key {
        person_key(&self.order, &self.content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::order::receive::content_digest;
    use domain::privacy::DataClass;

    #[test]
    fn what_is_left_without_every_class_is_the_mark() {
        let order = OrderId::derive(&MerchantId::derive(&["acme"]), &["shop", "1"]);
        let whole = PersonRecord {
            order: order.clone(),
            content: "c".to_owned(),
            person: Some(Person { name: "Мария".to_owned(), ..Person::default() }),
            note: Some("call".to_owned()),
            raw: PersonRecord::deflate(b"{}"),
        };
        let left = DataClass::ALL.iter().fold(whole.clone(), |left, class| left.without(*class).unwrap_or(left));
        assert!(left == PersonRecord::erased(&order, "c"));
        assert!(DataClass::ALL.iter().all(|class| left.without(*class).is_none()));
        let body = whole.without(DataClass::OrderBody).unwrap();
        assert!(body.person == whole.person && body.raw.is_empty() && body.inflate().is_empty());
    }

    #[test]
    fn a_number_leads_to_the_person_however_it_is_written() {
        let merchant = MerchantId::derive(&["acme"]);
        let order = OrderId::derive(&merchant, &["shop", "1"]);
        let key = person_key(&order, &content_digest("#A-1001", "{}"));
        for number in ["#A-1001", "a-1001", " #a-1001 "] {
            assert_eq!(people_partition(&merchant, number), key.pk);
        }
        assert_ne!(people_partition(&merchant, "A-1002"), key.pk);
        assert_ne!(people_partition(&MerchantId::derive(&["other"]), "A-1001"), key.pk);
    }
}
