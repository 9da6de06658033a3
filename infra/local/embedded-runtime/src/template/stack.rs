//! A template resolved with its parameters: everything that is provisioned, everything that is only recorded, and the
//! outputs.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::template::evaluate::Evaluator;
use crate::template::node::Node;
use crate::template::properties::{Findings, Properties};
use crate::template::resources::{
    Bucket, Function, Identified, Recorded, Rule, Schedule, StateMachine, Subscription, Topic,
};
use crate::template::{
    Declaration, Surroundings, Template, identity, order, parameters, resources,
};

/// A resolved template.
#[derive(Debug, Clone, Default)]
pub struct Stack {
    /// The stack's name.
    pub name: String,
    /// Buckets.
    pub buckets: Vec<Bucket>,
    /// Topics.
    pub topics: Vec<Topic>,
    /// Subscriptions that are resources of their own.
    pub subscriptions: Vec<Subscription>,
    /// Functions.
    pub functions: Vec<Function>,
    /// State machines.
    pub state_machines: Vec<StateMachine>,
    /// EventBridge rules.
    pub rules: Vec<Rule>,
    /// Schedules.
    pub schedules: Vec<Schedule>,
    /// Resources without a local meaning.
    pub recorded: Vec<Recorded>,
    /// What `Ref` gives for every resource, by logical id.
    pub references: IndexMap<String, String>,
    /// The outputs.
    pub outputs: IndexMap<String, String>,
    /// The values of the parameters.
    pub parameters: IndexMap<String, Value>,
    /// What the template gives and this runtime accepts without effect.
    pub left_to_aws: Vec<LeftToAws>,
}

/// What counts as soon as policies are enforced.
const ENFORCED: [&str; 6] = [
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
];

/// What a resource has that means something to AWS only.
#[derive(Debug, Clone, Serialize)]
pub struct LeftToAws {
    /// Its key in the template.
    pub logical_id: String,
    /// Such as `AWS::S3::Bucket`.
    pub type_name: String,
    /// The properties; none of them means all of the resource.
    pub properties: Vec<String>,
}

impl Template {
    /// Resolves the template; all problems at once.
    pub fn resolve(
        &self,
        surroundings: &Surroundings,
        given: &BTreeMap<String, String>,
    ) -> Result<Stack, Vec<Problem>> {
        let mut problems = Vec::new();
        let parameters = parameters::values(self, given, &mut problems);
        let order = order::creation_order(self, &mut problems);
        if !problems.is_empty() {
            problems.sort();
            return Err(problems);
        }
        let evaluator = Evaluator::new(self, &parameters, surroundings);
        for (name, rule) in &self.rules {
            problems.extend(broken_assertions(&evaluator, name, rule));
        }
        let mut stack = Stack {
            name: surroundings.stack_name.clone(),
            ..Stack::default()
        };
        for logical_id in &order {
            if let Err(found) = stack.add(&evaluator, &self.resources[logical_id]) {
                problems.extend(found);
            }
        }
        for (name, output) in &self.outputs {
            match value_of_output(&evaluator, name, output) {
                Ok(Some(value)) => {
                    stack.outputs.insert(name.clone(), value);
                }
                Ok(None) => {}
                Err(found) => problems.extend(found),
            }
        }
        stack.parameters = parameters.clone();
        if problems.is_empty() {
            return Ok(stack);
        }
        problems.sort();
        problems.dedup();
        Err(problems)
    }
}

impl Stack {
    /// The state machine whose name ends like this, such as `master`.
    pub fn state_machine(&self, name: &str) -> Option<&StateMachine> {
        let machines = || self.state_machines.iter();
        let wanted = |machine: &&StateMachine| machine.name == name || machine.logical_id == name;
        machines().find(wanted).or_else(|| {
            let suffix = format!("-{name}");
            machines().find(|machine| machine.name.ends_with(&suffix))
        })
    }

