//! JSONPath as Step Functions has it, which is the dialect of the Java library Jayway: fields, indices, slices, wildcards,
//! deep scans, filters and functions. A path starts at the state's input (`$`), the context object (`$$`) or a variable
//! (`$name`). Templates, choice rules and the data flow evaluate paths.

mod evaluate;
mod filter;
mod function;
mod parse;

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

pub(crate) use evaluate::PathError;
pub(crate) use filter::equal_numbers;

use filter::Filter;
use function::Function;

/// What a path starts from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Root {
    /// `$`.
    Input,
    /// `$$`.
    Context,
    /// `$name`.
    Variable(String),
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Segment {
    /// `.name` and `['name']`.
    Field(String),
    /// `['a', 'b']`: an object of those fields.
    Fields(Vec<String>),
    /// `[0]` and `[-1]`.
    Index(i64),
    /// `[0, 2]`.
    Indices(Vec<i64>),
    /// `[1:3]`.
    Slice(Option<i64>, Option<i64>),
    /// `.*` and `[*]`.
    Wildcard,
    /// `..`: what follows is looked for at every depth.
    Scan,
    /// `[?(…)]`.
    Filter(Filter),
    /// `.length()`, at the end only.
    Function(Function),
}

/// A parsed path.
#[derive(Clone, PartialEq)]
pub(crate) struct Path {
    text: String,
    root: Root,
    segments: Vec<Segment>,
}

