//! What an environment of a function works with: its declared variables, the run's clock, sleep and ids.

use std::rc::Rc;
use std::sync::Arc;

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep};
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnector, SharedHttpClient, SharedHttpConnector};
use platform::deps::Seams;
use platform::{Deps, Settings};
use serde_json::Value;
use testkit::connector::ENDPOINT;

use super::clock::{SeededIds, VirtualClock};
use super::previous::environment::OldEnvironment;
use super::previous::{PreviousError, Version};
use super::{SimulationError, functions};
use crate::host::names::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use crate::template::model::Function;

/// What an environment runs.
#[derive(Clone)]
pub(crate) enum Code {
    /// This program's functions.
    New(Rc<Deps>),
    /// Those of the previous program.
    Old(Rc<OldEnvironment>),
}

impl Code {
    pub(crate) fn version(&self) -> Version {
        match self {
            Self::New(_) => Version::New,
            Self::Old(_) => Version::Old,
        }
    }

    /// Handles one raw event; gives what the invocation ends with.
    ///
    /// # Errors
    /// [`PreviousError`], when the previous program does not do its part.
    pub(crate) async fn invoke(&self, function: &str, event: Value) -> Result<Result<Value, String>, PreviousError> {
        match self {
            Self::New(deps) => {
                let answer = functions::invoke(function, Rc::clone(deps), event).await;
                Ok(answer.map_err(|error| error.to_string()))
            }
            Self::Old(environment) => environment.invoke(event).await,
        }
    }
}

/// The dependencies of an environment of `function` whose every call goes through `connector`.
///
/// # Errors
/// [`SimulationError::Setup`] when the template gives the function a variable that it cannot use.
pub(crate) fn deps(
    function: &Function,
    connector: impl HttpClient + HttpConnector + Clone + 'static,
    clock: &VirtualClock,
    sleep: impl AsyncSleep + 'static,
    ids: &Arc<SeededIds>,
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
        time_source: SharedTimeSource::new(clock.clone()),
        sleep: SharedAsyncSleep::new(sleep),
        clock: Arc::new(clock.clone()),
        ids: ids.clone(),
    };
    Deps::new(settings, seams).map_err(|failure| SimulationError::Setup(failure.to_string()))
}
