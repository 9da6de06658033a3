//! The function host: knows the functions, keeps their environments warm, starts more when all are busy, and refuses what
//! exceeds a function's limit. The embedded runtime has one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::Mutex;
use virtual_time::{Clock, Entropy, Work};

use crate::environment::{Custody, Ending, Environment, Failure};
use crate::figures::FunctionFigures;
use crate::function::{FunctionSpec, Invocation, InvokeError, Outcome, PAYLOAD_LIMIT};
use crate::process::Process;
use crate::report::{self, Report};
use crate::runtime_api::Delivery;

/// What the host needs to know.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Pipeline time: durations, timeouts, custody.
    pub clock: Clock,
    /// Ids of invocations and access keys of environments.
    pub entropy: Entropy,
    /// The program of every function.
    pub binary: PathBuf,
    /// Its arguments. Lambda passes none.
    pub arguments: Vec<OsString>,
    /// `AWS_REGION`.
    pub region: String,
    /// `AWS_ENDPOINT_URL`.
    pub endpoint_url: String,
    /// Where `<function>.log` is written.
    pub log_folder: PathBuf,
}

/// Who made a service call, told by the access key that it was signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The function.
    pub function: String,
    /// Its present invocation; `None` between two.
    pub request_id: Option<String>,
    /// The label of its last invocation.
    pub label: String,
}

/// Runs functions in child processes. Clones share the same host.
#[derive(Debug, Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: HostConfig,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    functions: BTreeMap<String, Registered>,
    /// Every process that has not been given up, by the access key of its environment.
    live: BTreeMap<String, Live>,
}

#[derive(Debug)]
struct Registered {
    spec: Arc<FunctionSpec>,
    idle: Vec<Environment>,
    running: usize,
    figures: FunctionFigures,
}

#[derive(Debug)]
struct Live {
    function: String,
    request_id: Option<String>,
    label: String,
    process: Process,
    custody: Arc<Custody>,
}

/// What an invocation is, apart from its environment.
struct Call {
    request_id: String,
    function: Arc<FunctionSpec>,
    invoked_arn: String,
    payload: Bytes,
    label: String,
    custody: Arc<Custody>,
}

/// The parts of an outcome that depend on how far the invocation got.
struct Course {
    ending: Ending,
    before: String,
    init_duration: Option<Duration>,
    duration: Duration,
}

impl Host {
    /// A host without functions.
    pub fn new(config: HostConfig) -> Self {
        let state = Mutex::new(State::default());
        Self {
            inner: Arc::new(Inner { config, state }),
        }
    }

    /// Adds a function or replaces the one of that name; environments of the old one take no more events.
    pub fn register(&self, spec: FunctionSpec) {
        let mut state = self.inner.state.lock();
        let retired = match state.functions.get_mut(&spec.name) {
            Some(registered) if *registered.spec == spec => Vec::new(),
            Some(registered) => {
                registered.spec = Arc::new(spec);
                std::mem::take(&mut registered.idle)
            }
            None => {
                let registered = Registered {
                    figures: FunctionFigures::named(&spec.name),
                    idle: Vec::new(),
                    running: 0,
                    spec: Arc::new(spec),
                };
                state
                    .functions
                    .insert(registered.spec.name.clone(), registered);
                Vec::new()
            }
        };
        for environment in retired {
            state.live.remove(&environment.access_key);
            environment.process.begin_to_kill();
        }
    }

    /// Gives up the warm environments of a function, so that its next invocation is a cold start.
    pub fn cool(&self, function: &str) {
        let mut state = self.inner.state.lock();
        let State {
            functions, live, ..
        } = &mut *state;
        let idle = functions
            .get_mut(function)
            .map(|registered| std::mem::take(&mut registered.idle));
        for environment in idle.unwrap_or_default() {
            live.remove(&environment.access_key);
            environment.process.begin_to_kill();
        }
    }

    /// Runs a function to its end, and gives the guard back. The invocation goes on when the caller goes away, as it does
    /// on Lambda.
    pub async fn invoke(&self, invocation: Invocation) -> (Result<Outcome, InvokeError>, Work) {
        let function = invocation.function.clone();
        let inner = Arc::clone(&self.inner);
        match tokio::spawn(async move { inner.invoke(invocation).await }).await {
            Ok(ended) => ended,
            Err(_) => {
                let work = self.inner.config.clock.work();
                (Err(InvokeError::ShuttingDown { function }), work)
            }
        }
    }

    /// Which function signs with this access key.
    pub fn caller(&self, access_key: &str) -> Option<Caller> {
        let state = self.inner.state.lock();
        state.live.get(access_key).map(|live| Caller {
            function: live.function.clone(),
            request_id: live.request_id.clone(),
            label: live.label.clone(),
        })
    }

