//! Locations close only when they are empty.

use crate::World;
use serde_json::json;
use testkit::api::{new_adjustment, new_location, new_receipt, refused, with};
use testkit::request;

#[tokio::test]
async fn a_location_with_stock_is_not_closed_and_the_problem_says_what_is_in_it() {
    let world = World::new().await;
    world.stack.item(&world.merchant, "TEA").await;
    for code in ["SOF1", "SOF10"] {
        world.stack.location(&world.merchant, code).await;
    }
    let put = async |closed: bool| {
        let edit = with(&new_location("X"), &json!({"id": null, "closed": closed}));
        world.ops(request("PUT /v1/locations/{location}").path("location", "SOF1").json(&edit)).await
    };
    let receive =
        async |code, units| world.ops(request("POST /v1/receipts").json(&new_receipt("TEA", code, units))).await;
    assert_eq!(receive("SOF1", 9).await.0, 201);
    let answer = put(true).await;
    assert!(answer.1["detail"].as_str().unwrap().contains("TEA: 9 available"), "{answer:?}");
    refused(answer, 409, "location-not-empty", "/closed");
    assert_eq!(world.ops(request("POST /v1/adjustments").json(&new_adjustment("TEA", "SOF1", -9))).await.0, 201);
    // Another location whose code begins alike does not count.
    assert_eq!(receive("SOF10", 1).await.0, 201);
    let (status, location) = put(true).await;
    assert_eq!((status, location["closed"].as_bool()), (200, Some(true)));
    refused(receive("SOF1", 1).await, 409, "location-closed", "/location");
    let (status, location) = put(false).await;
    assert_eq!((status, location["closed"].is_null()), (200, true), "open again");
    assert_eq!(receive("SOF1", 1).await.0, 201);
}
