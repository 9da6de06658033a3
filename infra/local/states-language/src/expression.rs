//! An expression of the JSONPath mode: a path, or a call of an intrinsic function. Templates hold them in fields that end in
//! `.$`; `ErrorPath` and `CausePath` are expressions too.

use serde_json::Value;

use crate::intrinsic::Call;
use crate::jsonpath::Path;
use crate::scope::{EvaluationError, Scope};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Path(Path),
    Call(Call),
}

impl Expression {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('$') {
            Path::parse(text).map(Self::Path)
        } else {
            Call::parse(text).map(Self::Call)
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Path(path) => path.text(),
            Self::Call(call) => call.text(),
        }
    }

    pub(crate) fn evaluate(&self, scope: &mut Scope<'_>) -> Result<Value, EvaluationError> {
        match self {
            Self::Path(path) => scope.look(path).map(std::borrow::Cow::into_owned),
            Self::Call(call) => call.evaluate(scope),
        }
    }
}
