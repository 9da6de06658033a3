//! What an expression can see: the input `$`, the context object `$$`, the variables, and randomness. States set one up for
//! each evaluation.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::Value;

use crate::context::Context;
use crate::jsonpath::{Path, PathError, Root, Segment};
use crate::payload::Shared;
use crate::random::Random;

/// Variables by name, in the order of their first assignment.
pub(crate) type Variables = IndexMap<String, Shared>;

/// What `$$.Map.Item` shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MapItem<'a> {
    pub(crate) index: u64,
    pub(crate) value: &'a Value,
    /// When a Map goes through the members of an object.
    pub(crate) key: Option<&'a str>,
    /// In a distributed Map: where the item comes from.
    pub(crate) source: Option<&'a str>,
}

impl<'a> MapItem<'a> {
    /// An item of an inline Map.
    pub(crate) fn inline(index: u64, value: &'a Value) -> Self {
        Self {
            index,
            value,
            key: None,
            source: None,
        }
    }
}

pub(crate) struct Scope<'a> {
    /// `$`, and `$states.input`.
    pub(crate) input: &'a Value,
    /// `$states.result`, where there is one.
    pub(crate) result: Option<&'a Value>,
    /// `$states.errorOutput`, in a catcher.
    pub(crate) error_output: Option<&'a Value>,
    pub(crate) context: &'a Context<'a>,
    pub(crate) variables: &'a Variables,
    pub(crate) random: &'a mut Random,
    /// The execution's time.
    pub(crate) now: Timestamp,
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum EvaluationError {
    /// A path leads nowhere. Who evaluates it knows best how AWS puts that.
    #[error("{error}")]
    Path { path: String, error: PathError },
    /// A path inside an intrinsic call leads nowhere.
    #[error(
        "The function '{call}' had the following error: The JsonPath argument for the field '{path}' could not be found in the input '{input}'"
    )]
    Argument {
        call: String,
        path: String,
        input: String,
    },
    /// An intrinsic function does not accept its arguments.
    #[error("The function '{call}' had the following error: {message}")]
    Intrinsic { call: String, message: String },
    /// A JSONata expression failed, or gave nothing that its field takes.
    #[error("{message}")]
    Query { field: String, message: String },
}

impl<'a> Scope<'a> {
    /// The value of a path.
    pub(crate) fn look(&self, path: &Path) -> Result<std::borrow::Cow<'a, Value>, EvaluationError> {
        let root = match path.root() {
            Root::Input => self.input,
            Root::Context => match self.look_into_context(path) {
                Some(found) => return Ok(found),
                None => self.context.value(),
            },
            Root::Variable(name) => match self.variables.get(name) {
                Some(value) => value,
                None => {
                    return Err(EvaluationError::Path {
                        path: path.text().to_owned(),
                        error: PathError::NoResults(format!("${name}")),
                    });
                }
            },
        };
        path.evaluate(root).map_err(|error| EvaluationError::Path {
            path: path.text().to_owned(),
            error,
        })
    }

    /// The value of a path, where it is: of one that goes straight into the input or a variable.
    #[inline]
    pub(crate) fn find(&self, path: &Path) -> Option<&'a Value> {
        match path.root() {
            Root::Input => path.straight(self.input),
            Root::Variable(name) => path.straight(self.variables.get(name)?),
            Root::Context => None,
        }
    }

    /// What a path finds in the context object, if the whole need not be made for it. What it does not find here it looks
    /// for there, so that errors are those of the whole.
    fn look_into_context(&self, path: &Path) -> Option<std::borrow::Cow<'a, Value>> {
        match path.segments() {
            [
                Segment::Field(map),
                Segment::Field(item),
                Segment::Field(value),
                ..,
            ] if (map.as_str(), item.as_str(), value.as_str()) == ("Map", "Item", "Value") => {
                path.evaluate_after(3, self.context.item_value()?).ok()
            }
            [Segment::Field(outer), Segment::Field(inner)] => self.context.member(outer, inner),
            [Segment::Field(outer), Segment::Field(inner), ..]
                if (outer.as_str(), inner.as_str()) == ("Execution", "Input") =>
            {
                match self.context.member(outer, inner)? {
                    std::borrow::Cow::Borrowed(input) => path.evaluate_after(2, input).ok(),
                    std::borrow::Cow::Owned(_) => None,
                }
            }
            _ => None,
        }
    }

    /// The same scope over another input.
    pub(crate) fn over<'b>(&'b mut self, input: &'b Value) -> Scope<'b> {
        Scope {
            input,
            result: self.result,
            error_output: self.error_output,
            context: self.context,
            variables: self.variables,
            random: self.random,
            now: self.now,
        }
    }

    /// The same scope with a result.
    pub(crate) fn with_result<'b>(&'b mut self, result: &'b Value) -> Scope<'b> {
        let mut scope = self.over(self.input);
        scope.result = Some(result);
        scope
    }

    /// The same scope with the error that a catcher has caught.
    pub(crate) fn with_error_output<'b>(&'b mut self, error_output: &'b Value) -> Scope<'b> {
        let mut scope = self.over(self.input);
        scope.error_output = Some(error_output);
        scope
    }
}
