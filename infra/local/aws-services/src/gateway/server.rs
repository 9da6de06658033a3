//! The socket: HTTP/1.1 connections on loopback, each request answered by the gateway; a lost response closes its
//! connection; a stop lets requests under way finish.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Body;
use crate::services::Services;

/// How long a stop waits for requests under way, in real time: a hanging one must not keep the process alive.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn serve(
    services: Arc<Services>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send,
) -> std::io::Result<()> {
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(Arc::clone(&services), stream, stopped.clone()));
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    // Out of file descriptors, most likely: connections that end will give some back.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    // Nobody listening any more is fine.
    let _ = stopping.send(true);
    let all_done = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(PATIENCE, all_done).await.is_err() {
        tracing::warn!("requests were still under way when the gateway stopped");
    }
    Ok(())
}

async fn converse(services: Arc<Services>, stream: TcpStream, mut stopped: watch::Receiver<bool>) {
    // Small answers must not wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let services = Arc::clone(&services);
        async move { super::answer(&services, request.map(Body::new)).await }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        // Either it stops, or whoever could stop it is gone. The value that comes with it must not live on here.
        () = async { drop(stopped.wait_for(|stopped| *stopped).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    match ended {
        Ok(()) => {}
        Err(error) => tracing::debug!(%error, "connection ended"),
    }
}

fn is_about_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}
