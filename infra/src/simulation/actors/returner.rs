//! A shopper who sends something back: asks, gets a label, brings the parcel to the carrier.

use domain::ShipmentId;
use fastrand::Rng;
use serde_json::json;

use super::{Merchant, Stage, carrier, dock};

/// One item of a parcel that was delivered, if the system knows that by now.
pub(super) async fn send_back(stage: &Stage, rng: &mut Rng, merchant: &Merchant, order: &str, shipment: &ShipmentId) {
    let Some(email) = stage.progress.borrow().emails.get(order).cloned() else { return };
    stage.wait(rng.u64(30..=600)).await;
    let seen = stage.get(&merchant.operations, &format!("/v1/shipments/{shipment}")).await;
    let lines = seen.body["contents"].as_array().cloned().unwrap_or_default();
    let Some(line) = lines.first() else { return };
    let body = json!({
        "order": order, "email": email, "kind": "withdrawal",
        "lines": [{"line": line["line"], "quantity": 1, "reason": "changed_mind"}],
    });
    let asked = stage.post(&merchant.operations, "/v1/returns", &format!("return-{shipment}"), &body).await;
    if !asked.is_success() {
        // Not yet known as delivered: a shopper reads that and asks again another day.
        stage.core.mark("return refused");
        return;
    }
    let id = asked.text("/id");
    let decided = |back: &serde_json::Value| back["state"] != "requested" && back["state"] != "approved";
    if asked.text("/state") == "requested" {
        let actor = json!({"person": "badge-01", "station": "OFFICE"});
        stage
            .post(
                &merchant.operations,
                &format!("/v1/returns/{id}/approve"),
                &format!("approve-{id}"),
                &json!({"actor": actor}),
            )
            .await;
    }
    let Some(back) = dock::return_is(stage, merchant, &id, decided).await else {
        stage.broken("liveness", format!("{id} got no label"));
        return;
    };
    if back["state"] != "label_issued" {
        return;
    }
    let Some(label) = stage.partners.label_of(back["shipment"].as_str().unwrap_or_default()) else {
        stage.broken("no double label", format!("{id} has no live label at the carrier"));
        return;
    };
    carrier::travel(stage, rng, merchant, &label, &["accepted", "in_transit", "delivered"]).await;
    stage.core.mark("return parcel arrived");
    dock::take_in(stage, rng, merchant, &back).await;
}
