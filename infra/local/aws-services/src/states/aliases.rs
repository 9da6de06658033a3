//! Aliases of state machines: names for one version, or for two between which executions are divided by weight.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use virtual_time::Entropy;

use super::machines::{Machine, unknown};
use super::{StepFunctions, names, pages, required, seconds};
use crate::failure::ServiceError;

/// The most aliases that a state machine may have.
const MOST_ALIASES: usize = 100;

/// One alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Alias {
    pub(super) name: String,
    description: Option<String>,
    pub(super) routing: Vec<Route>,
    created: Timestamp,
    updated: Timestamp,
}

/// How much of the executions goes to a version, in percent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Route {
    pub(super) version: u64,
    weight: u64,
}

impl Alias {
    pub(super) fn arn(&self, machine_arn: &str) -> String {
        format!("{machine_arn}:{}", self.name)
    }

    /// The version that the next execution runs.
    pub(super) fn routed(&self, entropy: &Entropy) -> u64 {
        let mut drawn = entropy.bits() % 100;
        for route in &self.routing {
            if drawn < route.weight {
                return route.version;
            }
            drawn -= route.weight;
        }
        self.routing.last().map_or(0, |route| route.version)
    }
}

impl Machine {
    pub(super) fn alias(&self, name: &str) -> Option<&Alias> {
        self.aliases.iter().find(|alias| alias.name == name)
    }
}

impl StepFunctions {
    pub(super) fn create_state_machine_alias(&self, input: &Value) -> Result<Value, ServiceError> {
        let name = required(input, "name")?;
        let (machine_arn, routing) = routing(&input["routingConfiguration"])?;
        let description = input["description"].as_str().map(str::to_owned);
        let now = self.context.clock.now();
        self.change_machine(&machine_arn, missing, |machine| {
            machine.check_routing(&routing)?;
            if let Some(existing) = machine.alias(name) {
                if existing.routing == routing && existing.description == description {
                    return Ok(json!({
                        "stateMachineAliasArn": existing.arn(&machine.arn),
                        "creationDate": seconds(existing.created),
                    }));
                }
                return Err(ServiceError::new(
                    "ConflictException",
                    "Failed to create alias because an alias with the same name and a different routing configuration already \
                     exists.",
                ));
            }
            if machine.aliases.len() >= MOST_ALIASES {
                return Err(ServiceError::new(
                    "ServiceQuotaExceededException",
                    format!(
                        "The state machine {} has reached the limit of {MOST_ALIASES} aliases",
                        machine.arn
                    ),
                ));
            }
            let alias = Alias {
                name: name.to_owned(),
                description,
                routing,
                created: now,
                updated: now,
            };
            let answer = json!({
                "stateMachineAliasArn": alias.arn(&machine.arn),
                "creationDate": seconds(now),
            });
            machine.aliases.push(alias);
            Ok(answer)
        })
    }

    pub(super) fn update_state_machine_alias(&self, input: &Value) -> Result<Value, ServiceError> {
        let arn = required(input, "stateMachineAliasArn")?;
        let (machine_arn, name) = alias_name(arn)?;
        let new_routing = match &input["routingConfiguration"] {
            Value::Null => None,
            given => {
                let (of, routing) = routing(given)?;
                if of != machine_arn {
                    return Err(ServiceError::validation(format!(
                        "Routing configuration must contain versions of the state machine {machine_arn}"
                    )));
                }
                Some(routing)
            }
        };
        if new_routing.is_none() && input["description"].is_null() {
            return Err(ServiceError::validation(
                "Either the description or the routing configuration must be specified",
            ));
        }
        let now = self.context.clock.now();
        self.change_machine(machine_arn, missing, |machine| {
            if let Some(routing) = &new_routing {
                machine.check_routing(routing)?;
            }
            let alias = machine
                .aliases
                .iter_mut()
                .find(|alias| alias.name == name)
                .ok_or_else(missing)?;
            if let Some(routing) = new_routing {
                alias.routing = routing;
            }
            if let Some(description) = input["description"].as_str() {
                alias.description = Some(description.to_owned());
            }
            alias.updated = now;
            Ok(json!({"updateDate": seconds(now)}))
        })
    }

