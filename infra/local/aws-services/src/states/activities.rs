//! Activities: created, described, listed, deleted; and their tasks, which workers fetch with GetActivityTask and answer with
//! the task's token.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use states_language::{Arrival, Resource, StartTask, StateMachine, TaskId};
use tokio::sync::oneshot;
use virtual_time::Work;

use super::members::{renamed, upper_first};
use super::outcome::{Outcome, answered};
use super::run::Run;
use super::{StepFunctions, check, configuration, names, pages, required, seconds, tags};
use crate::failure::ServiceError;
use crate::function_invoker::Custody;
use crate::interceptor::Call;

/// So long GetActivityTask waits for a task.
const LONG_POLL: Duration = Duration::from_secs(60);

/// An activity of the account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Activity {
    pub(super) arn: String,
    name: String,
    created: Timestamp,
    pub(super) tags: Map<String, Value>,
    encryption: Option<Value>,
}

/// The tasks of activities that no worker has yet, and the workers that have no task.
#[derive(Default)]
pub(super) struct Queues(Mutex<BTreeMap<String, Queue>>);

#[derive(Default)]
struct Queue {
    scheduled: VecDeque<Scheduled>,
    workers: VecDeque<oneshot::Sender<(Scheduled, Work)>>,
}

/// A task that was scheduled.
#[derive(Debug, Clone)]
pub(super) struct Scheduled {
    run: String,
    task: TaskId,
    token: String,
    input: String,
}

/// Who asks for a task.
pub(super) enum Worker<'a> {
    /// A client. It waits by its own clock, and what it does until it answers is work that takes time.
    Outside(&'a mut Custody),
    /// A state machine, whose own waits the clock may jump over.
    Inside(Work),
}

impl StepFunctions {
    pub(super) fn create_activity(&self, input: &Value) -> Result<Value, ServiceError> {
        let name = required(input, "name")?;
        names::check(name)?;
        let encryption = configuration::read_encryption(input)?;
        let tags = tags::read(&input["tags"])?;
        let arn = self.context.arn("states", &format!("activity:{name}"));
        let now = self.context.clock.now();
        let mut activities = self.activities.lock();
        if let Some(existing) = activities.get(&arn) {
            if existing.encryption != encryption {
                return Err(ServiceError::new(
                    "ActivityAlreadyExists",
                    format!("Activity Already Exists: '{arn}'"),
                ));
            }
            return Ok(json!({"activityArn": arn, "creationDate": seconds(existing.created)}));
        }
        let activity = Activity {
            arn: arn.clone(),
            name: name.to_owned(),
            created: now,
            tags,
            encryption,
        };
        self.activity_documents.write(name, &activity)?;
        activities.insert(arn.clone(), activity);
        Ok(json!({"activityArn": arn, "creationDate": seconds(now)}))
    }

    pub(super) fn describe_activity(&self, input: &Value) -> Result<Value, ServiceError> {
        let arn = required(input, "activityArn")?;
        names::check_arn(arn, "activity")?;
        let activities = self.activities.lock();
        let activity = activities.get(arn).ok_or_else(|| unknown(arn))?;
        let mut answer = json!({
            "activityArn": activity.arn,
            "name": activity.name,
            "creationDate": seconds(activity.created),
        });
        answer["encryptionConfiguration"] = match &activity.encryption {
            Some(encryption) => encryption.clone(),
            None => json!({"type": "AWS_OWNED_KEY"}),
        };
        Ok(answer)
    }

    pub(super) fn list_activities(&self, input: &Value) -> Result<Value, ServiceError> {
        let listed: Vec<Value> = self
            .activities
            .lock()
            .values()
            .map(|activity| {
                json!({
                    "activityArn": activity.arn,
                    "name": activity.name,
                    "creationDate": seconds(activity.created),
                })
            })
            .collect();
        pages::answer(input, "activities", "activities", listed)
    }

    pub(super) fn delete_activity(&self, input: &Value) -> Result<Value, ServiceError> {
        let arn = required(input, "activityArn")?;
        names::check_arn(arn, "activity")?;
        // Deleting what is not there succeeds, as on AWS.
        if let Some(activity) = self.activities.lock().remove(arn) {
            self.activity_documents.remove(&activity.name)?;
        }
        Ok(json!({}))
    }

    /// Changes an activity and writes it down.
    pub(super) fn change_activity<T>(
        &self,
        arn: &str,
        missing: impl FnOnce() -> ServiceError,
        change: impl FnOnce(&mut Activity) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let mut activities = self.activities.lock();
        let existing = activities.get_mut(arn).ok_or_else(missing)?;
        let mut activity = existing.clone();
        let answer = change(&mut activity)?;
        if activity != *existing {
            self.activity_documents.write(&activity.name, &activity)?;
            *existing = activity;
        }
        Ok(answer)
    }

    /// The activities that the machine names and the account does not have.
    pub(super) fn missing_activities(&self, machine: &StateMachine) -> Vec<String> {
        let named = machine.states().filter_map(|state| match state.resource() {
            Some(Resource::Activity { arn }) => Some(arn),
            _ => None,
        });
        let mut missing: Vec<String> = named.cloned().collect();
        if !missing.is_empty() {
            let activities = self.activities.lock();
            missing.retain(|arn| !activities.contains_key(arn));
        }
        missing
    }

