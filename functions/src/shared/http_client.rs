//! The HTTPS client under all AWS clients: `clients.rs` gives it to the SDK. It trusts the roots of Amazon Trust Services,
//! which are part of the program, so that a cold start reads and parses no list of the world's authorities.

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::shared::clients::Environment;

/// The five roots that <https://www.amazontrust.com/repository/> lists for AWS services, as PEM.
const AMAZON_TRUST_SERVICES: &str = include_str!("http_client/amazon_trust_services.pem");

/// Variables by which a user names other authorities, for a proxy that ends TLS. The operating system's list is then read.
const OWN_AUTHORITIES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// The client. A plain `http` endpoint works with it too, and then costs no TLS.
pub fn http_client(environment: &Environment) -> SharedHttpClient {
    let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    builder.tls_context(context(environment)).build_https()
}

/// The same for a person's machine: it goes through the proxies that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY name.
pub fn http_client_through_proxies(environment: &Environment) -> SharedHttpClient {
    let context = context(environment);
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(context.clone())
            .proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.build()
    })
}

fn context(environment: &Environment) -> TlsContext {
    TlsContext::builder()
        .with_trust_store(trust(environment))
        .build()
        .expect(
            "a context without certificates of the client's own has nothing that could be refused",
        )
}

fn trust(environment: &Environment) -> TrustStore {
    if trusts_amazon_alone(environment) {
        TrustStore::empty().with_pem_certificate(AMAZON_TRUST_SERVICES)
    } else {
        TrustStore::default()
    }
}

/// The regions in China have authorities of their own; nobody else's services leave Amazon's.
fn trusts_amazon_alone(environment: &Environment) -> bool {
    let region = environment.get("AWS_REGION").unwrap_or_default();
    !region.starts_with("cn-")
        && OWN_AUTHORITIES
            .iter()
            .all(|name| environment.get(name).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// The SHA-256 fingerprints of the certificates, as Amazon publishes them.
    const FINGERPRINTS: [&str; 5] = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];

    #[test]
    fn the_roots_are_the_published_ones() {
        let certificates = AMAZON_TRUST_SERVICES.split("-----BEGIN CERTIFICATE-----");
        let fingerprints: Vec<String> = certificates
            .skip(1)
            .map(|certificate| {
                let body = certificate.split("-----END").next().unwrap_or_default();
                let der =
                    aws_smithy_types::base64::decode(body.split_whitespace().collect::<String>());
                let digest = Sha256::digest(der.unwrap());
                digest.iter().map(|byte| format!("{byte:02x}")).collect()
            })
            .collect();
        assert_eq!(fingerprints, FINGERPRINTS);
    }

    #[test]
    fn a_user_s_own_authorities_and_the_regions_in_china_get_the_system_s_list() {
        let alone = |variables: &[(&str, &str)]| {
            trusts_amazon_alone(&Environment::from_iter(variables.iter().copied()))
        };
        assert!(alone(&[("AWS_REGION", "eu-central-1")]));
        assert!(alone(&[
            ("AWS_REGION", "us-gov-west-1"),
            ("SSL_CERT_FILE", "")
        ]));
        assert!(!alone(&[("AWS_REGION", "cn-north-1")]));
        assert!(!alone(&[
            ("AWS_REGION", "us-east-1"),
            ("SSL_CERT_FILE", "/etc/pki/own.pem")
        ]));
    }

    #[tokio::test]
    async fn a_server_that_speaks_no_tls_is_a_failed_call() {
        // The SDK parses the roots when it connects, and panics on one that it cannot read.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("https://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { drop(listener.accept().await) });
        let config = aws_sdk_sns::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_sns::config::Region::new("us-east-1"))
            .credentials_provider(aws_sdk_sns::config::Credentials::new(
                "key", "secret", None, None, "test",
            ))
            .retry_config(aws_sdk_sns::config::retry::RetryConfig::disabled())
            .endpoint_url(endpoint)
            .http_client(http_client(&Environment::default()));
        let client = aws_sdk_sns::Client::from_conf(config.build());
        let error = client.list_topics().send().await.unwrap_err();
        assert!(error.as_service_error().is_none(), "{error:?}");
        server.await.unwrap();
    }
}
