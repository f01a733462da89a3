//! Sends what commits stored.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), platform::function::Error> {
    relay::run().await
}
