//! Ctrl-C and SIGTERM: the first one asks for a clean end, the second one ends the process at once.

use anyhow::anyhow;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{Complaint, Exit};

/// Becomes true at the first signal. The second one gives the terminal its cursor back and exits with 130.
pub(crate) fn watch_for_stop() -> Result<watch::Receiver<bool>, Complaint> {
    let (sender, receiver) = watch::channel(false);
    let refused = |error| Complaint::failed(anyhow!("cannot listen for Ctrl-C: {error}"), "");
    let mut terminate = signal(SignalKind::terminate()).map_err(refused)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if *sender.borrow() {
                let _ = console::Term::stdout().show_cursor();
                eprintln!("\nstopped at once; the next run recovers what this one left");
                std::process::exit(Exit::Interrupted as i32);
            }
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