    /// Gives a task to the worker that has waited longest, or keeps it until one asks. Its token answers from now on.
    pub(super) fn schedule_activity(&self, run: &Run, arn: &str, start: &StartTask, work: Work) {
        let token = start.token.clone().unwrap_or_default();
        self.tokens.remember(token.clone(), &run.arn, start.task);
        let mut scheduled = Scheduled {
            run: run.arn.clone(),
            task: start.task,
            token,
            input: start.arguments.to_string(),
        };
        let mut work = work;
        let mut queues = self.queues.0.lock();
        let queue = queues.entry(arn.to_owned()).or_default();
        while let Some(worker) = queue.workers.pop_front() {
            match worker.send((scheduled, work)) {
                Ok(()) => return,
                // It has gone away.
                Err(back) => (scheduled, work) = back,
            }
        }
        queue.scheduled.push_back(scheduled);
        drop(queues);
        drop(work);
    }

    /// GetActivityTask. For a worker inside, its guard comes back.
    pub(super) async fn get_activity_task(
        self: &Arc<Self>,
        input: &Value,
        worker: Worker<'_>,
    ) -> (Result<Value, ServiceError>, Option<Work>) {
        let arn = match self.known_activity(input) {
            Ok(arn) => arn,
            Err(error) => {
                let work = match worker {
                    Worker::Outside(_) => None,
                    Worker::Inside(work) => Some(work),
                };
                return (Err(error), work);
            }
        };
        let name = input["workerName"].as_str().map(str::to_owned);
        match worker {
            Worker::Inside(work) => {
                let (scheduled, work) = self.next_task(arn, work, false).await;
                let answer = self.begin_activity(scheduled, name, &work, false);
                (Ok(answer), Some(work))
            }
            Worker::Outside(custody) => {
                let work = custody.take().unwrap_or_else(|| self.context.clock.work());
                let (scheduled, work) = self.next_task(arn, work, true).await;
                let answer = self.begin_activity(scheduled, name, &work, true);
                *custody = Some(work);
                (Ok(answer), None)
            }
        }
    }

    /// GetActivityTask for a state machine, through the SDK's integration. `None` when the call hangs.
    pub(super) async fn get_activity_task_inside(
        self: &Arc<Self>,
        input: &Value,
        work: Work,
    ) -> Option<(Outcome, Work)> {
        let call = Call {
            service: "states".to_owned(),
            action: "GetActivityTask".to_owned(),
            caller: "states".to_owned(),
            request: input.clone(),
        };
        let mut custody: Custody = Some(work);
        let effect = async {
            check(&call.action, input)?;
            let work = custody.take().unwrap_or_else(|| self.context.clock.work());
            let (answer, work) = self.get_activity_task(input, Worker::Inside(work)).await;
            custody = work;
            answer
        };
        let result = self.context.intercepted(&call, effect).await;
        let outcome = answered("Sfn", result, &self.context.entropy.uuid())?;
        let work = custody.unwrap_or_else(|| self.context.clock.work());
        Some((outcome.map(|answer| renamed(&answer, upper_first)), work))
    }

    fn known_activity<'i>(&self, input: &'i Value) -> Result<&'i str, ServiceError> {
        let arn = required(input, "activityArn")?;
        names::check_arn(arn, "activity")?;
        match self.activities.lock().contains_key(arn) {
            true => Ok(arn),
            false => Err(unknown(arn)),
        }
    }

    /// The next task that is still awaited, after a minute at most.
    async fn next_task(&self, arn: &str, work: Work, outside: bool) -> (Option<Scheduled>, Work) {
        let arrival = {
            let mut queues = self.queues.0.lock();
            let queue = queues.entry(arn.to_owned()).or_default();
            while let Some(scheduled) = queue.scheduled.pop_front() {
                if self.is_awaited(&scheduled) {
                    return (Some(scheduled), work);
                }
            }
            let (sender, arrival) = oneshot::channel();
            queue.workers.retain(|worker| !worker.is_closed());
            queue.workers.push_back(sender);
            arrival
        };
        let clock = &self.context.clock;
        let deadline = clock.after(LONG_POLL);
        let nothing = async {
            if outside {
                // The clock must not jump a minute for each poll of a client that has nothing to do; the client itself waits
                // for a minute of its own time.
                tokio::select! {
                    work = crate::deadline::passed(clock, deadline, work) => work,
                    () = tokio::time::sleep(LONG_POLL) => clock.work(),
                }
            } else {
                crate::deadline::reached(clock, deadline, work).await
            }
        };
        let mut nothing = pin!(nothing);
        tokio::select! {
            biased;
            Ok((scheduled, work)) = arrival => (Some(scheduled), work),
            work = &mut nothing => (None, work),
        }
    }

    fn is_awaited(&self, scheduled: &Scheduled) -> bool {
        let run = self.runs.lock().get(&scheduled.run).cloned();
        run.is_some_and(|run| run.with_execution(|execution| execution.awaits(scheduled.task)))
    }

    /// Tells the execution that a worker has its task, and answers the worker.
    fn begin_activity(
        self: &Arc<Self>,
        scheduled: Option<Scheduled>,
        worker_name: Option<String>,
        work: &Work,
        outside: bool,
    ) -> Value {
        let nothing = json!({});
        let Some(scheduled) = scheduled else {
            return nothing;
        };
        let Some(run) = self.runs.lock().get(&scheduled.run).cloned() else {
            return nothing;
        };
        let started = Arrival::TaskStarted {
            task: scheduled.task,
            worker_name,
        };
        if outside {
            // Until it answers, the worker works: time goes on at its own pace.
            run.attend(scheduled.task, work.clone());
        }
        if !self.drive(&run, Some(started), work) {
            run.leave(scheduled.task);
            return nothing;
        }
        json!({"taskToken": scheduled.token, "input": scheduled.input})
    }
}

fn unknown(arn: &str) -> ServiceError {
    ServiceError::new(
        "ActivityDoesNotExist",
        format!("Activity Does Not Exist: '{arn}'"),
    )
}
