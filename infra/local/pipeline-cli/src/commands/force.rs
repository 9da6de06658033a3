//! `run --fail NAME`: makes the state or the EMR step of that name fail, so that one can see what a failed run does. A step
//! is failed by its cluster. For a state this listens to the histories, to know which call belongs to it, and answers that
//! call with an error.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::anyhow;
use async_trait::async_trait;
use aws_services::{Call, Interceptor, Observer, Occurrence, ServiceError, Verdict};
use embedded_runtime::{Project, Runtime};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;

use super::Complaint;
use crate::display::live::Recorder;
use crate::validate::files;

/// What is to fail.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// A task state, in whichever machine.
    State(String),
    /// A step, as its name begins: action, kind and table.
    Step(String),
}

/// The forced failure of one run.
pub(crate) struct ForcedFailure {
    wanted: Wanted,
    recorder: Arc<Recorder>,
    /// What the wanted state is about to ask for: the function's event, or the parameters of another service's call.
    scheduled: Mutex<Vec<Value>>,
    hits: AtomicUsize,
}

impl ForcedFailure {
    /// Checks that there is such a state or step.
    pub(crate) fn new(
        wanted: &str,
        folder: &Path,
        project: &Project,
        recorder: Arc<Recorder>,
    ) -> Result<Arc<Self>, Complaint> {
        let (files, _) = files::read(folder);
        let states: Vec<&str> = files
            .machines
            .iter()
            .flat_map(|machine| machine.states())
            .filter(|state| state.kind() == "Task")
            .map(|state| state.name)
            .collect();
        let steps: Vec<String> = project
            .tables()
            .iter()
            .flat_map(|table| {
                ["stage", "load", "archive"]
                    .map(|action| format!("{action} {} {}", table.kind, table.name))
            })
            .collect();
        let step = steps.iter().find(|step| names_step(wanted, step));
        let target = match step {
            Some(step) => Some(Wanted::Step(step.clone())),
            None if states.contains(&wanted) => Some(Wanted::State(wanted.to_owned())),
            None => None,
        };
        let Some(target) = target else {
            let tables: Vec<String> = project
                .tables()
                .into_iter()
                .map(|table| table.name)
                .collect();
            return Err(Complaint::usage(
                anyhow!("--fail {wanted}: there is neither a task state nor a step of that name"),
                format!(
                    "give a table ({}), a step (\"{}\"), or a task state (\"{}\")",
                    tables.join(", "),
                    steps.first().map_or("load fact TABLE", String::as_str),
                    states.first().copied().unwrap_or("STATE"),
                ),
            ));
        };
        Ok(Arc::new(Self {
            wanted: target,
            recorder,
            scheduled: Mutex::default(),
            hits: AtomicUsize::new(0),
        }))
    }

    /// Tells the clusters of a runtime which step they are to fail.
    pub(crate) fn arm(&self, runtime: &Runtime) {
        if let Wanted::Step(step) = &self.wanted {
            // The space keeps `country` apart from `country_region`.
            let (name, message) = (
                format!("{step} "),
                format!("{step} was made to fail with --fail"),
            );
            runtime
                .services()
                .emr
                .plan_faults(|faults| faults.fail_step(&name, &message));
        }
    }

    /// What to say if the name never came up.
    pub(crate) fn missed(&self) -> Option<String> {
        let (Wanted::State(name) | Wanted::Step(name)) = &self.wanted;
        let missed = self.hits.load(Ordering::Relaxed) == 0;
        missed.then(|| format!("--fail: the run never came to `{name}`."))
    }

    fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    fn note(&self, execution_arn: &str, event: &Value) {
        let scheduled = matches!(
            event["type"].as_str(),
            Some("TaskScheduled" | "LambdaFunctionScheduled")
        );
        if !scheduled {
            return;
        }
        let id = event["id"].as_u64().unwrap_or_default();
        let is_wanted = self.recorder.ask(|view| {
            let execution = view
                .index_of(execution_arn)
                .map(|index| &view.executions[index]);
            let state = execution.and_then(|execution| execution.state_at(id));
            matches!(&self.wanted, Wanted::State(wanted) if state == Some(wanted))
        });
        if is_wanted {
            self.scheduled.lock().push(request_of(event));
        }
    }
}

