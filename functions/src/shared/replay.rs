//! A replaying HTTP connector for tests: real SDK clients send real requests, which must be the expected ones in the expected
//! order, and get canned answers. Pauses cost no time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, SharedCredentialsProvider, StalledStreamProtectionConfig,
};
use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use serde_json::{Value, json};

use crate::shared::clients::{Clients, Environment, retries, timeouts};

/// The `Date` of every answer, 2026-11-21T02:10:00Z, and the same in seconds.
const DATE: &str = "Sat, 21 Nov 2026 02:10:00 GMT";
/// As `DATE`.
pub(crate) const NOW: i64 = 1_795_227_000;

/// Where tests have their configuration.
pub(crate) const CONFIG: [(&str, &str); 2] = [
    ("Config_File_S3_Bucket", "workarea"),
    ("Config_File_S3_Key", "config.ini"),
];
/// Where tests have their state info.
pub(crate) const STATE: [(&str, &str); 2] = [
    ("State_Info_File_S3_Bucket", "workarea"),
    ("State_Info_File_S3_Key", "state.json"),
];
/// The execution that tests run in.
pub(crate) const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:master:night";

#[derive(Debug, Clone)]
enum Expected {
    /// A JSON protocol call; the body, unless it does not matter.
    Json {
        operation: String,
        body: Option<Value>,
    },
    /// A REST call: method, path, and headers that must be as given (empty: absent), and the body unless it does not matter.
    Rest {
        method: String,
        path: String,
        headers: Vec<(String, String)>,
        body: Option<String>,
    },
    /// A query protocol call with these fields among others.
    Query { fields: Vec<(String, String)> },
}

#[derive(Debug, Clone)]
enum Answer {
    Reply {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
    /// The connection breaks before an answer.
    Lost,
    /// Nothing ever comes.
    Nothing,
}

#[derive(Debug, Default)]
struct Script {
    exchanges: VecDeque<(Expected, Answer)>,
}

/// The script of a test. Exchanges are added in the order in which they must happen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replay(Arc<Mutex<Script>>);

impl Replay {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn add(self, expected: Expected, answer: Answer) -> Self {
        self.0
            .lock()
            .unwrap()
            .exchanges
            .push_back((expected, answer));
        self
    }

    /// An EMR or Step Functions call with exactly this body.
    pub(crate) fn call(self, operation: &str, body: Value, answer: Value) -> Self {
        self.add(
            json_call(operation, Some(body)),
            reply(200, &[], &answer.to_string()),
        )
    }

    /// As [`Replay::call`], whatever the body.
    pub(crate) fn any(self, operation: &str, answer: Value) -> Self {
        self.add(
            json_call(operation, None),
            reply(200, &[], &answer.to_string()),
        )
    }

    /// A JSON protocol call that is refused.
    pub(crate) fn refuses(self, operation: &str, status: u16, code: &str, message: &str) -> Self {
        let body = json!({"__type": code, "message": message}).to_string();
        self.add(json_call(operation, None), reply(status, &[], &body))
    }

    /// A JSON protocol call that is throttled as often as the SDK tries.
    pub(crate) fn throttles(self, operation: &str) -> Self {
        (0..retries().max_attempts()).fold(self, |replay, _| {
            replay.refuses(operation, 400, "ThrottlingException", "Rate exceeded")
        })
    }

    /// A JSON protocol call whose answer is lost.
    pub(crate) fn loses(self, operation: &str) -> Self {
        self.add(json_call(operation, None), Answer::Lost)
    }

    /// A JSON protocol call that never ends.
    pub(crate) fn hangs(self, operation: &str) -> Self {
        self.add(json_call(operation, None), Answer::Nothing)
    }

    /// An S3 call, whatever its body. A header expected to be empty must be absent.
    pub(crate) fn s3(
        self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        answer: &[(&str, &str)],
        body: &str,
    ) -> Self {
        self.add(rest(method, path, headers, None), reply(200, answer, body))
    }

    /// An S3 PutObject with exactly this body, answered with a new ETag.
    pub(crate) fn s3_put(
        self,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
        etag: &str,
    ) -> Self {
        self.add(
            rest("PUT", path, headers, Some(body.to_owned())),
            reply(200, &[("etag", etag)], ""),
        )
    }

    /// An S3 call answered with a status alone.
    pub(crate) fn s3_status(
        self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        status: u16,
    ) -> Self {
        self.add(rest(method, path, headers, None), reply(status, &[], ""))
    }

    /// An S3 call that is refused.
    pub(crate) fn s3_refuses(
        self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        status: u16,
        code: &str,
    ) -> Self {
        let body = format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>");
        self.add(rest(method, path, headers, None), reply(status, &[], &body))
    }

    /// An S3 call whose answer is lost.
    pub(crate) fn s3_loses(self, method: &str, path: &str, headers: &[(&str, &str)]) -> Self {
        self.add(rest(method, path, headers, None), Answer::Lost)
    }

    /// An SNS call with these fields, answered with this XML.
    pub(crate) fn sns(self, fields: &[(&str, &str)], status: u16, body: &str) -> Self {
        self.add(
            Expected::Query {
                fields: owned(fields),
            },
            reply(status, &[], body),
        )
    }

