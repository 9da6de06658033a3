//! Calls of intrinsic functions, `States.Format('{} of {}', $.a, States.ArrayLength($.b))`: parsed once with the definition,
//! evaluated by templates and by Fail states.

mod arrays;
mod numbers;
mod parse;
mod texts;

use std::borrow::Cow;

use serde_json::Value;

use crate::jsonpath::Path;
use crate::scope::{EvaluationError, Scope};

/// A parsed call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    text: String,
    function: Function,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone, PartialEq)]
enum Argument {
    Literal(Value),
    Path(Path),
    Call(Call),
}

macro_rules! functions {
    ($($name:ident $least:literal $most:literal,)*) => {
        #[expect(clippy::upper_case_acronyms, reason = "they are spelled as the language spells them")]
        /// The functions, each with the least and the greatest number of its arguments.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Function { $($name,)* }

        impl Function {
            fn named(name: &str) -> Option<Self> {
                match name { $(stringify!($name) => Some(Self::$name),)* _ => None }
            }

            fn arity(self) -> std::ops::RangeInclusive<usize> {
                match self { $(Self::$name => $least..=$most,)* }
            }
        }
    };
}

functions! {
    Array 0 1000,
    ArrayContains 2 2,
    ArrayGetItem 2 2,
    ArrayLength 1 1,
    ArrayPartition 2 2,
    ArrayRange 3 3,
    ArrayUnique 1 1,
    Base64Decode 1 1,
    Base64Encode 1 1,
    Format 1 1000,
    Hash 2 2,
    JsonMerge 3 3,
    JsonToString 1 1,
    MathAdd 2 2,
    MathRandom 2 3,
    StringSplit 2 2,
    StringToJson 1 1,
    UUID 0 0,
}

impl Call {
    /// Parses a call; the error says what is wrong and where.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        parse::call(text)
    }

    /// The call as written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn evaluate(&self, scope: &mut Scope<'_>) -> Result<Value, EvaluationError> {
        // Most calls have one argument or two, which need no list of their own.
        let result = match self.arguments.as_slice() {
            [only] => {
                let mut made = None;
                let arguments = [self.argument(only, scope, &mut made)?];
                self.apply(&arguments, scope)
            }
            [first, second] => {
                let (mut made_first, mut made_second) = (None, None);
                let arguments = [
                    self.argument(first, scope, &mut made_first)?,
                    self.argument(second, scope, &mut made_second)?,
                ];
                self.apply(&arguments, scope)
            }
            all => {
                let mut made: Vec<Option<Value>> = all.iter().map(|_| None).collect();
                let mut arguments = Vec::with_capacity(all.len());
                for (argument, made) in all.iter().zip(&mut made) {
                    arguments.push(self.argument(argument, scope, made)?);
                }
                self.apply(&arguments, scope)
            }
        };
        result.map_err(|message| EvaluationError::Intrinsic {
            call: self.text.clone(),
            message,
        })
    }

    /// An argument's value where it is, or where it was `made`.
    fn argument<'a, 's: 'a>(
        &'a self,
        argument: &'a Argument,
        scope: &mut Scope<'s>,
        made: &'a mut Option<Value>,
    ) -> Result<&'a Value, EvaluationError> {
        match argument {
            Argument::Literal(value) => Ok(value),
            Argument::Call(call) => Ok(made.insert(call.evaluate(scope)?)),
            Argument::Path(path) => match scope.find(path) {
                Some(value) => Ok(value),
                None => match scope.look(path) {
                    Ok(Cow::Borrowed(value)) => Ok(value),
                    Ok(Cow::Owned(value)) => Ok(made.insert(value)),
                    Err(_) => Err(EvaluationError::Argument {
                        call: self.text.clone(),
                        path: path.text().to_owned(),
                        input: scope.input.to_string(),
                    }),
                },
            },
        }
    }

    fn apply(&self, arguments: &[&Value], scope: &mut Scope<'_>) -> Result<Value, String> {
        match self.function {
            Function::Array => Ok(arguments.iter().copied().cloned().collect()),
            Function::ArrayContains => arrays::contains(arguments),
            Function::ArrayGetItem => arrays::get_item(arguments),
            Function::ArrayLength => arrays::length(arguments),
            Function::ArrayPartition => arrays::partition(arguments),
            Function::ArrayRange => arrays::range(arguments),
            Function::ArrayUnique => arrays::unique(arguments),
            Function::Base64Decode => texts::base64_decode(arguments),
            Function::Base64Encode => texts::base64_encode(arguments),
            Function::Format => texts::format(arguments),
            Function::Hash => texts::hash(arguments),
            Function::JsonMerge => texts::json_merge(arguments),
            Function::JsonToString => Ok(Value::String(arguments[0].to_string())),
            Function::MathAdd => numbers::add(arguments),
            Function::MathRandom => numbers::random(arguments, scope.random),
            Function::StringSplit => texts::split(arguments),
            Function::StringToJson => texts::string_to_json(arguments),
            Function::UUID => Ok(Value::String(scope.random.uuid())),
        }
    }
}

/// Arguments as the types that functions want; the error is AWS's "had the following error".
fn text(value: &Value) -> Result<&str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("Expected a string argument but got {}", kind(value)))
}

fn array(value: &Value) -> Result<&[Value], String> {
    value
        .as_array()
        .map(Vec::as_slice)
        .ok_or_else(|| format!("Expected an array argument but got {}", kind(value)))
}

/// A whole number; others are rounded to the nearest.
fn integer(value: &Value) -> Result<i64, String> {
    match value.as_i64() {
        Some(number) => Ok(number),
        None => match value.as_f64() {
            Some(number) if number.abs() < 9.2e18 => Ok(number.round() as i64),
            _ => Err(format!(
                "Expected a number argument but got {}",
                kind(value)
            )),
        },
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
