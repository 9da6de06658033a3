//! State machines: created, changed, described, listed, tagged, deleted.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use states_language::{Severity, StateMachine, diagnose};

use super::{StepFunctions, names, pages, required, seconds};
use crate::failure::ServiceError;

/// The largest definition, in bytes.
const LARGEST_DEFINITION: usize = 1024 * 1024;

/// A state machine of the account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) role_arn: String,
    pub(super) definition: String,
    pub(super) created: Timestamp,
    updated: Timestamp,
    revision: Option<String>,
    #[serde(default)]
    tags: Map<String, Value>,
    /// `loggingConfiguration`, `tracingConfiguration`, `encryptionConfiguration` as they were given.
    #[serde(default)]
    settings: Map<String, Value>,
}

impl Machine {
    /// The definition, read.
    pub(super) fn parsed(&self) -> Result<Arc<StateMachine>, ServiceError> {
        parse(&self.definition).map(Arc::new)
    }
}

impl StepFunctions {
    pub(super) fn create_state_machine(&self, input: &Value) -> Result<Value, ServiceError> {
        known_members(
            "CreateStateMachine",
            input,
            &[
                "name",
                "definition",
                "roleArn",
                "type",
                "tags",
                "loggingConfiguration",
                "tracingConfiguration",
                "encryptionConfiguration",
                "publish",
                "versionDescription",
            ],
        )?;
        let name = required(input, "name")?;
        names::check(name)?;
        match input["type"].as_str() {
            None | Some("STANDARD") => {}
            Some("EXPRESS") => {
                return Err(ServiceError::validation(
                    "the local runtime does not support state machines of type EXPRESS",
                ));
            }
            Some(other) => {
                return Err(ServiceError::validation(format!(
                    "1 validation error detected: Value '{other}' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, EXPRESS]"
                )));
            }
        }
        if input.get("versionDescription").is_some() {
            return Err(ServiceError::validation(
                "Version description can only be set when publish is true",
            ));
        }
        if input["publish"] == json!(true) {
            return Err(ServiceError::unsupported_parameter(
                "CreateStateMachine",
                "publish",
            ));
        }
        let role_arn = required(input, "roleArn")?;
        let definition = required(input, "definition")?;
        parse(definition)?;
        let arn = self.context.arn("states", &format!("stateMachine:{name}"));
        let now = self.context.clock.now();
        let mut machines = self.machines.lock();
        if let Some(existing) = machines.get(&arn) {
            // Roles and tags do not make a difference.
            if existing.definition == definition && existing.settings == settings(input) {
                return Ok(
                    json!({"stateMachineArn": arn, "creationDate": seconds(existing.created)}),
                );
            }
            return Err(ServiceError::new(
                "StateMachineAlreadyExists",
                format!("State Machine Already Exists: '{arn}'"),
            ));
        }
        let machine = Machine {
            arn: arn.clone(),
            name: name.to_owned(),
            role_arn: role_arn.to_owned(),
            definition: definition.to_owned(),
            created: now,
            updated: now,
            revision: None,
            tags: tags(&input["tags"]),
            settings: settings(input),
        };
        self.machine_documents.write(name, &machine)?;
        machines.insert(arn.clone(), machine);
        Ok(json!({"stateMachineArn": arn, "creationDate": seconds(now)}))
    }

