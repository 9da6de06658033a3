//! Values of the wrong kind: in intrinsic functions, choice rules, waits, lists of items, Fail states and queries.

use serde_json::{Value, json};

use super::{error_of, pass, result};
use crate::diagnose;
use crate::test_driver::{failure, machine_of, output, run};

fn messages(definition: &Value) -> Vec<String> {
    let found = diagnose(&definition.to_string());
    found.into_iter().map(|found| found.message).collect()
}

#[test]
fn every_intrinsic_function_checks_the_kinds_of_its_arguments() {
    let input = || {
        json!({"text": "a", "number": 5, "fraction": 1.5, "list": [1, 2], "object": {"a": 1}, "none": null, "yes": true,
            "long": "x".repeat(10_001)})
    };
    for call in [
        "States.ArrayPartition($.text, 2)",
        "States.ArrayPartition($.list, $.text)",
        "States.ArrayPartition($.list, -1)",
        "States.ArrayContains($.object, 1)",
        "States.ArrayRange($.text, 5, 1)",
        "States.ArrayRange(1, $.none, 1)",
        "States.ArrayRange(1, 5, $.list)",
        "States.ArrayGetItem($.text, 0)",
        "States.ArrayGetItem($.list, $.text)",
        "States.ArrayGetItem($.list, -1)",
        "States.ArrayGetItem($.list, 2)",
        "States.ArrayLength($.object)",
        "States.ArrayLength($.none)",
        "States.ArrayUnique($.text)",
        "States.Base64Encode($.number)",
        "States.Base64Encode($.long)",
        "States.Base64Decode($.list)",
        "States.Base64Decode($.long)",
        "States.Hash($.text, $.number)",
        "States.Hash($.text, 'sha256')",
        "States.JsonMerge($.object, $.list, false)",
        "States.JsonMerge($.object, $.object, $.text)",
        "States.MathRandom($.text, 5)",
        "States.MathRandom(5, 1)",
        "States.MathAdd($.list, 1)",
        "States.MathAdd(1, $.yes)",
        "States.StringSplit($.number, ',')",
        "States.StringSplit($.text, $.none)",
        "States.StringToJson($.number)",
        "States.StringToJson('{\"a\":')",
        "States.Format($.number, 1)",
        "States.Format('{} {}', 1)",
    ] {
        let failed = pass(call, input());
        let Err((error, cause)) = &failed else {
            panic!("{call} gives {failed:?}");
        };
        assert_eq!(error, "States.IntrinsicFailure", "{call}: {cause}");
        assert!(
            cause.contains(&format!("The function '{call}' had the following error:")),
            "{cause}"
        );
    }
    // A path that leads nowhere is no matter of the function.
    for call in [
        "States.ArrayLength($.missing)",
        "States.Format('{}', $.x.y)",
    ] {
        assert_eq!(error_of(pass(call, input())), "States.Runtime", "{call}");
    }
}

#[test]
fn the_wrong_number_of_arguments_is_refused_with_the_definition() {
    for call in [
        "States.ArrayPartition($.list)",
        "States.ArrayContains($.list)",
        "States.ArrayRange(1, 5)",
        "States.ArrayGetItem($.list)",
        "States.ArrayLength()",
        "States.ArrayUnique($.a, $.b)",
        "States.Base64Encode()",
        "States.Base64Decode('a', 'b')",
        "States.Hash('a')",
        "States.JsonMerge($.a, $.b)",
        "States.JsonToString()",
        "States.StringToJson('a', 'b')",
        "States.MathRandom(1)",
        "States.MathAdd(1, 2, 3)",
        "States.StringSplit('a')",
        "States.UUID(1)",
        "States.Format()",
    ] {
        let definition = machine_of(json!({"Type": "Pass", "Parameters": {"v.$": call}}));
        let found = messages(&definition);
        assert_eq!(found.len(), 1, "{call}: {found:?}");
    }
}

