//! At the dock: counting what came, announced or not, and inspecting it.

use crate::change::{answer, change_return, operation_of, refused, release_units, return_of};
use crate::messages::open_refused;
use crate::wire::{ArrivalLine, InspectBody, ReceiptBody, ReceiveBody};
use domain::account::{Merchant, Scope};
use domain::aggregate::Actor;
use domain::catalogue::Item;
use domain::lot_record::LotRecord;
use domain::order::Order;
use domain::returns::{Arrival, ArrivedSerial, Disposition, Return, ReturnKind};
use domain::serial_record::SerialRecord;
use domain::tracker::Tracker;
use domain::{Decision, LocationId, MerchantId, OrderId, ReturnId, ShipmentId, Sku};
use jiff::Timestamp;
use platform::auth::authenticate;
use platform::items::{
    StoredItem, StoredLocation, item_key, location_key, lot_key, merchant_key, order_key, return_key, serial_key,
    tracker_key,
};
use platform::{Changed, Deps, Failure, Operation, Problem, Request, Response, Step, Write};
use std::collections::BTreeMap;

const DOCK: [Scope; 2] = [Scope::Floor, Scope::Operations];

/// Count what came of a return.
///
/// The goods enter the stock of the location, in the term `inspection`. Parts may come one after the other, at one location.
#[utoipa::path(
    post, path = "/v1/returns/{return}/receive", tag = "returns",
    params(
        ("return" = String, Path, description = "The return's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key counts once"),
        ("If-Match" = Option<String>, Header, description = "Only at this version"),
    ),
    request_body = ReceiveBody,
    responses(
        (status = 200, description = "Counted; its version in `ETag`", body = Return),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such return", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`return-not-receivable`, `received-elsewhere`, `not-announced`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "Changed since the version in If-Match", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "No such location, or the Idempotency-Key was used with another body", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn receive_return(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = return_of(deps, request, &DOCK).await?;
    let body: ReceiveBody = request.json()?;
    let lines = body.arrivals()?;
    check_location(deps, &id.merchant(), &body.location).await?;
    let items = items_of(deps, &id.merchant(), lines).await?;
    let arrivals = arrivals(deps, &id.merchant(), lines, &items).await?;
    let operation = operation_of(deps, request, &id.merchant(), id.as_str())?;
    let now = deps.clock.now();
    let changed = change_return(deps, request, &id, &operation, async |loaded| {
        received(deps, &loaded.body, (lines, &items), &arrivals, (&body.location, &body.actor), (&operation, now)).await
    });
    answer(200, &changed.await.map_err(refused)?)
}

