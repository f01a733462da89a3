//! The decisions of Sklad: plain functions over plain types. No I/O, no async, no clock, no random numbers.

pub mod account;
pub mod actor;
pub mod address;
pub mod aggregate;
pub mod allocation;
pub mod audit;
pub mod catalogue;
pub mod count_task;
pub mod ids;
pub mod incoming;
pub mod kit;
pub mod late;
pub mod lot_record;
pub mod message;
pub mod money;
pub mod order;
pub mod pick_task;
pub mod privacy;
pub mod recall;
pub mod receiving;
pub mod replenishment;
pub mod returns;
pub mod seeded_bugs;
pub mod sellable;
pub mod serial_record;
pub mod shipment;
pub mod shortage;
pub mod stock;
pub mod sweep;
pub mod tracker;
pub mod tracking_status;

pub use aggregate::{Decision, History, HistoryEntry, Rejected};
pub use ids::{
    ApiKeyId, AuditId, CarrierAccountId, ChannelId, CountTaskId, IdError, LocationId, MerchantId, OrderId, PickTaskId,
    PrivacyRequestId, RecallId, ReceiptId, ReturnId, ShipmentId, Sku,
};
pub use message::{Message, MessageKind, Queue};
pub use money::{Currency, Money};
