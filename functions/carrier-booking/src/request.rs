//! The carrier's request, gathered before the intent is stored: nothing but the call comes between intent and answer.

use crate::account::{self, OpenAccount};
use domain::account::Location;
use domain::address::Person;
use domain::money::Money;
use domain::order::Order;
use domain::shipment::{Leg, ShipmentPlan, ShippedLine};
use partners::carriers::{self, Book, BookingRequest};
use partners::http::Request;
use platform::items::{PersonRecord, StoredLocation, location_key, order_key, person_key};
use platform::{Deps, Failure};

/// Longest description of the contents, characters.
const CONTENTS_CHARS_MAX: usize = 100;

/// A purchase, ready to be sent.
pub(crate) struct Prepared {
    pub(crate) account: OpenAccount,
    pub(crate) book: &'static dyn Book,
    pub(crate) request: Request,
}

/// What the gathering came to.
pub(crate) enum Preparation {
    /// It can be sent.
    Ready(Prepared),
    /// A person must do something first; no personal data.
    Blocked(String),
    /// The order is being cancelled: a void follows.
    Cancelled,
}

/// Gathers all that a purchase by `plan` needs.
pub(crate) async fn prepare(deps: &Deps, plan: &ShipmentPlan) -> Result<Preparation, Failure> {
    let blocked = |reason: &str| Ok(Preparation::Blocked(reason.to_owned()));
    let Some(account) = &plan.carrier_account else {
        return blocked("the merchant has no default carrier account: add one, then book again");
    };
    let account = account::open(deps, account).await?;
    let Some(book) = account.carrier.book else {
        return blocked("this carrier sells no labels: choose another carrier account, then book again");
    };
    if plan.leg != Leg::Outbound && !account.carrier.returns {
        return blocked("this carrier sells no labels for returns: choose another carrier account, then book again");
    }
    if plan.cash_on_delivery_minor.is_some() && !account.carrier.cash_on_delivery {
        return blocked("this carrier collects no cash: choose another carrier account, then book again");
    }
    let order = deps.store.require::<Order>(&order_key(&plan.order), &plan.order).await?.body;
    if plan.leg == Leg::Outbound
        && let Err(rejected) = order.may_move()
    {
        return match rejected.code {
            "order-on-hold" => blocked(&format!("{rejected}; then book again")),
            _ => Ok(Preparation::Cancelled),
        };
    }
    let key = person_key(&order.id, &order.content);
    let person = deps.store.load::<PersonRecord>(&key).await?.and_then(|stored| stored.body.person);
    let Some(shopper) = person.filter(|person| person.address.missing().is_none()) else {
        return blocked("the order has no complete address: correct it, then book again");
    };
    let location = location_key(&plan.id.merchant(), &plan.location);
    let location = deps.store.require::<StoredLocation>(&location, &plan.location).await?.body.location;
    let (merchant, _) = account::default_of(deps, &plan.id.merchant()).await?;
    let warehouse = warehouse(&merchant.name, location);
    let (leg, sender, recipient) = match plan.leg {
        Leg::Outbound => (carriers::Leg::Outbound, warehouse, shopper),
        Leg::Return(_) => (carriers::Leg::Return, shopper, warehouse),
    };
    let booking = BookingRequest {
        reference: plan.id.clone(),
        leg,
        service: plan.service.clone(),
        sender,
        recipient,
        parcel: carriers::Parcel {
            weight_grams: plan.parcel.weight_grams,
            length_mm: plan.parcel.length_mm,
            width_mm: plan.parcel.width_mm,
            height_mm: plan.parcel.height_mm,
        },
        cash_on_delivery: plan.cash_on_delivery_minor.map(|minor| Money::new(minor, order.currency)),
        contents: in_words(&plan.contents),
    };
    let request = book.build_booking(&account.account, &booking);
    Ok(Preparation::Ready(Prepared { account, book, request }))
}

fn warehouse(merchant: &str, location: Location) -> Person {
    Person { name: merchant.to_owned(), company: None, email: None, phone: location.phone, address: location.address }
}

fn in_words(contents: &[ShippedLine]) -> String {
    let lines: Vec<String> = contents.iter().map(|line| format!("{} × {}", line.quantity, line.sku)).collect();
    lines.join(", ").chars().take(CONTENTS_CHARS_MAX).collect()
}
