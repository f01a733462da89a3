//! A label that was bought: its documents, the shipment, and the tracker under its number.

use crate::purchase::change;
use domain::ids::digest;
use domain::shipment::{Label, Leg, Shipment};
use domain::tracker::Tracker;
use domain::{CarrierAccountId, Decision, ShipmentId};
use jiff::Timestamp;
use partners::carriers::Booked;
use platform::documents::document_key;
use platform::items::tracker_key;
use platform::{Deps, Failure, Operation, Versioned};

/// Makes a bought label known, by `decide`, and everything follow.
pub(crate) async fn record(
    deps: &Deps,
    shipment: &Shipment,
    booked: Booked,
    decide: impl Fn(&Shipment, Label, Timestamp) -> Decision<Shipment>,
) -> Result<(), Failure> {
    let label = store_documents(deps, shipment, booked).await?;
    let operation = Operation::of(&["label", shipment.id.as_str(), &shipment.claim, &label.carrier_shipment_id]);
    let recorded = change(deps, &shipment.id, &operation, |own, now| Ok(decide(own, label.clone(), now))).await?;
    tracing::info!(shipment = %shipment.id, state = ?recorded.state, "label bought");
    link(deps, &recorded).await
}

/// Has every live label but the one that is kept be given back.
pub(crate) async fn surplus(deps: &Deps, id: &ShipmentId, live: &[String]) -> Result<(), Failure> {
    for other in live {
        let operation = Operation::of(&["surplus", id.as_str(), other]);
        change(deps, id, &operation, |own, now| Ok(own.surplus_found(other, now))).await?;
    }
    Ok(())
}

/// Stores the label's documents before anything says that they exist. Their names hold the carrier's id, so that the label
/// of a purchase too much never takes the place of the one that is kept.
async fn store_documents(deps: &Deps, shipment: &Shipment, booked: Booked) -> Result<Label, Failure> {
    let name = document_name(&shipment.leg, &shipment.id, &booked.carrier_shipment_id);
    let pdf_key = document_key(&shipment.order, &format!("{name}.pdf"));
    let zpl_key = document_key(&shipment.order, &format!("{name}.zpl"));
    deps.documents.put(&pdf_key, "application/pdf", booked.label_pdf).await?;
    deps.documents.put(&zpl_key, "application/zpl", booked.label_zpl.into_bytes()).await?;
    Ok(Label {
        carrier_shipment_id: booked.carrier_shipment_id,
        tracking_number: booked.tracking_number,
        tracking_url: booked.tracking_url,
        cost: booked.cost,
        pdf_key,
        zpl_key,
    })
}

fn document_name(leg: &Leg, shipment: &ShipmentId, carrier_shipment_id: &str) -> String {
    let prefix = match leg {
        Leg::Outbound => "label",
        Leg::Return(_) => "return-label",
    };
    let number = shipment.tail().rsplit('_').next().unwrap_or_default().trim_start_matches('r');
    format!("{prefix}-{number}-{}", digest(&[carrier_shipment_id], 8))
}

/// Links the tracker under the label's number. A crash before this is repaired by the message that comes again.
pub(crate) async fn link(deps: &Deps, shipment: &Shipment) -> Result<(), Failure> {
    let (Some(label), Some(account)) = (&shipment.label, &shipment.carrier_account) else { return Ok(()) };
    let number = label.tracking_number.as_str();
    let linked = |tracker: Tracker| tracker.link(&shipment.id, deps.clock.now());
    let new = |account: &CarrierAccountId| Tracker::new(account.clone(), number, deps.clock.now());
    let operation = Operation::of(&["link", shipment.id.as_str(), number]);
    let stored = deps.store.create(&operation, linked(new(account))).await?;
    if stored.value.body.shipment.as_ref() == Some(&shipment.id) {
        return Ok(());
    }
    let key = tracker_key(account, number);
    let change = deps.store.change(&key, &operation, async |loaded: Option<&Versioned<Tracker>>| {
        Ok::<_, Failure>(linked(loaded.map_or_else(|| new(account), |own| own.body.clone())))
    });
    change.await.map(drop)
}
