//! Identifiers. Opaque to callers, prefixed by kind; every id of a merchant's object carries the
//! merchant's own suffix, so that the tenant of an id is known without a look-up, and ids of children
//! (pick task, shipment, return) are derived from their order, so that a repeated step names the same child.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use utoipa::ToSchema;

/// Why a text is no id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind} id: expected `{prefix}_…`")]
pub struct IdError {
    /// The kind that was expected, in words.
    pub kind: &'static str,
    /// Its prefix.
    pub prefix: &'static str,
    /// The offending text, cut to 64 characters.
    pub text: String,
}

/// Longest id or SKU accepted, in bytes: an id is part of a DynamoDB key.
pub const ID_BYTES_MAX: usize = 100;

/// `len` hexadecimal digits of the SHA-256 of `parts`, each part terminated, so that ("a","bc") ≠ ("ab","c").
#[must_use]
pub fn digest(parts: &[&str], len: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut text = hex::encode(hash.finalize());
    text.truncate(len);
    text
}

fn tail_is_valid(tail: &str) -> bool {
    !tail.is_empty() && tail.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schema(value_type = String)]
        pub struct $name(String);

        impl $name {
            /// The prefix of this kind of id.
            pub const PREFIX: &'static str = $prefix;

            /// Reads an id of this kind.
            ///
            /// # Errors
            /// [`IdError`] if the text has another prefix, other characters than letters, digits, `_` and `-`,
            /// or more than [`ID_BYTES_MAX`] bytes.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                match text.strip_prefix(concat!($prefix, "_")) {
                    Some(tail) if tail_is_valid(tail) && text.len() <= ID_BYTES_MAX => Ok(Self(text.to_owned())),
                    _ => Err(IdError { kind: $kind, prefix: $prefix, text: text.chars().take(64).collect() }),
                }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The part after the prefix.
            #[must_use]
            pub fn tail(&self) -> &str {
                &self.0[$prefix.len() + 1..]
            }

            #[allow(dead_code)]
            fn from_tail(tail: &str) -> Self {
                Self(format!(concat!($prefix, "_{}"), tail))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }
    };
}

macro_rules! owned_by_merchant {
    ($($name:ident),*) => {$(
        impl $name {
            /// The merchant that this id belongs to, read from the id itself.
            #[must_use]
            pub fn merchant(&self) -> MerchantId {
                MerchantId::from_tail(self.tail().split('_').next().unwrap_or_default())
            }

            /// The id of an object of `merchant` that is identified by `parts`: the same parts, the same id.
            #[must_use]
            pub fn derive(merchant: &MerchantId, parts: &[&str]) -> Self {
                Self::from_tail(&format!("{}_{}", merchant.tail(), digest(parts, 20)))
            }
        }
    )*};
}

id!(
    /// A merchant: the tenant whose stock and orders these are.
    MerchantId, "mer", "merchant"
);
id!(
    /// A sales channel: one connected shop.
    ChannelId, "chn", "channel"
);
id!(
    /// A merchant's account with a carrier.
    CarrierAccountId, "car", "carrier account"
);
id!(
    /// An API key's public id (never the secret).
    ApiKeyId, "key", "API key"
);
id!(
    /// An order.
    OrderId, "ord", "order"
);
id!(
    /// A pick task: what one location must pick for one fulfilment order.
    PickTaskId, "tsk", "pick task"
);
id!(
    /// A shipment: one parcel, its label and its way.
    ShipmentId, "shp", "shipment"
);
id!(
    /// A return (RMA).
    ReturnId, "ret", "return"
);
id!(
    /// A stock receipt or adjustment.
    ReceiptId, "rec", "receipt"
);
id!(
    /// A count task: what somebody must count at one location.
    CountTaskId, "cnt", "count task"
);
id!(
    /// A recall of a lot.
    RecallId, "rcl", "recall"
);
id!(
    /// What a shopper asks about personal data.
    PrivacyRequestId, "prv", "privacy request"
);
id!(
    /// An audit of a merchant's stock.
    AuditId, "aud", "stock audit"
);

owned_by_merchant!(
    ChannelId,
    CarrierAccountId,
    ApiKeyId,
    OrderId,
    PickTaskId,
    ShipmentId,
    ReturnId,
    ReceiptId,
    RecallId,
    CountTaskId,
    AuditId,
    PrivacyRequestId
);

impl MerchantId {
    /// The pseudo-merchant that owns what belongs to the whole deployment (administrators' keys, the list of merchants).
    #[must_use]
    pub fn platform() -> Self {
        Self::from_tail("platform")
    }

    /// The id of the merchant that was created with these `parts`.
    #[must_use]
    pub fn derive(parts: &[&str]) -> Self {
        Self::from_tail(&digest(parts, 10))
    }
}

