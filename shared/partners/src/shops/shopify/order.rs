//! Shopify's order resource → [`IncomingOrder`].

use crate::json::{Field, FieldError, FieldProblem, parse};
use crate::shops::own::quantity;
use domain::address::{Address, Person};
use domain::ids::Sku;
use domain::incoming::{IncomingLine, IncomingOrder, LINES_MAX, QUANTITY_MAX};
use domain::money::{Currency, Money};

/// Longest text kept of a title, name or address line; a shop may hold longer ones, which are cut, since a refused
/// webhook loses the order.
const TEXT_MAX: usize = 255;
/// Longest note kept, in characters.
const NOTE_MAX: usize = 2000;
/// Largest id: Shopify's are 64-bit integers.
const ID_MAX: u64 = i64::MAX as u64;

/// Reads the body of `orders/create`.
///
/// Amounts are in the shop's currency, except what a courier collects, which is in the currency that the shopper saw.
/// Units already taken out of the order (`current_quantity`) are left out.
pub(super) fn parse_order(body: &[u8]) -> Result<IncomingOrder, FieldError> {
    let value = parse(body)?;
    let root = Field::root(&value);
    root.object()?;
    let id = root.get("id").at_least_one(ID_MAX)?.to_string();
    if root.get("cancelled_at").present().is_some() {
        return Err(root.get("cancelled_at").error(FieldProblem::Cancelled));
    }
    let currency = root.get("currency").currency()?;
    let total = root.get("total_price").decimal(currency)?;
    let paid = matches!(status(&root)?, "paid" | "partially_refunded");
    let cash_on_delivery = if !paid && has_cash_on_delivery(&root)? { to_collect(&root, total)? } else { None };
    Ok(IncomingOrder {
        number: match cut(&root.get("name"), TEXT_MAX)? {
            Some(name) => name,
            None => format!("#{id}"),
        },
        source_id: id,
        placed_at: root.get("created_at").instant()?,
        currency,
        total,
        payment_settled: paid || cash_on_delivery.is_some(),
        cash_on_delivery,
        lines: lines(&root, currency)?,
        ship_to: ship_to(&root)?,
        delivery_method: delivery_method(&root)?,
        note: cut(&root.get("note"), NOTE_MAX)?,
        priority: 0,
    })
}

fn status<'a>(root: &Field<'a>) -> Result<&'a str, FieldError> {
    root.get("financial_status").present().map_or(Ok(""), |field| field.text())
}

