//! What `template.yaml` says, read once: tables, queues, event sources and time-outs are its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use crate::host::Routes;
use crate::template::{self, Grant, Overrides, Stack};

use super::SimulationError;

/// Key of the administrator in every run.
pub(crate) const ADMINISTRATOR_KEY: &str = "sklad_platform_simulation-administrator";
/// Seals partners' credentials in every run.
const SECRETS_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The stack that every run of this process simulates.
pub(crate) struct Declared {
    pub(crate) stack: Stack,
    pub(crate) routes: Routes,
    /// What each function may do.
    pub(crate) grants: BTreeMap<String, Vec<Grant>>,
}

static DECLARED: OnceLock<Declared> = OnceLock::new();

/// Parameters of every run.
pub(crate) fn parameters() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("Stage".to_owned(), "simulation".to_owned()),
        ("SecretsKey".to_owned(), SECRETS_KEY.to_owned()),
        ("AdministratorKeyHash".to_owned(), platform::auth::hash(ADMINISTRATOR_KEY)),
        // Two: enough to find what one shard would hide, and each sweep reads them all.
        ("ListShards".to_owned(), "2".to_owned()),
        // Batches of a sale: takes of some orders stand in the level, of more in an item of their own.
        ("ReservationBatchSize".to_owned(), "40".to_owned()),
        ("ReservationBatchingWindowSeconds".to_owned(), "1".to_owned()),
    ])
}

/// Reads the template, the first time that it is called.
///
/// # Errors
/// [`SimulationError::Template`] and [`SimulationError::Routes`].
pub(crate) fn declared(template: &Path) -> Result<&'static Declared, SimulationError> {
    if let Some(known) = DECLARED.get() {
        return Ok(known);
    }
    let overrides = Overrides { parameters: parameters(), ..Overrides::default() };
    let template::Declared { stack, grants, .. } = template::load_all(template, &overrides)?;
    let routes = Routes::of(&stack)?;
    Ok(DECLARED.get_or_init(|| Declared { stack, routes, grants }))
}
