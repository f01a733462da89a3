//! Giving the label back.

use crate::account::{self, VoidOutcome, busy};
use crate::plan::{outbound, visible};
use crate::purchase::change;
use crate::settle::{ask_again, settle};
use domain::order::Order;
use domain::pick_task::PickTask;
use domain::shipment::{AfterLookUp, Shipment};
use domain::{Message, ShipmentId};
use platform::items::{order_key, pick_task_key, shipment_key};
use platform::{Deps, Failure, Operation};

/// Voids the shipment, or the one that has not been booked yet.
pub(crate) async fn void(deps: &Deps, message: &Message, id: &ShipmentId) -> Result<(), Failure> {
    let operation = Operation::of_message(message);
    if deps.store.load::<Shipment>(&shipment_key(id)).await?.is_none() {
        if id.return_id().is_some() {
            // A return's booking asks whether it is still wanted: there is nothing to give back.
            return Ok(());
        }
        let task = visible(deps.store.load::<PickTask>(&pick_task_key(&id.pick_task())).await?, message)?;
        let order = deps.store.require::<Order>(&order_key(&task.order), &task.order).await?.body;
        let plan = outbound(&task, &order, None)?;
        let stored = deps.store.create(&operation, Shipment::tombstone(plan, deps.clock.now())).await?;
        if !stored.replayed {
            return Ok(());
        }
    }
    change(deps, id, &operation, |own, now| Ok(own.request_void(now))).await?;
    settle(deps, id).await
}

/// Gives back what was bought, and ends when nothing can be any more.
pub(crate) async fn carry_out(deps: &Deps, shipment: &Shipment) -> Result<(), Failure> {
    let mut note = None;
    // Before the question: what comes to the carrier after it is not in its answer.
    let now = deps.clock.now();
    if let Some(account) = &shipment.carrier_account {
        let account = account::open(deps, account).await?;
        let own = shipment.label.as_ref().map(|label| label.carrier_shipment_id.clone());
        let bought = match own {
            // One purchase, one answer: there is nothing to look for.
            Some(own) if shipment.attempts == 1 => vec![own],
            own => match account.live_labels(deps, &shipment.id).await.map_err(busy)? {
                Some(live) => live.into_iter().map(|found| found.booked.carrier_shipment_id).collect(),
                None => {
                    if own.is_none() && shipment.call_open {
                        note =
                            Some("the outcome of the purchase is not known and the carrier cannot be asked".to_owned());
                    }
                    own.into_iter().collect()
                }
            },
        };
        for id in &bought {
            if let VoidOutcome::Kept(reason) = account.void(deps, id).await? {
                tracing::warn!(shipment = %shipment.id, %reason, "the label is thrown away");
                note = Some(reason);
            }
        }
        if let AfterLookUp::AskAgain(after) = shipment.nothing_found(now) {
            return Err(ask_again(after));
        }
    }
    let operation = Operation::of(&["voided", shipment.id.as_str()]);
    change(deps, &shipment.id, &operation, |own, now| Ok(own.label_voided(note.as_deref(), now))).await.map(drop)
}