    fn add(
        &mut self,
        evaluator: &Evaluator<'_>,
        declaration: &Declaration,
    ) -> Result<(), Vec<Problem>> {
        if let Some((condition, position)) = &declaration.condition
            && !evaluator.condition(condition, position)?
        {
            return Ok(());
        }
        let logical_id = &declaration.logical_id;
        let type_name = declaration.type_name.as_str();
        if !identity::is_known(type_name) {
            let problem = format!("resource type {type_name} is not supported");
            return Err(vec![declaration.type_position.problem(problem)]);
        }
        let properties = match &declaration.properties {
            Some(node) => evaluator.value(node)?,
            None => None,
        };
        let reference = identity::reference(evaluator, logical_id, &declaration.position)?;
        self.references
            .insert(logical_id.clone(), reference.clone());
        let name = identity::physical_name(evaluator, declaration)?;
        let given_role = properties
            .as_ref()
            .and_then(|node| node.get("Role")?.scalar_text());
        let arn = match type_name {
            "AWS::Serverless::Function" => identity::function_arn(evaluator, &name),
            _ => reference.clone(),
        };
        let resource = Identified {
            logical_id,
            position: &declaration.position,
            role_arn: given_role
                .unwrap_or_else(|| identity::implicit_role_arn(evaluator, logical_id)),
            name,
            arn,
            properties: properties.as_ref(),
        };
        let mut findings = Findings::default();
        let found = &mut findings;
        match type_name {
            "AWS::S3::Bucket" => self.buckets.push(resources::bucket(&resource, found)),
            "AWS::SNS::Topic" => self.topics.push(resources::topic(&resource, found)),
            "AWS::SNS::Subscription" => self
                .subscriptions
                .push(resources::subscription(&resource, found)),
            "AWS::Serverless::Function" => {
                self.functions.push(resources::function(&resource, found))
            }
            "AWS::Serverless::StateMachine" => {
                self.add_events(&resource, found);
                self.state_machines
                    .push(resources::state_machine(&resource, found));
            }
            "AWS::Events::Rule" => self.rules.push(resources::rule(&resource, found)),
            "AWS::Scheduler::Schedule" => {
                self.schedules.push(resources::schedule(&resource, found))
            }
            _ => self.recorded.push(Recorded {
                logical_id: logical_id.clone(),
                type_name: type_name.to_owned(),
                physical_id: reference,
                properties: properties.as_ref().map(Node::to_json).unwrap_or_default(),
            }),
        }
        let is_recorded = self
            .recorded
            .last()
            .is_some_and(|last| last.logical_id == *logical_id);
        let is_enforced = ENFORCED.contains(&type_name);
        if (is_recorded && !is_enforced) || !findings.left_to_aws.is_empty() {
            self.left_to_aws.push(LeftToAws {
                logical_id: logical_id.clone(),
                type_name: type_name.to_owned(),
                properties: findings.left_to_aws,
            });
        }
        match findings.problems {
            problems if problems.is_empty() => Ok(()),
            problems => Err(problems),
        }
    }

