//! What a Task state's `Resource` names: a function, an activity, or a service integration. Drivers dispatch on it.

use serde::{Deserialize, Serialize};

/// A parsed `Resource`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resource {
    /// A Lambda function's ARN, with version or alias if it has one.
    Function {
        /// As written.
        arn: String,
    },
    /// An activity's ARN.
    Activity {
        /// As written.
        arn: String,
    },
    /// An optimized or AWS SDK integration.
    Integration(Integration),
}

/// A service integration, `arn:aws:states:::<service>:<action>[.<pattern>]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integration {
    /// As written.
    pub arn: String,
    /// `lambda`, `states`, `sns`, `elasticmapreduce`, or `aws-sdk:s3`. It is what events show as `resourceType`.
    pub service: String,
    /// `startExecution`, without the pattern's suffix.
    pub action: String,
    /// How the task is awaited.
    pub pattern: IntegrationPattern,
}

/// How a service integration is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IntegrationPattern {
    /// The response is the result.
    RequestResponse,
    /// `.sync`: the job that the request started.
    Sync,
    /// `.sync:2`: likewise, with output parsed as JSON.
    Sync2,
    /// `.waitForTaskToken`: whoever got the token.
    WaitForTaskToken,
}

impl IntegrationPattern {
    /// The suffix in the ARN.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::RequestResponse => "",
            Self::Sync => ".sync",
            Self::Sync2 => ".sync:2",
            Self::WaitForTaskToken => ".waitForTaskToken",
        }
    }
}

impl Integration {
    /// The action with its pattern's suffix, as events show it under `resource`: `startExecution.sync:2`.
    pub fn action_and_pattern(&self) -> String {
        format!("{}{}", self.action, self.pattern.suffix())
    }
}

impl Resource {
    /// Reads a `Resource`; `None` if it names nothing that a Task state can call.
    pub fn parse(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [prefix, partition, service, region, account, rest] = parts[..] else {
            return None;
        };
        if prefix != "arn" || partition.is_empty() || rest.is_empty() {
            return None;
        }
        match service {
            "lambda" => rest
                .strip_prefix("function:")
                .filter(|name| !name.is_empty())
                .map(|_| Self::Function {
                    arn: arn.to_owned(),
                }),
            "states" if rest.starts_with("activity:") && !account.is_empty() => {
                Some(Self::Activity {
                    arn: arn.to_owned(),
                })
            }
            "states" if region.is_empty() && account.is_empty() => {
                Self::parse_integration(arn, rest)
            }
            _ => None,
        }
    }

    fn parse_integration(arn: &str, rest: &str) -> Option<Self> {
        let (rest, pattern) = [
            IntegrationPattern::WaitForTaskToken,
            IntegrationPattern::Sync2,
            IntegrationPattern::Sync,
        ]
        .into_iter()
        .find_map(|pattern| {
            rest.strip_suffix(pattern.suffix())
                .map(|rest| (rest, pattern))
        })
        .unwrap_or((rest, IntegrationPattern::RequestResponse));
        let (service, action) = rest.rsplit_once(':')?;
        if service.is_empty() || action.is_empty() || action.contains('.') {
            return None;
        }
        Some(Self::Integration(Integration {
            arn: arn.to_owned(),
            service: service.to_owned(),
            action: action.to_owned(),
            pattern,
        }))
    }

    /// The ARN as written.
    pub fn arn(&self) -> &str {
        match self {
            Self::Function { arn } | Self::Activity { arn } => arn,
            Self::Integration(integration) => &integration.arn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_no_task_can_call() {
        for arn in [
            "",
            "launch_emr",
            "arn:aws:lambda:us-east-1:1:layer:x",
            "arn:aws:s3:::bucket",
            "arn:aws:states:::startExecution",
            "arn:aws:states:::states:startExecution.later",
        ] {
            assert_eq!(Resource::parse(arn), None, "{arn}");
        }
    }

    #[test]
    fn splits_an_integration_into_service_action_and_pattern() {
        let Some(Resource::Integration(integration)) =
            Resource::parse("arn:aws:states:::aws-sdk:s3:putObject")
        else {
            panic!("an SDK integration");
        };
        assert_eq!(
            (integration.service.as_str(), integration.action.as_str()),
            ("aws-sdk:s3", "putObject")
        );
        let Some(Resource::Integration(integration)) =
            Resource::parse("arn:aws:states:::states:startExecution.sync:2")
        else {
            panic!("an optimized integration");
        };
        assert_eq!(integration.pattern, IntegrationPattern::Sync2);
        assert_eq!(integration.action_and_pattern(), "startExecution.sync:2");
    }

    #[test]
    fn keeps_a_functions_version_or_alias() {
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:launch_emr:live";
        assert_eq!(
            Resource::parse(arn),
            Some(Resource::Function {
                arn: arn.to_owned()
            })
        );
    }
}
