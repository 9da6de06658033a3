//! Step Functions: state machines and their executions, driven on the pure interpreter. The gateway, the scheduler and the
//! embedded runtime call [`StepFunctions::call`].
//!
//! * `actions`, `request`: what each action takes, and what is refused. `names`: ARNs and names. `pages`: lists.
//! * `machines`, `versions`, `aliases`, `tags`, `configuration`, `validate`: state machines.
//! * `executions`: starting, stopping, describing. `listing`, `history`: pages of them and of their events. `express`:
//!   those of express machines. `redrive`: those that go on after their failure.
//! * `run`: one execution: effects are carried out, arrivals delivered. `journal`: its history on disk while it runs.
//!   `archive`: those that have ended.
//! * `test_state`, `mock`: one state alone.
//! * `tasks`: what a task's resource does. `outcome`, `members`, `http_metadata`: its errors, names and responses.
//!   `functions`: Lambda. `objects`: the S3 integration.
//! * `emr_jobs`, `queue_and_bus`: the integrations of EMR, SQS, EventBridge, the scheduler and Lambda.
//! * `map_runs`: distributed Maps. `item_reader`, `result_writer`: their items and results.
//! * `tokens`: `.waitForTaskToken`. `activities`: activities and their workers.

mod actions;
mod activities;
mod aliases;
mod archive;
mod configuration;
mod definitions;
mod emr_jobs;
mod executions;
mod express;
mod functions;
mod history;
mod http_metadata;
mod item_reader;
mod journal;
mod labels;
mod listing;
mod machines;
mod map_runs;
mod members;
mod mock;
mod names;
mod objects;
mod outcome;
mod pages;
mod queue_and_bus;
mod redrive;
mod request;
mod result_writer;
mod run;
mod tags;
mod tasks;
mod test_state;
mod tokens;
mod validate;
mod versions;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::context::Context;
use crate::documents::Documents;
use crate::ec2::Ec2;
use crate::emr::Emr;
use crate::events::Events;
use crate::failure::{ServiceError, StartError};
use crate::function_invoker::Custody;
use crate::lambda::Lambda;
use crate::s3::S3;
use crate::scheduler::Scheduler;
use crate::sns::Sns;
use crate::sqs::Sqs;
use activities::Activity;
use machines::Machine;
use run::Run;

/// The other services, which tasks call.
pub(crate) struct Neighbours {
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) s3: Arc<S3>,
    pub(crate) sns: Arc<Sns>,
    pub(crate) sqs: Arc<Sqs>,
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) emr: Arc<Emr>,
    pub(crate) events: Arc<Events>,
    pub(crate) ec2: Arc<Ec2>,
}

/// The service `states`.
pub struct StepFunctions {
    context: Context,
    neighbours: OnceLock<Neighbours>,
    machine_documents: Documents,
    run_documents: Documents,
    machines: Mutex<BTreeMap<String, Machine>>,
    definitions: definitions::Definitions,
    /// The executions that run.
    runs: Mutex<BTreeMap<String, Arc<Run>>>,
    archive: archive::Archive,
    activity_documents: Documents,
    activities: Mutex<BTreeMap<String, Activity>>,
    queues: activities::Queues,
    /// Held while an execution is started, so that of two starts under one name one finds the other's execution.
    starting: Mutex<()>,
    /// By execution: the client's token of its last redrive, and when that was.
    redrives: Mutex<BTreeMap<String, (String, jiff::Timestamp)>>,
    /// Who waits for which task token.
    tokens: tokens::Tokens,
    /// Executions that a dead process left running: they were ended at start-up, and nobody has been told yet.
    found_dead: Mutex<Vec<Arc<Run>>>,
}

impl StepFunctions {
    pub(crate) fn open(context: &Context) -> Result<Arc<Self>, StartError> {
        let documents = context.documents("states")?;
        let machine_documents = documents.folder("machines")?;
        let run_documents = documents.folder("executions")?;
        let activity_documents = documents.folder("activities")?;
        let machines: Vec<Machine> = machine_documents.read_all()?;
        let activities: Vec<Activity> = activity_documents.read_all()?;
        let service = Arc::new(Self {
            context: context.clone(),
            neighbours: OnceLock::new(),
            machine_documents,
            run_documents,
            machines: Mutex::new(
                machines
                    .into_iter()
                    .map(|machine| (machine.arn.clone(), machine))
                    .collect(),
            ),
            definitions: definitions::Definitions::default(),
            runs: Mutex::default(),
            archive: archive::Archive::default(),
            activity_documents,
            activities: Mutex::new(
                activities
                    .into_iter()
                    .map(|activity| (activity.arn.clone(), activity))
                    .collect(),
            ),
            queues: activities::Queues::default(),
            starting: Mutex::default(),
            redrives: Mutex::default(),
            tokens: tokens::Tokens::default(),
            found_dead: Mutex::default(),
        });
        service.restore_all()?;
        Ok(service)
    }

