use std::collections::BTreeMap;

use engine::dynamodb::adversity::Adversities;
use engine::dynamodb::{Shard, StreamRecord};
use proptest::prelude::*;

use crate::{World, order, put};

fn key_and_state(record: &StreamRecord) -> (String, String) {
    let image = &record.event["dynamodb"]["NewImage"];
    (image["pk"]["S"].as_str().unwrap().to_owned(), image["state"]["S"].as_str().unwrap().to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    /// Read in turns of any size, the shards give every record once, and those of one key in order.
    #[test]
    fn shards_split_a_stream_by_key(
        writes in prop::collection::vec(0_u8..6, 1..60),
        of in 1_u32..5,
        limit in 1_usize..8,
    ) {
        let world = World::new(Adversities::default());
        let mut expected = BTreeMap::<String, Vec<String>>::new();
        let mut found = BTreeMap::<String, Vec<String>>::new();
        let mut positions = BTreeMap::<Shard, String>::new();
        let mut seen_at = BTreeMap::<String, Shard>::new();
        let db = world.engine.dynamodb();
        for (n, pk) in writes.iter().enumerate() {
            world.ok("PutItem", &put(&order(&pk.to_string(), None, &n.to_string())));
            expected.entry(pk.to_string()).or_default().push(n.to_string());
            for shard in Shard::all(of) {
                let after = positions.get(&shard).map(String::as_str);
                let records = db.shard_records("orders", shard, after, limit).unwrap();
                prop_assert_eq!(&records, &db.shard_records("orders", shard, after, limit).unwrap());
                for record in records {
                    let (key, state) = key_and_state(&record);
                    prop_assert_eq!(*seen_at.entry(key.clone()).or_insert(shard), shard);
                    found.entry(key).or_default().push(state);
                    positions.insert(shard, record.sequence_number);
                }
            }
        }
        prop_assert_eq!(found, expected);
        let whole = db.stream_records("orders", None, 1000).unwrap();
        prop_assert_eq!(&db.shard_records("orders", Shard { index: 0, of: 1 }, None, 1000).unwrap(), &whole);
    }
}

#[test]
fn a_trimmed_shard_begins_after_what_was_trimmed() {
    let world = World::new(Adversities::default());
    let db = world.engine.dynamodb();
    for n in 0..5 {
        world.ok("PutItem", &put(&order("o1", None, &n.to_string())));
    }
    let only = Shard { index: 0, of: 1 };
    let records = db.shard_records("orders", only, None, 10).unwrap();
    db.trim_stream("orders", &records[2].sequence_number).unwrap();
    assert_eq!(db.shard_records("orders", only, None, 10).unwrap(), records[3..]);
}

#[test]
fn arns_bear_the_engines_region() {
    let world = World::new(Adversities::default());
    world.ok("PutItem", &put(&order("o1", None, "new")));
    let record = &world.engine.dynamodb().stream_records("orders", None, 1).unwrap()[0];
    assert_eq!(record.event["awsRegion"], "eu-central-1");
    let table = world.ok("DescribeTable", &serde_json::json!({ "TableName": "orders" }));
    let arn = &table["Table"]["LatestStreamArn"];
    assert_eq!(&record.event["eventSourceARN"], arn);
    assert!(arn.as_str().unwrap().starts_with("arn:aws:dynamodb:eu-central-1:000000000000:table/orders/stream/"));
    world.ok("DescribeStream", &serde_json::json!({ "StreamArn": arn }));
}
