//! One round: plan the orders of a batch together, open the takes, have every order claim, close the takes.
//!
//! | What goes wrong | What follows |
//! |---|---|
//! | a level has not what was read (another batch was faster) | its orders are planned again, what they had elsewhere is given back |
//! | an order changed since it was read | its claim fails, its share is given back, it is planned again |
//! | it is not known whether an order claimed | it is fenced; if that fails too the take stays open until it expires |
//! | nothing is to be had | the order enters the queue, then says that it waits, then looks once more |

use crate::offers::{Levels, without};
use crate::takes::{self, AT_ONCE};
use crate::wish::{Wish, visible};
use domain::allocation::{Component, Need, Offer, Wanted, allocate};
use domain::order::{AllocatedGoods, Order};
use domain::stock::{LevelId, Take, TakeId, TakenFor};
use domain::{Decision, MerchantId, Sku};
use futures_util::{StreamExt, TryStreamExt};
use jiff::Span;
use jiff::tz::TimeZone;
use platform::items::{StoredItem, StoredLocation, WaitingOrder, item_key, order_key};
use platform::{Deps, Failure, Replaced, Versioned};
use std::collections::{BTreeMap, BTreeSet};

/// How often a batch is planned before its messages come again.
const ROUNDS_MAX: u32 = 5;

/// An order at the end of a run.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) order: Versioned<Order>,
    /// Whether this run changed it.
    pub(crate) changed: bool,
}

/// What became of a wish: the order as it is now, or why it must come again.
pub(crate) type Fate = Result<Seen, Failure>;

fn unchanged(order: Versioned<Order>) -> Seen {
    Seen { order, changed: false }
}

/// Reserves what orders still need, as far as there is stock. Gives the fate of each wish, in their order.
pub(crate) async fn run(deps: &Deps, merchant: &MerchantId, wishes: &[Wish]) -> Vec<Fate> {
    let mut fates: Vec<Option<Fate>> = wishes.iter().map(|_| None).collect();
    let mut locations = None;
    for _ in 0..ROUNDS_MAX {
        let open: Vec<usize> = (0..wishes.len()).filter(|index| fates[*index].is_none()).collect();
        if open.is_empty() {
            break;
        }
        if let Err(failure) = round(deps, merchant, wishes, &open, &mut locations, &mut fates).await {
            // Each wish of the round has its own fate already, or none since nothing could be read.
            for fate in fates.iter_mut().filter(|fate| fate.is_none()) {
                *fate = Some(Err(failure.clone()));
            }
        }
    }
    let spent = || Err(Failure::Conflict("stock changes faster than it can be reserved".to_owned()));
    fates.into_iter().map(|fate| fate.unwrap_or_else(spent)).collect()
}

/// An order of a round.
struct Planned {
    wish: usize,
    loaded: Versioned<Order>,
    /// What it becomes if its claim succeeds.
    decision: Decision<Order>,
    /// Its share of each level.
    shares: BTreeMap<LevelId, u32>,
    /// Entries to be in the queue before it says that it waits.
    enters: Vec<WaitingOrder>,
}

impl Planned {
    fn waits(&self) -> bool {
        !self.decision.next.waits_for.is_empty()
    }
}

