//! Functions: what kinds there are, and the table of those built in. Calls look them up here.

mod arrays;
mod date_time;
mod format_number;
mod higher_order;
mod integers;
mod numbers;
mod objects;
mod pictures;
mod regexes;
mod strings;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use regex::Regex;

use crate::HostFunction;
use crate::ast::{Lambda, Transform};
use crate::error::Error;
use crate::evaluator::{Evaluator, Frame};
use crate::signature::Signature;
use crate::value::{Members, Value};

pub(crate) use regexes::regex_match;
pub(crate) use strings::text_of;

/// A function as a value.
pub enum Function {
    #[doc(hidden)]
    Closure(Closure),
    #[doc(hidden)]
    Native(&'static Native),
    /// One that the host offers.
    Host(HostFunction),
    /// A regular expression, which finds.
    Regex(Arc<Regex>),
    #[doc(hidden)]
    Partial {
        function: Rc<Function>,
        arguments: Vec<Option<Value>>,
    },
    #[doc(hidden)]
    Composition(Rc<Function>, Rc<Function>),
    #[doc(hidden)]
    Transform(Transformation),
}

/// A transform of the expression, with what it saw where it was written.
#[doc(hidden)]
pub struct Transformation {
    pub(crate) transform: Arc<Transform>,
    pub(crate) frame: Rc<Frame>,
}

/// A function of the expression, with what it saw where it was written.
#[doc(hidden)]
pub struct Closure {
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) input: Value,
    pub(crate) frame: Rc<Frame>,
}

type Implementation = fn(&mut Evaluator<'_>, &[Value]) -> Result<Value, Error>;

/// A function built in.
#[doc(hidden)]
pub struct Native {
    name: &'static str,
    signature: Option<Signature>,
    implementation: Implementation,
}

impl Native {
    pub(crate) fn call(
        &self,
        evaluator: &mut Evaluator<'_>,
        arguments: Vec<Value>,
        context: &Value,
    ) -> Result<Value, Error> {
        let arguments = match &self.signature {
            Some(signature) => signature.check(self.name, arguments, context)?,
            None => arguments,
        };
        (self.implementation)(evaluator, &arguments)
    }
}

impl Function {
    /// How many arguments it looks at.
    pub(crate) fn arity(&self) -> usize {
        match self {
            Self::Closure(closure) => closure.lambda.parameters.len(),
            Self::Native(native) if native.name == "string" => 1,
            Self::Native(native) => native.signature.as_ref().map_or(1, Signature::arity),
            Self::Host(host) => host.signature.arity(),
            Self::Partial { arguments, .. } => {
                arguments.iter().filter(|given| given.is_none()).count()
            }
            Self::Regex(_) | Self::Composition(..) | Self::Transform(_) => 1,
        }
    }
}

pub(crate) fn closure(lambda: &Arc<Lambda>, input: &Value, frame: &Rc<Frame>) -> Value {
    Value::Function(Rc::new(Function::Closure(Closure {
        lambda: Arc::clone(lambda),
        input: input.clone(),
        frame: Rc::clone(frame),
    })))
}

pub(crate) fn transform(transform: &Arc<Transform>, frame: &Rc<Frame>) -> Value {
    Value::Function(Rc::new(Function::Transform(Transformation {
        transform: Arc::clone(transform),
        frame: Rc::clone(frame),
    })))
}

/// The function of a name.
pub(crate) fn builtin(name: &str) -> Option<Value> {
    TABLE
        .get(name)
        .map(|native| Value::Function(Rc::new(Function::Native(native))))
}

static TABLE: LazyLock<HashMap<&'static str, Native>> = LazyLock::new(|| {
    let groups = [
        arrays::TABLE,
        date_time::TABLE,
        higher_order::TABLE,
        integers::TABLE,
        numbers::TABLE,
        objects::TABLE,
        strings::TABLE,
    ];
    let all = groups.iter().flat_map(|group| group.iter());
    all.map(|(name, signature, implementation)| {
        let signature = if signature.is_empty() {
            None
        } else {
            Signature::parse(signature).ok()
        };
        (
            *name,
            Native {
                name,
                signature,
                implementation: *implementation,
            },
        )
    })
    .collect()
});

/// Entries of the table: the name, the signature (none: any arguments), and what it does.
type Entries = &'static [(&'static str, &'static str, Implementation)];

/// An argument, or nothing.
fn argument(arguments: &[Value], position: usize) -> &Value {
    arguments.get(position).unwrap_or(&Value::Undefined)
}

/// Calls a function with as many of the arguments as it looks at, and with one at least.
fn call_back(
    evaluator: &mut Evaluator<'_>,
    function: &Value,
    mut arguments: Vec<Value>,
) -> Result<Value, Error> {
    let Value::Function(function) = function else {
        return Err(Error::new("T1006", "Attempted to invoke a non-function"));
    };
    arguments.truncate(function.arity().max(1));
    evaluator.apply(function, arguments)
}

/// A copy in which every object is there once.
pub(crate) fn deep_copy(value: &Value) -> Value {
    match value {
        Value::List(list) => {
            let mut copy = (**list).clone();
            copy.items = list.items.iter().map(deep_copy).collect();
            Value::List(Rc::new(copy))
        }
        Value::Object(members) => Value::object(
            members
                .iter()
                .map(|(name, value)| (Arc::clone(name), deep_copy(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// A value with some of its objects changed.
pub(crate) fn replaced(value: &Value, changes: &[(Rc<Members>, Value)]) -> Value {
    match value {
        Value::List(list) => {
            let mut copy = (**list).clone();
            copy.items = list
                .items
                .iter()
                .map(|item| replaced(item, changes))
                .collect();
            Value::List(Rc::new(copy))
        }
        Value::Object(members) => {
            let change = changes.iter().find(|(old, _)| Rc::ptr_eq(old, members));
            let members = match change {
                Some((_, Value::Object(changed))) => changed,
                _ => members,
            };
            Value::object(
                members
                    .iter()
                    .map(|(name, value)| (Arc::clone(name), replaced(value, changes)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}
