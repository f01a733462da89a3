//! From streams to ledgers. Every record is tried; keys come from the operation, so that copying twice writes once.

use domain::stock::MovementKind;
use domain::{MerchantId, Message, MessageKind, Sku};
use platform::items::{StoredFacts, StoredMovement, level_prefix};
use platform::level::{MovementOutbox, level_of};
use platform::store::FactsOutbox;
use platform::stream::StreamRecord;
use platform::{Deps, Failure, Function, Table};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// The setting that names this function's own dead-letter queue for records that it cannot read.
const DEAD_LETTERS: &str = "FACTS_DEAD_LETTERS_QUEUE_URL";

/// What a batch of records asks for.
#[derive(Default)]
struct Found {
    movements: Vec<StoredMovement>,
    facts: Vec<StoredFacts>,
    /// Items whose sellable stock may be another now, with the last record that says so.
    sellable: BTreeMap<(MerchantId, Sku), String>,
    /// Items of which units were handed over.
    sold: BTreeMap<(MerchantId, Sku), String>,
}

pub(crate) async fn copy(deps: &Deps, records: Vec<Result<StreamRecord, Failure>>) -> Result<(), Failure> {
    let mut found = Found::default();
    let mut outcome = Ok(());
    for record in records {
        if let Err(unreadable) = record.and_then(|record| found.read(&record)) {
            tracing::error!(reason = %unreadable, "stream record goes to the dead-letter queue");
            let url = deps.settings.require(DEAD_LETTERS)?;
            let body = unreadable.to_string();
            let buried = deps.queues.bury_at(url, &body, "unreadable", crate::Facts::NAME, deps.clock.now()).await;
            outcome = outcome.and(buried);
        }
    }
    deps.store.put_all(Table::Movements, &found.movements).await?;
    deps.store.put_all(Table::Movements, &found.facts).await?;
    // Who publishes an item's stock looks at its reorder point too.
    found.sold.retain(|item, _| !found.sellable.contains_key(item));
    let publish = found.sellable.into_iter().map(|((merchant, sku), cause)| {
        MessageKind::PublishStock { sku: sku.clone(), cause }.for_merchant(&merchant, sku)
    });
    let review = found.sold.into_iter().map(|((merchant, sku), cause)| {
        MessageKind::ReviewStock { sku: sku.clone(), cause }.for_merchant(&merchant, sku)
    });
    let messages: Vec<Message> = publish.chain(review).collect();
    deps.queues.send(&messages).await?;
    outcome
}

impl Found {
    fn read(&mut self, record: &StreamRecord) -> Result<(), Failure> {
        let unreadable =
            |error: String| Failure::Malformed(format!("{}/{}/{}: {error}", record.table, record.pk, record.sk));
        let (merchant, rest) = record.pk.split_once('#').ok_or_else(|| unreadable("no merchant".to_owned()))?;
        let merchant = MerchantId::parse(merchant).map_err(|error| unreadable(error.to_string()))?;
        // The queue of orders that wait for an item is in partitions of its own: `<sku>#waiting#<shard>`.
        let (sku, queue) = rest.split_once('#').map_or((rest, None), |(sku, queue)| (sku, Some(queue)));
        let sku = || Sku::parse(sku).map_err(|error| unreadable(error.to_string()));
        if record.sk.starts_with(level_prefix())
            && let Some(outbox) = attribute::<MovementOutbox>(record, "movement").map_err(unreadable)?
        {
            let level = level_of(&sku()?, &record.sk).ok_or_else(|| unreadable("no level's key".to_owned()))?;
            if outbox.movements.iter().any(|movement| movement.kind == MovementKind::Ship) {
                self.sold.insert((merchant.clone(), level.sku.clone()), record.sequence_number.clone());
            }
            self.movements.extend(StoredMovement::all_of(&merchant, &level, outbox));
        }
        // A level or the terms of an item say so themselves; an order that waits for it counts also when it is gone.
        if record.text("sellable").is_some() || queue.is_some_and(|queue| queue.starts_with("waiting#")) {
            self.sellable.insert((merchant.clone(), sku()?), record.sequence_number.clone());
        }
        if let Some(outbox) = attribute::<FactsOutbox>(record, "facts").map_err(unreadable)? {
            self.facts.extend(StoredFacts::of(&merchant, outbox));
        }
        Ok(())
    }
}

fn attribute<T: DeserializeOwned>(record: &StreamRecord, name: &str) -> Result<Option<T>, String> {
    record.text(name).map(|text| serde_json::from_str(text).map_err(|error| format!("{name}: {error}"))).transpose()
}
