//! Putaway and moves: units change their bin.

use crate::receipts::require_known;
use crate::wire::{NewMove, ReceiptView};
use domain::account::Scope;
use domain::lot_record::LotRecord;
use domain::receiving::{Entry, Posting, carry};
use domain::stock::{Goods, LevelId};
use domain::{Decision, ReceiptId, Rejected};
use platform::auth::authenticate;
use platform::items::{Receipt, StoredLevel, lot_key, receipt_key};
use platform::level::level_key;
use platform::requests::{created, failed, operation};
use platform::spec::{CreateRefusals, ForMerchant, Idempotent, Refusals};
use platform::{Deps, Failure, Problem, Request, Response, Step};

/// Carry units from one bin to another.
///
/// What came in without a bin is in `MAIN`: from there it is put away.
#[utoipa::path(
    post, path = "/v1/moves", tag = "inventory", params(Idempotent, ForMerchant), request_body = NewMove,
    responses((status = 201, description = "Carried", body = ReceiptView), Refusals, CreateRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn create_move(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Floor, Scope::Operations]).await?;
    let merchant = principal.merchant()?;
    let new: NewMove = request.json()?;
    let operation = operation(deps, request, merchant)?;
    let usual = Goods::default();
    let entry = Entry {
        id: ReceiptId::derive(merchant, &["move", operation.id()]),
        sku: new.sku,
        location: new.location,
        goods: Goods { bin: new.from_bin.unwrap_or(usual.bin), ..usual },
        actor: new.actor,
        at: deps.clock.now(),
    };
    require_known(deps, merchant, &entry.sku, &entry.location).await?;
    let key = receipt_key(&entry.id);
    let changed = deps.store.change::<Receipt, Step<Receipt>>(&key, &operation, async |_| {
        let lot = match &new.lot {
            None => None,
            Some(code) => {
                let known = deps.store.load::<LotRecord>(&lot_key(merchant, &entry.sku, code)).await?;
                let detail = "no goods of this lot ever came in: see `levels` of GET /v1/stock-levels/{sku}";
                Some(known.ok_or_else(|| Rejected::new("unknown-lot", detail).at("/lot"))?.body.lot)
            }
        };
        let of = LevelId { sku: entry.sku.clone(), location: entry.location.clone(), lot };
        let stored = deps.store.load::<StoredLevel>(&level_key(merchant, &of)).await?;
        let (level, bins) = stored.map(|it| (it.body.level(), it.body.bins())).unwrap_or_default();
        let Posting { movement, change, facts } = carry(&entry, &new.to_bin, new.quantity, (&of, &level, &bins))?;
        let (sku, location) = (entry.sku.clone(), entry.location.clone());
        let receipt = Receipt { id: entry.id.clone(), sku, location, movement, reference: None };
        let decision = Decision::of(receipt).with_stock([change]).with_facts(facts);
        Ok::<_, Failure>(Step { decision, also: Vec::new() })
    });
    created(changed.await.map_err(failed)?, &operation, ReceiptView::from)
}