#[test]
fn a_comparison_never_holds_for_a_value_of_another_type() {
    let values = json!([null, true, 1, 1.5, "x", "2024-01-01T00:00:00Z", [], {}]);
    let suits = |operator: &str, value: &Value| match operator {
        operator if operator.starts_with("Numeric") => value.is_number(),
        operator if operator.starts_with("Boolean") => value.is_boolean(),
        operator if operator.starts_with("Timestamp") => {
            value.as_str().is_some_and(|text| text.starts_with("2024"))
        }
        _ => value.is_string(),
    };
    let relations = [
        "Equals",
        "LessThan",
        "GreaterThan",
        "LessThanEquals",
        "GreaterThanEquals",
    ];
    let mut operators: Vec<(String, Value)> = vec![
        ("BooleanEquals".to_owned(), json!(true)),
        ("StringMatches".to_owned(), json!("*")),
    ];
    for relation in relations {
        operators.push((format!("Numeric{relation}"), json!(1)));
        operators.push((format!("String{relation}"), json!("x")));
        operators.push((
            format!("Timestamp{relation}"),
            json!("2024-01-01T00:00:00Z"),
        ));
    }
    for (operator, literal) in operators {
        for path in [false, true] {
            if path && operator == "StringMatches" {
                continue;
            }
            let mut rule = json!({"Variable": "$.value", "Next": "Yes"});
            match path {
                true => rule[format!("{operator}Path")] = json!("$.literal"),
                false => rule[&operator] = literal.clone(),
            }
            let definition = json!({"StartAt": "C", "States": {
                "C": {"Type": "Choice", "Choices": [rule], "Default": "No"},
                "Yes": {"Type": "Pass", "Result": "yes", "End": true},
                "No": {"Type": "Pass", "Result": "no", "End": true}}});
            for value in values.as_array().expect("a list") {
                let input = json!({"value": value, "literal": literal});
                let way = output(&run(&definition, input));
                if !suits(&operator, value) {
                    assert_eq!(way, "no", "{operator} of {value}");
                }
            }
            let way = output(&run(
                &definition,
                json!({"value": literal, "literal": literal}),
            ));
            let equal = !operator.ends_with("LessThan") && !operator.ends_with("GreaterThan");
            assert_eq!(
                way,
                if equal { "yes" } else { "no" },
                "{operator} of the same"
            );
        }
    }
}

#[test]
fn a_choice_asks_what_a_value_is() {
    let is = |test: &str, expected: bool, input: Value| {
        let definition = json!({"StartAt": "C", "States": {
            "C": {"Type": "Choice", "Choices": [{"Variable": "$.v", test: expected, "Next": "Yes"}], "Default": "No"},
            "Yes": {"Type": "Succeed"}, "No": {"Type": "Fail", "Error": "No"}}});
        result(&run(&definition, input)).is_ok()
    };
    for (test, value) in [
        ("IsNull", json!(null)),
        ("IsBoolean", json!(false)),
        ("IsNumeric", json!(-0.5)),
        ("IsString", json!("")),
        ("IsTimestamp", json!("2024-01-01T00:00:00+01:00")),
        ("IsPresent", json!(null)),
    ] {
        assert!(is(test, true, json!({"v": value})), "{test}");
        assert!(!is(test, false, json!({"v": value})), "{test}");
        let other = json!({"v": [1]});
        assert_eq!(is(test, true, other), test == "IsPresent", "{test}");
    }
    assert!(is("IsPresent", false, json!({})));
    for not_a_time in ["2024-01-01", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00"] {
        assert!(
            is("IsTimestamp", false, json!({"v": not_a_time})),
            "{not_a_time}"
        );
    }
}

#[test]
fn a_wait_fails_on_what_is_no_time() {
    let prefix =
        "An error occurred while executing the state 'State' (entered at the event id #2). ";
    for (field, value, cause) in [
        (
            "SecondsPath",
            json!("5"),
            "The SecondsPath parameter cannot be parsed as a long value: $.v == \"5\"",
        ),
        (
            "SecondsPath",
            json!(1.5),
            "The SecondsPath parameter cannot be parsed as a long value: $.v == 1.5",
        ),
        (
            "SecondsPath",
            json!(-1),
            "The SecondsPath parameter references a negative value: $.v == -1",
        ),
        (
            "TimestampPath",
            json!("2024-01-01"),
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: \
             $.v == 2024-01-01",
        ),
        (
            "TimestampPath",
            json!(5),
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: $.v == 5",
        ),
    ] {
        let definition = machine_of(json!({"Type": "Wait", field: "$.v"}));
        let execution = run(&definition, json!({"v": value}));
        assert_eq!(
            failure(&execution),
            ("States.Runtime", format!("{prefix}{cause}").as_str())
        );
        let missing = run(&definition, json!({}));
        assert_eq!(
            failure(&missing).1,
            format!("{prefix}The {field} parameter does not reference an input value: $.v")
        );
    }
    for (fields, wanted) in [
        (json!({"Seconds": -1}), 1),
        (json!({"Seconds": "5"}), 1),
        (json!({"Seconds": 1.5}), 1),
        (json!({"Timestamp": "2024-01-01"}), 1),
        (json!({"Timestamp": 5}), 1),
        (
            json!({"Seconds": 1, "Timestamp": "2024-01-01T00:00:00Z"}),
            1,
        ),
        (json!({}), 1),
        (json!({"SecondsPath": "seconds"}), 1),
    ] {
        let mut state = fields.clone();
        state["Type"] = json!("Wait");
        assert_eq!(messages(&machine_of(state)).len(), wanted, "{fields}");
    }
}

