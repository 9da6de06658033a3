//! Starting, stopping and describing executions.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use states_language::{Arrival, Execution, Identity, Status, Surroundings};

use super::machines::{self, MachineKind};
use super::run::{Run, error_and_cause, status_word};
use super::{StepFunctions, configuration, express, names, redrive, required, seconds};
use crate::failure::ServiceError;

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
        let machine = self.choose(required(input, "stateMachineArn")?)?;
        let document = input["input"].as_str().unwrap_or("{}");
        check_json(document)?;
        let name = match input["name"].as_str() {
            Some(name) => name.to_owned(),
            None => self.context.entropy.uuid(),
        };
        names::check(&name)?;
        let express = machine.kind == MachineKind::Express;
        let arn = if express {
            names::express_arn(&machine.arn, &name, &self.context.entropy.uuid())
        } else {
            names::execution_arn(&machine.arn, &name)
        };
        let _starting = self.starting.lock();
        let now = self.context.clock.now();
        let existing = self.runs.lock().get(&arn).cloned();
        if let Some(run) = existing {
            let snapshot = run.snapshot();
            if matches!(snapshot.status, Status::Running) && snapshot.input == document {
                return Ok(Started { run });
            }
            return Err(already_exists(&arn));
        }
        let ended = self.archive.summary(&arn).and_then(|summary| summary.ended);
        if ended.is_some_and(|ended| now.duration_since(ended) <= NAME_REST) {
            return Err(already_exists(&arn));
        }
        let definition = &machine.revision.definition;
        let parsed = self.definitions.read(definition, machine.kind)?;
        let identity = Identity {
            execution_arn: arn,
            execution_name: name.clone(),
            role_arn: machine.revision.role_arn,
            start_time: now,
            redrive_count: 0,
            redrive_time: None,
            state_machine_arn: machine.arn.clone(),
            state_machine_name: machine.name,
            state_machine_version_arn: machine.version_arn,
            state_machine_alias_arn: machine.alias_arn,
        };
        let surroundings = Surroundings {
            missing_activities: self.missing_activities(&parsed),
            longest_seconds: express.then_some(express::LONGEST_SECONDS),
            test: None,
        };
        let seed = self.context.entropy.bits();
        let execution = Execution::start_in(surroundings, parsed, identity, document, seed, now)
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
        let mut answer = described(&*self.run(input)?, self.context.clock.now());
        if input["includedData"] == "METADATA_ONLY" {
            leave_out_data(&mut answer);
        }
        Ok(answer)
    }

    pub(super) fn describe_state_machine_for_execution(
        &self,
        input: &Value,
    ) -> Result<Value, ServiceError> {
        let run = self.run(input)?;
        let (machine, identity) = run.with_execution(|execution| {
            (
                Arc::clone(execution.machine()),
                execution.identity().clone(),
            )
        });
        let mut answer = json!({
            "stateMachineArn": run.machine_arn,
            "name": identity.state_machine_name,
            "definition": match input["includedData"].as_str() {
                Some("METADATA_ONLY") => "{}",
                _ => machine.definition(),
            },
            "roleArn": identity.role_arn,
            "updateDate": seconds(run.started),
        });
        let revision = self.revision_of(&run.machine_arn, machine.definition());
        let settings = revision.as_ref().map(|revision| &revision.settings);
        configuration::show(settings.unwrap_or(&Map::new()), &mut answer);
        if let Some(revision) = &revision {
            answer["updateDate"] = seconds(revision.updated);
            if let Some(id) = &revision.id {
                answer["revisionId"] = id.as_str().into();
            }
        }
        machines::show_references(machine.definition(), &mut answer);
        Ok(answer)
    }

    /// The execution that the request names.
    pub(super) fn run(&self, input: &Value) -> Result<Arc<Run>, ServiceError> {
        let arn = required(input, "executionArn")?;
        names::check_arn(arn, "execution")?;
        self.find_run(arn)?.ok_or_else(|| {
            ServiceError::new(
                "ExecutionDoesNotExist",
                format!("Execution Does Not Exist: '{arn}'"),
            )
        })
    }
}

/// `includedData: METADATA_ONLY`.
pub(super) fn leave_out_data(description: &mut Value) {
    for (member, details) in [("input", "inputDetails"), ("output", "outputDetails")] {
        if let Some(members) = description.as_object_mut()
            && members.shift_remove(member).is_some()
        {
            members.insert(details.to_owned(), json!({"included": false}));
        }
    }
}

/// As DescribeExecution answers at that time.
pub(super) fn described(run: &Run, now: Timestamp) -> Value {
    let snapshot = run.snapshot();
    let identity = run.with_execution(|execution| execution.identity().clone());
    let mut answer = json!({
        "executionArn": run.arn,
        "stateMachineArn": run.machine_arn,
        "name": run.name,
        "status": status_word(&snapshot.status),
        "startDate": seconds(run.started),
        "input": snapshot.input,
        "inputDetails": {"included": true},
        "redriveCount": identity.redrive_count,
    });
    if let Some(map_run) = &run.map_run {
        answer["mapRunArn"] = map_run.as_str().into();
    }
    let texts = [
        ("stateMachineVersionArn", identity.state_machine_version_arn),
        ("stateMachineAliasArn", identity.state_machine_alias_arn),
    ];
    for (member, arn) in texts {
        if let Some(arn) = arn {
            answer[member] = arn.into();
        }
    }
    if let Some(redriven) = identity.redrive_time {
        answer["redriveDate"] = seconds(redriven);
    }
    answer["redriveStatus"] = match redrive::obstacle_of(run, now) {
        // Only with its Map run.
        None if run.map_run.is_some() => "REDRIVABLE_BY_MAP_RUN".into(),
        None => "REDRIVABLE".into(),
        Some(reason) => {
            answer["redriveStatusReason"] = reason.into();
            "NOT_REDRIVABLE".into()
        }
    };
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
    let description = described(run, run.started);
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

pub(super) fn check_json(document: &str) -> Result<(), ServiceError> {
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

fn already_exists(arn: &str) -> ServiceError {
    ServiceError::new(
        "ExecutionAlreadyExists",
        format!("Execution Already Exists: '{arn}'"),
    )
}

fn invalid_input(reason: &str) -> ServiceError {
    ServiceError::new(
        "InvalidExecutionInput",
        format!("Invalid State Machine Execution Input: '{reason}'"),
    )
}
