//! The SDK's configuration from the environment that Lambda gives a function: region, credentials, endpoints. `Clients` is
//! built on it. Lambda has no profiles, no SSO and no instance metadata, so none of their code is in the program.

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::default_async_sleep;
use aws_types::SdkConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::shared::clients::{Environment, retries, timeouts};
use crate::shared::http_client::http_client;

/// What the functions' clients are built from.
///
/// `AWS_REGION` and the credentials are Lambda's; `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_USE_FIPS_ENDPOINT`
/// and `AWS_USE_DUALSTACK_ENDPOINT` are the user's, and mean what they mean to every SDK.
pub fn sdk_config(environment: &Environment) -> SdkConfig {
    let text = |name: &str| environment.get(name).map(str::to_owned);
    let switch = |name: &str| {
        environment
            .get(name)
            .map(|value| value.eq_ignore_ascii_case("true"))
    };
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http_client(environment))
        .retry_config(retries())
        .timeout_config(timeouts())
        // Lambda's clock is right. Correcting it would take a denial for a bad signature wherever the services' time
        // is not the real one, and try it again.
        .disable_clock_skew_correction(true)
        .service_config(ServiceEndpoints(environment.clone()));
    config
        .set_region(text("AWS_REGION").map(Region::new))
        .set_endpoint_url(text("AWS_ENDPOINT_URL"))
        .set_use_fips(switch("AWS_USE_FIPS_ENDPOINT"))
        .set_use_dual_stack(switch("AWS_USE_DUALSTACK_ENDPOINT"))
        .set_sleep_impl(default_async_sleep())
        .set_credentials_provider(credentials(environment));
    config.build()
}

/// Lambda sets them when it starts the process, and starts another before they expire.
fn credentials(environment: &Environment) -> Option<SharedCredentialsProvider> {
    let credentials = Credentials::new(
        environment.get("AWS_ACCESS_KEY_ID")?,
        environment.get("AWS_SECRET_ACCESS_KEY")?,
        environment.get("AWS_SESSION_TOKEN").map(str::to_owned),
        None,
        "Environment",
    );
    Some(SharedCredentialsProvider::new(credentials))
}

/// The endpoints of single services.
#[derive(Debug)]
struct ServiceEndpoints(Environment);

impl LoadServiceConfig for ServiceEndpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_ascii_uppercase().replace(' ', "_");
        let name = format!("{}_{service}", key.env());
        self.0.get(&name).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(variables: &[(&str, &str)]) -> SdkConfig {
        sdk_config(&Environment::from_iter(variables.iter().copied()))
    }

    #[test]
    fn without_credentials_none_are_made_up() {
        let config = configured(&[("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "AKIA")]);
        assert!(config.credentials_provider().is_none());
        assert_eq!(config.region().map(AsRef::as_ref), Some("eu-west-1"));
    }

    #[test]
    fn endpoints_mean_what_they_mean_to_every_sdk() {
        let config = configured(&[
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
            ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000"),
            ("AWS_USE_FIPS_ENDPOINT", "true"),
            ("AWS_USE_DUALSTACK_ENDPOINT", "false"),
        ]);
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:4566"));
        assert_eq!(config.use_fips(), Some(true));
        assert_eq!(config.use_dual_stack(), Some(false));
        let of = |service| {
            let key = ServiceConfigKey::builder()
                .service_id(service)
                .profile("endpoint_url")
                .env("AWS_ENDPOINT_URL");
            config.service_config()?.load_config(key.build().ok()?)
        };
        assert_eq!(of("S3").as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!(of("EMR"), None);
    }
}
