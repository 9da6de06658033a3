//! The one port: finds the service that a request is for, lets the interceptor have its say, and answers in the
//! service's protocol. [`crate::Services::call`] and [`crate::Services::serve`] come here.
//!
//! * [`scope`]: which service, and whose access key. * [`json`], [`query`], [`rest`]: the protocols.
//! * [`server`]: the socket.

mod json;
mod query;
mod rest;
mod scope;
mod server;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::context::{CallFailure, obey};
use crate::failure::ServiceError;
use crate::function_invoker::Custody;
use crate::interceptor::Call;
use crate::services::Services;
use scope::{Protocol, Service};

pub(crate) use rest::percent_decoded;
pub(crate) use server::serve;

/// The body of requests and responses.
pub type Body = axum::body::Body;

/// The connection ended without an answer; the effect may have taken place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("connection lost before a response")]
pub struct ConnectionLost;

/// The largest request that is not an object of S3: Lambda's payload limit and some room for its envelope.
const LARGEST_REQUEST: usize = 8 * 1024 * 1024;

/// What a service answers, before the gateway adds the request id.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn new(
        status: StatusCode,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static(content_type),
        );
        Self {
            status,
            headers,
            body: body.into(),
        }
    }

    /// Adds a header whose value comes from outside; a value that no header can carry is left out.
    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }
}

/// Answers one request. A `Work` guard is held from its arrival to its answer.
pub(crate) async fn answer(
    services: &Services,
    request: Request<Body>,
) -> Result<Response<Body>, ConnectionLost> {
    let mut custody: Custody = Some(services.context.clock.work());
    let request_id = services.context.entropy.uuid();
    let (parts, body) = request.into_parts();
    let scope = scope::resolve(&parts);
    let protocol = scope.service.protocol();
    let outcome = if scope.service == Service::S3 {
        answer_s3(services, &scope.access_key, parts, body).await
    } else {
        answer_call(services, &scope, &parts, body, &request_id, &mut custody).await
    };
    match outcome {
        Ok(response) => Ok(dated(services, response)),
        Err(CallFailure::Answered(error)) => {
            let mut reply = protocol.failure(&error, &request_id);
            if scope.service == Service::Sqs {
                // SDKs know these errors by the names that they had in an older protocol.
                let name = format!("{};Sender", crate::sqs::older_name(&error.code));
                reply = reply.with_header("x-amzn-query-error", &name);
            }
            let mut response = respond(reply, &request_id);
            if scope.service == Service::S3 {
                // The object's bytes may not have been read, and would be taken for the connection's next request.
                let close = HeaderValue::from_static("close");
                response
                    .headers_mut()
                    .insert(http::header::CONNECTION, close);
            }
            Ok(dated(services, response))
        }
        Err(CallFailure::ConnectionLost) => Err(ConnectionLost),
        Err(CallFailure::Hang) => {
            drop(custody);
            std::future::pending().await
        }
    }
}

/// Clients measure ages by the service's clock, so the answer carries pipeline time.
fn dated(services: &Services, mut response: Response<Body>) -> Response<Body> {
    let now = services
        .context
        .clock
        .now()
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    if let Ok(now) = HeaderValue::from_str(&now) {
        response.headers_mut().insert(http::header::DATE, now);
    }
    response
}

async fn answer_s3(
    services: &Services,
    access_key: &str,
    parts: http::request::Parts,
    body: Body,
) -> Result<Response<Body>, CallFailure> {
    let (action, summary) = services.s3.describe(&parts);
    let call = Call {
        service: Service::S3.signing_name().to_owned(),
        action,
        caller: access_key.to_owned(),
        request: summary,
    };
    let interceptor = services.context.interceptor();
    obey(interceptor.before(&call).await)?;
    let response = services.s3.handle(Request::from_parts(parts, body)).await;
    obey(interceptor.after(&call, response.status()).await)?;
    Ok(response)
}

async fn answer_call(
    services: &Services,
    scope: &scope::Scope,
    parts: &http::request::Parts,
    body: Body,
    request_id: &str,
    custody: &mut Custody,
) -> Result<Response<Body>, CallFailure> {
    let body = collect(body).await.map_err(CallFailure::Answered)?;
    let (action, request) = read(scope, parts, &body).map_err(CallFailure::Answered)?;
    let call = Call {
        service: scope.service.signing_name().to_owned(),
        action,
        caller: scope.access_key.clone(),
        request,
    };
    let host = parts
        .headers
        .get(http::header::HOST)
        .and_then(|host| host.to_str().ok());
    let effect = carry_out(services, scope, &call, body, request_id, host, custody);
    let reply = services.context.intercepted(&call, effect).await?;
    Ok(respond(reply, request_id))
}

