//! Tests of whole expressions, over one document; the parts have no tests of their own.

use serde_json::{Value as Json, json};

use crate::{Expression, Limits, Nothing, Value};

fn evaluate(text: &str) -> Result<Value, crate::Error> {
    let shop = json!({
        "name": "Stall",
        "items": [
            {"id": 1, "kind": "fruit", "price": 3, "tags": ["red", "sweet"], "stock": {"count": 4}},
            {"id": 2, "kind": "nut", "price": 7.5, "tags": [], "stock": {"count": 0}},
            {"id": 3, "kind": "fruit", "price": 5, "tags": ["green"], "stock": {"count": 9}},
        ],
        "with space": true,
        "nested": [[1, 2], [3, [4]]],
        "nothing": null,
    });
    Expression::parse(text)?.evaluate(
        Value::from_json(&shop),
        Vec::new(),
        &mut Nothing,
        Limits::default(),
    )
}

fn value(text: &str) -> Json {
    let found = evaluate(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    found
        .to_json()
        .unwrap_or_else(|| panic!("{text} gives nothing"))
}

fn error(text: &str) -> String {
    match evaluate(text) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{text} succeeds"),
    }
}

fn all(cases: &[(&str, Json)]) {
    for (text, wanted) in cases {
        assert_eq!(value(text), *wanted, "{text}");
    }
}

#[test]
fn selects_along_paths() {
    all(&[
        ("name", json!("Stall")),
        ("items.id", json!([1, 2, 3])),
        ("items[0].tags", json!(["red", "sweet"])),
        ("items.tags[0]", json!(["red", "green"])),
        ("(items.tags)[0]", json!("red")),
        ("items[-1].id", json!(3)),
        ("items[[0, 2]].id", json!([1, 3])),
        ("items[kind = 'nut'].price", json!(7.5)),
        ("items[kind = 'nut'].price[]", json!([7.5])),
        ("items[stock.count > 0 and price < 5].id", json!(1)),
        ("`with space`", json!(true)),
        ("\"with space\"", json!("with space")),
        ("$.\"with space\"", json!(true)),
        ("nested", json!([[1, 2], [3, [4]]])),
        ("nested.$", json!([1, 2, 3, [4]])),
        ("items.stock.*", json!([4, 0, 9])),
        ("**.count", json!([4, 0, 9])),
        ("nothing", json!(null)),
        ("$$.name", json!("Stall")),
    ]);
    for text in [
        "missing",
        "name.first",
        "items[9]",
        "items[price > 100]",
        "**.absent",
    ] {
        assert!(evaluate(text).expect(text).is_undefined(), "{text}");
    }
}

#[test]
fn binds_parents_contexts_and_positions() {
    all(&[
        (
            "items.tags.{'tag': $, 'of': %.id}",
            json!([{"tag": "red", "of": 1}, {"tag": "sweet", "of": 1}, {"tag": "green", "of": 3}]),
        ),
        ("items.stock.count.(%.%.id)", json!([1, 2, 3])),
        (
            "items#$i[kind = 'fruit'].{'at': $i}",
            json!([{"at": 0}, {"at": 2}]),
        ),
        (
            "items@$one.items@$other[$one.id + 1 = $other.id].($one.id & $other.id)",
            json!(["12", "23"]),
        ),
        ("items^(kind, >price).id", json!([3, 1, 2])),
        ("items{kind: $count($)}", json!({"fruit": 2, "nut": 1})),
        (
            "items.{kind: id}",
            json!([{"fruit": 1}, {"nut": 2}, {"fruit": 3}]),
        ),
    ]);
}

#[test]
fn computes() {
    all(&[
        ("1 + 2 * 3 - 4 / 2", json!(5)),
        ("-(2 - 5) % 2", json!(1)),
        (
            "'a' & 1 & true & null & [1] & missing",
            json!("a1truenull[1]"),
        ),
        (
            "1 < 2 and 'b' >= 'a' and not_there != 1 or true",
            json!(true),
        ),
        ("[1, 2] = [1, 2] and {'a': 1} = {'a': 1}", json!(true)),
        ("missing = missing", json!(false)),
        ("2 in [1, 2]", json!(true)),
        ("[1..3]", json!([1, 2, 3])),
        ("[3..1]", json!([])),
        ("{'a': missing, 'b': [missing, 1]}", json!({"b": [1]})),
        ("items[0].price > 2 ? 'dear' : 'cheap'", json!("dear")),
        ("($x := 4; $y := $x * 2; $x + $y)", json!(12)),
        ("/* said */ 1", json!(1)),
        ("'\\u00fc\\n\"'", json!("ü\n\"")),
        ("1e3", json!(1000)),
        ("1/0", json!("Infinity")),
    ]);
}

