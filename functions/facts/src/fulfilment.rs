//! Tells the shop that a parcel went out.

use crate::shop;
use domain::order::Order;
use domain::shipment::Shipment;
use domain::{Message, ShipmentId};
use partners::carriers;
use partners::shops::{self, FulfilmentReport};
use platform::items::{SealedCarrierAccount, SealedChannel, order_key, shipment_key};
use platform::{Deps, Failure};

pub(crate) async fn report(deps: &Deps, message: &Message, id: &ShipmentId) -> Result<(), Failure> {
    let shipment = deps
        .store
        .load::<Shipment>(&shipment_key(id))
        .await?
        .filter(|loaded| loaded.version >= message.version)
        .ok_or_else(|| Failure::unavailable(format!("{id} is not yet visible")))?
        .body;
    let order = deps.store.require::<Order>(&order_key(&shipment.order), &shipment.order).await?.body;
    let Some(channel) = &order.channel else { return Ok(()) };
    let channel = deps.store.require::<SealedChannel>(&SealedChannel::key_of(channel), channel).await?.body;
    let Some(account) = shop::account(deps, &channel)? else {
        tracing::info!(channel = %channel.channel.id, "channel without access token: fulfilment not reported");
        return Ok(());
    };
    let Some(capability) = shops::find(&channel.channel.platform).and_then(|platform| platform.fulfilments) else {
        return Ok(());
    };
    let unlabelled = || Failure::bug(format!("{id} was handed over without label"));
    let label = shipment.label.as_ref().ok_or_else(unlabelled)?;
    let carrier_account = shipment.carrier_account.as_ref().ok_or_else(unlabelled)?;
    let carrier_account = deps
        .store
        .require::<SealedCarrierAccount>(&SealedCarrierAccount::key_of(carrier_account), carrier_account)
        .await?
        .body
        .account;
    // What shoppers know it by; a carrier that was taken out of the code keeps the account's name.
    let carrier = carriers::find(&carrier_account.carrier)
        .map_or(carrier_account.name, |carrier| carrier.display_name.to_owned());
    // The shop knows kits, not what is in them.
    let contents = shipment.contents.iter().map(|content| (content.line, &content.sku, content.quantity));
    let lines = domain::kit::lines_of(contents, |line| order.kit_of(line))
        .into_iter()
        .filter_map(|shipped| Some((order.line(shipped.line)?.source_line_id.clone(), shipped.quantity)))
        .collect();
    let report = FulfilmentReport {
        order: order.source_id.clone(),
        lines,
        tracking_number: label.tracking_number.clone(),
        tracking_url: label.tracking_url.clone(),
        carrier,
        notify_shopper: true,
    };
    let looked_up = shop::call(deps, capability.build_lookup(&account, &report)).await?;
    let requests = capability.plan(&account, &report, &looked_up).map_err(|error| shop::failure(&error))?;
    for request in requests {
        let answer = shop::call(deps, request).await?;
        let fulfilment = capability.read_created(&answer).map_err(|error| shop::failure(&error))?;
        tracing::info!(shipment = %id, fulfilment, "fulfilment reported");
    }
    Ok(())
}
