//! Carries out a schedule: answers for calls and functions, plans the faults of clusters, and sends moments (a state that is
//! entered, a time that is reached) to the [`crate::director`]. `run --faults` and the simulation put it into a runtime.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_services::emr::{Blow, Fault as ClusterFault, Moment, Role};
use aws_services::{Call, Interceptor, Observer, Occurrence, Origin, ServiceError, Verdict};
use embedded_runtime::{FunctionBlow, FunctionFaults, Runtime};
use http::StatusCode;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;
use virtual_time::{Clock, Work};

use crate::director::{self, Cue};
use crate::kind::{Kind, Target};
use crate::schedule::{Fault, Schedule};
use crate::sight::{Sight, Words, is_named, own_name};

/// A fault and how it went.
#[derive(Debug, Clone, Serialize)]
pub struct Struck {
    /// The fault, in one line.
    pub fault: String,
    /// Its kind.
    pub kind: Kind,
    /// What it struck and when; empty if it was never reached.
    pub hits: Vec<Hit>,
}

/// A fault that struck.
#[derive(Debug, Clone, Serialize)]
pub struct Hit {
    /// Pipeline time; `None` where only the cluster knows.
    pub at: Option<Timestamp>,
    /// What was struck.
    pub what: String,
    /// Where, for counting.
    pub sight: Sight,
}

/// Carries out one schedule on one runtime.
pub struct Injector {
    next: Arc<dyn Observer>,
    state: Mutex<State>,
}

struct State {
    armed: Vec<Armed>,
    stage: Option<Stage>,
    /// State machines of executions, by ARN.
    machines: BTreeMap<String, String>,
    running: BTreeSet<String>,
    /// Everything that was seen, and how often.
    seen: BTreeMap<Sight, u32>,
    steps: BTreeSet<String>,
}

struct Stage {
    clock: Clock,
    began: Timestamp,
    cues: UnboundedSender<(Cue, Work)>,
}

struct Armed {
    fault: Fault,
    /// How many things fitted.
    fitting: u32,
    hits: Vec<Hit>,
    /// Its cause has been found and removed.
    mended: bool,
}

impl Armed {
    /// Counts a thing that fits; whether the fault strikes it.
    fn strikes(&mut self) -> bool {
        self.fitting += 1;
        if self.mended {
            return false;
        }
        let first = self.fault.nth.unwrap_or(1);
        let last = first.saturating_add(self.fault.times.unwrap_or(1) - 1);
        (first..=last).contains(&self.fitting)
    }
}

impl Injector {
    /// Carries out `schedule`, once armed; everything that is observed is passed on to `next`.
    pub fn new(schedule: &Schedule, next: Arc<dyn Observer>) -> Arc<Self> {
        let armed = |fault: &Fault| Armed {
            fault: fault.clone(),
            fitting: 0,
            hits: Vec::new(),
            mended: false,
        };
        Arc::new(Self {
            next,
            state: Mutex::new(State {
                armed: schedule.faults.iter().map(armed).collect(),
                stage: None,
                machines: BTreeMap::new(),
                running: BTreeSet::new(),
                seen: BTreeMap::new(),
                steps: BTreeSet::new(),
            }),
        })
    }

    /// From now on faults strike. Needs the runtime in which this is interceptor, observer and function faults.
    pub fn arm(self: &Arc<Self>, runtime: &Arc<Runtime>) {
        let clock = runtime.clock().clone();
        let (cues, inbox) = tokio::sync::mpsc::unbounded_channel();
        let began = clock.now();
        tokio::spawn(director::direct(
            Arc::downgrade(runtime),
            Arc::downgrade(self),
            inbox,
        ));
        let mut state = self.state.lock();
        for (index, armed) in state.armed.iter().enumerate() {
            let Some(seconds) = armed.fault.after_seconds else {
                continue;
            };
            if armed.fault.kind.target() != Target::Moment {
                continue;
            }
            let (clock, cues) = (clock.clone(), cues.clone());
            let due = clock.after(Duration::from_secs(seconds));
            tokio::spawn(async move {
                let work = clock.passed(due).await;
                // Nobody listens any more once the runtime has gone.
                let _ = cues.send((Cue::time(index), work));
            });
        }
        let faults: Vec<Fault> = state
            .armed
            .iter()
            .map(|armed| armed.fault.clone())
            .collect();
        runtime.services().emr.plan_faults(|planned| {
            for fault in &faults {
                if fault.kind == Kind::SpotNotFulfilled {
                    planned.spot_is_never_fulfilled = true;
                }
                planned.planned.extend(cluster_fault(fault));
            }
        });
        state.stage = Some(Stage { clock, began, cues });
    }

