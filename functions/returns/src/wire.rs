//! What comes in over HTTP. What goes out is [`domain::returns::Return`] itself: it carries no personal data.

use domain::aggregate::Actor;
use domain::incoming::QUANTITY_MAX;
use domain::returns::{
    AskedLine, Disposition, Inspected, LINES_MAX, LineReference, NOTE_CHARS_MAX, ReturnKind, ReturnReason,
    ReturnRequest,
};
use domain::stock::{Condition, LiableParty};
use domain::{CarrierAccountId, LocationId, OrderId, ReturnId, Sku};
use platform::Problem;
use serde::Deserialize;
use utoipa::ToSchema;

/// Longest badge, station, e-mail address or number, characters.
pub const TEXT_CHARS_MAX: usize = 254;

/// A shopper's request. Not `Debug`: it has an e-mail address.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestBody {
    /// The number that the shopper knows, with or without `#`; either this or `order`.
    #[serde(default)]
    #[schema(example = "#1001")]
    pub order_number: Option<String>,
    /// The order's id; either this or `order_number`.
    #[serde(default)]
    pub order: Option<OrderId>,
    /// The e-mail address of the order, in whatever case.
    pub email: String,
    /// `withdrawal`, `warranty` or `policy`; absent: a withdrawal while the law gives one, then the merchant's policy.
    #[serde(default)]
    pub kind: Option<ReturnKind>,
    /// What is sent back.
    pub lines: Vec<RequestLine>,
}

/// One line of a request.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestLine {
    /// The item; either this or `line`.
    #[serde(default)]
    pub sku: Option<Sku>,
    /// The order line's number; either this or `sku`.
    #[serde(default)]
    pub line: Option<u32>,
    /// Units.
    #[schema(minimum = 1)]
    pub quantity: u32,
    /// Why.
    pub reason: ReturnReason,
}

/// A person's yes.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveBody {
    /// Person and station, where it is done by hand.
    #[serde(default)]
    pub actor: Option<Actor>,
}

/// A person's no.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclineBody {
    /// Why, 1 to 200 characters, without personal data.
    pub reason: String,
    /// Person and station, where it is done by hand.
    #[serde(default)]
    pub actor: Option<Actor>,
}

/// Units that came.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArrivalLine {
    /// The item.
    pub sku: Sku,
    /// The lot, where the item is kept by lot; of one that is absent or not known the goods are kept apart and not sold again.
    #[serde(default)]
    pub lot: Option<String>,
    /// Serial number of the one unit, where units are kept by it; one that was not sent is flagged and not sold again.
    #[serde(default)]
    pub serial: Option<String>,
    /// Units.
    #[schema(minimum = 1)]
    pub quantity: u32,
    /// As they look before inspection; absent: `new` in a refused parcel, else `opened`.
    #[serde(default)]
    pub condition: Option<Condition>,
}

/// A count at the dock.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiveBody {
    /// Where.
    pub location: LocationId,
    /// What came.
    pub lines: Vec<ArrivalLine>,
    /// Person and station.
    pub actor: Actor,
}

/// A count at the dock of a parcel, whether it was announced or not.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptBody {
    /// Where.
    pub location: LocationId,
    /// The return, where it is known.
    #[serde(default, rename = "return")]
    pub return_id: Option<ReturnId>,
    /// What is on the parcel's label: a return's own, or that of an outbound parcel that came back.
    #[serde(default)]
    pub tracking_number: Option<String>,
    /// The account of that label; absent: the merchant's default.
    #[serde(default)]
    pub carrier_account: Option<CarrierAccountId>,
    /// What came.
    pub lines: Vec<ArrivalLine>,
    /// Person and station.
    pub actor: Actor,
}

/// What becomes of units.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InspectLine {
    /// The item.
    pub sku: Sku,
    /// Their lot, where several were received; absent: the first of them.
    #[serde(default)]
    pub lot: Option<String>,
    /// Serial number of the one unit; absent: the first of those that came.
    #[serde(default)]
    pub serial: Option<String>,
    /// What becomes of them.
    pub disposition: Disposition,
    /// Units.
    #[schema(minimum = 1)]
    pub quantity: u32,
    /// As they are; absent: `new` from a refused parcel, else `opened`.
    #[serde(default)]
    pub condition: Option<Condition>,
    /// Why, up to 200 characters, without personal data.
    #[serde(default)]
    pub note: Option<String>,
    /// Who pays for a write-off; absent: the carrier for a refused parcel, else the merchant.
    #[serde(default)]
    pub liable: Option<LiableParty>,
}

/// An inspection: exactly what was received is disposed of.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InspectBody {
    /// What becomes of what; an item may have several lines.
    pub lines: Vec<InspectLine>,
    /// Person and station.
    pub actor: Actor,
}

