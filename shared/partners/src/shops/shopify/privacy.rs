//! Shopify's compliance webhooks: what a shopper asks the shop about personal data, handed on to us.

use crate::json::{Field, FieldError, FieldProblem, parse};
use domain::privacy::PrivacyKind;

/// Most orders of one webhook.
const ORDERS_MAX: usize = 1000;
/// Largest id: Shopify's are 64-bit integers.
const ID_MAX: u64 = i64::MAX as u64;

/// The shop's ids of the orders that `customers/data_request` or `customers/redact` names; none if the shopper bought nothing.
/// Who the shopper is stands in the body too, and is not read.
pub(super) fn parse_orders(kind: PrivacyKind, body: &[u8]) -> Result<Vec<String>, FieldError> {
    let value = parse(body)?;
    let root = Field::root(&value);
    root.object()?;
    let field = root.get(match kind {
        PrivacyKind::Access => "orders_requested",
        PrivacyKind::Erasure => "orders_to_redact",
    });
    let items = field.items()?;
    if items.len() > ORDERS_MAX {
        return Err(field.error(FieldProblem::TooMany { max: ORDERS_MAX }));
    }
    items.iter().map(|id| Ok(id.at_least_one(ID_MAX)?.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(kind: PrivacyKind, body: &Value) -> Result<Vec<String>, String> {
        parse_orders(kind, body.to_string().as_bytes()).map_err(|error| error.pointer)
    }

    #[test]
    fn the_orders_that_are_meant_are_read_by_their_topic() {
        let customer = json!({"id": 191167, "email": "maria@example.com", "phone": "555"});
        let redact =
            json!({"shop_id": 1, "shop_domain": "a.myshopify.com", "customer": customer, "orders_to_redact": [11, 12]});
        assert_eq!(read(PrivacyKind::Erasure, &redact), Ok(vec!["11".to_owned(), "12".to_owned()]));
        assert_eq!(read(PrivacyKind::Access, &redact), Err("/orders_requested".to_owned()));
        let access = json!({"shop_id": 1, "orders_requested": [], "customer": customer, "data_request": {"id": 9}});
        assert_eq!(read(PrivacyKind::Access, &access), Ok(vec![]), "a shopper who bought nothing");
    }

    #[test]
    fn what_is_no_order_is_refused_by_its_place() {
        for (orders, pointer) in [
            (json!("11"), "/orders_to_redact"),
            (json!([11, "12"]), "/orders_to_redact/1"),
            (json!([0]), "/orders_to_redact/0"),
            (json!([-1]), "/orders_to_redact/0"),
            (Value::from(vec![1; 1001]), "/orders_to_redact"),
        ] {
            assert_eq!(read(PrivacyKind::Erasure, &json!({"orders_to_redact": orders})), Err(pointer.to_owned()));
        }
    }
}
