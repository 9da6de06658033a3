//! What a catcher, or a rule of a Choice, makes of its state's output and variables when the state is left that way.

use serde_json::Value;

use super::jsonpath::{assignments, evaluate};
use super::{Assigned, FlowError};
use crate::definition::{Diagnostics, Fields};
use crate::errors::RESULT_PATH_MATCH_FAILURE;
use crate::machine::QueryLanguage;
use crate::payload::Payload;
use crate::result_path::ResultPath;
use crate::scope::Scope;
use crate::template::Template;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SideExit {
    language: QueryLanguage,
    /// JSONPath mode, and catchers only.
    result_path: ResultPath,
    /// JSONata mode only.
    output: Option<Template>,
    assign: Option<Template>,
}

impl SideExit {
    pub(crate) fn of_catcher(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Self {
        let result_path = ResultPath::read(fields, diagnostics);
        Self {
            result_path,
            ..Self::of_choice(fields, diagnostics)
        }
    }

    pub(crate) fn of_choice(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Self {
        let language = fields.language();
        let output = match language {
            QueryLanguage::JsonPath => None,
            QueryLanguage::Jsonata => fields.template("Output", diagnostics),
        };
        Self {
            language,
            result_path: ResultPath::Whole,
            output,
            assign: fields.template("Assign", diagnostics),
        }
    }

    /// Whether it changes neither output nor variables, `ResultPath` aside.
    pub(crate) fn is_silent(&self) -> bool {
        self.output.is_none() && self.assign.is_none()
    }

    pub(crate) fn assigned(&self) -> Vec<&str> {
        self.assign
            .as_ref()
            .map(Template::field_names)
            .unwrap_or_default()
    }

    /// What goes on, and the variables, when an error has been caught. The scope's input is the state's.
    pub(crate) fn caught(
        &self,
        input: &Payload,
        error: Value,
        scope: &mut Scope<'_>,
    ) -> Result<(Payload, Assigned), FlowError> {
        if self.language == QueryLanguage::Jsonata {
            let assigned = self.variables(&mut scope.with_error_output(&error))?;
            let output = match &self.output {
                Some(output) => evaluate(output, &mut scope.with_error_output(&error))?,
                None => error,
            };
            return Ok((Payload::from(output), assigned));
        }
        let assigned = self.variables(&mut scope.over(&error))?;
        let output = self
            .result_path
            .apply(input.value(), error)
            .map_err(|message| FlowError {
                name: RESULT_PATH_MATCH_FAILURE,
                message,
                location: None,
            })?;
        // The input itself, with its text, where the catcher left it as it was.
        let output = if output == *input.value() {
            input.clone()
        } else {
            Payload::from(output)
        };
        Ok((output, assigned))
    }

    /// The variables of a Choice's rule.
    pub(crate) fn variables(&self, scope: &mut Scope<'_>) -> Result<Assigned, FlowError> {
        match &self.assign {
            None => Ok(Vec::new()),
            Some(assign) => assignments(assign, scope),
        }
    }

    /// What goes on from a Choice's rule, if the rule says so.
    pub(crate) fn output(&self, scope: &mut Scope<'_>) -> Result<Option<Payload>, FlowError> {
        match &self.output {
            None => Ok(None),
            Some(output) => evaluate(output, scope).map(|value| Some(Payload::from(value))),
        }
    }
}
