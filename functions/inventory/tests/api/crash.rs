//! Answers that are lost after the write took effect: the SDK tries again by itself, and then the caller does.

use crate::World;
use domain::stock::Term;
use std::sync::Arc;
use testkit::LostAnswers;
use testkit::api::{new_adjustment, new_receipt};
use testkit::lost_answers::WRITES;
use testkit::request;
use testkit::stack::ADMINISTRATOR_KEY;

#[tokio::test]
async fn goods_whose_answer_was_lost_are_counted_once() {
    let faults = Arc::new(LostAnswers::default());
    let world = World::over(testkit::Stack::builder().faults(faults.clone()).build()).await;
    let sku = world.stack.item(&world.merchant, "TEA").await;
    let location = world.stack.location(&world.merchant, "SOF1").await;
    world.stack.stock(&world.merchant, &sku, &location, 100).await;
    let posts = [
        ("POST /v1/receipts", new_receipt("TEA", "SOF1", 7)),
        ("POST /v1/adjustments", new_adjustment("TEA", "SOF1", -3)),
    ];
    for lost in [1, 3] {
        for (route, body) in &posts {
            let send = || {
                let request = request(route).json(body).header("idempotency-key", format!("{route}{lost}"));
                request.key(ADMINISTRATOR_KEY).header("sklad-merchant", &world.merchant)
            };
            faults.arm(WRITES, lost);
            let first = testkit::read(Ok(world.send(send()).await));
            faults.arm(WRITES, 0);
            let second = testkit::read(Ok(world.send(send()).await));
            assert_eq!(second.0, 201, "{route} after {lost}: {second:?}");
            // With three answers lost the SDK gives up, and only the caller's repetition finds out.
            assert!(first == second || lost == 3 && first.0 == 503, "{route}: {first:?}");
        }
    }
    let level = world.stack.level(&world.merchant, &sku, &location).await;
    assert!(level.is_sound(), "{level:?}");
    assert_eq!(level.get(Term::Available), 100 + 2 * 7 - 2 * 3);
}