    pub(super) fn update_state_machine(&self, input: &Value) -> Result<Value, ServiceError> {
        known_members(
            "UpdateStateMachine",
            input,
            &[
                "stateMachineArn",
                "definition",
                "roleArn",
                "loggingConfiguration",
                "tracingConfiguration",
                "encryptionConfiguration",
                "tags",
            ],
        )?;
        let arn = required(input, "stateMachineArn")?;
        if let Some(definition) = input["definition"].as_str() {
            parse(definition)?;
        }
        let changes = [
            "definition",
            "roleArn",
            "loggingConfiguration",
            "tracingConfiguration",
            "encryptionConfiguration",
        ];
        if changes.iter().all(|member| input[member].is_null()) {
            return Err(ServiceError::new(
                "MissingRequiredParameter",
                "Either the definition, the role ARN, the LoggingConfiguration, the TracingConfiguration or the \
                 EncryptionConfiguration must be specified",
            ));
        }
        let now = self.context.clock.now();
        let mut machines = self.machines.lock();
        let existing = machines.get_mut(arn).ok_or_else(|| unknown(arn))?;
        let mut machine = existing.clone();
        if let Some(definition) = input["definition"].as_str() {
            definition.clone_into(&mut machine.definition);
        }
        if let Some(role) = input["roleArn"].as_str() {
            role.clone_into(&mut machine.role_arn);
        }
        machine.settings.extend(settings(input));
        if machine.revision.is_some() && machine == *existing {
            return Ok(json!({"updateDate": seconds(now), "revisionId": machine.revision}));
        }
        machine.updated = now;
        machine.revision = Some(self.context.entropy.uuid());
        self.machine_documents.write(&machine.name, &machine)?;
        let answer = json!({"updateDate": seconds(now), "revisionId": machine.revision});
        *existing = machine;
        Ok(answer)
    }

    pub(super) fn delete_state_machine(&self, input: &Value) -> Result<Value, ServiceError> {
        let arn = required(input, "stateMachineArn")?;
        names::check_arn(arn, "stateMachine")?;
        // Deleting what is not there succeeds, as on AWS.
        if let Some(machine) = self.machines.lock().remove(arn) {
            self.machine_documents.remove(&machine.name)?;
        }
        Ok(json!({}))
    }

    pub(super) fn describe_state_machine(&self, input: &Value) -> Result<Value, ServiceError> {
        let machine = self.machine(required(input, "stateMachineArn")?)?;
        let mut answer = json!({
            "stateMachineArn": machine.arn,
            "name": machine.name,
            "status": "ACTIVE",
            "definition": machine.definition,
            "roleArn": machine.role_arn,
            "type": "STANDARD",
            "creationDate": seconds(machine.created),
            "loggingConfiguration": {"level": "OFF", "includeExecutionData": false},
            "tracingConfiguration": {"enabled": false},
        });
        if let Some(members) = answer.as_object_mut() {
            members.extend(machine.settings.clone());
            members.extend(
                machine
                    .revision
                    .map(|revision| ("revisionId".to_owned(), revision.into())),
            );
        }
        Ok(answer)
    }

    pub(super) fn list_state_machines(&self, input: &Value) -> Result<Value, ServiceError> {
        let listed: Vec<Value> = self
            .machines
            .lock()
            .values()
            .map(|machine| {
                json!({
                    "stateMachineArn": machine.arn,
                    "name": machine.name,
                    "type": "STANDARD",
                    "creationDate": seconds(machine.created),
                })
            })
            .collect();
        let (page, next) = pages::page(input, "stateMachines", listed)?;
        let mut answer = json!({"stateMachines": page});
        if let Some(next) = next {
            answer["nextToken"] = next.into();
        }
        Ok(answer)
    }

    pub(super) fn tag(&self, input: &Value) -> Result<Value, ServiceError> {
        self.change_tags(input, |machine| machine.tags.extend(tags(&input["tags"])))
    }

