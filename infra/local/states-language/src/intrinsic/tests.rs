//! Tests of the intrinsic functions.

use std::cell::OnceCell;

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::Identity;
use crate::context::Context;
use crate::random::Random;
use crate::scope::Variables;

fn evaluate(call: &str, input: Value) -> Result<Value, String> {
    let identity = Identity::named("machine", "name", Timestamp::UNIX_EPOCH);
    let context = Context {
        identity: &identity,
        execution_input: &input,
        state: &"State".into(),
        entered: Timestamp::UNIX_EPOCH,
        retry_count: None,
        token: None,
        item: None,
        made: OnceCell::new(),
    };
    let mut scope = Scope {
        input: &input,
        result: None,
        error_output: None,
        context: &context,
        variables: &Variables::new(),
        random: &mut Random::new(7),
        now: Timestamp::UNIX_EPOCH,
    };
    Call::parse(call)
        .expect(call)
        .evaluate(&mut scope)
        .map_err(|error| error.to_string())
}

fn value(call: &str, input: Value) -> Value {
    evaluate(call, input).unwrap_or_else(|error| panic!("{call}: {error}"))
}

#[test]
fn refuses_calls_that_are_none() {
    for call in [
        "",
        "Format('a')",
        "States.Nonsense()",
        "States.UUID('a')",
        "States.Format('a'",
        "States.Format('a') b",
        "States.Format(a)",
        "States.Format(\"a\")",
        r#"States.StringToJson('{"text":"An \"escaped double quote\" here"}')"#,
        "States.MathAdd(1)",
        "States.Array(1,)",
        "States.Hash('a', $.b[)",
    ] {
        assert!(Call::parse(call).is_err(), "{call}");
    }
}

#[test]
fn says_which_call_did_not_accept_its_arguments() {
    let failure = |call: &str| evaluate(call, json!({"a": [1]})).expect_err(call);
    assert_eq!(
        failure("States.ArrayGetItem($.a, 1)"),
        "The function 'States.ArrayGetItem($.a, 1)' had the following error: The index 1 is out of bounds for an array of length 1"
    );
    assert_eq!(
        failure("States.Format('{}', $.b)"),
        "The function 'States.Format('{}', $.b)' had the following error: The JsonPath argument for the field '$.b' could not \
         be found in the input '{\"a\":[1]}'"
    );
    for call in [
        "States.ArrayLength('a')",
        "States.ArrayPartition($.a, 0)",
        "States.ArrayRange(1, 5, 0)",
        "States.ArrayRange(0, 1000, 1)",
        "States.Base64Decode('*')",
        "States.Hash('a', 'CRC')",
        "States.JsonMerge($, $, true)",
        "States.JsonMerge($, $.a, false)",
        "States.MathAdd('1', 2)",
        "States.MathAdd(9223372036854775807, 1)",
        "States.MathRandom(5, 5)",
        "States.StringSplit('a', 1)",
        "States.StringToJson('{')",
        "States.Format('{}')",
        "States.Format('no place', 1)",
    ] {
        failure(call);
    }
}

#[test]
fn formats_values_as_java_prints_them() {
    let input = json!({"s": "text", "o": {"Arg1": 1, "Arg2": [true, null]}, "n": 1.5});
    assert_eq!(
        value(
            "States.Format('{} {} {} {}', $.s, $.o, $.n, null)",
            input.clone()
        ),
        json!("text {Arg1=1, Arg2=[true, null]} 1.5 null")
    );
    assert_eq!(
        value(r"States.Format('it\'s \{\} in {}', $.s)", input.clone()),
        json!("it's {} in text")
    );
    assert_eq!(
        value(r"States.Format('a\\{}', 1)", input.clone()),
        json!(r"a\1")
    );
    assert_eq!(value("States.Format($.s)", input), json!("text"));
}

