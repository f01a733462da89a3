//! Takes orders from shops and merchants.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), platform::function::Error> {
    order_intake::run().await
}