    pub(super) fn untag(&self, input: &Value) -> Result<Value, ServiceError> {
        self.change_tags(input, |machine| {
            for key in input["tagKeys"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
            {
                machine.tags.shift_remove(key);
            }
        })
    }

    fn change_tags(
        &self,
        input: &Value,
        change: impl FnOnce(&mut Machine),
    ) -> Result<Value, ServiceError> {
        let arn = required(input, "resourceArn")?;
        let mut machines = self.machines.lock();
        let machine = machines.get_mut(arn).ok_or_else(|| {
            ServiceError::new("ResourceNotFound", format!("Resource not found: '{arn}'"))
        })?;
        change(machine);
        self.machine_documents.write(&machine.name, machine)?;
        Ok(json!({}))
    }

    pub(super) fn list_tags(&self, input: &Value) -> Result<Value, ServiceError> {
        let arn = required(input, "resourceArn")?;
        let machines = self.machines.lock();
        let machine = machines.get(arn).ok_or_else(|| {
            ServiceError::new("ResourceNotFound", format!("Resource not found: '{arn}'"))
        })?;
        let tags: Vec<Value> = machine
            .tags
            .iter()
            .map(|(key, value)| json!({"key": key, "value": value}))
            .collect();
        Ok(json!({"tags": tags}))
    }

    /// The state machine of that ARN, without a version or alias, which this runtime does not have.
    pub(super) fn machine(&self, arn: &str) -> Result<Machine, ServiceError> {
        names::check_arn(arn, "stateMachine")?;
        self.machines
            .lock()
            .get(arn)
            .cloned()
            .ok_or_else(|| unknown(arn))
    }
}

/// `ValidateStateMachineDefinition`.
pub(super) fn validate(input: &Value) -> Result<Value, ServiceError> {
    known_members(
        "ValidateStateMachineDefinition",
        input,
        &["definition", "type", "severity", "maxResults"],
    )?;
    let with_warnings = match input["severity"].as_str() {
        None | Some("ERROR") => false,
        Some("WARNING") => true,
        Some(other) => {
            return Err(ServiceError::validation(format!(
                "1 validation error detected: Value '{other}' at 'severity' failed to satisfy constraint: Member must satisfy enum value set: [WARNING, ERROR]"
            )));
        }
    };
    let mut diagnostics = diagnose(required(input, "definition")?);
    let failed = diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    diagnostics.retain(|diagnostic| with_warnings || diagnostic.severity == Severity::Error);
    let limit = input["maxResults"]
        .as_u64()
        .filter(|limit| *limit > 0)
        .unwrap_or(100)
        .min(100) as usize;
    let truncated = diagnostics.len() > limit;
    diagnostics.truncate(limit);
    Ok(json!({
        "result": if failed { "FAIL" } else { "OK" },
        "diagnostics": diagnostics,
        "truncated": truncated,
    }))
}

fn parse(definition: &str) -> Result<StateMachine, ServiceError> {
    if definition.len() > LARGEST_DEFINITION {
        return Err(ServiceError::validation(format!(
            "1 validation error detected: Value at 'definition' failed to satisfy constraint: Member must have length less than or equal to {LARGEST_DEFINITION}"
        )));
    }
    StateMachine::parse(definition).map_err(|diagnostics| {
        let errors = diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error);
        let texts: Vec<String> = errors.map(ToString::to_string).collect();
        ServiceError::new(
            "InvalidDefinition",
            format!("Invalid State Machine Definition: '{}'", texts.join(", ")),
        )
    })
}

fn unknown(arn: &str) -> ServiceError {
    ServiceError::new(
        "StateMachineDoesNotExist",
        format!("State Machine Does Not Exist: '{arn}'"),
    )
}

fn tags(list: &Value) -> Map<String, Value> {
    let entries = list.as_array().into_iter().flatten();
    entries
        .filter_map(|tag| Some((tag["key"].as_str()?.to_owned(), tag["value"].clone())))
        .collect()
}

fn settings(input: &Value) -> Map<String, Value> {
    [
        "loggingConfiguration",
        "tracingConfiguration",
        "encryptionConfiguration",
    ]
    .into_iter()
    .filter_map(|name| {
        Some((
            name.to_owned(),
            input.get(name).filter(|value| !value.is_null())?.clone(),
        ))
    })
    .collect()
}

/// Refuses a member that this runtime would have to ignore.
fn known_members(action: &str, input: &Value, known: &[&str]) -> Result<(), ServiceError> {
    let members = input.as_object().into_iter().flat_map(Map::keys);
    match members
        .into_iter()
        .find(|member| !known.contains(&member.as_str()))
    {
        Some(member) => Err(ServiceError::unsupported_parameter(action, member)),
        None => Ok(()),
    }
}