    /// Lets go of the custody of the invocation that signs with this access key, because it waits for an answer that will
    /// not come: pipeline time may then jump to its timeout. Returns whether there was one.
    pub fn release_custody(&self, access_key: &str) -> bool {
        let state = self.inner.state.lock();
        let live = state
            .live
            .get(access_key)
            .filter(|live| live.request_id.is_some());
        live.inspect(|live| live.custody.release()).is_some()
    }

    /// Kills the process that signs with this access key, as if it had run out of memory. Returns whether there was one.
    pub fn kill(&self, access_key: &str) -> bool {
        let state = self.inner.state.lock();
        let live = state.live.get(access_key);
        live.inspect(|live| live.process.begin_to_kill()).is_some()
    }

    /// What has been measured, in the order of the functions' names.
    pub fn figures(&self) -> Vec<FunctionFigures> {
        let state = self.inner.state.lock();
        state
            .functions
            .values()
            .map(|function| function.figures.clone())
            .collect()
    }

    /// Refuses further invocations and kills every child; returns when they are gone.
    pub async fn shutdown(&self) {
        let live = {
            let mut state = self.inner.state.lock();
            state.closed = true;
            std::mem::take(&mut state.live)
        };
        for child in live.values() {
            child.process.begin_to_kill();
        }
        for child in live.values() {
            child.process.exited().await;
        }
    }
}

impl Inner {
    async fn invoke(&self, invocation: Invocation) -> (Result<Outcome, InvokeError>, Work) {
        if invocation.payload.len() > PAYLOAD_LIMIT {
            let error = InvokeError::RequestTooLarge {
                function: invocation.function,
                bytes: invocation.payload.len(),
            };
            return (Err(error), invocation.work);
        }
        let (function, warm) = match self.claim(&invocation.function) {
            Ok(claimed) => claimed,
            Err(error) => return (Err(error), invocation.work),
        };
        let custody = Arc::new(Custody::default());
        custody.hold(invocation.work);
        let call = Call {
            request_id: self.config.entropy.uuid(),
            function,
            invoked_arn: invocation.invoked_arn,
            payload: invocation.payload,
            label: invocation.label,
            custody,
        };
        let course = match warm {
            Some(environment) => {
                self.enlist(&environment, &call);
                self.run(environment, &call, String::new(), None).await
            }
            None => self.run_cold(&call).await,
        };
        let custody = Arc::clone(&call.custody);
        let outcome = self.conclude(call, course);
        let work = custody.take();
        (
            Ok(outcome),
            work.unwrap_or_else(|| self.config.clock.work()),
        )
    }

    /// A free place and, if there is one, a warm environment.
    fn claim(
        &self,
        function: &str,
    ) -> Result<(Arc<FunctionSpec>, Option<Environment>), InvokeError> {
        let mut state = self.state.lock();
        if state.closed {
            let function = function.to_owned();
            return Err(InvokeError::ShuttingDown { function });
        }
        let State {
            functions, live, ..
        } = &mut *state;
        let Some(registered) = functions.get_mut(function) else {
            let function = function.to_owned();
            return Err(InvokeError::UnknownFunction { function });
        };
        let limit = registered.spec.concurrency_limit;
        if registered.running >= limit {
            registered.figures.throttles += 1;
            let function = function.to_owned();
            return Err(InvokeError::TooManyRequests { function, limit });
        }
        registered.running += 1;
        while let Some(environment) = registered.idle.pop() {
            if environment.reusable() {
                return Ok((Arc::clone(&registered.spec), Some(environment)));
            }
            live.remove(&environment.access_key);
        }
        Ok((Arc::clone(&registered.spec), None))
    }

    async fn run_cold(&self, call: &Call) -> Course {
        let clock = &self.config.clock;
        let (began, at) = (Instant::now(), clock.now());
        // The form of the keys that a role's session has.
        let access_key = format!("ASIA{}", self.config.entropy.identifier(16));
        let mut environment =
            match Environment::launch(&self.config, &call.function, access_key).await {
                Ok(environment) => environment,
                Err(error) => {
                    let binary = self.config.binary.display();
                    let message = format!(
                        "RequestId: {} Error: starting {binary}: {error}",
                        call.request_id
                    );
                    let failure = Failure::found("Runtime.InvalidEntrypoint", message);
                    return Course::failed(failure, String::new(), None, clock.now(), at);
                }
            };
        self.enlist(&environment, call);
        let started = environment.initialise(began, &call.request_id).await;
        if let Some(failure) = started.failure {
            self.retire(&environment);
            return Course::failed(
                failure,
                started.printed,
                Some(started.init_duration),
                clock.now(),
                at,
            );
        }
        if let Some(registered) = self.state.lock().functions.get_mut(&call.function.name) {
            registered.figures.cold_starts.push(started.init_duration);
        }
        self.run(
            environment,
            call,
            started.printed,
            Some(started.init_duration),
        )
        .await
    }

