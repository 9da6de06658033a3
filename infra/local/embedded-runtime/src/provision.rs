//! From the resolved template to the services: buckets, topics, functions, state machines, rules and schedules. Doing it
//! again changes what has changed, and removes what the template no longer has.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_services::lambda::FunctionDescription;
use aws_services::{ServiceError, Services};
use lambda_host::{FunctionSpec, Host};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::RuntimeError;
use crate::invoker::InProcess;
use crate::problem::Problem;
use crate::project::Project;
use crate::root::Root;
use crate::template::Stack;
use crate::template::resources::{Function, Recorded, StateMachine};

/// Invocations of one function at once, unless the template reserves a number. A process takes a few MiB.
const CONCURRENCY_LIMIT: usize = 64;

const STACK_DOCUMENT: &str = "stack.json";

/// Where functions are registered.
pub(crate) enum FunctionRegistry {
    Processes(Host),
    InProcess(Arc<InProcess>),
}

/// What was provisioned: written to `stack.json` for people, and for the next start.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct StackDocument {
    stack_name: String,
    outputs: BTreeMap<String, String>,
    parameters: BTreeMap<String, Value>,
    resources: BTreeMap<String, ResourceDocument>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct ResourceDocument {
    #[serde(rename = "type")]
    type_name: String,
    /// What `Ref` gives.
    physical_id: String,
    /// Whether it exists in a service, or is only recorded.
    provisioned: bool,
}

/// Makes the services what the template says.
pub(crate) async fn provision(
    project: &Project,
    stack: &Stack,
    services: &Arc<Services>,
    registry: &FunctionRegistry,
    root: &Root,
) -> Result<(), RuntimeError> {
    let definitions = check(project, stack)?;
    let before: StackDocument = root.read_document(STACK_DOCUMENT)?.unwrap_or_default();
    for bucket in &stack.buckets {
        let created = services.s3.create_bucket(&bucket.name).await;
        created.map_err(|source| RuntimeError::Bucket {
            logical_id: bucket.logical_id.clone(),
            source: Box::new(source),
        })?;
    }
    for topic in &stack.topics {
        let failed = refused(&topic.logical_id);
        services
            .sns
            .call("CreateTopic", json!({ "Name": topic.name }))
            .await
            .map_err(failed)?;
    }
    let written_inside = stack.topics.iter().flat_map(|topic| &topic.subscriptions);
    for subscription in written_inside.chain(&stack.subscriptions) {
        let request = json!({
            "TopicArn": subscription.topic_arn,
            "Protocol": subscription.protocol,
            "Endpoint": subscription.endpoint,
        });
        let failed = refused(&subscription.topic_arn);
        services
            .sns
            .call("Subscribe", request)
            .await
            .map_err(failed)?;
    }
    for function in &stack.functions {
        register(function, services, registry);
    }
    for (machine, definition) in stack.state_machines.iter().zip(&definitions) {
        create_state_machine(services, machine, definition).await?;
    }
    for rule in &stack.rules {
        services
            .events
            .call("PutRule", rule.rule.clone())
            .await
            .map_err(refused(&rule.logical_id))?;
        let targets = json!({ "Rule": rule.name, "Targets": rule.targets });
        services
            .events
            .call("PutTargets", targets)
            .await
            .map_err(refused(&rule.logical_id))?;
    }
    for schedule in &stack.schedules {
        let created = services
            .scheduler
            .call("CreateSchedule", schedule.schedule.clone())
            .await;
        let done = match created {
            Err(error) if error.code == "ConflictException" => {
                services
                    .scheduler
                    .call("UpdateSchedule", schedule.schedule.clone())
                    .await
            }
            other => other,
        };
        done.map_err(refused(&schedule.logical_id))?;
    }
    let after = document(stack, project);
    remove_stale(services, &before, &after).await?;
    root.write_document(STACK_DOCUMENT, &after)?;
    Ok(())
}

