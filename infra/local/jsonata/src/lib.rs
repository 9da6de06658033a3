//! JSONata, a query and transformation language for JSON, as version 2.0 of the reference implementation defines it, with
//! its error codes and words. The interpreter of the Amazon States Language evaluates its expressions with this.
//!
//! An expression is parsed once and evaluated as often as one likes, within limits of depth, work and size. Time, randomness
//! and functions of its own come from the host.
//!
//! ```
//! use jsonata::{Expression, Limits, Nothing, Value};
//!
//! let expression = Expression::parse("$sum($orders[price > 10].price)").expect("it parses");
//! let orders = Value::from_json(&serde_json::json!([{"price": 5}, {"price": 12}, {"price": 30}]));
//! let total = expression.evaluate(Value::Undefined, vec![("orders".into(), orders)], &mut Nothing, Limits::default());
//! assert_eq!(total.expect("it evaluates").to_json(), Some(serde_json::json!(42)));
//! ```

mod ast;
mod calls;
mod error;
mod evaluator;
mod functions;
mod lexer;
mod operators;
mod parser;
mod path_steps;
mod paths;
mod references;
mod signature;
mod value;

#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;

pub use error::Error;
pub use functions::Function;
pub use signature::Signature;
pub use value::{List, Members, Value};

/// How far an evaluation may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How deep it may nest.
    pub depth: usize,
    /// How many nodes and calls it may evaluate.
    pub steps: u64,
    /// How many items a list may have.
    pub sequence: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 200,
            steps: 10_000_000,
            sequence: 1_000_000,
        }
    }
}

/// What an evaluation takes from its surroundings.
pub trait Host {
    /// The time of `$now` and `$millis`.
    fn now(&self) -> Timestamp;
    /// From 0 up to, but not including, 1: `$random` and `$shuffle`.
    fn random(&mut self) -> f64;
    /// A function of the host's, which takes precedence over a built-in one of its name.
    fn function(&self, name: &str) -> Option<HostFunction>;
}

/// A function that the host offers.
#[derive(Clone)]
pub struct HostFunction {
    /// Without the `$`.
    pub name: &'static str,
    /// What it takes.
    pub signature: Signature,
    /// What it does with arguments that suit the signature.
    #[allow(clippy::type_complexity)]
    pub call: Rc<dyn Fn(&[Value]) -> Result<Value, Error>>,
}

/// A host that offers nothing: no time passes, and every random number is 0.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Host for Nothing {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn random(&mut self) -> f64 {
        0.0
    }

    fn function(&self, _: &str) -> Option<HostFunction> {
        None
    }
}

/// A parsed expression.
#[derive(Debug)]
pub struct Expression {
    root: ast::Node,
    labels: Vec<usize>,
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    ///
    /// It is none; the code begins with `S`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (root, labels) = parser::parse(text)?;
        Ok(Self { root, labels })
    }

    /// Names that stand outside of any path, and `$` and `$$`: without a context they lead nowhere.
    pub fn context_references(&self) -> Vec<String> {
        references::of(&self.root)
    }

    /// Evaluates the expression over a context, with variables.
    ///
    /// # Errors
    ///
    /// As the reference implementation has them, and bounds exceeded.
    pub fn evaluate(
        &self,
        context: Value,
        variables: Vec<(Arc<str>, Value)>,
        host: &mut dyn Host,
        limits: Limits,
    ) -> Result<Value, Error> {
        evaluator::Evaluator::new(host, &self.labels, limits).run(&self.root, context, variables)
    }
}