#[test]
fn calls_functions_of_its_own() {
    all(&[
        (
            "($square := function($n) { $n * $n }; $map([1..3], $square))",
            json!([1, 4, 9]),
        ),
        ("λ($a, $b) { $a & $b }('x', 'y')", json!("xy")),
        (
            "($fact := function($n) { $n < 2 ? 1 : $n * $fact($n - 1) }; $fact(10))",
            json!(3_628_800),
        ),
        (
            "($loop := function($n, $sum) { $n = 0 ? $sum : $loop($n - 1, $sum + $n) }; $loop(5000, 0))",
            json!(12_502_500),
        ),
        (
            "($add := function($a, $b) { $a + $b }; $inc := $add(1, ?); $inc(41))",
            json!(42),
        ),
        (
            "($shout := $uppercase ~> $trim; $shout('  hey '))",
            json!("HEY"),
        ),
        ("'hello' ~> $substringBefore('l') ~> $length()", json!(2)),
        (
            "$ ~> |items|{'price': price + 1}, ['tags', 'stock']| ~> $lookup('items')",
            json!([
                {"id": 1, "kind": "fruit", "price": 4}, {"id": 2, "kind": "nut", "price": 8.5}, {"id": 3, "kind": "fruit", "price": 6},
            ]),
        ),
        ("($f := function($x)<n:n> { $x }; $f(3))", json!(3)),
        (
            "($counter := function($n) { function() { $n + 1 } }; $counter(1)())",
            json!(2),
        ),
    ]);
    assert_eq!(
        error("($f := function($x)<n:n> { $x }; $f('a'))"),
        "T0410: Argument 1 of function \"f\" does not match function signature"
    );
}

#[test]
fn has_the_functions_of_texts() {
    all(&[
        ("$substring('hällo', 1, 3)", json!("äll")),
        ("$substring('hello', -3)", json!("llo")),
        ("$substringAfter('a=b=c', '=')", json!("b=c")),
        ("$pad('x', -3, '-+')", json!("-+x")),
        ("$pad('x', 3)", json!("x  ")),
        ("$trim('  a \\n b ')", json!("a b")),
        ("$split('a, b,c', /,\\s*/)", json!(["a", "b", "c"])),
        ("$split('abc', '')", json!(["a", "b", "c"])),
        ("$split('a.b.c', '.', 2)", json!(["a", "b"])),
        ("$join(['a', 'b'], '-')", json!("a-b")),
        ("$contains('abracadabra', /a.*a/i)", json!(true)),
        (
            "$match('ababbx', /a(b+)/)",
            json!([{"match": "ab", "index": 0, "groups": ["b"]}, {"match": "abb", "index": 2, "groups": ["bb"]}]),
        ),
        (
            "$replace('John Smith', /(\\w+)\\s(\\w+)/, '$2, $1$$')",
            json!("Smith, John$"),
        ),
        ("$replace('aaa', 'a', 'b', 2)", json!("bba")),
        (
            "$replace('12', /\\d/, function($m) { $string($number($m.match) * 2) })",
            json!("24"),
        ),
        (
            "$string({'a': [1, 'x', null]})",
            json!("{\"a\":[1,\"x\",null]}"),
        ),
        (
            "$string([1, {'b': 2}], true)",
            json!("[\n  1,\n  {\n    \"b\": 2\n  }\n]"),
        ),
        ("$string(0.1 + 0.2)", json!("0.3")),
        ("$string(1e21)", json!("1e+21")),
        ("$base64decode($base64encode('ümlaut'))", json!("ümlaut")),
        ("$encodeUrlComponent('a b&ü')", json!("a%20b%26%C3%BC")),
        ("$decodeUrl('a%20b%3F')", json!("a b%3F")),
        ("name.$uppercase()", json!("STALL")),
    ]);
}

