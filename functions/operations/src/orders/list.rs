//! Orders, newest first.

use super::by_name;
use super::wire::OrderSummary;
use domain::account::Scope;
use domain::order::{FulfilmentState, Order};
use domain::{ChannelId, MerchantId};
use platform::auth::authenticate;
use platform::items::order_key;
use platform::listing::{Page, PageRequest};
use platform::spec::{ForMerchant, PageQuery, Refusals};
use platform::{Deps, Problem, Request, Response, Table, Versioned};
use utoipa::IntoParams;

/// Which orders are listed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query; it is read by `filter`")]
pub(crate) struct OrdersQuery {
    /// A state of the fulfilment axis, or `on_hold`. An order on hold is listed as `on_hold`, not as `backordered` or
    /// `partially_allocated`; by any other state whether it is on hold or not.
    state: Option<String>,
    /// The shop's own id of the order: at most one entry. With `channel` of a connected shop, without it of our own API.
    source_id: Option<String>,
    /// The connected shop, together with `source_id`.
    channel: Option<String>,
}

/// By what orders are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    All,
    OnHold,
    State(FulfilmentState),
}

impl Filter {
    fn of(request: &Request) -> Result<Self, Problem> {
        match request.query.get("state").map(String::as_str) {
            None => Ok(Self::All),
            Some("on_hold") => Ok(Self::OnHold),
            Some(name) => by_name(name).map(Self::State).ok_or_else(|| {
                Problem::invalid("?state", "state takes `on_hold` or a state of the fulfilment axis, like `allocated`")
            }),
        }
    }

    /// The state by which the sparse index lists just these orders; the others are found among all.
    fn waits_as(self) -> Option<&'static str> {
        match self {
            Self::OnHold => Some("on_hold"),
            Self::State(FulfilmentState::Backordered) => Some("backordered"),
            Self::State(FulfilmentState::PartiallyAllocated) => Some("partially_allocated"),
            Self::All | Self::State(_) => None,
        }
    }

    /// Whether the order belongs into the list: an index entry may be older than the order.
    fn keeps(self, order: &Order) -> bool {
        match (self, self.waits_as()) {
            (_, Some(state)) => order.waits_as() == Some(state),
            (Self::State(state), None) => order.fulfilment == state,
            (Self::All | Self::OnHold, None) => true,
        }
    }
}

/// List orders, newest first.
///
/// Only `on_hold`, `backordered` and `partially_allocated` have an index of their own; the last has also orders of which a part has
/// left while the rest waits for stock. By any other state the orders of a page
/// are chosen on read: such a page may be short, or empty, and still have a `next_cursor`.
#[utoipa::path(
    get, path = "/v1/orders", tag = "operations", params(OrdersQuery, PageQuery, ForMerchant),
    responses((status = 200, description = "One page", body = Page<OrderSummary>), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn list_orders(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Merchant, Scope::Floor, Scope::Operations]).await?;
    let merchant = principal.merchant()?;
    let filter = Filter::of(request)?;
    let page = PageRequest::of(request)?;
    if let Some(source_id) = request.query.get("source_id") {
        let found = by_source(deps, request, merchant, source_id).await?;
        let items = found.iter().filter(|order| filter.keeps(&order.body)).map(OrderSummary::from).collect();
        return Response::json(200, &Page { items, next_cursor: None });
    }
    if request.query.contains_key("channel") {
        return Err(Problem::invalid("?channel", "channel goes together with source_id"));
    }
    let keep = |order: &Order| filter.keeps(order);
    let found = match filter.waits_as() {
        Some(state) => {
            deps.store.list(Table::Orders, "waiting", &[merchant.as_str(), state], &page, true, keep).await?
        }
        None => deps.store.list(Table::Orders, "listed", &[merchant.as_str()], &page, true, keep).await?,
    };
    Response::json(200, &found.map(|order| OrderSummary::from(&order)))
}

/// The order's id is derived from the shop's: one read instead of a search.
async fn by_source(
    deps: &Deps,
    request: &Request,
    merchant: &MerchantId,
    source_id: &str,
) -> Result<Option<Versioned<Order>>, Problem> {
    let channel: Option<ChannelId> = request.query("channel")?;
    if channel.as_ref().is_some_and(|channel| channel.merchant() != *merchant) {
        return Ok(None);
    }
    let id = Order::id_for(merchant, channel.as_ref(), source_id);
    Ok(deps.store.load(&order_key(&id)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::name_of;

    #[test]
    fn only_what_waits_for_somebody_has_an_index_of_its_own() {
        let check = |state: Option<&str>, expect: Option<&str>| {
            let mut request = Request::default();
            request.query.extend(state.map(|state| ("state".to_owned(), state.to_owned())));
            assert_eq!(Filter::of(&request).ok().map(Filter::waits_as), Some(expect), "{state:?}");
        };
        check(None, None);
        check(Some("on_hold"), Some("on_hold"));
        check(Some("backordered"), Some("backordered"));
        check(Some("partially_allocated"), Some("partially_allocated"));
        check(Some("allocated"), None);
        check(Some(&name_of(&FulfilmentState::PartiallyCancelled)), None);
    }
}
