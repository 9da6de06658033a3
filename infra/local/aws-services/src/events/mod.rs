//! EventBridge: rules on the default bus, and what they start. Step Functions publishes the changes of its executions here.
//!
//! * `pattern`: which events a rule is for.
//! * `target`: what can be a target. `transformation`: what it gets to see. `delivery`: how it gets there.

pub(crate) mod delivery;
mod pattern;
mod target;
#[cfg(test)]
mod tests;
mod transformation;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::context::Context;
use crate::documents::Documents;
use crate::failure::{ServiceError, StartError};
use crate::sns::Sns;
use crate::sqs::Sqs;
use crate::states::StepFunctions;
use delivery::{Delivery, Patience, Shipment};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Rule {
    arn: String,
    name: String,
    description: Option<String>,
    pattern: Value,
    enabled: bool,
    /// As PutTargets was given them.
    targets: Vec<Value>,
}

/// The service `events`.
pub struct Events {
    context: Context,
    delivery: Arc<Delivery>,
    documents: Documents,
    rules: Mutex<BTreeMap<String, Rule>>,
}

impl Events {
    pub(crate) fn open(
        context: &Context,
        sns: Arc<Sns>,
        sqs: Arc<Sqs>,
    ) -> Result<Arc<Self>, StartError> {
        let documents = context.documents("events")?;
        let rules: Vec<Rule> = documents.read_all()?;
        Ok(Arc::new(Self {
            context: context.clone(),
            delivery: Arc::new(Delivery::new(context, sns, sqs)),
            documents,
            rules: Mutex::new(
                rules
                    .into_iter()
                    .map(|rule| (rule.name.clone(), rule))
                    .collect(),
            ),
        }))
    }

    /// Lets rules start state machines. To be called once, before the first event.
    pub(crate) fn connect(&self, states: &Arc<StepFunctions>) {
        self.delivery.connect(states);
    }

    /// The way to targets, which schedules share.
    pub(crate) fn delivery(&self) -> &Arc<Delivery> {
        &self.delivery
    }

    /// Answers one action with members as AWS names them. The caller holds a `Work` guard.
    pub async fn call(self: &Arc<Self>, action: &str, input: Value) -> Result<Value, ServiceError> {
        if input["EventBusName"]
            .as_str()
            .is_some_and(|bus| bus != "default")
        {
            return Err(ServiceError::unsupported_parameter(action, "EventBusName"));
        }
        match action {
            "PutRule" => self.put_rule(&input),
            "DeleteRule" => self.delete_rule(&input),
            "DescribeRule" => self.existing(&input, "Name", described),
            "ListRules" => self.list_rules(&input),
            "PutTargets" => self.put_targets(&input),
            "RemoveTargets" => self.remove_targets(&input),
            "ListTargetsByRule" => {
                self.existing(&input, "Rule", |rule| json!({"Targets": rule.targets}))
            }
            "EnableRule" => self.switch(&input, true),
            "DisableRule" => self.switch(&input, false),
            "PutEvents" => self.put_events(&input),
            _ => Err(ServiceError::unsupported_action("events", action)),
        }
    }

    fn put_rule(&self, input: &Value) -> Result<Value, ServiceError> {
        let name = required(input, "Name")?;
        if !input["ScheduleExpression"].is_null() {
            return Err(ServiceError::unsupported_parameter(
                "PutRule",
                "ScheduleExpression",
            ));
        }
        let text = required(input, "EventPattern")?;
        let pattern: Value =
            serde_json::from_str(text).map_err(|error| invalid_pattern(&error.to_string()))?;
        pattern::check(&pattern).map_err(|reason| invalid_pattern(&reason))?;
        let mut rules = self.rules.lock();
        let targets = rules
            .get(name)
            .map(|rule| rule.targets.clone())
            .unwrap_or_default();
        let rule = Rule {
            arn: self.context.arn("events", &format!("rule/{name}")),
            name: name.to_owned(),
            description: input["Description"].as_str().map(str::to_owned),
            pattern,
            enabled: input["State"].as_str() != Some("DISABLED"),
            targets,
        };
        self.documents.write(name, &rule)?;
        let answer = json!({"RuleArn": rule.arn});
        rules.insert(name.to_owned(), rule);
        Ok(answer)
    }

    fn delete_rule(&self, input: &Value) -> Result<Value, ServiceError> {
        let name = required(input, "Name")?;
        let mut rules = self.rules.lock();
        if rules.get(name).is_some_and(|rule| !rule.targets.is_empty()) {
            return Err(ServiceError::validation(
                "Rule can't be deleted since it has targets.",
            ));
        }
        rules.remove(name);
        self.documents.remove(name)?;
        Ok(Value::Null)
    }

    fn list_rules(&self, input: &Value) -> Result<Value, ServiceError> {
        let prefix = input["NamePrefix"].as_str().unwrap_or_default();
        let rules = self.rules.lock();
        let listed: Vec<Value> = rules
            .values()
            .filter(|rule| rule.name.starts_with(prefix))
            .map(described)
            .collect();
        Ok(json!({"Rules": listed}))
    }

    fn put_targets(&self, input: &Value) -> Result<Value, ServiceError> {
        let targets = input["Targets"].as_array().cloned().unwrap_or_default();
        for target in &targets {
            target::check(target)?;
        }
        self.change(required(input, "Rule")?, |rule| {
            for target in targets {
                rule.targets.retain(|other| other["Id"] != target["Id"]);
                rule.targets.push(target);
            }
        })?;
        Ok(json!({"FailedEntryCount": 0, "FailedEntries": []}))
    }

