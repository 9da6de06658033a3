//! Queries of the JSONata mode: the text between `{%` and `%}`. The library `jsonata-core` evaluates them; here they get what
//! AWS adds: `$states`, the variables, functions of its own, limits, and its words for what fails. Templates hold queries, and
//! so do fields such as `Seconds` or `Condition`.

use serde_json::Value;

use crate::DiagnosticCode;
use crate::scope::{EvaluationError, Scope};

/// A parsed expression; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    /// Without the braces and the space around it.
    text: String,
    /// The field that it stands in, as AWS names it: `Output/total`.
    field: String,
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
        let _ = (text, field);
        Err(vec![Invalid {
            code: DiagnosticCode::UnsupportedFeature,
            message: "JSONata expressions are not supported yet".to_owned(),
        }])
    }

    /// Whether it reads `$states.errorOutput`, which only a catcher offers.
    pub(crate) fn reads_error_output(&self) -> bool {
        self.text.contains("$states.errorOutput")
    }

    /// The result, which must be JSON.
    pub(crate) fn evaluate(&self, scope: &mut Scope<'_>) -> Result<Value, EvaluationError> {
        let _ = scope;
        Err(self.failed("is not supported yet."))
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
