//! Starting, stopping, describing and listing executions.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};
use states_language::{Arrival, Execution, Identity, Status};

use super::run::{Run, error_and_cause, redrive, status_word};
use super::{StepFunctions, names, pages, required, seconds};
use crate::failure::ServiceError;

/// The largest input, in bytes.
const LARGEST_INPUT: usize = 262_144;
/// For so long after its end an execution's name cannot be used again.
const NAME_REST: SignedDuration = SignedDuration::from_hours(90 * 24);

/// An execution that has been started, or had been.
pub(crate) struct Started {
    pub(super) run: Arc<Run>,
}

impl Started {
    /// As StartExecution answers.
    pub(crate) fn answer(&self) -> Value {
        json!({"executionArn": self.run.arn, "startDate": seconds(self.run.started)})
    }
}

impl StepFunctions {
    /// Starts an execution; `parent` is the execution that does so through Step Functions' own integration.
    pub(crate) fn start_execution(
        self: &Arc<Self>,
        input: &Value,
        parent: Option<&str>,
    ) -> Result<Started, ServiceError> {
        let work = self.context.clock.work();
        let machine = self.machine(required(input, "stateMachineArn")?)?;
        let document = match &input["input"] {
            Value::Null => "{}",
            Value::String(text) => text,
            _ => return Err(invalid_input("input must be a string that holds JSON")),
        };
        check_json(document)?;
        if document.len() > LARGEST_INPUT {
            return Err(ServiceError::validation(format!(
                "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less than or equal to {LARGEST_INPUT}"
            )));
        }
        let name = match input["name"].as_str() {
            Some(name) => name.to_owned(),
            None => self.context.entropy.uuid(),
        };
        names::check(&name)?;
        let arn = names::execution_arn(&machine.arn, &name);
        let _starting = self.starting.lock();
        let now = self.context.clock.now();
        let existing = self.runs.lock().get(&arn).cloned();
        if let Some(run) = existing {
            let snapshot = run.snapshot();
            let rested = snapshot
                .ended
                .is_some_and(|ended| now.duration_since(ended) > NAME_REST);
            if matches!(snapshot.status, Status::Running) && snapshot.input == document {
                return Ok(Started { run });
            }
            if !rested {
                return Err(ServiceError::new(
                    "ExecutionAlreadyExists",
                    format!("Execution Already Exists: '{arn}'"),
                ));
            }
        }
        let identity = Identity {
            execution_arn: arn,
            execution_name: name.clone(),
            role_arn: machine.role_arn.clone(),
            start_time: now,
            redrive_count: 0,
            redrive_time: None,
            state_machine_arn: machine.arn.clone(),
            state_machine_name: machine.name.clone(),
            state_machine_version_arn: None,
            state_machine_alias_arn: None,
        };
        let seed = self.context.entropy.bits();
        let execution = Execution::start(machine.parsed()?, identity, document, seed, now)
            .map_err(|error| invalid_input(&error.to_string()))?;
        let run = Run::new(
            &machine.arn,
            &name,
            parent.map(str::to_owned),
            execution,
            now,
        );
        self.begin(&run, &work)?;
        Ok(Started { run })
    }

    pub(super) fn stop_execution(self: &Arc<Self>, input: &Value) -> Result<Value, ServiceError> {
        let work = self.context.clock.work();
        let run = self.run(input)?;
        let text = |member: &str| input[member].as_str().map(str::to_owned);
        let stop = Arrival::Stop {
            error: text("error"),
            cause: text("cause"),
        };
        self.drive(&run, Some(stop), &work);
        let ended = run
            .snapshot()
            .ended
            .unwrap_or_else(|| self.context.clock.now());
        Ok(json!({"stopDate": seconds(ended)}))
    }

    pub(super) fn describe_execution(&self, input: &Value) -> Result<Value, ServiceError> {
        Ok(described(&*self.run(input)?))
    }

    pub(super) fn describe_state_machine_for_execution(
        &self,
        input: &Value,
    ) -> Result<Value, ServiceError> {
        let run = self.run(input)?;
        let (definition, identity) = run.with_execution(|execution| {
            (
                execution.machine().definition().to_string(),
                execution.identity().clone(),
            )
        });
        Ok(json!({
            "stateMachineArn": run.machine_arn,
            "name": identity.state_machine_name,
            "definition": definition,
            "roleArn": identity.role_arn,
            "updateDate": seconds(run.started),
            "loggingConfiguration": {"level": "OFF", "includeExecutionData": false},
            "tracingConfiguration": {"enabled": false},
        }))
    }

