//! Express executions: what their state machines may not do, and StartSyncExecution, which answers with the result.

use std::sync::Arc;

use serde_json::{Value, json};
use states_language::{
    Diagnostic, DiagnosticCode, IntegrationPattern, Resource, Severity, StateMachine,
};

use super::machines::MachineKind;
use super::{StepFunctions, executions, required, seconds};
use crate::failure::ServiceError;
use crate::function_invoker::Custody;

/// An express execution runs for five minutes at most.
pub(super) const LONGEST_SECONDS: u64 = 300;
/// What AWS rounds the billed duration up to, in milliseconds.
const BILLED_UNIT: i64 = 100;
/// What a small express execution is billed for, in MB.
const BILLED_MEMORY: u64 = 64;

/// What keeps a state machine from being express: tasks that wait for somebody, and distributed Maps.
pub(super) fn refused(machine: &StateMachine) -> Vec<Diagnostic> {
    let refusal = |location: String, what: &str| Diagnostic {
        severity: Severity::Error,
        code: DiagnosticCode::SchemaValidationFailed,
        message: format!("Express state machine does not support {what}"),
        location,
    };
    let mut refused = Vec::new();
    for state in machine.states() {
        let what = match state.resource() {
            Some(Resource::Activity { arn }) => Some(format!("the activity '{arn}'")),
            Some(Resource::Integration(integration))
                if integration.pattern != IntegrationPattern::RequestResponse =>
            {
                Some(format!("'{}' service integration", integration.arn))
            }
            _ => None,
        };
        refused.extend(what.map(|what| refusal(format!("{}/Resource", state.location()), &what)));
        let processor = &state.definition()["ItemProcessor"]["ProcessorConfig"];
        if processor["Mode"] == "DISTRIBUTED" {
            let location = format!("{}/ItemProcessor/ProcessorConfig/Mode", state.location());
            refused.push(refusal(location, "Map states of the mode DISTRIBUTED"));
        }
    }
    refused
}

/// What a standard machine answers to an express machine's action, and the other way round.
pub(super) fn not_supported() -> ServiceError {
    ServiceError::new(
        "StateMachineTypeNotSupported",
        "This operation is not supported by this type of state machine",
    )
}

impl StepFunctions {
    /// Starts an express execution and waits for its end. The request's guard goes to the execution meanwhile.
    pub(super) async fn start_sync_execution(
        self: &Arc<Self>,
        input: &Value,
        custody: &mut Custody,
    ) -> Result<Value, ServiceError> {
        if self.choose(required(input, "stateMachineArn")?)?.kind != MachineKind::Express {
            return Err(not_supported());
        }
        let started = self.start_execution(input, None)?;
        if let Some(work) = custody.take() {
            *custody = Some(started.run.ended(work).await);
        }
        let run = &started.run;
        let snapshot = run.snapshot();
        let description = executions::described(run, run.started);
        let mut answer = json!({
            "executionArn": run.arn,
            "stateMachineArn": run.machine_arn,
            "name": run.name,
            "startDate": seconds(run.started),
            "status": description["status"],
            "input": snapshot.input,
            "inputDetails": {"included": true},
            "outputDetails": {"included": true},
        });
        for member in ["stopDate", "output", "error", "cause"] {
            if let Some(value) = description.get(member) {
                answer[member] = value.clone();
            }
        }
        if answer["status"] == "TIMED_OUT" {
            answer["error"] = "States.Timeout".into();
        }
        if let Some(header) = input["traceHeader"].as_str() {
            answer["traceHeader"] = header.into();
        }
        let ended = snapshot.ended.unwrap_or(run.started);
        let lasted = ended.duration_since(run.started).as_millis() as i64;
        let billed = (lasted + BILLED_UNIT - 1) / BILLED_UNIT * BILLED_UNIT;
        if input["includedData"] == "METADATA_ONLY" {
            executions::leave_out_data(&mut answer);
        }
        answer["billingDetails"] = json!({
            "billedDurationInMilliseconds": billed.max(BILLED_UNIT),
            "billedMemoryUsedInMB": BILLED_MEMORY,
        });
        Ok(answer)
    }
}
