//! What goes out. What comes in is `partners::carriers`' business: the carriers' own payloads.

use serde::Serialize;
use utoipa::ToSchema;

/// A webhook that was understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Taken {
    /// How many tracking events of it will be looked at: none when it is about something else.
    pub events: usize,
}
