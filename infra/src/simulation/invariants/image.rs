//! DynamoDB's JSON as plain JSON, so that the domain's own types can read it.

use serde_json::{Map, Number, Value};

/// The plain value of one attribute value.
pub(super) fn plain(attribute: &Value) -> Value {
    let Some((kind, value)) = attribute.as_object().and_then(|attribute| attribute.iter().next()) else {
        return Value::Null;
    };
    match kind.as_str() {
        "S" | "BOOL" | "B" => value.clone(),
        "N" => number(value.as_str().unwrap_or_default()),
        "M" => Value::Object(
            value
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, inner)| (name.clone(), plain(inner)))
                .collect::<Map<_, _>>(),
        ),
        "L" => value.as_array().into_iter().flatten().map(plain).collect(),
        "SS" | "NS" | "BS" => value.clone(),
        _ => Value::Null,
    }
}

fn number(text: &str) -> Value {
    if let Ok(whole) = text.parse::<i64>() {
        return whole.into();
    }
    text.parse::<f64>().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_of_attribute_becomes_plain() {
        let item = json!({"M": {"n": {"N": "5"}, "s": {"S": "x"}, "l": {"L": [{"BOOL": true}, {"NULL": true}]}}});
        assert_eq!(plain(&item), json!({"n": 5, "s": "x", "l": [true, null]}));
    }
}