    async fn run(
        &self,
        mut environment: Environment,
        call: &Call,
        before: String,
        init_duration: Option<Duration>,
    ) -> Course {
        let clock = &self.config.clock;
        let began = clock.now();
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let delivery = Delivery {
            request_id: call.request_id.clone(),
            invoked_arn: call.invoked_arn.clone(),
            trace_id: self.trace_id(),
            deadline_ms: i64::try_from((wall + call.function.timeout).as_millis())
                .unwrap_or(i64::MAX),
            payload: call.payload.clone(),
        };
        let ending = environment.invoke(delivery, clock, &call.custody).await;
        let duration = span(began, clock.now());
        self.put_back(environment);
        Course {
            ending,
            before,
            init_duration,
            duration,
        }
    }

    fn trace_id(&self) -> String {
        let entropy = &self.config.entropy;
        let seconds = self.config.clock.now().as_second() & 0xffff_ffff;
        let (high, low, parent) = (entropy.bits(), entropy.bits() & 0xffff_ffff, entropy.bits());
        format!("Root=1-{seconds:08x}-{high:016x}{low:08x};Parent={parent:016x};Sampled=0")
    }

    fn enlist(&self, environment: &Environment, call: &Call) {
        let mut state = self.state.lock();
        if state.closed {
            environment.process.begin_to_kill();
            return;
        }
        let live = Live {
            function: call.function.name.clone(),
            request_id: Some(call.request_id.clone()),
            label: call.label.clone(),
            process: environment.process.clone(),
            custody: Arc::clone(&call.custody),
        };
        state.live.insert(environment.access_key.clone(), live);
    }

    fn retire(&self, environment: &Environment) {
        self.state.lock().live.remove(&environment.access_key);
        environment.process.begin_to_kill();
    }

    /// Keeps an environment for the next event, if it can take one and is still wanted.
    fn put_back(&self, environment: Environment) {
        let mut state = self.state.lock();
        let State {
            closed,
            functions,
            live,
        } = &mut *state;
        let registered = functions
            .get_mut(&environment.function.name)
            .filter(|registered| Arc::ptr_eq(&registered.spec, &environment.function));
        match registered {
            Some(registered) if !*closed && environment.reusable() => {
                if let Some(live) = live.get_mut(&environment.access_key) {
                    live.request_id = None;
                }
                registered.idle.push(environment);
            }
            _ => {
                live.remove(&environment.access_key);
                environment.process.begin_to_kill();
            }
        }
    }

    fn conclude(&self, call: Call, course: Course) -> Outcome {
        let Course {
            ending,
            before,
            init_duration,
            duration,
        } = course;
        let billed = duration + init_duration.unwrap_or_default();
        let billed_duration = Duration::from_millis(
            u64::try_from(billed.as_micros().div_ceil(1000)).unwrap_or(u64::MAX),
        );
        let (payload, error) = match ending.result {
            Ok(payload) => (payload, None),
            Err(failure) => (failure.payload, Some(failure.error)),
        };
        let status = if ending.timed_out { "timeout" } else { "error" };
        let report = Report {
            request_id: &call.request_id,
            version: &call.function.version,
            duration,
            billed_duration,
            memory_mib: call.function.memory_mib,
            max_memory_bytes: ending.max_memory_bytes,
            init_duration,
            failure: error
                .as_ref()
                .map(|error| (status, error.error_type.as_str())),
        };
        let log = report.render(&before, &ending.printed);
        if let Err(error) = report::append(&self.config.log_folder, &call.function.name, &log) {
            let folder = self.config.log_folder.display();
            tracing::warn!(%error, %folder, function = call.function.name, "a function's log could not be written");
        }
        self.account(
            &call.function.name,
            error.is_some(),
            ending.max_memory_bytes,
            duration,
        );
        Outcome {
            request_id: call.request_id,
            payload,
            error,
            log,
            duration,
            billed_duration,
            init_duration,
            max_memory_bytes: ending.max_memory_bytes,
            processor_time: ending.processor_time,
        }
    }

    fn account(&self, function: &str, failed: bool, memory: Option<u64>, duration: Duration) {
        let mut state = self.state.lock();
        if let Some(registered) = state.functions.get_mut(function) {
            registered.running -= 1;
            let figures = &mut registered.figures;
            figures.invocations += 1;
            figures.errors += u64::from(failed);
            figures.peak_memory_bytes = figures.peak_memory_bytes.max(memory);
            figures.busy += duration;
            figures.longest = figures.longest.max(duration);
        }
    }
}

impl Course {
    fn failed(
        failure: Failure,
        before: String,
        init_duration: Option<Duration>,
        now: jiff::Timestamp,
        began: jiff::Timestamp,
    ) -> Self {
        let printed = format!("{}\n", failure.error.error_message);
        let ending = Ending {
            result: Err(failure),
            printed,
            max_memory_bytes: None,
            processor_time: None,
            timed_out: false,
        };
        let duration = span(began, now);
        Self {
            ending,
            before,
            init_duration,
            duration,
        }
    }
}

fn span(from: jiff::Timestamp, to: jiff::Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
