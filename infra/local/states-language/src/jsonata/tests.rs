//! Tests of queries: values, AWS's functions, and what is said when they fail.

use std::cell::OnceCell;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::Identity;
use crate::context::Context;
use crate::random::Random;
use crate::scope::Variables;

fn evaluate_over(text: &str, input: &Value) -> Result<Value, String> {
    let query = Query::parse(text, "Output").map_err(|found| {
        let found: Vec<String> = found
            .into_iter()
            .map(|one| format!("{}: {}", one.code, one.message))
            .collect();
        found.join("; ")
    })?;
    let identity = Identity::named("machine", "name", Timestamp::UNIX_EPOCH);
    let context = Context {
        identity: &identity,
        execution_input: input,
        state: &"State".into(),
        entered: Timestamp::UNIX_EPOCH,
        retry_count: None,
        token: None,
        item: None,
        made: OnceCell::new(),
    };
    let mut variables = Variables::new();
    variables.insert("limit".to_owned(), json!(10).into());
    variables.insert("unused".to_owned(), json!("x").into());
    let mut scope = Scope {
        input,
        result: None,
        error_output: None,
        context: &context,
        variables: &variables,
        random: &mut Random::new(7),
        now: Timestamp::from_millisecond(1_700_000_000_123).expect("in range"),
    };
    query
        .evaluate(&mut scope)
        .map_err(|error| error.to_string())
}

fn evaluate(text: &str) -> Result<Value, String> {
    let input = json!({
        "name": "orders",
        "orders": [
            {"id": 1, "price": 5, "customer": "a", "tags": ["x", "y"]},
            {"id": 2, "price": 20.5, "customer": "b", "tags": []},
            {"id": 3, "price": 12, "customer": "a", "tags": ["z"]},
        ],
    });
    evaluate_over(text, &input)
}