    /// From now on nothing strikes any more.
    pub fn disarm(&self, runtime: &Runtime) {
        self.collect(runtime);
        self.state.lock().stage = None;
        runtime.services().emr.plan_faults(|planned| {
            planned.planned.clear();
            planned.spot_is_never_fulfilled = false;
        });
    }

    /// Somebody has found what is behind the faults that have struck so far: they strike no more.
    pub fn mend(&self, runtime: &Runtime) {
        self.collect(runtime);
        let mut state = self.state.lock();
        for armed in state
            .armed
            .iter_mut()
            .filter(|armed| !armed.hits.is_empty())
        {
            armed.mended = true;
        }
        let mended: Vec<(Kind, bool)> = state
            .armed
            .iter()
            .map(|armed| (armed.fault.kind, armed.mended))
            .collect();
        let of_clusters: Vec<bool> = state
            .armed
            .iter()
            .filter(|armed| cluster_fault(&armed.fault).is_some())
            .map(|armed| armed.mended)
            .collect();
        drop(state);
        runtime.services().emr.plan_faults(|planned| {
            for (fault, mended) in planned.planned.iter_mut().zip(of_clusters) {
                if mended {
                    fault.times = 0;
                }
            }
            if mended.contains(&(Kind::SpotNotFulfilled, true)) {
                planned.spot_is_never_fulfilled = false;
            }
        });
    }

    /// Every fault of the schedule, in its order, and what it struck so far.
    pub fn struck(&self, runtime: &Runtime) -> Vec<Struck> {
        self.collect(runtime);
        let state = self.state.lock();
        let struck = state.armed.iter().map(|armed| Struck {
            fault: armed.fault.describe(),
            kind: armed.fault.kind,
            hits: armed.hits.clone(),
        });
        struck.collect()
    }

    /// How often anything has struck so far.
    pub fn hits(&self, runtime: &Runtime) -> usize {
        self.collect(runtime);
        let state = self.state.lock();
        state.armed.iter().map(|armed| armed.hits.len()).sum()
    }

    /// What has been seen: calls, invocations and states, and how often.
    pub fn seen(&self) -> BTreeMap<Sight, u32> {
        self.state.lock().seen.clone()
    }

    /// Names of the steps that have run, without the tokens at their ends.
    pub fn steps(&self) -> BTreeSet<String> {
        self.state.lock().steps.clone()
    }

    pub(crate) fn fault(&self, index: usize) -> Option<Fault> {
        let state = self.state.lock();
        state.armed.get(index).map(|armed| armed.fault.clone())
    }

    pub(crate) fn note(&self, index: usize, at: Timestamp, what: String, sight: Sight) {
        if let Some(armed) = self.state.lock().armed.get_mut(index) {
            armed.hits.push(Hit {
                at: Some(at),
                what,
                sight,
            });
        }
    }

    /// A running execution of that machine, the oldest by name.
    pub(crate) fn running(&self, machine: &str) -> Option<String> {
        let state = self.state.lock();
        let mut running = state.running.iter();
        running
            .find(|arn| {
                let own = state.machines.get(*arn);
                own.is_some_and(|own| is_named(own, machine))
            })
            .cloned()
    }

