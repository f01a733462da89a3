//! Runs people's work on the floor: pick tasks, scans, packing.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), platform::function::Error> {
    pick_pack::run().await
}
