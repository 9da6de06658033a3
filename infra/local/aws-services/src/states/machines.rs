//! State machines: created, changed, described, listed, deleted. `versions` and `aliases` are kept with their machine.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use states_language::{Severity, StateMachine};

use super::aliases::Alias;
use super::versions::Version;
use super::{StepFunctions, configuration, express, labels, names, pages, required, seconds, tags};
use crate::failure::ServiceError;

/// What can be run: the part of a state machine that a version keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Revision {
    pub(super) role_arn: String,
    pub(super) definition: String,
    /// Nothing until the first update.
    #[serde(rename = "revision")]
    pub(super) id: Option<String>,
    /// `loggingConfiguration`, `tracingConfiguration`, `encryptionConfiguration` as they were given.
    #[serde(default)]
    pub(super) settings: Map<String, Value>,
    /// When this revision came to be.
    pub(super) updated: Timestamp,
}

/// A state machine of the account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) created: Timestamp,
    #[serde(default)]
    pub(super) kind: MachineKind,
    #[serde(flatten)]
    pub(super) current: Revision,
    #[serde(default)]
    pub(super) tags: Map<String, Value>,
    /// The oldest first.
    #[serde(default)]
    pub(super) versions: Vec<Version>,
    /// How many versions there have been; numbers are never given twice.
    #[serde(default)]
    pub(super) last_version: u64,
    /// The oldest first.
    #[serde(default)]
    pub(super) aliases: Vec<Alias>,
    /// It was deleted while executions were running, and goes with the last of them.
    #[serde(default)]
    pub(super) deleting: bool,
}

/// `type`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum MachineKind {
    #[default]
    Standard,
    Express,
}

impl MachineKind {
    pub(super) fn of(input: &Value) -> Self {
        match input["type"].as_str() {
            Some("EXPRESS") => Self::Express,
            _ => Self::Standard,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Express => "EXPRESS",
        }
    }
}

/// What an ARN of a state machine, of a version or of an alias leads to.
pub(super) struct Chosen {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) kind: MachineKind,
    pub(super) revision: Revision,
    pub(super) version_arn: Option<String>,
    pub(super) alias_arn: Option<String>,
}

impl StepFunctions {
    pub(super) fn create_state_machine(&self, input: &Value) -> Result<Value, ServiceError> {
        let name = required(input, "name")?;
        names::check(name)?;
        let publish = input["publish"] == json!(true);
        if input.get("versionDescription").is_some() && !publish {
            return Err(ServiceError::validation(
                "Version description can only be set when publish is true",
            ));
        }
        let kind = MachineKind::of(input);
        let definition = required(input, "definition")?;
        let role_arn = required(input, "roleArn")?;
        names::check_role(role_arn)?;
        self.definitions.read(definition, kind)?;
        let settings = configuration::read(input)?;
        let arn = self.context.arn("states", &format!("stateMachine:{name}"));
        let now = self.context.clock.now();
        let mut machines = self.machines.lock();
        if let Some(existing) = machines.get(&arn) {
            if existing.deleting {
                return Err(deleting(&arn));
            }
            // Roles and tags do not make a difference.
            let same = existing.current.definition == definition
                && existing.current.settings == settings
                && existing.kind == kind;
            if !same {
                return Err(ServiceError::new(
                    "StateMachineAlreadyExists",
                    format!("State Machine Already Exists: '{arn}'"),
                ));
            }
            let mut answer =
                json!({"stateMachineArn": arn, "creationDate": seconds(existing.created)});
            if let Some(version) = existing.versions.last().filter(|_| publish) {
                answer["stateMachineVersionArn"] = version.arn(&arn).into();
            }
            return Ok(answer);
        }
        let mut machine = Machine {
            arn: arn.clone(),
            name: name.to_owned(),
            created: now,
            kind,
            current: Revision {
                role_arn: role_arn.to_owned(),
                definition: definition.to_owned(),
                id: None,
                settings,
                updated: now,
            },
            tags: tags::read(&input["tags"])?,
            versions: Vec::new(),
            last_version: 0,
            aliases: Vec::new(),
            deleting: false,
        };
        let mut answer = json!({"stateMachineArn": arn, "creationDate": seconds(now)});
        if publish {
            let version = machine.publish(input["versionDescription"].as_str(), now)?;
            answer["stateMachineVersionArn"] = version.arn(&arn).into();
        }
        self.machine_documents.write(name, &machine)?;
        machines.insert(arn, machine);
        Ok(answer)
    }

