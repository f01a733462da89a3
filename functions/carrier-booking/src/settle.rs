//! Whatever a shipment is waiting for, brought as far as it goes: by a repeated message or by the sweeper's.

use crate::account::{self, OpenAccount, VoidOutcome, busy};
use crate::purchase::{CANNOT_BE_ASKED, change, purchase};
use crate::request::{Preparation, prepare};
use crate::{label, void};
use domain::ShipmentId;
use domain::seeded_bugs::{SeededBug, is_on};
use domain::shipment::{AfterLookUp, Attempt, CALL_LASTS, Shipment, ShipmentPlan, ShipmentState};
use jiff::SignedDuration;
use partners::carriers::CarrierError;
use platform::items::shipment_key;
use platform::{Deps, Failure, Operation};
use std::time::Duration;

/// Brings the shipment as far as it goes.
pub(crate) async fn settle(deps: &Deps, id: &ShipmentId) -> Result<(), Failure> {
    let shipment = deps.store.require::<Shipment>(&shipment_key(id), id).await?.body;
    give_back_surplus(deps, &shipment).await?;
    match shipment.state {
        ShipmentState::BookingIntent => resolve(deps, &shipment).await,
        // With a reason it waits for a person, and no carrier can be asked.
        ShipmentState::BookingUnknown if shipment.reason.is_none() => resolve(deps, &shipment).await,
        ShipmentState::VoidRequested => void::carry_out(deps, &shipment).await,
        ShipmentState::LabelPurchased | ShipmentState::HandedOver => {
            label::link(deps, &shipment).await?;
            if shipment.call_open { look_for_another(deps, &shipment).await } else { Ok(()) }
        }
        ShipmentState::BookingUnknown | ShipmentState::BookingRefused | ShipmentState::Voided => Ok(()),
    }
}

/// Finds out whether a label was bought, and buys one only when that is ruled out.
async fn resolve(deps: &Deps, shipment: &Shipment) -> Result<(), Failure> {
    let Some(account) = &shipment.carrier_account else { return buy_again(deps, shipment).await };
    if is_on(SeededBug::CarrierCalledWithoutIntent) {
        return buy_again(deps, shipment).await;
    }
    let account = account::open(deps, account).await?;
    // Before the question: what comes to the carrier after it is not in its answer.
    let now = deps.clock.now();
    match account.live_labels(deps, &shipment.id).await {
        Ok(Some(live)) => {
            let mut live = live.into_iter().map(|found| found.booked);
            match live.next() {
                Some(kept) => {
                    let others: Vec<String> = live.map(|booked| booked.carrier_shipment_id).collect();
                    label::record(deps, shipment, kept, Shipment::label_found).await?;
                    label::surplus(deps, &shipment.id, &others).await
                }
                None => match shipment.nothing_found(now) {
                    AfterLookUp::AskAgain(after) => Err(ask_again(after)),
                    AfterLookUp::Buy => buy_again(deps, shipment).await,
                    AfterLookUp::Nothing => Ok(()),
                },
            }
        }
        Ok(None) => match shipment.nothing_found(now) {
            AfterLookUp::AskAgain(after) => Err(ask_again(after)),
            AfterLookUp::Buy if shipment.call_open => park(deps, shipment, CANNOT_BE_ASKED).await,
            AfterLookUp::Buy => buy_again(deps, shipment).await,
            AfterLookUp::Nothing => Ok(()),
        },
        Err(error @ (CarrierError::Unauthorised | CarrierError::Refused { .. })) => {
            park(deps, shipment, &format!("{error}; then book again")).await
        }
        Err(error) => Err(busy(error)),
    }
}

/// There is a label, but the last purchase, which is not the one that bought it, may have bought another.
async fn look_for_another(deps: &Deps, shipment: &Shipment) -> Result<(), Failure> {
    let account = opened(deps, shipment).await?;
    let now = deps.clock.now();
    let live = account.live_labels(deps, &shipment.id).await.map_err(busy)?.unwrap_or_default();
    let live: Vec<String> = live.into_iter().map(|found| found.booked.carrier_shipment_id).collect();
    label::surplus(deps, &shipment.id, &live).await?;
    if shipment.call_may_last(now) {
        return Err(ask_again(now.duration_until(shipment.attempted_at + CALL_LASTS)));
    }
    let operation = Operation::of(&["call-ended", shipment.id.as_str(), &shipment.claim]);
    change(deps, &shipment.id, &operation, |own, _| Ok(own.call_ended(now))).await.map(drop)
}

