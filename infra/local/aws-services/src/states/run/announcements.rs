//! Who hears of an execution: the observer and the journal of every event, the observer and EventBridge of its beginning and
//! its end.

use jiff::Timestamp;
use serde_json::Value;
use states_language::Status;

use super::{Run, RunState, error_and_cause, status_word};
use crate::observer::Occurrence;
use crate::states::{Neighbours, StepFunctions, names, redrive};

impl StepFunctions {
    /// Tells the observer that an execution runs, or runs again.
    pub(super) fn observe_start(&self, run: &Run) {
        let input = run.with_execution(|execution| {
            serde_json::from_str(execution.input()).unwrap_or_default()
        });
        self.context.observe(Occurrence::ExecutionStarted {
            execution_arn: run.arn.clone(),
            state_machine_arn: run.machine_arn.clone(),
            name: run.name.clone(),
            parent: run.parent.clone(),
            input,
        });
    }

    pub(super) fn observe_history(&self, run: &Run, state: &mut RunState) {
        let fresh = &state.execution.history()[state.observed..];
        let events: Vec<Value> = fresh
            .iter()
            .map(|event| serde_json::to_value(event).unwrap_or_default())
            .collect();
        if let Some(journal) = &mut state.journal
            && let Err(error) = journal.append(&events)
        {
            tracing::error!(%error, execution = run.arn, "the history can no longer be written down");
            state.journal = None;
        }
        for event in events {
            self.context.observe(Occurrence::HistoryEvent {
                execution_arn: run.arn.clone(),
                event,
            });
        }
        state.observed = state.execution.history().len();
    }

    /// Tells observer and rules that an execution has ended.
    pub(in crate::states) fn announce_end(&self, run: &Run) {
        let status = run.status();
        let (error, cause) = error_and_cause(&status);
        let output = match &status {
            Status::Succeeded { output } => serde_json::from_str(output).ok(),
            _ => None,
        };
        self.context.observe(Occurrence::ExecutionEnded {
            execution_arn: run.arn.clone(),
            status: status_word(&status).to_owned(),
            output,
            error,
            cause,
        });
        self.announce(run, status_word(&status));
    }

    /// The event that EventBridge gets from Step Functions
    /// (https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html).
    pub(super) fn announce(&self, run: &Run, word: &str) {
        let Some(Neighbours { events, .. }) = self.neighbours.get() else {
            return;
        };
        if run.is_express() {
            // EventBridge hears of standard executions only.
            return;
        }
        let identity = run.with_execution(|execution| execution.identity().clone());
        let mut snapshot = run.snapshot();
        if word == "RUNNING" {
            // It may have ended by now; of that the next event tells.
            snapshot.status = Status::Running;
            snapshot.ended = None;
        }
        let output = match &snapshot.status {
            Status::Succeeded { output } => Some(output.to_string()),
            _ => None,
        };
        let (error, cause) = error_and_cause(&snapshot.status);
        let reason = redrive::obstacle(
            &snapshot.status,
            snapshot.ended,
            true,
            self.context.clock.now(),
        );
        let redrivable = if reason.is_some() {
            "NOT_REDRIVABLE"
        } else {
            "REDRIVABLE"
        };
        let millis = |time: Timestamp| time.as_millisecond();
        let detail = serde_json::json!({
            "executionArn": run.arn,
            "stateMachineArn": names::unqualified(&run.machine_arn),
            "name": run.name,
            "status": word,
            "startDate": millis(run.started),
            "stopDate": snapshot.ended.map(millis),
            "input": snapshot.input,
            "output": output,
            "stateMachineVersionArn": identity.state_machine_version_arn,
            "stateMachineAliasArn": identity.state_machine_alias_arn,
            "redriveCount": identity.redrive_count,
            "redriveDate": identity.redrive_time.map(millis),
            "redriveStatus": redrivable,
            "redriveStatusReason": reason,
            "inputDetails": {"included": true},
            "outputDetails": output.as_ref().map(|_| serde_json::json!({"included": true})),
            "error": error,
            "cause": cause,
        });
        events.publish(
            "aws.states",
            "Step Functions Execution Status Change",
            &[&run.arn],
            detail,
        );
    }
}
