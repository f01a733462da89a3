//! The HTTP API of the stock.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), platform::function::Error> {
    inventory::run().await
}
