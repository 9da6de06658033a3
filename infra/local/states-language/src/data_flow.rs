//! How data flows through a state: what it takes from its input, what it makes of its result, what it hands on and which
//! variables it assigns. There is one file for each query language; states use this one.

mod jsonata;
pub(crate) mod jsonpath;
mod side_exit;

use serde_json::Value;

use crate::definition::{Diagnostics, Fields};
use crate::machine::{QueryLanguage, StateType};
use crate::payload::Payload;
use crate::scope::Scope;
use crate::template::Template;

pub(crate) use side_exit::SideExit;

use jsonata::JsonataFlow;
use jsonpath::JsonPathFlow;

/// An evaluation that failed: the error's name and what AWS says, without the words that name the state.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct FlowError {
    pub(crate) name: &'static str,
    pub(crate) message: String,
    /// The field whose JSONata expression failed.
    pub(crate) location: Option<String>,
}

/// Variables that a state assigns, in order.
pub(crate) type Assigned = Vec<(String, Value)>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DataFlow {
    JsonPath(Box<JsonPathFlow>),
    Jsonata(Box<JsonataFlow>),
}

impl DataFlow {
    pub(crate) fn read(
        state_type: StateType,
        fields: &mut Fields<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        match fields.language() {
            QueryLanguage::JsonPath => Self::JsonPath(Box::new(JsonPathFlow::read(
                state_type,
                fields,
                diagnostics,
            ))),
            QueryLanguage::Jsonata => {
                Self::Jsonata(Box::new(JsonataFlow::read(state_type, fields, diagnostics)))
            }
        }
    }

    /// Whether there is nothing to evaluate for [`DataFlow::input`].
    pub(crate) fn keeps_input(&self) -> bool {
        match self {
            Self::JsonPath(flow) => flow.keeps_input(),
            Self::Jsonata(_) => true,
        }
    }

    /// Whether there is nothing to evaluate when the state is left: its result is its output, and it assigns nothing.
    pub(crate) fn keeps_result(&self) -> bool {
        match self {
            Self::JsonPath(flow) => flow.keeps_result(),
            Self::Jsonata(flow) => flow.keeps_result(),
        }
    }

    /// What the state works with, of its input.
    pub(crate) fn input(
        &self,
        input: &Payload,
        scope: &mut Scope<'_>,
    ) -> Result<Payload, FlowError> {
        match self {
            Self::JsonPath(flow) => flow.input(input, scope),
            Self::Jsonata(_) => Ok(input.clone()),
        }
    }

    /// What the state hands to its task or branches, in the place of what [`DataFlow::input`] gave.
    pub(crate) fn arguments(&self) -> Option<&Template> {
        match self {
            Self::JsonPath(flow) => flow.arguments(),
            Self::Jsonata(flow) => flow.arguments(),
        }
    }

    /// What the state keeps of its result.
    pub(crate) fn result(
        &self,
        result: Payload,
        scope: &mut Scope<'_>,
    ) -> Result<Payload, FlowError> {
        match self {
            Self::JsonPath(flow) => flow.result(result, scope),
            Self::Jsonata(_) => Ok(result),
        }
    }

    /// What the state hands on, from its whole input and from its result. `None` as result: the effective input, which
    /// Choice, Wait and Succeed states hand on.
    pub(crate) fn output(
        &self,
        input: &Payload,
        result: Payload,
        scope: &mut Scope<'_>,
    ) -> Result<Payload, FlowError> {
        match self {
            Self::JsonPath(flow) => flow.output(input, result, scope),
            Self::Jsonata(flow) => flow.output(result, scope),
        }
    }

    pub(crate) fn is_jsonpath(&self) -> bool {
        matches!(self, Self::JsonPath(_))
    }

    /// The result where `ResultPath` puts it.
    pub(crate) fn combined(&self, input: &Payload, result: Payload) -> Result<Payload, FlowError> {
        match self {
            Self::JsonPath(flow) => flow.combined(input, result),
            Self::Jsonata(_) => Ok(result),
        }
    }

    /// The variables that the state assigns, from its whole input, which is the scope's, and from what it keeps of its result.
    pub(crate) fn assign(
        &self,
        result: &Payload,
        scope: &mut Scope<'_>,
    ) -> Result<Assigned, FlowError> {
        match self {
            Self::JsonPath(flow) => flow.assign(&mut scope.over(result.value())),
            Self::Jsonata(flow) => flow.assign(result, scope),
        }
    }

    pub(crate) fn assigned(&self) -> Vec<&str> {
        match self {
            Self::JsonPath(flow) => flow.assigned(),
            Self::Jsonata(flow) => flow.assigned(),
        }
    }
}
