//! Services over simulated time for this crate's own tests: functions are made up by each test, occurrences are kept, and
//! what happens to calls can be decided.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use virtual_time::{Clock, Entropy};

use crate::{
    Call, Custody, FunctionError, FunctionInvoker, Interceptor, Invocation, InvocationOutcome,
    InvokeError, Observer, Occurrence, ServiceError, Services, ServicesConfig, StepOutcome,
    StepProgressSink, StepRequest, StepRunner, Verdict,
};

/// What a made-up function answers: its result, or `errorType` and `errorMessage`.
type Function = Box<dyn Fn(Value) -> Result<Value, (String, String)> + Send + Sync>;
/// What becomes of a call before its effect (`None`) or after it (the status).
type Decision = Box<dyn Fn(&Call, Option<StatusCode>) -> Verdict + Send + Sync>;

#[derive(Default)]
struct Stage {
    functions: Mutex<BTreeMap<String, Function>>,
    invocations: Mutex<Vec<(String, Option<String>, Value)>>,
    occurrences: Mutex<Vec<(Timestamp, Occurrence)>>,
    decision: Mutex<Option<Decision>>,
    /// What invocations wait for before they end, if anything.
    gate: Mutex<Option<Arc<Semaphore>>>,
    completed: AtomicUsize,
}

/// Services and everything around them.
pub(crate) struct Bench {
    pub(crate) services: Arc<Services>,
    stage: Arc<Stage>,
    folder: Option<tempfile::TempDir>,
}

pub(crate) const ROLE: &str = "arn:aws:iam::000000000000:role/pipeline";