    /// Lets tasks reach the other services. To be called once, before the first execution.
    pub(crate) fn connect(&self, neighbours: Neighbours) {
        // A second call would be a fault of the caller, and the first neighbours are the right ones.
        let _ = self.neighbours.set(neighbours);
    }

    fn neighbours(&self) -> Result<&Neighbours, ServiceError> {
        self.neighbours
            .get()
            .ok_or_else(|| ServiceError::internal("the services are still starting"))
    }

    /// Tells rules of the executions that were found dead at start-up.
    pub(crate) async fn recover(&self) {
        let dead = std::mem::take(&mut *self.found_dead.lock());
        for run in dead {
            self.announce_end(&run);
        }
    }

    /// Answers one action with members as AWS names them. The caller holds a `Work` guard; an action that waits for something
    /// else is not for it, but for [`StepFunctions::call_from_outside`].
    pub async fn call(self: &Arc<Self>, action: &str, input: Value) -> Result<Value, ServiceError> {
        check(action, &input)?;
        match action {
            "CreateActivity" => self.create_activity(&input),
            "DescribeActivity" => self.describe_activity(&input),
            "ListActivities" => self.list_activities(&input),
            "DeleteActivity" => self.delete_activity(&input),
            "CreateStateMachine" => self.create_state_machine(&input),
            "UpdateStateMachine" => self.update_state_machine(&input),
            "DeleteStateMachine" => self.delete_state_machine(&input),
            "DescribeStateMachine" => self.describe_state_machine(&input),
            "ListStateMachines" => self.list_state_machines(&input),
            "ValidateStateMachineDefinition" => validate::validate(&input),
            "PublishStateMachineVersion" => self.publish_state_machine_version(&input),
            "ListStateMachineVersions" => self.list_state_machine_versions(&input),
            "DeleteStateMachineVersion" => self.delete_state_machine_version(&input),
            "CreateStateMachineAlias" => self.create_state_machine_alias(&input),
            "UpdateStateMachineAlias" => self.update_state_machine_alias(&input),
            "DescribeStateMachineAlias" => self.describe_state_machine_alias(&input),
            "ListStateMachineAliases" => self.list_state_machine_aliases(&input),
            "DeleteStateMachineAlias" => self.delete_state_machine_alias(&input),
            "TagResource" => self.tag(&input),
            "UntagResource" => self.untag(&input),
            "ListTagsForResource" => self.list_tags(&input),
            "StartExecution" => self
                .start_execution(&input, None)
                .map(|started| started.answer()),
            "StopExecution" => self.stop_execution(&input),
            "RedriveExecution" => self.redrive_execution(&input),
            "DescribeExecution" => self.describe_execution(&input),
            "DescribeStateMachineForExecution" => self.describe_state_machine_for_execution(&input),
            "ListExecutions" => self.list_executions(&input),
            "DescribeMapRun" => self.describe_map_run(&input),
            "ListMapRuns" => self.list_map_runs(&input),
            "UpdateMapRun" => self.update_map_run(&input),
            "GetExecutionHistory" => self.get_execution_history(&input),
            "SendTaskSuccess" => self.send_task_success(&input),
            "SendTaskFailure" => self.send_task_failure(&input),
            "SendTaskHeartbeat" => self.send_task_heartbeat(&input),
            _ => Err(ServiceError::unsupported_action("states", action)),
        }
    }

    /// As [`StepFunctions::call`], for a client's request, whose guard is let go while an action waits.
    pub(crate) async fn call_from_outside(
        self: &Arc<Self>,
        action: &str,
        input: Value,
        custody: &mut Custody,
    ) -> Result<Value, ServiceError> {
        match action {
            "GetActivityTask" => {
                check(action, &input)?;
                let worker = activities::Worker::Outside(custody);
                self.get_activity_task(&input, worker).await.0
            }
            "TestState" => {
                check(action, &input)?;
                self.test_state(&input, custody).await
            }
            "StartSyncExecution" => {
                check(action, &input)?;
                self.start_sync_execution(&input, custody).await
            }
            _ => self.call(action, input).await,
        }
    }
}

/// Refuses a request that is not as the action takes it.
fn check(action: &str, input: &Value) -> Result<(), ServiceError> {
    match actions::members(action) {
        Some(members) => request::check(action, members, input),
        None => Err(ServiceError::unsupported_action("states", action)),
    }
}

/// A text member that must be there.
fn required<'a>(input: &'a Value, member: &str) -> Result<&'a str, ServiceError> {
    input[member].as_str().ok_or_else(|| {
        ServiceError::validation(format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ))
    })
}

/// Seconds since the epoch, as JSON protocols write times.
fn seconds(time: jiff::Timestamp) -> Value {
    json!(time.as_millisecond() as f64 / 1000.0)
}
