//! Map runs: what the distributed Map states of executions ask for, carried out; and DescribeMapRun, ListMapRuns and
//! UpdateMapRun. `run` calls it for effects, the service for actions.

use std::sync::Arc;

use serde_json::{Value, json};
use states_language::{
    Arrival, ChildType, Execution, Identity, MapRun, MapRunLimits, ReadItems, StartChild, Status,
    WriteResults,
};
use virtual_time::Work;

use super::outcome::{TaskFailure, arrival};
use super::run::Run;
use super::{StepFunctions, item_reader, names, pages, redrive, required, result_writer, seconds};
use crate::failure::ServiceError;

impl StepFunctions {
    /// Reads the items of a Map run. `None` when a call hangs.
    pub(super) async fn read_items(
        self: &Arc<Self>,
        request: ReadItems,
        work: Work,
    ) -> Option<(Arrival, Work)> {
        let outcome = item_reader::read(self, &request).await?;
        Some((arrival(request.task, outcome), work))
    }

    /// Writes the results of a Map run. `None` when a call hangs.
    pub(super) async fn write_results(
        self: &Arc<Self>,
        request: WriteResults,
        work: Work,
    ) -> Option<(Arrival, Work)> {
        let outcome = match self.children_of(&request.map_run_arn) {
            Err(error) => return Some((arrival(request.task, failed(error.to_string())), work)),
            Ok(children) => result_writer::write(self, &request, &children).await?,
        };
        Some((arrival(request.task, outcome), work))
    }

    /// Runs a child execution of a Map run to its end. `None` if its parent gave it up while it began.
    pub(super) async fn run_child(
        self: &Arc<Self>,
        parent: &Arc<Run>,
        start: StartChild,
        work: Work,
    ) -> Option<(Arrival, Work)> {
        let task = start.task;
        if !parent.awaits(task) {
            return None;
        }
        let earlier = match start.redriven && start.child_type == ChildType::Standard {
            true => self.earlier_child(parent, &start),
            false => Ok(None),
        };
        let begun = match earlier {
            Ok(Some(child)) => match redrive::obstacle_of(&child, self.context.clock.now()) {
                // Its last failure is permanent.
                Some(_) => {
                    let status = child.status();
                    let redrivable = false;
                    let arrival = Arrival::ChildEnded {
                        task,
                        status,
                        redrivable,
                    };
                    return Some((arrival, work));
                }
                None => self
                    .revive(&child, &work)
                    .map(|()| child)
                    .map_err(ServiceError::from),
            },
            Ok(None) => self.begin_child(parent, &start, &work),
            Err(error) => Err(error),
        };
        let child = match begun {
            Ok(child) => child,
            Err(error) => {
                let status = Status::Failed {
                    error: Some("States.Runtime".to_owned()),
                    cause: Some(error.to_string()),
                };
                let redrivable = true;
                let arrival = Arrival::ChildEnded {
                    task,
                    status,
                    redrivable,
                };
                return Some((arrival, work));
            }
        };
        if !parent.adopt(task, &child.arn) {
            self.stop_children(vec![child.arn.clone()], &work);
            return None;
        }
        let work = child.ended(work).await;
        parent.release(task);
        let (status, has_room) =
            child.with_execution(|execution| (execution.status().clone(), execution.has_room()));
        let arrival = Arrival::ChildEnded {
            task,
            status,
            redrivable: has_room,
        };
        Some((arrival, work))
    }

    /// The child as an earlier attempt of its Map run left it; `None` if it had not begun.
    fn earlier_child(
        &self,
        parent: &Run,
        start: &StartChild,
    ) -> Result<Option<Arc<Run>>, ServiceError> {
        let machine = parent.with_execution(|execution| {
            format!("{}/{}", execution.identity().state_machine_arn, start.label)
        });
        self.find_run(&names::execution_arn(&machine, &start.name))
    }

    fn begin_child(
        self: &Arc<Self>,
        parent: &Arc<Run>,
        start: &StartChild,
        work: &Work,
    ) -> Result<Arc<Run>, ServiceError> {
        let processor = parent.item_processor(start.state).ok_or_else(|| {
            ServiceError::internal("the item processor of the Map state cannot be read")
        })?;
        let now = self.context.clock.now();
        let (role_arn, machine_arn, machine_name) = parent.with_execution(|execution| {
            let identity = execution.identity();
            (
                identity.role_arn.clone(),
                format!("{}/{}", identity.state_machine_arn, start.label),
                format!("{}/{}", identity.state_machine_name, start.label),
            )
        });
        let (arn, kept) = match start.child_type {
            ChildType::Standard => (names::execution_arn(&machine_arn, &start.name), true),
            ChildType::Express => (
                format!(
                    "{}:{}:{}",
                    machine_arn.replacen(":stateMachine:", ":express:", 1),
                    start.name,
                    self.context.entropy.uuid()
                ),
                false,
            ),
        };
        let identity = Identity {
            execution_arn: arn,
            execution_name: start.name.clone(),
            role_arn,
            start_time: now,
            redrive_count: 0,
            redrive_time: None,
            state_machine_arn: machine_arn.clone(),
            state_machine_name: machine_name,
            state_machine_version_arn: None,
            state_machine_alias_arn: None,
        };
        let execution = Execution::start(processor, identity, &start.input, start.seed, now)
            .map_err(|error| ServiceError::internal(error.to_string()))?;
        let child = Run::child(parent, &machine_arn, start, kept, execution, now);
        self.begin(&child, work)?;
        Ok(child)
    }

