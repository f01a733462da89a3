//! The ledger of goods at rest: it adds up to the levels, and each request, parcel and return is in it once.

use std::collections::BTreeMap;

use domain::order::FulfillmentOrderStatus;
use domain::stock::{Movement, MovementKind, Term};
use serde_json::{Value, json};

use super::goods::{Goods, level_key, of_parcel};
use super::{Found, Invariants, image, levels};

/// Movements of each level, by partition and sort key.
type Ledger = BTreeMap<(String, String), Vec<Movement>>;

/// Every movement that the ledger's table has.
fn read(engine: &engine::Engine, table: &str) -> Ledger {
    let body = json!({ "TableName": table }).to_string();
    let answer = engine.dynamodb().call("Scan", body.as_bytes());
    let answer: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let mut ledger = Ledger::new();
    for item in answer["Items"].as_array().into_iter().flatten() {
        let item = image::plain(&json!({ "M": item }));
        let Ok(movement) = serde_json::from_value::<Movement>(item["movement"].clone()) else { continue };
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        let lot = serde_json::from_value(item["lot"].clone()).ok();
        let level = (format!("{}#{}", text("merchant"), text("sku")), level_key(&text("location"), lot.as_ref()));
        ledger.entry(level).or_default().push(movement);
    }
    ledger
}

impl Invariants {
    pub(super) fn ledger_adds_up(&self, engine: &engine::Engine, table: &str, found: &mut Found) {
        let ledger = read(engine, table);
        for (key, level) in &self.levels.0 {
            let (terms, sum) = (levels::physical(level), levels::sum(ledger.get(key).into_iter().flatten()));
            if sum != terms {
                found.push(("the ledger adds up to the level", format!("{key:?}: level {terms:?}, ledger {sum:?}")));
            }
        }
        self.each_request_counts_once(&ledger, found);
        self.what_was_sent_is_what_orders_say(&ledger, found);
        self.what_came_back_was_counted(&ledger, found);
    }

    /// What was answered to be posted is in the ledger as often as it was asked for, and nothing else is.
    fn each_request_counts_once(&self, ledger: &Ledger, found: &mut Found) {
        use MovementKind as K;
        let mut posted: BTreeMap<&str, u64> = BTreeMap::new();
        for movement in ledger.values().flatten() {
            let by_request = matches!(movement.kind, K::Receipt | K::Putaway | K::Move | K::CountAdjust | K::WriteOff);
            if by_request && movement.cause.starts_with("rec_") {
                *posted.entry(&movement.cause).or_default() += u64::from(movement.quantity);
            }
        }
        let answered: BTreeMap<&str, u64> = self.posted.iter().map(|(id, units)| (id.as_str(), *units)).collect();
        if posted != answered {
            let differ: Vec<_> = posted.iter().filter(|(id, units)| answered.get(*id) != Some(*units)).collect();
            let missing: Vec<_> = answered.iter().filter(|(id, _)| !posted.contains_key(*id)).collect();
            found.push(("a request counts once", format!("in the ledger {differ:?}, not there {missing:?}")));
        }
    }

    fn what_was_sent_is_what_orders_say(&self, ledger: &Ledger, found: &mut Found) {
        let mut sent: BTreeMap<&str, Goods> = BTreeMap::new();
        for ((pk, sk), movements) in ledger {
            let sku = pk.split_once('#').map_or("", |(_, sku)| sku);
            for movement in movements.iter().filter(|movement| movement.kind == MovementKind::Ship) {
                let goods = sent.entry(&movement.cause).or_default();
                *goods.entry((sku.to_owned(), sk.clone())).or_default() += i64::from(movement.quantity);
            }
        }
        for order in self.orders.values() {
            for parcel in &order.fulfillment_orders {
                let said = match parcel.status {
                    FulfillmentOrderStatus::Closed => of_parcel(order, parcel),
                    _ => Goods::new(),
                };
                let shipment = order.shipment(parcel.number);
                let gone = sent.get(shipment.as_str()).cloned().unwrap_or_default();
                if gone != said {
                    let evidence = format!("{shipment}: sent {gone:?}, the order says {said:?}");
                    found.push(("what was sent is what the order says", evidence));
                }
            }
        }
    }

    fn what_came_back_was_counted(&self, ledger: &Ledger, found: &mut Found) {
        let mut came: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for ((pk, _), movements) in ledger {
            let sku = pk.split_once('#').map_or("", |(_, sku)| sku);
            for movement in movements.iter().filter(|movement| movement.to == Some(Term::Inspection)) {
                *came.entry((movement.cause.as_str(), sku)).or_default() += i64::from(movement.quantity);
            }
        }
        let mut counted: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for back in self.returns.values() {
            for line in back.lines.iter().filter(|line| line.received > 0) {
                *counted.entry((back.id.as_str(), line.sku.as_str())).or_default() += i64::from(line.received);
            }
        }
        if came != counted {
            found.push(("what came back was counted once", format!("in the ledger {came:?}, in returns {counted:?}")));
        }
    }
}
