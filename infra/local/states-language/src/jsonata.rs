//! Queries of the JSONata mode: the text between `{%` and `%}`. The crate `jsonata` evaluates them; here they get what
//! AWS adds: `$states`, the variables, functions of its own, limits, and its sentences for what fails. Templates hold queries, and
//! so do fields such as `Seconds` or `Condition`.

mod functions;
mod java_random;
mod reads;

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use jsonata::{Expression, Limits, Members};
use serde_json::Value;

use functions::Surroundings;
use reads::Reads;

use crate::DiagnosticCode;
use crate::scope::{EvaluationError, Scope};

/// How deep AWS lets an evaluation nest.
const DEEPEST: usize = 100;
/// The longest list that AWS's memory limit lets an expression make.
const LONGEST_SEQUENCE: usize = 873_782;
/// About a second of work, for an expression that would never end.
const MOST_STEPS: u64 = 10_000_000;

/// A parsed expression; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    /// Without the braces and the space around it.
    text: String,
    /// The field that it stands in, as AWS names it: `Output/total`.
    field: String,
    expression: Arc<Expression>,
    /// Every `$name` in it, without the dollar.
    names: Arc<BTreeSet<String>>,
    reads: Arc<Reads>,
    /// Whether it draws random numbers.
    draws: bool,
}

impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.field) == (&other.text, &other.field)
    }
}

/// Why a text is no query that AWS accepts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Invalid {
    pub(crate) code: DiagnosticCode,
    pub(crate) message: String,
}

/// The types that a field may ask of its query's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Array,
    Boolean,
    Number,
    String,
}

impl Query {
    /// The expression in a string of a definition; `None` when the string stands for itself.
    pub(crate) fn delimited(text: &str) -> Option<&str> {
        text.strip_prefix("{%")?.strip_suffix("%}").map(str::trim)
    }

    /// Parses the text between the braces.
    pub(crate) fn parse(text: &str, field: &str) -> Result<Self, Vec<Invalid>> {
        let expression = Expression::parse(text).map_err(|error| {
            vec![Invalid {
                code: DiagnosticCode::InvalidJsonataExpression,
                message: error.message,
            }]
        })?;
        let references = expression.context_references();
        if !references.is_empty() {
            let refused = references.into_iter().map(|name| Invalid {
                code: DiagnosticCode::UnsupportedJsonataExpression,
                message: format!("Reference to '{name}' at the top level is not supported."),
            });
            return Err(refused.collect());
        }
        let names = names(text);
        Ok(Self {
            text: text.to_owned(),
            field: field.to_owned(),
            expression: Arc::new(expression),
            reads: Arc::new(Reads::of(text)),
            draws: ["random", "shuffle", "uuid"]
                .iter()
                .any(|name| names.contains(*name)),
            names: Arc::new(names),
        })
    }

    /// Whether it reads `$states.errorOutput`, which only a catcher offers.
    pub(crate) fn reads_error_output(&self) -> bool {
        self.names.contains("states") && self.text.contains("$states.errorOutput")
    }

    /// The result, which must be JSON.
    pub(crate) fn evaluate(&self, scope: &mut Scope<'_>) -> Result<Value, EvaluationError> {
        let result = self.run(scope)?;
        if result.is_undefined() {
            return Err(self.failed("returned nothing (undefined)."));
        }
        result
            .to_json()
            .ok_or_else(|| self.failed("returned an unsupported result type."))
    }

    /// The result, which must be of a type.
    pub(crate) fn evaluate_as(
        &self,
        wanted: Wanted,
        scope: &mut Scope<'_>,
    ) -> Result<Value, EvaluationError> {
        let value = self.evaluate(scope)?;
        self.check(wanted, value)
    }

    /// A result, which must be of a type.
    pub(crate) fn check(&self, wanted: Wanted, value: Value) -> Result<Value, EvaluationError> {
        let (suits, expected) = match wanted {
            Wanted::Array => (value.is_array(), "array"),
            Wanted::Boolean => (value.is_boolean(), "boolean"),
            Wanted::Number => (value.is_number(), "number"),
            Wanted::String => (value.is_string(), "string"),
        };
        if suits {
            return Ok(value);
        }
        let actual = type_name(&value);
        Err(self.failed(&format!(
            "returned an unexpected result type. Expected '{expected}', but was '{actual}' for value: {value}"
        )))
    }

    /// A failure of this query, in AWS's sentence.
    pub(crate) fn failed(&self, what: &str) -> EvaluationError {
        EvaluationError::Query {
            field: self.field.clone(),
            message: format!(
                "The JSONata expression '{}' specified for the field '{}' {what}",
                self.text, self.field
            ),
        }
    }

    fn run(&self, scope: &mut Scope<'_>) -> Result<jsonata::Value, EvaluationError> {
        let mut variables = Vec::new();
        for (name, value) in scope.variables {
            if self.names.contains(name) {
                variables.push((name.as_str().into(), jsonata::Value::from_json(value)));
            }
        }
        if self.names.contains("states") {
            variables.push(("states".into(), self.states(scope)));
        }
        let mut surroundings = Surroundings::of(scope, self.draws);
        let limits = Limits {
            depth: DEEPEST,
            steps: MOST_STEPS,
            sequence: LONGEST_SEQUENCE,
        };
        self.expression
            .evaluate(
                jsonata::Value::Undefined,
                variables,
                &mut surroundings,
                limits,
            )
            .map_err(|error| {
                // What has a code is a sentence of its own.
                let joint = if error.code.is_empty() { ":" } else { "." };
                self.failed(&format!("threw an error during evaluation{joint} {error}"))
            })
    }

    /// `$states`, as far as the expression looks at it.
    fn states(&self, scope: &Scope<'_>) -> jsonata::Value {
        let mut states = Members::default();
        if let Some(read) = &self.reads.input {
            states.insert("input".into(), read.value(scope.input));
        }
        if let Some(read) = &self.reads.context {
            let context = scope.context.part(read.deep());
            states.insert("context".into(), jsonata::Value::from_json(&context));
        }
        if let (Some(read), Some(result)) = (&self.reads.result, scope.result) {
            states.insert("result".into(), read.value(result));
        }
        if let (Some(read), Some(error)) = (&self.reads.error_output, scope.error_output) {
            states.insert("errorOutput".into(), read.value(error));
        }
        jsonata::Value::Object(Rc::new(states))
    }
}

/// A type as JSONata and AWS name it.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Every `$name` of a text. What stands in a string or a comment is taken for one too, which does no harm.
fn names(text: &str) -> BTreeSet<String> {
    text.split('$')
        .skip(1)
        .map(|after| {
            let end = after
                .find(|character: char| !character.is_alphanumeric() && character != '_')
                .unwrap_or(after.len());
            after[..end].to_owned()
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests;
