//! Asking a carrier where a parcel is of which nothing was heard.

use crate::look::Run;
use domain::MessageKind;
use domain::tracker::Tracker;
use partners::Retry;
use partners::carriers::{self, Account};
use platform::items::SealedCarrierAccount;
use platform::{Deps, Failure};

/// Asks, and sends what is new to the queue that the carrier's own webhooks go to: there the same event twice is one.
/// Says whether the carrier was heard, or never will be; if not, it is asked again soon.
pub(crate) async fn ask(deps: &Deps, run: &mut Run, tracker: &Tracker) -> Result<bool, Failure> {
    let key = SealedCarrierAccount::key_of(&tracker.carrier_account);
    let Some(stored) = deps.store.load::<SealedCarrierAccount>(&key).await? else { return Ok(true) };
    let account = stored.body.account;
    let Some(poll) = carriers::find(&account.carrier).and_then(|carrier| carrier.poll) else { return Ok(true) };
    if run.silent.contains(&account.api_url) {
        return Ok(false);
    }
    let api_key = deps.secrets.open(account.id.as_str(), &stored.body.api_key)?;
    let request = poll.build_poll(&Account { base_url: account.api_url.clone(), api_key }, &tracker.tracking_number);
    let answer = match deps.partners.call(request).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!(carrier_account = %account.id, reason = %error, "carrier not reached");
            run.silent.insert(account.api_url);
            return Ok(false);
        }
    };
    run.swept.polls += 1;
    let events = match poll.read_poll(&answer) {
        Ok(events) => events,
        Err(error) => {
            tracing::warn!(carrier_account = %account.id, reason = %error, "carrier does not say where a parcel is");
            return Ok(match error.retry() {
                Retry::Never => true,
                Retry::Later { .. } | Retry::LookFirst => {
                    run.silent.insert(account.api_url);
                    false
                }
            });
        }
    };
    let order = tracker.shipment.as_ref().and_then(|shipment| Some(shipment.order()?.0.to_string()));
    let correlation = order.unwrap_or_else(|| tracker.tracking_number.clone());
    let messages: Vec<_> = events
        .into_iter()
        .filter(|event| tracker.events.iter().all(|kept| kept.id != event.event_id))
        .map(|event| {
            MessageKind::TrackingEvent { carrier_account: tracker.carrier_account.clone(), event }
                .for_merchant(&tracker.merchant(), &correlation)
        })
        .collect();
    deps.queues.send(&messages).await?;
    Ok(true)
}
