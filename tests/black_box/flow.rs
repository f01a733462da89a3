//! The demo, and with it every function, goes through as it must.

use crate::shop::now;
use crate::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_goes_through_every_function_and_ends_as_it_must() {
    let stack = Stack::start().await;
    let documents = tempfile::tempdir().unwrap();
    let outcome = infra::demo::run(&stack.endpoints, documents.path(), now()).await;
    stack.end().await;
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