pub(crate) fn ask_again(after: SignedDuration) -> Failure {
    let after = Duration::try_from(after).ok();
    Failure::Unavailable { reason: "a purchase may still be under way".to_owned(), after }
}

async fn park(deps: &Deps, shipment: &Shipment, reason: &str) -> Result<(), Failure> {
    tracing::warn!(shipment = %shipment.id, reason, "the booking waits for a person");
    let operation = Operation::of(&["park", shipment.id.as_str(), &shipment.attempts.to_string(), reason]);
    // Without a call under way nothing was bought: a person sees why, and lets it be booked again.
    let decide = |own: &Shipment, now| {
        Ok(match own.call_open {
            true => own.booking_lost(shipment.attempts, Some(reason), now),
            false => own.attempt_refused(shipment.attempts, reason, now),
        })
    };
    change(deps, &shipment.id, &operation, decide).await.map(drop)
}

/// Begins the next purchase. Of several that want to, one does: the others come again and see how it went.
async fn buy_again(deps: &Deps, shipment: &Shipment) -> Result<(), Failure> {
    let (_, account) = account::default_of(deps, &shipment.merchant()).await?;
    let Some(account) = account else {
        return refuse(deps, shipment, "the merchant has no default carrier account").await;
    };
    let plan = ShipmentPlan {
        carrier_account: Some(account.account.id.clone()),
        service: account.account.service.clone(),
        ..shipment.plan()
    };
    // The attempt dates from before what it was prepared with was read: a run frozen in between comes too late to call.
    let prepared_at = deps.clock.now();
    let prepared = match prepare(deps, &plan).await? {
        Preparation::Ready(prepared) => prepared,
        Preparation::Blocked(reason) => return refuse(deps, shipment, &reason).await,
        // The void that follows ends it.
        Preparation::Cancelled => return Ok(()),
    };
    let claim = deps.ids.random(16);
    let operation = Operation::of(&["attempt", shipment.id.as_str(), &claim]);
    let begun = change(deps, &shipment.id, &operation, |own, _| {
        let attempt = Attempt {
            claim: claim.clone(),
            carrier_account: account.account.id.clone(),
            service: account.account.service.clone(),
        };
        own.next_attempt(shipment.attempts, attempt, prepared_at)
            .map_err(|moved_on| Failure::unavailable(moved_on.to_string()))
    })
    .await?;
    purchase(deps, &begun, prepared).await
}

async fn refuse(deps: &Deps, shipment: &Shipment, reason: &str) -> Result<(), Failure> {
    let operation = Operation::of(&["refuse", shipment.id.as_str(), &shipment.attempts.to_string(), reason]);
    change(deps, &shipment.id, &operation, |own, now| Ok(own.booking_refused(reason, now))).await.map(drop)
}

async fn give_back_surplus(deps: &Deps, shipment: &Shipment) -> Result<(), Failure> {
    if shipment.surplus.is_empty() {
        return Ok(());
    }
    let account = opened(deps, shipment).await?;
    for id in &shipment.surplus {
        let note = match account.void(deps, id).await? {
            VoidOutcome::Voided => None,
            VoidOutcome::Kept(reason) => Some(format!("{id}: {reason}")),
        };
        let operation = Operation::of(&["surplus-voided", shipment.id.as_str(), id]);
        change(deps, &shipment.id, &operation, |own, now| Ok(own.surplus_voided(id, note.as_deref(), now))).await?;
    }
    Ok(())
}

/// The account that a shipment was booked with.
pub(crate) async fn opened(deps: &Deps, shipment: &Shipment) -> Result<OpenAccount, Failure> {
    match &shipment.carrier_account {
        Some(account) => account::open(deps, account).await,
        None => Err(Failure::bug(format!("{} has a label but no carrier account", shipment.id))),
    }
}
