//! EventBridge Scheduler: schedules that start state machines at their times. A schedule's deadline is passive: it is met
//! when pipeline time passes it, and never pulls a resting clock on.
//!
//! * `expression`: `cron()`, `rate()`, `at()`. * `rest`: which action a request is.

mod expression;
mod rest;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::task::AbortHandle;
use virtual_time::Work;

use crate::context::Context;
use crate::deadline;
use crate::documents::Documents;
use crate::events::delivery::{Delivery, Patience, Shipment};
use crate::failure::{ServiceError, StartError};
use expression::Expression;

pub(crate) use rest::read;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Schedule {
    name: String,
    arn: String,
    created: Timestamp,
    updated: Timestamp,
    /// As CreateSchedule was given it.
    members: Map<String, Value>,
}

/// The service `scheduler`.
pub struct Scheduler {
    context: Context,
    delivery: Arc<Delivery>,
    documents: Documents,
    schedules: Mutex<BTreeMap<String, Schedule>>,
    waiting: Mutex<BTreeMap<String, AbortHandle>>,
    this: Weak<Self>,
}

impl Scheduler {
    pub(crate) fn open(
        context: &Context,
        delivery: Arc<Delivery>,
    ) -> Result<Arc<Self>, StartError> {
        let documents = context.documents("scheduler")?;
        let schedules: Vec<Schedule> = documents.read_all()?;
        let scheduler = Arc::new_cyclic(|this| Self {
            context: context.clone(),
            delivery,
            documents,
            schedules: Mutex::default(),
            waiting: Mutex::default(),
            this: this.clone(),
        });
        for schedule in schedules {
            scheduler.wait_for_next(&schedule);
            scheduler
                .schedules
                .lock()
                .insert(schedule.name.clone(), schedule);
        }
        Ok(scheduler)
    }

    /// Answers one action with members as AWS names them. The caller holds a `Work` guard.
    pub async fn call(self: &Arc<Self>, action: &str, input: Value) -> Result<Value, ServiceError> {
        if input["GroupName"]
            .as_str()
            .is_some_and(|group| group != "default")
        {
            return Err(ServiceError::unsupported_parameter(action, "GroupName"));
        }
        match action {
            "CreateSchedule" => self.create(input),
            "UpdateSchedule" => self.update(input),
            "GetSchedule" => self.get(&input),
            "ListSchedules" => self.list(&input),
            "DeleteSchedule" => self.delete(&input),
            _ => Err(ServiceError::unsupported_action("scheduler", action)),
        }
    }

    fn create(&self, input: Value) -> Result<Value, ServiceError> {
        let name = name(&input)?;
        if self.schedules.lock().contains_key(&name) {
            return Err(ServiceError::new(
                "ConflictException",
                format!("Schedule {name} already exists."),
            )
            .with_status(http::StatusCode::CONFLICT));
        }
        let now = self.context.clock.now();
        self.put(name, input, now, now)
    }

    fn update(&self, input: Value) -> Result<Value, ServiceError> {
        let name = name(&input)?;
        let created = self.existing(&name)?.created;
        self.put(name, input, created, self.context.clock.now())
    }

    fn put(
        &self,
        name: String,
        input: Value,
        created: Timestamp,
        updated: Timestamp,
    ) -> Result<Value, ServiceError> {
        let members = input.as_object().cloned().unwrap_or_default();
        check(&members)?;
        let schedule = Schedule {
            arn: self
                .context
                .arn("scheduler", &format!("schedule/default/{name}")),
            name,
            created,
            updated,
            members,
        };
        self.documents.write(&schedule.name, &schedule)?;
        self.wait_for_next(&schedule);
        let answer = json!({"ScheduleArn": schedule.arn});
        self.schedules
            .lock()
            .insert(schedule.name.clone(), schedule);
        Ok(answer)
    }

    fn get(&self, input: &Value) -> Result<Value, ServiceError> {
        let schedule = self.existing(&name(input)?)?;
        let mut answer = Value::Object(schedule.members.clone());
        answer["Name"] = schedule.name.as_str().into();
        answer["GroupName"] = "default".into();
        answer["Arn"] = schedule.arn.as_str().into();
        answer["State"] = schedule.state().into();
        answer["CreationDate"] = schedule.created.as_second().into();
        answer["LastModificationDate"] = schedule.updated.as_second().into();
        Ok(answer)
    }

    fn list(&self, input: &Value) -> Result<Value, ServiceError> {
        let prefix = input["NamePrefix"].as_str().unwrap_or_default();
        let schedules = self.schedules.lock();
        let listed: Vec<Value> = schedules
            .values()
            .filter(|schedule| schedule.name.starts_with(prefix))
            .map(|schedule| {
                json!({
                    "Arn": schedule.arn,
                    "Name": schedule.name,
                    "GroupName": "default",
                    "State": schedule.state(),
                    "CreationDate": schedule.created.as_second(),
                    "LastModificationDate": schedule.updated.as_second(),
                    "Target": {"Arn": schedule.members["Target"]["Arn"]},
                })
            })
            .collect();
        Ok(json!({"Schedules": listed}))
    }

