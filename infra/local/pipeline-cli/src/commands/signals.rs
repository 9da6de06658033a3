//! Ctrl-C and SIGTERM: the first one asks for a clean end, the second one ends the process at once.

use std::time::{Duration, Instant};

use anyhow::anyhow;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{Complaint, Exit};

/// `timeout` and process managers signal a process and then its group: one wish, two signals.
const SAME: Duration = Duration::from_millis(500);

/// Becomes true at the first signal. The second one gives the terminal its cursor back and exits with 130.
pub(crate) fn watch_for_stop() -> Result<watch::Receiver<bool>, Complaint> {
    let (sender, receiver) = watch::channel(false);
    let refused = |error| Complaint::failed(anyhow!("cannot listen for Ctrl-C: {error}"), "");
    let mut terminate = signal(SignalKind::terminate()).map_err(refused)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
    tokio::spawn(async move {
        let mut first = None;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if let Some(first) = first {
                if Instant::now().duration_since(first) < SAME {
                    continue;
                }
                let term = console::Term::stdout();
                if term.is_term() {
                    let _ = term.show_cursor();
                }
                eprintln!("\nstopped at once; the next run recovers what this one left");
                std::process::exit(Exit::Interrupted as i32);
            }
            first = Some(Instant::now());
            // The command may have ended meanwhile; then nobody listens.
            let _ = sender.send(true);
        }
    });
    Ok(receiver)
}

/// Resolves at the first signal; never, if the one who watches has gone.
pub(crate) async fn stopped(mut watch: watch::Receiver<bool>) {
    if watch.wait_for(|stopped| *stopped).await.is_err() {
        std::future::pending::<()>().await;
    }
}