#[test]
fn has_the_functions_of_numbers() {
    all(&[
        (
            "$round(2.5) & $round(3.5) & $round(-1.255, 2)",
            json!("24-1.26"),
        ),
        ("$round(12345, -2)", json!(12300)),
        ("$number('-12.5e2')", json!(-1250)),
        ("$number('0x1F') + $number(true)", json!(32)),
        (
            "$sum(items.price) & '/' & $average(items.price)",
            json!("15.5/5.16666666666667"),
        ),
        ("$max([1, 5, 3]) - $min([1, 5, 3])", json!(4)),
        ("$power(2, 10) + $sqrt(16)", json!(1028)),
        ("$formatBase(255, 16)", json!("ff")),
        (
            "$formatNumber(1234567.891, '#,##0.00')",
            json!("1,234,567.89"),
        ),
        ("$formatNumber(-0.14, '01%')", json!("-14%")),
        ("$formatNumber(1234.5678, '00.000e0')", json!("12.346e2")),
        ("$formatNumber(-5, '0;(0)')", json!("(5)")),
        (
            "$formatInteger(1999, 'I') & ' ' & $formatInteger(28, 'a')",
            json!("MCMXCIX ab"),
        ),
        (
            "$formatInteger(1234, 'w')",
            json!("one thousand, two hundred and thirty-four"),
        ),
        (
            "$formatInteger(12, '0;o') & $formatInteger(1234567, '#,##0')",
            json!("12th1,234,567"),
        ),
        (
            "$parseInteger('one hundred and five', 'w') + $parseInteger('1,200', '#,##0')",
            json!(1305),
        ),
    ]);
}

#[test]
fn has_the_functions_of_lists_and_objects() {
    all(&[
        ("$sort([3, 1, 2])", json!([1, 2, 3])),
        (
            "$sort(items, function($l, $r) { $l.price < $r.price }).id",
            json!([2, 3, 1]),
        ),
        ("$reverse([1..3])", json!([3, 2, 1])),
        (
            "$distinct([1, 2, 1, {'a': 1}, {'a': 1}])",
            json!([1, 2, {"a": 1}]),
        ),
        ("$zip([1, 2], ['a', 'b', 'c'])", json!([[1, "a"], [2, "b"]])),
        ("$append([1], 2)", json!([1, 2])),
        (
            "$filter(items, function($i) { $i.price > 4 }).id",
            json!([2, 3]),
        ),
        ("$single([1..5], function($n) { $n = 3 })", json!(3)),
        ("$reduce([1..4], function($a, $b) { $a * $b })", json!(24)),
        (
            "$keys(items[0])",
            json!(["id", "kind", "price", "tags", "stock"]),
        ),
        (
            "$sift(items[0], function($v, $k) { $k = 'id' })",
            json!({"id": 1}),
        ),
        (
            "$each(items[0].stock, function($v, $k) { $k & $v })",
            json!("count4"),
        ),
        (
            "$merge(items.{$string(id): kind})",
            json!({"1": "fruit", "2": "nut", "3": "fruit"}),
        ),
        ("$spread(items[0].stock)", json!({"count": 4})),
        (
            "$type(items) & $type(nothing) & $type($sum)",
            json!("arraynullfunction"),
        ),
        ("$exists(missing) or $exists(name)", json!(true)),
        ("$boolean([0, 1]) and $not([])", json!(true)),
    ]);
}

#[test]
fn tells_and_reads_times() {
    all(&[
        (
            "$fromMillis(1510067557121)",
            json!("2017-11-07T15:12:37.121Z"),
        ),
        (
            "$fromMillis(1510067557121, '[FNn,*-3], [D1o] [MNn] [Y] [h]:[m01] [PN] [z]', '-0500')",
            json!("Tue, 7th November 2017 10:12 AM GMT-05:00"),
        ),
        (
            "$fromMillis(0, '[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01][Z01:01]', '+0130')",
            json!("1970-01-01T01:30:00+01:30"),
        ),
        (
            "$fromMillis(1510067557121, 'week [W] of [X], day [d]')",
            json!("week 45 of 2017, day 311"),
        ),
        (
            "$toMillis('2017-11-07T15:12:37.121Z')",
            json!(1_510_067_557_121_i64),
        ),
        (
            "$toMillis('2017-11-07T16:12:37+0100')",
            json!(1_510_067_557_000_i64),
        ),
        (
            "$toMillis('7 November 2017', '[D1] [MNn] [Y]')",
            json!(1_510_012_800_000_i64),
        ),
        (
            "$toMillis('03:15 PM 2017-11-07', '[h01]:[m01] [PN] [Y0001]-[M01]-[D01]')",
            json!(1_510_067_700_000_i64),
        ),
        ("$now()", json!("1970-01-01T00:00:00.000Z")),
    ]);
}

