//! People on the floor.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who did it, and where: named by every scan and every manual step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Actor {
    /// Badge of the person.
    #[schema(example = "badge-17")]
    pub person: String,
    /// Station or device.
    #[schema(example = "PACK-2")]
    pub station: String,
}
