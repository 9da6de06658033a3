//! What ValidateStateMachineDefinition says about a definition. The parser collects diagnostics; the `states` service and
//! `pipeline validate` show them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::definition;

/// One problem in a definition. Serialised it is AWS's: `{"severity", "code", "message", "location"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Whether the definition can be run at all.
    pub severity: Severity,
    /// Its kind.
    pub code: DiagnosticCode,
    /// What is wrong.
    pub message: String,
    /// Where: a path into the definition such as `/States/Launch/Next`; `/` is the machine itself. Empty for the whole
    /// workflow, and then left out, as AWS does it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub location: String,
}

impl Diagnostic {
    /// The location as a JSON pointer: `/States/C/Choices/0/Next` for `/States/C/Choices[0]/Next`; the whole document for `/`
    /// and for no location.
    pub fn pointer(&self) -> String {
        let parts = self
            .location
            .split('/')
            .skip(1)
            .filter(|part| !part.is_empty());
        let mut pointer = String::new();
        for part in parts {
            let index = part
                .strip_suffix(']')
                .and_then(|part| part.rsplit_once('['));
            let index = index.filter(|(_, index)| index.bytes().all(|byte| byte.is_ascii_digit()));
            pointer.push('/');
            match index {
                Some((name, index)) => pointer.extend([&name.replace('~', "~0"), "/", index]),
                None => pointer.push_str(&part.replace('~', "~0")),
            }
        }
        pointer
    }
}

/// Whether a definition can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but something is amiss.
    Warning,
}

/// The kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DiagnosticCode {
    /// It is not JSON.
    InvalidJsonDescription,
    /// A field is unknown, missing, or has the wrong type or value.
    SchemaValidationFailed,
    /// A state names a next state that its machine or branch does not have, or no way leads to a state.
    MissingTransitionTarget,
    /// A machine or a branch has no state that ends it.
    MissingEndState,
    /// Two states have one name.
    DuplicateStateName,
    /// A JSONata expression cannot be parsed.
    InvalidJsonataExpression,
    /// A JSONata expression refers to what is not there in Step Functions.
    UnsupportedJsonataExpression,
    /// Something that the Amazon States Language has but this interpreter does not support.
    UnsupportedFeature,
    /// Warning: a field looks like a path or an intrinsic call, but its name does not end in `.$`.
    NoDollar,
    /// Warning: the result of a Pass state is taken as it is, though a field of it ends in `.$`.
    PassResultIsStatic,
}

impl fmt::Display for DiagnosticCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::InvalidJsonDescription => "INVALID_JSON_DESCRIPTION",
            Self::SchemaValidationFailed => "SCHEMA_VALIDATION_FAILED",
            Self::MissingTransitionTarget => "MISSING_TRANSITION_TARGET",
            Self::MissingEndState => "MISSING_END_STATE",
            Self::NoDollar => "NO_DOLLAR",
            Self::PassResultIsStatic => "PASS_RESULT_IS_STATIC",
            Self::DuplicateStateName => "DUPLICATE_STATE_NAME",
            Self::InvalidJsonataExpression => "INVALID_JSONATA_EXPRESSION",
            Self::UnsupportedJsonataExpression => "UNSUPPORTED_JSONATA_EXPRESSION",
            Self::UnsupportedFeature => "UNSUPPORTED_FEATURE",
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let location = match self.location.as_str() {
            "" => "null",
            location => location,
        };
        write!(formatter, "{}: {} at {location}", self.code, self.message)
    }
}

/// Every problem in a definition, in the order of the text; none means that it is valid.
pub fn diagnose(text: &str) -> Vec<Diagnostic> {
    definition::read(text).1
}
