//! Pipeline time. Services, the function host and the command line read and wait on this clock and on no other.
//!
//! Virtual time flows at the real rate while anybody holds a [`Work`] guard, and jumps to the next deadline as soon as
//! nobody does. A wait of a minute therefore costs nothing, and real work is measured and added.
//!
//! The rule that makes this right: **custody of work is never broken**. Whoever causes something to happen holds a guard
//! until the one who carries on holds another (send it inside the message). Never await a deadline while holding one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// A shared clock. Clones show the same time.
#[derive(Clone)]
pub struct Clock {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Clock({:?}, {})", self.inner.mode, self.now())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Real,
    Virtual,
    Simulated,
}

struct Inner {
    mode: Mode,
    state: Mutex<State>,
}

struct State {
    /// The time when the clock last stood still.
    base: Timestamp,
    /// Since when time has been flowing, in real time; `None` while it stands still.
    flowing_since: Option<Instant>,
    guards: usize,
    sequence: u64,
    /// Deadlines that idle time jumps to.
    deadlines: BTreeMap<(Timestamp, u64), oneshot::Sender<Work>>,
    /// Deadlines that are met when time passes them, but never pull it.
    passive: BTreeMap<(Timestamp, u64), oneshot::Sender<Work>>,
}

impl State {
    fn now(&self) -> Timestamp {
        match self.flowing_since {
            Some(since) => {
                self.base + SignedDuration::try_from(since.elapsed()).unwrap_or_default()
            }
            None => self.base,
        }
    }
}

/// While it lives, something is being done, and virtual time flows at the real rate instead of jumping.
pub struct Work {
    clock: Option<Clock>,
}

impl std::fmt::Debug for Work {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Work")
    }
}

impl Clone for Work {
    fn clone(&self) -> Self {
        match &self.clock {
            Some(clock) => clock.work(),
            None => Work { clock: None },
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(clock) = self.clock.take() {
            clock.release();
        }
    }
}

impl Clock {
    /// Wall-clock time; waits really wait.
    pub fn real() -> Self {
        Self::new(Mode::Real, Timestamp::now())
    }

    /// Virtual time from `start`: waits jump, work is measured and added.
    pub fn virtual_from(start: Timestamp) -> Self {
        Self::new(Mode::Virtual, start)
    }

    /// Simulated time from `start`: waits jump, work costs nothing, so that a run does not depend on the machine's speed.
    pub fn simulated_from(start: Timestamp) -> Self {
        Self::new(Mode::Simulated, start)
    }

    fn new(mode: Mode, start: Timestamp) -> Self {
        let state = State {
            base: start,
            flowing_since: None,
            guards: 0,
            sequence: 0,
            deadlines: BTreeMap::new(),
            passive: BTreeMap::new(),
        };
        Self {
            inner: Arc::new(Inner {
                mode,
                state: Mutex::new(state),
            }),
        }
    }

    /// The present pipeline time.
    pub fn now(&self) -> Timestamp {
        match self.inner.mode {
            Mode::Real => Timestamp::now(),
            _ => self.inner.state.lock().now(),
        }
    }

    /// Whether waits really wait.
    pub fn is_real(&self) -> bool {
        self.inner.mode == Mode::Real
    }

    /// Declares that something is being done until the guard is dropped.
    pub fn work(&self) -> Work {
        if self.inner.mode == Mode::Real {
            return Work { clock: None };
        }
        let mut state = self.inner.state.lock();
        state.guards += 1;
        if state.guards == 1 && self.inner.mode == Mode::Virtual {
            state.flowing_since = Some(Instant::now());
        }
        Work {
            clock: Some(self.clone()),
        }
    }

    /// Waits until pipeline time has reached `deadline`; idle time jumps to it. The guard that comes back keeps the time
    /// from jumping on before the caller has acted. Deadlines of the same instant come back one after another, in the
    /// order in which they were set.
    pub async fn sleep_until(&self, deadline: Timestamp) -> Work {
        self.wait(deadline, false).await
    }

    /// As [`Clock::sleep_until`], from now.
    pub async fn sleep(&self, duration: Duration) -> Work {
        self.sleep_until(self.after(duration)).await
    }

