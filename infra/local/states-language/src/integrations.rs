//! The service integrations that Step Functions has, and how each may be awaited. A Task's `Resource` is checked against it
//! when a definition is read; whether the runtime can carry one out is for its driver to say.

use crate::IntegrationPattern::{RequestResponse, Sync, Sync2, WaitForTaskToken};
use crate::{Integration, IntegrationPattern, Resource};

const PLAIN: &[IntegrationPattern] = &[RequestResponse];
const JOB: &[IntegrationPattern] = &[RequestResponse, Sync];
const CALLBACK: &[IntegrationPattern] = &[RequestResponse, WaitForTaskToken];
const JOB_OR_CALLBACK: &[IntegrationPattern] = &[RequestResponse, Sync, WaitForTaskToken];
const EXECUTION: &[IntegrationPattern] = &[RequestResponse, Sync, Sync2, WaitForTaskToken];

/// The optimized integrations: a service, actions of it, and how they may be awaited.
const OPTIMIZED: &[(&str, &[&str], &[IntegrationPattern])] = &[
    ("apigateway", &["invoke"], CALLBACK),
    ("athena", &["startQueryExecution"], JOB),
    (
        "athena",
        &["getQueryExecution", "getQueryResults", "stopQueryExecution"],
        PLAIN,
    ),
    ("batch", &["submitJob"], JOB),
    ("bedrock", &["invokeModel"], CALLBACK),
    ("bedrock", &["createModelCustomizationJob"], JOB),
    (
        "codebuild",
        &["retryBuildBatch", "startBuild", "startBuildBatch"],
        JOB,
    ),
    (
        "codebuild",
        &[
            "batchDeleteBuilds",
            "batchGetReports",
            "deleteBuildBatch",
            "stopBuild",
            "stopBuildBatch",
        ],
        PLAIN,
    ),
    ("databrew", &["startJobRun"], JOB),
    (
        "dynamodb",
        &["deleteItem", "getItem", "putItem", "updateItem"],
        PLAIN,
    ),
    ("ecs", &["runTask"], JOB_OR_CALLBACK),
    ("eks", &["call"], PLAIN),
    (
        "eks",
        &[
            "createCluster",
            "createFargateProfile",
            "createNodegroup",
            "deleteCluster",
            "deleteFargateProfile",
            "deleteNodegroup",
            "runJob",
        ],
        JOB,
    ),
    (
        "elasticmapreduce",
        &["addStep", "createCluster", "terminateCluster"],
        JOB,
    ),
    (
        "elasticmapreduce",
        &[
            "cancelStep",
            "modifyInstanceFleetByName",
            "modifyInstanceGroupByName",
            "setClusterTerminationProtection",
        ],
        PLAIN,
    ),
    ("emr-containers", &["createVirtualCluster"], PLAIN),
    (
        "emr-containers",
        &["deleteVirtualCluster", "startJobRun"],
        JOB,
    ),
    (
        "emr-serverless",
        &[
            "cancelJobRun",
            "createApplication",
            "deleteApplication",
            "startApplication",
            "startJobRun",
            "stopApplication",
        ],
        JOB,
    ),
    ("events", &["putEvents"], CALLBACK),
    ("glue", &["startJobRun"], JOB),
    ("http", &["invoke"], PLAIN),
    ("lambda", &["invoke"], CALLBACK),
    ("mediaconvert", &["createJob"], JOB),
    (
        "sagemaker",
        &[
            "createEndpoint",
            "createEndpointConfig",
            "createModel",
            "updateEndpoint",
        ],
        PLAIN,
    ),
    (
        "sagemaker",
        &[
            "createHyperParameterTuningJob",
            "createLabelingJob",
            "createProcessingJob",
            "createTrainingJob",
            "createTransformJob",
        ],
        JOB,
    ),
    ("sns", &["publish"], CALLBACK),
    ("sqs", &["sendMessage"], CALLBACK),
    ("states", &["startExecution"], EXECUTION),
];

/// Whether Step Functions has such a resource. Functions and activities are known by their ARN; every action of an AWS SDK
/// integration is taken to exist.
pub(crate) fn is_known(resource: &Resource) -> bool {
    let Resource::Integration(Integration {
        service,
        action,
        pattern,
        ..
    }) = resource
    else {
        return true;
    };
    if let Some(sdk) = service.strip_prefix("aws-sdk:") {
        let camel_case = action.starts_with(|first: char| first.is_ascii_lowercase());
        return !sdk.is_empty() && camel_case && CALLBACK.contains(pattern);
    }
    OPTIMIZED.iter().any(|(known, actions, patterns)| {
        known == service && actions.contains(&action.as_str()) && patterns.contains(pattern)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(arn: &str) -> bool {
        Resource::parse(arn).is_some_and(|resource| is_known(&resource))
    }

    #[test]
    fn refuses_actions_and_patterns_that_step_functions_does_not_have() {
        for arn in [
            "arn:aws:states:::dynamodb:query",
            "arn:aws:states:::sns:publish.sync",
            "arn:aws:states:::lambda:invoke.sync",
            "arn:aws:states:::elasticmapreduce:addStep.waitForTaskToken",
            "arn:aws:states:::aws-sdk:s3:PutObject",
            "arn:aws:states:::aws-sdk:s3:putObject.sync",
            "arn:aws:states:::s3:putObject",
        ] {
            assert!(!known(arn), "{arn}");
        }
    }

    #[test]
    fn knows_the_optimized_ones_and_every_sdk_action() {
        for arn in [
            "arn:aws:states:::states:startExecution.sync:2",
            "arn:aws:states:::elasticmapreduce:addStep.sync",
            "arn:aws:states:::ecs:runTask.waitForTaskToken",
            "arn:aws:states:::aws-sdk:s3:putObject",
            "arn:aws:lambda:us-east-1:000000000000:function:launch_emr",
            "arn:aws:states:us-east-1:000000000000:activity:sign",
        ] {
            assert!(known(arn), "{arn}");
        }
    }
}
