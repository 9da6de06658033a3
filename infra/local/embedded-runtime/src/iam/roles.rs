//! The template's roles with their policies, and who has which: read from the resolved stack, refused by name where a policy
//! says what this runtime does not understand.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::Used;
use super::needs::{Need, Surroundings};
use super::policy::Statement;
use crate::template::Stack;

/// Why a role may not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No statement allows it.
    Nothing,
    /// A statement of its policies denies it.
    Denied,
    /// A statement of the bucket's or topic's policy denies it.
    DeniedByResource,
}

/// What a role's policies allow: a row of the table of privileges.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Grant {
    /// The role's name.
    pub role: String,
    /// The statement's `Sid`.
    pub statement: String,
    /// The action as it is written.
    pub action: String,
    /// The resource as it is written.
    pub resource: String,
}

/// Roles by name.
#[derive(Debug, Default)]
pub struct Roles {
    statements: BTreeMap<String, Vec<Statement>>,
    /// What policies of buckets and topics deny everybody.
    of_resources: Vec<Statement>,
    functions: BTreeMap<String, String>,
    surroundings: Surroundings,
}

impl Roles {
    /// Reads them. The messages name role and statement.
    pub fn of_stack(stack: &Stack, region: &str, account: &str) -> Result<Self, Vec<String>> {
        let mut roles = Self::default();
        let mut problems = Vec::new();
        roles.surroundings.region = region.to_owned();
        roles.surroundings.account = account.to_owned();
        let of_type = |type_name: &'static str| {
            stack
                .recorded
                .iter()
                .filter(move |resource| resource.type_name == type_name)
        };
        let mut managed: BTreeMap<&str, Vec<Statement>> = BTreeMap::new();
        for policy in of_type("AWS::IAM::ManagedPolicy") {
            match Statement::of_document(&policy.properties["PolicyDocument"]) {
                Ok(statements) => {
                    managed.insert(&policy.physical_id, statements);
                }
                Err(problem) => problems.push(format!("{}: {problem}", policy.logical_id)),
            }
        }
        for role in of_type("AWS::IAM::Role") {
            let name = role.physical_id.clone();
            let arn = format!("arn:aws:iam::{account}:role/{name}");
            roles.surroundings.roles.insert(name.clone(), arn);
            let statements = roles.statements.entry(name).or_default();
            for policy in list(&role.properties["Policies"]) {
                match Statement::of_document(&policy["PolicyDocument"]) {
                    Ok(found) => statements.extend(found),
                    Err(problem) => problems.push(format!("{}: {problem}", role.logical_id)),
                }
            }
            for arn in list(&role.properties["ManagedPolicyArns"]) {
                // What AWS manages is not known here; it only ever allows more.
                let own = arn.as_str().and_then(|arn| managed.get(arn));
                statements.extend(own.into_iter().flatten().cloned());
            }
        }
        for policy in of_type("AWS::IAM::Policy") {
            match Statement::of_document(&policy.properties["PolicyDocument"]) {
                Ok(found) => {
                    for role in list(&policy.properties["Roles"])
                        .iter()
                        .filter_map(Value::as_str)
                    {
                        let statements = roles.statements.entry(role.to_owned()).or_default();
                        statements.extend(found.iter().cloned());
                    }
                }
                Err(problem) => problems.push(format!("{}: {problem}", policy.logical_id)),
            }
        }
        let owners = stack
            .functions
            .iter()
            .map(|function| (&function.logical_id, &function.role_arn, &function.policies))
            .chain(
                stack
                    .state_machines
                    .iter()
                    .map(|machine| (&machine.logical_id, &machine.role_arn, &machine.policies)),
            );
        for (owner, role_arn, policies) in owners {
            let name = role_arn.rsplit('/').next().unwrap_or_default();
            roles
                .surroundings
                .roles
                .insert(name.to_owned(), role_arn.clone());
            let statements = roles.statements.entry(name.to_owned()).or_default();
            for policy in list(policies) {
                match Statement::of_document(&policy) {
                    Ok(found) => statements.extend(found),
                    Err(_) => problems.push(format!(
                        "{owner}: only policy documents can be enforced, not the policy {policy}"
                    )),
                }
            }
        }
        for function in &stack.functions {
            let role = function.role_arn.rsplit('/').next().unwrap_or_default();
            roles
                .functions
                .insert(function.name.clone(), role.to_owned());
        }
        for policy in of_type("AWS::S3::BucketPolicy").chain(of_type("AWS::SNS::TopicPolicy")) {
            match Statement::of_document(&policy.properties["PolicyDocument"]) {
                Ok(found) => roles
                    .of_resources
                    .extend(found.into_iter().filter(|statement| statement.denies)),
                Err(problem) => problems.push(format!("{}: {problem}", policy.logical_id)),
            }
        }
        for profile in of_type("AWS::IAM::InstanceProfile") {
            let role = profile.properties["Roles"][0].as_str().unwrap_or_default();
            let arn = format!("arn:aws:iam::{account}:role/{role}");
            roles
                .surroundings
                .profiles
                .insert(profile.physical_id.clone(), arn);
        }
        for bucket in &stack.buckets {
            if let Some(key) = &bucket.key_arn {
                let keys = &mut roles.surroundings.bucket_keys;
                keys.insert(bucket.name.clone(), key.clone());
            }
        }
        for topic in &stack.topics {
            if let Some(key) = &topic.key_arn {
                let keys = &mut roles.surroundings.topic_keys;
                keys.insert(topic.arn.clone(), key.clone());
            }
        }
        match problems.is_empty() {
            true => Ok(roles),
            false => Err(problems),
        }
    }

    /// Every action on every resource that every role is granted.
    pub fn grants(&self) -> Vec<Grant> {
        let mut grants = Vec::new();
        for (role, statements) in &self.statements {
            for statement in statements.iter().filter(|statement| !statement.denies) {
                for action in statement.actions() {
                    grants.extend(statement.resources().iter().map(|resource| Grant {
                        role: role.clone(),
                        statement: statement.name.clone(),
                        action: action.clone(),
                        resource: resource.clone(),
                    }));
                }
            }
        }
        grants
    }

    /// Whether it is this grant that allowed what was used.
    pub fn is_for(&self, grant: &Grant, used: &Used) -> bool {
        let statements = self.statements.get(&grant.role).into_iter().flatten();
        let mut named = statements.filter(|statement| statement.name == grant.statement);
        grant.role == used.role
            && grant.statement == used.statement
            && grant.resource == used.resource
            && named.any(|statement| statement.names_action(&grant.action, &used.action))
    }

    /// Whether the template has a role of this name.
    pub fn has(&self, role: &str) -> bool {
        self.statements.contains_key(role)
    }

    /// The role of a function, by names.
    pub fn of_function(&self, function: &str) -> Option<&str> {
        self.functions.get(function).map(String::as_str)
    }

    /// The role of the clusters' nodes: that of the only instance profile.
    pub fn of_clusters(&self) -> Option<&str> {
        let arn = self.surroundings.profiles.values().next()?;
        arn.rsplit('/').next()
    }

    pub(crate) fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// The statement that allows it, and the resource as it is written there.
    pub(crate) fn decide(&self, role: &str, need: &Need) -> Result<(String, String), Refusal> {
        let applies = |statement: &&Statement| {
            statement.applies(&need.action, &need.resource, &need.circumstances)
        };
        let own = self
            .statements
            .get(role)
            .map(Vec::as_slice)
            .unwrap_or_default();
        if own
            .iter()
            .filter(|statement| statement.denies)
            .any(|statement| applies(&statement))
        {
            return Err(Refusal::Denied);
        }
        if self
            .of_resources
            .iter()
            .any(|statement| applies(&statement))
        {
            return Err(Refusal::DeniedByResource);
        }
        let allows = own
            .iter()
            .filter(|statement| !statement.denies)
            .find(applies);
        let written = |statement: &Statement| {
            let resource = statement.resource_for(&need.resource).to_owned();
            (statement.name.clone(), resource)
        };
        allows.map(written).ok_or(Refusal::Nothing)
    }
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}
