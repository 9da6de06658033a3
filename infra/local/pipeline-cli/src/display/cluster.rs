//! One EMR cluster as the screen knows it: its states, workers and steps in pipeline time, and what of that was paid for.
//! Part of the `View`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// A cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// `j-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Every state with the time when it began, the oldest first.
    pub states: Vec<(Timestamp, String)>,
    /// EMR's reason for the last change; may be empty.
    pub reason: String,
    /// Running instances by fleet type.
    pub running: BTreeMap<String, usize>,
    /// Instances on their way, by fleet type.
    pub provisioning: BTreeMap<String, usize>,
    /// When workers were on their way: begin and end of each time.
    pub resizes: Vec<(Timestamp, Option<Timestamp>)>,
    /// In the order of their submission.
    pub steps: Vec<Step>,
}

/// A step.
#[derive(Debug, Clone)]
pub struct Step {
    /// `s-…`.
    pub id: String,
    /// As it was submitted.
    pub name: String,
    /// PENDING, RUNNING, COMPLETED, CANCELLED, FAILED, INTERRUPTED or CANCEL_PENDING.
    pub state: String,
    /// When it was submitted.
    pub submitted: Timestamp,
    /// When it began to run.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it failed; else empty.
    pub reason: String,
    /// Rows written, when the command counts them.
    pub rows: Option<u64>,
    /// The last line that it reported.
    pub message: String,
}

/// How the paid time of a cluster was spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Paid {
    /// From the launch to the end.
    pub total: SignedDuration,
    /// EMR brought the cluster up.
    pub starting: SignedDuration,
    /// At least one step ran or was about to.
    pub working: SignedDuration,
    /// The cluster was ready, and neither steps nor new workers were on their way.
    pub idle: SignedDuration,
    /// EMR took the cluster down.
    pub ending: SignedDuration,
}

impl Paid {
    /// The share of the paid time in which EMR did something (started, ran a step, resized, ended); 1 for a cluster that cost nothing.
    pub fn busy_share(&self) -> f64 {
        share(self.total - self.idle, self.total)
    }

    /// The share of the paid time in which a step ran.
    pub fn step_share(&self) -> f64 {
        share(self.working, self.total)
    }
}

fn share(part: SignedDuration, whole: SignedDuration) -> f64 {
    if whole.is_zero() {
        return 1.0;
    }
    part.as_secs_f64() / whole.as_secs_f64()
}

impl Cluster {
    /// A cluster that has just been heard of.
    pub fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            states: Vec::new(),
            reason: String::new(),
            running: BTreeMap::new(),
            provisioning: BTreeMap::new(),
            resizes: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Its present state.
    pub fn state(&self) -> &str {
        self.states.last().map_or("STARTING", |(_, state)| state)
    }

    /// Whether it still costs money.
    pub fn is_alive(&self) -> bool {
        !is_gone(self.state())
    }

    /// Takes in a change of state.
    pub fn change(&mut self, at: Timestamp, state: &str, reason: &str) {
        self.states.push((at, state.to_owned()));
        self.reason = reason.to_owned();
        if is_gone(state) {
            self.provisioning.clear();
            self.running.clear();
            self.close_resize(at);
        }
    }

    /// Takes in how many instances there are.
    pub fn resize(
        &mut self,
        at: Timestamp,
        running: &BTreeMap<String, usize>,
        provisioning: &BTreeMap<String, usize>,
    ) {
        self.running = running.clone();
        self.provisioning = provisioning.clone();
        let growing = self.is_ready() && provisioning.values().sum::<usize>() > 0;
        let open = matches!(self.resizes.last(), Some((_, None)));
        match (growing, open) {
            (true, false) => self.resizes.push((at, None)),
            (false, true) => self.close_resize(at),
            _ => {}
        }
    }

    /// The step of that id, which is added if it is new.
    pub fn step(&mut self, at: Timestamp, id: &str, name: &str) -> &mut Step {
        let index = match self.steps.iter().position(|step| step.id == id) {
            Some(index) => index,
            None => {
                self.steps.push(Step {
                    id: id.to_owned(),
                    name: name.to_owned(),
                    state: "PENDING".to_owned(),
                    submitted: at,
                    started: None,
                    ended: None,
                    reason: String::new(),
                    rows: None,
                    message: String::new(),
                });
                self.steps.len() - 1
            }
        };
        &mut self.steps[index]
    }