    /// Waits until time has passed `deadline` for other reasons: idle time does not jump to it. For schedules and idle
    /// timeouts, which would otherwise pull a resting virtual clock on for ever.
    pub async fn passed(&self, deadline: Timestamp) -> Work {
        self.wait(deadline, true).await
    }

    /// The time `duration` from now.
    pub fn after(&self, duration: Duration) -> Timestamp {
        let span = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        self.now().checked_add(span).unwrap_or(Timestamp::MAX)
    }

    /// Sets an alarm at once, while the caller still holds a guard. It can be called off, which takes effect at once too:
    /// a timeout that is no longer wanted must not pull the clock to it.
    pub fn alarm(&self, deadline: Timestamp) -> Alarm {
        let (sender, receiver) = oneshot::channel();
        let key = (self.inner.mode != Mode::Real).then(|| {
            let mut state = self.inner.state.lock();
            state.sequence += 1;
            let key = (deadline, state.sequence);
            state.deadlines.insert(key, sender);
            key
        });
        Alarm {
            clock: self.clone(),
            deadline,
            ticket: Ticket(key),
            receiver,
        }
    }

    /// Calls an alarm off. One that has gone off already is not affected.
    pub fn call_off(&self, ticket: Ticket) {
        if let Some(key) = ticket.0 {
            self.inner.state.lock().deadlines.remove(&key);
        }
    }

    async fn wait(&self, deadline: Timestamp, passive: bool) -> Work {
        if self.inner.mode == Mode::Real {
            let span = deadline.duration_since(Timestamp::now());
            tokio::time::sleep(Duration::try_from(span).unwrap_or_default()).await;
            return Work { clock: None };
        }
        let (sender, receiver) = oneshot::channel();
        let idle = {
            let mut state = self.inner.state.lock();
            state.sequence += 1;
            let key = (deadline, state.sequence);
            let queue = if passive {
                &mut state.passive
            } else {
                &mut state.deadlines
            };
            queue.insert(key, sender);
            state.guards == 0
        };
        if idle {
            self.jump();
        }
        match receiver.await {
            Ok(work) => work,
            // The clock itself keeps the sender, so this is reached only while the process is being torn down.
            Err(_) => std::future::pending().await,
        }
    }

    fn release(&self) {
        {
            let mut state = self.inner.state.lock();
            state.guards -= 1;
            if state.guards > 0 {
                return;
            }
            state.base = state.now();
            state.flowing_since = None;
        }
        self.jump();
    }

