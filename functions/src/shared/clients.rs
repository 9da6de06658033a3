//! The AWS clients, the environment and the pauses that handlers use. Built once per process by `main.rs`, or by whoever
//! calls the handlers in process. Where the services are is known from the environment (`AWS_ENDPOINT_URL`) alone.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, default_async_sleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_types::DateTime;
use aws_types::SdkConfig;

use crate::shared::config_source::ConfigCache;
use crate::shared::errors::{ErrorType, Typed};
use crate::shared::sdk_config::sdk_config;
use crate::shared::service_time::ServiceTime;

/// Attempts of one call, the first included.
const ATTEMPTS: u32 = 3;
/// One attempt. The services answer in well under a second; what takes this long is lost.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(6);
/// One call with all its attempts and pauses. Far below the 60 s that the template gives a function.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A function's environment variables. An empty one counts as absent, as templates cannot leave a variable out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

/// An environment variable that the function needs is not set.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} of the function is not set")]
pub struct EnvironmentMissing(String);

impl Typed for EnvironmentMissing {
    fn error_type(&self) -> ErrorType {
        ErrorType::EnvironmentMissing
    }
}

impl Environment {
    /// The process's own.
    pub fn of_process() -> Self {
        // `vars` panics on a variable that is no UTF-8; such a one cannot be ours.
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value, unless absent or blank.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// The value even if it is blank, unless absent: a configuration may refer to what a stack does not have.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim())
    }

    /// The same with this variable.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn require(&self, name: &str) -> Result<&str, EnvironmentMissing> {
        self.get(name)
            .ok_or_else(|| EnvironmentMissing(name.to_owned()))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

/// What a handler works with. Cloning is cheap and shares connections and the cached configuration.
#[derive(Debug, Clone)]
pub struct Clients {
    shared: Arc<Shared>,
    environment: Arc<Environment>,
}

#[derive(Debug)]
struct Shared {
    sdk: SdkConfig,
    // Each is built at its first use: a function uses two of the four, and a cold start should pay for no more.
    emr: OnceLock<aws_sdk_emr::Client>,
    states: OnceLock<aws_sdk_sfn::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
    sns: OnceLock<aws_sdk_sns::Client>,
    sleep: SharedAsyncSleep,
    service_time: ServiceTime,
    config: ConfigCache,
}

impl Clients {
    /// Clients and environment of this process.
    pub fn from_environment() -> Self {
        let environment = Environment::of_process();
        Self::from_sdk_config(sdk_config(&environment), environment)
    }

    /// Clients for callers in process, who bring their own configuration: region, endpoint, credentials, and, where time
    /// is simulated, sleep and time source. Set [`retries`] and [`timeouts`] as suits them.
    pub fn from_sdk_config(sdk: SdkConfig, environment: Environment) -> Self {
        // Without the rt-tokio feature there would be no default; then the SDK itself could not retry either.
        let sleep = sdk
            .sleep_impl()
            .or_else(default_async_sleep)
            .unwrap_or_else(|| SharedAsyncSleep::new(NoSleep));
        let time = sdk
            .time_source()
            .unwrap_or_else(|| SharedTimeSource::new(SystemTimeSource::new()));
        Self {
            shared: Arc::new(Shared {
                sdk,
                emr: OnceLock::new(),
                states: OnceLock::new(),
                s3: OnceLock::new(),
                sns: OnceLock::new(),
                sleep,
                service_time: ServiceTime::new(time),
                config: ConfigCache::default(),
            }),
            environment: Arc::new(environment),
        }
    }

    /// The same clients for a function with another environment.
    pub fn with_environment(&self, environment: Environment) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            environment: Arc::new(environment),
        }
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    pub(crate) fn config_cache(&self) -> &ConfigCache {
        &self.shared.config
    }

    /// The present time as the services see it.
    pub(crate) fn now(&self) -> DateTime {
        self.shared.service_time.now()
    }

    /// Seconds since `time`, never negative.
    pub(crate) fn age(&self, time: Option<&DateTime>) -> i64 {
        time.map_or(0, |time| (self.now().secs() - time.secs()).max(0))
    }

    pub(crate) async fn pause(&self, duration: Duration) {
        self.shared.sleep.sleep(duration).await;
    }

    pub(crate) fn emr(&self) -> &aws_sdk_emr::Client {
        self.shared.emr.get_or_init(|| {
            let config = aws_sdk_emr::config::Builder::from(&self.shared.sdk)
                .interceptor(self.shared.service_time.clone())
                .retry_partition(retry_partition());
            aws_sdk_emr::Client::from_conf(config.build())
        })
    }

    pub(crate) fn states(&self) -> &aws_sdk_sfn::Client {
        self.shared.states.get_or_init(|| {
            let config = aws_sdk_sfn::config::Builder::from(&self.shared.sdk)
                .interceptor(self.shared.service_time.clone())
                .retry_partition(retry_partition());
            aws_sdk_sfn::Client::from_conf(config.build())
        })
    }

    pub(crate) fn s3(&self) -> &aws_sdk_s3::Client {
        self.shared.s3.get_or_init(|| {
            let config = aws_sdk_s3::config::Builder::from(&self.shared.sdk)
                .interceptor(self.shared.service_time.clone())
                .retry_partition(retry_partition());
            aws_sdk_s3::Client::from_conf(config.build())
        })
    }

    pub(crate) fn sns(&self) -> &aws_sdk_sns::Client {
        self.shared.sns.get_or_init(|| {
            let config = aws_sdk_sns::config::Builder::from(&self.shared.sdk)
                .interceptor(self.shared.service_time.clone())
                .retry_partition(retry_partition());
            aws_sdk_sns::Client::from_conf(config.build())
        })
    }
}

/// The bounded, jittered retries of every call that may be repeated.
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS)
}

/// The bounds on one attempt and on one call.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build()
}

/// For calls without an idempotency token: one attempt, and the function looks for the effect before it tries again.
pub(crate) fn once() -> RetryConfig {
    RetryConfig::disabled()
}

/// The SDK's default bucket of retry tokens is shared by the whole process and would let one invocation's faults use up the
/// retries of the next. The attempts are bounded anyway.
fn retry_partition() -> RetryPartition {
    RetryPartition::custom("functions")
        .token_bucket(TokenBucket::unlimited())
        .build()
}

#[derive(Debug)]
struct NoSleep;

impl AsyncSleep for NoSleep {
    fn sleep(&self, _duration: Duration) -> aws_smithy_async::rt::sleep::Sleep {
        aws_smithy_async::rt::sleep::Sleep::new(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_with_all_its_attempts_fits_into_a_function() {
        assert!(ATTEMPT_TIMEOUT * ATTEMPTS < CALL_TIMEOUT);
        assert!(CALL_TIMEOUT * 2 < Duration::from_secs(60));
    }

    #[test]
    fn a_blank_environment_variable_counts_as_absent() {
        let environment = Environment::from_iter([("TopicArn", " ")]);
        assert_eq!(environment.get("TopicArn"), None);
        assert!(
            environment
                .require("TopicArn")
                .unwrap_err()
                .to_string()
                .contains("TopicArn")
        );
    }
}
