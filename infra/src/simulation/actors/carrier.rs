//! The carrier's driver takes parcels; its scanners tell where they are, late, twice, and with wrong clocks.

use domain::ShipmentId;
use fastrand::Rng;
use jiff::SignedDuration;
use serde_json::json;

use super::{Merchant, Stage, dock, returner};
use crate::sandbox::Purchase;

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
            let id = line["shipment"].as_str().unwrap_or_default();
            let reason = line["reason"].as_str().unwrap_or_default();
            if reason == "try-again" {
                stage.core.mark("hand-over tried again");
                seen = seen.saturating_sub(1);
            }
            // One that was handed over by a request whose answer was lost is gone all the same.
            let gone = line["result"] == "handed_over" || reason == "shipment-handed-over";
            let Ok(shipment) = ShipmentId::parse(id) else { continue };
            if !gone || !stage.progress.borrow_mut().handed_over.insert(id.to_owned()) {
                continue;
            }
            let merchant = merchant.clone();
            stage.core.mark("parcel handed over");
            stage.act(id, |stage, rng| parcel(stage, rng, merchant, shipment));
        }
    }
}

/// The life of one parcel.
async fn parcel(stage: Stage, mut rng: Rng, merchant: Merchant, shipment: ShipmentId) {
    let Some(purchase) = stage.partners.label_of(shipment.as_str()) else {
        stage.broken("no lost order", format!("{shipment} was handed over without a label at the carrier"));
        return;
    };
    let refused = rng.f64() < 0.25;
    let life: &[&str] = if refused {
        &["accepted", "in_transit", "out_for_delivery", "refused", "return_to_sender", "returned"]
    } else {
        &["accepted", "in_transit", "out_for_delivery", "delivered"]
    };
    travel(&stage, &mut rng, &merchant, &purchase, life).await;
    let Some((order, _)) = shipment.order() else { return };
    if refused {
        stage.core.mark("parcel refused");
        dock::takes_back_refused(&stage, &mut rng, &merchant, order.as_str(), &shipment).await;
    } else {
        stage.core.mark("parcel delivered");
        if rng.f64() < 0.4 {
            returner::send_back(&stage, &mut rng, &merchant, order.as_str(), &shipment).await;
        }
    }
}

/// Moves a parcel through its events; returns when the carrier's webhooks about all of them were taken.
pub(super) async fn travel(stage: &Stage, rng: &mut Rng, merchant: &Merchant, purchase: &Purchase, life: &[&str]) {
    let told: std::rc::Rc<std::cell::Cell<usize>> = std::rc::Rc::default();
    let mut sent = 0;
    for (place, code) in life.iter().enumerate() {
        stage.wait(rng.u64(20..=200)).await;
        let profile = stage.core.profile();
        let last = place + 1 == life.len();
        // Only scans on the way: a carrier whose clock is days ahead at the door is a matter for its support.
        let ahead = !last && place > 0 && stage.core.chance(profile.event_from_the_future);
        if ahead {
            stage.core.fault("event from the future");
        }
        let at = ahead.then(|| stage.core.clock.now() + SignedDuration::from_hours(30));
        // Events without a date of their own follow the ones before, so the date is always said.
        let at = at.unwrap_or_else(|| stage.core.clock.now());
        let Some(event) = stage.partners.happens(merchant, &purchase.id, code, Some(at)) else {
            stage.broken("machinery", format!("{} could not become {code}", purchase.id));
            continue;
        };
        for nonce in 0..1 + u32::from(stage.core.chance(profile.client_twice)) {
            let late = if stage.core.chance(profile.webhook_late) { rng.u64(60..=900) } else { 0 };
            if late > 0 {
                stage.core.fault("webhook late");
            }
            sent += 1;
            let (stage, merchant, id, event) = (stage.clone(), merchant.clone(), purchase.id.clone(), event.clone());
            let told = std::rc::Rc::clone(&told);
            stage.clone().act(&format!("webhook {event} {nonce}"), move |_, _| async move {
                stage.wait(late).await;
                // Signed when it is sent: every attempt has its own instant.
                while let Some(request) = stage.partners.webhook(&merchant, &id, &event, nonce) {
                    match stage.door.send(&request).await {
                        Some(answer) if answer.is_success() => break,
                        Some(answer) if answer.status < 500 && answer.status != 429 => {
                            stage.broken(
                                "machinery",
                                format!("a webhook was refused: {} {}", answer.status, answer.body),
                            );
                            break;
                        }
                        _ => stage.wait(20).await,
                    }
                }
                told.set(told.get() + 1);
            });
        }
    }
    while told.get() < sent {
        stage.wait(30).await;
    }
}
