//! Versions of state machines: numbered snapshots that never change, published one by one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::machines::{Machine, Revision, unknown};
use super::{StepFunctions, names, pages, required, seconds};
use crate::failure::ServiceError;

/// The most versions that a state machine may have.
const MOST_VERSIONS: usize = 1000;

/// One version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) number: u64,
    pub(super) created: Timestamp,
    pub(super) description: Option<String>,
    pub(super) revision: Revision,
}

impl Version {
    pub(super) fn arn(&self, machine_arn: &str) -> String {
        format!("{machine_arn}:{}", self.number)
    }
}

impl Machine {
    /// Publishes the current revision; if it has been published already, that version is the answer.
    pub(super) fn publish(
        &mut self,
        description: Option<&str>,
        now: Timestamp,
    ) -> Result<Version, ServiceError> {
        if let Some(latest) = self
            .versions
            .last()
            .filter(|version| version.revision == self.current)
        {
            return Ok(latest.clone());
        }
        if self.versions.len() >= MOST_VERSIONS {
            return Err(ServiceError::new(
                "ServiceQuotaExceededException",
                format!(
                    "The state machine {} has reached the limit of {MOST_VERSIONS} versions",
                    self.arn
                ),
            ));
        }
        self.last_version += 1;
        let version = Version {
            number: self.last_version,
            created: now,
            description: description.map(str::to_owned),
            revision: self.current.clone(),
        };
        self.versions.push(version.clone());
        Ok(version)
    }

    pub(super) fn version(&self, number: u64) -> Option<&Version> {
        self.versions
            .iter()
            .find(|version| version.number == number)
    }

    /// The version of that qualifier, which is its number.
    pub(super) fn version_of(&self, qualifier: &str) -> Option<&Version> {
        let number: u64 = qualifier.parse().ok()?;
        self.version(number)
            .filter(|version| version.number.to_string() == qualifier)
    }
}

impl StepFunctions {
    pub(super) fn publish_state_machine_version(
        &self,
        input: &Value,
    ) -> Result<Value, ServiceError> {
        let arn = required(input, "stateMachineArn")?;
        names::check_arn(arn, "stateMachine")?;
        let now = self.context.clock.now();
        self.change_machine(
            arn,
            || unknown(arn),
            |machine| {
                let current = machine.current.id.as_deref().unwrap_or("INITIAL");
                if let Some(wanted) = input["revisionId"].as_str()
                    && wanted != current
                {
                    return Err(ServiceError::new(
                        "ConflictException",
                        format!(
                            "Failed to publish the State Machine version for revision {wanted}. The current State Machine \
                             revision is {current}."
                        ),
                    ));
                }
                let version = machine.publish(input["description"].as_str(), now)?;
                Ok(json!({
                    "creationDate": seconds(version.created),
                    "stateMachineVersionArn": version.arn(arn),
                }))
            },
        )
    }

    /// The newest first.
    pub(super) fn list_state_machine_versions(&self, input: &Value) -> Result<Value, ServiceError> {
        let arn = required(input, "stateMachineArn")?;
        names::check_arn(arn, "stateMachine")?;
        let listed: Vec<Value> = {
            let machines = self.machines.lock();
            let machine = machines.get(arn).ok_or_else(|| unknown(arn))?;
            machine
                .versions
                .iter()
                .rev()
                .map(|version| {
                    json!({
                        "stateMachineVersionArn": version.arn(arn),
                        "creationDate": seconds(version.created),
                    })
                })
                .collect()
        };
        let list = format!("versions of {arn}");
        pages::answer(input, &list, "stateMachineVersions", listed)
    }

    pub(super) fn delete_state_machine_version(
        &self,
        input: &Value,
    ) -> Result<Value, ServiceError> {
        let arn = required(input, "stateMachineVersionArn")?;
        names::check_arn(arn, "stateMachine")?;
        let number: Option<u64> = names::qualifier(arn).and_then(|number| number.parse().ok());
        let Some(number) = number else {
            return Err(ServiceError::validation(format!(
                "The ARN must be that of a state machine version: '{arn}'"
            )));
        };
        let machine_arn = names::unqualified(arn);
        if !self.machines.lock().contains_key(machine_arn) {
            // Deleting what is not there succeeds, as on AWS.
            return Ok(json!({}));
        }
        self.change_machine(
            machine_arn,
            || unknown(arn),
            |machine| {
                let using: Vec<&str> = machine
                    .aliases
                    .iter()
                    .filter(|alias| alias.routing.iter().any(|route| route.version == number))
                    .map(|alias| alias.name.as_str())
                    .collect();
                if !using.is_empty() {
                    return Err(ServiceError::new(
                        "ConflictException",
                        format!(
                            "Version to be deleted must not be referenced by an alias. Current list of aliases referencing \
                             this version: [{}]",
                            using.join(", ")
                        ),
                    ));
                }
                machine.versions.retain(|version| version.number != number);
                Ok(json!({}))
            },
        )
    }
}
