//! Books parcels with carriers.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), platform::function::Error> {
    carrier_booking::run().await
}