    /// Hands a guard to the next waiter, with the clock at its deadline. Does nothing while anybody works.
    fn jump(&self) {
        loop {
            let sender = {
                let mut state = self.inner.state.lock();
                if state.guards > 0 {
                    return;
                }
                let Some((key, sender)) = next_waiter(&mut state) else {
                    return;
                };
                state.base = state.base.max(key.0);
                state.guards = 1;
                if self.inner.mode == Mode::Virtual {
                    state.flowing_since = Some(Instant::now());
                }
                sender
            };
            let work = Work {
                clock: Some(self.clone()),
            };
            match sender.send(work) {
                Ok(()) => return,
                Err(mut abandoned) => {
                    // The waiter has gone away: take its guard back and look at the next one.
                    abandoned.clock = None;
                    let mut state = self.inner.state.lock();
                    state.guards -= 1;
                    if state.guards > 0 {
                        return;
                    }
                    state.base = state.now();
                    state.flowing_since = None;
                }
            }
        }
    }
}

/// An alarm that has been set.
#[derive(Debug)]
pub struct Alarm {
    clock: Clock,
    deadline: Timestamp,
    ticket: Ticket,
    receiver: oneshot::Receiver<Work>,
}

/// What an alarm is called off with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(Option<(Timestamp, u64)>);

impl Alarm {
    /// What it is called off with.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Waits until it goes off; never, if it is called off. The caller must have let go of its guard.
    pub async fn rings(self) -> Work {
        if self.ticket.0.is_none() {
            return self.clock.wait(self.deadline, false).await;
        }
        match self.receiver.await {
            Ok(work) => work,
            Err(_) => std::future::pending().await,
        }
    }
}

/// The earliest deadline; a passive one counts only once time has reached it, or will on the way to the next active one.
fn next_waiter(state: &mut State) -> Option<((Timestamp, u64), oneshot::Sender<Work>)> {
    // Who has gone away must not move the time: a timeout that was called off would cost its whole span.
    for queue in [&mut state.deadlines, &mut state.passive] {
        while queue
            .first_key_value()
            .is_some_and(|(_, sender)| sender.is_closed())
        {
            queue.pop_first();
        }
    }
    let horizon = match state.deadlines.first_key_value() {
        Some((key, _)) => key.0.max(state.base),
        None => state.base,
    };
    let passive_is_first = match (
        state.passive.first_key_value(),
        state.deadlines.first_key_value(),
    ) {
        (Some((passive, _)), Some((active, _))) => passive.0 <= horizon && passive < active,
        (Some((passive, _)), None) => passive.0 <= horizon,
        (None, _) => false,
    };
    if passive_is_first {
        state.passive.pop_first()
    } else {
        state.deadlines.pop_first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Timestamp {
        "2026-11-21T02:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn idle_time_jumps_to_the_next_deadline() {
        let clock = Clock::simulated_from(start());
        let work = clock.sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.now(), start() + SignedDuration::from_hours(1));
        drop(work);
    }

    #[tokio::test]
    async fn time_does_not_jump_while_somebody_works() {
        let clock = Clock::simulated_from(start());
        let work = clock.work();
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { drop(clock.sleep(Duration::from_secs(60)).await) }
        });
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        assert_eq!(clock.now(), start());
        drop(work);
        sleeper.await.unwrap();
        assert_eq!(clock.now(), start() + SignedDuration::from_secs(60));
    }

    #[tokio::test]
    async fn a_passive_deadline_never_pulls_the_clock_but_is_met_on_the_way() {
        let clock = Clock::simulated_from(start());
        let passive = tokio::spawn({
            let clock = clock.clone();
            async move {
                let work = clock.passed(clock.after(Duration::from_secs(30))).await;
                let now = clock.now();
                drop(work);
                now
            }
        });
        tokio::task::yield_now().await;
        assert!(!passive.is_finished());
        drop(clock.sleep(Duration::from_secs(60)).await);
        assert_eq!(
            passive.await.unwrap(),
            start() + SignedDuration::from_secs(30)
        );
        assert_eq!(clock.now(), start() + SignedDuration::from_secs(60));
    }

    #[tokio::test]
    async fn an_abandoned_wait_does_not_stop_the_clock() {
        let clock = Clock::simulated_from(start());
        let work = clock.work();
        let abandoned = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(5)).await }
        });
        tokio::task::yield_now().await;
        abandoned.abort();
        let _ = abandoned.await;
        drop(work);
        drop(clock.sleep(Duration::from_secs(10)).await);
        assert_eq!(clock.now(), start() + SignedDuration::from_secs(10));
    }

    #[tokio::test]
    async fn a_wait_that_was_called_off_does_not_move_the_time() {
        let clock = Clock::simulated_from(start());
        let work = clock.work();
        let called_off = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(86_400)).await }
        });
        tokio::task::yield_now().await;
        called_off.abort();
        let _ = called_off.await;
        drop(work);
        assert_eq!(clock.now(), start());
    }

    #[tokio::test]
    async fn an_alarm_that_is_called_off_is_forgotten_at_once() {
        let clock = Clock::simulated_from(start());
        let work = clock.work();
        let alarm = clock.alarm(clock.after(Duration::from_secs(86_400)));
        let ticket = alarm.ticket();
        let waiting = tokio::spawn(alarm.rings());
        clock.call_off(ticket);
        drop(work);
        assert_eq!(clock.now(), start());
        waiting.abort();
    }

    #[tokio::test]
    async fn an_alarm_rings_at_its_time() {
        let clock = Clock::simulated_from(start());
        let work = clock.work();
        let alarm = clock.alarm(clock.after(Duration::from_secs(60)));
        drop(work);
        drop(alarm.rings().await);
        assert_eq!(clock.now(), start() + SignedDuration::from_secs(60));
    }

    #[tokio::test]
    async fn measured_work_is_added_to_virtual_time() {
        let clock = Clock::virtual_from(start());
        let work = clock.work();
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(3) {
            std::hint::spin_loop();
        }
        drop(work);
        assert!(clock.now() >= start() + SignedDuration::from_millis(3));
        let stopped = clock.now();
        assert_eq!(clock.now(), stopped);
    }
}