impl fmt::Debug for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Path {
    /// Parses a path; the error says what is wrong and where.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        parse::path(text)
    }

    /// The path as written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether the path names exactly one value rather than a list of all that match.
    pub(crate) fn is_definite(&self) -> bool {
        self.segments.iter().all(|segment| {
            matches!(
                segment,
                Segment::Field(_) | Segment::Fields(_) | Segment::Index(_) | Segment::Function(_)
            )
        })
    }

    /// Evaluates what follows the first so many segments, from the value that those lead to. Filters that refer to the root
    /// have none here.
    pub(crate) fn evaluate_after<'v>(
        &self,
        segments: usize,
        value: &'v Value,
    ) -> Result<Cow<'v, Value>, PathError> {
        let rest = self.segments.get(segments..).unwrap_or_default();
        let refers = |segment: &Segment| {
            matches!(
                segment,
                Segment::Filter(_) | Segment::Function(_) | Segment::Scan
            )
        };
        if rest.iter().any(refers) {
            return Err(PathError::NoResults(self.text.clone()));
        }
        evaluate::evaluate(rest, self.is_definite(), value)
    }

    /// The value that fields and indices alone lead to from the root.
    pub(crate) fn straight<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        evaluate::straight(&self.segments, root)
    }

    /// Evaluates the path from the value of its root.
    pub(crate) fn evaluate<'v>(&self, root: &'v Value) -> Result<Cow<'v, Value>, PathError> {
        evaluate::evaluate(&self.segments, self.is_definite(), root)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn get(path: &str, value: &Value) -> Value {
        Path::parse(path)
            .expect(path)
            .evaluate(value)
            .unwrap_or_else(|error| panic!("{path}: {error}"))
            .into_owned()
    }

    fn fails(path: &str, value: &Value) -> String {
        Path::parse(path)
            .expect(path)
            .evaluate(value)
            .expect_err(path)
            .to_string()
    }

    #[test]
    fn refuses_what_is_not_a_path() {
        for path in [
            "",
            "a",
            "$.",
            "$.a[",
            "$['a",
            "$.a[?(@.b]",
            "$.a[x]",
            "$.a b",
            "$.a[?()]",
            "$.nonsense()",
            "$.length().a",
            "$..",
            "$[1:2:3]",
        ] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn names_the_path_that_led_nowhere() {
        assert_eq!(
            fails("$.a", &json!({"b": 1})),
            "No results for path: $['a']"
        );
        assert_eq!(
            fails("$.a.b", &json!({})),
            "Missing property in path $['a']"
        );
        assert_eq!(
            fails("$.a[3]", &json!({"a": [1]})),
            "No results for path: $['a'][3]"
        );
        assert_eq!(
            fails("$.a.b", &json!({"a": "text"})),
            "Expected to find an object with property ['b'] in path $['a'] but found 'java.lang.String'. This is not a json \
             object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'."
        );
    }

    #[test]
    fn reads_fields_in_dots_and_brackets() {
        let value = json!({"a": {"b-c": 1, "d e": [10, 20, 30]}});
        assert_eq!(get("$", &value), value);
        assert_eq!(get("$.a.b-c", &value), json!(1));
        assert_eq!(get("$['a'][\"d e\"][0]", &value), json!(10));
        assert_eq!(get("$.a['d e'][-1]", &value), json!(30));
        assert_eq!(get("$['a']['b-c','d e']", &value), value["a"]);
        assert_eq!(
            get(r#"$['Test\""Name"']"#, &json!({"Test\\\"\"Name\"": 5})),
            json!(5)
        );
    }

    #[test]
    fn reads_slices_unions_and_wildcards() {
        let value = json!({"a": [0, 1, 2, 3, 4], "o": {"x": 1, "y": 2}});
        assert_eq!(get("$.a[1:3]", &value), json!([1, 2]));
        assert_eq!(get("$.a[:2]", &value), json!([0, 1]));
        assert_eq!(get("$.a[-2:]", &value), json!([3, 4]));
        assert_eq!(get("$.a[0,4]", &value), json!([0, 4]));
        assert_eq!(get("$.a[*]", &value), json!([0, 1, 2, 3, 4]));
        assert_eq!(get("$.o.*", &value), json!([1, 2]));
    }

    #[test]
    fn answers_an_empty_list_when_a_pattern_finds_nothing() {
        for path in [
            "$[*]",
            "$.items[*]",
            "$.a.items[1:5].value",
            "$.items[?(@.x)]",
            "$..nothing",
        ] {
            assert_eq!(get(path, &json!({})), json!([]), "{path}");
        }
    }

    #[test]
    fn scans_every_depth() {
        let value = json!({"id": 1, "in": [{"id": 2}, {"deep": {"id": 3}}]});
        assert_eq!(get("$..id", &value), json!([1, 2, 3]));
        assert_eq!(get("$..[0]", &value), json!([{"id": 2}]));
        assert_eq!(get("$.in..id", &value), json!([2, 3]));
    }

    #[test]
    fn filters_by_comparison_and_logic() {
        let value = json!({"files": [
            {"name": "a.csv", "size": 0}, {"name": "b.csv", "size": 10, "tags": ["x"]}, {"name": "c.gz", "size": 20, "note": null},
        ], "least": 10});
        let names = |path: &str| get(&format!("$.files[?({path})].name"), &value);
        assert_eq!(names("@.size > 0"), json!(["b.csv", "c.gz"]));
        assert_eq!(names("@.size >= $.least"), json!(["b.csv", "c.gz"]));
        assert_eq!(names("@.size > 0 && @.name == 'c.gz'"), json!(["c.gz"]));
        assert_eq!(
            names("@.size == 0 || @.name != \"b.csv\""),
            json!(["a.csv", "c.gz"])
        );
        assert_eq!(names("!(@.size > 0)"), json!(["a.csv"]));
        assert_eq!(names("!@.tags"), json!(["a.csv", "c.gz"]));
        assert_eq!(names("@.note"), json!(["c.gz"]));
        assert_eq!(names("@.note == null"), json!(["c.gz"]));
        assert_eq!(names("@.name =~ /.*\\.CSV/i"), json!(["a.csv", "b.csv"]));
        assert_eq!(names("@.size in [0, 20]"), json!(["a.csv", "c.gz"]));
        assert_eq!(names("@.name nin ['a.csv']"), json!(["b.csv", "c.gz"]));
        assert_eq!(names("@.tags contains 'x'"), json!(["b.csv"]));
        assert_eq!(names("@.tags empty false"), json!(["b.csv"]));
        assert_eq!(names("@.size == '10'"), json!(["b.csv"]));
        assert_eq!(names("@.size > 'a'"), json!([]));
        assert_eq!(
            get("$.numbers[?(@ > 1)]", &json!({"numbers": [1, 2, 3]})),
            json!([2, 3])
        );
        assert_eq!(
            get("$.a[?(@.b > 1)]", &json!({"a": {"b": 2}})),
            json!([{"b": 2}])
        );
    }

    #[test]
    fn applies_functions_at_the_end() {
        let value =
            json!({"a": [4, 2, 9], "o": {"x": 1, "y": 2}, "s": "text", "deep": {"a": [1, 1]}});
        assert_eq!(get("$.a.length()", &value), json!(3));
        assert_eq!(get("$.o.length()", &value), json!(2));
        assert_eq!(get("$.s.length()", &value), json!(4));
        assert_eq!(get("$.o.keys()", &value), json!(["x", "y"]));
        assert_eq!(get("$.a.min()", &value), json!(2.0));
        assert_eq!(get("$.a.max()", &value), json!(9.0));
        assert_eq!(get("$.a.sum()", &value), json!(15.0));
        assert_eq!(get("$.a.avg()", &value), json!(5.0));
        assert_eq!(get("$.a.first()", &value), json!(4));
        assert_eq!(get("$.a.last()", &value), json!(9));
        assert_eq!(get("$.a.append(1)", &value), json!([4, 2, 9, 1]));
        assert_eq!(get("$.concat($.s, '-', $.a[0])", &value), json!("text-4"));
        assert_eq!(get("$..a.length()", &value), json!(2));
    }
}