/// A gateway is just a name, given by the merchant or by Shopify in the shop's language.
fn has_cash_on_delivery(root: &Field<'_>) -> Result<bool, FieldError> {
    let Some(names) = root.get("payment_gateway_names").present() else {
        return Ok(false);
    };
    for name in names.items()? {
        let name = name.text()?.to_lowercase();
        let word = name.split(|c: char| !c.is_alphanumeric()).any(|word| word == "cod");
        if word || ["cash on delivery", "cash_on_delivery", "наложен платеж"].iter().any(|known| name.contains(known))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is still to be paid, in the currency that the shopper saw; `None` if nothing is.
fn to_collect(root: &Field<'_>, total: Money) -> Result<Option<Money>, FieldError> {
    let outstanding = match root.get("total_outstanding").present() {
        Some(field) => field.decimal(total.currency)?,
        None => total,
    };
    if outstanding.amount_minor == 0 {
        return Ok(None);
    }
    let presented = root.get("total_price_set").get("presentment_money");
    let shown = match presented.clone().present() {
        Some(field) => field.get("currency_code").currency()?,
        None => total.currency,
    };
    if shown == total.currency || outstanding != total {
        // Shopify states a partly paid rest in the shop's currency only.
        return Ok(Some(outstanding));
    }
    presented.get("amount").decimal(shown).map(Some)
}

fn lines(root: &Field<'_>, currency: Currency) -> Result<Vec<IncomingLine>, FieldError> {
    let field = root.get("line_items");
    let mut lines = Vec::new();
    for item in field.items()? {
        let source_line_id = item.get("id").at_least_one(ID_MAX)?.to_string();
        let ordered = quantity(&item.get("quantity"))?;
        let price = item.get("price").decimal(currency)?;
        let discount = discounts(&item, currency)?;
        let current = match item.get("current_quantity").present() {
            Some(field) => u32::try_from(field.count(u64::from(QUANTITY_MAX))?).unwrap_or(ordered).min(ordered),
            None => ordered,
        };
        let ships = item.get("requires_shipping").present().map_or(Ok(true), |field| field.bool())?;
        if !ships || current == 0 {
            continue;
        }
        let gross = price.amount_minor.checked_mul(i64::from(ordered));
        let net = gross.and_then(|gross| gross.checked_sub(discount)).filter(|net| *net >= 0);
        let net = net.ok_or_else(|| item.get("discount_allocations").error(FieldProblem::Negative))?;
        let (sku, title) = item_of(&item)?;
        lines.push(IncomingLine {
            source_line_id,
            sku,
            title,
            quantity: current,
            unit_price_minor: net / i64::from(ordered),
        });
    }
    if lines.is_empty() {
        return Err(field.error(FieldProblem::NothingToShip));
    }
    if lines.len() > LINES_MAX {
        return Err(field.error(FieldProblem::TooMany { max: LINES_MAX }));
    }
    Ok(lines)
}

fn discounts(item: &Field<'_>, currency: Currency) -> Result<i64, FieldError> {
    let field = item.get("discount_allocations");
    let Some(present) = field.clone().present() else {
        return Ok(0);
    };
    let mut sum = 0_i64;
    for allocation in present.items()? {
        let amount = allocation.get("amount").decimal(currency)?.amount_minor;
        sum = sum.checked_add(amount).ok_or_else(|| field.error(FieldProblem::TooLarge { max: ID_MAX }))?;
    }
    Ok(sum)
}

/// SKU and title. A SKU that cannot be one of ours is kept in the title, so that whoever releases the hold sees it.
fn item_of(item: &Field<'_>) -> Result<(Option<Sku>, String), FieldError> {
    let name = cut(&item.get("name"), TEXT_MAX)?;
    let title = match name {
        Some(name) => name,
        None => cut(&item.get("title"), TEXT_MAX)?.unwrap_or_default(),
    };
    let raw = item.get("sku").present().map_or(Ok(""), |field| field.text())?.trim();
    match Sku::parse(raw) {
        Ok(sku) => Ok((Some(sku), title)),
        Err(_) if raw.is_empty() => Ok((None, title)),
        Err(_) => Ok((None, shorten(&format!("{title} (SKU {raw})"), TEXT_MAX))),
    }
}

fn ship_to(root: &Field<'_>) -> Result<Option<Person>, FieldError> {
    let Some(address) = root.get("shipping_address").present() else {
        return Ok(None);
    };
    address.object()?;
    let customer = root.get("customer");
    let text = |field: Field<'_>| cut(&field, TEXT_MAX);
    let name = match text(address.get("name"))? {
        Some(name) => name,
        None => [text(address.get("first_name"))?, text(address.get("last_name"))?]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "),
    };
    let phone = first([address.get("phone"), root.get("phone"), customer.get("phone")])?;
    Ok(Some(Person {
        name,
        company: text(address.get("company"))?,
        email: first([root.get("email"), root.get("contact_email"), customer.get("email")])?,
        phone: phone.map(|phone| normal_phone(&phone)),
        address: Address {
            line1: text(address.get("address1"))?.unwrap_or_default(),
            line2: text(address.get("address2"))?,
            city: text(address.get("city"))?.unwrap_or_default(),
            region: text(address.get("province"))?,
            postal_code: text(address.get("zip"))?,
            country: text(address.get("country_code"))?.unwrap_or_default().to_ascii_uppercase(),
        },
    }))
}

/// Without the separators that people type, and with `+` for `00`; a national number stays as it is.
fn normal_phone(text: &str) -> String {
    let dialled: String = text.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '-' | '(' | ')' | '.' | '/')).collect();
    match dialled.strip_prefix("00") {
        Some(rest) => format!("+{rest}"),
        None => dialled,
    }
}

fn delivery_method(root: &Field<'_>) -> Result<Option<String>, FieldError> {
    let Some(lines) = root.get("shipping_lines").present() else {
        return Ok(None);
    };
    for line in lines.items()? {
        let removed = line.get("is_removed").present().map_or(Ok(false), |field| field.bool())?;
        if !removed {
            return cut(&line.get("title"), TEXT_MAX);
        }
    }
    Ok(None)
}

fn first<const N: usize>(fields: [Field<'_>; N]) -> Result<Option<String>, FieldError> {
    for field in fields {
        if let Some(text) = cut(&field, TEXT_MAX)? {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// The text without space at its ends, cut to `max` characters; `None` if absent or blank.
fn cut(field: &Field<'_>, max: usize) -> Result<Option<String>, FieldError> {
    let text = field.clone().present().map_or(Ok(""), |field| field.text())?.trim();
    Ok((!text.is_empty()).then(|| shorten(text, max)))
}

fn shorten(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
