//! The one port: finds the service that a request is for, lets the interceptor have its say, and answers in the
//! service's protocol. [`crate::Services::call`] and [`crate::Services::serve`] come here.

use std::sync::Arc;

use crate::services::Services;

/// The body of requests and responses.
pub type Body = axum::body::Body;

/// The connection ended without an answer; the effect may have taken place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("connection lost before a response")]
pub struct ConnectionLost;

pub(crate) async fn answer(
    _services: &Services,
    _request: http::Request<Body>,
) -> Result<http::Response<Body>, ConnectionLost> {
    Err(ConnectionLost)
}

pub(crate) async fn serve(
    _services: Arc<Services>,
    _listener: tokio::net::TcpListener,
    stop: impl Future<Output = ()> + Send,
) -> std::io::Result<()> {
    stop.await;
    Ok(())
}
