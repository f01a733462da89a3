use std::sync::{Arc, Mutex};

use http::Response;
use testkit::connector::{Call, Fault, Gate, Verdict, Wait};

use crate::Stack;
use crate::dynamodb::create_orders;
use crate::faults::put_once;

/// Notes what is there at each leg of a `PutItem`, and fails the first one that it is told to.
#[derive(Default)]
struct Toll {
    legs: Mutex<Vec<&'static str>>,
    fail_arrival: Mutex<Option<Fault>>,
    fail_answer: Mutex<Option<Fault>>,
}

impl Toll {
    fn pass(&self, call: &Call, leg: &'static str, failure: &Mutex<Option<Fault>>) -> Verdict {
        if call.operation != "PutItem" {
            return Verdict::Pass;
        }
        self.legs.lock().unwrap().push(leg);
        failure.lock().unwrap().take().map_or(Verdict::Pass, Verdict::Fail)
    }
}

impl Gate for Toll {
    fn arrive<'a>(&'a self, call: &'a Call<'a>) -> Wait<'a, Verdict> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.pass(call, "arrive", &self.fail_arrival)
        })
    }

    fn effect<'a>(&'a self, call: &'a Call<'a>) -> Wait<'a, ()> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let _ = self.pass(call, "effect", &Mutex::new(None));
        })
    }

    fn answer<'a>(&'a self, call: &'a Call<'a>, answer: &'a Response<Vec<u8>>) -> Wait<'a, Verdict> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.pass(call, if answer.status().is_success() { "answer" } else { "refusal" }, &self.fail_answer)
        })
    }
}

async fn through(toll: Toll) -> (Result<(), String>, Vec<&'static str>) {
    let mut stack = Stack::new();
    create_orders(&stack.dynamodb()).await;
    let toll = Arc::new(toll);
    stack.connector = stack.connector.gate(toll.clone());
    let outcome = put_once(&stack).await;
    let legs = toll.legs.lock().unwrap().clone();
    (outcome, legs)
}

#[tokio::test]
async fn a_call_waits_on_its_way_at_the_service_and_on_its_way_back() {
    let (outcome, legs) = through(Toll::default()).await;
    assert_eq!(outcome, Ok(()));
    assert_eq!(legs, ["arrive", "effect", "answer"]);
}

#[tokio::test]
async fn a_call_that_fails_on_its_way_has_no_effect() {
    let toll = Toll { fail_arrival: Mutex::new(Some(Fault::Connection)), ..Toll::default() };
    let (outcome, legs) = through(toll).await;
    assert_eq!(outcome, Ok(()), "the SDK's second try finds no item");
    assert_eq!(legs, ["arrive", "arrive", "effect", "answer"]);
}

#[tokio::test]
async fn an_answer_that_is_lost_on_its_way_back_hides_the_effect() {
    let toll = Toll { fail_answer: Mutex::new(Some(Fault::TimeOut)), ..Toll::default() };
    let (outcome, legs) = through(toll).await;
    assert_eq!(outcome, Err("ConditionalCheckFailedException".to_owned()));
    assert_eq!(legs, ["arrive", "effect", "answer", "arrive", "effect", "refusal"]);
}

#[tokio::test]
async fn a_crash_is_a_dropped_future_and_takes_effect_only_past_the_effect() {
    struct Stuck(&'static str, Arc<tokio::sync::Notify>);
    impl Stuck {
        fn at<'a, T: Send + 'a>(&'a self, leg: &'static str, then: T) -> Wait<'a, T> {
            Box::pin(async move {
                if self.0 == leg {
                    self.1.notify_one();
                    std::future::pending::<()>().await;
                }
                then
            })
        }
    }
    impl Gate for Stuck {
        fn arrive<'a>(&'a self, _: &'a Call<'a>) -> Wait<'a, Verdict> {
            self.at("arrive", Verdict::Pass)
        }
        fn effect<'a>(&'a self, _: &'a Call<'a>) -> Wait<'a, ()> {
            self.at("effect", ())
        }
        fn answer<'a>(&'a self, _: &'a Call<'a>, _: &'a Response<Vec<u8>>) -> Wait<'a, Verdict> {
            self.at("answer", Verdict::Pass)
        }
    }
    for (leg, second_try) in
        [("arrive", Ok(())), ("effect", Ok(())), ("answer", Err("ConditionalCheckFailedException".to_owned()))]
    {
        let mut stack = Stack::new();
        create_orders(&stack.dynamodb()).await;
        let open = stack.connector.clone();
        let reached = Arc::new(tokio::sync::Notify::new());
        stack.connector = open.clone().gate(Arc::new(Stuck(leg, reached.clone())));
        tokio::select! {
            biased;
            _ = put_once(&stack) => panic!("stuck at {leg}"),
            () = reached.notified() => {}
        }
        stack.connector = open;
        assert_eq!(put_once(&stack).await, second_try, "{leg}");
    }
}
