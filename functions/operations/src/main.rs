//! The HTTP API of ops teams and merchants.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), platform::function::Error> {
    operations::run().await
}