    pub(super) fn describe_state_machine_alias(
        &self,
        input: &Value,
    ) -> Result<Value, ServiceError> {
        let arn = required(input, "stateMachineAliasArn")?;
        let (machine_arn, name) = alias_name(arn)?;
        let machines = self.machines.lock();
        let machine = machines.get(machine_arn).ok_or_else(missing)?;
        let alias = machine.alias(name).ok_or_else(missing)?;
        let routing: Vec<Value> = alias
            .routing
            .iter()
            .map(|route| {
                json!({
                    "stateMachineVersionArn": format!("{machine_arn}:{}", route.version),
                    "weight": route.weight,
                })
            })
            .collect();
        let mut answer = json!({
            "stateMachineAliasArn": arn,
            "name": alias.name,
            "routingConfiguration": routing,
            "creationDate": seconds(alias.created),
            "updateDate": seconds(alias.updated),
        });
        if let Some(description) = &alias.description {
            answer["description"] = description.as_str().into();
        }
        Ok(answer)
    }

    /// Those of a state machine, or of one of its versions only.
    pub(super) fn list_state_machine_aliases(&self, input: &Value) -> Result<Value, ServiceError> {
        let arn = required(input, "stateMachineArn")?;
        names::check_arn(arn, "stateMachine")?;
        let listed: Vec<Value> = {
            let machines = self.machines.lock();
            let machine = machines
                .get(names::unqualified(arn))
                .ok_or_else(|| unknown(arn))?;
            let version = match names::qualifier(arn) {
                None => None,
                Some(qualifier) => Some(machine.version_of(qualifier).ok_or_else(missing)?.number),
            };
            machine
                .aliases
                .iter()
                .filter(|alias| {
                    version.is_none_or(|number| {
                        alias.routing.iter().any(|route| route.version == number)
                    })
                })
                .map(|alias| {
                    json!({
                        "stateMachineAliasArn": alias.arn(&machine.arn),
                        "creationDate": seconds(alias.created),
                    })
                })
                .collect()
        };
        let list = format!("aliases of {arn}");
        pages::answer(input, &list, "stateMachineAliases", listed)
    }

    pub(super) fn delete_state_machine_alias(&self, input: &Value) -> Result<Value, ServiceError> {
        let arn = required(input, "stateMachineAliasArn")?;
        let (machine_arn, name) = alias_name(arn)?;
        if !self.machines.lock().contains_key(machine_arn) {
            // Deleting what is not there succeeds, as on AWS.
            return Ok(json!({}));
        }
        self.change_machine(machine_arn, missing, |machine| {
            machine.aliases.retain(|alias| alias.name != name);
            Ok(json!({}))
        })
    }
}

impl Machine {
    fn check_routing(&self, routing: &[Route]) -> Result<(), ServiceError> {
        match routing
            .iter()
            .all(|route| self.version(route.version).is_some())
        {
            true => Ok(()),
            false => Err(missing()),
        }
    }
}

/// The state machine and the routes of a routing configuration.
fn routing(given: &Value) -> Result<(String, Vec<Route>), ServiceError> {
    let items = given.as_array().map(Vec::as_slice).unwrap_or_default();
    let arns: Vec<&str> = items
        .iter()
        .filter_map(|item| item["stateMachineVersionArn"].as_str())
        .collect();
    let refused = |what: &str| {
        ServiceError::validation(format!(
            "Routing configuration must contain {what}. Received: [{}]",
            arns.join(", ")
        ))
    };
    if arns.len() == 2 && arns[0] == arns[1] {
        return Err(refused("distinct state machine version ARNs"));
    }
    let weights: Vec<u64> = items
        .iter()
        .filter_map(|item| item["weight"].as_u64())
        .collect();
    if weights.iter().sum::<u64>() != 100 {
        let weights: Vec<String> = weights.iter().map(u64::to_string).collect();
        return Err(ServiceError::validation(format!(
            "Sum of routing configuration weights must equal 100. Received: [{}]",
            weights.join(", ")
        )));
    }
    let mut routes = Vec::with_capacity(items.len());
    for (arn, weight) in arns.iter().zip(weights) {
        names::check_arn(arn, "stateMachine")?;
        let version = names::qualifier(arn)
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| refused("state machine version ARNs"))?;
        routes.push(Route { version, weight });
    }
    let machine_arn = names::unqualified(arns.first().copied().unwrap_or_default());
    if arns
        .iter()
        .any(|arn| names::unqualified(arn) != machine_arn)
    {
        return Err(refused("versions of one state machine"));
    }
    Ok((machine_arn.to_owned(), routes))
}

/// The state machine and the name of an alias.
fn alias_name(arn: &str) -> Result<(&str, &str), ServiceError> {
    names::check_arn(arn, "stateMachine")?;
    match names::qualifier(arn) {
        Some(name) => Ok((names::unqualified(arn), name)),
        None => Err(ServiceError::validation(format!(
            "The ARN must be that of a state machine alias: '{arn}'"
        ))),
    }
}

fn missing() -> ServiceError {
    ServiceError::new(
        "ResourceNotFound",
        "Request references a resource that does not exist.",
    )
}
