//! Correcting whom the parcels go to, before a label is bought.

use super::edit::{EDITORS, answer, change_order};
use super::order_of;
use super::wire::{OrderSummary, RecipientRequest};
use domain::Rejected;
use domain::address::Person;
use domain::order::Order;
use domain::shipment::{Shipment, ShipmentState};
use platform::items::{PersonRecord, person_key, shipment_key};
use platform::spec::{ForMerchant, Idempotent, IfMatch, Refusals};
use platform::{Deps, Failure, Key, Problem, Request, Response, Step};

/// Longest field of a person or an address, bytes.
const FIELD_BYTES_MAX: usize = 200;

/// Correct the recipient.
///
/// Only while the order is on hold, so that no label is bought for the old address meanwhile, and only before a label is bought.
/// What the shop sent stays on record.
#[utoipa::path(
    put, path = "/v1/orders/{order}/recipient", tag = "operations",
    params(("order" = String, Path, description = "The order's id"), Idempotent, IfMatch, ForMerchant),
    request_body = RecipientRequest,
    responses(
        (status = 200, description = "Corrected; its version in `ETag`", body = OrderSummary),
        (status = 409, description = "`order-not-on-hold`, `label-purchased`, `order-handed-over`, `order-cancelled`, `personal-data-erased`", body = platform::Problem, content_type = "application/problem+json"),
        (status = 412, description = "Changed since the version in If-Match", body = platform::Problem, content_type = "application/problem+json"),
        (status = 422, description = "The Idempotency-Key was used with another body", body = platform::Problem, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn correct_recipient(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = order_of(deps, request, &EDITORS).await?;
    let person = Person::from(request.json::<RecipientRequest>()?);
    check(&person)?;
    let now = deps.clock.now();
    let changed = change_order(deps, request, &id, async |loaded, operation| {
        let order = &loaded.body;
        if order.is_erased() {
            return Err(domain::privacy::gone().into());
        }
        let decision = order.recipient_corrected(&person.address.country, now)?;
        no_label(deps, order).await?;
        let stored = deps.store.load::<PersonRecord>(&person_key(&order.id, &order.content)).await?;
        let mut record = stored.map(|stored| stored.body).unwrap_or_else(|| PersonRecord {
            order: order.id.clone(),
            content: order.content.clone(),
            person: None,
            note: None,
            raw: Vec::new(),
        });
        record.person = Some(person.clone());
        let also = vec![deps.store.put_of(&record, operation)?];
        Ok(Step { decision, also })
    });
    answer(200, &changed.await?)
}

/// Refuses fields that no parcel can be sent by. The values are personal: the problem names the field alone.
fn check(person: &Person) -> Result<(), Problem> {
    if person.name.trim().is_empty() {
        return Err(Problem::invalid("/name", "send the recipient's name"));
    }
    if let Some(field) = person.address.missing() {
        let detail = match field {
            "country" => "send the country as ISO 3166-1 alpha-2, in capitals",
            _ => "this part of the address is missing",
        };
        return Err(Problem::invalid(format!("/address/{field}"), detail));
    }
    let address = &person.address;
    let fields = [
        ("/name", Some(&person.name)),
        ("/company", person.company.as_ref()),
        ("/email", person.email.as_ref()),
        ("/phone", person.phone.as_ref()),
        ("/address/line1", Some(&address.line1)),
        ("/address/line2", address.line2.as_ref()),
        ("/address/city", Some(&address.city)),
        ("/address/region", address.region.as_ref()),
        ("/address/postal_code", address.postal_code.as_ref()),
    ];
    match fields.into_iter().find(|(_, text)| text.is_some_and(|text| text.len() > FIELD_BYTES_MAX)) {
        None => Ok(()),
        Some((pointer, _)) => Err(Problem::invalid(pointer, format!("this has at most {FIELD_BYTES_MAX} bytes"))),
    }
}

/// Refuses an order of which a label was bought, or may be being bought.
async fn no_label(deps: &Deps, order: &Order) -> Result<(), Failure> {
    let active = order.fulfillment_orders.iter().filter(|f| f.is_active());
    let keys: Vec<Key> = active.map(|f| shipment_key(&order.shipment(f.number))).collect();
    let shipments = deps.store.load_many::<Shipment>(&keys).await?;
    let bought = |state: ShipmentState| match state {
        ShipmentState::BookingIntent
        | ShipmentState::BookingUnknown
        | ShipmentState::LabelPurchased
        | ShipmentState::HandedOver
        | ShipmentState::VoidRequested => true,
        ShipmentState::BookingRefused | ShipmentState::Voided => false,
    };
    match shipments.iter().find(|shipment| bought(shipment.body.state)) {
        None => Ok(()),
        Some(shipment) => Err(Rejected::new(
            "label-purchased",
            format!(
                "a label of {} is bought or being bought for the old address: cancel the order and have it sent anew",
                shipment.body.id
            ),
        )
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::address::Address;

    fn person() -> Person {
        let address = Address {
            line1: "бул. Витоша 1".to_owned(),
            city: "София".to_owned(),
            country: "BG".to_owned(),
            ..Address::default()
        };
        Person { name: "Мария Иванова".to_owned(), address, ..Person::default() }
    }

    fn pointer_of(change: impl FnOnce(&mut Person)) -> Option<String> {
        let mut person = person();
        change(&mut person);
        check(&person).err().and_then(|problem| problem.pointer)
    }

    #[test]
    fn a_field_that_no_parcel_can_be_sent_by_is_named() {
        assert_eq!(pointer_of(|_| {}), None);
        assert_eq!(pointer_of(|person| person.name = " ".to_owned()).as_deref(), Some("/name"));
        assert_eq!(pointer_of(|person| person.address.line1.clear()).as_deref(), Some("/address/line1"));
        assert_eq!(pointer_of(|person| person.address.city.clear()).as_deref(), Some("/address/city"));
        assert_eq!(pointer_of(|person| person.address.country = "bg".to_owned()).as_deref(), Some("/address/country"));
        assert_eq!(pointer_of(|person| person.email = Some("x".repeat(201))).as_deref(), Some("/email"));
    }
}