    /// Learns from the clusters which of their faults have struck.
    fn collect(&self, runtime: &Runtime) {
        let mut left = Vec::new();
        let mut spot = false;
        runtime.services().emr.plan_faults(|planned| {
            left = planned.planned.iter().map(|fault| fault.times).collect();
            spot = planned.spot_is_never_fulfilled;
        });
        let launched = !runtime.services().emr.clusters().is_empty();
        let mut state = self.state.lock();
        if state.stage.is_none() {
            return;
        }
        let mut left = left.into_iter();
        for armed in &mut state.armed {
            let sight = |armed: &Armed| Sight {
                service: "cluster".to_owned(),
                action: armed.fault.step.clone().unwrap_or_default(),
                ..Sight::default()
            };
            let hit = |armed: &Armed| Hit {
                at: None,
                what: "the cluster".to_owned(),
                sight: sight(armed),
            };
            if armed.fault.kind == Kind::SpotNotFulfilled
                && spot
                && launched
                && armed.hits.is_empty()
            {
                armed.hits.push(hit(armed));
            }
            if cluster_fault(&armed.fault).is_none() {
                continue;
            }
            let Some(left) = left.next() else { continue };
            if armed.mended {
                continue;
            }
            let struck = armed.fault.times.unwrap_or(1).saturating_sub(left) as usize;
            while armed.hits.len() < struck {
                armed.hits.push(hit(armed));
            }
        }
    }

    /// The first fault that strikes here.
    fn strike(
        &self,
        kinds: impl Fn(Kind) -> bool,
        sight: &Sight,
        words: &Words,
        what: &str,
    ) -> Option<Fault> {
        let mut state = self.state.lock();
        let stage = state.stage.as_ref()?;
        let (now, began) = (stage.clock.now(), stage.began);
        let passed = u64::try_from(now.duration_since(began).as_secs()).unwrap_or(0);
        let mut striking = None;
        for armed in &mut state.armed {
            let fits = kinds(armed.fault.kind)
                && armed
                    .fault
                    .after_seconds
                    .is_none_or(|after| passed >= after)
                && sight.fits(&armed.fault, words);
            // Everything that fits is counted, even if another fault was first.
            if fits && armed.strikes() && striking.is_none() {
                armed.hits.push(Hit {
                    at: Some(now),
                    what: what.to_owned(),
                    sight: sight.clone(),
                });
                striking = Some(armed.fault.clone());
            }
        }
        striking
    }

    fn watch(&self, occurrence: &Occurrence) {
        let mut state = self.state.lock();
        match occurrence {
            Occurrence::ExecutionStarted {
                execution_arn,
                state_machine_arn,
                ..
            } => {
                let machine = state_machine_arn.split(':').nth(6).unwrap_or_default();
                state
                    .machines
                    .insert(execution_arn.clone(), own_name(machine).to_owned());
                state.running.insert(execution_arn.clone());
            }
            Occurrence::ExecutionEnded { execution_arn, .. } => {
                state.running.remove(execution_arn);
            }
            Occurrence::HistoryEvent {
                execution_arn,
                event,
            } => {
                let Some(name) = event["stateEnteredEventDetails"]["name"].as_str() else {
                    return;
                };
                let sight = Sight {
                    machine: state
                        .machines
                        .get(execution_arn)
                        .cloned()
                        .unwrap_or_default(),
                    state: name.to_owned(),
                    ..Sight::default()
                };
                state.cue(&sight, execution_arn);
                if state.stage.is_some() {
                    *state.seen.entry(sight).or_default() += 1;
                }
            }
            Occurrence::StepChanged {
                name,
                state: step,
                step_id,
                cluster_id,
                ..
            } if step == "RUNNING" && state.stage.is_some() => {
                let plain = name.split(" [").next().unwrap_or(name).to_owned();
                state.steps.insert(plain);
                state.cancel(name, cluster_id, step_id);
            }
            _ => {}
        }
    }
}

impl State {
    /// Sends the moments that a state's entry is.
    fn cue(&mut self, sight: &Sight, execution_arn: &str) {
        let Some(stage) = &self.stage else { return };
        let words = Words::of(&Value::Null, None);
        for (index, armed) in self.armed.iter_mut().enumerate() {
            let is_moment = armed.fault.kind.target() == Target::Moment;
            if is_moment
                && armed.fault.state.is_some()
                && sight.fits(&armed.fault, &words)
                && armed.strikes()
            {
                let cue = Cue::state(index, execution_arn, sight.clone());
                let _ = stage.cues.send((cue, stage.clock.work()));
            }
        }
    }

