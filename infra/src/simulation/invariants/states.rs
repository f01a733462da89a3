//! Legal moves only: every state changes along its machine, and what has happened to a parcel is not undone.

use domain::order::{DeliveryState, FulfilmentState, Order};
use domain::pick_task::{PickTask, PickTaskState as T};
use domain::returns::Return;
use domain::shipment::{Shipment, ShipmentState as S};

use super::Found;

const NAME: &str = "legal moves only";

fn illegal<S: std::fmt::Debug>(id: &impl std::fmt::Display, from: S, to: S) -> Found {
    vec![(NAME, format!("{id}: {from:?} -> {to:?}"))]
}

pub(super) fn task(before: Option<&PickTask>, next: &PickTask) -> Found {
    let Some(before) = before.filter(|before| before.state != next.state) else { return Found::new() };
    let legal: &[T] = match before.state {
        // A shortage is said by a person of the office: nobody need have claimed the task.
        T::Released => &[T::Assigned, T::ShortPicked, T::Cancelled],
        T::Assigned => &[T::InProgress, T::Picked, T::ShortPicked, T::Cancelled],
        // What was scanned for a kit that lacks a part is put back, and the task goes on, or has nothing left.
        T::InProgress => &[T::Picked, T::PutBack, T::Assigned, T::ShortPicked],
        T::Picked => &[T::Packed, T::PutBack],
        T::Packed => &[T::PutBack],
        T::PutBack => &[T::Cancelled],
        T::ShortPicked | T::Cancelled => &[],
    };
    if legal.contains(&next.state) { Found::new() } else { illegal(&next.id, before.state, next.state) }
}

pub(super) fn shipment(before: Option<&Shipment>, next: &Shipment) -> Found {
    let Some(before) = before.filter(|before| before.state != next.state) else { return Found::new() };
    let legal: &[S] = match before.state {
        S::BookingIntent => &[S::BookingUnknown, S::BookingRefused, S::LabelPurchased, S::VoidRequested, S::Voided],
        S::BookingUnknown => &[S::BookingIntent, S::BookingRefused, S::LabelPurchased, S::VoidRequested, S::Voided],
        S::BookingRefused => &[S::BookingIntent, S::LabelPurchased, S::VoidRequested, S::Voided],
        S::LabelPurchased => &[S::HandedOver, S::VoidRequested],
        S::VoidRequested => &[S::Voided],
        S::HandedOver | S::Voided => &[],
    };
    if legal.contains(&next.state) { Found::new() } else { illegal(&next.id, before.state, next.state) }
}

/// Whether the parcel has come to an end that a scan on the way must not hide.
fn has_ended(delivery: DeliveryState) -> bool {
    match delivery {
        DeliveryState::Delivered
        | DeliveryState::PartlyDelivered
        | DeliveryState::Refused
        | DeliveryState::Returned => true,
        DeliveryState::None | DeliveryState::InTransit | DeliveryState::Lost => false,
    }
}

pub(super) fn order(before: Option<&Order>, next: &Order) -> Found {
    let mut found = Found::new();
    let Some(before) = before else { return found };
    let is_end = |state| {
        matches!(state, FulfilmentState::Cancelled | FulfilmentState::Fulfilled | FulfilmentState::PartiallyCancelled)
    };
    let left = before.fulfilment != next.fulfilment
        && (is_end(before.fulfilment) || next.fulfilment == FulfilmentState::Received);
    if left {
        found.extend(illegal(&next.id, before.fulfilment, next.fulfilment));
    }
    for parcel in &next.fulfillment_orders {
        let Some(known) = before.fulfillment_order(parcel.number) else { continue };
        if known.delivery != parcel.delivery && has_ended(known.delivery) && !has_ended(parcel.delivery) {
            found.extend(illegal(&next.id, known.delivery, parcel.delivery));
        }
        if known.delivery == DeliveryState::Returned && parcel.delivery != DeliveryState::Returned {
            found.extend(illegal(&next.id, known.delivery, parcel.delivery));
        }
    }
    // When everything has left, a cancellation is over: it came too late.
    if before.cancel_requested && !next.cancel_requested && next.fulfilment != FulfilmentState::Fulfilled {
        found.push((NAME, format!("{}: a cancellation was forgotten", next.id)));
    }
    found
}

pub(super) fn returned(before: Option<&Return>, next: &Return) -> Found {
    let mut found = Found::new();
    let Some(before) = before else { return found };
    if before.state != next.state && before.state.is_final() {
        found.extend(illegal(&next.id, before.state, next.state));
    }
    if before.refund.is_some() && before.refund != next.refund {
        found
            .push(("one refund per return line", format!("{}: {:?} became {:?}", next.id, before.refund, next.refund)));
    }
    found
}