/// The number of a fulfilment order within its order, from 1.
pub type FulfillmentOrderNumber = u32;

macro_rules! child_of_order {
    ($($name:ident),*) => {$(
        impl $name {
            /// The child numbered `number` of `order`.
            #[must_use]
            pub fn of(order: &OrderId, number: u32) -> Self {
                Self::from_tail(&format!("{}_{number}", order.tail()))
            }

            /// The order this child belongs to, and its number there; `None` for an id that was not derived from an order.
            #[must_use]
            pub fn order(&self) -> Option<(OrderId, u32)> {
                let (order, number) = self.tail().rsplit_once('_')?;
                order.contains('_').then_some(())?;
                Some((OrderId::from_tail(order), number.parse().ok()?))
            }
        }
    )*};
}
child_of_order!(PickTaskId, ShipmentId, ReturnId);

impl PickTaskId {
    /// The shipment that carries what this task picked.
    #[must_use]
    pub fn shipment(&self) -> ShipmentId {
        ShipmentId::from_tail(self.tail())
    }
}

impl ShipmentId {
    /// The pick task whose goods this shipment carries.
    #[must_use]
    pub fn pick_task(&self) -> PickTaskId {
        PickTaskId::from_tail(self.tail())
    }

    /// The return that this shipment brings back; `None` for an outbound one.
    #[must_use]
    pub fn return_id(&self) -> Option<ReturnId> {
        let (order, number) = self.tail().rsplit_once("_r")?;
        number.parse::<u32>().ok().map(|number| ReturnId::from_tail(&format!("{order}_{number}")))
    }
}

impl ReturnId {
    /// The shipment of the return's own label: its number has an `r`, so that it is never taken for an outbound one.
    #[must_use]
    pub fn shipment(&self) -> ShipmentId {
        let (order, number) = self.tail().rsplit_once('_').unwrap_or((self.tail(), "0"));
        ShipmentId::from_tail(&format!("{order}_r{number}"))
    }
}

macro_rules! code {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $example:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schema(value_type = String, example = $example)]
        pub struct $name(String);

        impl $name {
            /// Reads a code: 1 to 64 printable characters without `#` (which separates the parts of a key)
            /// and without space at either end.
            ///
            /// # Errors
            /// [`CodeError`] says what is wrong.
            pub fn parse(text: &str) -> Result<Self, CodeError> {
                let bad = text.is_empty()
                    || text.len() > 64
                    || text.trim() != text
                    || text.chars().any(|c| c.is_control() || c == '#');
                if bad {
                    Err(CodeError { kind: $kind })
                } else {
                    Ok(Self(text.to_owned()))
                }
            }

            /// The code as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = CodeError;
            fn try_from(text: String) -> Result<Self, CodeError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(code: $name) -> String {
                code.0
            }
        }
    };
}

/// Why a text is no code that a person may give to an item or a location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {kind} has 1 to 64 bytes of printable text, no `#`, and no space at either end")]
pub struct CodeError {
    /// What the code would have named.
    pub kind: &'static str,
}

code!(
    /// A merchant's code for an item (stock keeping unit).
    Sku, "SKU", "TEA-GREEN-100"
);
code!(
    /// A merchant's code for a location (warehouse).
    LocationId, "location code", "SOF1"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_knows_its_merchant_and_its_order() {
        let merchant = MerchantId::derive(&["acme"]);
        let order = OrderId::derive(&merchant, &["shop", "1001"]);
        let task = PickTaskId::of(&order, 2);
        assert_eq!(order.merchant(), merchant);
        assert_eq!(task.merchant(), merchant);
        assert_eq!(task.order(), Some((order.clone(), 2)));
        assert_eq!(task.shipment().pick_task(), task);
        assert_eq!(OrderId::derive(&merchant, &["shop", "1001"]), order);
    }

    #[test]
    fn a_returns_shipment_is_none_of_the_outbound_ones() {
        let order = OrderId::derive(&MerchantId::derive(&["acme"]), &["shop", "1001"]);
        let (back, out) = (ReturnId::of(&order, 1), ShipmentId::of(&order, 1));
        assert_ne!(back.shipment(), out);
        assert_eq!(back.shipment().return_id(), Some(back.clone()));
        assert_eq!(back.shipment().merchant(), order.merchant());
        assert_eq!(back.shipment().order(), None);
        assert_eq!(out.return_id(), None);
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        assert!(OrderId::parse("tsk_a_b").is_err());
        assert!(OrderId::parse("ord_").is_err());
        assert!(OrderId::parse("ord_a#b").is_err());
        assert!(OrderId::parse(&format!("ord_{}", "a".repeat(200))).is_err());
    }

    #[test]
    fn parts_of_a_digest_do_not_run_together() {
        assert_ne!(digest(&["a", "bc"], 20), digest(&["ab", "c"], 20));
    }
}