async fn round(
    deps: &Deps,
    merchant: &MerchantId,
    wishes: &[Wish],
    open: &[usize],
    locations: &mut Option<Vec<StoredLocation>>,
    fates: &mut [Option<Fate>],
) -> Result<(), Failure> {
    let mut orders = load(deps, wishes, open, fates).await?;
    let skus: BTreeSet<Sku> = orders.iter().flat_map(|(_, loaded, base)| skus_of(&loaded.body, base)).collect();
    let (kits, mut levels) =
        futures_util::try_join!(kits(deps, merchant, &orders), settled_levels(deps, merchant, &skus))?;
    if !kits.is_empty() {
        orders = orders.into_iter().map(|(wish, loaded, base)| (wish, loaded, exploded(base, &kits))).collect();
        let needed: BTreeSet<Sku> = orders.iter().flat_map(|(_, loaded, base)| skus_of(&loaded.body, base)).collect();
        levels.add(settled_levels(deps, merchant, &needed.difference(&skus).cloned().collect()).await?);
    }
    let known = match locations {
        Some(known) => known,
        None => locations.insert(crate::offers::locations(deps, merchant).await?),
    };
    let take: TakeId = deps.ids.random(12);
    let mut offers = levels.offers(known);
    let mut planned = Vec::new();
    for (wish, loaded, base) in orders {
        let needs = needs_of(&base);
        if needs.is_empty() && base == loaded.body {
            fates[wish] = Some(own_takes_closed(deps, &levels, &loaded).map(|()| unchanged(loaded)));
            continue;
        }
        let plan = plan(deps, &wishes[wish], (wish, loaded, base), &needs, &mut offers, &take);
        if plan.decision.next == plan.loaded.body {
            // It waits already, and there is nothing to be had: no write for a try in vain.
            fates[wish] = Some(Ok(unchanged(plan.loaded)));
        } else {
            planned.push(plan);
        }
    }
    let shares = by_level(&planned);
    let opened = takes::open(deps, merchant, &take, &shares).await;
    let claimable = planned.iter().filter(|plan| plan.shares.keys().all(|level| opened.contains(level)));
    let claims: Vec<(&Planned, Claim)> =
        futures_util::stream::iter(claimable).map(|plan| claim(deps, plan, &take)).buffered(AT_ONCE).collect().await;
    let mut closed = close(deps, merchant, &take, &opened, &shares, &claims).await;
    let mut waiting = Vec::new();
    for (plan, claim) in claims {
        let touches = |level: &LevelId| plan.shares.contains_key(level);
        match claim {
            Claim::Made(order) => {
                leave(deps, &plan.loaded.body, &order).await?;
                let failed = closed.iter_mut().find(|(level, _)| touches(level)).map(|(_, failure)| failure.clone());
                if failed.is_none() && plan.waits() {
                    waiting.push((plan.wish, plan.decision.next.waits_for.clone()));
                }
                fates[plan.wish] = Some(failed.map_or(Ok(Seen { order: *order, changed: true }), Err));
            }
            Claim::Lost => {}
            Claim::Unknown(failure) => fates[plan.wish] = Some(Err(failure)),
        }
    }
    look_again(deps, merchant, &waiting, fates).await
}

/// The orders of a round that are to be reserved, with what they are without what pickers did not find.
async fn load(
    deps: &Deps,
    wishes: &[Wish],
    open: &[usize],
    fates: &mut [Option<Fate>],
) -> Result<Vec<(usize, Versioned<Order>, Order)>, Failure> {
    let keys: Vec<_> = open.iter().map(|wish| order_key(&wishes[*wish].order)).collect();
    let found = deps.store.load_many::<Order>(&keys).await?;
    let found: BTreeMap<_, _> = found.into_iter().map(|order| (order.body.id.clone(), order)).collect();
    let mut orders = Vec::new();
    for index in open {
        let wish = &wishes[*index];
        match visible(found.get(&wish.order), wish.version, &wish.order) {
            Err(failure) => fates[*index] = Some(Err(failure)),
            // Held or cancelled meanwhile: releasing the hold sends a new message.
            Ok(order) if wish.short.is_empty() && order.body.may_reserve().is_err() => {
                fates[*index] = Some(Ok(unchanged(order.clone())));
            }
            Ok(order) => orders.push((*index, order.clone(), wish.base(&order.body, deps.clock.now()))),
        }
    }
    Ok(orders)
}

/// The kits among the items that orders need, as the catalogue has them now.
async fn kits(
    deps: &Deps,
    merchant: &MerchantId,
    orders: &[(usize, Versioned<Order>, Order)],
) -> Result<BTreeMap<Sku, Vec<Component>>, Failure> {
    let bases = orders.iter().map(|(_, _, base)| base).filter(|base| base.may_reserve().is_ok());
    let keys: Vec<_> = bases.flat_map(Order::unexploded).map(|sku| item_key(merchant, sku)).collect();
    let items = deps.store.load_many::<StoredItem>(&keys).await?;
    Ok(items
        .into_iter()
        .map(|stored| (stored.body.item.sku, stored.body.item.kit))
        .filter(|(_, kit)| !kit.is_empty())
        .collect())
}

fn exploded(base: Order, kits: &BTreeMap<Sku, Vec<Component>>) -> Order {
    if base.may_reserve().is_ok() { base.exploded(kits) } else { base }
}

/// The items whose levels matter to an order: what it needs, and what it claimed.
fn skus_of(stored: &Order, base: &Order) -> Vec<Sku> {
    let needs = needs_of(base).into_iter().flat_map(|need| need.components).map(|component| component.sku);
    let claimed = stored.fulfillment_orders.iter().filter(|f| f.is_active() && !f.take.is_empty());
    let claimed = claimed.flat_map(|fulfillment_order| stored.goods_of(fulfillment_order)).map(|goods| goods.sku);
    needs.chain(claimed).collect()
}

fn needs_of(order: &Order) -> Vec<Need> {
    if order.may_reserve().is_err() {
        return Vec::new();
    }
    let need = |line: &domain::order::OrderLine| {
        let quantity = order.unallocated(line);
        let need = Need::of_item(line.number, line.sku.clone()?, quantity);
        let need = if line.kit.is_empty() { need } else { Need { components: line.kit.clone(), ..need } };
        (quantity > 0).then_some(need)
    };
    order.lines.iter().filter_map(need).collect()
}

