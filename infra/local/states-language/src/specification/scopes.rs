//! Variables: where they can be seen, when they change, and what cannot be assigned.

use serde_json::{Value, json};

use crate::diagnose;
use crate::test_driver::{failure, output, run};

fn messages(definition: &Value) -> Vec<String> {
    let found = diagnose(&definition.to_string());
    found.into_iter().map(|found| found.message).collect()
}

fn pass(fields: Value) -> Value {
    let mut state = fields;
    state["Type"] = json!("Pass");
    state
}

#[test]
fn all_assignments_of_a_state_see_the_variables_as_they_were_before() {
    for jsonata in [false, true] {
        let (language, swap) = match jsonata {
            false => ("JSONPath", json!({"a.$": "$b", "b.$": "$a"})),
            true => ("JSONata", json!({"a": "{% $b %}", "b": "{% $a %}"})),
        };
        let shown = match jsonata {
            false => json!({"Parameters": {"a.$": "$a", "b.$": "$b"}}),
            true => json!({"Output": {"a": "{% $a %}", "b": "{% $b %}"}}),
        };
        let mut show = pass(shown);
        show["End"] = json!(true);
        let definition = json!({"StartAt": "Set", "QueryLanguage": language, "States": {
            "Set": pass(json!({"Assign": {"a": 1, "b": 2}, "Next": "Swap"})),
            "Swap": pass(json!({"Assign": swap, "Next": "Show"})),
            "Show": show}});
        assert_eq!(
            output(&run(&definition, json!({}))),
            json!({"a": 2, "b": 1})
        );
    }
}

#[test]
fn iterations_see_outer_variables_and_keep_their_own() {
    let definition = json!({"StartAt": "Set", "States": {
        "Set": pass(json!({"Assign": {"base": 10}, "Next": "Each"})),
        "Each": {"Type": "Map", "Next": "After", "ItemProcessor": {"StartAt": "One", "States": {
            "One": pass(json!({"Assign": {"own.$": "States.MathAdd($base, $)"}, "Next": "Two"})),
            "Two": pass(json!({"Parameters": {"own.$": "$own"}, "End": true}))}}},
        "After": pass(json!({"Parameters": {"base.$": "$base", "all.$": "$"}, "End": true}))}});
    assert_eq!(
        output(&run(&definition, json!([1, 2]))),
        json!({"base": 10, "all": [{"own": 11}, {"own": 12}]})
    );
    let mut outside = definition.clone();
    outside["States"]["After"]["Parameters"] = json!({"own.$": "$own"});
    let execution = run(&outside, json!([1]));
    assert_eq!(failure(&execution).0, "States.Runtime");
}

#[test]
fn an_inner_scope_cannot_assign_a_variable_of_an_outer_one() {
    let inner = |name: &str| {
        json!({"StartAt": "Set", "States": {
            "Set": pass(json!({"Assign": {"v": 1}, "Next": "Both"})),
            "Both": {"Type": "Parallel", "End": true, "Branches": [{"StartAt": "B", "States": {
                "B": pass(json!({"Assign": {name: 2}, "End": true}))}}]}}})
    };
    assert_eq!(messages(&inner("v")).len(), 1);
    assert_eq!(messages(&inner("w")).len(), 0);
}

#[test]
fn names_of_variables_are_identifiers_that_nobody_else_uses() {
    let assigning = |name: &str| json!({"StartAt": "S", "States": {"S": pass(json!({"Assign": {name: 1}, "End": true}))}});
    for name in ["a", "a_b", "A1", "ä"] {
        assert_eq!(messages(&assigning(name)), [""; 0], "{name}");
    }
    for name in ["states", "", "a b", "a-b", "1a", &"x".repeat(81)] {
        assert!(!messages(&assigning(name)).is_empty(), "{name}");
    }
}

#[test]
fn branches_hand_on_their_outputs_in_order_whatever_their_number() {
    let branch = |seconds: u64, result: Value| {
        let (wait, end) = (format!("W{seconds}"), format!("P{seconds}"));
        json!({"StartAt": wait, "States": {
            &wait: {"Type": "Wait", "Seconds": seconds, "Next": end},
            &end: pass(json!({"Result": result, "End": true}))}})
    };
    let definition = json!({"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "End": true,
        "Branches": [branch(9, json!("slow")), branch(1, json!({"quick": true}))],
        "ResultSelector": {"first.$": "$[0]", "second.$": "$[1].quick"}, "ResultPath": "$.out"}}});
    assert_eq!(
        output(&run(&definition, json!({"in": 1}))),
        json!({"in": 1, "out": {"first": "slow", "second": true}})
    );
    let none = json!({"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "End": true, "Branches": []}}});
    assert!(!messages(&none).is_empty());
}