#[test]
fn works_on_arrays() {
    let input = json!({"a": [1, 2, 3, 4, 5], "same": [null, null, 1, 1.0, 1.1, {"a": 1, "b": 2}, {"b": 2, "a": 1}, [1], [1]]});
    assert_eq!(value("States.Array()", json!({})), json!([]));
    assert_eq!(
        value("States.Array(1, 'two', $.a[0])", input.clone()),
        json!([1, "two", 1])
    );
    assert_eq!(
        value("States.ArrayPartition($.a, 2)", input.clone()),
        json!([[1, 2], [3, 4], [5]])
    );
    assert_eq!(
        value("States.ArrayContains($.a, 3.0)", input.clone()),
        json!(true)
    );
    assert_eq!(
        value("States.ArrayContains($.a, '3')", input.clone()),
        json!(false)
    );
    assert_eq!(
        value("States.ArrayGetItem($.a, 4)", input.clone()),
        json!(5)
    );
    assert_eq!(value("States.ArrayLength($.a)", input.clone()), json!(5));
    assert_eq!(
        value("States.ArrayUnique($.same)", input),
        json!([null, 1, 1.1, {"a": 1, "b": 2}, [1]])
    );
    assert_eq!(
        value("States.ArrayRange(1, 9, 2)", json!({})),
        json!([1, 3, 5, 7, 9])
    );
    assert_eq!(
        value("States.ArrayRange(5, 1, -2)", json!({})),
        json!([5, 3, 1])
    );
    assert_eq!(value("States.ArrayRange(5, 1, 2)", json!({})), json!([]));
}

#[test]
fn works_on_texts() {
    assert_eq!(
        value("States.Base64Encode('Data to encode')", json!({})),
        json!("RGF0YSB0byBlbmNvZGU=")
    );
    assert_eq!(
        value("States.Base64Decode('RGF0YQ==')", json!({})),
        json!("Data")
    );
    assert_eq!(
        value("States.StringSplit('This.is+a,test', '.+,')", json!({})),
        json!(["This", "is", "a", "test"])
    );
    assert_eq!(
        value("States.StringSplit(', , ,', ',')", json!({})),
        json!([" ", " "])
    );
    for (algorithm, start) in [
        ("MD5", "900150983cd24fb0"),
        ("SHA-1", "a9993e364706816a"),
        ("SHA-256", "ba7816bf8f01cfea"),
        ("SHA-384", "cb00753f45a35e8b"),
        ("SHA-512", "ddaf35a193617aba"),
    ] {
        let hash = value(&format!("States.Hash('abc', '{algorithm}')"), json!({}));
        assert!(
            hash.as_str().is_some_and(|hash| hash.starts_with(start)),
            "{algorithm}: {hash}"
        );
    }
}

#[test]
fn converts_between_text_and_json() {
    assert_eq!(value("States.StringToJson('')", json!({})), json!(null));
    assert_eq!(
        value("States.StringToJson('-0')", json!({})).to_string(),
        "0"
    );
    assert_eq!(
        value("States.StringToJson('{\"a\": [1]}')", json!({})),
        json!({"a": [1]})
    );
    assert_eq!(
        value("States.JsonToString($)", json!({"a": [1, "b"]})),
        json!("{\"a\":[1,\"b\"]}")
    );
    assert_eq!(
        value(
            "States.JsonMerge($.x, $.y, false)",
            json!({"x": {"a": {"b": 1}, "c": 2}, "y": {"a": {"d": 3}}})
        ),
        json!({"a": {"d": 3}, "c": 2})
    );
}

#[test]
fn works_on_numbers() {
    assert_eq!(value("States.MathAdd(111.111, -1)", json!({})), json!(110));
    assert_eq!(value("States.MathAdd(1.5, 1)", json!({})), json!(3));
    let drawn = value("States.MathRandom(-5, 5)", json!({}))
        .as_i64()
        .expect("a number");
    assert!((-5..5).contains(&drawn));
    let seeded = || value("States.MathRandom(0, 1000000, 3)", json!({}));
    assert_eq!(seeded(), seeded());
}

#[test]
fn nests_calls_and_reads_the_context() {
    assert_eq!(
        value(
            "States.ArrayGetItem(States.StringSplit($$.Execution.Id, ':'), States.MathAdd(States.ArrayLength($.a), -1))",
            json!({"a": [1, 2, 3]})
        ),
        json!("states")
    );
    assert_eq!(
        value("States.UUID()", json!({})).as_str().map(str::len),
        Some(36)
    );
    assert_eq!(
        value("States.ArrayLength($.a[?(@ > 1)])", json!({"a": [1, 2, 3]})),
        json!(2)
    );
}
