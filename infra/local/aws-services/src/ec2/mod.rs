//! Subnets, VPCs and their tags, as far as a launch asks for them: DescribeSubnets, DescribeVpcs, CreateTags, DeleteTags. The
//! gateway and Step Functions call [`Ec2::call`]. A laptop has no network to describe: every subnet that is asked for exists,
//! and it and its VPC carry the tag that EMR's service policy wants until somebody deletes it.

#[cfg(test)]
mod tests;
pub(crate) mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::documents::Documents;
use crate::failure::{ServiceError, StartError};

/// What EMR's service policy wants on a subnet, and on a VPC in which EMR makes security groups.
const MANAGED: (&str, &str) = ("for-use-with-amazon-emr-managed-policies", "true");

/// Everything that has tags.
const TAGS: &str = "tags";

type Tags = BTreeMap<String, String>;

/// The account's network.
pub struct Ec2 {
    account: String,
    documents: Documents,
    /// By resource, for those whose tags were changed.
    tags: Mutex<BTreeMap<String, Tags>>,
}

impl Ec2 {
    pub(crate) fn open(context: &Context) -> Result<Arc<Self>, StartError> {
        let documents = context.documents("ec2")?;
        let tags = documents.read(TAGS)?.unwrap_or_default();
        Ok(Arc::new(Self {
            account: context.account.clone(),
            documents,
            tags: Mutex::new(tags),
        }))
    }

    /// Answers one action with members as the SDKs name them.
    pub async fn call(&self, action: &str, input: Value) -> Result<Value, ServiceError> {
        let Value::Object(members) = input else {
            return Err(missing(action, "its members"));
        };
        match action {
            "DescribeSubnets" => {
                let ids = self.asked_for(action, &members, "SubnetIds", "subnet")?;
                let found = self.matching(&members, ids)?;
                Ok(
                    json!({"Subnets": found.into_iter().map(|id| self.subnet(&id)).collect::<Vec<_>>()}),
                )
            }
            "DescribeVpcs" => {
                let ids = self.asked_for(action, &members, "VpcIds", "vpc")?;
                let found = self.matching(&members, ids)?;
                Ok(json!({"Vpcs": found.into_iter().map(|id| self.vpc(&id)).collect::<Vec<_>>()}))
            }
            "CreateTags" => self.change(action, &members, |tags, key, value| {
                tags.insert(key.to_owned(), value.unwrap_or_default().to_owned());
            }),
            "DeleteTags" => self.change(action, &members, |tags, key, value| {
                if value.is_none_or(|value| tags.get(key).is_some_and(|found| found == value)) {
                    tags.remove(key);
                }
            }),
            other => Err(ServiceError::unsupported_action("ec2", other)),
        }
    }

    fn tags_of(&self, id: &str) -> Tags {
        let given = || Tags::from([(MANAGED.0.to_owned(), MANAGED.1.to_owned())]);
        self.tags.lock().get(id).cloned().unwrap_or_else(given)
    }

    fn listed_tags(&self, id: &str) -> Value {
        let tags = self.tags_of(id);
        tags.into_iter()
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect()
    }

    fn subnet(&self, id: &str) -> Value {
        json!({
            "SubnetId": id,
            "VpcId": vpc_of(id),
            "State": "available",
            "OwnerId": self.account,
            "MapPublicIpOnLaunch": false,
            "Tags": self.listed_tags(id),
        })
    }

    fn vpc(&self, id: &str) -> Value {
        json!({"VpcId": id, "State": "available", "OwnerId": self.account, "Tags": self.listed_tags(id)})
    }

    /// The ids of a request, each of the right form.
    fn asked_for(
        &self,
        action: &str,
        members: &Map<String, Value>,
        name: &str,
        kind: &str,
    ) -> Result<Vec<String>, ServiceError> {
        refuse(action, members, &[name, "Filters"])?;
        let ids = texts(members.get(name));
        if ids.is_empty() {
            // Nobody has ever made one here, so there is no list of all.
            return Err(missing(action, name));
        }
        for id in &ids {
            let has_form = id
                .strip_prefix(kind)
                .and_then(|rest| rest.strip_prefix('-'));
            if !has_form.is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
            }) {
                let code = if kind == "vpc" {
                    "InvalidVpcID.NotFound"
                } else {
                    "InvalidSubnetID.NotFound"
                };
                let what = if kind == "vpc" { "vpc" } else { "subnet" };
                return Err(ServiceError::new(
                    code,
                    format!("The {what} ID '{id}' does not exist"),
                ));
            }
        }
        Ok(ids)
    }

    /// Those that every filter lets through.
    fn matching(
        &self,
        members: &Map<String, Value>,
        ids: Vec<String>,
    ) -> Result<Vec<String>, ServiceError> {
        let mut found = ids;
        for filter in members
            .get("Filters")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let name = filter["Name"].as_str().unwrap_or_default();
            let wanted = texts(filter.get("Values"));
            let Some(key) = name.strip_prefix("tag:") else {
                return Err(ServiceError::new(
                    "InvalidParameterValue",
                    format!("the local runtime does not support the filter '{name}'"),
                ));
            };
            found.retain(|id| {
                self.tags_of(id)
                    .get(key)
                    .is_some_and(|value| wanted.contains(value))
            });
        }
        Ok(found)
    }

    fn change(
        &self,
        action: &str,
        members: &Map<String, Value>,
        apply: impl Fn(&mut Tags, &str, Option<&str>),
    ) -> Result<Value, ServiceError> {
        refuse(action, members, &["Resources", "Tags"])?;
        let resources = texts(members.get("Resources"));
        let tags = members
            .get("Tags")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        if resources.is_empty() {
            return Err(missing(action, "Resources"));
        }
        if tags.is_empty() {
            return Err(missing(action, "Tags"));
        }
        let mut changed = self.tags.lock().clone();
        for resource in &resources {
            let mut own = self.tags_of(resource);
            for tag in &tags {
                let key = tag["Key"]
                    .as_str()
                    .ok_or_else(|| missing(action, "Tags.Key"))?;
                apply(&mut own, key, tag["Value"].as_str());
            }
            changed.insert(resource.clone(), own);
        }
        self.documents.write(TAGS, &changed)?;
        *self.tags.lock() = changed;
        Ok(json!({"Return": true}))
    }
}

/// The VPC that a subnet lies in: each in its own.
fn vpc_of(subnet: &str) -> String {
    format!("vpc-{}", subnet.trim_start_matches("subnet-"))
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn missing(action: &str, what: &str) -> ServiceError {
    ServiceError::new(
        "MissingParameter",
        format!("The request must contain the parameter {what} of {action}"),
    )
}

/// What is not understood is not ignored.
fn refuse(action: &str, members: &Map<String, Value>, known: &[&str]) -> Result<(), ServiceError> {
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(ServiceError::new(
            "UnknownParameter",
            format!("the local runtime does not support the parameter {name} of {action}"),
        )
        .with_status(StatusCode::BAD_REQUEST)),
        None => Ok(()),
    }
}
