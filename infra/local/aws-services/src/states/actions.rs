//! What each action of Step Functions takes: names, types and bounds of its members, as the service's model has them.
//! `request` checks against it.

use super::request::{Kind, Member};

const ARN: Kind = text(1, 256);
const LONG_ARN: Kind = text(1, 2000);
const NAME: Kind = text(1, 80);
const DEFINITION: Kind = secret(1, 1_048_576);
const DATA: Kind = secret(0, 262_144);
const DESCRIPTION: Kind = text(0, 256);
const ERROR: Kind = secret(0, 256);
const CAUSE: Kind = secret(0, 32_768);
const TOKEN: Kind = text(1, 2048);
const PAGE_SIZE: Kind = whole(0, 1000);
const PAGE_TOKEN: Kind = text(1, 1024);
const TRACE_HEADER: Kind = Kind::Pattern {
    most: 256,
    pattern: r"\p{ASCII}*",
    matches: str::is_ascii,
};
const MACHINE_TYPE: Kind = Kind::Word(&["STANDARD", "EXPRESS"]);
const INCLUDED_DATA: Kind = Kind::Word(&["ALL_DATA", "METADATA_ONLY"]);
const NOT_NEGATIVE: Kind = whole(0, i64::MAX);

/// Characters, so many at least and at most.
const fn text(least: usize, most: usize) -> Kind {
    Kind::Text { least, most }
}

/// As [`text`], of what messages must not repeat.
const fn secret(least: usize, most: usize) -> Kind {
    Kind::Secret { least, most }
}

const fn whole(least: i64, most: i64) -> Kind {
    Kind::Whole { least, most }
}

const fn must(name: &'static str, kind: Kind) -> Member {
    Member {
        name,
        required: true,
        kind,
    }
}

const fn may(name: &'static str, kind: Kind) -> Member {
    Member {
        name,
        required: false,
        kind,
    }
}

const TAG_KEY: Kind = text(1, 128);
const TAGS: Kind = Kind::List {
    least: 0,
    most: usize::MAX,
    of: &Kind::Object("Tag", &[may("key", TAG_KEY), may("value", text(0, 256))]),
};
const ENCRYPTION: Kind = Kind::Object(
    "EncryptionConfiguration",
    &[
        may("kmsKeyId", text(1, 2048)),
        may("kmsDataKeyReusePeriodSeconds", whole(60, 900)),
        must(
            "type",
            Kind::Word(&["AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY"]),
        ),
    ],
);
const LOGGING: Kind = Kind::Object(
    "LoggingConfiguration",
    &[
        may("level", Kind::Word(&["ALL", "ERROR", "FATAL", "OFF"])),
        may("includeExecutionData", Kind::Flag),
        may(
            "destinations",
            Kind::List {
                least: 0,
                most: usize::MAX,
                of: &Kind::Object(
                    "LogDestination",
                    &[may(
                        "cloudWatchLogsLogGroup",
                        Kind::Object("CloudWatchLogsLogGroup", &[may("logGroupArn", ARN)]),
                    )],
                ),
            },
        ),
    ],
);
const TRACING: Kind = Kind::Object("TracingConfiguration", &[may("enabled", Kind::Flag)]);
const ROUTING: Kind = Kind::List {
    least: 1,
    most: 2,
    of: &Kind::Object(
        "RoutingConfigurationListItem",
        &[
            must("stateMachineVersionArn", ARN),
            must("weight", whole(0, 100)),
        ],
    ),
};
const MOCK: Kind = Kind::Object(
    "MockInput",
    &[
        may("result", DATA),
        may(
            "errorOutput",
            Kind::Object(
                "MockErrorOutput",
                &[may("error", ERROR), may("cause", CAUSE)],
            ),
        ),
        may(
            "fieldValidationMode",
            Kind::Word(&["STRICT", "PRESENT", "NONE"]),
        ),
    ],
);
const TEST_CONFIGURATION: Kind = Kind::Object(
    "TestStateConfiguration",
    &[
        may("retrierRetryCount", NOT_NEGATIVE),
        may("errorCausedByState", NAME),
        may("mapIterationFailureCount", NOT_NEGATIVE),
        may("mapItemReaderData", DATA),
    ],
);

