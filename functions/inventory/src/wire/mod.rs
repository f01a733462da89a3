//! What comes in and goes out.

mod audits;
mod recalls;
mod replenishment;
mod sellable;
mod stock;

pub use audits::{AuditSummary, AuditView, NewAudit, NewRepairs, RepairedDrift};
pub use recalls::{NewRecall, RecallView};
pub(crate) use replenishment::alert_of;
pub use replenishment::{ReplenishmentAlert, ReplenishmentView};
pub use sellable::{SellableOfItem, SellableView};
pub use stock::{
    AdjustmentKind, Goods, LevelView, MovementView, NewAdjustment, NewMove, NewReceipt, ReceiptView, StockView,
};
