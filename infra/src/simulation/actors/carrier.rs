//! The carrier's driver takes parcels; its scanners tell where they are.

use fastrand::Rng;
use serde_json::json;

use super::{Merchant, Stage};

/// Hands over what is labelled, every few minutes, for ever.
pub(crate) async fn dispatcher(stage: Stage, mut rng: Rng, merchant: Merchant, location: String) {
    let actor = json!({"person": "badge-23", "station": "GATE-1"});
    let body = json!({"carrier_account": merchant.carrier_account, "location": location, "actor": actor});
    let mut seen = 0;
    for round in 0_u64.. {
        stage.something_new("shipments", &mut seen).await;
        stage.wait(rng.u64(120..=400)).await;
        let key = format!("close-out-{location}-{round}");
        let report = stage.post(&merchant.operations, "/v1/close-outs", &key, &body).await;
        for line in report.body["shipments"].as_array().into_iter().flatten() {
            if line["result"] != "handed_over" {
                continue;
            }
            let shipment = line["shipment"].as_str().unwrap_or_default().to_owned();
            let merchant = merchant.clone();
            stage.core.mark("parcel handed over");
            stage.act(|stage, rng| parcel(stage, rng, merchant, shipment));
        }
    }
}

/// The life of one parcel.
async fn parcel(stage: Stage, mut rng: Rng, merchant: Merchant, shipment: String) {
    let lives: [&[&str]; 3] = [
        &["accepted", "in_transit", "out_for_delivery", "delivered"],
        &["accepted", "in_transit", "out_for_delivery", "delivered"],
        &["accepted", "in_transit", "out_for_delivery", "refused", "return_to_sender", "returned"],
    ];
    let life = lives[rng.usize(0..lives.len())];
    let Some(purchase) = stage.partners.label_of(&shipment) else {
        stage.core.say(format!("no label of {shipment} at the carrier"));
        return;
    };
    for code in life {
        stage.wait(rng.u64(30..=300)).await;
        let Some(event) = stage.partners.happens(&merchant, &purchase.id, code) else { continue };
        let Some(request) = stage.partners.webhook(&merchant, &purchase.id, &event) else { continue };
        stage.door.insist(&request).await;
    }
}
