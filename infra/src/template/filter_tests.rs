use super::{check, check_stream, matches};
use proptest::prelude::*;
use serde_json::{Value, json};

fn holds(pattern: &Value, record: &Value, expect: bool) {
    assert_eq!(check(pattern), Ok(()), "{pattern}");
    assert_eq!(matches(pattern, record), expect, "{pattern} on {record}");
}

#[test]
fn every_field_must_hold_and_any_alternative_may() {
    let record = json!({ "eventName": "INSERT", "dynamodb": { "SizeBytes": 7 } });
    holds(&json!({ "eventName": ["MODIFY", "INSERT"] }), &record, true);
    holds(&json!({ "eventName": ["INSERT"], "dynamodb": { "SizeBytes": [7] } }), &record, true);
    holds(&json!({ "eventName": ["INSERT"], "dynamodb": { "SizeBytes": [8] } }), &record, false);
    holds(&json!({ "eventName": ["insert"] }), &record, false);
}

#[test]
fn a_number_is_compared_by_value_and_never_with_a_text() {
    holds(&json!({ "n": [300] }), &json!({ "n": 300.0 }), true);
    holds(&json!({ "n": [300] }), &json!({ "n": "300" }), false);
}

#[test]
fn exists_asks_for_a_leaf_present_or_absent() {
    let present = json!({ "a": { "b": { "S": "" } } });
    let yes = json!({ "a": { "b": { "S": [{ "exists": true }] } } });
    let no = json!({ "a": { "b": { "S": [{ "exists": false }] } } });
    holds(&yes, &present, true);
    holds(&no, &present, false);
    for absent in [json!({}), json!({ "a": {} }), json!({ "a": { "b": { "N": "1" } } }), json!({ "a": 1 })] {
        holds(&yes, &absent, false);
        holds(&no, &absent, true);
    }
    holds(&json!({ "a": [{ "exists": true }] }), &present, false);
    holds(&json!({ "a": [{ "exists": true }] }), &json!({ "a": null }), true);
}

#[test]
fn a_prefix_is_of_texts_only() {
    let pattern = json!({ "sk": [{ "prefix": "level#" }] });
    holds(&pattern, &json!({ "sk": "level#loc_1" }), true);
    holds(&pattern, &json!({ "sk": "level" }), false);
    holds(&pattern, &json!({ "sk": 1 }), false);
    holds(&pattern, &json!({}), false);
}

#[test]
fn anything_but_wants_a_value_that_is_none_of_those() {
    for pattern in [
        json!({ "state": [{ "anything-but": "open" }] }),
        json!({ "state": [{ "anything-but": ["open", "new"] }] }),
        json!({ "state": [{ "anything-but": { "prefix": "op" } }] }),
    ] {
        holds(&pattern, &json!({ "state": "closed" }), true);
        holds(&pattern, &json!({ "state": "open" }), false);
        holds(&pattern, &json!({}), false);
    }
}

#[test]
fn numeric_terms_all_hold() {
    let pattern = json!({ "n": [{ "numeric": [">", 0, "<=", 5] }] });
    for (number, expect) in
        [(json!(0), false), (json!(0.5), true), (json!(5), true), (json!(6), false), (json!("1"), false)]
    {
        holds(&pattern, &json!({ "n": number }), expect);
    }
    holds(&json!({ "n": [{ "numeric": ["=", 5] }] }), &json!({ "n": 5.0 }), true);
}

#[test]
fn a_list_in_the_record_holds_if_an_element_does() {
    holds(&json!({ "tags": ["b"] }), &json!({ "tags": ["a", "b"] }), true);
    holds(&json!({ "tags": ["c"] }), &json!({ "tags": ["a", "b"] }), false);
    holds(&json!({ "tags": ["c"] }), &json!({ "tags": [] }), false);
}

