//! What a call needs to be allowed: IAM's actions, resources and circumstances, those of other services that AWS asks for on
//! the way (a role that is passed, a key that is used) among them.

use std::collections::BTreeMap;

use aws_services::Call;
use serde_json::Value;

use super::condition::Circumstances;

/// One permission.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Need {
    /// Such as `s3:GetObject`.
    pub(crate) action: String,
    /// An ARN, or `*` where the action knows no resources.
    pub(crate) resource: String,
    pub(crate) circumstances: Circumstances,
}

/// What the stack says that matters to permissions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    pub(crate) region: String,
    pub(crate) account: String,
    /// The keys that buckets are encrypted with, by name.
    pub(crate) bucket_keys: BTreeMap<String, String>,
    /// The keys that topics are encrypted with, by ARN.
    pub(crate) topic_keys: BTreeMap<String, String>,
    /// The role of each instance profile, as ARN, by the profile's name.
    pub(crate) profiles: BTreeMap<String, String>,
    /// Roles by name.
    pub(crate) roles: BTreeMap<String, String>,
}

/// The ids of the clusters that a call is about.
pub(crate) fn clusters(call: &Call) -> Vec<String> {
    if call.service != "elasticmapreduce" {
        return Vec::new();
    }
    let request = &call.request;
    let one = ["ClusterId", "JobFlowId", "ResourceId"]
        .iter()
        .find_map(|member| request[*member].as_str());
    let many = request["JobFlowIds"].as_array().into_iter().flatten();
    let many = many.filter_map(Value::as_str);
    one.into_iter().chain(many).map(str::to_owned).collect()
}