    /// When it was launched.
    pub fn launched(&self) -> Option<Timestamp> {
        self.states.first().map(|(at, _)| *at)
    }

    /// When it first could run steps.
    pub fn ready(&self) -> Option<Timestamp> {
        self.began(|state| matches!(state, "RUNNING" | "WAITING"))
    }

    /// When it began to go down.
    pub fn ending(&self) -> Option<Timestamp> {
        self.began(|state| state == "TERMINATING" || is_gone(state))
    }

    /// When it was gone.
    pub fn gone(&self) -> Option<Timestamp> {
        self.began(is_gone)
    }

    /// How its paid time was spent, up to now if it is still alive.
    pub fn paid(&self, now: Timestamp) -> Paid {
        let Some(launched) = self.launched() else {
            return Paid::default();
        };
        let end = self.gone().unwrap_or(now);
        let ending = self.ending().unwrap_or(end);
        let ready = self.ready().unwrap_or(ending);
        let mut busy = self.work(end);
        let working = covered(&busy, ready, ending);
        busy.extend(
            self.resizes
                .iter()
                .map(|(from, to)| (*from, to.unwrap_or(end))),
        );
        Paid {
            total: end.duration_since(launched),
            starting: ready.duration_since(launched),
            working,
            idle: ending.duration_since(ready) - covered(&busy, ready, ending),
            ending: end.duration_since(ending),
        }
    }

    /// The spans in which the cluster had steps to run: from a step's submission, since EMR needs a while to begin one.
    pub fn work(&self, now: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let span = |step: &Step| (step.submitted, step.ended.unwrap_or(now));
        self.steps.iter().map(span).collect()
    }

    fn began(&self, is: impl Fn(&str) -> bool) -> Option<Timestamp> {
        self.states
            .iter()
            .find(|(_, state)| is(state))
            .map(|(at, _)| *at)
    }

    fn is_ready(&self) -> bool {
        matches!(self.state(), "RUNNING" | "WAITING")
    }

    fn close_resize(&mut self, at: Timestamp) {
        if let Some((_, end @ None)) = self.resizes.last_mut() {
            *end = Some(at);
        }
    }
}

impl Step {
    /// Takes in a change of state.
    pub fn change(&mut self, at: Timestamp, state: &str, reason: &str) {
        self.state = state.to_owned();
        if !reason.is_empty() {
            self.reason = reason.to_owned();
        }
        match state {
            "RUNNING" => self.started = self.started.or(Some(at)),
            "COMPLETED" | "CANCELLED" | "FAILED" | "INTERRUPTED" => {
                self.ended = self.ended.or(Some(at))
            }
            _ => {}
        }
    }

    /// The name without the token of the run that submitted it, and without the batch, which is the same for all:
    /// `load fact transfer 2026-11-21T02-00-00Z [0f3a…]` is `load fact transfer`.
    pub fn short_name(&self) -> &str {
        let name = self
            .name
            .split(" [")
            .next()
            .unwrap_or(&self.name)
            .trim_end();
        match name.rsplit_once(' ') {
            Some((short, _))
                if short.split(' ').count() == 3
                    && ACTIONS.iter().any(|action| short.starts_with(action)) =>
            {
                short
            }
            _ => name,
        }
    }

    /// Whether it ended badly.
    pub fn failed(&self) -> bool {
        matches!(self.state.as_str(), "FAILED" | "INTERRUPTED" | "CANCELLED")
    }

    /// How long it has run.
    pub fn took(&self, now: Timestamp) -> Option<SignedDuration> {
        self.started
            .map(|started| self.ended.unwrap_or(now).duration_since(started))
    }
}

/// How the pipeline's own steps begin; they go on with kind, table and batch.
const ACTIONS: [&str; 3] = ["stage ", "load ", "archive "];

fn is_gone(state: &str) -> bool {
    matches!(state, "TERMINATED" | "TERMINATED_WITH_ERRORS")
}

