//! Goods that come in, and corrections: each is an item that remembers its request, so that it counts once.

use crate::wire::{NewAdjustment, NewReceipt, ReceiptView};
use domain::account::{Scope, check_text};
use domain::catalogue::Item;
use domain::lot_record::{LotRecord, lot_corrected, lot_received};
use domain::receiving::{Correction, Entry, Posting, REASON_BYTES_MAX, correct, receive, serial_of};
use domain::serial_record::SerialRecord;
use domain::stock::LevelId;
use domain::{Decision, LocationId, MerchantId, ReceiptId, Sku};
use platform::auth::authenticate;
use platform::items::{
    Receipt, StoredItem, StoredLevel, StoredLocation, item_key, location_key, lot_key, receipt_key, serial_key,
};
use platform::level::level_key;
use platform::requests::{created, failed, operation, refused};
use platform::spec::{CreateRefusals, ForMerchant, Idempotent, Refusals};
use platform::{Changed, Deps, Failure, Operation, Problem, Request, Response, Step};

/// Count goods in.
///
/// New goods are available at once, and orders that wait for them are filled. Of an item that is kept by lot the lot is named,
/// and goods of one that has expired are counted as `expired` (see `movement.to`); otherwise the lot is a note.
/// Units of an item that is kept by serial number come in one by one, each number once.
#[utoipa::path(
    post, path = "/v1/receipts", tag = "inventory", params(Idempotent, ForMerchant), request_body = NewReceipt,
    responses((status = 201, description = "Counted in", body = ReceiptView), Refusals, CreateRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn create_receipt(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Floor, Scope::Operations]).await?;
    let merchant = principal.merchant()?;
    let new: NewReceipt = request.json()?;
    let operation = operation(deps, request, merchant)?;
    let entry = Entry {
        id: ReceiptId::derive(merchant, &["receipt", operation.id()]),
        sku: new.sku,
        location: new.location,
        goods: new.goods.into(),
        actor: new.actor,
        at: deps.clock.now(),
    };
    let Posting { movement, change, facts } = receive(&entry, new.quantity, None).map_err(refused)?;
    check_reference(new.reference.as_deref())?;
    let item = require_known(deps, merchant, &entry.sku, &entry.location).await?;
    if item.lot_tracked || item.serial_tracked {
        let changed = change_in_lot(deps, &item, &operation, &entry, new.reference.as_deref(), async |known| {
            let lot = lot_received(merchant, &item, &entry.goods, known, entry.at)?;
            let posting = receive(&entry, new.quantity, lot.as_ref())?;
            Ok((posting, lot.map(|lot| lot.received())))
        });
        return created(changed.await.map_err(failed)?, &operation, ReceiptView::from);
    }
    let receipt = receipt(entry, movement, new.reference);
    let decision = Decision::of(receipt).with_stock([change]).with_facts(facts);
    created(deps.store.create(&operation, decision).await?, &operation, ReceiptView::from)
}

/// Correct what is on record.
///
/// Of an item that is kept by lot the lot says which stock; units that came in before it was kept so are taken away without one.
#[utoipa::path(
    post, path = "/v1/adjustments", tag = "inventory", params(Idempotent, ForMerchant), request_body = NewAdjustment,
    responses((status = 201, description = "Corrected", body = ReceiptView), Refusals, CreateRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn create_adjustment(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Operations]).await?;
    let merchant = principal.merchant()?;
    let new: NewAdjustment = request.json()?;
    let operation = operation(deps, request, merchant)?;
    let entry = Entry {
        id: ReceiptId::derive(merchant, &["adjustment", operation.id()]),
        sku: new.sku,
        location: new.location,
        goods: new.goods.into(),
        actor: new.actor,
        at: deps.clock.now(),
    };
    let correction =
        Correction { quantity: new.quantity, kind: new.kind.into(), reason: new.reason, liable: new.liable };
    check_reference(new.reference.as_deref())?;
    let item = require_known(deps, merchant, &entry.sku, &entry.location).await?;
    let changed = change_in_lot(deps, &item, &operation, &entry, new.reference.as_deref(), async |known| {
        let adds = correction.quantity > 0;
        let lot = lot_corrected(merchant, &item, &entry.goods, adds, known, entry.at)?;
        let (sku, location) = (entry.sku.clone(), entry.location.clone());
        let level = LevelId { sku, location, lot: lot.as_ref().map(|record| record.lot.clone()) };
        // Read anew at every try: the guard of the write says whether it still holds.
        let stored = deps.store.load::<StoredLevel>(&level_key(merchant, &level)).await?;
        let level = stored.map(|stored| stored.body.level()).unwrap_or_default();
        let posting = correct(&entry, &correction, &level, lot.as_ref())?;
        Ok((posting, lot.filter(|_| adds).map(|lot| lot.received())))
    });
    created(changed.await.map_err(failed)?, &operation, ReceiptView::from)
}

