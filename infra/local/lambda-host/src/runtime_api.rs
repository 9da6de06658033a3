//! The Runtime API of Lambda (2018-06-01) as a small route table. Every execution environment has its own loopback port,
//! because `AWS_LAMBDA_RUNTIME_API` is a bare `host:port` on Lambda and runtimes may rely on that.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::{get, post};
use bytes::Bytes;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::function::{FunctionError, PAYLOAD_LIMIT};

/// An event on its way to the process.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) request_id: String,
    pub(crate) invoked_arn: String,
    pub(crate) trace_id: String,
    /// Milliseconds since 1970 by the wall clock, which is the only clock that the process has.
    pub(crate) deadline_ms: i64,
    pub(crate) payload: Bytes,
}

/// What the process has told the host.
#[derive(Debug)]
pub(crate) enum Told {
    /// It asked for the next event.
    Ready,
    /// It answered the present event.
    Answered(Bytes),
    /// It failed at the present event; the payload is the error document.
    Failed {
        error: FunctionError,
        payload: Bytes,
    },
    /// It could not start.
    InitFailed {
        error: FunctionError,
        payload: Bytes,
    },
}

/// The Runtime API of one environment, while it is being served.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    pub(crate) deliveries: mpsc::UnboundedSender<Delivery>,
    pub(crate) told: mpsc::UnboundedReceiver<Told>,
    server: JoinHandle<()>,
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Exchange {
    inbox: tokio::sync::Mutex<mpsc::UnboundedReceiver<Delivery>>,
    told: mpsc::UnboundedSender<Told>,
    /// The event that was handed out and not yet answered.
    present: Mutex<Option<String>>,
}

#[derive(Deserialize)]
struct ErrorDocument {
    #[serde(rename = "errorType")]
    error_type: Option<String>,
    #[serde(rename = "errorMessage")]
    error_message: Option<String>,
}

impl RuntimeApi {
    /// Opens a loopback port and serves it until the value is dropped.
    pub(crate) async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (deliveries, inbox) = mpsc::unbounded_channel();
        let (sender, told) = mpsc::unbounded_channel();
        let exchange = Arc::new(Exchange {
            inbox: tokio::sync::Mutex::new(inbox),
            told: sender,
            present: Mutex::new(None),
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{request_id}/response",
                post(response),
            )
            .route(
                "/2018-06-01/runtime/invocation/{request_id}/error",
                post(error),
            )
            .route("/2018-06-01/runtime/init/error", post(init_error))
            // Larger than any allowed answer, so that the size is judged by us and told to the caller.
            .layer(DefaultBodyLimit::max(8 * PAYLOAD_LIMIT))
            .with_state(exchange);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::debug!(%error, "the Runtime API stopped");
            }
        });
        Ok(Self {
            address,
            deliveries,
            told,
            server,
        })
    }
}

async fn next(State(exchange): State<Arc<Exchange>>) -> Response<Body> {
    exchange.tell(Told::Ready);
    let Some(delivery) = exchange.inbox.lock().await.recv().await else {
        return refusal(
            StatusCode::GONE,
            "Extension.Shutdown",
            "the environment is being shut down",
        );
    };
    *exchange.present.lock() = Some(delivery.request_id.clone());
    let answer = Response::builder()
        .header(header::CONTENT_TYPE, "application/json")
        .header("lambda-runtime-aws-request-id", delivery.request_id)
        .header("lambda-runtime-deadline-ms", delivery.deadline_ms)
        .header("lambda-runtime-invoked-function-arn", delivery.invoked_arn)
        .header("lambda-runtime-trace-id", delivery.trace_id)
        .body(Body::from(delivery.payload));
    answer.unwrap_or_else(|problem| {
        refusal(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerError",
            &problem.to_string(),
        )
    })
}

async fn response(
    State(exchange): State<Arc<Exchange>>,
    Path(request_id): Path<String>,
    payload: Bytes,
) -> Response<Body> {
    if !exchange.finish(&request_id) {
        return unknown_request(&request_id);
    }
    if payload.len() > PAYLOAD_LIMIT {
        let error = FunctionError {
            error_type: "Function.ResponseSizeTooLarge".to_owned(),
            error_message: format!(
                "Response payload size ({} bytes) exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes).",
                payload.len()
            ),
        };
        let answer = refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            &error.error_message,
        );
        let payload = document(&error);
        exchange.tell(Told::Failed { error, payload });
        return answer;
    }
    exchange.tell(Told::Answered(payload));
    accepted()
}

async fn error(
    State(exchange): State<Arc<Exchange>>,
    Path(request_id): Path<String>,
    headers: HeaderMap,
    payload: Bytes,
) -> Response<Body> {
    if !exchange.finish(&request_id) {
        return unknown_request(&request_id);
    }
    let error = read_error(&headers, &payload, "Runtime.UnknownReason");
    exchange.tell(Told::Failed { error, payload });
    accepted()
}

async fn init_error(
    State(exchange): State<Arc<Exchange>>,
    headers: HeaderMap,
    payload: Bytes,
) -> Response<Body> {
    let error = read_error(&headers, &payload, "Runtime.InitError");
    exchange.tell(Told::InitFailed { error, payload });
    accepted()
}

impl Exchange {
    fn tell(&self, told: Told) {
        // Nobody listens any more only when the environment is being dropped.
        let _ = self.told.send(told);
    }

    /// Whether `request_id` is the present event; it is then done with.
    fn finish(&self, request_id: &str) -> bool {
        let mut present = self.present.lock();
        let known = present.as_deref() == Some(request_id);
        if known {
            *present = None;
        }
        known
    }
}

/// The error document as Lambda returns it for errors that the host itself finds.
pub(crate) fn document(error: &FunctionError) -> Bytes {
    let text =
        serde_json::json!({ "errorType": error.error_type, "errorMessage": error.error_message });
    Bytes::from(text.to_string())
}

fn read_error(headers: &HeaderMap, payload: &[u8], otherwise: &str) -> FunctionError {
    let header = headers
        .get("lambda-runtime-function-error-type")
        .and_then(|value| value.to_str().ok());
    let document: Option<ErrorDocument> = serde_json::from_slice(payload).ok();
    let (error_type, error_message) = match document {
        Some(document) => (document.error_type, document.error_message),
        None => (None, Some(String::from_utf8_lossy(payload).into_owned())),
    };
    FunctionError {
        error_type: error_type
            .or_else(|| header.map(str::to_owned))
            .unwrap_or_else(|| otherwise.to_owned()),
        error_message: error_message.unwrap_or_default(),
    }
}

fn accepted() -> Response<Body> {
    let mut answer = Response::new(Body::from(r#"{"status":"OK"}"#));
    *answer.status_mut() = StatusCode::ACCEPTED;
    answer
}

fn unknown_request(request_id: &str) -> Response<Body> {
    let message = format!("{request_id} is not the event that was handed out last");
    refusal(StatusCode::BAD_REQUEST, "InvalidRequestID", &message)
}

fn refusal(status: StatusCode, error_type: &str, error_message: &str) -> Response<Body> {
    let text = serde_json::json!({ "errorType": error_type, "errorMessage": error_message });
    let mut answer = Response::new(Body::from(text.to_string()));
    *answer.status_mut() = status;
    answer
}