#[test]
fn a_pattern_that_lambda_refuses_is_refused_by_its_place() {
    for (pattern, at) in [
        (json!({}), ""),
        (json!([1]), ""),
        (json!("x"), ""),
        (json!({ "a": {} }), "a"),
        (json!({ "a": [] }), "a"),
        (json!({ "a": { "b": "c" } }), "a.b"),
        (json!({ "a": [["b"]] }), "a"),
        (json!({ "a": [{ "exist": true }] }), "a"),
        (json!({ "a": [{ "exists": "true" }] }), "a"),
        (json!({ "a": [{ "exists": true, "prefix": "b" }] }), "a"),
        (json!({ "a": [{ "prefix": 1 }] }), "a"),
        (json!({ "a": [{ "anything-but": [] }] }), "a"),
        (json!({ "a": [{ "numeric": ["~", 1] }] }), "a"),
        (json!({ "a": [{ "numeric": [">"] }] }), "a"),
        (json!({ "$or": [{ "a": [1] }] }), "$or"),
    ] {
        let refused = check(&pattern).map_err(|error| error.at);
        assert_eq!(refused, Err(at.to_owned()), "{pattern}");
    }
}

#[test]
fn a_stream_pattern_that_can_never_match_is_refused() {
    for pattern in [
        json!({ "dynamo": { "NewImage": { "a": { "S": ["b"] } } } }),
        json!({ "dynamodb": { "newImage": { "a": { "S": ["b"] } } } }),
        json!({ "dynamodb": { "OldImage": { "a": { "S": ["b"] } } } }),
        json!({ "dynamodb": { "NewImage": { "a": ["b"] } } }),
        json!({ "dynamodb": { "NewImage": { "a": { "s": ["b"] } } } }),
        json!({ "dynamodb": { "NewImage": { "a": { "N": [{ "numeric": [">", 1] }] } } } }),
        json!({ "dynamodb": { "NewImage": [1] } }),
    ] {
        assert!(check(&pattern).is_ok() && check_stream(&pattern).is_err(), "{pattern}");
    }
    let good = json!({ "eventName": ["INSERT"], "dynamodb": { "NewImage": { "a": { "N": ["1"] } } } });
    assert_eq!(check_stream(&good), Ok(()));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from),
        Just(json!("exists")),
        Just(json!("numeric")),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec(("[a-c]|exists|prefix|anything-but|numeric", inner), 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A pattern that names exactly the record's leaves; none if a part of it has no leaf.
fn exact_pattern(record: &Value) -> Option<Value> {
    match record {
        Value::Object(fields) if fields.is_empty() => None,
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| Some((name.clone(), exact_pattern(value)?)))
            .collect::<Option<serde_json::Map<_, _>>>()
            .map(Value::Object),
        Value::Array(_) => None,
        leaf => Some(json!([leaf])),
    }
}

proptest! {
    #[test]
    fn any_pattern_and_record_are_answered(pattern in any_json(), record in any_json()) {
        let _ = (check(&pattern), check_stream(&pattern), matches(&pattern, &record));
    }

    #[test]
    fn a_record_matches_the_pattern_of_its_own_leaves(record in any_json()) {
        if let Some(pattern) = exact_pattern(&record).filter(Value::is_object) {
            prop_assert!(matches(&pattern, &record));
        }
    }

    #[test]
    fn anything_but_is_the_opposite_of_equal_where_there_is_a_leaf(text in "[ab]{0,2}", other in "[ab]{0,2}") {
        let record = json!({ "a": text });
        let equal = matches(&json!({ "a": [other] }), &record);
        let unequal = matches(&json!({ "a": [{ "anything-but": other }] }), &record);
        prop_assert!(equal != unequal);
    }

    #[test]
    fn a_further_field_only_narrows(one in any_json(), record in any_json(), extra in any_json()) {
        let mut narrower = one.clone();
        if let Value::Object(fields) = &mut narrower
            && !fields.contains_key("further")
        {
            fields.insert("further".to_owned(), extra);
            prop_assert!(matches(&one, &record) || !matches(&narrower, &record));
        }
    }
}
