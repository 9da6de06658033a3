//! Functions as calls within this process, for simulations: the real handlers and SDK clients, whose requests go to the
//! services without a socket and whose pauses and timeouts are pipeline time, so that a run does not depend on the machine.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_services::{
    Body, Custody, FunctionError, FunctionInvoker, Invocation, InvocationOutcome, InvokeError,
    Services,
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
use aws_types::SdkConfig;
use bytes::Bytes;
use functions::shared::metrics;
use functions::{Clients, Environment, FunctionFailure};
use futures::FutureExt;
use http_body_util::BodyExt;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;
use virtual_time::{Clock, Entropy, Work};

use crate::template::resources::Function;

tokio::task_local! {
    /// Raised when the process of the present handler is to die.
    static DEATH: Arc<Notify>;
}

/// Lets the handler that makes the present call die. Returns whether there is one.
pub(crate) fn kill_caller() -> bool {
    DEATH.try_with(|death| death.notify_one()).is_ok()
}

/// Calls handlers.
pub(crate) struct InProcess {
    clock: Clock,
    entropy: Entropy,
    region: String,
    /// Set once the services are there; they hold this value, so it must not hold them.
    services: Arc<OnceLock<Weak<Services>>>,
    functions: Mutex<BTreeMap<String, Registered>>,
    /// Whose each access key is.
    keys: Mutex<BTreeMap<String, String>>,
}

#[derive(Clone)]
struct Registered {
    handler: String,
    timeout: Duration,
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
            keys: Mutex::default(),
        }
    }

    /// Which function signs with this access key.
    pub(crate) fn caller(&self, access_key: &str) -> Option<String> {
        self.keys.lock().get(access_key).cloned()
    }

    /// Says where requests go.
    pub(crate) fn connect(&self, services: &Arc<Services>) {
        // Connected once, right after the services were made.
        let _ = self.services.set(Arc::downgrade(services));
    }

    pub(crate) fn register(&self, function: &Function) {
        let access_key = format!("ASIA{}", self.entropy.identifier(16));
        let sdk = self.sdk_config(&access_key);
        self.keys.lock().insert(access_key, function.name.clone());
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
            timeout: function.timeout,
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
                clock: self.clock.clone(),
                services: Arc::clone(&self.services),
            }))
            .retry_config(functions::shared::clients::retries())
            .timeout_config(functions::shared::clients::timeouts())
            .sleep_impl(SharedAsyncSleep::new(PipelinePause(self.clock.clone())))
            .time_source(SharedTimeSource::new(PipelineTime(self.clock.clone())))
            .build()
    }
}

#[async_trait]
impl FunctionInvoker for InProcess {
    async fn invoke(
        &self,
        invocation: Invocation,
        custody: &mut Custody,
    ) -> Result<InvocationOutcome, InvokeError> {
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
        let run_began = metrics::run_began(&event);
        let work = custody.take().unwrap_or_else(|| self.clock.work());
        let (ending, work) = self.run(&registered, event, work).await;
        *custody = Some(work);
        let duration =
            Duration::try_from(self.clock.now().duration_since(began)).unwrap_or_default();
        // What the process would print, as its main function does it.
        let printed = match &ending {
            Ending::Answered(answer) => {
                metrics::line(&registered.handler, &registered.clients, run_began, answer)
            }
            _ => None,
        };
        let (payload, error) = match ending {
            Ending::Answered(answer) => (answer, None),
            Ending::Failed(failure) => failed(failure.error_type.as_str(), failure.message),
            Ending::Died(how) => failed(
                "Runtime.ExitError",
                format!("RequestId: {request_id} Error: Runtime exited with error: {how}"),
            ),
            Ending::OutOfTime => failed(
                "Sandbox.Timedout",
                format!(
                    "RequestId: {request_id} Error: Task timed out after {:.2} seconds",
                    registered.timeout.as_secs_f64()
                ),
            ),
        };
        let log_tail = match &error {
            Some(error) => format!("{}: {}\n", error.error_type, error.error_message),
            None => printed.map(|line| line + "\n").unwrap_or_default(),
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

/// How a handler's call ended.
enum Ending {
    Answered(Value),
    Failed(FunctionFailure),
    Died(&'static str),
    OutOfTime,
}

impl InProcess {
    /// Runs a handler until it ends or its time is up. Time can pass only while it waits for a pause or for an answer that
    /// never comes.
    async fn run(&self, registered: &Registered, event: Value, work: Work) -> (Ending, Work) {
        let alarm = self.clock.alarm(self.clock.after(registered.timeout));
        let ticket = alarm.ticket();
        let call = functions::invoke(&registered.handler, &registered.clients, event);
        let death = Arc::new(Notify::new());
        let call = DEATH.scope(Arc::clone(&death), AssertUnwindSafe(call).catch_unwind());
        let call = tokio::task::unconstrained(async move {
            tokio::select! {
                biased;
                ended = call => Some(ended),
                () = death.notified() => None,
            }
        });
        let ended = tokio::select! {
            biased;
            (ended, work) = self.clock.attended(call, work) => match ended {
                Some(Ok(Ok(answer))) => (Ending::Answered(answer), work),
                Some(Ok(Err(failure))) => (Ending::Failed(failure), work),
                Some(Err(_)) => (Ending::Died("exit status 101"), work),
                None => (Ending::Died("signal: killed"), work),
            },
            work = alarm.rings() => (Ending::OutOfTime, work),
        };
        self.clock.call_off(ticket);
        ended
    }
}

/// The document of a failure as Lambda has it, and the failure.
pub(super) fn failed(error_type: &str, error_message: String) -> (Value, Option<FunctionError>) {
    let document = json!({ "errorType": error_type, "errorMessage": error_message });
    let error = FunctionError {
        error_type: error_type.to_owned(),
        error_message,
        handling: "Unhandled",
    };
    (document, Some(error))
}

/// The services as an HTTP client.
#[derive(Clone)]
struct Gateway {
    clock: Clock,
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
        let clock = self.clock.clone();
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
            let response = services
                .call(request)
                .await
                .map_err(|error| ConnectorError::io(error.into()))?;
            // The answer is there, but its bytes may yet have to be read from a file.
            let _work = clock.work();
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

/// Pauses between attempts, and the limits of calls, are pipeline time.
#[derive(Debug)]
struct PipelinePause(Clock);

impl AsyncSleep for PipelinePause {
    fn sleep(&self, duration: Duration) -> Sleep {
        let clock = self.0.clone();
        Sleep::new(async move { drop(clock.sleep(duration).await) })
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
