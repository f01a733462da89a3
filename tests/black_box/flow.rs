//! The demo, and with it every function, goes through as it must.

use crate::stack::{endpoints, host};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_goes_through_every_function_and_ends_as_it_must() {
    let data = tempfile::tempdir().unwrap();
    let host = host(data.path()).await;
    let documents = data.path().join("demo");
    let now = platform::clock::Clock::now(&platform::clock::SystemClock);
    let outcome = infra::demo::run(&endpoints(&host), &documents, now).await;
    host.shutdown().await;
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
