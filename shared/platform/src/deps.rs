//! What a step may use: clients over one connector, a clock, ids. Built once per environment.

use crate::clock::{SharedClock, SharedIds, SystemClock, SystemIds};
use crate::documents::Documents;
use crate::failure::Failure;
use crate::outbound::Outbound;
use crate::queues::Queues;
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::store::Store;
use crate::tls;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::{BehaviorVersion, StalledStreamProtectionConfig};
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use std::sync::Arc;
use std::time::Duration;

/// Everything that a step may use.
#[derive(Debug, Clone)]
pub struct Deps {
    /// Settings.
    pub settings: Settings,
    /// The tables.
    pub store: Store,
    /// The queues.
    pub queues: Queues,
    /// The documents bucket.
    pub documents: Documents,
    /// Carriers and shops.
    pub partners: Outbound,
    /// Partners' credentials.
    pub secrets: Secrets,
    /// Time.
    pub clock: SharedClock,
    /// Unguessable text.
    pub ids: SharedIds,
    sleep: SharedAsyncSleep,
}

/// What [`Deps`] are made of: the machine's in production, the engine's in tests.
#[derive(Debug, Clone)]
pub struct Seams {
    /// HTTP for the SDK.
    pub http_client: SharedHttpClient,
    /// HTTP for partners.
    pub partners: SharedHttpConnector,
    /// The SDK's time.
    pub time_source: SharedTimeSource,
    /// How time passes: the SDK's sleep and ours.
    pub sleep: SharedAsyncSleep,
    /// Our time.
    pub clock: SharedClock,
    /// Our ids.
    pub ids: SharedIds,
}

impl Seams {
    /// The machine's.
    #[must_use]
    pub fn of_machine(settings: &Settings) -> Self {
        Self {
            http_client: tls::aws_client(settings),
            partners: tls::partners_connector(settings),
            time_source: SharedTimeSource::new(SystemTimeSource::new()),
            sleep: SharedAsyncSleep::new(TokioSleep::new()),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
        }
    }
}

impl Deps {
    /// For a deployed function.
    ///
    /// # Errors
    /// [`Failure::Bug`] when Lambda's own variables are missing.
    pub fn of_machine(settings: Settings) -> Result<Self, Failure> {
        let seams = Seams::of_machine(&settings);
        Self::new(settings, seams)
    }

    /// Over given seams.
    ///
    /// # Errors
    /// [`Failure::Bug`] when region or credentials are not set.
    pub fn new(settings: Settings, seams: Seams) -> Result<Self, Failure> {
        // An execution environment's credentials live as long as the environment: no provider chain is needed.
        let credentials = Credentials::new(
            settings.require("AWS_ACCESS_KEY_ID")?,
            settings.require("AWS_SECRET_ACCESS_KEY")?,
            settings.get("AWS_SESSION_TOKEN").map(str::to_owned),
            None,
            "environment",
        );
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(settings.require("AWS_REGION")?.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(seams.http_client)
            .sleep_impl(seams.sleep.clone())
            .time_source(seams.time_source)
            .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50)))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(2))
                    // Well below every function's time-out, so that a slow call is answered and not cut off.
                    .operation_attempt_timeout(Duration::from_millis(2500))
                    .operation_timeout(Duration::from_secs(6))
                    .build(),
            )
            // An attempt has its time-out: no body needs its throughput measured beside it.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        let endpoint = settings.get("AWS_ENDPOINT_URL").map(str::to_owned);
        if let Some(url) = &endpoint {
            config = config.endpoint_url(url);
        }
        let config = config.build();
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(endpoint.is_some()).build();
        Ok(Self {
            store: Store::new(aws_sdk_dynamodb::Client::new(&config), settings.clone(), seams.sleep.clone()),
            queues: Queues::new(aws_sdk_sqs::Client::new(&config), settings.clone()),
            documents: Documents::new(aws_sdk_s3::Client::from_conf(s3), settings.clone()),
            partners: Outbound::new(seams.partners, seams.sleep.clone()),
            sleep: seams.sleep,
            secrets: Secrets::from_settings(&settings),
            clock: seams.clock,
            ids: seams.ids,
            settings,
        })
    }

    /// Lets time pass.
    pub async fn pause(&self, duration: Duration) {
        self.sleep.sleep(duration).await;
    }
}