impl Bench {
    /// Fresh services at 2026-11-21T00:00:00Z.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start(folder, "2026-11-21T00:00:00Z".parse().unwrap())
    }

    fn start(folder: tempfile::TempDir, at: Timestamp) -> Self {
        let stage = Arc::new(Stage::default());
        let clock = Clock::simulated_from(at);
        let part = Arc::clone(&stage);
        let mut config = ServicesConfig::new(
            clock,
            Entropy::from_seed(7),
            folder.path().to_owned(),
            Arc::new(Invoker(Arc::clone(&stage))),
            Arc::new(NoSteps),
        );
        config.observer = Arc::new(Memory(Arc::clone(&stage)));
        config.interceptor = Arc::new(Judge(part));
        Self {
            services: Services::new(config).unwrap(),
            stage,
            folder: Some(folder),
        }
    }

    /// Everything anew on the same folder, as after the process was killed and started again `later`.
    pub(crate) fn restarted(mut self, later: Duration) -> Self {
        let at = self.services.context.clock.after(later);
        let folder = self.folder.take().unwrap();
        Self::start(folder, at)
    }

    pub(crate) fn function(
        &self,
        name: &str,
        body: impl Fn(Value) -> Result<Value, (String, String)> + Send + Sync + 'static,
    ) {
        self.stage
            .functions
            .lock()
            .insert(name.to_owned(), Box::new(body));
        let mut description = crate::lambda::FunctionDescription::new(name, name);
        description.versions = vec!["1".to_owned()];
        description.aliases = vec![("live".to_owned(), "1".to_owned())];
        self.services.lambda.register(description);
    }

    /// Makes invocations wait, in the middle of their work, until the gate gets permits.
    pub(crate) fn gate(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.stage.gate.lock() = Some(Arc::clone(&gate));
        gate
    }

    /// How many invocations have come to their end.
    pub(crate) fn completed(&self) -> usize {
        self.stage.completed.load(Ordering::Relaxed)
    }

    pub(crate) fn decide(
        &self,
        decision: impl Fn(&Call, Option<StatusCode>) -> Verdict + Send + Sync + 'static,
    ) {
        *self.stage.decision.lock() = Some(Box::new(decision));
    }

    pub(crate) fn invocations(&self) -> Vec<(String, Option<String>, Value)> {
        self.stage.invocations.lock().clone()
    }

    pub(crate) fn occurrences(&self) -> Vec<Occurrence> {
        self.stage
            .occurrences
            .lock()
            .iter()
            .map(|(_, occurrence)| occurrence.clone())
            .collect()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.services.context.clock.now()
    }

    pub(crate) async fn states(&self, action: &str, input: Value) -> Result<Value, ServiceError> {
        let _work = self.services.context.clock.work();
        self.services.states.call(action, input).await
    }

    /// Creates a state machine and returns its ARN.
    pub(crate) async fn machine(&self, name: &str, definition: Value) -> String {
        let input = json!({"name": name, "definition": definition.to_string(), "roleArn": ROLE});
        let answer = self.states("CreateStateMachine", input).await.unwrap();
        answer["stateMachineArn"].as_str().unwrap().to_owned()
    }

    /// Starts an execution and returns its ARN.
    pub(crate) async fn start_execution(&self, machine: &str, name: &str, input: Value) -> String {
        let input = json!({"stateMachineArn": machine, "name": name, "input": input.to_string()});
        let answer = self.states("StartExecution", input).await.unwrap();
        answer["executionArn"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn describe(&self, execution: &str) -> Value {
        self.states("DescribeExecution", json!({"executionArn": execution}))
            .await
            .unwrap()
    }

    /// Lets time pass until the execution has ended, and describes it.
    pub(crate) async fn ended(&self, execution: &str) -> Value {
        for _ in 0..10_000 {
            let description = self.describe(execution).await;
            if description["status"] != "RUNNING" {
                self.settle().await;
                return description;
            }
            tokio::task::yield_now().await;
        }
        panic!("{execution} does not end");
    }

    /// Runs a state machine of one definition to its end.
    pub(crate) async fn run(&self, definition: Value, input: Value) -> Value {
        let name = format!("m{}", self.services.context.entropy.bits());
        let machine = self.machine(&name, definition).await;
        let execution = self.start_execution(&machine, "run", input).await;
        self.ended(&execution).await
    }

    /// The types of an execution's events.
    pub(crate) async fn events(&self, execution: &str) -> Vec<String> {
        let history = self
            .states("GetExecutionHistory", json!({"executionArn": execution}))
            .await
            .unwrap();
        let events = history["events"].as_array().unwrap().iter();
        events
            .map(|event| event["type"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Names of a machine's executions, newest first.
    pub(crate) async fn executions(&self, machine: &str) -> Vec<String> {
        let listed = self
            .states("ListExecutions", json!({"stateMachineArn": machine}))
            .await
            .unwrap();
        let listed = listed["executions"].as_array().unwrap().iter();
        listed
            .map(|execution| execution["executionArn"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Lets everything that is ready go on.
    pub(crate) async fn settle(&self) {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, duration: Duration) {
        drop(self.services.context.clock.sleep(duration).await);
        self.settle().await;
    }
}

/// A state machine of one Task state.
pub(crate) fn task(resource: &str, parameters: Value) -> Value {
    json!({"StartAt": "T", "States": {"T": {
        "Type": "Task", "Resource": resource, "Parameters": parameters, "End": true,
    }}})
}

/// A state machine that does nothing.
pub(crate) fn pass() -> Value {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})
}

/// A state machine that waits.
pub(crate) fn wait(seconds: u64) -> Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": seconds, "End": true}}})
}

struct Invoker(Arc<Stage>);

#[async_trait]
impl FunctionInvoker for Invoker {
    async fn invoke(
        &self,
        invocation: Invocation,
        _: &mut Custody,
    ) -> Result<InvocationOutcome, InvokeError> {
        let event: Value = serde_json::from_slice(&invocation.payload).unwrap();
        let name = invocation.function_name;
        self.0
            .invocations
            .lock()
            .push((name.clone(), invocation.qualifier, event.clone()));
        let gate = self.0.gate.lock().clone();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        self.0.completed.fetch_add(1, Ordering::Relaxed);
        let result = match self.0.functions.lock().get(&name) {
            Some(function) => function(event),
            None => return Err(InvokeError::NotFound(name)),
        };
        let mut outcome = InvocationOutcome {
            request_id: "request".to_owned(),
            log_tail: "the end of the log".to_owned(),
            ..InvocationOutcome::default()
        };
        match result {
            Ok(answer) => outcome.payload = Bytes::from(answer.to_string()),
            Err((error_type, error_message)) => {
                let document = json!({"errorType": error_type, "errorMessage": error_message});
                outcome.payload = Bytes::from(document.to_string());
                outcome.error = Some(FunctionError {
                    error_type,
                    error_message,
                    handling: "Unhandled",
                });
            }
        }
        Ok(outcome)
    }
}

struct NoSteps;

#[async_trait]
impl StepRunner for NoSteps {
    async fn run(&self, _step: StepRequest, _progress: StepProgressSink) -> StepOutcome {
        StepOutcome {
            exit_code: 0,
            failure: None,
            log_tail: String::new(),
        }
    }
}

struct Memory(Arc<Stage>);

impl Observer for Memory {
    fn observe(&self, at: Timestamp, occurrence: Occurrence) {
        self.0.occurrences.lock().push((at, occurrence));
    }
}

struct Judge(Arc<Stage>);

#[async_trait]
impl Interceptor for Judge {
    async fn before(&self, call: &Call) -> Verdict {
        self.0
            .decision
            .lock()
            .as_ref()
            .map_or(Verdict::Pass, |decide| decide(call, None))
    }

    async fn after(&self, call: &Call, status: StatusCode) -> Verdict {
        self.0
            .decision
            .lock()
            .as_ref()
            .map_or(Verdict::Pass, |decide| decide(call, Some(status)))
    }
}
