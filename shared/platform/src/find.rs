//! Finding a shopper's order: by what the shopper knows, and only with the e-mail address of the order.

use crate::items::{PERSON_PREFIX, PersonRecord, order_key, people_partition, person_key};
use crate::{Deps, Key, Problem, Table, Versioned};
use domain::order::Order;
use domain::order::receive::number_digest;
use domain::{MerchantId, OrderId};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Most orders of one number that are looked at.
const SAME_NUMBER_MAX: usize = 20;

/// The merchant's order that `order` or `number` names, one of them, if it is of this e-mail address. An unknown order, one whose
/// shopper's data was erased and a wrong address have the same answer.
///
/// # Errors
/// 404 `order-not-found`; 409 `order-ambiguous`; 400 when not just one of them is given.
pub async fn find_order(
    deps: &Deps,
    merchant: &MerchantId,
    (order, number): (Option<&OrderId>, Option<&str>),
    email: &str,
) -> Result<Order, Problem> {
    let unknown = || {
        Problem::new(404, "order-not-found", "there is no order with this number and e-mail address: check both")
            .at(if order.is_some() { "/order" } else { "/order_number" })
    };
    match (order, number) {
        (Some(id), None) => {
            if id.merchant() != *merchant {
                return Err(unknown());
            }
            let order = deps.store.load::<Order>(&order_key(id)).await?.ok_or_else(unknown)?.body;
            let person = deps.store.load::<PersonRecord>(&person_key(id, &order.content)).await?;
            let is_own = person.is_some_and(|person| is_email_of(&person.body, email));
            if is_own && !order.is_erased() { Ok(order) } else { Err(unknown()) }
        }
        (None, Some(number)) => {
            let partition = people_partition(merchant, number);
            let people: Vec<(Key, Versioned<PersonRecord>)> =
                deps.store.query(Table::People, &partition, PERSON_PREFIX, SAME_NUMBER_MAX).await?;
            let mut found = Vec::new();
            for (_, person) in people.into_iter().filter(|(_, person)| is_email_of(&person.body, email)) {
                let stored = deps.store.load::<Order>(&order_key(&person.body.order)).await?;
                found.extend(stored.map(|stored| stored.body).filter(|order| {
                    // A body that was refused may have left its person behind; a digest may be another number's.
                    order.content == person.body.content
                        && !order.is_erased()
                        && number_digest(&order.number) == number_digest(number)
                }));
            }
            match (found.pop(), found.is_empty()) {
                (Some(order), true) => Ok(order),
                (Some(_), false) => Err(Problem::new(
                    409,
                    "order-ambiguous",
                    "several of the shopper's orders have this number: send the order's id as `order` instead",
                )
                .at("/order_number")),
                (None, _) => Err(unknown()),
            }
        }
        _ => Err(Problem::invalid("/order_number", "say which order: either `order_number` or `order`")),
    }
}

/// Compares digests in constant time, so that an answer's time tells nothing of an address.
fn is_email_of(record: &PersonRecord, email: &str) -> bool {
    let digest = |email: &str| Sha256::digest(email.trim().to_lowercase());
    let own = record.person.as_ref().and_then(|person| person.email.as_deref()).unwrap_or_default();
    !own.trim().is_empty() && bool::from(digest(own).ct_eq(&digest(email)))
}
