//! SQS over the wire: the rules that `tests/conformance` asks of the engine in process, asked of `cargo local`'s endpoint.

use crate::conformance::{deviations, differences, remote::Remote};
use crate::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_endpoint_speaks_sqs_as_aws_documents_it() {
    let stack = Stack::start().await;
    let endpoint = Remote::new(&stack.aws_url);
    let found = tokio::task::spawn_blocking(move || differences(&endpoint, deviations::of("sklad"))).await.unwrap();
    stack.end().await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}
