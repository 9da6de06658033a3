//! RedriveExecution: an execution that failed, timed out or was stopped within two weeks goes on from where it was.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use states_language::Status;

use super::run::{Run, status_word};
use super::{StepFunctions, seconds};
use crate::failure::ServiceError;

/// For so long after its end an execution can be redriven.
const PERIOD: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Why the execution cannot be redriven now, in AWS's words; `None` if it can.
pub(super) fn obstacle(
    status: &Status,
    ended: Option<Timestamp>,
    has_room: bool,
    now: Timestamp,
) -> Option<String> {
    if matches!(status, Status::Running | Status::Succeeded { .. }) {
        return Some(format!(
            "Execution is {} and cannot be redriven",
            status_word(status)
        ));
    }
    if !has_room {
        return Some("Execution history event limit exceeded".to_owned());
    }
    let late = ended.is_some_and(|ended| now.duration_since(ended) > PERIOD);
    late.then(|| "Execution redrivable period exceeded".to_owned())
}

/// As [`obstacle`], of an execution.
pub(super) fn obstacle_of(run: &Run, now: Timestamp) -> Option<String> {
    run.with_execution(|execution| {
        obstacle(
            execution.status(),
            execution.ended_at(),
            execution.has_room(),
            now,
        )
    })
}

impl StepFunctions {
    pub(super) fn redrive_execution(
        self: &Arc<Self>,
        input: &Value,
    ) -> Result<Value, ServiceError> {
        let work = self.context.clock.work();
        let run = self.run(input)?;
        let _starting = self.starting.lock();
        let now = self.context.clock.now();
        let token = input["clientToken"].as_str().unwrap_or_default().to_owned();
        let earlier = self.redrives.lock().get(&run.arn).cloned();
        if let Some((used, date)) = earlier
            && !token.is_empty()
            && used == token
        {
            return Ok(json!({"redriveDate": seconds(date)}));
        }
        let of_map_run = run
            .map_run
            .as_ref()
            .map(|map_run| format!("Execution can only be redriven by its Map Run {map_run}"));
        if let Some(obstacle) = obstacle_of(&run, now).or(of_map_run) {
            return Err(ServiceError::new(
                "ExecutionNotRedrivable",
                format!("Execution Not Redrivable: '{obstacle}'"),
            ));
        }
        self.redrives.lock().insert(run.arn.clone(), (token, now));
        self.revive(&run, &work)?;
        Ok(json!({"redriveDate": seconds(now)}))
    }
}