impl Observer for ForcedFailure {
    fn observe(&self, at: Timestamp, occurrence: Occurrence) {
        let kept = match &occurrence {
            Occurrence::HistoryEvent {
                execution_arn,
                event,
            } => Some((execution_arn.clone(), event.clone())),
            Occurrence::StepChanged { name, state, .. } => {
                let begins = |wanted: &str| {
                    name.strip_prefix(wanted)
                        .is_some_and(|rest| rest.starts_with(' '))
                };
                if state == "FAILED"
                    && matches!(&self.wanted, Wanted::Step(wanted) if begins(wanted))
                {
                    self.hit();
                }
                None
            }
            _ => None,
        };
        self.recorder.observe(at, occurrence);
        if let Some((execution_arn, event)) = kept {
            self.note(&execution_arn, &event);
        }
    }
}

#[async_trait]
impl Interceptor for ForcedFailure {
    async fn before(&self, call: &Call) -> Verdict {
        if call.caller != "states" {
            return Verdict::Pass;
        }
        let request = if call.service == "lambda" {
            &call.request["Payload"]
        } else {
            &call.request
        };
        let mut scheduled = self.scheduled.lock();
        let Some(index) = scheduled.iter().position(|expected| expected == request) else {
            return Verdict::Pass;
        };
        scheduled.remove(index);
        drop(scheduled);
        self.hit();
        Verdict::Fail(ServiceError::new(
            "ForcedFailure",
            "made to fail with --fail",
        ))
    }
}

/// What a `…Scheduled` event says that will be asked for, as the call itself will have it.
fn request_of(event: &Value) -> Value {
    let parsed = |text: &Value| {
        text.as_str()
            .and_then(|text| serde_json::from_str::<Value>(text).ok())
            .unwrap_or_default()
    };
    let function = &event["lambdaFunctionScheduledEventDetails"];
    if !function.is_null() {
        return parsed(&function["input"]);
    }
    let task = &event["taskScheduledEventDetails"];
    let parameters = parsed(&task["parameters"]);
    match task["resourceType"].as_str() {
        Some("lambda") => parameters["Payload"].clone(),
        _ => parameters,
    }
}

/// A table stands for its load; otherwise action, kind and table have to be said.
fn names_step(wanted: &str, step: &str) -> bool {
    step == wanted
        || step
            .strip_prefix("load ")
            .and_then(|rest| rest.split_once(' '))
            .is_some_and(|(_, table)| table == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_call_is_recognised_by_what_it_asks_for() {
        let function = json!({"lambdaFunctionScheduledEventDetails": {"resource": "arn:f", "input": "{\"a\": 1}"}});
        assert_eq!(request_of(&function), json!({"a": 1}));
        let invoke = json!({"taskScheduledEventDetails": {"resourceType": "lambda", "resource": "invoke", "parameters": "{\"FunctionName\": \"f\", \"Payload\": {\"a\": 1}}"}});
        assert_eq!(request_of(&invoke), json!({"a": 1}));
        let other = json!({"taskScheduledEventDetails": {"resourceType": "aws-sdk:s3", "resource": "putObject", "parameters": "{\"Key\": \"k\"}"}});
        assert_eq!(request_of(&other), json!({"Key": "k"}));
    }

    #[test]
    fn a_table_stands_for_its_load_step_only() {
        assert!(names_step("country", "load dimension country"));
        assert!(!names_step("country", "stage dimension country"));
        assert!(!names_step("country", "load dimension country_region"));
        assert!(names_step(
            "stage dimension country",
            "stage dimension country"
        ));
    }
}
