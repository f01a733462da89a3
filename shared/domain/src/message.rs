//! The messages between functions. They carry ids only: no personal data, no state.

use crate::ids::{CarrierAccountId, LocationId, MerchantId, OrderId, PickTaskId, ReturnId, ShipmentId, Sku};
use crate::tracking_status::TrackingEvent;
use serde::{Deserialize, Serialize};

/// The work queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Queue {
    Reservations,
    Picks,
    Bookings,
    Tracking,
    Returns,
    Fulfilments,
}

impl Queue {
    /// Every queue.
    pub const ALL: [Self; 6] =
        [Self::Reservations, Self::Picks, Self::Bookings, Self::Tracking, Self::Returns, Self::Fulfilments];

    /// Its name: what the template calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reservations => "reservations",
            Self::Picks => "picks",
            Self::Bookings => "bookings",
            Self::Tracking => "tracking",
            Self::Returns => "returns",
            Self::Fulfilments => "fulfilments",
        }
    }
}

/// One message of a work queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Whose it is: also the queue's message group, so that one merchant's peak does not starve another.
    pub merchant: MerchantId,
    /// The order (or other root) that all this is about, from webhook to delivery: in every log line.
    pub correlation_id: String,
    /// Version of the item whose commit caused the message; set by the commit. An older item means: not yet visible, again.
    #[serde(default)]
    pub version: u64,
    /// What to do.
    #[serde(flatten)]
    pub kind: MessageKind,
}

/// What a message asks for. The name says the reader's step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MessageKind {
    /// Reserve what the order still needs. Cause: the order.
    Reserve {
        /// The order.
        order: OrderId,
    },
    /// Give back what a cancelled pick task's fulfilment order held. Cause: the task.
    Release {
        /// The cancelled task.
        task: PickTaskId,
    },
    /// A picker did not find units: take them off the fulfilment order and reserve elsewhere. Cause: the task.
    ShortPicked {
        /// The task.
        task: PickTaskId,
    },
    /// Stock became available: fill waiting orders. Cause: a receipt, a restock or a release.
    StockArrived {
        /// The item.
        sku: Sku,
        /// Where.
        location: LocationId,
    },
    /// Create the pick tasks of the order's open fulfilment orders. Cause: the order.
    CreatePickTasks {
        /// The order.
        order: OrderId,
    },
    /// The order is to be cancelled: stop its pick tasks. Cause: the order, or a voided shipment.
    CancelPickTasks {
        /// The order.
        order: OrderId,
    },
    /// Book the packed parcel with the carrier. Cause: the task.
    Book {
        /// The packed task.
        task: PickTaskId,
    },
    /// Book the label of a return. Cause: the return.
    BookReturn {
        /// The approved return.
        return_id: ReturnId,
    },
    /// Void the shipment's label. Cause: the task.
    Void {
        /// The shipment.
        shipment: ShipmentId,
    },
    /// Find out what became of a booking whose answer was lost. Cause: the shipment.
    Reconcile {
        /// The shipment.
        shipment: ShipmentId,
    },
    /// A carrier's update of a parcel.
    TrackingEvent {
        /// The account through which it came.
        carrier_account: CarrierAccountId,
        /// The event.
        event: TrackingEvent,
    },
    /// A shipment was handed over or voided: the order follows. Cause: the shipment.
    ShipmentChanged {
        /// The shipment.
        shipment: ShipmentId,
    },
    /// A tracker's status changed: the order (or return) follows. Cause: the tracker.
    TrackerChanged {
        /// The account.
        carrier_account: CarrierAccountId,
        /// The carrier's tracking number.
        tracking_number: String,
        /// The shipment that the tracker belongs to.
        shipment: ShipmentId,
    },
    /// A return was inspected or closed: the order follows. Cause: the return.
    ReturnChanged {
        /// The return.
        return_id: ReturnId,
    },
    /// The carrier turns an outbound parcel round: open a return of kind `refused`. Cause: the tracker.
    ParcelRefused {
        /// The outbound shipment.
        shipment: ShipmentId,
    },
    /// A return's parcel moved. Cause: the tracker.
    ReturnParcelMoved {
        /// The return.
        return_id: ReturnId,
        /// The account.
        carrier_account: CarrierAccountId,
        /// The carrier's tracking number.
        tracking_number: String,
    },
    /// A return's label was booked (or refused). Cause: the shipment.
    ReturnLabelBooked {
        /// The return.
        return_id: ReturnId,
        /// Its shipment.
        shipment: ShipmentId,
    },
    /// Tell the shop that a parcel went out. Cause: the shipment.
    ReportFulfilment {
        /// The shipment.
        shipment: ShipmentId,
    },
    /// Compute how much of an item may be sold, and tell the merchant's shops. Cause: an inventory level, a waiting order, the
    /// item's own terms, or a day on which a lot no longer keeps long enough.
    PublishStock {
        /// The item.
        sku: Sku,
        /// What tells this message from others of the item: the stream record, or the day.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        cause: String,
    },
    /// Look whether an item is to be ordered again, if that is due. Cause: units were handed over, or a day began.
    ReviewStock {
        /// The item.
        sku: Sku,
        /// What tells this message from others of the item: the stream record, or the day.
        cause: String,
    },
}

impl MessageKind {
    /// The queue whose reader does this.
    #[must_use]
    pub fn queue(&self) -> Queue {
        match self {
            Self::Reserve { .. } | Self::Release { .. } | Self::ShortPicked { .. } | Self::StockArrived { .. } => {
                Queue::Reservations
            }
            Self::CreatePickTasks { .. } | Self::CancelPickTasks { .. } => Queue::Picks,
            Self::Book { .. } | Self::BookReturn { .. } | Self::Void { .. } | Self::Reconcile { .. } => Queue::Bookings,
            Self::TrackingEvent { .. }
            | Self::ShipmentChanged { .. }
            | Self::TrackerChanged { .. }
            | Self::ReturnChanged { .. } => Queue::Tracking,
            Self::ParcelRefused { .. } | Self::ReturnParcelMoved { .. } | Self::ReturnLabelBooked { .. } => {
                Queue::Returns
            }
            Self::ReportFulfilment { .. } | Self::PublishStock { .. } | Self::ReviewStock { .. } => Queue::Fulfilments,
        }
    }

    /// The message for `merchant` under `correlation_id`; its version is set by the commit.
    pub fn for_merchant(self, merchant: &MerchantId, correlation_id: impl ToString) -> Message {
        Message { merchant: merchant.clone(), correlation_id: correlation_id.to_string(), version: 0, kind: self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_back_from_the_wire_it_is_frozen_to() {
        let merchant = MerchantId::derive(&["acme"]);
        let order = OrderId::parse("ord_m_1").unwrap();
        let message = MessageKind::Reserve { order }.for_merchant(&merchant, "ord_m_1");
        let json = serde_json::to_string(&message).unwrap();
        assert_eq!(
            json,
            format!(
                r#"{{"merchant":"{merchant}","correlation_id":"ord_m_1","version":0,"kind":"reserve","order":"ord_m_1"}}"#
            )
        );
        assert_eq!(serde_json::from_str::<Message>(&json).unwrap(), message);
    }
}