/// What the action takes; `None` for an action that Step Functions does not have.
#[rustfmt::skip]
pub(super) fn members(action: &str) -> Option<&'static [Member]> {
    Some(match action {
        "CreateActivity" => const { &[must("name", NAME), may("tags", TAGS), may("encryptionConfiguration", ENCRYPTION)] },
        "CreateStateMachine" => const { &[
            must("name", NAME), must("definition", DEFINITION), must("roleArn", ARN), may("type", MACHINE_TYPE),
            may("loggingConfiguration", LOGGING), may("tags", TAGS), may("tracingConfiguration", TRACING),
            may("publish", Kind::Flag), may("versionDescription", DESCRIPTION), may("encryptionConfiguration", ENCRYPTION),
        ] },
        "CreateStateMachineAlias" => const { &[
            may("description", DESCRIPTION), must("name", ALIAS_NAME), must("routingConfiguration", ROUTING),
        ] },
        "DeleteActivity" | "DescribeActivity" => const { &[must("activityArn", ARN)] },
        "DeleteStateMachine" => const { &[must("stateMachineArn", ARN)] },
        "DeleteStateMachineAlias" | "DescribeStateMachineAlias" => const { &[must("stateMachineAliasArn", ARN)] },
        "DeleteStateMachineVersion" => const { &[must("stateMachineVersionArn", LONG_ARN)] },
        "DescribeExecution" | "DescribeStateMachineForExecution" => const { &[
            must("executionArn", ARN), may("includedData", INCLUDED_DATA),
        ] },
        "DescribeMapRun" => const { &[must("mapRunArn", LONG_ARN)] },
        "DescribeStateMachine" => const { &[must("stateMachineArn", ARN), may("includedData", INCLUDED_DATA)] },
        "GetActivityTask" => const { &[must("activityArn", ARN), may("workerName", NAME)] },
        "GetExecutionHistory" => const { &[
            must("executionArn", ARN), may("maxResults", PAGE_SIZE), may("reverseOrder", Kind::Flag),
            may("nextToken", PAGE_TOKEN), may("includeExecutionData", Kind::Flag),
        ] },
        "ListActivities" | "ListStateMachines" => const { &[may("maxResults", PAGE_SIZE), may("nextToken", PAGE_TOKEN)] },
        "ListExecutions" => const { &[
            may("stateMachineArn", ARN), may("statusFilter", EXECUTION_STATUS), may("maxResults", PAGE_SIZE),
            may("nextToken", text(1, 3096)), may("mapRunArn", LONG_ARN),
            may("redriveFilter", Kind::Word(&["REDRIVEN", "NOT_REDRIVEN"])),
        ] },
        "ListMapRuns" => const { &[must("executionArn", ARN), may("maxResults", PAGE_SIZE), may("nextToken", PAGE_TOKEN)] },
        "ListStateMachineAliases" | "ListStateMachineVersions" => const { &[
            must("stateMachineArn", ARN), may("nextToken", PAGE_TOKEN), may("maxResults", PAGE_SIZE),
        ] },
        "ListTagsForResource" => const { &[must("resourceArn", ARN)] },
        "PublishStateMachineVersion" => const { &[
            must("stateMachineArn", ARN), may("revisionId", Kind::Text { least: 0, most: usize::MAX }),
            may("description", DESCRIPTION),
        ] },
        "RedriveExecution" => const { &[must("executionArn", ARN), may("clientToken", CLIENT_TOKEN)] },
        "SendTaskFailure" => const { &[must("taskToken", TOKEN), may("error", ERROR), may("cause", CAUSE)] },
        "SendTaskHeartbeat" => const { &[must("taskToken", TOKEN)] },
        "SendTaskSuccess" => const { &[must("taskToken", TOKEN), must("output", DATA)] },
        "StartExecution" => const { &[
            must("stateMachineArn", ARN), may("name", NAME), may("input", DATA), may("traceHeader", TRACE_HEADER),
        ] },
        "StartSyncExecution" => const { &[
            must("stateMachineArn", ARN), may("name", NAME), may("input", DATA), may("traceHeader", TRACE_HEADER),
            may("includedData", INCLUDED_DATA),
        ] },
        "StopExecution" => const { &[must("executionArn", ARN), may("error", ERROR), may("cause", CAUSE)] },
        "TagResource" => const { &[must("resourceArn", ARN), must("tags", TAGS)] },
        "TestState" => const { &[
            must("definition", DEFINITION), may("roleArn", ARN), may("input", DATA),
            may("inspectionLevel", Kind::Word(&["INFO", "DEBUG", "TRACE"])), may("revealSecrets", Kind::Flag),
            may("variables", DATA), may("stateName", NAME), may("mock", MOCK), may("context", DATA),
            may("stateConfiguration", TEST_CONFIGURATION),
        ] },
        "UntagResource" => const { &[
            must("resourceArn", ARN), must("tagKeys", Kind::List { least: 0, most: usize::MAX, of: &TAG_KEY }),
        ] },
        "UpdateMapRun" => const { &[
            must("mapRunArn", LONG_ARN), may("maxConcurrency", NOT_NEGATIVE),
            may("toleratedFailurePercentage", Kind::Number { least: 0.0, most: 100.0 }),
            may("toleratedFailureCount", NOT_NEGATIVE),
        ] },
        "UpdateStateMachine" => const { &[
            must("stateMachineArn", ARN), may("definition", DEFINITION), may("roleArn", ARN),
            may("loggingConfiguration", LOGGING), may("tracingConfiguration", TRACING), may("publish", Kind::Flag),
            may("versionDescription", DESCRIPTION), may("encryptionConfiguration", ENCRYPTION),
        ] },
        "UpdateStateMachineAlias" => const { &[
            must("stateMachineAliasArn", ARN), may("description", DESCRIPTION), may("routingConfiguration", ROUTING),
        ] },
        "ValidateStateMachineDefinition" => const { &[
            must("definition", DEFINITION), may("type", MACHINE_TYPE), may("severity", Kind::Word(&["WARNING", "ERROR"])),
            may("maxResults", whole(0, 100)),
        ] },
        _ => return None,
    })
}

const EXECUTION_STATUS: Kind = Kind::Word(&[
    "SUCCEEDED",
    "TIMED_OUT",
    "PENDING_REDRIVE",
    "ABORTED",
    "FAILED",
    "RUNNING",
]);

const ALIAS_NAME: Kind = Kind::Pattern {
    most: 80,
    pattern: r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$",
    matches: |name| {
        let mark = |letter: char| letter.is_ascii_alphabetic() || matches!(letter, '_' | '-' | '.');
        name.chars().any(mark)
            && name
                .chars()
                .all(|letter| mark(letter) || letter.is_ascii_digit())
    },
};

const CLIENT_TOKEN: Kind = Kind::Pattern {
    most: 64,
    pattern: "[!-~]+",
    matches: |token| token.chars().all(|letter| ('!'..='~').contains(&letter)),
};
