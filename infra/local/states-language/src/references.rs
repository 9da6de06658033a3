//! Which variables each state refers to, as `variableReferences` of DescribeStateMachine shows them. The `states` service
//! asks a machine for them.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::{State, StateMachine};

/// Fields that hold states of their own.
const NESTED: [&str; 3] = ["Branches", "ItemProcessor", "Iterator"];

impl StateMachine {
    /// The names of the variables that each state's fields refer to, by the state's name; states without any are left out.
    pub fn variable_references(&self) -> IndexMap<String, Vec<String>> {
        let mut references = IndexMap::new();
        if let Ok(definition) = serde_json::from_str::<Value>(self.definition()) {
            let jsonata = definition["QueryLanguage"] == "JSONata";
            block(&definition, jsonata, &mut references);
        }
        // A variable may bear the name of a function.
        let assigned: BTreeSet<&str> = self.states().flat_map(State::assigned).collect();
        for names in references.values_mut() {
            names.retain(|name: &String| {
                let name = name.as_str();
                !FUNCTIONS.contains(&name) || assigned.contains(name)
            });
        }
        references.retain(|_, names| !names.is_empty());
        references
    }
}

fn block(definition: &Value, jsonata: bool, references: &mut IndexMap<String, Vec<String>>) {
    for (name, state) in definition["States"].as_object().into_iter().flatten() {
        let jsonata = match state["QueryLanguage"].as_str() {
            Some(language) => language == "JSONata",
            None => jsonata,
        };
        let mut found = BTreeSet::new();
        if let Some(fields) = state.as_object() {
            own_fields(fields, jsonata, &mut found);
        }
        if !found.is_empty() {
            references.insert(name.clone(), found.into_iter().collect());
        }
        for nested in NESTED {
            match &state[nested] {
                Value::Array(blocks) => blocks
                    .iter()
                    .for_each(|nested| block(nested, jsonata, references)),
                nested => block(nested, jsonata, references),
            }
        }
    }
}

fn own_fields(fields: &Map<String, Value>, jsonata: bool, found: &mut BTreeSet<String>) {
    for (name, value) in fields {
        if !NESTED.contains(&name.as_str()) {
            field(name, value, jsonata, found);
        }
    }
}

fn field(name: &str, value: &Value, jsonata: bool, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if jsonata => {
            let expression = text
                .strip_prefix("{%")
                .and_then(|text| text.strip_suffix("%}"));
            if let Some(expression) = expression {
                in_jsonata(expression, found);
            }
        }
        Value::String(text)
            if name.ends_with(".$") || name.ends_with("Path") || name == "Variable" =>
        {
            in_path(text, found);
        }
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| field(name, value, jsonata, found)),
        // An item is written as its list's field would be.
        Value::Array(items) => items
            .iter()
            .for_each(|item| field(name, item, jsonata, found)),
        _ => {}
    }
}

/// A path or intrinsic call: `$name` outside of quoted text.
fn in_path(text: &str, found: &mut BTreeSet<String>) {
    for (name, _) in names(text, &['\'']) {
        found.insert(name);
    }
}

/// A JSONata expression: `$name` that is neither bound in the expression nor a function that is called.
fn in_jsonata(text: &str, found: &mut BTreeSet<String>) {
    let all = names(text, &['\'', '"', '`']);
    let bound: BTreeSet<&str> = all
        .iter()
        .filter(|(_, rest)| rest.starts_with(":=") || is_parameter(text, rest))
        .map(|(name, _)| name.as_str())
        .collect();
    for (name, rest) in &all {
        let called = rest.starts_with('(');
        if !called && name != "states" && !bound.contains(name.as_str()) {
            found.insert(name.clone());
        }
    }
}

/// Whether the name before `rest` stands in the head of a function: `function($a, $b)`.
fn is_parameter(text: &str, rest: &str) -> bool {
    let before = &text[..text.len() - rest.len()];
    let Some(open) = before.rfind('(') else {
        return false;
    };
    let head = before[..open].trim_end();
    let lambda = head.ends_with("function") || head.ends_with('λ');
    lambda && !before[open..].contains(')')
}