    pub(super) fn describe_map_run(&self, input: &Value) -> Result<Value, ServiceError> {
        let (run, map_run) = self.map_run(input)?;
        let limits = &map_run.limits;
        let mut answer = json!({
            "mapRunArn": map_run.arn,
            "executionArn": run.arn,
            "status": map_run.status.word(),
            "startDate": seconds(map_run.started_at),
            "maxConcurrency": limits.max_concurrency,
            "toleratedFailurePercentage": limits.tolerated_failure_percentage.unwrap_or(0.0),
            "toleratedFailureCount": limits.tolerated_failure_count.unwrap_or(0),
            "itemCounts": map_run.item_counts,
            "executionCounts": map_run.execution_counts,
            "redriveCount": map_run.redrive_count,
        });
        if let Some(redriven) = map_run.redriven_at {
            answer["redriveDate"] = seconds(redriven);
        }
        if let Some(ended) = map_run.ended_at {
            answer["stopDate"] = seconds(ended);
        }
        Ok(answer)
    }

    pub(super) fn list_map_runs(&self, input: &Value) -> Result<Value, ServiceError> {
        let run = self.run(input)?;
        let mut listed: Vec<Value> = run.with_execution(|execution| {
            execution
                .map_runs()
                .iter()
                .map(|map_run| {
                    let mut entry = json!({
                        "executionArn": run.arn,
                        "mapRunArn": map_run.arn,
                        "stateMachineArn": format!("{}/{}", run.machine_arn, map_run.label),
                        "startDate": seconds(map_run.started_at),
                    });
                    if let Some(ended) = map_run.ended_at {
                        entry["stopDate"] = seconds(ended);
                    }
                    entry
                })
                .collect()
        });
        // The newest first.
        listed.reverse();
        let (page, next) =
            pages::page_newest_first(input, &format!("map runs of {}", run.arn), listed)?;
        let mut answer = json!({"mapRuns": page});
        if let Some(next) = next {
            answer["nextToken"] = next.into();
        }
        Ok(answer)
    }

    pub(super) fn update_map_run(self: &Arc<Self>, input: &Value) -> Result<Value, ServiceError> {
        let work = self.context.clock.work();
        let (run, map_run) = self.map_run(input)?;
        let limits = updated(&map_run.limits, input)?;
        let arrival = Arrival::MapRunLimits {
            map_run_arn: map_run.arn.clone(),
            limits,
        };
        if !self.drive(&run, Some(arrival), &work) {
            return Err(ServiceError::validation(format!(
                "Map run {} is not in a RUNNING state and cannot be updated",
                map_run.arn
            )));
        }
        Ok(json!({}))
    }

    /// The Map run that the request names, and its execution.
    pub(super) fn map_run(&self, input: &Value) -> Result<(Arc<Run>, MapRun), ServiceError> {
        let arn = required(input, "mapRunArn")?;
        names::check_arn(arn, "mapRun")?;
        let found = self.run_of_map_run(arn)?.and_then(|run| {
            let map_run = run.with_execution(|execution| {
                let mut map_runs = execution.map_runs().iter();
                map_runs.find(|map_run| map_run.arn == arn).cloned()
            })?;
            Some((run, map_run))
        });
        found.ok_or_else(|| {
            ServiceError::new("ResourceNotFound", format!("Resource not found: '{arn}'"))
        })
    }
}

/// The limits that UpdateMapRun asks for.
fn updated(current: &MapRunLimits, input: &Value) -> Result<MapRunLimits, ServiceError> {
    let mut limits = *current;
    let mut any = false;
    let whole = |member: &str| {
        match &input[member] {
        Value::Null => Ok(None),
        value => value.as_u64().map(Some).ok_or_else(|| {
            ServiceError::validation(format!(
                "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must have value greater than or equal to 0"
            ))
        }),
    }
    };
    if let Some(number) = whole("maxConcurrency")? {
        limits.max_concurrency = number;
        any = true;
    }
    if let Some(number) = whole("toleratedFailureCount")? {
        limits.tolerated_failure_count = Some(number);
        any = true;
    }
    match &input["toleratedFailurePercentage"] {
        Value::Null => {}
        value => match value.as_f64().filter(|part| (0.0..=100.0).contains(part)) {
            Some(percentage) => {
                limits.tolerated_failure_percentage = Some(percentage);
                any = true;
            }
            None => {
                return Err(ServiceError::validation(format!(
                    "1 validation error detected: Value '{value}' at 'toleratedFailurePercentage' failed to satisfy constraint: Member must be between 0 and 100"
                )));
            }
        },
    }
    if any {
        Ok(limits)
    } else {
        Err(ServiceError::validation(
            "One of maxConcurrency, toleratedFailureCount, toleratedFailurePercentage must be given",
        ))
    }
}

/// A failure of reading or writing; the interpreter knows its name.
pub(super) fn failed<T>(cause: impl Into<String>) -> Result<T, TaskFailure> {
    Err(TaskFailure {
        error: String::new(),
        cause: cause.into(),
    })
}