    fn delete(&self, input: &Value) -> Result<Value, ServiceError> {
        let name = name(input)?;
        self.existing(&name)?;
        self.schedules.lock().remove(&name);
        if let Some(waiting) = self.waiting.lock().remove(&name) {
            waiting.abort();
        }
        self.documents.remove(&name)?;
        Ok(json!({}))
    }

    fn existing(&self, name: &str) -> Result<Schedule, ServiceError> {
        self.schedules.lock().get(name).cloned().ok_or_else(|| {
            ServiceError::new(
                "ResourceNotFoundException",
                format!("Schedule {name} does not exist."),
            )
            .with_status(http::StatusCode::NOT_FOUND)
        })
    }

    /// Waits, in a task of its own, for the next time that the schedule is due.
    fn wait_for_next(&self, schedule: &Schedule) {
        if let Some(waiting) = self.waiting.lock().remove(&schedule.name) {
            waiting.abort();
        }
        if schedule.state() != "ENABLED" {
            return;
        }
        let (Ok(expression), Some(this)) = (schedule.expression(), self.this.upgrade()) else {
            return;
        };
        let (schedule, work) = (schedule.clone(), self.context.clock.work());
        let name = schedule.name.clone();
        let task = tokio::spawn(async move {
            let (mut work, mut after) = (work, this.context.clock.now());
            while let Some(due) = expression.next_after(after, schedule.created) {
                work = deadline::passed(&this.context.clock, due, work).await;
                this.fire(&schedule, due, &work);
                after = due;
            }
        });
        self.waiting.lock().insert(name, task.abort_handle());
    }

    fn fire(&self, schedule: &Schedule, due: Timestamp, work: &Work) {
        let target = &schedule.members["Target"];
        let due = due.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let execution_id = self.context.entropy.uuid();
        let input = target["Input"]
            .as_str()
            .unwrap_or("{}")
            .replace("<aws.scheduler.scheduled-time>", &due)
            .replace("<aws.scheduler.execution-id>", &execution_id)
            .replace("<aws.scheduler.schedule-arn>", &schedule.arn)
            .replace("<aws.scheduler.attempt-number>", "1");
        let shipment = Shipment {
            sender: "scheduler",
            source: schedule.arn.clone(),
            target: target["Arn"].as_str().unwrap_or_default().to_owned(),
            input,
            role: target["RoleArn"].as_str().unwrap_or_default().to_owned(),
            name: execution_id,
            patience: Patience::of_policy(&target["RetryPolicy"]),
            dead_letters: target["DeadLetterConfig"]["Arn"]
                .as_str()
                .map(str::to_owned),
        };
        let (delivery, work) = (Arc::clone(&self.delivery), work.clone());
        tokio::spawn(async move { delivery.deliver(shipment, work).await });
    }
}

impl Schedule {
    fn state(&self) -> &str {
        self.members
            .get("State")
            .and_then(Value::as_str)
            .unwrap_or("ENABLED")
    }

    fn expression(&self) -> Result<Expression, String> {
        let text = |member: &str| self.members.get(member).and_then(Value::as_str);
        Expression::parse(
            text("ScheduleExpression").unwrap_or_default(),
            text("ScheduleExpressionTimezone").unwrap_or("UTC"),
        )
    }
}

fn name(input: &Value) -> Result<String, ServiceError> {
    let name = input["Name"].as_str().unwrap_or_default();
    let legal =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(legal) {
        return Err(ServiceError::validation(format!(
            "'{name}' is not a name for a schedule"
        )));
    }
    Ok(name.to_owned())
}

fn check(members: &Map<String, Value>) -> Result<(), ServiceError> {
    let text = |member: &str| members.get(member).and_then(Value::as_str);
    for unsupported in ["StartDate", "EndDate", "ActionAfterCompletion"] {
        if members
            .get(unsupported)
            .is_some_and(|value| !value.is_null())
        {
            return Err(ServiceError::unsupported_parameter(
                "CreateSchedule",
                unsupported,
            ));
        }
    }
    if members
        .get("FlexibleTimeWindow")
        .is_some_and(|window| window["Mode"] == "FLEXIBLE")
    {
        return Err(ServiceError::unsupported_parameter(
            "CreateSchedule",
            "FlexibleTimeWindow of mode FLEXIBLE",
        ));
    }
    Expression::parse(
        text("ScheduleExpression").unwrap_or_default(),
        text("ScheduleExpressionTimezone").unwrap_or("UTC"),
    )
    .map_err(ServiceError::validation)?;
    let target = members
        .get("Target")
        .and_then(|target| target["Arn"].as_str())
        .unwrap_or_default();
    if !target.contains(":stateMachine:") {
        return Err(ServiceError::validation(format!(
            "the local runtime supports state machines as targets of schedules, not '{target}'"
        )));
    }
    Ok(())
}
