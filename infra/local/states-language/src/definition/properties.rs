//! Properties of definitions: whatever is read can be printed and read again, and nothing that is given makes the reader
//! panic.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{StateMachine, diagnose};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

/// A state of any type, without its name and its transition.
fn state() -> BoxedStrategy<Value> {
    let simple = prop_oneof![
        (0_i64..99, prop::option::of("[a-z]{1,6}")).prop_map(|(number, path)| match path {
            None => json!({"Type": "Pass", "Result": {"n": number}}),
            Some(path) => json!({"Type": "Pass", "Parameters": {"a.$": format!("$.{path}"), "b": number},
                "ResultPath": format!("$.{path}")}),
        }),
        (0_u32..99).prop_map(|seconds| json!({"Type": "Wait", "Seconds": seconds})),
        "[a-z]{1,6}".prop_map(|path| json!({"Type": "Wait", "SecondsPath": format!("$.{path}")})),
        (1_u32..99, 0_u32..9, any::<bool>()).prop_map(|(timeout, attempts, jitter)| json!({
            "Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": timeout,
            "Assign": {"v.$": "$"},
            "Retry": [{"ErrorEquals": ["A", "B"], "MaxAttempts": attempts, "BackoffRate": 1.5,
                "JitterStrategy": if jitter { "FULL" } else { "NONE" }}, {"ErrorEquals": ["States.ALL"]}],
        })),
        (0_i64..9).prop_map(|number| json!({"Type": "Pass", "QueryLanguage": "JSONata",
            "Output": {"n": format!("{{% $states.input.n + {number} %}}")}})),
    ];
    let inner = simple.clone();
    let nested = prop::collection::vec(inner, 1..3);
    prop_oneof![
        4 => simple,
        1 => nested.clone().prop_map(|states| json!({"Type": "Parallel", "Branches": [block(states, "B")]})),
        1 => (nested.clone(), 0_u32..5).prop_map(|(states, most)| json!({"Type": "Map", "MaxConcurrency": most,
            "ItemsPath": "$.items", "ItemSelector": {"item.$": "$$.Map.Item.Value"}, "ItemProcessor": block(states, "I")})),
        1 => nested.prop_map(|states| {
            let mut processor = block(states, "D");
            processor["ProcessorConfig"] = json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"});
            json!({"Type": "Map", "Label": "Load", "ItemProcessor": processor, "ToleratedFailurePercentage": 5,
                "ItemBatcher": {"MaxItemsPerBatch": 3},
                "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"},
                    "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"]}}})
        }),
    ]
    .boxed()
}

/// A chain of states under names that no other chain has.
fn block(states: Vec<Value>, prefix: &str) -> Value {
    let count = states.len();
    let mut named = Map::new();
    for (position, mut state) in states.into_iter().enumerate() {
        if position + 1 == count {
            state["End"] = json!(true);
        } else {
            state["Next"] = json!(format!("{prefix}{}", position + 1));
        }
        if state.get("Assign").is_some() {
            // Inside, the variables around are only read.
            state["Assign"] = json!({format!("v{prefix}{position}"): {"all.$": "$"}});
        }
        named.insert(
            format!("{prefix}{position}"),
            renamed(state, &format!("{prefix}{position}")),
        );
    }
    json!({"StartAt": format!("{prefix}0"), "States": named})
}

/// The names of states differ throughout a machine: those inside a state are put behind its own.
fn renamed(mut state: Value, outer: &str) -> Value {
    let rename = |inner: &mut Value| {
        let prefix = |name: &Value| json!(format!("{outer}.{}", name.as_str().unwrap_or_default()));
        inner["StartAt"] = prefix(&inner["StartAt"]);
        let states = inner["States"].as_object().cloned().unwrap_or_default();
        let states = states.into_iter().map(|(name, mut state)| {
            if state.get("Next").is_some() {
                state["Next"] = prefix(&state["Next"]);
            }
            (format!("{outer}.{name}"), state)
        });
        inner["States"] = Value::Object(states.collect());
    };
    for field in ["ItemProcessor"] {
        if state.get(field).is_some() {
            rename(&mut state[field]);
        }
    }
    for branch in state
        .get_mut("Branches")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        rename(branch);
    }
    state
}

/// Any JSON, not too deep.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[$.{}%a-zA-Z0-9\\[\\]]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[A-Za-z.$]{1,9}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Puts a value in the place of one that is in the document, counted from its beginning.
fn replace(document: &mut Value, place: &mut usize, with: &Value) {
    if *place == 0 {
        *document = with.clone();
        *place = usize::MAX;
        return;
    }
    *place -= 1;
    let children: Vec<&mut Value> = match document {
        Value::Array(values) => values.iter_mut().collect(),
        Value::Object(members) => members.values_mut().collect(),
        _ => Vec::new(),
    };
    for child in children {
        if *place == usize::MAX {
            return;
        }
        replace(child, place, with);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn reads_again_what_it_prints(states in prop::collection::vec(state(), 1..6)) {
        let definition = block(states, "S").to_string();
        let machine = StateMachine::parse(&definition).map_err(|found| TestCaseError::fail(format!("{found:?} in {definition}")))?;
        let value: Value = serde_json::from_str(machine.definition()).expect("it is JSON");
        let printed = serde_json::to_string_pretty(&value).expect("it can be written");
        let again = StateMachine::parse(&printed).expect("what was valid is valid");
        prop_assert_eq!(machine.states().collect::<Vec<_>>(), again.states().collect::<Vec<_>>());
        prop_assert_eq!(machine.start(), again.start());
        // Executions are kept with the text of their machine.
        let kept: StateMachine = serde_json::from_str(&serde_json::to_string(&machine).expect("it can be written")).expect("it can be read");
        prop_assert_eq!(kept, machine);
    }

    #[test]
    fn finds_problems_rather_than_panicking(
        states in prop::collection::vec(state(), 1..4), place in 0_usize..60, with in anything(),
    ) {
        let mut definition = block(states, "S");
        let mut place = place;
        replace(&mut definition, &mut place, &with);
        let text = definition.to_string();
        let found = diagnose(&text);
        prop_assert_eq!(StateMachine::parse(&text).is_err(), found.iter().any(|found| found.severity == crate::Severity::Error));
    }
}