/// How much of `from..to` the spans cover; spans may overlap.
fn covered(spans: &[(Timestamp, Timestamp)], from: Timestamp, to: Timestamp) -> SignedDuration {
    let mut spans: Vec<_> = spans
        .iter()
        .map(|(start, end)| ((*start).max(from), (*end).min(to)))
        .collect();
    spans.sort();
    let mut total = SignedDuration::ZERO;
    let mut reached = from;
    for (start, end) in spans {
        let start = start.max(reached);
        if end > start {
            total += end.duration_since(start);
            reached = end;
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn cluster() -> Cluster {
        let mut cluster = Cluster::new("j-1", "nightly");
        cluster.change(at(0), "STARTING", "");
        cluster.change(at(240), "BOOTSTRAPPING", "");
        cluster.change(at(300), "WAITING", "");
        cluster
    }

    fn ran(cluster: &mut Cluster, id: &str, from: i64, to: i64) {
        cluster
            .step(at(from), id, id)
            .change(at(from), "RUNNING", "");
        cluster.step(at(to), id, id).change(at(to), "COMPLETED", "");
    }

    #[test]
    fn a_cluster_that_never_became_ready_did_no_work_and_was_not_idle() {
        let mut cluster = Cluster::new("j-1", "nightly");
        cluster.change(at(0), "STARTING", "");
        cluster.change(at(90), "TERMINATED_WITH_ERRORS", "no capacity");
        let paid = cluster.paid(at(500));
        assert_eq!(
            (
                paid.total.as_secs(),
                paid.idle.as_secs(),
                paid.working.as_secs()
            ),
            (90, 0, 0)
        );
    }

    #[test]
    fn steps_at_the_same_time_are_work_once_and_gaps_are_idle() {
        let mut cluster = cluster();
        ran(&mut cluster, "s-1", 310, 400);
        ran(&mut cluster, "s-2", 350, 420);
        ran(&mut cluster, "s-3", 440, 500);
        cluster.change(at(500), "TERMINATING", "");
        cluster.change(at(560), "TERMINATED", "");
        let paid = cluster.paid(at(9999));
        assert_eq!(paid.total.as_secs(), 560);
        assert_eq!(paid.starting.as_secs(), 300);
        assert_eq!(paid.working.as_secs(), 110 + 60);
        assert_eq!(paid.idle.as_secs(), 10 + 20);
        assert_eq!(paid.ending.as_secs(), 60);
        assert!((paid.busy_share() - 530.0 / 560.0).abs() < 1e-9);
    }

    #[test]
    fn a_step_that_waits_to_begin_and_workers_on_their_way_are_not_idle_time() {
        let mut cluster = cluster();
        cluster.step(at(310), "s-1", "s-1");
        ran(&mut cluster, "s-1", 340, 400);
        let fleet = |count| BTreeMap::from([("TASK".to_owned(), count)]);
        cluster.resize(at(400), &fleet(0), &fleet(1));
        cluster.resize(at(450), &fleet(1), &fleet(0));
        cluster.change(at(460), "TERMINATING", "");
        let paid = cluster.paid(at(460));
        assert_eq!((paid.working.as_secs(), paid.idle.as_secs()), (90, 20));
    }

    #[test]
    fn a_living_cluster_is_paid_for_until_now() {
        assert_eq!(cluster().paid(at(400)).total.as_secs(), 400);
        assert!(cluster().is_alive());
    }

    #[test]
    fn workers_on_their_way_after_the_start_are_a_resize() {
        let mut cluster = cluster();
        let fleet = |count| BTreeMap::from([("TASK".to_owned(), count)]);
        cluster.resize(at(310), &fleet(0), &fleet(2));
        cluster.resize(at(490), &fleet(2), &fleet(0));
        assert_eq!(cluster.resizes, [(at(310), Some(at(490)))]);
    }

    #[test]
    fn the_token_and_the_batch_of_a_step_are_not_shown() {
        let mut cluster = cluster();
        let mut short = |name| cluster.step(at(1), name, name).short_name().to_owned();
        assert_eq!(
            short("load fact transfer 2026-11-21T02-00-00Z [0f3a]"),
            "load fact transfer"
        );
        assert_eq!(
            short("compact the old partitions now [0f3a]"),
            "compact the old partitions now"
        );
    }
}
