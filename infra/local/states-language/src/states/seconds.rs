//! Numbers of seconds, given, found at a path or computed: those of Wait states, timeouts and heartbeats. Counts that a field
//! gives in the same ways are read here too.

use serde_json::Value;

use crate::data_flow::FlowError;
use crate::definition::{Diagnostics, Fields};
use crate::errors::Failure;
use crate::execution::{Execution, Extra, ThreadId};
use crate::jsonata::{Query, Wanted};
use crate::jsonpath::Path;
use crate::scope::Scope;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Number {
    Literal(u64),
    /// The field, and the path that it holds.
    At(&'static str, Path),
    /// In JSONata mode, and the least that it may give.
    Query(Query, u64),
}

impl Number {
    pub(super) fn read(
        literal: &'static str,
        path: &'static str,
        least: u64,
        fields: &mut Fields<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        fields.at_most_one(&[literal, path], diagnostics);
        if let Some(query) = fields.query(literal, diagnostics)? {
            return Some(Self::Query(query, least));
        }
        match fields.whole_number(literal, least..=99_999_999, diagnostics) {
            Some(number) => Some(Self::Literal(number)),
            None => fields
                .path(path, diagnostics)
                .map(|found| Self::At(path, found)),
        }
    }

    /// The number, for an effective input.
    pub(super) fn get(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        input: &Value,
    ) -> Result<u64, Failure> {
        match self {
            Self::Literal(number) => Ok(*number),
            Self::Query(query, least) => {
                execution.evaluate(thread, input, Extra::default(), |scope| {
                    query_number(query, *least, scope)
                })
            }
            Self::At(field, path) => {
                let value = at(field, path, execution, thread, input)?;
                match value.as_i64() {
                    Some(number) => u64::try_from(number).map_err(|_| {
                        execution.runtime_failure(
                            thread,
                            format!("The {field} parameter references a negative value: {path} == {number}"),
                        )
                    }),
                    None => Err(execution.runtime_failure(
                        thread,
                        format!("The {field} parameter cannot be parsed as a long value: {path} == {value}"),
                    )),
                }
            }
        }
    }
}

/// A whole number that a query gives.
pub(super) fn query_number(
    query: &Query,
    least: u64,
    scope: &mut Scope<'_>,
) -> Result<u64, FlowError> {
    let value = query
        .evaluate_as(Wanted::Number, scope)
        .map_err(FlowError::from)?;
    value
        .as_u64()
        .filter(|number| *number >= least)
        .ok_or_else(|| {
            let wanted = if least > 0 {
                "positive"
            } else {
                "non-negative"
            };
            query
                .failed(&format!(
                    "returned an unexpected value. Expected a {wanted} integer, but was {value}"
                ))
                .into()
        })
}

/// What the path of a field finds in an effective input.
pub(super) fn at(
    field: &str,
    path: &Path,
    execution: &mut Execution,
    thread: ThreadId,
    input: &Value,
) -> Result<Value, Failure> {
    let found = execution.evaluate(thread, input, Extra::default(), |scope| {
        Ok(scope.look(path).ok().map(std::borrow::Cow::into_owned))
    })?;
    found.ok_or_else(|| {
        execution.runtime_failure(
            thread,
            format!("The {field} parameter does not reference an input value: {path}"),
        )
    })
}