    pub(super) fn list_executions(&self, input: &Value) -> Result<Value, ServiceError> {
        let (of_map_run, listed_of) = match input["mapRunArn"].as_str() {
            Some(_) => (true, self.map_run(input)?.1.arn),
            None => {
                let machine = self.machine(required(input, "stateMachineArn")?)?;
                (false, machine.arn)
            }
        };
        let wanted = input["statusFilter"].as_str();
        if let Some(word) = wanted
            && ![
                "RUNNING",
                "SUCCEEDED",
                "FAILED",
                "TIMED_OUT",
                "ABORTED",
                "PENDING_REDRIVE",
            ]
            .contains(&word)
        {
            return Err(ServiceError::validation(format!(
                "1 validation error detected: Value '{word}' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"
            )));
        }
        let runs = self.runs.lock();
        let mut listed: Vec<&Arc<Run>> = runs
            .values()
            .filter(|run| match of_map_run {
                true => run.map_run.as_ref() == Some(&listed_of),
                false => run.machine_arn == listed_of,
            })
            .filter(|run| wanted.is_none_or(|wanted| status_word(&run.status()) == wanted))
            .collect();
        // The newest first.
        listed.sort_by(|one, other| {
            other
                .started
                .cmp(&one.started)
                .then_with(|| other.name.cmp(&one.name))
        });
        let (page, next) = pages::page(input, &format!("executions of {listed_of}"), listed)?;
        let executions: Vec<Value> = page
            .into_iter()
            .map(|run| {
                let snapshot = run.snapshot();
                let mut entry = json!({
                    "executionArn": run.arn,
                    "stateMachineArn": run.machine_arn,
                    "name": run.name,
                    "status": status_word(&snapshot.status),
                    "startDate": seconds(run.started),
                    "redriveCount": 0,
                });
                if let Some(ended) = snapshot.ended {
                    entry["stopDate"] = seconds(ended);
                }
                if let Some(map_run) = &run.map_run {
                    entry["mapRunArn"] = map_run.as_str().into();
                }
                entry
            })
            .collect();
        let mut answer = json!({"executions": executions});
        if let Some(next) = next {
            answer["nextToken"] = next.into();
        }
        Ok(answer)
    }

    /// The execution that the request names.
    pub(super) fn run(&self, input: &Value) -> Result<Arc<Run>, ServiceError> {
        let arn = required(input, "executionArn")?;
        names::check_arn(arn, "execution")?;
        let found = self.runs.lock().get(arn).cloned();
        found.ok_or_else(|| {
            ServiceError::new(
                "ExecutionDoesNotExist",
                format!("Execution Does Not Exist: '{arn}'"),
            )
        })
    }
}

/// As DescribeExecution answers.
pub(super) fn described(run: &Run) -> Value {
    let snapshot = run.snapshot();
    let mut answer = json!({
        "executionArn": run.arn,
        "stateMachineArn": run.machine_arn,
        "name": run.name,
        "status": status_word(&snapshot.status),
        "startDate": seconds(run.started),
        "input": snapshot.input,
        "inputDetails": {"included": true},
        "redriveCount": 0,
    });
    if let Some(map_run) = &run.map_run {
        answer["mapRunArn"] = map_run.as_str().into();
    }
    let (redrivable, reason) = redrive(&snapshot.status);
    answer["redriveStatus"] = redrivable.into();
    if let Some(reason) = reason {
        answer["redriveStatusReason"] = reason.into();
    }
    if let Some(ended) = snapshot.ended {
        answer["stopDate"] = seconds(ended);
    }
    if let Status::Succeeded { output } = &snapshot.status {
        answer["output"] = Value::from(output.as_str());
        answer["outputDetails"] = json!({"included": true});
    }
    let (error, cause) = error_and_cause(&snapshot.status);
    for (member, value) in [("error", error), ("cause", cause)] {
        if let Some(value) = value {
            answer[member] = value.into();
        }
    }
    answer
}

/// The members of DescribeExecution that `.sync` shows, with capitals; the documents are text.
pub(super) fn described_to_parent(run: &Run) -> Value {
    let description = described(run);
    let mut shown = serde_json::Map::new();
    for (capital, member) in [
        ("Cause", "cause"),
        ("Error", "error"),
        ("ExecutionArn", "executionArn"),
        ("Input", "input"),
        ("InputDetails", "inputDetails"),
        ("Name", "name"),
        ("Output", "output"),
        ("OutputDetails", "outputDetails"),
        ("StartDate", "startDate"),
        ("StateMachineArn", "stateMachineArn"),
        ("Status", "status"),
        ("StopDate", "stopDate"),
    ] {
        match description.get(member) {
            None => {}
            Some(details) if member.ends_with("Details") => {
                shown.insert(capital.to_owned(), json!({"Included": details["included"]}));
            }
            // The one place where AWS writes the times of an API in milliseconds.
            Some(date) if member.ends_with("Date") => {
                let millis = date
                    .as_f64()
                    .map(|seconds| (seconds * 1000.0).round() as i64);
                shown.insert(capital.to_owned(), millis.into());
            }
            Some(value) => {
                shown.insert(capital.to_owned(), value.clone());
            }
        }
    }
    shown.into()
}

fn check_json(document: &str) -> Result<(), ServiceError> {
    match serde_json::from_str::<serde::de::IgnoredAny>(document) {
        Ok(_) => Ok(()),
        Err(_) => Err(invalid_input(&json_complaint(document))),
    }
}

/// What AWS's parser says about text that is not JSON, for the mistakes that people make; our parser's words for others.
pub(super) fn json_complaint(text: &str) -> String {
    let trimmed = text.trim_start();
    let Some(first) = trimmed.chars().next() else {
        return "Invalid execution input.".to_owned();
    };
    if first.is_ascii_alphabetic() {
        let token: String = trimmed
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect();
        return format!(
            "Unrecognized token '{token}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        );
    }
    let key = trimmed
        .strip_prefix('{')
        .and_then(|rest| rest.trim_start().chars().next());
    if let Some(letter) = key.filter(|letter| !matches!(letter, '"' | '}')) {
        return format!(
            "Unexpected character ('{letter}' (code {})): was expecting double-quote to start field name",
            u32::from(letter)
        );
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

fn invalid_input(reason: &str) -> ServiceError {
    ServiceError::new(
        "InvalidExecutionInput",
        format!("Invalid State Machine Execution Input: '{reason}'"),
    )
}
