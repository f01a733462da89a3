//! Sets stuck work going again.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), platform::function::Error> {
    sweeper::run().await
}
