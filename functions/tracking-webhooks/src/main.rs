//! Takes in what carriers say about parcels.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), platform::function::Error> {
    tracking_webhooks::run().await
}