/// Count a parcel that came.
///
/// It is matched to its return by id or tracking number (also that of an outbound parcel that came back); a parcel that matches
/// nothing becomes a return of kind `unidentified`. The goods enter the stock of the location, in the term `inspection`.
#[utoipa::path(
    post, path = "/v1/return-receipts", tag = "returns",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key counts once"),
        ("Sklad-Merchant" = Option<String>, Header, description = "For which merchant a key of the platform acts"),
    ),
    request_body = ReceiptBody,
    responses(
        (status = 201, description = "Counted; the return's version in `ETag`", body = Return),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such return or carrier account", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`return-not-receivable`, `received-elsewhere`, `not-announced`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "No such item or location, or the Idempotency-Key was used with another body", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn receive_parcel(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &DOCK).await?;
    let merchant = principal.merchant()?;
    let body: ReceiptBody = request.json()?;
    let lines = body.arrivals()?;
    check_location(deps, merchant, &body.location).await?;
    let items = items_of(deps, merchant, lines).await?;
    check_items(lines, &items)?;
    let arrivals = arrivals(deps, merchant, lines, &items).await?;
    let operation = operation_of(deps, request, merchant, "")?;
    let id = ReturnId::derive(merchant, &["unannounced", operation.id()]);
    // A repeated request keeps its first answer, also when the parcel could be matched by now.
    if let Some(value) = deps.store.load::<Return>(&return_key(&id)).await? {
        operation.is_done(&value.operations)?;
        return answer(201, &Changed { value, replayed: true });
    }
    let now = deps.clock.now();
    let mut note = body.tracking_number.as_ref().map(|number| format!("tracking number {number} matches no return"));
    if let Some(matched) = match_return(deps, merchant, &body).await? {
        let outcome = change_return(deps, request, &matched, &operation, async |loaded| {
            received(deps, &loaded.body, (lines, &items), &arrivals, (&body.location, &body.actor), (&operation, now))
                .await
        });
        match outcome.await {
            Err(Failure::Rejected(rejected))
                if rejected.code == "return-not-receivable" && body.return_id.is_none() =>
            {
                note = Some(format!("the tracking number is that of {matched}, which expects nothing"));
            }
            outcome => return answer(201, &outcome.map_err(refused)?),
        }
    }
    let (arrivals, also) = come_back(deps, merchant, None, (lines, &items), &arrivals, &body.location, &operation)
        .await
        .map_err(refused)?;
    let decision = Return::unannounced(id, &body.location, &arrivals, note, &body.actor, now).map_err(Failure::from)?;
    let created = deps.store.create(&operation, Step { decision, also }).await?;
    operation.is_done(&created.value.operations)?;
    tracing::info!(return_id = %created.value.body.id, replayed = created.replayed, "unannounced parcel received");
    answer(201, &created)
}