#[test]
fn says_what_is_wrong() {
    for (text, wanted) in [
        (
            "1 + 'a'",
            "T2002: The right side of the \"+\" operator must evaluate to a number",
        ),
        (
            "-name",
            "D1002: Cannot negate a non-numeric value: \"Stall\"",
        ),
        (
            "1 < 'a'",
            "T2009: The values 1 and \"a\" either side of operator \"<\" must be of the same data type",
        ),
        ("name()", "T1006: Attempted to invoke a non-function"),
        (
            "sum([1])",
            "T1005: Attempted to invoke a non-function. Did you mean $sum?",
        ),
        (
            "$substring(1, 2)",
            "T0411: Context value is not a compatible type with argument 1 of function \"substring\"",
        ),
        (
            "5.$uppercase()",
            "S0213: The literal value 5 cannot be used as a step within a path expression",
        ),
        (
            "items.$uppercase()",
            "T0411: Context value is not a compatible type with argument 1 of function \"uppercase\"",
        ),
        (
            "$sum(['a'])",
            "T0412: Argument 1 of function \"sum\" must be an array of \"numbers\"",
        ),
        (
            "{'a': 1, 'a': 2}",
            "D1009: Multiple key definitions evaluate to same key: \"a\"",
        ),
        (
            "items^(tags)",
            "T2008: The expressions within an order-by clause must evaluate to numeric or string values",
        ),
        (
            "1 ~> 2",
            "T2006: The right side of the function application operator ~> must be a function",
        ),
        ("$error('no')", "D3137: no"),
        (
            "%",
            "S0217: The object representing the 'parent' cannot be derived from this expression",
        ),
        ("[1, 2", "S0203: Expected \"]\" before end of expression"),
        ("a b", "S0201: Syntax error: \"b\""),
        (
            "a ?? b",
            "S0211: The symbol \"?\" cannot be used as a unary operator",
        ),
        (
            "a ?: b",
            "S0211: The symbol \":\" cannot be used as a unary operator",
        ),
    ] {
        assert_eq!(error(text), wanted, "{text}");
    }
}

#[test]
fn stops_at_its_limits() {
    assert!(error("($f := function($n) { 1 + $f($n) }; $f(1))").starts_with("Stack overflow"));
    assert!(error("[1..2000000]").starts_with("Expression evaluation memory limit"));
    let expression =
        Expression::parse("($f := function($n) { $f($n + 1) }; $f(1))").expect("it parses");
    let limits = Limits {
        steps: 10_000,
        ..Limits::default()
    };
    let endless = expression.evaluate(Value::Undefined, Vec::new(), &mut Nothing, limits);
    assert!(endless.is_err_and(|error| error.message.contains("timeout")));
    for text in [
        "(".repeat(5000),
        vec!["1"; 5000].join("+"),
        "[".repeat(5000),
        "-".repeat(5000),
    ] {
        assert!(Expression::parse(&text).is_err());
    }
}

#[test]
fn is_parsed_once_for_all_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Expression::parse("$map([1], function($x) { $x })").expect("it parses"));
}

#[test]
fn names_what_it_takes_from_its_context() {
    let references = |text: &str| Expression::parse(text).expect(text).context_references();
    assert_eq!(
        references("phone & $sum(prices) & phone"),
        ["phone", "prices"]
    );
    assert_eq!(references("$"), ["$"]);
    assert_eq!(references("$x[$$.y = z]"), ["$$"]);
    assert_eq!(references("$map([1], function($v) { name })"), ["name"]);
    for text in [
        "$x.orders[price > 10 and $.open].{'id': id, 'all': *}",
        "$x.orders^(>price, id).total",
        "$x.orders{customer: $sum(price)}",
        "$x ~> |orders|{'open': true}, 'price'|",
        "[1..3].($ * 2)",
        "$x.a@$b#$i.{'i': $i, 'p': %.name}",
    ] {
        assert_eq!(references(text), [""; 0], "{text}");
    }
}
