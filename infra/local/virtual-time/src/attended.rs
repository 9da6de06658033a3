//! A future that holds a guard exactly while it can go on. Whoever runs somebody's code in this process (a function's
//! handler) wraps it, and need not know what the code waits for: a call holds its own guard, a pause lets time jump.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

use crate::clock::{Clock, Work};

/// Ends with the output and the guard that it was polled under last. Everything that it waits for must be woken by
/// somebody who holds a guard, as is true of everything in this process but sockets.
pub struct Attended<F> {
    future: Pin<Box<F>>,
    attention: Arc<Attention>,
}

impl<F> std::fmt::Debug for Attended<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Attended")
    }
}

/// The guard from the moment at which the future is woken to the moment at which it is polled.
struct Attention {
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    work: Option<Work>,
    /// The task to wake; nothing before the first poll and after the end.
    task: Option<Waker>,
    over: bool,
}

impl Clock {
    /// Wraps a future so that it holds a guard while it can go on, and none while it waits. It begins with `work`.
    pub fn attended<F: Future>(&self, future: F, work: Work) -> Attended<F> {
        let state = State {
            work: Some(work),
            task: None,
            over: false,
        };
        Attended {
            future: Box::pin(future),
            attention: Arc::new(Attention {
                clock: self.clone(),
                state: Mutex::new(state),
            }),
        }
    }
}

impl Wake for Attention {
    fn wake(self: Arc<Self>) {
        let task = {
            let mut state = self.state.lock();
            if state.over {
                return;
            }
            if state.work.is_none() {
                state.work = Some(self.clock.work());
            }
            state.task.clone()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl<F: Future> Future for Attended<F> {
    type Output = (F::Output, Work);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let attention = Arc::clone(&self.attention);
        let held = {
            let mut state = attention.state.lock();
            state.task = Some(context.waker().clone());
            state.work.take()
        };
        // Polled without having been woken, as by a neighbour in the same task.
        let held = held.unwrap_or_else(|| attention.clock.work());
        let waker = Waker::from(Arc::clone(&attention));
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => {
                drop(attention.end());
                Poll::Ready((output, held))
            }
            Poll::Pending => {
                // Outside of the lock: letting go may wake this very future.
                drop(held);
                Poll::Pending
            }
        }
    }
}

impl Attention {
    fn end(&self) -> Option<Work> {
        let mut state = self.state.lock();
        state.over = true;
        state.task = None;
        state.work.take()
    }
}

impl<F> Drop for Attended<F> {
    fn drop(&mut self) {
        // Wakers may live on in what the future waited for; they must not keep the time.
        drop(self.attention.end());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::{SignedDuration, Timestamp};

    use super::*;

    fn clock() -> (Clock, Timestamp) {
        let start = "2026-11-21T02:00:00Z".parse().unwrap();
        (Clock::simulated_from(start), start)
    }

    #[tokio::test]
    async fn a_pause_within_an_attended_future_lets_time_jump() {
        let (clock, start) = clock();
        let inner = clock.clone();
        let pausing = async move { drop(inner.sleep(Duration::from_secs(60)).await) };
        let ((), work) = clock.attended(pausing, clock.work()).await;
        assert_eq!(clock.now(), start + SignedDuration::from_secs(60));
        drop(work);
    }

    #[tokio::test]
    async fn time_stands_still_between_the_wake_and_the_poll_of_an_attended_future() {
        let (clock, start) = clock();
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let attended = tokio::spawn(clock.attended(receiver, clock.work()));
        tokio::task::yield_now().await;
        let work = clock.work();
        sender.send(()).unwrap();
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { drop(clock.sleep(Duration::from_secs(3600)).await) }
        });
        drop(work);
        assert_eq!(
            clock.now(),
            start,
            "the attended future has not gone on yet"
        );
        let (_, work) = attended.await.unwrap();
        assert_eq!(clock.now(), start);
        drop(work);
        sleeper.await.unwrap();
        assert_eq!(clock.now(), start + SignedDuration::from_hours(1));
    }

    #[tokio::test]
    async fn an_attended_future_that_is_given_up_keeps_no_guard() {
        let (clock, start) = clock();
        let attended = clock.attended(std::future::pending::<()>(), clock.work());
        drop(attended);
        drop(clock.sleep(Duration::from_secs(5)).await);
        assert_eq!(clock.now(), start + SignedDuration::from_secs(5));
    }
}
