//! Step Functions: state machines and their executions, driven on the pure interpreter. The gateway, the scheduler and the
//! embedded runtime call [`StepFunctions::call`].
//!
//! * `machines`: state machines. `executions`: starting, stopping, describing. `history`: events, page by page.
//! * `run`: one execution: effects are carried out, arrivals delivered. `journal`: its history on disk while it runs.
//! * `tasks`: what a task's resource does. `outcome`, `members`: its errors and names. `objects`: the S3 integration.
//! * `map_runs`: distributed Maps. `item_reader`, `result_writer`: their items and results.
//! * `tokens`: `.waitForTaskToken`. `names`: ARNs and what a name may hold. `pages`: lists.

mod executions;
mod history;
mod item_reader;
mod journal;
mod machines;
mod map_runs;
mod members;
mod names;
mod objects;
mod outcome;
mod pages;
mod result_writer;
mod run;
mod tasks;
mod tokens;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::context::Context;
use crate::documents::Documents;
use crate::emr::Emr;
use crate::events::Events;
use crate::failure::{ServiceError, StartError};
use crate::lambda::Lambda;
use crate::s3::S3;
use crate::sns::Sns;
use machines::Machine;
use run::Run;

/// The other services, which tasks call.
pub(crate) struct Neighbours {
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) s3: Arc<S3>,
    pub(crate) sns: Arc<Sns>,
    pub(crate) emr: Arc<Emr>,
    pub(crate) events: Arc<Events>,
}

/// The service `states`.
pub struct StepFunctions {
    context: Context,
    neighbours: OnceLock<Neighbours>,
    machine_documents: Documents,
    run_documents: Documents,
    machines: Mutex<BTreeMap<String, Machine>>,
    runs: Mutex<BTreeMap<String, Arc<Run>>>,
    /// Held while an execution is started, so that of two starts under one name one finds the other's execution.
    starting: Mutex<()>,
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
        let machines: Vec<Machine> = machine_documents.read_all()?;
        let stored: Vec<run::Stored> = run_documents.read_all()?;
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
            runs: Mutex::default(),
            starting: Mutex::default(),
            tokens: tokens::Tokens::default(),
            found_dead: Mutex::default(),
        });
        for stored in stored {
            service.restore(stored)?;
        }
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

    /// Answers one action with members as AWS names them. The caller holds a `Work` guard.
    pub async fn call(self: &Arc<Self>, action: &str, input: Value) -> Result<Value, ServiceError> {
        match action {
            "CreateStateMachine" => self.create_state_machine(&input),
            "UpdateStateMachine" => self.update_state_machine(&input),
            "DeleteStateMachine" => self.delete_state_machine(&input),
            "DescribeStateMachine" => self.describe_state_machine(&input),
            "ListStateMachines" => self.list_state_machines(&input),
            "ValidateStateMachineDefinition" => machines::validate(&input),
            "TagResource" => self.tag(&input),
            "UntagResource" => self.untag(&input),
            "ListTagsForResource" => self.list_tags(&input),
            "StartExecution" => self
                .start_execution(&input, None)
                .map(|started| started.answer()),
            "StopExecution" => self.stop_execution(&input),
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
