//! Tests of what is wrong with definitions, and of how the answer is worded.

use serde_json::{Value, json};

use crate::{Severity, StateMachine, diagnose};

/// The problems of a definition, as CreateStateMachine words them.
fn problems(definition: &Value) -> Vec<String> {
    diagnose(&definition.to_string())
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// The problems of a machine that has one state.
fn problems_of(mut state: Value) -> Vec<String> {
    if !matches!(state["Type"].as_str(), Some("Choice" | "Succeed" | "Fail")) {
        state["End"] = json!(true);
    }
    problems(&json!({"StartAt": "S", "States": {"S": state, }}))
}

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

#[test]
fn says_that_a_text_is_no_json() {
    let found = diagnose("{\"StartAt\": ");
    assert_eq!(found.len(), 1);
    assert!(
        found[0]
            .to_string()
            .starts_with("INVALID_JSON_DESCRIPTION: ")
    );
}

#[test]
fn names_the_required_fields_that_are_missing() {
    assert_eq!(
        problems(&json!({})),
        ["SCHEMA_VALIDATION_FAILED: These fields are required: [StartAt, States] at /"]
    );
    assert_eq!(
        problems_of(json!({"Type": "Task"})),
        ["SCHEMA_VALIDATION_FAILED: These fields are required: [Resource] at /States/S"]
    );
    assert_eq!(
        problems(
            &json!({"StartAt": "S", "States": {"S": {"Type": "Pass"}, "E": {"Type": "Succeed"}}})
        ),
        [
            "SCHEMA_VALIDATION_FAILED: Exactly one of these fields is required: [Next, End] at /States/S",
            "MISSING_TRANSITION_TARGET: State \"E\" is not reachable. at /States/E",
        ]
    );
}

#[test]
fn names_transitions_that_lead_nowhere_and_states_that_no_way_leads_to() {
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "Nowhere"},
        "B": {"Type": "Pass", "End": true},
    }});
    assert_eq!(
        problems(&definition),
        [
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: Nowhere at /States/A/Next",
            "MISSING_TRANSITION_TARGET: State \"B\" is not reachable. at /States/B",
        ]
    );
    let definition = json!({"StartAt": "X", "States": {"A": {"Type": "Task", "Resource": FUNCTION, "End": true,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Y"}]}}});
    assert_eq!(
        problems(&definition),
        [
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: Y at /States/A/Catch[0]/Next",
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /StartAt",
            "MISSING_TRANSITION_TARGET: State \"A\" is not reachable. at /States/A",
        ]
    );
}

#[test]
fn does_not_let_a_branch_lead_out_of_itself() {
    let definition = json!({"StartAt": "P", "States": {
        "P": {"Type": "Parallel", "Next": "Out", "Branches": [{"StartAt": "In", "States": {"In": {"Type": "Pass", "Next": "Out"}}}]},
        "Out": {"Type": "Succeed"},
    }});
    assert_eq!(
        problems(&definition),
        [
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: Out at /States/P/Branches[0]/States/In/Next",
            "MISSING_END_STATE: Workflow has no terminal state at null",
        ]
    );
}

#[test]
fn wants_an_end_and_different_names() {
    let endless = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}, "C": {"Type": "Pass", "Next": "A"},
    }});
    assert_eq!(
        problems(&endless),
        ["MISSING_END_STATE: Workflow has no terminal state at null"]
    );
    let twice = json!({"StartAt": "A", "States": {"A": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}},
    ]}}});
    assert_eq!(
        problems(&twice),
        ["DUPLICATE_STATE_NAME: Duplicate State name: A at /States/A/Branches[0]/States/A"]
    );
}