fn value(text: &str) -> Value {
    evaluate(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What follows the sentence's beginning.
fn failure(text: &str) -> String {
    let error = evaluate(text).expect_err(text);
    let beginning = format!("The JSONata expression '{text}' specified for the field 'Output' ");
    error
        .strip_prefix(&beginning)
        .unwrap_or_else(|| panic!("{error}"))
        .to_owned()
}

#[test]
fn evaluates_the_whole_language() {
    for (text, wanted) in [
        ("$states.input.orders[price > 10].id", json!([2, 3])),
        ("$states.input.orders[0].tags", json!(["x", "y"])),
        ("$states.input.orders[-1].id", json!(3)),
        ("$states.input.orders.tags", json!(["x", "y", "z"])),
        ("$states.input.orders[[0..1]].id", json!([1, 2])),
        ("$states.input.orders[id = 2].customer[]", json!(["b"])),
        ("$states.input.*[id = 1].price", json!(5)),
        ("$states.input.**.customer", json!(["a", "b", "a"])),
        ("$states.input.orders^(>price).id", json!([2, 3, 1])),
        (
            "$states.input.orders{customer: $sum(price)}",
            json!({"a": 17, "b": 20.5}),
        ),
        ("$states.input.orders.tags.(%.id)", json!([1, 1, 3])),
        (
            "$states.input.orders#$i.{'i': $i}",
            json!([{"i": 0}, {"i": 1}, {"i": 2}]),
        ),
        ("$states.input.orders@$o[$o.id = 3].($o.price)", json!(12)),
        (
            "$states.input ~> |orders[id = 1]|{'price': 6}, ['tags', 'customer']| ~> $lookup('orders')",
            json!([
                {"id": 1, "price": 6},
                {"id": 2, "price": 20.5, "customer": "b", "tags": []},
                {"id": 3, "price": 12, "customer": "a", "tags": ["z"]},
            ]),
        ),
        (
            "$states.input.orders.price ~> $filter(function($p) { $p > $limit }) ~> $count()",
            json!(2),
        ),
        (
            "$map([1, 2], function($x, $i) { $x * 10 + $i })",
            json!([10, 21]),
        ),
        (
            "($add := function($a, $b)<nn:n> { $a + $b }; $add3 := $add(?, 3); $add3(4))",
            json!(7),
        ),
        ("$limit > 5 ? 'many' : 'few'", json!("many")),
        ("$states.input.missing ? 1 : 2", json!(2)),
        (
            "$replace('2026-11-21', /(\\d+)-(\\d+)-(\\d+)/, '$3.$2.$1')",
            json!("21.11.2026"),
        ),
        ("'b' in ['a', 'b'] and 1 != 2", json!(true)),
        ("[1..3, 7]", json!([1, 2, 3, 7])),
        ("{'a': 1, 'b': [2, null]}", json!({"a": 1, "b": [2, null]})),
        ("$string(0.1 + 0.2) & '!'", json!("0.3!")),
        ("7 / 2", json!(3.5)),
        ("6 / 2", json!(3)),
        ("$formatNumber(1234.5, '#,##0.00')", json!("1,234.50")),
        (
            "$fromMillis(1700000000123, '[Y0001]-[M01]-[D01]')",
            json!("2023-11-14"),
        ),
        (
            "$toMillis('2023-11-14T22:13:20.123Z')",
            json!(1_700_000_000_123_i64),
        ),
        ("$merge([{'a': 1}, {'b': 2}])", json!({"a": 1, "b": 2})),
        ("$states.context.State.Name", json!("State")),
        ("$states.context.Execution.Input.name", json!("orders")),
        ("null", json!(null)),
        ("$count($states)", json!(1)),
    ] {
        assert_eq!(value(text), wanted, "{text}");
    }
}

#[test]
fn has_the_functions_that_aws_adds() {
    for (text, wanted) in [
        ("$partition([1, 2, 3, 4], 3)", json!([[1, 2, 3], [4]])),
        ("[1, 2, 3] ~> $partition(2)", json!([[1, 2], [3]])),
        ("$range(0, 6, 2)", json!([0, 2, 4, 6])),
        ("$range(5, 0, -2)", json!([5, 3, 1])),
        ("$range(1, 0, 1)", json!([])),
        (
            "$hash('input', 'SHA-1')",
            json!("140f86aae51ab9e1cda9b4254fe98a74eb54c1a1"),
        ),
        (
            "$hash('', 'MD5')",
            json!("d41d8cd98f00b204e9800998ecf8427e"),
        ),
        ("$random(42)", json!(0.727_563_680_032_868_1)),
        ("$parse('{\"a\": [1, 2.50]}').a", json!([1, 2.5])),
        ("$parse('-0')", json!(0)),
        ("$now()", json!("2023-11-14T22:13:20.123Z")),
        ("$now('[Y]')", json!("2023")),
        ("$millis()", json!(1_700_000_000_123_i64)),
        ("$length($uuid())", json!(36)),
        ("$map(['1', '[2]'], $parse)", json!([1, [2]])),
        (
            "($half := $partition(?, 2); $half([1, 2, 3]))",
            json!([[1, 2], [3]]),
        ),
        (
            "$partition($states.input.orders.tags, 2)",
            json!([["x", "y"], ["z"]]),
        ),
    ] {
        assert_eq!(value(text), wanted, "{text}");
    }
    assert_eq!(
        value("$uuid()"),
        value("$uuid()"),
        "an execution that is replayed draws the same"
    );
    assert_eq!(
        value("($a := $random(); $b := $random(); $a != $b and $a >= 0 and $a < 1)"),
        json!(true)
    );
    assert_eq!(value("$sort($shuffle([3, 1, 2]))"), json!([1, 2, 3]));
}

#[test]
fn says_what_failed_as_aws_says_it() {
    for (text, wanted) in [
        ("$missing", "returned nothing (undefined)."),
        (
            "$states.input.nothing.here",
            "returned nothing (undefined).",
        ),
        ("$states.result", "returned nothing (undefined)."),
        (
            "function($x) { $x }",
            "returned an unsupported result type.",
        ),
        ("[$sum]", "returned an unsupported result type."),
        (
            "$unknown(1)",
            "threw an error during evaluation. T1006: Attempted to invoke a non-function",
        ),
        (
            "$eval('1 + 1')",
            "threw an error during evaluation. T1006: Attempted to invoke a non-function",
        ),
        (
            "$abs('a')",
            "threw an error during evaluation. T0410: Argument 1 of function \"abs\" does not match function signature",
        ),
        (
            "$sum('x')",
            "threw an error during evaluation. T0412: Argument 1 of function \"sum\" must be an array of \"numbers\"",
        ),
        (
            "$sum([1, 'x']) + $count([2])",
            "threw an error during evaluation. T0412: Argument 1 of function \"sum\" must be an array of \"numbers\"",
        ),
        (
            "$uppercase(1)",
            "threw an error during evaluation. T0410: Argument 1 of function \"uppercase\" does not match function signature",
        ),
        (
            "$count([1]) + $uppercase(1)",
            "threw an error during evaluation. T0410: Argument 1 of function \"uppercase\" does not match function signature",
        ),
        (
            "$abs(1, 2)",
            "threw an error during evaluation. T0410: Argument 2 of function \"abs\" does not match function signature",
        ),
        (
            "$map(1)",
            "threw an error during evaluation. T0410: Argument 2 of function \"map\" does not match function signature",
        ),
        (
            "$join([1, 2])",
            "threw an error during evaluation. T0412: Argument 1 of function \"join\" must be an array of \"strings\"",
        ),
        (
            "$partition([1], 'x')",
            "threw an error during evaluation. T0410: Argument 2 of function \"partition\" does not match function signature",
        ),
        (
            "1 + 'a'",
            "threw an error during evaluation. T2002: The right side of the \"+\" operator must evaluate to a number",
        ),
        (
            "'a' - 1",
            "threw an error during evaluation. T2001: The left side of the \"-\" operator must evaluate to a number",
        ),
        (
            "true < 1",
            "threw an error during evaluation. T2010: The expressions either side of operator \"<\" must evaluate to numeric or string values",
        ),
        (
            "$number('x')",
            "threw an error during evaluation. D3030: Unable to cast value to a number: \"x\"",
        ),
        (
            "{$states.input.orders.id: 2}",
            "threw an error during evaluation. T1003: Key in object structure must evaluate to a string; got: [1,2,3]",
        ),
        (
            "$error('no orders')",
            "threw an error during evaluation. D3137: no orders",
        ),
        (
            "$assert(false, 'no orders')",
            "threw an error during evaluation. D3141: no orders",
        ),
        (
            "'' & 1/0",
            "threw an error during evaluation. D3001: Attempting to invoke string function on Infinity or NaN",
        ),
        (
            "$formatBase(10, 99)",
            "threw an error during evaluation. D3100: The radix of the formatBase function must be between 2 and 36.  It was given 99",
        ),
        (
            "$sqrt(0 - 1)",
            "threw an error during evaluation. D3060: The sqrt function cannot be applied to a negative number: -1",
        ),
    ] {
        assert_eq!(failure(text), wanted, "{text}");
    }
}

#[test]
fn ends_what_would_never_end() {
    let recursion = "($f := function($x) { 1 + $f($x + 1) }; $f(1))";
    assert_eq!(
        failure(recursion),
        "threw an error during evaluation: Stack overflow error: Check for non-terminating recursive function. Consider \
         rewriting as tail-recursive."
    );
    let sum = ["1"; 200].join("+");
    assert!(failure(&sum).contains("Stack overflow error"));
    assert_eq!(value(&["1"; 90].join("+")), json!(90));
    assert_eq!(value("$count([1..873782])"), json!(873_782));
    assert_eq!(
        failure("$count([1..873783])"),
        "threw an error during evaluation: Expression evaluation memory limit exceeded: Check for excessive memory usage"
    );
}

#[test]
fn knows_infinity_as_aws_does() {
    assert_eq!(value("[1/0]"), json!(["Infinity"]));
    assert_eq!(value("{'k': -1/0}"), json!({"k": "-Infinity"}));
}

#[test]
fn refuses_at_once_what_does_not_parse() {
    for (text, wanted) in [
        ("$a[1,2)", "Expected \"]\", got \",\""),
        (
            "\"unterminated",
            "String literal must be terminated by a matching quote",
        ),
        ("1 +", "Unexpected end of expression"),
        ("", "Unexpected end of expression"),
        (
            "{\"a\":}",
            "The symbol \"}\" cannot be used as a unary operator",
        ),
        ("$x :=", "Unexpected end of expression"),
        (
            "$match(\"a\", /abc",
            "No terminating / in regular expression",
        ),
        ("(1", "Expected \")\" before end of expression"),
        ("1 2", "Syntax error: 2"),
        ("$a b", "Syntax error: \"b\""),
        ("'\\q'", "Unsupported escape sequence: \\\"q\""),
        ("$a /* why", "Comment has no closing tag"),
    ] {
        assert_eq!(
            evaluate(text),
            Err(format!("INVALID_JSONATA_EXPRESSION: {wanted}")),
            "{text}"
        );
    }
}

#[test]
fn takes_only_what_is_wholly_in_braces_for_an_expression() {
    assert_eq!(Query::delimited("{% $a %}"), Some("$a"));
    assert_eq!(Query::delimited("{%$a%}"), Some("$a"));
    for text in [" {% $a %}", "{% $a %} ", "$a", "{%", "%}", "{%}"] {
        assert_eq!(Query::delimited(text), None, "{text}");
    }
}