/// Inspect what was received.
///
/// Exactly what was received is disposed of; an item may have several lines. What is restocked may be sold at once and fills
/// waiting orders. The refund is instructed where one is due, and the return is closed; units that did not come may be returned
/// otherwise.
#[utoipa::path(
    post, path = "/v1/returns/{return}/inspect", tag = "returns",
    params(
        ("return" = String, Path, description = "The return's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key counts once"),
        ("If-Match" = Option<String>, Header, description = "Only at this version"),
    ),
    request_body = InspectBody,
    responses(
        (status = 200, description = "Closed; its version in `ETag`", body = Return),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such return", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`return-not-inspectable`, `not-all-disposed`, `damaged-not-sellable`, `lot-unknown`, `serial-unknown`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "Changed since the version in If-Match", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The Idempotency-Key was used with another body", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn inspect_return(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = return_of(deps, request, &DOCK).await?;
    let body: InspectBody = request.json()?;
    let found = body.found()?;
    let operation = operation_of(deps, request, &id.merchant(), id.as_str())?;
    let now = deps.clock.now();
    let changed = change_return(deps, request, &id, &operation, async |loaded| {
        let back = &loaded.body;
        let order = match &back.order {
            Some(order) => Some(deps.store.require::<Order>(&order_key(order), "the return's order").await?.body),
            None => None,
        };
        let lots: Vec<_> = back.lots.iter().map(|of| lot_key(&id.merchant(), &of.sku, &of.lot.code)).collect();
        let lots: Vec<LotRecord> =
            deps.store.load_many::<LotRecord>(&lots).await?.into_iter().map(|stored| stored.body).collect();
        let decision = back.inspect(&found, order.as_ref(), &lots, &body.actor, now)?;
        let mut also = release_units(deps, back, &decision.next.missing(), &operation, now).await?;
        also.extend(inspected(deps, &decision.next, &operation).await?);
        Ok(Step { decision, also })
    });
    answer(200, &changed.await.map_err(refused)?)
}

async fn check_location(deps: &Deps, merchant: &MerchantId, location: &LocationId) -> Result<(), Problem> {
    let stored = deps.store.load::<StoredLocation>(&location_key(merchant, location)).await?;
    match stored {
        Some(stored) if stored.body.location.closed => {
            Err(Problem::new(409, "location-closed", "the location is closed: receive it elsewhere").at("/location"))
        }
        Some(_) => Ok(()),
        None => {
            let detail = "there is no such location: see GET /v1/locations";
            Err(Problem::new(422, "unknown-location", detail).at("/location"))
        }
    }
}

/// The catalogue's items that came; those that it has not are left out.
async fn items_of(deps: &Deps, merchant: &MerchantId, lines: &[ArrivalLine]) -> Result<BTreeMap<Sku, Item>, Problem> {
    let keys: Vec<_> = lines.iter().map(|line| item_key(merchant, &line.sku)).collect();
    let found = deps.store.load_many::<StoredItem>(&keys).await?;
    Ok(found.into_iter().map(|stored| (stored.body.item.sku.clone(), stored.body.item)).collect())
}

fn check_items(lines: &[ArrivalLine], items: &BTreeMap<Sku, Item>) -> Result<(), Problem> {
    for (index, line) in lines.iter().enumerate() {
        let (code, detail) = match items.get(&line.sku).map(Item::is_kit) {
            Some(false) => continue,
            Some(true) => ("item-is-kit", "a kit has no stock: count its components"),
            None => ("unknown-sku", "the catalogue has no such item: create it first"),
        };
        return Err(Problem::new(422, code, detail).at(format!("/lines/{index}/sku")));
    }
    Ok(())
}

/// What came, with the lots that it is kept in.
async fn arrivals(
    deps: &Deps,
    merchant: &MerchantId,
    lines: &[ArrivalLine],
    items: &BTreeMap<Sku, Item>,
) -> Result<Vec<Arrival>, Problem> {
    let kept_by_lot = |line: &&ArrivalLine| items.get(&line.sku).is_some_and(|item| item.lot_tracked);
    let named = lines.iter().filter(kept_by_lot).filter_map(|line| Some((&line.sku, line.lot.as_deref()?)));
    let keys: Vec<_> = named.map(|(sku, code)| lot_key(merchant, sku, code)).collect();
    let known: Vec<LotRecord> =
        deps.store.load_many::<LotRecord>(&keys).await?.into_iter().map(|stored| stored.body).collect();
    let arrival = |line: &ArrivalLine| {
        let record = known.iter().find(|known| known.sku == line.sku && Some(&known.lot.code) == line.lot.as_ref());
        let lot = items.get(&line.sku).and_then(|item| Arrival::lot_of(item, record));
        Arrival { sku: line.sku.clone(), lot, serial: None, quantity: line.quantity, condition: line.condition }
    };
    Ok(lines.iter().map(arrival).collect())
}

/// What came belongs to `back`, and is received for it.
async fn received(
    deps: &Deps,
    back: &Return,
    came: (&[ArrivalLine], &BTreeMap<Sku, Item>),
    arrivals: &[Arrival],
    (location, actor): (&LocationId, &Actor),
    (operation, now): (&Operation, Timestamp),
) -> Result<Step<Return>, Failure> {
    let (arrivals, also) =
        come_back(deps, &back.merchant(), back.order.as_ref(), came, arrivals, location, operation).await?;
    let decision = back.receive(location, &arrivals, actor, now)?;
    Ok(Step { decision, also })
}

/// What came, with what is known of its serial numbers; and the writes of their records.
async fn come_back(
    deps: &Deps,
    merchant: &MerchantId,
    order: Option<&OrderId>,
    (lines, items): (&[ArrivalLine], &BTreeMap<Sku, Item>),
    arrivals: &[Arrival],
    location: &LocationId,
    operation: &Operation,
) -> Result<(Vec<Arrival>, Vec<Write>), Failure> {
    let (mut found, mut writes) = (arrivals.to_vec(), Vec::new());
    for (line, arrival) in lines.iter().zip(&mut found) {
        let Some(item) = items.get(&line.sku).filter(|item| item.serial_tracked) else { continue };
        let mut known = false;
        if let Some(serial) = &line.serial {
            let key = serial_key(merchant, &item.sku, serial);
            if let Some(record) = deps.store.load::<SerialRecord>(&key).await? {
                let (next, expected) = record.body.come_back(order, location);
                known = expected;
                if next != record.body {
                    writes.extend(deps.store.write_of(Some(&record), Decision::of(next), operation)?.0);
                }
            }
        }
        arrival.serial = Some(ArrivedSerial { serial: line.serial.clone(), known });
    }
    Ok((found, writes))
}

/// The writes of the records of units that were inspected.
async fn inspected(deps: &Deps, back: &Return, operation: &Operation) -> Result<Vec<Write>, Failure> {
    let mut writes = Vec::new();
    for unit in &back.serials {
        let (Some(serial), Some(disposition)) = (&unit.serial, unit.disposition) else { continue };
        let key = serial_key(&back.merchant(), &unit.sku, serial);
        let Some(record) = deps.store.load::<SerialRecord>(&key).await? else { continue };
        let next = record.body.inspected(disposition == Disposition::Restock);
        if unit.known && next != record.body {
            writes.extend(deps.store.write_of(Some(&record), Decision::of(next), operation)?.0);
        }
    }
    Ok(writes)
}

/// The return that the parcel belongs to, as far as that can be known.
async fn match_return(deps: &Deps, merchant: &MerchantId, body: &ReceiptBody) -> Result<Option<ReturnId>, Problem> {
    if let Some(id) = &body.return_id {
        let own = id.merchant() == *merchant;
        return if own { Ok(Some(id.clone())) } else { Err(Problem::not_found("this return").at("/return")) };
    }
    let Some(tracking_number) = &body.tracking_number else { return Ok(None) };
    let account = match &body.carrier_account {
        Some(account) if account.merchant() != *merchant => {
            return Err(Problem::not_found("this carrier account").at("/carrier_account"));
        }
        Some(account) => Some(account.clone()),
        None => {
            let key = merchant_key(merchant);
            let stored = deps.store.require::<Merchant>(&key, "the merchant of this credential").await?;
            stored.body.default_carrier_account
        }
    };
    let Some(account) = account else { return Ok(None) };
    let tracker = deps.store.load::<Tracker>(&tracker_key(&account, tracking_number)).await?;
    let Some(shipment) = tracker.and_then(|tracker| tracker.body.shipment) else { return Ok(None) };
    match shipment.return_id() {
        Some(id) => Ok(Some(id)),
        None => Ok(return_of_outbound(deps, &shipment).await?),
    }
}

/// An outbound parcel stands at our dock: its return is that of its refusal, opened now if the carrier did not say so yet.
async fn return_of_outbound(deps: &Deps, shipment: &ShipmentId) -> Result<Option<ReturnId>, Failure> {
    if let Some(id) = refusal_of(deps, shipment).await? {
        return Ok(Some(id));
    }
    match open_refused(deps, shipment).await {
        // Its units are being returned otherwise, or it never left: nobody announced this parcel.
        Err(Failure::Rejected(_) | Failure::NotFound(_)) => return Ok(None),
        opened => opened?,
    }
    refusal_of(deps, shipment).await
}

async fn refusal_of(deps: &Deps, shipment: &ShipmentId) -> Result<Option<ReturnId>, Failure> {
    let Some((order, _)) = shipment.order() else { return Ok(None) };
    let Some(order) = deps.store.load::<Order>(&order_key(&order)).await? else { return Ok(None) };
    let keys: Vec<_> =
        (1..=order.body.returns).map(|number| return_key(&ReturnId::of(&order.body.id, number))).collect();
    let found = deps.store.load_many::<Return>(&keys).await?;
    let is_its = |back: &Return| back.kind == ReturnKind::Refused && back.shipment.as_ref() == Some(shipment);
    Ok(found.into_iter().map(|stored| stored.body).find(is_its).map(|back| back.id))
}
