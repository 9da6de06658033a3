//! Ctrl-C and SIGTERM: the first one asks for a clean end, the second one ends the process at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::Exit;

/// Becomes true at the first signal. The second one gives the terminal its cursor back and exits with 130.
pub(crate) fn watch_for_stop() -> std::io::Result<watch::Receiver<bool>> {
    let (sender, receiver) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
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