impl Surroundings {
    /// Everything that a call needs. `tags` are those of the clusters that it is about.
    pub(crate) fn needs(
        &self,
        call: &Call,
        tags: &BTreeMap<String, Vec<(String, String)>>,
    ) -> Vec<Need> {
        match call.service.as_str() {
            "s3" => self.of_objects(call),
            "elasticmapreduce" => self.of_clusters(call, tags),
            "states" => vec![self.of_executions(call)],
            "lambda" => vec![self.of_functions(call)],
            "sns" => self.of_topics(call),
            // Nobody needs a permission to ask who he is.
            "sts" => Vec::new(),
            service => vec![need(&format!("{service}:{}", call.action), "*")],
        }
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:aws:{service}:{}:{}:{resource}",
            self.region, self.account
        )
    }

    fn of_objects(&self, call: &Call) -> Vec<Need> {
        let text = |member: &str| call.request[member].as_str().unwrap_or_default();
        let bucket = format!("arn:aws:s3:::{}", text("Bucket"));
        let object = match text("Key") {
            // Several at once: their keys are in the body.
            "" => format!("{bucket}/*"),
            key => format!("{bucket}/{key}"),
        };
        let mut write = need("s3:PutObject", &object);
        for (member, key) in [
            ("IfNoneMatch", "s3:if-none-match"),
            ("IfMatch", "s3:if-match"),
        ] {
            if let Some(value) = call.request[member].as_str() {
                write.circumstances = write.circumstances.with(key, value);
            }
        }
        match call.action.as_str() {
            "GetObject" | "GetObjectAttributes" => {
                let mut needs = vec![need("s3:GetObject", &object)];
                needs.extend(self.key(text("Bucket"), &["kms:Decrypt"]));
                needs
            }
            "HeadObject" => vec![need("s3:GetObject", &object)],
            "PutObject" => {
                let mut needs = vec![write];
                needs.extend(self.key(text("Bucket"), &["kms:GenerateDataKey"]));
                needs
            }
            "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => {
                let mut needs = vec![write];
                needs.extend(self.key(text("Bucket"), &["kms:Decrypt", "kms:GenerateDataKey"]));
                needs
            }
            "CopyObject" | "UploadPartCopy" => {
                let source = text("CopySource").trim_start_matches('/').to_owned();
                let source_bucket = source.split('/').next().unwrap_or_default().to_owned();
                let mut needs = vec![write];
                needs.extend(self.key(text("Bucket"), &["kms:GenerateDataKey"]));
                // A copy by a step of the cluster tells no source; both lie in its zones.
                if !source.is_empty() {
                    needs.push(need("s3:GetObject", &format!("arn:aws:s3:::{source}")));
                    needs.extend(self.key(&source_bucket, &["kms:Decrypt"]));
                }
                needs
            }
            "DeleteObject" | "DeleteObjects" => vec![need("s3:DeleteObject", &object)],
            "ListObjects" | "ListObjectsV2" => {
                let mut listing = need("s3:ListBucket", &bucket);
                let prefix = call.request["Prefix"].as_str();
                // The commands of a step name what they list as a key.
                let prefix = prefix
                    .or(call.request["Key"].as_str())
                    .filter(|text| !text.is_empty());
                if let Some(prefix) = prefix {
                    listing.circumstances = listing.circumstances.with("s3:prefix", prefix);
                }
                vec![listing]
            }
            "HeadBucket" => vec![need("s3:ListBucket", &bucket)],
            "ListObjectVersions" => vec![need("s3:ListBucketVersions", &bucket)],
            "ListMultipartUploads" => vec![need("s3:ListBucketMultipartUploads", &bucket)],
            "ListParts" => vec![need("s3:ListMultipartUploadParts", &object)],
            "AbortMultipartUpload" => vec![need("s3:AbortMultipartUpload", &object)],
            "ListBuckets" => vec![need("s3:ListAllMyBuckets", "*")],
            other if text("Key").is_empty() => vec![need(&format!("s3:{other}"), &bucket)],
            other => vec![need(&format!("s3:{other}"), &object)],
        }
    }

    /// What S3 asks for, in the caller's name, of the key that a bucket is encrypted with.
    fn key(&self, bucket: &str, actions: &[&str]) -> Vec<Need> {
        let Some(key) = self.bucket_keys.get(bucket) else {
            return Vec::new();
        };
        self.through("s3", key, actions)
    }

    fn through(&self, service: &str, key: &str, actions: &[&str]) -> Vec<Need> {
        let service = format!("{service}.{}.amazonaws.com", self.region);
        let one = |action: &&str| {
            let need = need(action, key);
            let circumstances = need.circumstances.with("kms:ViaService", &service);
            Need {
                circumstances,
                ..need
            }
        };
        actions.iter().map(one).collect()
    }

    fn of_clusters(
        &self,
        call: &Call,
        tags: &BTreeMap<String, Vec<(String, String)>>,
    ) -> Vec<Need> {
        let action = format!("elasticmapreduce:{}", call.action);
        if call.action == "RunJobFlow" {
            return self.of_launch(&action, &call.request);
        }
        let ids = clusters(call);
        if ids.is_empty() {
            return vec![need(&action, "*")];
        }
        let about = |id: &String| {
            let mut about = need(
                &action,
                &self.arn("elasticmapreduce", &format!("cluster/{id}")),
            );
            let of_cluster = tags.get(id).map(Vec::as_slice).unwrap_or_default();
            for prefix in ["aws:ResourceTag", "elasticmapreduce:ResourceTag"] {
                about.circumstances = about.circumstances.with_tags(prefix, of_cluster);
            }
            about.circumstances =
                (about.circumstances).with_tags("aws:RequestTag", &request_tags(&call.request));
            about
        };
        ids.iter().map(about).collect()
    }

    fn of_launch(&self, action: &str, request: &Value) -> Vec<Need> {
        let tags = request_tags(request);
        let mut launch = need(action, "*");
        for prefix in ["aws:RequestTag", "elasticmapreduce:RequestTag"] {
            launch.circumstances = launch.circumstances.with_tags(prefix, &tags);
        }
        let mut needs = vec![launch];
        if !tags.is_empty() {
            let new = self.arn("elasticmapreduce", "cluster/*");
            let mut tagging = need("elasticmapreduce:AddTags", &new);
            tagging.circumstances = tagging.circumstances.with_tags("aws:RequestTag", &tags);
            needs.push(tagging);
        }
        let named = |member: &str| request[member].as_str().unwrap_or_default();
        let service_role = self.roles.get(named("ServiceRole")).cloned();
        let nodes_role = self.profiles.get(named("JobFlowRole")).cloned();
        for (role, name, service) in [
            (
                service_role,
                named("ServiceRole"),
                "elasticmapreduce.amazonaws.com",
            ),
            (nodes_role, named("JobFlowRole"), "ec2.amazonaws.com"),
        ] {
            if name.is_empty() {
                continue;
            }
            let role = role.unwrap_or_else(|| match name.starts_with("arn:") {
                true => name.to_owned(),
                false => format!("arn:aws:iam::{}:role/{name}", self.account),
            });
            let mut passing = need("iam:PassRole", &role);
            passing.circumstances = passing.circumstances.with("iam:PassedToService", service);
            needs.push(passing);
        }
        needs
    }

    fn of_executions(&self, call: &Call) -> Need {
        let request = &call.request;
        let members = [
            "stateMachineArn",
            "executionArn",
            "mapRunArn",
            "stateMachineAliasArn",
        ];
        let resource = members.iter().find_map(|member| request[*member].as_str());
        need(&format!("states:{}", call.action), resource.unwrap_or("*"))
    }

    fn of_functions(&self, call: &Call) -> Need {
        let name = call.request["FunctionName"].as_str().unwrap_or_default();
        let mut arn = match name.starts_with("arn:") {
            true => name.to_owned(),
            false => self.arn("lambda", &format!("function:{name}")),
        };
        if let Some(qualifier) = call.request["Qualifier"].as_str() {
            arn = format!("{arn}:{qualifier}");
        }
        let action = match call.action.as_str() {
            "Invoke" => "InvokeFunction",
            other => other,
        };
        need(&format!("lambda:{action}"), &arn)
    }

    fn of_topics(&self, call: &Call) -> Vec<Need> {
        let topic = call.request["TopicArn"].as_str().unwrap_or("*");
        let mut needs = vec![need(&format!("sns:{}", call.action), topic)];
        if call.action == "Publish"
            && let Some(key) = self.topic_keys.get(topic)
        {
            needs.extend(self.through("sns", key, &["kms:GenerateDataKey", "kms:Decrypt"]));
        }
        needs
    }
}

fn need(action: &str, resource: &str) -> Need {
    // Loopback counts as encrypted: what is refused for want of TLS on AWS comes there over TLS.
    let circumstances = Circumstances::default().with("aws:SecureTransport", "true");
    Need {
        action: action.to_owned(),
        resource: resource.to_owned(),
        circumstances,
    }
}

fn request_tags(request: &Value) -> Vec<(String, String)> {
    let tags = request["Tags"].as_array().into_iter().flatten();
    let text = |tag: &Value, member: &str| tag[member].as_str().unwrap_or_default().to_owned();
    tags.map(|tag| (text(tag, "Key"), text(tag, "Value")))
        .collect()
}