    pub(super) fn update_state_machine(&self, input: &Value) -> Result<Value, ServiceError> {
        let arn = required(input, "stateMachineArn")?;
        names::check_arn(arn, "stateMachine")?;
        let publish = input["publish"] == json!(true);
        if input.get("versionDescription").is_some() && !publish {
            return Err(ServiceError::validation(
                "Version description can only be set when publish is true",
            ));
        }
        let settings = configuration::read(input)?;
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
        if existing.deleting {
            return Err(deleting(arn));
        }
        let mut machine = existing.clone();
        if let Some(definition) = input["definition"].as_str() {
            self.definitions.read(definition, machine.kind)?;
            definition.clone_into(&mut machine.current.definition);
        }
        if let Some(role) = input["roleArn"].as_str() {
            names::check_role(role)?;
            role.clone_into(&mut machine.current.role_arn);
        }
        machine.current.settings.extend(settings);
        if machine != *existing {
            machine.current.updated = now;
            machine.current.id = Some(self.context.entropy.uuid());
        }
        let mut answer = json!({"updateDate": seconds(now)});
        if let Some(revision) = &machine.current.id {
            answer["revisionId"] = revision.as_str().into();
        }
        if publish {
            let version = machine.publish(input["versionDescription"].as_str(), now)?;
            answer["stateMachineVersionArn"] = version.arn(arn).into();
        }
        if machine != *existing {
            self.machine_documents.write(&machine.name, &machine)?;
            *existing = machine;
        }
        Ok(answer)
    }

    pub(super) fn delete_state_machine(&self, input: &Value) -> Result<Value, ServiceError> {
        let arn = required(input, "stateMachineArn")?;
        names::check_arn(arn, "stateMachine")?;
        let running = self.running_executions(arn);
        let mut machines = self.machines.lock();
        // Deleting what is not there succeeds, as on AWS.
        let Some(machine) = machines.get_mut(arn) else {
            return Ok(json!({}));
        };
        if running {
            machine.deleting = true;
            self.machine_documents.write(&machine.name, machine)?;
        } else if let Some(machine) = machines.remove(arn) {
            self.machine_documents.remove(&machine.name)?;
        }
        Ok(json!({}))
    }

    /// A state machine that was being deleted goes with its last execution.
    pub(super) fn forget_if_deleting(&self, arn: &str) {
        let deleting = self.machines.lock().get(arn).is_some_and(|it| it.deleting);
        if !deleting || self.running_executions(arn) {
            return;
        }
        if let Some(machine) = self.machines.lock().remove(arn)
            && let Err(error) = self.machine_documents.remove(&machine.name)
        {
            tracing::error!(%error, machine = arn, "a deleted state machine could not be removed");
        }
    }