/// Every `$name` outside of quoted text, with the text that follows it.
fn names<'t>(text: &'t str, quotes: &[char]) -> Vec<(String, &'t str)> {
    let mut found = Vec::new();
    let mut letters = text.char_indices().peekable();
    let mut quote: Option<char> = None;
    let mut last = ' ';
    while let Some((at, letter)) = letters.next() {
        match quote {
            Some(open) => {
                if letter == '\\' {
                    letters.next();
                } else if letter == open {
                    quote = None;
                }
            }
            None if quotes.contains(&letter) => quote = Some(letter),
            None if letter == '$' && last != '$' => {
                let rest = &text[at + 1..];
                let end = rest
                    .find(|next: char| !next.is_alphanumeric() && next != '_')
                    .unwrap_or(rest.len());
                let name = &rest[..end];
                if name.starts_with(|first: char| first.is_alphabetic() || first == '_') {
                    found.push((name.to_owned(), rest[end..].trim_start()));
                }
            }
            None => {}
        }
        last = letter;
    }
    found
}

/// JSONata's functions and those that Step Functions adds: as values they are no variables.
const FUNCTIONS: [&str; 67] = [
    "abs",
    "append",
    "assert",
    "average",
    "base64decode",
    "base64encode",
    "boolean",
    "ceil",
    "clone",
    "contains",
    "count",
    "decodeUrl",
    "decodeUrlComponent",
    "distinct",
    "each",
    "encodeUrl",
    "encodeUrlComponent",
    "error",
    "eval",
    "exists",
    "filter",
    "floor",
    "formatBase",
    "formatInteger",
    "formatNumber",
    "fromMillis",
    "hash",
    "join",
    "keys",
    "length",
    "lookup",
    "lowercase",
    "map",
    "match",
    "max",
    "merge",
    "millis",
    "min",
    "not",
    "now",
    "number",
    "pad",
    "parse",
    "parseInteger",
    "partition",
    "power",
    "random",
    "range",
    "reduce",
    "replace",
    "reverse",
    "round",
    "shuffle",
    "sift",
    "single",
    "sort",
    "split",
    "spread",
    "sqrt",
    "string",
    "substring",
    "substringAfter",
    "substringBefore",
    "sum",
    "toMillis",
    "trim",
    "type",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(text: &str, jsonata: bool) -> Vec<String> {
        let mut found = BTreeSet::new();
        match jsonata {
            true => in_jsonata(text, &mut found),
            false => in_path(text, &mut found),
        }
        found.into_iter().collect()
    }

    #[test]
    fn finds_variables_in_paths_and_calls_but_neither_input_nor_context_nor_text() {
        assert_eq!(of("$b.a[0]", false), ["b"]);
        assert!(of("$$.Execution.Id", false).is_empty());
        assert_eq!(
            of("States.Format('$no {} {}', $name.x[0], $.place)", false),
            ["name"]
        );
    }

    #[test]
    fn leaves_out_what_an_expression_binds_or_calls() {
        assert_eq!(
            of(
                "( $x := 1; $sum($map($states.input, function($v, $i){ $v * $x * $rate })) + $base )",
                true
            ),
            ["base", "rate"]
        );
        assert!(of("'$quoted' & \"$too\"", true).is_empty());
    }

    #[test]
    fn lists_them_by_state_inner_states_included() {
        let machine = json!({"StartAt": "A", "States": {
            "A": {"Type": "Pass", "Assign": {"x": 1, "y.$": "$.y"}, "Next": "M"},
            "M": {"Type": "Map", "ItemsPath": "$x", "End": true, "ItemProcessor": {"StartAt": "In", "States": {
                "In": {"Type": "Pass", "Parameters": {"list": [{"deep.$": "$y.z"}]}, "End": true},
            }}},
        }});
        let machine = StateMachine::parse(&machine.to_string()).expect("it is valid");
        let references = machine.variable_references();
        assert_eq!(json!(references), json!({"M": ["x"], "In": ["y"]}));
    }
}