#[test]
fn a_query_must_give_what_its_field_takes() {
    let query = |state: Value| {
        let mut definition = machine_of(state);
        definition["QueryLanguage"] = json!("JSONata");
        if definition["States"]["State"]["Type"] == "Choice" {
            definition["States"]["End"] = json!({"Type": "Succeed"});
        }
        let execution = run(
            &definition,
            json!({"text": "a", "number": 1.5, "list": [1]}),
        );
        let (error, cause) = failure(&execution);
        assert_eq!(error, "States.QueryEvaluationError", "{cause}");
        let (_, cause) = cause
            .split_once("' specified for the field ")
            .expect("it names the field");
        cause.to_owned()
    };
    assert_eq!(
        query(json!({"Type": "Wait", "Seconds": "{% $states.input.text %}"})),
        "'Seconds' returned an unexpected result type. Expected 'number', but was 'string' for value: \"a\""
    );
    assert_eq!(
        query(json!({"Type": "Wait", "Seconds": "{% $states.input.number %}"})),
        "'Seconds' returned an unexpected value. Expected a non-negative integer, but was 1.5"
    );
    assert_eq!(
        query(json!({"Type": "Wait", "Timestamp": "{% $states.input.list %}"})),
        "'Timestamp' returned an unexpected result type. Expected 'string', but was 'array' for value: [1]"
    );
    assert_eq!(
        query(json!({"Type": "Pass", "Output": {"a": "{% $states.input.missing %}"}})),
        "'Output/a' returned nothing (undefined)."
    );
    assert_eq!(
        query(json!({"Type": "Pass", "Output": "{% $sum %}"})),
        "'Output' returned an unsupported result type."
    );
    assert_eq!(
        query(json!({"Type": "Fail", "Error": "{% $states.input.number %}"})),
        "'Error' returned an unexpected result type. Expected 'string', but was 'number' for value: 1.5"
    );
    let map = json!({"Type": "Map", "Items": "{% $states.input.text %}", "ItemProcessor": {
        "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}});
    assert_eq!(
        query(map),
        "'Items' returned an unexpected result type. Expected 'array', but was 'string' for value: \"a\""
    );
    let choice = json!({"Type": "Choice", "Choices": [{"Condition": "{% $states.input.text %}", "Next": "End"}]});
    assert_eq!(
        query(choice),
        "'Choices[0]/Condition' returned an unexpected result type. Expected 'boolean', but was 'string' for value: \"a\""
    );
}

#[test]
fn a_map_works_through_lists_only() {
    let map = |fields: Value| {
        let mut state = fields;
        state["Type"] = json!("Map");
        state["ItemProcessor"] =
            json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
        machine_of(state)
    };
    for value in [json!({}), json!("a"), json!(1), json!(null)] {
        let execution = run(&map(json!({"ItemsPath": "$.v"})), json!({"v": value}));
        let (error, cause) = failure(&execution);
        assert_eq!(error, "States.Runtime");
        assert!(
            cause.ends_with("Reference path \"$.v\" must point to array."),
            "{cause}"
        );
    }
    let concurrency = map(json!({"ItemsPath": "$.v", "MaxConcurrencyPath": "$.most"}));
    let execution = run(&concurrency, json!({"v": [1], "most": -1}));
    assert!(
        failure(&execution).1.ends_with(
            "The MaxConcurrencyPath parameter references a negative value: $.most == -1"
        )
    );
    let percentage = map(json!({"ItemsPath": "$.v", "ToleratedFailurePercentagePath": "$.part"}));
    let execution = run(&percentage, json!({"v": [1], "part": 101}));
    assert_eq!(failure(&execution).0, "States.Runtime");
    for fields in [
        json!({"MaxConcurrency": -1}),
        json!({"ToleratedFailurePercentage": 101}),
        json!({"ToleratedFailureCount": -1}),
        json!({"MaxConcurrency": 1, "MaxConcurrencyPath": "$.a"}),
        json!({"ItemsPath": 5}),
    ] {
        assert_eq!(messages(&map(fields.clone())).len(), 1, "{fields}");
    }
}