    /// Sends the cancellations that a step's begin is.
    fn cancel(&mut self, name: &str, cluster_id: &str, step_id: &str) {
        let Some(stage) = &self.stage else { return };
        for (index, armed) in self.armed.iter_mut().enumerate() {
            let fits =
                armed.fault.kind == Kind::StepCancelled && name.contains(&part(&armed.fault));
            if fits && armed.strikes() {
                let cue = Cue::step(index, cluster_id, step_id, name);
                let _ = stage.cues.send((cue, stage.clock.work()));
            }
        }
    }
}

/// The part of a step's name by which a fault finds it.
fn part(fault: &Fault) -> String {
    match (&fault.step, &fault.table) {
        (Some(step), _) => step.clone(),
        (None, Some(table)) => format!(" {table} "),
        (None, None) => String::new(),
    }
}

/// The fault as clusters know it, if it is one of theirs.
fn cluster_fault(fault: &Fault) -> Option<ClusterFault> {
    let injected = || "injected by the fault schedule".to_owned();
    let kill = |code: &str| Blow::KillCluster {
        code: code.to_owned(),
        message: format!("{code}: {}", injected()),
    };
    let fail = || Blow::FailStep {
        message: format!("the step failed: {}", injected()),
    };
    let (moment, blow) = match fault.kind {
        Kind::StepFails => (Moment::StepStarts(part(fault)), fail()),
        Kind::StepFailsAtEnd => (Moment::StepEnds(part(fault)), fail()),
        Kind::StepHangs => (Moment::StepStarts(part(fault)), Blow::HangStep),
        Kind::ClusterLost => (Moment::StepStarts(part(fault)), kill("INSTANCE_FAILURE")),
        Kind::InstanceLost => {
            let role = match fault.role.as_deref() {
                Some("primary") => Role::Master,
                Some("task") => Role::Task,
                _ => Role::Core,
            };
            (Moment::StepStarts(part(fault)), Blow::LoseInstance(role))
        }
        Kind::LaunchFails => (Moment::ClusterStarts, kill("VALIDATION_ERROR")),
        Kind::BootstrapFails => (Moment::ClusterBootstraps, kill("BOOTSTRAP_FAILURE")),
        _ => return None,
    };
    Some(ClusterFault {
        moment,
        blow,
        skips: fault.nth.unwrap_or(1) - 1,
        times: fault.times.unwrap_or(1),
    })
}

impl Observer for Injector {
    fn observe(&self, at: Timestamp, occurrence: Occurrence) {
        self.watch(&occurrence);
        self.next.observe(at, occurrence);
    }
}

#[async_trait]
impl Interceptor for Injector {
    async fn before(&self, call: &Call) -> Verdict {
        let origin = Origin::present();
        let sight = Sight::of_call(call, origin.as_deref());
        {
            let mut state = self.state.lock();
            if state.stage.is_some() {
                *state.seen.entry(sight.clone()).or_default() += 1;
            }
        }
        let words = Words::of(&call.request, origin.as_deref());
        let kinds = |kind: Kind| kind.target() == Target::Call && !kind.is_after();
        let what = format!("{}:{}", call.service, call.action);
        let Some(fault) = self.strike(kinds, &sight, &words, &what) else {
            return Verdict::Pass;
        };
        match fault.kind {
            Kind::Throttle => Verdict::Fail(throttled(&call.service, fault.code.as_deref())),
            Kind::Error => Verdict::Fail(broken(&call.service, fault.code.as_deref())),
            Kind::Deny => Verdict::Fail(denied(call, fault.code.as_deref())),
            Kind::LoseRequest => Verdict::LoseResponse,
            Kind::Hang => Verdict::Hang,
            Kind::CrashBefore => Verdict::Crash,
            _ => Verdict::Pass,
        }
    }