/// Reads the levels, and settles what has expired of their takes first.
pub(crate) async fn settled_levels(
    deps: &Deps,
    merchant: &MerchantId,
    skus: &BTreeSet<Sku>,
) -> Result<Levels, Failure> {
    let levels = Levels::load(deps, merchant, skus).await?;
    let now = deps.clock.now();
    let mut settled = false;
    for (level, id, take) in levels.takes().filter(|(_, _, take)| take.is_expired(now)) {
        takes::settle(deps, merchant, level, id, take).await?;
        settled = true;
    }
    if settled { Levels::load(deps, merchant, skus).await } else { Ok(levels) }
}

/// A message that comes again for an order that has claimed is done only when its takes are closed: if the environment that
/// claimed died, this message is who remembers them.
fn own_takes_closed(deps: &Deps, levels: &Levels, order: &Versioned<Order>) -> Result<(), Failure> {
    let own = levels.takes().find(|(_, id, _)| takes::bears(&order.body, id));
    own.map_or(Ok(()), |(_, _, take)| Err(expires_later(deps, take)))
}

fn expires_later(deps: &Deps, take: &Take) -> Failure {
    let left = (take.opened_at + Take::EXPIRES_AFTER).duration_since(deps.clock.now());
    let after = std::time::Duration::try_from(left).unwrap_or_default() + std::time::Duration::from_secs(1);
    Failure::Unavailable { reason: "a take is open still".to_owned(), after: Some(after) }
}

/// Plans one order, and takes what it gets out of the offers.
fn plan(
    deps: &Deps,
    wish: &Wish,
    (index, loaded, base): (usize, Versioned<Order>, Order),
    needs: &[Need],
    offers: &mut [Offer],
    take: &TakeId,
) -> Planned {
    let now = deps.clock.now();
    let wait = Span::new().days(i64::from(base.min_remaining_shelf_life_days));
    let today = now.to_zoned(TimeZone::UTC).date();
    let wanted = Wanted {
        needs,
        rule: base.rule,
        country: base.ship_to_country.as_deref(),
        good_on: today.saturating_add(wait),
    };
    let emptied = wish.emptied();
    let chosen =
        if emptied.is_empty() { allocate(&wanted, offers) } else { allocate(&wanted, &without(offers, &emptied)) };
    let mut shares: BTreeMap<LevelId, u32> = BTreeMap::new();
    for allocation in &chosen {
        for AllocatedGoods { sku, lot, quantity, .. } in &allocation.goods {
            let level = LevelId { sku: sku.clone(), location: allocation.location.clone(), lot: lot.clone() };
            *shares.entry(level).or_default() += quantity;
        }
        for offer in offers.iter_mut() {
            offer.give(allocation);
        }
    }
    let mut missing: BTreeMap<Sku, u32> = BTreeMap::new();
    for need in needs {
        let lines = chosen.iter().flat_map(|allocation| &allocation.lines);
        let got: u32 = lines.filter(|line| line.line == need.line).map(|line| line.quantity).sum();
        for component in need.components.iter().filter(|_| got < need.quantity) {
            *missing.entry(component.sku.clone()).or_default() += (need.quantity - got) * component.quantity;
        }
    }
    let mut decision = base.allocated(chosen, take, now);
    decision.next.waits_for = missing.keys().cloned().collect();
    let shards = deps.store.list_shards();
    let enters = missing
        .into_iter()
        .map(|(sku, units)| WaitingOrder::new(&decision.next, sku, units, loaded.version, shards))
        .collect();
    Planned { wish: index, loaded, decision, shares, enters }
}

fn by_level(planned: &[Planned]) -> BTreeMap<LevelId, Vec<TakenFor>> {
    let mut shares: BTreeMap<LevelId, Vec<TakenFor>> = BTreeMap::new();
    for plan in planned {
        for (level, units) in &plan.shares {
            let share = TakenFor { order: plan.loaded.body.id.clone(), version: plan.loaded.version, units: *units };
            shares.entry(level.clone()).or_default().push(share);
        }
    }
    shares
}

/// What became of a claim.
enum Claim {
    Made(Box<Versioned<Order>>),
    /// The order is another one meanwhile.
    Lost,
    Unknown(Failure),
}

