//! What people with scanners do: pick, pack, hand over.

use super::api::{StepError, text};
use super::setup::{LOCATIONS, World};
use serde_json::{Value, json};

/// The picker of the demo.
fn picker() -> Value {
    json!({"person": "badge-17", "station": "PICK-1"})
}

/// The packer of the demo.
fn packer() -> Value {
    json!({"person": "badge-23", "station": "PACK-2"})
}

impl World {
    /// Waits until the order has `count` pick tasks that still need the floor; gives their ids.
    ///
    /// # Errors
    /// [`StepError`].
    pub async fn pick_tasks(&self, order: &str, count: usize) -> Result<Vec<String>, StepError> {
        let path = format!("/v1/orders/{order}");
        let what = format!("{count} pick tasks of {order}");
        self.operations
            .until(&what, &path, |body| {
                let tasks: Vec<String> = body["pick_tasks"]
                    .as_array()?
                    .iter()
                    .filter(|task| !matches!(task["state"].as_str(), Some("cancelled" | "packed" | "short_picked")))
                    .filter_map(|task| task["id"].as_str().map(str::to_owned))
                    .collect();
                (tasks.len() == count).then_some(tasks)
            })
            .await
    }

    /// Claims a task, scans every unit by barcode, and packs.
    ///
    /// # Errors
    /// [`StepError`].
    pub async fn pick_and_pack(&self, task: &str) -> Result<(), StepError> {
        let path = format!("/v1/pick-tasks/{task}");
        self.floor.post(&format!("{path}/claim"), &json!({"actor": picker()})).await?;
        let body = self.floor.get(&path).await?;
        let mut weight_grams = 150;
        for line in body["lines"].as_array().into_iter().flatten() {
            let barcode = line["barcodes"][0].as_str().or(line["sku"].as_str()).unwrap_or_default().to_owned();
            for _ in 0..line["quantity"].as_u64().unwrap_or(0) {
                let scan = json!({"barcode": barcode, "quantity": 1, "actor": picker()});
                self.floor.post(&format!("{path}/scans"), &scan).await?;
                weight_grams += 120;
            }
        }
        let parcel = json!({"weight_grams": weight_grams, "length_mm": 300, "width_mm": 200, "height_mm": 150});
        self.floor.post(&format!("{path}/pack"), &json!({"parcel": parcel, "actor": packer()})).await.map(drop)
    }

    /// Waits until `count` shipments of the order have a label; gives (shipment id, tracking number).
    ///
    /// # Errors
    /// [`StepError`].
    pub async fn labels(&self, order: &str, count: usize) -> Result<Vec<(String, String)>, StepError> {
        let what = format!("{count} labels of {order}");
        self.operations
            .until(&what, &format!("/v1/orders/{order}"), |body| {
                let labels: Vec<(String, String)> = body["shipments"]
                    .as_array()?
                    .iter()
                    .filter(|shipment| shipment["state"] == "label_purchased")
                    .filter_map(|shipment| {
                        Some((shipment["id"].as_str()?.to_owned(), shipment["tracking_number"].as_str()?.to_owned()))
                    })
                    .collect();
                (labels.len() == count).then_some(labels)
            })
            .await
    }

    /// Hands over all labelled parcels of the carrier at both locations; gives how many.
    ///
    /// # Errors
    /// [`StepError`].
    pub async fn close_out(&self) -> Result<u64, StepError> {
        let mut count = 0;
        for location in LOCATIONS {
            let body = json!({"carrier_account": self.carrier_account, "location": location, "actor": packer()});
            let report = self.operations.post("/v1/close-outs", &body).await?;
            count += report["handed_over"].as_u64().unwrap_or(0);
        }
        Ok(count)
    }

    /// Hands over one parcel.
    ///
    /// # Errors
    /// [`StepError`].
    pub async fn close_out_one(&self, shipment: &str) -> Result<(), StepError> {
        let body = json!({
            "carrier_account": self.carrier_account, "location": LOCATIONS[0], "shipments": [shipment], "actor": packer(),
        });
        self.operations.post("/v1/close-outs", &body).await.map(drop)
    }

    /// Has the sandbox carrier play a parcel's whole life.
    ///
    /// # Errors
    /// [`StepError`].
    pub async fn play(&self, shipment: &str, life: &str, order: &str, times: u32) -> Result<(), StepError> {
        let found = self.carrier.get(&format!("/carrier/v1/shipments?reference={shipment}")).await?;
        let id = text(&found, "/shipments/0/id")?;
        let script = json!({"life": life, "order": order, "times": times});
        self.carrier.post(&format!("/carrier/v1/shipments/{id}/script"), &script).await.map(drop)
    }

    /// Waits until the order's axis `axis` is `state`.
    ///
    /// # Errors
    /// [`StepError`].
    pub async fn order_is(&self, order: &str, axis: &str, state: &str) -> Result<Value, StepError> {
        let what = format!("{axis} = {state} of {order}");
        self.operations
            .until(&what, &format!("/v1/orders/{order}"), |body| (body[axis] == state).then(|| body.clone()))
            .await
    }
}
