//! Tasks follow the allocation of their order.

use crate::world::World;
use domain::pick_task::PickTaskState;
use domain::{MessageKind, OrderId, Queue};
use platform::Failure;

#[tokio::test]
async fn an_allocated_order_gets_its_task_once() {
    let world = World::allocated(&[("TEA", 2), ("CUP", 1)]).await;
    let create = world.stack.outbox().into_iter().find(|message| message.kind.queue() == Queue::Picks).unwrap();
    world.send(create.clone()).await.unwrap();
    world.send(create).await.unwrap();
    let task = world.task().await;
    assert_eq!((task.version, task.body.state), (1, PickTaskState::Released));
    let lines: Vec<_> =
        task.body.lines.iter().map(|line| (line.sku.as_str(), line.quantity(), line.barcodes.join(","))).collect();
    assert_eq!(lines, vec![("TEA", 2, "barcode-TEA".to_owned()), ("CUP", 1, "barcode-CUP".to_owned())]);
    assert_eq!(world.work().await, vec![world.task.to_string()]);
    assert!(world.stack.outbox().is_empty(), "a released task waits for a person, not for a function");
}

#[tokio::test]
async fn a_lost_answer_does_not_make_a_second_task() {
    let world = World::allocated(&[("TEA", 2)]).await;
    world.faults.arm(&["PutItem"], 1);
    world.deliver().await;
    assert_eq!(world.task().await.version, 1);
}

#[tokio::test]
async fn an_order_that_is_not_yet_visible_is_waited_for() {
    let world = World::allocated(&[("TEA", 2)]).await;
    let mut create = world.stack.outbox().into_iter().find(|message| message.kind.queue() == Queue::Picks).unwrap();
    create.version += 1;
    assert!(matches!(world.send(create.clone()).await, Err(Failure::Unavailable { .. })));
    let absent = OrderId::derive(&world.merchant, &["nothing"]);
    for kind in
        [MessageKind::CreatePickTasks { order: absent.clone() }, MessageKind::CancelPickTasks { order: absent.clone() }]
    {
        let message = kind.for_merchant(&world.merchant, &absent);
        assert!(matches!(world.send(message).await, Err(Failure::Unavailable { .. })));
    }
}

#[tokio::test]
async fn a_message_for_another_function_is_poison() {
    let world = World::allocated(&[("TEA", 1)]).await;
    let message = MessageKind::Reserve { order: world.order.clone() }.for_merchant(&world.merchant, &world.order);
    assert!(matches!(world.send(message).await, Err(Failure::Malformed(_))));
}
