//! Every route of the API in exactly one class: who may use it. A route that is not here fails the tests.

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Anybody.
    Open,
    /// A shop, by the signature of its channel.
    ShopWebhook,
    /// A carrier, by the signature of its account.
    CarrierWebhook,
    /// Keys of these scopes, and administrators.
    Key(&'static [&'static str]),
    /// Administrators, who may act for one merchant.
    Administrator,
    /// Administrators, for the whole deployment.
    Platform,
}

impl Class {
    /// The scopes of merchants' keys that may use it; `None` where no key is asked for.
    pub(super) fn scopes(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Open | Self::ShopWebhook | Self::CarrierWebhook => None,
            Self::Key(scopes) => Some(scopes),
            Self::Administrator | Self::Platform => Some(&[]),
        }
    }
}

/// Who may read what a merchant has.
const READERS: Class = Class::Key(&["merchant", "floor", "operations"]);
/// Who may change orders, and enter what shoppers ask for.
const EDITORS: Class = Class::Key(&["merchant", "operations"]);
/// Who works with goods.
const FLOOR: Class = Class::Key(&["floor", "operations"]);
/// Who runs the warehouse.
const OPERATIONS: Class = Class::Key(&["operations"]);

/// Every route.
#[rustfmt::skip]
pub(super) const ROUTES: &[(&str, Class)] = &[
    ("GET /v1/activity-facts", Class::Key(&["merchant", "operations"])),
    ("POST /v1/adjustments", OPERATIONS),
    ("GET /v1/api-keys", Class::Platform),
    ("POST /v1/api-keys", Class::Platform),
    ("DELETE /v1/api-keys/{key}", Class::Platform),
    ("GET /v1/carrier-accounts", Class::Administrator),
    ("POST /v1/carrier-accounts", Class::Administrator),
    ("GET /v1/carrier-accounts/{carrier_account}", Class::Administrator),
    ("GET /v1/channels", Class::Key(&["merchant"])),
    ("POST /v1/channels", Class::Administrator),
    ("GET /v1/channels/{channel}", Class::Key(&["merchant"])),
    ("PUT /v1/channels/{channel}", Class::Administrator),
    ("POST /v1/close-outs", FLOOR),
    ("GET /v1/count-tasks", FLOOR),
    ("POST /v1/count-tasks", FLOOR),
    ("GET /v1/count-tasks/{count}", FLOOR),
    ("POST /v1/count-tasks/{count}/cancel", OPERATIONS),
    ("POST /v1/count-tasks/{count}/count", FLOOR),
    ("POST /v1/count-tasks/{count}/review", OPERATIONS),
    ("POST /v1/count-tasks/{count}/start", FLOOR),
    ("GET /v1/dead-letters", OPERATIONS),
    ("POST /v1/dead-letters/discard", OPERATIONS),
    ("POST /v1/dead-letters/redrive", OPERATIONS),
    ("GET /v1/health", Class::Open),
    ("GET /v1/items", READERS),
    ("POST /v1/items", OPERATIONS),
    ("POST /v1/items/import", OPERATIONS),
    ("GET /v1/items/{sku}", READERS),
    ("GET /v1/locations", READERS),
    ("POST /v1/locations", OPERATIONS),
    ("PUT /v1/locations/{location}", OPERATIONS),
    ("GET /v1/merchants", Class::Platform),
    ("POST /v1/merchants", Class::Platform),
    ("GET /v1/merchants/{merchant}", Class::Administrator),
    ("PUT /v1/merchants/{merchant}", Class::Administrator),
    ("GET /v1/movements", READERS),
    ("POST /v1/moves", FLOOR),
    ("GET /v1/openapi.json", Class::Open),
    ("GET /v1/orders", READERS),
    ("POST /v1/orders", EDITORS),
    ("GET /v1/orders/{order}", READERS),
    ("PATCH /v1/orders/{order}", EDITORS),
    ("POST /v1/orders/{order}/cancel", EDITORS),
    ("POST /v1/orders/{order}/extend-reservation", EDITORS),
    ("POST /v1/orders/{order}/holds", EDITORS),
    ("DELETE /v1/orders/{order}/holds/{reason}", EDITORS),
    ("PUT /v1/orders/{order}/recipient", EDITORS),
    ("GET /v1/pick-tasks", FLOOR),
    ("GET /v1/pick-tasks/{task}", FLOOR),
    ("POST /v1/pick-tasks/{task}/claim", FLOOR),
    ("POST /v1/pick-tasks/{task}/pack", FLOOR),
    ("GET /v1/pick-tasks/{task}/packing-slip", READERS),
    ("POST /v1/pick-tasks/{task}/put-back", FLOOR),
    ("POST /v1/pick-tasks/{task}/scans", FLOOR),
    ("POST /v1/pick-tasks/{task}/short-picks", FLOOR),
    ("GET /v1/privacy-requests", EDITORS),
    ("POST /v1/privacy-requests", EDITORS),
    ("GET /v1/privacy-requests/{privacy_request}", EDITORS),
    ("POST /v1/privacy-requests/{privacy_request}/confirm", Class::Key(&["merchant"])),
    ("POST /v1/privacy-requests/{privacy_request}/decline", Class::Key(&["merchant"])),
    ("GET /v1/privacy-requests/{privacy_request}/export", Class::Key(&["merchant"])),
    ("POST /v1/recalls", OPERATIONS),
    ("GET /v1/recalls/{recall}", READERS),
    ("POST /v1/receipts", FLOOR),
    ("GET /v1/replenishment", READERS),
    ("GET /v1/replenishment/alerts", READERS),
    ("POST /v1/return-receipts", FLOOR),
    ("GET /v1/returns", READERS),
    ("POST /v1/returns", EDITORS),
    ("GET /v1/returns/{return}", READERS),
    ("POST /v1/returns/{return}/approve", OPERATIONS),
    ("POST /v1/returns/{return}/decline", OPERATIONS),
    ("POST /v1/returns/{return}/inspect", FLOOR),
    ("POST /v1/returns/{return}/receive", FLOOR),
    ("POST /v1/sealed-secrets/reseal", Class::Platform),
    ("GET /v1/sellable-stock", READERS),
    ("GET /v1/sellable-stock/{sku}", READERS),
    ("GET /v1/shipments/{shipment}", READERS),
    ("GET /v1/shipments/{shipment}/label", READERS),
    ("POST /v1/shipments/{shipment}/retry-booking", FLOOR),
    ("GET /v1/stock-audits", Class::Key(&["merchant", "operations"])),
    ("POST /v1/stock-audits", OPERATIONS),
    ("GET /v1/stock-audits/{audit}", Class::Key(&["merchant", "operations"])),
    ("POST /v1/stock-audits/{audit}/repair", OPERATIONS),
    ("GET /v1/stock-levels", READERS),
    ("GET /v1/stock-levels/{sku}", READERS),
    ("GET /v1/version", Class::Open),
    ("POST /webhooks/carriers/{carrier_account}", Class::CarrierWebhook),
    ("POST /webhooks/shops/{channel}", Class::ShopWebhook),
];
