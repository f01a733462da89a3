//! No tenant sees another: an item names only what belongs to the merchant of its key.

use serde_json::Value;

use super::Found;

const PREFIXES: [&str; 11] = ["ord_", "tsk_", "shp_", "ret_", "rec_", "car_", "chn_", "mer_", "rcl_", "cnt_", "aud_"];
/// Digits of a merchant's suffix.
const SUFFIX: usize = 10;

pub(super) fn check(pk: &str, item: &Value) -> Found {
    let own = pk.strip_prefix("mer_").and_then(|rest| rest.get(..SUFFIX));
    // What is the platform's own, as the list of audits under way, names merchants.
    let Some(own) = own.filter(|own| is_suffix(own)) else { return Found::new() };
    let mut found = Found::new();
    walk(item, own, pk, &mut found);
    found
}

fn is_suffix(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn walk(value: &Value, own: &str, pk: &str, found: &mut Found) {
    match value {
        Value::String(text) => {
            for prefix in PREFIXES {
                let strangers =
                    text.match_indices(prefix).filter_map(|(at, _)| text.get(at + prefix.len()..)?.get(..SUFFIX));
                for suffix in strangers.filter(|suffix| is_suffix(suffix)) {
                    if suffix != own {
                        found.push(("no tenant sees another", format!("{pk} names {prefix}{suffix}: {text}")));
                    }
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, own, pk, found)),
        Value::Object(fields) => fields.values().for_each(|field| walk(field, own, pk, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_id_of_another_merchant_is_found_however_deep() {
        let own = json!({"a": [{"b": "ord_0123456789_x"}], "note": "ord_short"});
        assert!(check("mer_0123456789#x", &own).is_empty());
        assert_eq!(check("mer_aaaaaaaaaa#x", &own).len(), 1);
        assert!(check("mer_platform#audits", &own).is_empty());
    }
}