#[test]
fn refuses_fields_that_a_type_of_state_does_not_have() {
    for field in [
        "Retry",
        "Catch",
        "TimeoutSeconds",
        "Resource",
        "ResultSelector",
        "Sedonds",
    ] {
        let mut state = json!({"Type": "Pass"});
        state[field] = json!([]);
        assert_eq!(
            problems_of(state),
            [format!(
                "SCHEMA_VALIDATION_FAILED: Field '{field}' is not supported at /States/S"
            )]
        );
    }
    assert_eq!(
        problems_of(json!({"Type": "Pass", "Output": 1})),
        [
            "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the \
          'JSONata' QueryLanguage at /States/S"
        ]
    );
    assert_eq!(
        problems_of(json!({"Type": "Fail", "InputPath": "$.a"})),
        ["SCHEMA_VALIDATION_FAILED: Field 'InputPath' is not supported at /States/S"]
    );
}

#[test]
fn refuses_unknown_types_and_resources() {
    assert_eq!(
        problems_of(json!({"Type": "Sleep"})),
        [
            "SCHEMA_VALIDATION_FAILED: The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, \
          Choice, Parallel, Map] at /States/S/Type"
        ]
    );
    assert_eq!(
        problems_of(json!({"Type": "Task", "Resource": "arn:aws:states:::dynamodb:query"})),
        [
            "SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:states:::dynamodb:query is not recognized. The value is \
          not a valid resource ARN, or the resource is not available in this region. at /States/S/Resource"
        ]
    );
}

#[test]
fn refuses_paths_and_calls_that_do_not_parse() {
    assert_eq!(
        problems_of(json!({"Type": "Pass", "Parameters": {"a": {"b.$": "nonsense", "c.$": 5}}})),
        [
            "SCHEMA_VALIDATION_FAILED: The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function \
             call at /States/S/Parameters",
            "SCHEMA_VALIDATION_FAILED: The value for the field 'c.$' must be a valid JSONPath or a valid intrinsic function \
             call at /States/S/Parameters",
        ]
    );
    for (field, value) in [
        ("InputPath", json!("a.b")),
        ("ResultPath", json!("$.a[*]")),
        ("OutputPath", json!(5)),
    ] {
        let mut state = json!({"Type": "Pass"});
        state[field] = value;
        let found = problems_of(state);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].ends_with(&format!("at /States/S/{field}")),
            "{found:?}"
        );
    }
}

#[test]
fn refuses_waits_without_a_time_or_with_two() {
    let time = "SCHEMA_VALIDATION_FAILED: Exactly one of these fields is required: [Seconds, SecondsPath, Timestamp, \
                TimestampPath] at /States/S";
    assert_eq!(problems_of(json!({"Type": "Wait"})), [time]);
    assert_eq!(
        problems_of(json!({"Type": "Wait", "Seconds": 1, "SecondsPath": "$.s"}))[0],
        time
    );
    for text in [
        "2016-12-05 21:29:29Z",
        "2016-12-05T21:29:29",
        "2016-13-05T21:29:29Z",
        "05-12-2016T21:29:29Z",
    ] {
        assert_eq!(
            problems_of(json!({"Type": "Wait", "Timestamp": text})),
            [
                "SCHEMA_VALIDATION_FAILED: String does not match RFC3339 timestamp at /States/S/Timestamp"
            ]
        );
    }
    assert_eq!(
        problems_of(json!({"Type": "Wait", "Seconds": -1})),
        ["SCHEMA_VALIDATION_FAILED: Value must be between 0 and 99999999 at /States/S/Seconds"]
    );
    assert_eq!(
        problems_of(json!({"Type": "Wait", "Seconds": "5"})),
        ["SCHEMA_VALIDATION_FAILED: Expected value of type Integer at /States/S/Seconds"]
    );
}