    /// What SAM makes of a state machine's Events.
    fn add_events(&mut self, machine: &Identified<'_>, findings: &mut Findings) {
        let events = machine.properties.and_then(|node| node.get("Events"));
        for event in events.and_then(Node::entries).unwrap_or_default() {
            let logical_id = format!("{}{}", machine.logical_id, event.key);
            let type_name = event
                .value
                .get("Type")
                .and_then(Node::as_str)
                .unwrap_or_default();
            let node = event.value.get("Properties");
            let mut properties = Properties::new(&logical_id, &event.position, node);
            let name_key = if type_name == "EventBridgeRule" {
                "RuleName"
            } else {
                "Name"
            };
            let name = properties
                .text(name_key)
                .unwrap_or_else(|| logical_id.clone());
            let mut target =
                json!({ "Id": format!("{logical_id}StepFunctionsTarget"), "Arn": machine.arn });
            for key in [
                "Input",
                "InputPath",
                "DeadLetterConfig",
                "RetryPolicy",
                "RoleArn",
                "InputTransformer",
            ] {
                if let Some(value) = properties.json(key) {
                    target[key] = value;
                }
            }
            let mut body = json!({ "Name": name });
            for key in ["Description", "State"] {
                if let Some(text) = properties.text(key) {
                    body[key] = Value::String(text);
                }
            }
            match type_name {
                "Schedule" | "EventBridgeRule" => {
                    if type_name == "Schedule" {
                        body["ScheduleExpression"] =
                            Value::String(properties.required_text("Schedule"));
                        if let Some(enabled) = properties.get("Enabled") {
                            let enabled = enabled.scalar_text().as_deref() == Some("true");
                            body["State"] = json!(if enabled { "ENABLED" } else { "DISABLED" });
                        }
                    } else if let Some(pattern) = properties.json("Pattern") {
                        body["EventPattern"] = Value::String(pattern.to_string());
                    }
                    self.rules.push(Rule {
                        logical_id: logical_id.clone(),
                        name,
                        rule: body,
                        targets: json!([target]),
                    });
                }
                "ScheduleV2" => {
                    body["ScheduleExpression"] =
                        Value::String(properties.required_text("ScheduleExpression"));
                    for key in [
                        "ScheduleExpressionTimezone",
                        "GroupName",
                        "StartDate",
                        "EndDate",
                    ] {
                        if let Some(text) = properties.text(key) {
                            body[key] = Value::String(text);
                        }
                    }
                    let window = properties.json("FlexibleTimeWindow");
                    body["FlexibleTimeWindow"] = window.unwrap_or_else(|| json!({ "Mode": "OFF" }));
                    if let Some(members) = target.as_object_mut() {
                        members.shift_remove("Id");
                    }
                    target["RoleArn"] = json!(
                        target
                            .get("RoleArn")
                            .cloned()
                            .unwrap_or_else(|| json!(machine.role_arn))
                    );
                    body["Target"] = target;
                    self.schedules.push(Schedule {
                        logical_id: logical_id.clone(),
                        name,
                        schedule: body,
                    });
                }
                other => {
                    let problem =
                        format!("{logical_id}: events of type {other:?} are not supported");
                    findings.problems.push(event.position.problem(problem));
                    continue;
                }
            }
            findings.absorb(properties.finish());
        }
    }
}

/// What CloudFormation would refuse before it makes anything.
fn broken_assertions(evaluator: &Evaluator<'_>, name: &str, rule: &Node) -> Vec<Problem> {
    let applies = rule.get("RuleCondition");
    match applies.map_or(Ok(true), |condition| evaluator.truth(condition)) {
        Ok(true) => {}
        Ok(false) => return Vec::new(),
        Err(problems) => return problems,
    }
    let assertions = rule.get("Assertions").and_then(Node::items);
    let mut problems = Vec::new();
    for assertion in assertions.unwrap_or_default() {
        let Some(assert) = assertion.get("Assert") else {
            problems.push(assertion.problem(format!("rule {name}: an assertion needs Assert")));
            continue;
        };
        match evaluator.truth(assert) {
            Ok(true) => {}
            Ok(false) => {
                let said = assertion.get("AssertDescription").and_then(Node::as_str);
                let said = said.unwrap_or("an assertion does not hold");
                problems.push(assertion.problem(format!("rule {name}: {said}")));
            }
            Err(found) => problems.extend(found),
        }
    }
    problems
}

fn value_of_output(
    evaluator: &Evaluator<'_>,
    name: &str,
    output: &Node,
) -> Result<Option<String>, Vec<Problem>> {
    if let Some(condition) = output.get("Condition")
        && let Some(text) = condition.as_str()
        && !evaluator.condition(text, &condition.position)?
    {
        return Ok(None);
    }
    match output.get("Value") {
        Some(value) => evaluator.text(value).map(Some),
        None => Err(vec![output.problem(format!("output {name} has no Value"))]),
    }
}
