//! What an environment of a function works with: its declared variables, the run's clock, sleep and ids.

use std::sync::Arc;

use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector};
use platform::deps::Seams;
use platform::{Deps, Settings};
use testkit::connector::{ENDPOINT, EngineConnector};

use super::SimulationError;
use super::clock::SeededIds;
use super::core::Core;
use crate::host::names::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use crate::template::model::Function;

/// The dependencies of an environment of `function` whose every call goes through `connector`.
///
/// # Errors
/// [`SimulationError::Setup`] when the template gives the function a variable that it cannot use.
pub(crate) fn deps(
    core: &Core,
    ids: &Arc<SeededIds>,
    function: &Function,
    connector: EngineConnector,
) -> Result<Deps, SimulationError> {
    let mut variables = function.environment.clone();
    for (key, value) in [
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
        ("AWS_ENDPOINT_URL", ENDPOINT),
    ] {
        variables.insert(key.to_owned(), value.to_owned());
    }
    let settings: Settings = variables.into_iter().collect();
    let seams = Seams {
        http_client: SharedHttpClient::new(connector.clone()),
        partners: SharedHttpConnector::new(connector),
        time_source: SharedTimeSource::new(core.clock.clone()),
        sleep: SharedAsyncSleep::new(core.agenda.clone()),
        clock: Arc::new(core.clock.clone()),
        ids: ids.clone(),
    };
    Deps::new(settings, seams).map_err(|failure| SimulationError::Setup(failure.to_string()))
}