/// Posts goods that may be of a lot, or have a serial number. `post` is told what is known of the lot that the entry names, and says what is posted, and
/// how the lot's record becomes where goods come in: then it is written in the same transaction.
async fn change_in_lot(
    deps: &Deps,
    item: &Item,
    operation: &Operation,
    entry: &Entry,
    reference: Option<&str>,
    post: impl AsyncFn(Option<&LotRecord>) -> Result<(Posting, Option<LotRecord>), Failure>,
) -> Result<Changed<Receipt>, Failure> {
    let store = &deps.store;
    let (key, merchant) = (receipt_key(&entry.id), &entry.id.merchant());
    let changed = store.change::<Receipt, Step<Receipt>>(&key, operation, async |_| {
        let known = match &entry.goods.lot {
            Some(code) => store.load::<LotRecord>(&lot_key(merchant, &entry.sku, code)).await?,
            None => None,
        };
        let (Posting { movement, change, facts }, lot) = post(known.as_ref().map(|known| &known.body)).await?;
        let mut also = match lot {
            Some(lot) => store.write_of(known.as_ref(), Decision::of(lot), operation)?.0,
            None => Vec::new(),
        };
        if let Some(serial) = serial_of(item, &entry.goods)? {
            let known = store.load::<SerialRecord>(&serial_key(merchant, &entry.sku, serial)).await?;
            let before = known.as_ref().map(|known| &known.body);
            let record = match (movement.to, before) {
                (Some(_), _) => SerialRecord::receive((merchant, &entry.sku, serial), &entry.location, before)?,
                (None, Some(record)) => record.remove(&entry.location)?,
                (None, None) => return Err(SerialRecord::not_in_stock(serial).at("/goods/serial").into()),
            };
            also.extend(store.write_of(known.as_ref(), Decision::of(record), operation)?.0);
        }
        let receipt = receipt(entry.clone(), movement, reference.map(str::to_owned));
        Ok(Step { decision: Decision::of(receipt).with_stock([change]).with_facts(facts), also })
    });
    changed.await
}

fn receipt(entry: Entry, movement: domain::stock::Movement, reference: Option<String>) -> Receipt {
    Receipt { id: entry.id, sku: entry.sku, location: entry.location, movement, reference }
}

fn check_reference(reference: Option<&str>) -> Result<(), Problem> {
    reference.map_or(Ok(()), |text| check_text("/reference", text, REASON_BYTES_MAX)).map_err(refused)
}

/// The item. Refuses one that the merchant has not, and a location that it has not.
pub(crate) async fn require_known(
    deps: &Deps,
    merchant: &MerchantId,
    sku: &Sku,
    at: &LocationId,
) -> Result<Item, Problem> {
    let (item_key, location_key) = (item_key(merchant, sku), location_key(merchant, at));
    let (item, location) =
        tokio::try_join!(deps.store.load::<StoredItem>(&item_key), deps.store.load::<StoredLocation>(&location_key),)?;
    let Some(item) = item else {
        let detail = "there is no item with this SKU: create it first, with POST /v1/items or an import";
        return Err(Problem::new(422, "unknown-item", detail).at("/sku"));
    };
    if item.body.item.is_kit() {
        let detail = "this item is a kit, which has no stock: count its components, see GET /v1/items/{sku}";
        return Err(Problem::new(422, "item-is-kit", detail).at("/sku"));
    }
    let Some(location) = location else {
        let detail = "there is no location with this code: create it first, with POST /v1/locations";
        return Err(Problem::new(422, "unknown-location", detail).at("/location"));
    };
    if location.body.location.closed {
        let detail = "the location is closed: open it again first, with PUT /v1/locations/{location}";
        return Err(Problem::new(409, "location-closed", detail).at("/location"));
    }
    Ok(item.body.item)
}
