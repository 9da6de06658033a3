//! `ResultPath`: where in its input a state puts its result, and a Catch its error.

use serde_json::Value;

use crate::definition::{Diagnostics, Fields};
use crate::machine::QueryLanguage;
use crate::reference_path::ReferencePath;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ResultPath {
    /// `null`: nowhere; the input is the output.
    Discard,
    At(ReferencePath),
    /// `$`, or no `ResultPath`: the result is the output.
    Whole,
}

impl ResultPath {
    pub(crate) fn read(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Self {
        if fields.language() == QueryLanguage::Jsonata {
            return Self::Whole;
        }
        match fields.value("ResultPath") {
            None => return Self::Whole,
            Some(Value::Null) => return Self::Discard,
            Some(Value::String(text)) => match ReferencePath::parse(text) {
                Ok(path) if path.is_root() => return Self::Whole,
                Ok(path) => return Self::At(path),
                Err(error) => diagnostics.error(
                    fields.at("ResultPath"),
                    format!("The value for the field 'ResultPath' must be a valid Reference Path: {error}"),
                ),
            },
            Some(_) => diagnostics.error(fields.at("ResultPath"), "Expected value of type String"),
        }
        Self::Whole
    }

    /// The input with the result in its place; the error says why it cannot be put there.
    pub(crate) fn apply(&self, input: &Value, result: Value) -> Result<Value, String> {
        match self {
            Self::Discard => Ok(input.clone()),
            Self::Whole => Ok(result),
            Self::At(path) => path.write(input, result).ok_or_else(|| {
                format!(
                    "Unable to apply ReferencePath {} to input {input}",
                    path.text()
                )
            }),
        }
    }
}
