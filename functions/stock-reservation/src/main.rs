//! Reserves stock for orders.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), platform::function::Error> {
    stock_reservation::run().await
}