async fn claim<'a>(deps: &Deps, plan: &'a Planned, take: &TakeId) -> (&'a Planned, Claim) {
    let entered: Result<Vec<()>, Failure> =
        futures_util::stream::iter(&plan.enters).then(|entry| deps.store.enter_waiting(entry)).try_collect().await;
    if let Err(failure) = entered {
        // Nothing was claimed: it says so itself by asking for the next round.
        tracing::warn!(order = %plan.loaded.body.id, reason = %failure, "not entered into the queue");
        return (plan, Claim::Lost);
    }
    let outcome = match deps.store.replace(&plan.loaded, plan.decision.clone()).await {
        Ok(Replaced::Yes(order)) => Claim::Made(Box::new(order)),
        // Our own write, sent again since its answer was lost.
        Ok(Replaced::No(stored)) if !plan.shares.is_empty() && takes::bears(&stored.body, take) => Claim::Made(stored),
        Ok(Replaced::No(stored)) => match abandon(deps, plan, &stored).await {
            Ok(()) => Claim::Lost,
            Err(failure) => Claim::Unknown(failure),
        },
        Err(failure) => find_out(deps, plan, take, failure).await,
    };
    (plan, outcome)
}

/// An order that changed meanwhile may not wait any more: then its new entries must go.
async fn abandon(deps: &Deps, plan: &Planned, stored: &Versioned<Order>) -> Result<(), Failure> {
    for entry in plan.enters.iter().filter(|entry| !stored.body.waits_for.contains(&entry.sku)) {
        deps.store.leave_waiting(entry, stored.version).await?;
    }
    Ok(())
}

async fn find_out(deps: &Deps, plan: &Planned, take: &TakeId, failure: Failure) -> Claim {
    let share = TakenFor { order: plan.loaded.body.id.clone(), version: plan.loaded.version, units: 0 };
    let found = async {
        if !takes::has_claimed(deps, take, &share).await? {
            return Ok(None);
        }
        deps.store.load::<Order>(&order_key(&share.order)).await
    };
    match found.await {
        Ok(Some(order)) => Claim::Made(Box::new(order)),
        Ok(None) => Claim::Lost,
        Err(_) => Claim::Unknown(later(failure)),
    }
}

/// A failure whose message is to come again when the takes of this round have expired.
fn later(failure: Failure) -> Failure {
    let after = std::time::Duration::try_from(Take::EXPIRES_AFTER).unwrap_or_default();
    Failure::Unavailable { reason: failure.to_string(), after: Some(after + std::time::Duration::from_secs(1)) }
}

/// Closes every take whose claims are known. Gives the levels of those that are open still, and why.
async fn close(
    deps: &Deps,
    merchant: &MerchantId,
    take: &TakeId,
    opened: &BTreeSet<LevelId>,
    shares: &BTreeMap<LevelId, Vec<TakenFor>>,
    claims: &[(&Planned, Claim)],
) -> Vec<(LevelId, Failure)> {
    let close = |level: &LevelId| {
        let level = level.clone();
        async move {
            let of_level = || claims.iter().filter_map(|(plan, claim)| Some((plan.shares.get(&level)?, claim)));
            if of_level().any(|(_, claim)| matches!(claim, Claim::Unknown(_))) {
                return None;
            }
            let claimed =
                of_level().filter(|(_, claim)| matches!(claim, Claim::Made(_))).map(|(units, _)| *units).sum();
            let units = shares.get(&level).map_or(0, |orders| takes::units(orders));
            let failure = deps.store.close_take(merchant, &level, take, units, claimed).await.err()?;
            Some((level, later(failure)))
        }
    };
    let failed: Vec<Option<(LevelId, Failure)>> =
        futures_util::stream::iter(opened).map(close).buffered(AT_ONCE).collect().await;
    failed.into_iter().flatten().collect()
}

/// Takes the entries of what an order does not wait for any more out of the queues.
async fn leave(deps: &Deps, before: &Order, now: &Versioned<Order>) -> Result<(), Failure> {
    for sku in before.waits_for.iter().filter(|sku| !now.body.waits_for.contains(sku)) {
        let entry = WaitingOrder::new(before, sku.clone(), 0, 0, deps.store.list_shards());
        deps.store.leave_waiting(&entry, now.version).await?;
    }
    Ok(())
}

/// Orders that have just begun to wait look once more: what came before they were in the queue was announced to nobody.
async fn look_again(
    deps: &Deps,
    merchant: &MerchantId,
    waiting: &[(usize, Vec<Sku>)],
    fates: &mut [Option<Fate>],
) -> Result<(), Failure> {
    if waiting.is_empty() {
        return Ok(());
    }
    let skus: BTreeSet<Sku> = waiting.iter().flat_map(|(_, skus)| skus.iter().cloned()).collect();
    let levels = Levels::load(deps, merchant, &skus).await;
    for (wish, skus) in waiting {
        match &levels {
            Ok(levels) if levels.has_any(skus) => fates[*wish] = None,
            Ok(_) => {}
            Err(failure) => fates[*wish] = Some(Err(failure.clone())),
        }
    }
    Ok(())
}
