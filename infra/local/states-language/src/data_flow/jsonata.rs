//! The data flow of JSONata mode: `Arguments`, `Output` and `Assign`, which see `$states` and the variables.

use super::jsonpath::{assignments, evaluate_payload};
use super::{Assigned, FlowError};
use crate::definition::{Diagnostics, Fields};
use crate::machine::StateType;
use crate::payload::Payload;
use crate::scope::Scope;
use crate::template::Template;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JsonataFlow {
    /// Whether there is a `$states.result`.
    has_result: bool,
    arguments: Option<Template>,
    output: Option<Template>,
    assign: Option<Template>,
}

impl JsonataFlow {
    pub(crate) fn read(
        state_type: StateType,
        fields: &mut Fields<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        use StateType::{Fail, Map, Parallel, Succeed, Task};
        let mut read = |field: &str, may: bool| {
            let template = if may {
                fields.template(field, diagnostics)
            } else {
                None
            };
            if let Some(template) = &template {
                refuse_error_output(template, &fields.at(field), diagnostics);
            }
            template
        };
        Self {
            has_result: matches!(state_type, Task | Parallel | Map),
            arguments: read("Arguments", matches!(state_type, Task | Parallel)),
            output: read("Output", state_type != Fail),
            assign: read("Assign", !matches!(state_type, Fail | Succeed)),
        }
    }

    pub(crate) fn keeps_result(&self) -> bool {
        self.output.is_none() && self.assign.is_none()
    }

    pub(crate) fn arguments(&self) -> Option<&Template> {
        self.arguments.as_ref()
    }

    pub(crate) fn output(
        &self,
        result: Payload,
        scope: &mut Scope<'_>,
    ) -> Result<Payload, FlowError> {
        match &self.output {
            None => Ok(result),
            Some(output) if self.has_result => {
                evaluate_payload(output, &mut scope.with_result(result.value()))
            }
            Some(output) => evaluate_payload(output, scope),
        }
    }

    pub(crate) fn assign(
        &self,
        result: &Payload,
        scope: &mut Scope<'_>,
    ) -> Result<Assigned, FlowError> {
        match &self.assign {
            None => Ok(Vec::new()),
            Some(assign) if self.has_result => {
                assignments(assign, &mut scope.with_result(result.value()))
            }
            Some(assign) => assignments(assign, scope),
        }
    }

    pub(crate) fn assigned(&self) -> Vec<&str> {
        self.assign
            .as_ref()
            .map(Template::field_names)
            .unwrap_or_default()
    }
}

/// AWS refuses `$states.errorOutput` where no error has been caught.
fn refuse_error_output(template: &Template, location: &str, diagnostics: &mut Diagnostics) {
    let mut queries = Vec::new();
    template.queries(&mut queries);
    if queries.iter().any(|query| query.reads_error_output()) {
        diagnostics.push(
            crate::DiagnosticCode::UnsupportedJsonataExpression,
            location,
            "Reference to '$states.errorOutput' is only supported in the 'Catch' field.",
        );
    }
}

#[cfg(test)]
mod tests;
