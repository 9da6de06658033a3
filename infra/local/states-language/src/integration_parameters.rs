//! Which parameters the optimized integrations take and which they need. AWS refuses others with the definition, as far as
//! it shows them, and when the task is about to start. `states::task` asks.

use serde_json::{Map, Value};

use crate::{Integration, Resource};

struct Action {
    service: &'static str,
    name: &'static str,
    required: &'static [&'static str],
    /// Those that may be left out; `None` where the service itself refuses what it does not know.
    optional: Option<&'static [&'static str]>,
}

const ACTIONS: &[Action] = &[
    Action {
        service: "lambda",
        name: "invoke",
        required: &["FunctionName"],
        optional: Some(&[
            "ClientContext",
            "InvocationType",
            "LogType",
            "Payload",
            "Qualifier",
        ]),
    },
    Action {
        service: "states",
        name: "startExecution",
        required: &["StateMachineArn"],
        optional: Some(&["Input", "Name", "TraceHeader"]),
    },
    Action {
        service: "sns",
        name: "publish",
        required: &["Message"],
        optional: Some(&[
            "MessageAttributes",
            "MessageDeduplicationId",
            "MessageGroupId",
            "MessageStructure",
            "PhoneNumber",
            "Subject",
            "TargetArn",
            "TopicArn",
        ]),
    },
    Action {
        service: "sqs",
        name: "sendMessage",
        required: &["QueueUrl", "MessageBody"],
        optional: Some(&[
            "DelaySeconds",
            "MessageAttributes",
            "MessageDeduplicationId",
            "MessageGroupId",
            "MessageSystemAttributes",
        ]),
    },
    Action {
        service: "events",
        name: "putEvents",
        required: &["Entries"],
        optional: Some(&["EndpointId"]),
    },
    Action {
        service: "elasticmapreduce",
        name: "createCluster",
        required: &["Name", "Instances"],
        optional: None,
    },
    Action {
        service: "elasticmapreduce",
        name: "addStep",
        required: &["ClusterId", "Step"],
        optional: Some(&["ExecutionRoleArn"]),
    },
    Action {
        service: "elasticmapreduce",
        name: "cancelStep",
        required: &["ClusterId", "StepId"],
        optional: Some(&["StepCancellationOption"]),
    },
    Action {
        service: "elasticmapreduce",
        name: "terminateCluster",
        required: &["ClusterId"],
        optional: Some(&[]),
    },
    Action {
        service: "elasticmapreduce",
        name: "setClusterTerminationProtection",
        required: &["ClusterId", "TerminationProtected"],
        optional: Some(&[]),
    },
    Action {
        service: "elasticmapreduce",
        name: "modifyInstanceFleetByName",
        required: &["ClusterId", "InstanceFleetName", "InstanceFleet"],
        optional: Some(&[]),
    },
    Action {
        service: "elasticmapreduce",
        name: "modifyInstanceGroupByName",
        required: &["ClusterId", "InstanceGroupName", "InstanceGroup"],
        optional: Some(&[]),
    },
];

/// What AWS says against parameters, each a sentence. Their names may end in `.$`, as a definition has them.
pub(crate) fn problems(resource: &Resource, parameters: &Map<String, Value>) -> Vec<String> {
    let Resource::Integration(Integration {
        service, action, ..
    }) = resource
    else {
        return Vec::new();
    };
    let known = ACTIONS
        .iter()
        .find(|known| known.service == service && known.name == action);
    let Some(known) = known else {
        return Vec::new();
    };
    let plain = |name: &str| name.strip_suffix(".$").unwrap_or(name).to_owned();
    let given: Vec<String> = parameters.keys().map(|name| plain(name)).collect();
    let missing = known
        .required
        .iter()
        .filter(|name| !given.iter().any(|given| given == *name));
    let mut found: Vec<String> = missing
        .map(|name| format!("The field \"{name}\" is required but was missing"))
        .collect();
    if let Some(optional) = known.optional {
        let takes = |name: &str| known.required.contains(&name) || optional.contains(&name);
        let unknown = given.iter().filter(|name| !takes(name));
        found.extend(
            unknown.map(|name| format!("The field \"{name}\" is not supported by Step Functions")),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::test_driver::{Answer, Driver, failure, machine_of};
    use crate::{EventType, StateMachine};

    fn task(resource: &str, parameters: Value) -> Value {
        let resource = format!("arn:aws:states:::{resource}");
        machine_of(json!({"Type": "Task", "Resource": resource, "Parameters": parameters}))
    }

    fn refusals(definition: &Value) -> Vec<String> {
        let read = StateMachine::parse(&definition.to_string());
        let diagnostics = read.err().unwrap_or_default();
        diagnostics.iter().map(|found| found.to_string()).collect()
    }

    #[test]
    fn names_what_an_integration_does_not_take_and_what_it_needs() {
        let unknown = task(
            "sqs:sendMessage",
            json!({"QueueUrl": "u", "MessageBody.$": "$.b", "Delay": 1}),
        );
        assert_eq!(
            refusals(&unknown),
            [
                "SCHEMA_VALIDATION_FAILED: The field \"Delay\" is not supported by Step Functions at /States/State/Parameters"
            ]
        );
        let missing = task("states:startExecution.sync", json!({"Input": {}}));
        assert_eq!(
            refusals(&missing),
            [
                "SCHEMA_VALIDATION_FAILED: The field \"StateMachineArn\" is required but was missing at /States/State/Parameters"
            ]
        );
        let mut jsonata = machine_of(
            json!({"Type": "Task", "Resource": "arn:aws:states:::sns:publish",
            "QueryLanguage": "JSONata", "Arguments": {"Message": "m", "Topic": "t"}}),
        );
        assert_eq!(
            refusals(&jsonata),
            [
                "SCHEMA_VALIDATION_FAILED: The field \"Topic\" is not supported by Step Functions at /States/State/Arguments"
            ]
        );
        // What an expression will give, nobody knows yet.
        jsonata["States"]["State"]["Arguments"] = json!("{% $states.input %}");
        assert_eq!(refusals(&jsonata), [""; 0]);
    }

    #[test]
    fn takes_what_functions_and_other_services_are_called_with() {
        for resource in [
            "aws-sdk:s3:getObject",
            "dynamodb:getItem",
            "glue:startJobRun",
        ] {
            assert_eq!(refusals(&task(resource, json!({"Anything": 1}))), [""; 0]);
        }
    }

    #[test]
    fn does_not_start_a_task_with_parameters_that_only_the_input_shows_to_be_wrong() {
        let definition = machine_of(
            json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage",
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "State"}]}),
        );
        let input = r#"{"QueueUrl": "u", "Body": "b"}"#;
        let execution = Driver::start(&definition, input, |_| -> Answer {
            panic!("nothing is called")
        })
        .run();
        assert_eq!(
            failure(&execution),
            (
                "States.Runtime",
                "An error occurred while executing the state 'State' (entered at the event id #2). The Parameters \
                 '{\"QueueUrl\": \"u\", \"Body\": \"b\"}' could not be used to start the Task: [The field \"MessageBody\" is \
                 required but was missing, The field \"Body\" is not supported by Step Functions]"
            )
        );
        let scheduled = |event_type| event_type == EventType::TaskScheduled;
        assert!(
            !execution
                .history()
                .iter()
                .any(|event| scheduled(event.event_type))
        );
    }
}
