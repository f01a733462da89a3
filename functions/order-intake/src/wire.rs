//! What goes out. What comes in is `partners::shops`' business: the platforms' own payloads, and our order document.

use domain::order::Order;
use domain::{OrderId, PrivacyRequestId};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// An order that is durable here.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Accepted {
    /// Its id.
    pub id: OrderId,
    /// The number that people use.
    pub number: String,
    /// When it became durable, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<&Order> for Accepted {
    fn from(order: &Order) -> Self {
        Self { id: order.id.clone(), number: order.number.clone(), created_at: order.created_at }
    }
}

/// A webhook that was understood and asks for nothing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Ignored {
    /// Why nothing follows.
    pub ignored: String,
}

/// Requests about personal data that wait for the merchant's decision.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PrivacyRequests {
    /// Their ids: `GET /v1/privacy-requests/{privacy_request}`.
    pub privacy_requests: Vec<PrivacyRequestId>,
}

/// What a webhook that brings no order is answered.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ShopAnswer {
    /// Nothing follows.
    Ignored(Ignored),
    /// The merchant decides.
    PrivacyRequests(PrivacyRequests),
}