impl RequestBody {
    /// The command.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn command(&self) -> Result<ReturnRequest, Problem> {
        text("/email", "an e-mail address", &self.email, TEXT_CHARS_MAX)?;
        if let Some(number) = &self.order_number {
            text("/order_number", "an order number", number, TEXT_CHARS_MAX)?;
        }
        if matches!(self.kind, Some(ReturnKind::Refused | ReturnKind::Unidentified)) {
            return Err(Problem::invalid("/kind", "ask for withdrawal, warranty or policy"));
        }
        counted(self.lines.len(), 1)?;
        let line = |(index, line): (usize, &RequestLine)| {
            quantity(index, line.quantity)?;
            let of = match (&line.sku, line.line) {
                (Some(sku), None) => LineReference::Sku(sku.clone()),
                (None, Some(number)) => LineReference::Number(number),
                _ => return Err(Problem::invalid(format!("/lines/{index}"), "say either `sku` or `line`")),
            };
            Ok(AskedLine { of, quantity: line.quantity, reason: line.reason })
        };
        let lines = self.lines.iter().enumerate().map(line).collect::<Result<_, _>>()?;
        Ok(ReturnRequest { kind: self.kind, lines })
    }
}

impl ApproveBody {
    /// The person, where one is named.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn actor(&self) -> Result<Option<&Actor>, Problem> {
        self.actor.as_ref().map(actor).transpose()
    }
}

impl DeclineBody {
    /// Reason and person.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn command(&self) -> Result<(&str, Option<&Actor>), Problem> {
        text("/reason", "a reason", &self.reason, NOTE_CHARS_MAX)?;
        Ok((&self.reason, self.actor.as_ref().map(actor).transpose()?))
    }
}

impl ReceiveBody {
    /// What came.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn arrivals(&self) -> Result<&[ArrivalLine], Problem> {
        actor(&self.actor)?;
        arrivals(&self.lines)
    }
}

impl ReceiptBody {
    /// What came.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn arrivals(&self) -> Result<&[ArrivalLine], Problem> {
        actor(&self.actor)?;
        if let Some(number) = &self.tracking_number {
            text("/tracking_number", "a tracking number", number, 64)?;
        }
        arrivals(&self.lines)
    }
}

impl InspectBody {
    /// What becomes of what.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn found(&self) -> Result<Vec<Inspected>, Problem> {
        actor(&self.actor)?;
        // An item may have a line for each disposition.
        counted(self.lines.len(), 3)?;
        let line = |(index, line): (usize, &InspectLine)| {
            quantity(index, line.quantity)?;
            if let Some(note) = &line.note {
                text(&format!("/lines/{index}/note"), "a note", note, NOTE_CHARS_MAX)?;
            }
            if let Some(lot) = &line.lot {
                text(&format!("/lines/{index}/lot"), "a lot", lot, 64)?;
            }
            serial(index, line.serial.as_deref(), line.quantity)?;
            Ok(Inspected {
                sku: line.sku.clone(),
                lot: line.lot.clone(),
                serial: line.serial.clone(),
                disposition: line.disposition,
                quantity: line.quantity,
                condition: line.condition,
                note: line.note.clone(),
                liable: line.liable,
            })
        };
        self.lines.iter().enumerate().map(line).collect()
    }
}

fn arrivals(lines: &[ArrivalLine]) -> Result<&[ArrivalLine], Problem> {
    counted(lines.len(), 1)?;
    for (index, line) in lines.iter().enumerate() {
        quantity(index, line.quantity)?;
        if let Some(lot) = &line.lot {
            text(&format!("/lines/{index}/lot"), "a lot", lot, 64)?;
        }
        serial(index, line.serial.as_deref(), line.quantity)?;
    }
    Ok(lines)
}

fn serial(index: usize, serial: Option<&str>, units: u32) -> Result<(), Problem> {
    let Some(serial) = serial else { return Ok(()) };
    text(&format!("/lines/{index}/serial"), "a serial number", serial, 64)?;
    if units == 1 {
        return Ok(());
    }
    Err(Problem::invalid(format!("/lines/{index}/quantity"), "a serial number is of one unit: send a line for each"))
}

fn counted(lines: usize, per_item: usize) -> Result<(), Problem> {
    let most = LINES_MAX * per_item;
    if (1..=most).contains(&lines) {
        Ok(())
    } else {
        Err(Problem::invalid("/lines", format!("send 1 to {most} lines")))
    }
}

fn quantity(index: usize, quantity: u32) -> Result<(), Problem> {
    if (1..=QUANTITY_MAX).contains(&quantity) {
        Ok(())
    } else {
        Err(Problem::invalid(format!("/lines/{index}/quantity"), format!("a quantity is 1 to {QUANTITY_MAX}")))
    }
}

fn text(pointer: &str, what: &str, text: &str, chars_max: usize) -> Result<(), Problem> {
    if text.trim().is_empty() || text.chars().count() > chars_max || text.chars().any(char::is_control) {
        return Err(Problem::invalid(pointer, format!("{what} has 1 to {chars_max} printable characters")));
    }
    Ok(())
}

fn actor(actor: &Actor) -> Result<&Actor, Problem> {
    text("/actor/person", "a badge", &actor.person, 64)?;
    text("/actor/station", "a station", &actor.station, 64)?;
    Ok(actor)
}