    async fn after(&self, call: &Call, status: StatusCode) -> Verdict {
        // An effect that did not take place cannot be hidden.
        if !status.is_success() {
            return Verdict::Pass;
        }
        let origin = Origin::present();
        let sight = Sight::of_call(call, origin.as_deref());
        let words = Words::of(&call.request, origin.as_deref());
        let what = format!("{}:{}", call.service, call.action);
        let Some(fault) = self.strike(Kind::is_after, &sight, &words, &what) else {
            return Verdict::Pass;
        };
        match fault.kind {
            Kind::ErrorAfter => Verdict::Fail(broken(&call.service, fault.code.as_deref())),
            Kind::LoseResponse => Verdict::LoseResponse,
            Kind::HangAfter => Verdict::Hang,
            Kind::CrashAfter => Verdict::Crash,
            _ => Verdict::Pass,
        }
    }
}

impl FunctionFaults for Injector {
    fn strike(&self, function: &str, event: &Value) -> Option<FunctionBlow> {
        let origin = Origin::present();
        let sight = Sight::of_function(function, origin.as_deref());
        {
            let mut state = self.state.lock();
            if state.stage.is_some() {
                *state.seen.entry(sight.clone()).or_default() += 1;
            }
        }
        let words = Words::of(event, origin.as_deref());
        let kinds = |kind: Kind| kind.target() == Target::Function;
        let fault = Injector::strike(self, kinds, &sight, &words, own_name(function))?;
        match fault.kind {
            Kind::FunctionCrash => Some(FunctionBlow::CrashBefore),
            Kind::FunctionCrashAtEnd => Some(FunctionBlow::CrashAfter),
            Kind::FunctionTimeout => Some(FunctionBlow::TimeOut),
            Kind::MalformedAnswer => Some(FunctionBlow::Answer(json!("not an object"))),
            Kind::UnexpectedStatus => {
                Some(FunctionBlow::Answer(json!({"Status": "NOBODY_KNOWS_THIS"})))
            }
            _ => None,
        }
    }
}

const INJECTED: &str = "injected by the fault schedule";

fn throttled(service: &str, code: Option<&str>) -> ServiceError {
    let (usual, status) = match service {
        "s3" => ("SlowDown", StatusCode::SERVICE_UNAVAILABLE),
        "lambda" => ("TooManyRequestsException", StatusCode::TOO_MANY_REQUESTS),
        "sns" => ("Throttled", StatusCode::TOO_MANY_REQUESTS),
        _ => ("ThrottlingException", StatusCode::BAD_REQUEST),
    };
    let message = format!("Rate exceeded ({INJECTED})");
    ServiceError::new(code.unwrap_or(usual), message).with_status(status)
}

fn broken(service: &str, code: Option<&str>) -> ServiceError {
    let (usual, status) = match service {
        "s3" => ("ServiceUnavailable", StatusCode::SERVICE_UNAVAILABLE),
        "lambda" => ("ServiceException", StatusCode::INTERNAL_SERVER_ERROR),
        "sns" => ("InternalError", StatusCode::INTERNAL_SERVER_ERROR),
        "elasticmapreduce" => ("InternalServerException", StatusCode::INTERNAL_SERVER_ERROR),
        _ => ("InternalFailure", StatusCode::INTERNAL_SERVER_ERROR),
    };
    let message = format!("An internal error occurred ({INJECTED})");
    ServiceError::new(code.unwrap_or(usual), message).with_status(status)
}

fn denied(call: &Call, code: Option<&str>) -> ServiceError {
    let (usual, status) = match call.service.as_str() {
        "s3" => ("AccessDenied", StatusCode::FORBIDDEN),
        "sns" => ("AuthorizationError", StatusCode::FORBIDDEN),
        _ => ("AccessDeniedException", StatusCode::BAD_REQUEST),
    };
    let message = format!(
        "User is not authorized to perform: {}:{} ({INJECTED})",
        call.service, call.action
    );
    ServiceError::new(code.unwrap_or(usual), message).with_status(status)
}
