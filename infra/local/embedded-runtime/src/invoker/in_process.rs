//! Functions as calls within this process, for simulations: the real handlers and SDK clients, whose requests go to the
//! services without a socket and whose waits cost nothing, so that a run does not depend on the machine.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_services::{
    Body, FunctionError, FunctionInvoker, Invocation, InvocationOutcome, InvokeError, Services,
};
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use functions::{Clients, Environment};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;
use virtual_time::{Clock, Entropy};

use crate::template::resources::Function;

/// Raised when the call of the present task will never be answered.
#[derive(Debug, Clone, Default)]
struct Hung(Arc<Notify>);

tokio::task_local! {
    static HUNG: Hung;
}

/// Lets the call of the present task, if it comes from a handler, give up.
pub(crate) fn give_up_call() {
    // Outside of a handler's call there is nobody to tell.
    let _ = HUNG.try_with(|hung| hung.0.notify_one());
}

/// Calls handlers.
pub(crate) struct InProcess {
    clock: Clock,
    entropy: Entropy,
    region: String,
    /// Set once the services are there; they hold this value, so it must not hold them.
    services: Arc<OnceLock<Weak<Services>>>,
    functions: Mutex<BTreeMap<String, Registered>>,
}

#[derive(Clone)]
struct Registered {
    handler: String,
    /// Kept between invocations, as a warm environment keeps them.
    clients: Clients,
}

impl InProcess {
    pub(crate) fn new(clock: Clock, entropy: Entropy, region: &str) -> Self {
        Self {
            clock,
            entropy,
            region: region.to_owned(),
            services: Arc::default(),
            functions: Mutex::default(),
        }
    }

    /// Says where requests go.
    pub(crate) fn connect(&self, services: &Arc<Services>) {
        // Connected once, right after the services were made.
        let _ = self.services.set(Arc::downgrade(services));
    }

    pub(crate) fn register(&self, function: &Function) {
        let access_key = format!("ASIA{}", self.entropy.identifier(16));
        let sdk = self.sdk_config(&access_key);
        let own = function.environment.iter();
        let environment: Environment = own
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain([
                ("_HANDLER", function.handler.as_str()),
                ("AWS_REGION", self.region.as_str()),
                ("AWS_DEFAULT_REGION", self.region.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", function.name.as_str()),
            ])
            .collect();
        let registered = Registered {
            handler: function.handler.clone(),
            clients: Clients::from_sdk_config(sdk, environment),
        };
        self.functions
            .lock()
            .insert(function.name.clone(), registered);
    }

    fn sdk_config(&self, access_key: &str) -> SdkConfig {
        let credentials = Credentials::new(
            access_key,
            "not-a-secret",
            Some("not-a-token".to_owned()),
            None,
            "embedded runtime",
        );
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(self.region.clone()))
            // Never dialled; an address that is a number keeps S3's keys in the path.
            .endpoint_url("http://127.0.0.1:4566")
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(SharedHttpClient::new(Gateway {
                services: Arc::clone(&self.services),
            }))
            .retry_config(functions::shared::clients::retries())
            // A wait that costs nothing would let every call time out at once.
            .timeout_config(TimeoutConfig::disabled())
            .sleep_impl(SharedAsyncSleep::new(NoWait))
            .time_source(SharedTimeSource::new(PipelineTime(self.clock.clone())))
            .build()
    }
}

#[async_trait]
impl FunctionInvoker for InProcess {
    async fn invoke(&self, invocation: Invocation) -> Result<InvocationOutcome, InvokeError> {
        let _work = self.clock.work();
        let registered = self
            .functions
            .lock()
            .get(&invocation.function_name)
            .cloned();
        let Some(registered) = registered else {
            return Err(InvokeError::NotFound(invocation.function_name));
        };
        let event: Value = serde_json::from_slice(&invocation.payload)
            .map_err(|error| InvokeError::Invalid(format!("the event is not JSON: {error}")))?;
        let request_id = self.entropy.uuid();
        let began = self.clock.now();
        let result = functions::invoke(&registered.handler, &registered.clients, event).await;
        let duration =
            Duration::try_from(self.clock.now().duration_since(began)).unwrap_or_default();
        let (payload, error) = match result {
            Ok(answer) => (answer, None),
            Err(failure) => {
                let error_type = failure.error_type.as_str().to_owned();
                let document = json!({ "errorType": error_type, "errorMessage": failure.message });
                let error = FunctionError {
                    error_type,
                    error_message: failure.message,
                    handling: "Unhandled",
                };
                (document, Some(error))
            }
        };
        let log_tail = match &error {
            Some(error) => format!("{}: {}\n", error.error_type, error.error_message),
            None => String::new(),
        };
        Ok(InvocationOutcome {
            payload: Bytes::from(payload.to_string()),
            error,
            request_id,
            executed_version: String::new(),
            log_tail,
            duration,
            init_duration: None,
            max_memory_bytes: None,
        })
    }
}

/// The services as an HTTP client.
#[derive(Clone)]
struct Gateway {
    services: Arc<OnceLock<Weak<Services>>>,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Gateway")
    }
}

impl HttpClient for Gateway {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Gateway {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let services = self.services.get().and_then(Weak::upgrade);
        HttpConnectorFuture::new(async move {
            let Some(services) = services else {
                return Err(ConnectorError::io(
                    "the services have been shut down".into(),
                ));
            };
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            let request = http::Request::from_parts(parts, Body::new(body));
            let hung = Hung::default();
            let answer = HUNG.scope(hung.clone(), async { services.call(request).await });
            let response = tokio::select! {
                biased;
                answer = answer => answer.map_err(|error| ConnectorError::io(error.into()))?,
                // What a client that gives up would see; it gives up at once.
                () = hung.0.notified() => return Err(ConnectorError::timeout("no answer".into())),
            };
            let (parts, body) = response.into_parts();
            let body = body
                .collect()
                .await
                .map_err(|error| ConnectorError::io(error.into()))?;
            let response = http::Response::from_parts(parts, SdkBody::from(body.to_bytes()));
            HttpResponse::try_from(response)
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Pauses between attempts take no time.
#[derive(Debug)]
struct NoWait;

impl AsyncSleep for NoWait {
    fn sleep(&self, _duration: Duration) -> Sleep {
        Sleep::new(tokio::task::yield_now())
    }
}

/// Requests are signed with pipeline time.
#[derive(Debug)]
struct PipelineTime(Clock);

impl TimeSource for PipelineTime {
    fn now(&self) -> std::time::SystemTime {
        self.0.now().into()
    }
}