    /// An SNS call whose answer is lost.
    pub(crate) fn sns_loses(self) -> Self {
        self.add(Expected::Query { fields: Vec::new() }, Answer::Lost)
    }

    /// config.ini is read.
    pub(crate) fn config(self, text: &str) -> Self {
        self.s3(
            "GET",
            "/workarea/config.ini",
            &[],
            &[("etag", "\"config\"")],
            text,
        )
    }

    /// Clients that play this script, with this environment.
    pub(crate) fn clients(&self, environment: &[(&str, &str)]) -> Clients {
        // A sleep that takes no time would let every timeout win.
        self.clients_with(TimeoutConfig::disabled(), environment)
    }

    /// Clients whose every call times out.
    pub(crate) fn hanging_clients(&self) -> Clients {
        self.clients_with(timeouts(), &[])
    }

    fn clients_with(&self, timeouts: TimeoutConfig, environment: &[(&str, &str)]) -> Clients {
        let connector = SharedHttpConnector::new(self.clone());
        let credentials = Credentials::builder()
            .access_key_id("test")
            .secret_access_key("test")
            .provider_name("test")
            .build();
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .endpoint_url("http://127.0.0.1:1")
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .sleep_impl(self.clone())
            // Else the answers' `Date` would look like a clock that is wrong, and denials like bad signatures.
            .time_source(SharedTimeSource::new(self.clone()))
            .retry_config(retries())
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Clients::from_sdk_config(sdk, environment.iter().copied().collect::<Environment>())
    }

    /// Every expected call has been made.
    pub(crate) fn finish(&self) {
        let script = self.0.lock().unwrap();
        assert!(
            script.exchanges.is_empty(),
            "not called: {:#?}",
            script.exchanges
        );
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let seen = describe(&request);
        let Some((expected, answer)) = self.0.lock().unwrap().exchanges.pop_front() else {
            panic!("an unexpected call after the last: {seen}");
        };
        check(&expected, &request, &seen);
        if let Answer::Nothing = answer {
            return HttpConnectorFuture::new(std::future::pending());
        }
        HttpConnectorFuture::ready(match answer {
            Answer::Reply {
                status,
                headers,
                body,
            } => {
                let mut response =
                    HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
                response.headers_mut().insert("date", DATE);
                for (name, value) in headers {
                    response.headers_mut().insert(name, value);
                }
                Ok(response)
            }
            Answer::Lost | Answer::Nothing => {
                Err(ConnectorError::io("the connection was closed".into()))
            }
        })
    }
}

impl TimeSource for Replay {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs())
    }
}

impl AsyncSleep for Replay {
    fn sleep(&self, _duration: Duration) -> Sleep {
        Sleep::new(std::future::ready(()))
    }
}

fn describe(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    format!(
        "{} {} {target} {}",
        request.method(),
        request.uri(),
        text(request)
    )
}

fn text(request: &HttpRequest) -> String {
    String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned()
}

fn check(expected: &Expected, request: &HttpRequest, seen: &str) {
    match expected {
        Expected::Json { operation, body } => {
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            assert!(
                target.ends_with(&format!(".{operation}")),
                "expected {operation}, called {seen}"
            );
            if let Some(body) = body {
                let sent: Value = serde_json::from_str(&text(request)).unwrap();
                assert_eq!(&sent, body, "the body of {operation}");
            }
        }
        Expected::Rest {
            method,
            path,
            headers,
            body,
        } => {
            let called = request
                .uri()
                .trim_start_matches("http://127.0.0.1:1")
                .split('?')
                .next()
                .unwrap_or_default();
            assert_eq!(
                (request.method(), called),
                (method.as_str(), path.as_str()),
                "called {seen}"
            );
            for (name, value) in headers {
                assert_eq!(
                    request.headers().get(name).unwrap_or_default(),
                    value,
                    "header {name} of {seen}"
                );
            }
            if let Some(body) = body {
                assert_eq!(&text(request), body, "the body of {method} {path}");
            }
        }
        Expected::Query { fields } => {
            let body = text(request);
            for (name, value) in fields {
                let found = body
                    .split('&')
                    .find_map(|pair| pair.strip_prefix(&format!("{name}=")))
                    .map(percent_decoded);
                assert_eq!(
                    found.as_deref(),
                    Some(value.as_str()),
                    "field {name} of {seen}"
                );
            }
        }
    }
}

fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn json_call(operation: &str, body: Option<Value>) -> Expected {
    Expected::Json {
        operation: operation.to_owned(),
        body,
    }
}

fn rest(method: &str, path: &str, headers: &[(&str, &str)], body: Option<String>) -> Expected {
    Expected::Rest {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: owned(headers),
        body,
    }
}

fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    Answer::Reply {
        status,
        headers: owned(headers),
        body: body.to_owned(),
    }
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// DescribeCluster's answer, for a cluster that was created five minutes before `NOW`.
pub(crate) fn cluster_json(id: &str, state: &str, tags: &[(&str, &str)]) -> Value {
    let tags: Vec<_> = tags
        .iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect();
    json!({"Cluster": {
        "Id": id, "Name": "data_pipeline", "InstanceCollectionType": "INSTANCE_FLEET", "TerminationProtected": false, "Tags": tags,
        "Status": {"State": state, "StateChangeReason": {}, "Timeline": {"CreationDateTime": NOW - 300}},
    }})
}
