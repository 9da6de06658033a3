//! Waiting without breaking the custody of work: the deadline is known to the clock before the guard is let go.

use std::pin::pin;

use jiff::Timestamp;
use virtual_time::{Clock, Work};

/// Waits until `deadline`. `work` is held until the clock knows the deadline, so that time cannot jump past it. Meant for
/// tasks that were spawned a moment ago and hold a guard from whoever spawned them.
pub async fn reached(clock: &Clock, deadline: Timestamp, work: Work) -> Work {
    let mut sleep = pin!(clock.sleep_until(deadline));
    // Polled once, the clock has noted the deadline.
    if let std::task::Poll::Ready(reached) = futures::poll!(&mut sleep) {
        return reached;
    }
    drop(work);
    sleep.await
}

/// As [`reached`], for a deadline that must not pull a resting clock.
pub async fn passed(clock: &Clock, deadline: Timestamp, work: Work) -> Work {
    let mut sleep = pin!(clock.passed(deadline));
    if let std::task::Poll::Ready(reached) = futures::poll!(&mut sleep) {
        return reached;
    }
    drop(work);
    sleep.await
}