/// Finds the action and the members of a request.
fn read(
    scope: &scope::Scope,
    parts: &http::request::Parts,
    body: &Bytes,
) -> Result<(String, Value), ServiceError> {
    match scope.service.protocol() {
        Protocol::Json10 | Protocol::Json11 => json::read(&parts.headers, body),
        Protocol::Query(_) => query::read(parts.uri.query(), body),
        Protocol::Ec2Query => {
            let (action, form) = query::read(parts.uri.query(), body)?;
            Ok((action, crate::ec2::wire::members(form)))
        }
        Protocol::Rest => match scope.service {
            Service::Lambda => crate::lambda::read(parts, body),
            _ => crate::scheduler::read(parts, body),
        },
        Protocol::Xml => Err(ServiceError::internal(
            "objects have their own way through the gateway",
        )),
        Protocol::Unknown => Err(ServiceError::new(
            "UnknownService",
            format!("the local runtime does not serve {}", scope.signing_name),
        )),
    }
}

/// Lets the service act, and writes its answer.
async fn carry_out(
    services: &Services,
    scope: &scope::Scope,
    call: &Call,
    body: Bytes,
    request_id: &str,
    host: Option<&str>,
    custody: &mut Custody,
) -> Result<Reply, ServiceError> {
    let (action, input) = (call.action.as_str(), call.request.clone());
    let output = match scope.service {
        Service::ElasticMapReduce => services.emr.call(action, input).await?,
        Service::States => {
            let states = &services.states;
            states.call_from_outside(action, input, custody).await?
        }
        Service::Events => services.events.call(action, input).await?,
        Service::Scheduler => services.scheduler.call(action, input).await?,
        Service::Sns => services.sns.call(action, input).await?,
        Service::Ec2 => services.ec2.call(action, input).await?,
        Service::Sqs => {
            let mut input = input;
            if let Some(host) = host {
                input[crate::sqs::HOST] = host.into();
            }
            let waiting = crate::sqs::Waiting::Outside;
            services.sqs.call(action, input, waiting, custody).await?
        }
        Service::Sts => crate::sts::call(&services.context, action, &scope.access_key)?,
        Service::Lambda => {
            return crate::lambda::answer(&services.lambda, call, body, custody).await;
        }
        Service::S3 | Service::Unknown => return Err(ServiceError::internal("no such service")),
    };
    Ok(scope
        .service
        .protocol()
        .success(action, &output, request_id))
}

async fn collect(body: Body) -> Result<Bytes, ServiceError> {
    let limited = http_body_util::Limited::new(body, LARGEST_REQUEST);
    match limited.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(ServiceError::new(
            "RequestEntityTooLarge",
            format!("cannot read the request: {error}"),
        )
        .with_status(StatusCode::PAYLOAD_TOO_LARGE)),
    }
}

fn respond(reply: Reply, request_id: &str) -> Response<Body> {
    let reply = reply.with_header("x-amzn-requestid", request_id);
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

impl Protocol {
    fn success(self, action: &str, output: &Value, request_id: &str) -> Reply {
        match self {
            Protocol::Json10 => json::success(json::VERSION_1_0, output),
            Protocol::Json11 => json::success(json::VERSION_1_1, output),
            Protocol::Query(namespace) => query::success(namespace, action, output, request_id),
            Protocol::Ec2Query => {
                let text = crate::ec2::wire::answer(action, output, request_id);
                Reply::new(StatusCode::OK, "text/xml;charset=UTF-8", text)
            }
            Protocol::Rest | Protocol::Xml | Protocol::Unknown => rest::success(output),
        }
    }

    fn failure(self, error: &ServiceError, request_id: &str) -> Reply {
        match self {
            Protocol::Json10 => json::failure(json::VERSION_1_0, error),
            Protocol::Json11 | Protocol::Unknown => json::failure(json::VERSION_1_1, error),
            Protocol::Query(namespace) => query::failure(namespace, error, request_id),
            Protocol::Ec2Query => {
                let text = crate::ec2::wire::failure(error, request_id);
                Reply::new(error.status, "text/xml;charset=UTF-8", text)
            }
            Protocol::Rest => rest::failure(error),
            Protocol::Xml => query::object_failure(error, request_id),
        }
    }
}