#[test]
fn refuses_rules_that_are_none() {
    let rules = |rule: Value| {
        problems(&json!({"StartAt": "C", "States": {
            "C": {"Type": "Choice", "Choices": [rule], "Default": "E"}, "E": {"Type": "Succeed"},
        }}))
    };
    let at = "/States/C/Choices[0]";
    assert_eq!(
        rules(json!({"Variable": "$.a", "Next": "E"})),
        [format!(
            "SCHEMA_VALIDATION_FAILED: Exactly one comparison operator is required at {at}"
        )]
    );
    assert_eq!(
        rules(json!({"Variable": "$.a", "StringEquals": 5, "Next": "E"})),
        [format!(
            "SCHEMA_VALIDATION_FAILED: Expected value of type String at {at}/StringEquals"
        )]
    );
    assert_eq!(
        rules(json!({"And": [{"Variable": "$.a", "IsPresent": true, "Next": "E"}], "Next": "E"})),
        [format!(
            "SCHEMA_VALIDATION_FAILED: Field 'Next' is not supported at {at}/And[0]"
        )]
    );
    assert_eq!(
        rules(json!({"Not": {"IsNull": true}, "Next": "E"})),
        [format!(
            "SCHEMA_VALIDATION_FAILED: These fields are required: [Variable] at {at}/Not"
        )]
    );
}

#[test]
fn refuses_retriers_and_catchers_that_make_no_sense() {
    let retry = |retrier: Value| {
        problems_of(
            json!({"Type": "Task", "Resource": FUNCTION, "Retry": [retrier, {"ErrorEquals": ["A"]}]}),
        )
    };
    assert_eq!(
        retry(json!({"ErrorEquals": ["States.ALL"]})),
        [
            "SCHEMA_VALIDATION_FAILED: 'States.ALL' must appear alone and in the last entry at /States/S/Retry[0]/ErrorEquals"
        ]
    );
    assert_eq!(
        retry(json!({"ErrorEquals": []})),
        ["SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/S/Retry[0]/ErrorEquals"]
    );
    assert_eq!(
        retry(json!({"ErrorEquals": ["A"], "BackoffRate": 0.5})),
        ["SCHEMA_VALIDATION_FAILED: Value must be at least 1 at /States/S/Retry[0]/BackoffRate"]
    );
    assert_eq!(
        retry(json!({"ErrorEquals": ["A"], "IntervalSeconds": 5, "MaxDelaySeconds": 5})),
        [
            "SCHEMA_VALIDATION_FAILED: MaxDelaySeconds must be greater than IntervalSeconds at /States/S/Retry[0]/MaxDelaySeconds"
        ]
    );
    assert_eq!(
        retry(json!({"ErrorEquals": ["A"], "JitterStrategy": "HALF", "Backoff": 2})),
        [
            "SCHEMA_VALIDATION_FAILED: The field 'JitterStrategy' should have one of these values: [FULL, NONE] at \
             /States/S/Retry[0]/JitterStrategy",
            "SCHEMA_VALIDATION_FAILED: Field 'Backoff' is not supported at /States/S/Retry[0]",
        ]
    );
    assert_eq!(
        problems_of(
            json!({"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 5, "HeartbeatSeconds": 5})
        ),
        [
            "SCHEMA_VALIDATION_FAILED: HeartbeatSeconds must be smaller than TimeoutSeconds at /States/S/HeartbeatSeconds"
        ]
    );
}

#[test]
fn keeps_variables_in_their_scopes() {
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Assign": {"x": 1, "states": 2, "2y": 3}, "Next": "M"},
        "M": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "I", "States": {
            "I": {"Type": "Pass", "Assign": {"x": 1, "z": 2}, "End": true},
        }}},
    }});
    assert_eq!(
        problems(&definition),
        [
            "SCHEMA_VALIDATION_FAILED: '2y' is not a valid variable name at /States/A/Assign",
            "SCHEMA_VALIDATION_FAILED: the variable name 'states' is reserved at /States/A/Assign",
            "SCHEMA_VALIDATION_FAILED: the variable 'x' belongs to the scope around it and cannot be assigned here at \
             /States/M/ItemProcessor/States/I/Assign",
        ]
    );
}

#[test]
fn reports_everything_at_once() {
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Parameters": {"x.$": "nonsense"}, "Next": "B", "Foo": 1},
        "B": {"Type": "Wait", "Next": "C"},
        "C": {"Type": "Nap", "End": true},
    }});
    assert_eq!(problems(&definition).len(), 4);
}

