//! What is known about a function: the answers of GetFunction and ListFunctions are made of it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// A function as the template defines it.
#[derive(Debug, Clone)]
pub struct FunctionDescription {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Such as `launch_emr`.
    pub handler: String,
    /// Such as `provided.al2023`.
    pub runtime: String,
    /// The ARN of its role.
    pub role: String,
    /// Seconds.
    pub timeout_seconds: u64,
    /// Mebibytes.
    pub memory_mib: u64,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// Its environment, in the template's order.
    pub environment: Vec<(String, String)>,
    /// Published versions, such as `1`.
    pub versions: Vec<String>,
    /// Aliases and the versions that they name.
    pub aliases: Vec<(String, String)>,
    /// The size of its code in bytes.
    pub code_size: u64,
    /// When it was last provisioned.
    pub last_modified: Timestamp,
}

impl FunctionDescription {
    /// A function with Lambda's defaults: three seconds, 128 MiB, no versions.
    pub fn new(name: impl Into<String>, handler: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            handler: handler.into(),
            runtime: "provided.al2023".to_owned(),
            role: String::new(),
            timeout_seconds: 3,
            memory_mib: 128,
            architecture: "x86_64".to_owned(),
            environment: Vec::new(),
            versions: Vec::new(),
            aliases: Vec::new(),
            code_size: 0,
            last_modified: Timestamp::UNIX_EPOCH,
        }
    }

    /// The version that a qualifier names; `None` if there is no such version or alias.
    pub(crate) fn version_for(&self, qualifier: Option<&str>) -> Option<String> {
        match qualifier {
            None | Some("$LATEST") => Some("$LATEST".to_owned()),
            Some(qualifier) => self
                .aliases
                .iter()
                .find(|(alias, _)| alias == qualifier)
                .map(|(_, version)| version.clone())
                .or_else(|| {
                    self.versions
                        .iter()
                        .find(|version| *version == qualifier)
                        .cloned()
                }),
        }
    }

    /// AWS's FunctionConfiguration.
    pub(crate) fn configuration(&self, arn: &str, qualifier: Option<&str>) -> Value {
        let variables: Map<String, Value> = self
            .environment
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        let arn = match qualifier {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn.to_owned(),
        };
        json!({
            "FunctionName": self.name,
            "FunctionArn": arn,
            "Runtime": self.runtime,
            "Role": self.role,
            "Handler": self.handler,
            "CodeSize": self.code_size,
            "Description": self.description,
            "Timeout": self.timeout_seconds,
            "MemorySize": self.memory_mib,
            "LastModified": self.last_modified.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string(),
            "Version": self.version_for(qualifier),
            "Environment": {"Variables": variables},
            "TracingConfig": {"Mode": "PassThrough"},
            "PackageType": "Zip",
            "Architectures": [self.architecture],
            "State": "Active",
            "LastUpdateStatus": "Successful",
        })
    }
}
