//! Keeps the ledgers and tells the shops.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), platform::function::Error> {
    facts::run().await
}
