//! The one call that costs money.

use crate::label;
use crate::request::Prepared;
use domain::shipment::Shipment;
use domain::{Decision, ShipmentId};
use jiff::Timestamp;
use partners::carriers::{Booked, CarrierError};
use platform::items::shipment_key;
use platform::outbound::OutboundError;
use platform::{Deps, Failure, Operation, Versioned};
use std::time::Duration;

/// What the call came to.
enum Outcome {
    Bought(Booked),
    /// Nothing was bought: it may be repeated.
    Nothing {
        reason: String,
        after: Option<Duration>,
    },
    /// Nothing was bought, and the same request gets the same answer.
    Refused(String),
    /// It may have been bought.
    Unknown(String),
}

/// Sends the purchase that this run has recorded as `shipment`'s last attempt.
pub(crate) async fn purchase(deps: &Deps, shipment: &Shipment, prepared: Prepared) -> Result<(), Failure> {
    if !shipment.may_call(&shipment.claim, deps.clock.now()) {
        return Err(Failure::unavailable(
            "this run was frozen after it recorded its purchase: it is not sent any more",
        ));
    }
    let Prepared { account, book, request } = prepared;
    let outcome = match deps.partners.call(request).await {
        Ok(response) => outcome(book.read_booking(&response)),
        Err(OutboundError::NotSent(reason)) => Outcome::Nothing { reason, after: None },
        Err(OutboundError::Indeterminate(reason)) => Outcome::Unknown(reason),
    };
    let attempt = shipment.attempts;
    match outcome {
        Outcome::Bought(booked) => {
            label::record(deps, shipment, booked, |own, label, now| own.label_of_attempt(attempt, label, now)).await
        }
        Outcome::Nothing { reason, after } => {
            conclude(deps, shipment, "nothing", |own, now| own.nothing_bought(attempt, &reason, now)).await?;
            Err(Failure::Unavailable { reason, after })
        }
        Outcome::Refused(reason) => {
            tracing::warn!(shipment = %shipment.id, %reason, "booking refused");
            conclude(deps, shipment, "refused", |own, now| own.attempt_refused(attempt, &reason, now)).await
        }
        Outcome::Unknown(reason) => {
            tracing::warn!(shipment = %shipment.id, %reason, "booking unknown");
            let person = account.carrier.look_up.is_none().then_some(CANNOT_BE_ASKED);
            conclude(deps, shipment, "lost", |own, now| own.booking_lost(attempt, person, now)).await?;
            Err(Failure::Indeterminate(format!("the booking of {}: it is looked up by reference", shipment.id)))
        }
    }
}

/// Why a lost answer waits for a person.
pub(crate) const CANNOT_BE_ASKED: &str =
    "the carrier's answer was lost and it cannot be asked for our reference: look there, then book again or void";

/// Writes down what an attempt came to.
async fn conclude(
    deps: &Deps,
    shipment: &Shipment,
    step: &str,
    decide: impl Fn(&Shipment, Timestamp) -> Decision<Shipment>,
) -> Result<(), Failure> {
    let operation = Operation::of(&[step, shipment.id.as_str(), &shipment.claim]);
    change(deps, &shipment.id, &operation, |own, now| Ok(decide(own, now))).await.map(drop)
}

/// Changes a shipment that exists.
pub(crate) async fn change(
    deps: &Deps,
    id: &ShipmentId,
    operation: &Operation,
    decide: impl Fn(&Shipment, Timestamp) -> Result<Decision<Shipment>, Failure>,
) -> Result<Shipment, Failure> {
    let key = shipment_key(id);
    let changed = deps.store.change(&key, operation, async |loaded: Option<&Versioned<Shipment>>| {
        let own = loaded.ok_or_else(|| Failure::NotFound(id.to_string()))?;
        decide(&own.body, deps.clock.now())
    });
    Ok(changed.await?.value.body)
}

fn outcome(answer: Result<Booked, CarrierError>) -> Outcome {
    match answer {
        Ok(booked) => Outcome::Bought(booked),
        Err(error @ (CarrierError::Refused { .. } | CarrierError::Unauthorised)) => Outcome::Refused(error.to_string()),
        Err(CarrierError::Unavailable { retry_after_seconds }) => Outcome::Nothing {
            reason: "the carrier is unavailable or limits our rate".to_owned(),
            after: retry_after_seconds.map(|seconds| Duration::from_secs(seconds.into())),
        },
        // What cannot be read says nothing about what was done.
        Err(error @ (CarrierError::Indeterminate { .. } | CarrierError::Malformed { .. })) => {
            Outcome::Unknown(error.to_string())
        }
    }
}
