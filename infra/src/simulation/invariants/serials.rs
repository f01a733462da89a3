//! Units with a serial number: each is in one place, and goes from there along its way only.

use std::collections::BTreeMap;

use domain::serial_record::{SerialRecord, SerialState as S};

use super::Found;

/// The next state of a unit held against the one before.
pub(super) fn check(before: Option<&SerialRecord>, next: &SerialRecord) -> Found {
    let legal: &[S] = match before.map(|before| before.state) {
        None => &[S::InStock],
        Some(S::InStock) => &[S::InStock, S::WithOrder, S::Gone],
        Some(S::WithOrder) => &[S::WithOrder, S::InStock, S::Returned],
        Some(S::Returned) => &[S::Returned, S::InStock, S::Gone],
        Some(S::Gone) => &[S::Gone, S::InStock],
    };
    let mut found = Found::new();
    let was = before.map(|before| (before.state, &before.order));
    if !legal.contains(&next.state) {
        found.push(("legal moves only", format!("{} {}: {was:?} -> {:?}", next.sku, next.serial, next.state)));
    }
    let with = |record: &SerialRecord| (record.state == S::WithOrder).then(|| record.order.clone());
    if before.and_then(with).is_some_and(|order| with(next).is_some_and(|next| next != order)) {
        let evidence = format!("{} {}: {was:?} -> {:?}", next.sku, next.serial, next.order);
        found.push(("a unit is with one order", evidence));
    }
    found
}

/// The order that each unit is with which is neither on a shelf nor came back.
pub(super) fn with_orders(records: &BTreeMap<String, SerialRecord>) -> BTreeMap<(String, &str), Option<&str>> {
    let with = records.values().filter(|record| record.state == S::WithOrder);
    with.map(|record| {
        let pk = format!("{}#{}", record.merchant, record.sku);
        ((pk, record.serial.as_str()), record.order.as_ref().map(|order| order.as_str()))
    })
    .collect()
}