/// What can be known before anything is made: handlers and definitions.
fn check(project: &Project, stack: &Stack) -> Result<Vec<String>, RuntimeError> {
    let mut problems: Vec<Problem> = Vec::new();
    for function in &stack.functions {
        if !functions::HANDLERS.contains(&function.handler.as_str()) {
            let known = functions::HANDLERS.join(", ");
            let problem = format!(
                "{}: there is no handler {}; there are {known}",
                function.logical_id, function.handler
            );
            problems.push(function.position.problem(problem));
        }
    }
    let mut definitions = Vec::new();
    for machine in &stack.state_machines {
        match project.rendered_definition(machine) {
            Ok(definition) => definitions.push(definition),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        return Ok(definitions);
    }
    problems.sort();
    problems.dedup();
    Err(RuntimeError::Problems(problems))
}

fn register(function: &Function, services: &Services, registry: &FunctionRegistry) {
    let environment: Vec<(String, String)> = function.environment.clone().into_iter().collect();
    let version = if function.alias.is_some() {
        "1"
    } else {
        "$LATEST"
    };
    // Lambda tells a function how it wants its log, in variables of its own.
    let mut process_environment = environment.clone();
    let logging = [
        ("AWS_LAMBDA_LOG_FORMAT", &function.log_format),
        ("AWS_LAMBDA_LOG_LEVEL", &function.log_level),
    ];
    for (name, value) in logging {
        process_environment.extend(value.clone().map(|value| (name.to_owned(), value)));
    }
    match registry {
        FunctionRegistry::Processes(host) => host.register(FunctionSpec {
            name: function.name.clone(),
            handler: function.handler.clone(),
            version: version.to_owned(),
            environment: process_environment,
            timeout: function.timeout,
            memory_mib: function.memory_mib,
            concurrency_limit: function.concurrency_limit.unwrap_or(CONCURRENCY_LIMIT),
        }),
        FunctionRegistry::InProcess(invoker) => invoker.register(function),
    }
    let mut description = FunctionDescription::new(&function.name, &function.handler);
    description.role = function.role_arn.clone();
    description.timeout_seconds = function.timeout.as_secs();
    description.memory_mib = u64::from(function.memory_mib);
    description.environment = environment;
    description.last_modified = services.context.clock.now();
    if let Some(alias) = &function.alias {
        description.versions = vec!["1".to_owned()];
        description.aliases = vec![(alias.clone(), "1".to_owned())];
    }
    services.lambda.register(description);
}

async fn create_state_machine(
    services: &Services,
    machine: &StateMachine,
    definition: &str,
) -> Result<(), RuntimeError> {
    let mut request = json!({
        "name": machine.name,
        "definition": definition,
        "roleArn": machine.role_arn,
        "type": machine.kind,
    });
    for (name, value) in &machine.settings {
        request[name] = value.clone();
    }
    let created = match services
        .states
        .call("CreateStateMachine", request.clone())
        .await
    {
        Err(error) if error.code == "StateMachineAlreadyExists" => {
            if let Some(members) = request.as_object_mut() {
                members.shift_remove("name");
                members.shift_remove("type");
            }
            request["stateMachineArn"] = Value::String(machine.arn.clone());
            services.states.call("UpdateStateMachine", request).await
        }
        other => other,
    };
    created.map(drop).map_err(refused(&machine.logical_id))
}

/// Removes what an earlier template had and this one has not. Data stays: buckets are kept.
async fn remove_stale(
    services: &Services,
    before: &StackDocument,
    after: &StackDocument,
) -> Result<(), RuntimeError> {
    for (logical_id, resource) in &before.resources {
        let kept = after.resources.values().any(|other| {
            other.type_name == resource.type_name && other.physical_id == resource.physical_id
        });
        if kept || !resource.provisioned {
            continue;
        }
        let id = &resource.physical_id;
        let removed = match resource.type_name.as_str() {
            "AWS::Serverless::StateMachine" => {
                let request = json!({ "stateMachineArn": id });
                services.states.call("DeleteStateMachine", request).await
            }
            "AWS::SNS::Topic" => {
                services
                    .sns
                    .call("DeleteTopic", json!({ "TopicArn": id }))
                    .await
            }
            "AWS::Events::Rule" => remove_rule(services, id).await,
            "AWS::Scheduler::Schedule" => {
                services
                    .scheduler
                    .call("DeleteSchedule", json!({ "Name": id }))
                    .await
            }
            _ => continue,
        };
        match removed {
            Ok(_) => {}
            Err(error)
                if error.code.contains("NotFound") || error.code.contains("DoesNotExist") => {}
            Err(error) => return Err(refused(logical_id)(error)),
        }
    }
    Ok(())
}

async fn remove_rule(services: &Services, name: &str) -> Result<Value, ServiceError> {
    let targets = services
        .events
        .call("ListTargetsByRule", json!({ "Rule": name }))
        .await?;
    let targets = targets["Targets"].as_array().cloned().unwrap_or_default();
    let ids: Vec<Value> = targets
        .into_iter()
        .map(|target| target["Id"].clone())
        .collect();
    if !ids.is_empty() {
        services
            .events
            .call("RemoveTargets", json!({ "Rule": name, "Ids": ids }))
            .await?;
    }
    services
        .events
        .call("DeleteRule", json!({ "Name": name }))
        .await
}

fn document(stack: &Stack, project: &Project) -> StackDocument {
    let recorded = |logical_id: &str| {
        stack
            .recorded
            .iter()
            .any(|resource: &Recorded| resource.logical_id == logical_id)
    };
    let resources = stack.references.iter().map(|(logical_id, physical_id)| {
        let declaration = project.template.resources.get(logical_id);
        let resource = ResourceDocument {
            type_name: declaration
                .map(|declaration| declaration.type_name.clone())
                .unwrap_or_default(),
            physical_id: physical_id.clone(),
            provisioned: !recorded(logical_id),
        };
        (logical_id.clone(), resource)
    });
    let mut resources: BTreeMap<String, ResourceDocument> = resources.collect();
    // What SAM's Events became has no declaration of its own.
    let rules = stack
        .rules
        .iter()
        .map(|rule| ("AWS::Events::Rule", &rule.logical_id, &rule.name));
    let schedules = stack.schedules.iter().map(|schedule| {
        (
            "AWS::Scheduler::Schedule",
            &schedule.logical_id,
            &schedule.name,
        )
    });
    for (type_name, logical_id, name) in rules.chain(schedules) {
        resources
            .entry(logical_id.clone())
            .or_insert_with(|| ResourceDocument {
                type_name: type_name.to_owned(),
                physical_id: name.clone(),
                provisioned: true,
            });
    }
    StackDocument {
        stack_name: stack.name.clone(),
        outputs: stack.outputs.clone().into_iter().collect(),
        parameters: stack.parameters.clone().into_iter().collect(),
        resources,
    }
}

fn refused(logical_id: &str) -> impl FnOnce(ServiceError) -> RuntimeError {
    let logical_id = logical_id.to_owned();
    move |source| RuntimeError::Provision {
        logical_id,
        source: Box::new(source),
    }
}