    fn remove_targets(&self, input: &Value) -> Result<Value, ServiceError> {
        let ids = input["Ids"].as_array().cloned().unwrap_or_default();
        self.change(required(input, "Rule")?, |rule| {
            rule.targets.retain(|target| !ids.contains(&target["Id"]))
        })?;
        Ok(json!({"FailedEntryCount": 0, "FailedEntries": []}))
    }

    fn switch(&self, input: &Value, enabled: bool) -> Result<Value, ServiceError> {
        self.change(required(input, "Name")?, |rule| rule.enabled = enabled)?;
        Ok(Value::Null)
    }

    fn put_events(&self, input: &Value) -> Result<Value, ServiceError> {
        let given = input["Entries"]
            .as_array()
            .filter(|entries| (1..=10).contains(&entries.len()));
        let Some(given) = given else {
            return Err(ServiceError::validation(
                "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and 10",
            ));
        };
        let mut entries = Vec::new();
        let mut failed = 0;
        for entry in given {
            entries.push(match self.put_entry(entry) {
                Ok(id) => json!({"EventId": id}),
                Err(error) => {
                    failed += 1;
                    json!({"ErrorCode": error.code, "ErrorMessage": error.message})
                }
            });
        }
        Ok(json!({"FailedEntryCount": failed, "Entries": entries}))
    }

    fn put_entry(&self, entry: &Value) -> Result<String, ServiceError> {
        let text = |member: &str| {
            entry[member].as_str().filter(|text| !text.is_empty()).ok_or_else(|| {
                ServiceError::new(
                    "InvalidArgument",
                    format!("Parameter {member} is not valid. Reason: {member} is a required argument."),
                )
            })
        };
        let (source, detail_type, detail) = (text("Source")?, text("DetailType")?, text("Detail")?);
        if source.starts_with("aws.") {
            return Err(ServiceError::new(
                "NotAuthorizedForSourceException",
                format!("Not authorized for the source: {source}"),
            ));
        }
        if entry["EventBusName"]
            .as_str()
            .is_some_and(|bus| bus != "default")
        {
            return Err(ServiceError::unsupported_parameter(
                "PutEvents",
                "EventBusName",
            ));
        }
        let Ok(detail @ Value::Object(_)) = serde_json::from_str(detail) else {
            return Err(ServiceError::new("MalformedDetail", "Detail is malformed."));
        };
        let resources: Vec<&str> = entry["Resources"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        Ok(self.publish(source, detail_type, &resources, detail))
    }

    /// Puts an event on the bus and returns its id. The caller holds a `Work` guard; targets take one along.
    pub(crate) fn publish(
        &self,
        source: &str,
        detail_type: &str,
        resources: &[&str],
        detail: Value,
    ) -> String {
        let id = self.context.entropy.uuid();
        let event = json!({
            "version": "0",
            "id": id,
            "detail-type": detail_type,
            "source": source,
            "account": self.context.account,
            "time": self.context.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": self.context.region,
            "resources": resources,
            "detail": detail,
        });
        for shipment in self.shipments(&event, &id) {
            let (delivery, work) = (Arc::clone(&self.delivery), self.context.clock.work());
            tokio::spawn(async move { delivery.deliver(shipment, work).await });
        }
        id
    }

    /// What the event brings to the targets of all rules that want it, in the order of the rules.
    fn shipments(&self, event: &Value, id: &str) -> Vec<Shipment> {
        let rules = self.rules.lock();
        let mut shipments = Vec::new();
        for rule in rules
            .values()
            .filter(|rule| rule.enabled && pattern::matches(&rule.pattern, event))
        {
            for target in &rule.targets {
                shipments.push(Shipment {
                    sender: "events",
                    source: rule.arn.clone(),
                    target: target["Arn"].as_str().unwrap_or_default().to_owned(),
                    input: target::input(target, event, &rule.name, &rule.arn),
                    role: target["RoleArn"].as_str().unwrap_or_default().to_owned(),
                    name: format!("{id}_{}", self.context.entropy.uuid()),
                    patience: Patience::of_policy(&target["RetryPolicy"]),
                    dead_letters: target["DeadLetterConfig"]["Arn"]
                        .as_str()
                        .map(str::to_owned),
                });
            }
        }
        shipments
    }

    fn existing<T>(
        &self,
        input: &Value,
        member: &str,
        look: impl FnOnce(&Rule) -> T,
    ) -> Result<T, ServiceError> {
        let name = required(input, member)?;
        self.rules
            .lock()
            .get(name)
            .map(look)
            .ok_or_else(|| no_rule(name))
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Rule)) -> Result<(), ServiceError> {
        let mut rules = self.rules.lock();
        let rule = rules.get_mut(name).ok_or_else(|| no_rule(name))?;
        change(rule);
        self.documents.write(name, rule)?;
        Ok(())
    }
}

fn described(rule: &Rule) -> Value {
    let mut answer = json!({
        "Name": rule.name,
        "Arn": rule.arn,
        "EventPattern": rule.pattern.to_string(),
        "State": if rule.enabled { "ENABLED" } else { "DISABLED" },
        "EventBusName": "default",
    });
    if let Some(description) = &rule.description {
        answer["Description"] = description.as_str().into();
    }
    answer
}

fn no_rule(name: &str) -> ServiceError {
    ServiceError::new(
        "ResourceNotFoundException",
        format!("Rule {name} does not exist on EventBus default."),
    )
}

fn invalid_pattern(reason: &str) -> ServiceError {
    ServiceError::new(
        "InvalidEventPatternException",
        format!("Event pattern is not valid. Reason: {reason}"),
    )
}

fn required<'a>(input: &'a Value, member: &str) -> Result<&'a str, ServiceError> {
    input[member]
        .as_str()
        .ok_or_else(|| ServiceError::validation(format!("the parameter {member} must be a string")))
}
