//! What falls due without a movement: a lot that no longer keeps long enough for a channel, and the daily look at a reorder
//! point. Each is asked for by a message; its entry stays in the index until the message was done, and so cannot be lost.

use domain::{MerchantId, Message, MessageKind, Sku};
use jiff::Timestamp;
use platform::store::IndexPage;
use platform::{Deps, Failure, Key, Table};

/// Most messages of a run, over all shards.
const MESSAGES_MAX: usize = 2000;
/// Entries of one page of the index.
const PAGE: usize = 100;

/// Asks for what is due by `now`; gives the number of messages.
pub(crate) async fn ask(deps: &Deps, now: Timestamp) -> Result<u32, Failure> {
    let until = format!("{now}~");
    let shards = deps.store.list_shards();
    let share = MESSAGES_MAX.div_ceil(usize::try_from(shards).unwrap_or(1).max(1));
    let mut asked = 0;
    for shard in 0..shards {
        let partition = shard.to_string();
        let mut after: Option<String> = None;
        let mut left = share;
        while left > 0 {
            let limit = PAGE.min(left);
            let page = IndexPage {
                table: Table::Movements,
                index: "due",
                partition: &partition,
                after: after.as_deref(),
                until: Some(&until),
                descending: false,
                limit,
            };
            let entries = deps.store.index_page(&page).await?;
            let messages: Vec<Message> =
                entries.iter().map(|(due, key)| message(due, key)).collect::<Result<_, Failure>>()?;
            deps.queues.send(&messages).await?;
            asked += u32::try_from(messages.len()).unwrap_or(u32::MAX);
            left -= entries.len().min(left);
            after = entries.last().map(|(due, _)| due.clone());
            if entries.len() < limit {
                break;
            }
        }
    }
    Ok(asked)
}

fn message(due: &str, key: &Key) -> Result<Message, Failure> {
    let unknown = |error: String| Failure::bug(format!("{}/{} has no due instant: {error}", key.pk, key.sk));
    let (merchant, sku) = key.pk.split_once('#').ok_or_else(|| unknown("no merchant".to_owned()))?;
    let merchant = MerchantId::parse(merchant).map_err(|error| unknown(error.to_string()))?;
    let sku = Sku::parse(sku).map_err(|error| unknown(error.to_string()))?;
    let cause = due.to_owned();
    let kind = if key.sk == "replenishment" {
        MessageKind::ReviewStock { sku: sku.clone(), cause }
    } else {
        MessageKind::PublishStock { sku: sku.clone(), cause }
    };
    Ok(kind.for_merchant(&merchant, sku))
}
