//! EventBridge: rules on the default bus, and what they start. Step Functions publishes the changes of its executions here.
//!
//! * `pattern`: which events a rule is for. * `target`: what a target gets to see.

mod pattern;
mod target;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::context::Context;
use crate::documents::Documents;
use crate::failure::{ServiceError, StartError};
use crate::observer::Occurrence;
use crate::sns::Sns;
use crate::states::StepFunctions;

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
    sns: Arc<Sns>,
    states: OnceLock<Weak<StepFunctions>>,
    documents: Documents,
    rules: Mutex<BTreeMap<String, Rule>>,
    this: Weak<Self>,
}

impl Events {
    pub(crate) fn open(context: &Context, sns: Arc<Sns>) -> Result<Arc<Self>, StartError> {
        let documents = context.documents("events")?;
        let rules: Vec<Rule> = documents.read_all()?;
        Ok(Arc::new_cyclic(|this| Self {
            context: context.clone(),
            sns,
            states: OnceLock::new(),
            documents,
            rules: Mutex::new(rules.into_iter().map(|rule| (rule.name.clone(), rule)).collect()),
            this: this.clone(),
        }))
    }

    /// Lets rules start state machines. To be called once, before the first event.
    pub(crate) fn connect(&self, states: &Arc<StepFunctions>) {
        let _ = self.states.set(Arc::downgrade(states));
    }

    /// Answers one action with members as AWS names them. The caller holds a `Work` guard.
    pub async fn call(self: &Arc<Self>, action: &str, input: Value) -> Result<Value, ServiceError> {
        if input["EventBusName"].as_str().is_some_and(|bus| bus != "default") {
            return Err(ServiceError::unsupported_parameter(action, "EventBusName"));
        }
        match action {
            "PutRule" => self.put_rule(&input),
            "DeleteRule" => self.delete_rule(&input),
            "DescribeRule" => self.existing(&input, "Name", |rule| described(rule)),
            "ListRules" => self.list_rules(&input),
            "PutTargets" => self.put_targets(&input),
            "RemoveTargets" => self.remove_targets(&input),
            "ListTargetsByRule" => self.existing(&input, "Rule", |rule| json!({"Targets": rule.targets})),
            "EnableRule" => self.switch(&input, true),
            "DisableRule" => self.switch(&input, false),
            "PutEvents" => self.put_events(&input),
            _ => Err(ServiceError::unsupported_action("events", action)),
        }
    }

    fn put_rule(&self, input: &Value) -> Result<Value, ServiceError> {
        let name = required(input, "Name")?;
        if !input["ScheduleExpression"].is_null() {
            return Err(ServiceError::unsupported_parameter("PutRule", "ScheduleExpression"));
        }
        let text = required(input, "EventPattern")?;
        let pattern: Value = serde_json::from_str(text).map_err(|error| invalid_pattern(&error.to_string()))?;
        pattern::check(&pattern).map_err(|reason| invalid_pattern(&reason))?;
        let mut rules = self.rules.lock();
        let targets = rules.get(name).map(|rule| rule.targets.clone()).unwrap_or_default();
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
            return Err(ServiceError::validation("Rule can't be deleted since it has targets."));
        }
        rules.remove(name);
        self.documents.remove(name)?;
        Ok(Value::Null)
    }

    fn list_rules(&self, input: &Value) -> Result<Value, ServiceError> {
        let prefix = input["NamePrefix"].as_str().unwrap_or_default();
        let rules = self.rules.lock();
        let listed: Vec<Value> = rules.values().filter(|rule| rule.name.starts_with(prefix)).map(described).collect();
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
        self.change(required(input, "Rule")?, |rule| rule.targets.retain(|target| !ids.contains(&target["Id"])))?;
        Ok(json!({"FailedEntryCount": 0, "FailedEntries": []}))
    }

    fn switch(&self, input: &Value, enabled: bool) -> Result<Value, ServiceError> {
        self.change(required(input, "Name")?, |rule| rule.enabled = enabled)?;
        Ok(Value::Null)
    }

    fn put_events(&self, input: &Value) -> Result<Value, ServiceError> {
        let mut entries = Vec::new();
        for entry in input["Entries"].as_array().into_iter().flatten() {
            let detail = entry["Detail"].as_str().unwrap_or("{}");
            match serde_json::from_str::<Value>(detail) {
                Ok(detail) => {
                    let text = |member: &str| entry[member].as_str().unwrap_or_default();
                    let resources: Vec<&str> =
                        entry["Resources"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                    let id = self.publish(text("Source"), text("DetailType"), &resources, detail);
                    entries.push(json!({"EventId": id}));
                }
                Err(_) => entries.push(json!({"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."})),
            }
        }
        let failed = entries.iter().filter(|entry| entry.get("ErrorCode").is_some()).count();
        Ok(json!({"FailedEntryCount": failed, "Entries": entries}))
    }

    /// Puts an event on the bus and returns its id. The caller holds a `Work` guard; targets take one along.
    pub(crate) fn publish(&self, source: &str, detail_type: &str, resources: &[&str], detail: Value) -> String {
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
        let matching: Vec<Rule> = self
            .rules
            .lock()
            .values()
            .filter(|rule| rule.enabled && pattern::matches(&rule.pattern, &event))
            .cloned()
            .collect();
        let Some(this) = self.this.upgrade() else {
            return id;
        };
        for rule in matching {
            for target in rule.targets {
                let (this, event, rule_arn) = (Arc::clone(&this), event.clone(), rule.arn.clone());
                let work = self.context.clock.work();
                tokio::spawn(async move {
                    let outcome = this.notify(&target, &event).await;
                    let error = outcome.err().map(|error| error.to_string());
                    if let Some(error) = &error {
                        tracing::error!(rule = rule_arn, target = %target["Arn"], error, "a rule could not reach its target");
                    }
                    this.context.observe(Occurrence::TargetNotified {
                        source: rule_arn,
                        target: target["Arn"].as_str().unwrap_or_default().to_owned(),
                        error,
                    });
                    drop(work);
                });
            }
        }
        id
    }

    async fn notify(&self, target: &Value, event: &Value) -> Result<(), ServiceError> {
        let input = target::input(target, event)?;
        let arn = target["Arn"].as_str().unwrap_or_default();
        if arn.contains(":sns:") {
            let text = input.as_str().map_or_else(|| input.to_string(), str::to_owned);
            let request = json!({"TopicArn": arn, "Message": text});
            return self.sns.call("Publish", request).await.map(drop);
        }
        let states = self.states.get().and_then(Weak::upgrade);
        let states = states.ok_or_else(|| ServiceError::internal("Step Functions is not running"))?;
        let request = json!({"stateMachineArn": arn, "input": input.to_string()});
        states.start_execution(&request, None).map(drop)
    }

    fn existing<T>(&self, input: &Value, member: &str, look: impl FnOnce(&Rule) -> T) -> Result<T, ServiceError> {
        let name = required(input, member)?;
        self.rules.lock().get(name).map(look).ok_or_else(|| no_rule(name))
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
    ServiceError::new("ResourceNotFoundException", format!("Rule {name} does not exist on EventBus default."))
}

fn invalid_pattern(reason: &str) -> ServiceError {
    ServiceError::new("InvalidEventPatternException", format!("Event pattern is not valid. Reason: {reason}"))
}

fn required<'a>(input: &'a Value, member: &str) -> Result<&'a str, ServiceError> {
    input[member]
        .as_str()
        .ok_or_else(|| ServiceError::validation(format!("the parameter {member} must be a string")))
}