    pub(super) fn describe_state_machine(&self, input: &Value) -> Result<Value, ServiceError> {
        let arn = required(input, "stateMachineArn")?;
        names::check_arn(arn, "stateMachine")?;
        let machines = self.machines.lock();
        let machine = machines
            .get(names::unqualified(arn))
            .ok_or_else(|| unknown(arn))?;
        let version = match names::qualifier(arn) {
            None => None,
            Some(qualifier) => Some(machine.version_of(qualifier).ok_or_else(|| unknown(arn))?),
        };
        let revision = version.map_or(&machine.current, |version| &version.revision);
        let mut answer = json!({
            "stateMachineArn": version.map_or_else(|| machine.arn.clone(), |version| version.arn(&machine.arn)),
            "name": machine.name,
            "status": if machine.deleting { "DELETING" } else { "ACTIVE" },
            "roleArn": revision.role_arn,
            "type": machine.kind.as_str(),
            "creationDate": seconds(version.map_or(machine.created, |version| version.created)),
        });
        answer["definition"] = match input["includedData"].as_str() {
            Some("METADATA_ONLY") => "{}".into(),
            _ => revision.definition.as_str().into(),
        };
        configuration::show(&revision.settings, &mut answer);
        if let Some(id) = &revision.id {
            answer["revisionId"] = id.as_str().into();
        }
        if let Some(text) = version.and_then(|version| version.description.as_deref()) {
            answer["description"] = text.into();
        }
        show_references(&revision.definition, &mut answer);
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
                    "type": machine.kind.as_str(),
                    "creationDate": seconds(machine.created),
                })
            })
            .collect();
        pages::answer(input, "stateMachines", "stateMachines", listed)
    }

    /// What the ARN leads to; an alias chooses one of its versions by their weights.
    pub(super) fn choose(&self, arn: &str) -> Result<Chosen, ServiceError> {
        names::check_arn(arn, "stateMachine")?;
        let machines = self.machines.lock();
        let machine = machines
            .get(names::unqualified(arn))
            .ok_or_else(|| unknown(arn))?;
        if machine.deleting {
            return Err(deleting(arn));
        }
        let (revision, version_arn, alias_arn) = match names::qualifier(arn) {
            None => (&machine.current, None, None),
            Some(qualifier) => {
                let alias = machine.alias(qualifier);
                let version = match alias {
                    Some(alias) => {
                        let number = alias.routed(&self.context.entropy);
                        machine.version(number)
                    }
                    None => machine.version_of(qualifier),
                };
                let version = version.ok_or_else(|| unknown(arn))?;
                (
                    &version.revision,
                    Some(version.arn(&machine.arn)),
                    alias.map(|alias| alias.arn(&machine.arn)),
                )
            }
        };
        Ok(Chosen {
            arn: machine.arn.clone(),
            name: machine.name.clone(),
            kind: machine.kind,
            revision: revision.clone(),
            version_arn,
            alias_arn,
        })
    }

    /// The revision of that definition, as far as it is still known.
    pub(super) fn revision_of(&self, arn: &str, definition: &str) -> Option<Revision> {
        let machines = self.machines.lock();
        let machine = machines.get(arn)?;
        let published = machine.versions.iter().map(|version| &version.revision);
        published
            .chain([&machine.current])
            .rev()
            .find(|revision| revision.definition == definition)
            .cloned()
    }

    /// Changes a state machine and writes it down.
    pub(super) fn change_machine<T>(
        &self,
        arn: &str,
        missing: impl FnOnce() -> ServiceError,
        change: impl FnOnce(&mut Machine) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let mut machines = self.machines.lock();
        let existing = machines.get_mut(arn).ok_or_else(missing)?;
        if existing.deleting {
            return Err(deleting(arn));
        }
        let mut machine = existing.clone();
        let answer = change(&mut machine)?;
        if machine != *existing {
            self.machine_documents.write(&machine.name, &machine)?;
            *existing = machine;
        }
        Ok(answer)
    }
}

/// Adds `variableReferences`, if the definition has any.
pub(super) fn show_references(definition: &str, answer: &mut Value) {
    let references = StateMachine::parse(definition)
        .map(|machine| machine.variable_references())
        .unwrap_or_default();
    if !references.is_empty() {
        answer["variableReferences"] = json!(references);
    }
}

pub(super) fn parse(definition: &str, kind: MachineKind) -> Result<StateMachine, ServiceError> {
    let machine = StateMachine::parse(definition).map_err(|diagnostics| {
        if let Some(refused) = labels::refused(definition, &diagnostics) {
            return refused;
        }
        let errors = diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error);
        invalid_definition(&errors.map(ToString::to_string).collect::<Vec<_>>())
    })?;
    if kind == MachineKind::Express {
        let refused = express::refused(&machine);
        if !refused.is_empty() {
            let refused: Vec<String> = refused.iter().map(ToString::to_string).collect();
            return Err(invalid_definition(&refused));
        }
    }
    Ok(machine)
}

fn invalid_definition(texts: &[String]) -> ServiceError {
    ServiceError::new(
        "InvalidDefinition",
        format!("Invalid State Machine Definition: '{}'", texts.join(", ")),
    )
}

pub(super) fn unknown(arn: &str) -> ServiceError {
    ServiceError::new(
        "StateMachineDoesNotExist",
        format!("State Machine Does Not Exist: '{arn}'"),
    )
}

fn deleting(arn: &str) -> ServiceError {
    ServiceError::new(
        "StateMachineDeleting",
        format!("State Machine Deleting: '{arn}'"),
    )
}