#[test]
fn warns_of_paths_that_will_not_be_evaluated_but_accepts_them() {
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Parameters": {"a": "$.b", "c": "States.UUID()", "d.$": "$.e"}, "Next": "B"},
        "B": {"Type": "Pass", "Result": {"f.$": "$.g"}, "End": true},
    }})
    .to_string();
    let found = diagnose(&definition);
    assert!(
        found
            .iter()
            .all(|found| found.severity == Severity::Warning)
    );
    let codes: Vec<String> = found
        .iter()
        .map(|found| format!("{} at {}", found.code, found.location))
        .collect();
    assert_eq!(
        codes,
        [
            "NO_DOLLAR at /States/A/Parameters/a",
            "NO_DOLLAR at /States/A/Parameters/c",
            "PASS_RESULT_IS_STATIC at /States/B/Result",
        ]
    );
    assert!(StateMachine::parse(&definition).is_ok());
}

#[test]
fn serialises_a_diagnostic_as_aws_does() {
    let found = diagnose(r#"{"States": {"S": {"Type": "Pass", "End": true}}}"#);
    assert_eq!(
        serde_json::to_string(&found).expect("serialises"),
        r#"[{"severity":"ERROR","code":"SCHEMA_VALIDATION_FAILED","message":"These fields are required: [StartAt]","location":"/"}]"#
    );
}

#[test]
fn points_into_the_document() {
    let definition = json!({"StartAt": "C", "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": true, "Next": "X"}], "Default": "E"}, "E": {"Type": "Succeed"},
    }});
    let found = diagnose(&definition.to_string());
    assert_eq!(found[0].location, "/States/C/Choices[0]/Next");
    assert_eq!(found[0].pointer(), "/States/C/Choices/0/Next");
    assert_eq!(definition.pointer(&found[0].pointer()), Some(&json!("X")));
    assert_eq!(diagnose("{}")[0].pointer(), "");
}

#[test]
fn lets_validators_walk_the_whole_machine() {
    let machine = StateMachine::parse(
        &json!({"StartAt": "M", "TimeoutSeconds": 60, "Comment": "nightly", "States": {
            "M": {"Type": "Map", "Next": "C", "ItemProcessor": {"StartAt": "T", "States": {
                "T": {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 5, "End": true,
                      "Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 0}], "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "F"}]},
                "F": {"Type": "Fail"},
            }}},
            "C": {"Type": "Choice", "Choices": [{"Variable": "$[0]", "IsNull": true, "Next": "E"}], "Default": "E"},
            "E": {"Type": "Succeed"},
        }})
        .to_string(),
    )
    .expect("it is valid");
    assert_eq!(
        (machine.timeout_seconds(), machine.comment()),
        (Some(60), Some("nightly"))
    );
    let names: Vec<&str> = machine.states().map(crate::State::name).collect();
    assert_eq!(names, ["M", "C", "E", "T", "F"]);
    let task = machine
        .states()
        .find(|state| state.name() == "T")
        .expect("it is there");
    assert_eq!(task.location(), "/States/M/ItemProcessor/States/T");
    assert_eq!(
        task.parent().map(|parent| machine.state(parent).name()),
        Some("M")
    );
    assert!(task.has_timeout());
    assert_eq!(task.resource().map(crate::Resource::arn), Some(FUNCTION));
    assert_eq!((task.retriers().len(), task.catchers().len()), (1, 1));
    let targets = |name: &str| -> Vec<(String, &str)> {
        let state = machine
            .states()
            .find(|state| state.name() == name)
            .expect("it is there");
        let targets = state.targets().into_iter();
        targets
            .map(|(location, target)| (location, machine.state(target).name()))
            .collect()
    };
    assert_eq!(
        targets("T"),
        [(
            "/States/M/ItemProcessor/States/T/Catch[0]/Next".to_owned(),
            "F"
        )]
    );
    assert_eq!(
        targets("C"),
        [
            ("/States/C/Choices[0]/Next".to_owned(), "E"),
            ("/States/C/Default".to_owned(), "E")
        ]
    );
    assert_eq!(machine.start().name(), "M");
}
