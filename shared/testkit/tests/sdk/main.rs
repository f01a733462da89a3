//! The official SDK's clients over the engine: what they send is understood, what they get they can parse.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod adversity;
mod dynamodb;
mod faults;
mod gate;
mod s3;
mod sqs;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::TimeSource;
use engine::Engine;
use engine::clock::{Clock, ManualClock};
use testkit::connector::{ENDPOINT, EngineConnector};

pub(crate) const NOW_MS: u64 = 1_770_000_000_000;

pub(crate) struct Stack {
    pub(crate) clock: ManualClock,
    pub(crate) engine: Engine,
    pub(crate) connector: EngineConnector,
}

impl Stack {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::new(NOW_MS);
        let engine = Engine::memory(Arc::new(clock.clone()), 7).unwrap();
        Self::over(clock, engine)
    }

    pub(crate) fn over(clock: ManualClock, engine: Engine) -> Self {
        let connector = EngineConnector::new(engine.clone());
        Self { clock, engine, connector }
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Region};
        aws_sdk_dynamodb::Client::from_conf(
            Builder::new()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .region(Region::new("eu-central-1"))
                .endpoint_url(ENDPOINT)
                .credentials_provider(credentials())
                .http_client(self.connector.clone())
                .time_source(ClockTime(self.clock.clone()))
                .sleep_impl(NoSleep)
                .build(),
        )
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        use aws_sdk_sqs::config::{BehaviorVersion, Builder, Region};
        aws_sdk_sqs::Client::from_conf(
            Builder::new()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .region(Region::new("eu-central-1"))
                .endpoint_url(ENDPOINT)
                .credentials_provider(credentials())
                .http_client(self.connector.clone())
                .time_source(ClockTime(self.clock.clone()))
                .sleep_impl(NoSleep)
                .build(),
        )
    }

    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        use aws_sdk_s3::config::{BehaviorVersion, Builder, Region};
        aws_sdk_s3::Client::from_conf(
            Builder::new()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .region(Region::new("eu-central-1"))
                .endpoint_url(ENDPOINT)
                .force_path_style(true)
                .credentials_provider(credentials())
                .http_client(self.connector.clone())
                .time_source(ClockTime(self.clock.clone()))
                .sleep_impl(NoSleep)
                .build(),
        )
    }
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new("local", "local-secret", None, None, "tests")
}

#[derive(Debug)]
struct ClockTime(ManualClock);

impl TimeSource for ClockTime {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0.now_ms())
    }
}

/// Retries need no waiting where the clock stands still.
#[derive(Debug, Clone)]
struct NoSleep;

impl AsyncSleep for NoSleep {
    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(std::future::ready(()))
    }
}
