//! What moves a cluster: one task that waits for its next deadline or for a change, and lets it happen. While it waits it
//! holds no guard; whoever changes the cluster sends one along, so that time cannot jump past a new deadline.

use std::pin::pin;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedReceiver;
use virtual_time::{Clock, Work};

use super::Emr;
use super::lifecycle::Deadlines;
use crate::deadline;

/// Runs until the cluster has ended.
pub(super) async fn drive(
    emr: Arc<Emr>,
    cluster: String,
    mut changes: UnboundedReceiver<Work>,
    mut work: Work,
) {
    loop {
        let Some(deadlines) = emr.advance(&cluster) else {
            return;
        };
        // A change that came meanwhile may have moved the deadlines.
        if let Ok(change) = changes.try_recv() {
            work = change;
            continue;
        }
        work = tokio::select! {
            biased;
            change = changes.recv() => match change {
                Some(change) => change,
                None => return,
            },
            reached = wait(&emr.context.clock, deadlines, work) => reached,
        };
    }
}

async fn wait(clock: &Clock, deadlines: Deadlines, work: Work) -> Work {
    match (deadlines.active, deadlines.passive) {
        (Some(active), None) => deadline::reached(clock, active, work).await,
        (None, Some(passive)) => deadline::passed(clock, passive, work).await,
        (Some(active), Some(passive)) => either(clock, active, passive, work).await,
        (None, None) => {
            drop(work);
            std::future::pending().await
        }
    }
}

async fn either(clock: &Clock, active: Timestamp, passive: Timestamp, work: Work) -> Work {
    let mut active = pin!(clock.sleep_until(active));
    let mut passive = pin!(clock.passed(passive));
    // Polled once, the clock has noted both; only then may time jump.
    if let std::task::Poll::Ready(reached) = futures::poll!(&mut active) {
        return reached;
    }
    if let std::task::Poll::Ready(reached) = futures::poll!(&mut passive) {
        return reached;
    }
    drop(work);
    tokio::select! {
        biased;
        reached = active => reached,
        reached = passive => reached,
    }
}
