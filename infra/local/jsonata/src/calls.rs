//! Calls functions: with arguments checked, the context standing in, and calls at the end of a function in constant space.

use std::rc::Rc;
use std::sync::Arc;

use crate::ast::{Kind, Node};
use crate::error::{Error, quoted};
use crate::evaluator::{Evaluator, Frame};
use crate::functions::{self, Closure, Function};
use crate::value::{Value, truthy};

/// What a function's body comes to: a value, or another call in its place.
enum Outcome {
    Value(Value),
    Call(Rc<Function>, Vec<Value>, Arc<str>),
}

/// A function, its arguments, and what it was called by.
type Prepared = (Rc<Function>, Vec<Value>, Arc<str>);

impl Evaluator<'_> {
    pub(crate) fn call(
        &mut self,
        procedure: &Node,
        arguments: &[Node],
        context: Option<Value>,
        input: &Value,
        frame: &Rc<Frame>,
    ) -> Result<Value, Error> {
        let (function, arguments, name) =
            self.prepare(procedure, arguments, context, input, frame)?;
        self.apply_named(&function, arguments, input, &name)
    }

    fn prepare(
        &mut self,
        procedure: &Node,
        arguments: &[Node],
        context: Option<Value>,
        input: &Value,
        frame: &Rc<Frame>,
    ) -> Result<Prepared, Error> {
        let called = self.evaluate(procedure, input, frame)?;
        if called.is_undefined()
            && let Some(name) = crate::paths::single_name(procedure)
            && !self.variable(name, frame).is_undefined()
        {
            return Err(Error::new(
                "T1005",
                format!("Attempted to invoke a non-function. Did you mean ${name}?"),
            ));
        }
        let mut values: Vec<Value> = context.into_iter().collect();
        for argument in arguments {
            values.push(self.evaluate(argument, input, frame)?);
        }
        let name: Arc<str> = match &procedure.kind {
            Kind::Variable(name) => Arc::clone(name),
            _ => "".into(),
        };
        match called {
            Value::Function(function) => Ok((function, values, name)),
            _ => Err(Error::new("T1006", "Attempted to invoke a non-function")),
        }
    }

    /// Calls a function with values.
    pub(crate) fn apply(
        &mut self,
        function: &Rc<Function>,
        arguments: Vec<Value>,
    ) -> Result<Value, Error> {
        self.apply_named(function, arguments, &Value::Undefined, "")
    }

    fn apply_named(
        &mut self,
        function: &Rc<Function>,
        arguments: Vec<Value>,
        input: &Value,
        name: &str,
    ) -> Result<Value, Error> {
        let input = match input {
            Value::List(list) if list.outer => list.items.first().unwrap_or(input),
            input => input,
        };
        let (mut function, mut arguments, mut name) =
            (Rc::clone(function), arguments, Arc::<str>::from(name));
        loop {
            self.tick()?;
            match &*function {
                Function::Closure(closure) => {
                    let own = self.enter(closure, arguments, &name)?;
                    match self.tail(&closure.lambda.body, &closure.input, &own)? {
                        Outcome::Value(value) => return Ok(value),
                        Outcome::Call(next, values, called) => {
                            (function, arguments, name) = (next, values, called);
                        }
                    }
                }
                Function::Native(native) => return native.call(self, arguments, input),
                Function::Host(host) => {
                    let arguments = host.signature.check(host.name, arguments, input)?;
                    return (host.call)(&arguments);
                }
                Function::Regex(regex) => return Ok(functions::regex_match(regex, &arguments)),
                Function::Partial {
                    function: whole,
                    arguments: given,
                } => {
                    let mut supplied = arguments.into_iter();
                    let all = given.iter().map(|given| match given {
                        Some(value) => value.clone(),
                        None => supplied.next().unwrap_or_default(),
                    });
                    arguments = all.collect();
                    function = Rc::clone(whole);
                }
                Function::Composition(first, second) => {
                    let between = self.apply(first, arguments)?;
                    arguments = vec![between];
                    function = Rc::clone(second);
                }
                Function::Transform(own) => {
                    let value = arguments.into_iter().next().unwrap_or_default();
                    return self.transform(&own.transform, value, &own.frame);
                }
            }
        }
    }

    fn enter(
        &mut self,
        closure: &Closure,
        arguments: Vec<Value>,
        name: &str,
    ) -> Result<Rc<Frame>, Error> {
        let arguments = match &closure.lambda.signature {
            Some(signature) => signature.check(name, arguments, &closure.input)?,
            None => arguments,
        };
        let own = Frame::within(&closure.frame);
        let mut arguments = arguments.into_iter();
        for parameter in &closure.lambda.parameters {
            own.bind(parameter, arguments.next().unwrap_or_default());
        }
        Ok(own)
    }

    /// The body of a function: a call that is its result is not made here.
    fn tail(&mut self, node: &Node, input: &Value, frame: &Rc<Frame>) -> Result<Outcome, Error> {
        self.deeper(|evaluator| evaluator.tail_of(node, input, frame))
    }

    fn tail_of(&mut self, node: &Node, input: &Value, frame: &Rc<Frame>) -> Result<Outcome, Error> {
        let plain = node.predicates.is_empty() && node.group.is_none() && !node.keep_array;
        match &node.kind {
            Kind::Condition(condition, then, otherwise) if plain => {
                if truthy(&self.evaluate(condition, input, frame)?) {
                    self.tail(then, input, frame)
                } else {
                    match otherwise {
                        Some(otherwise) => self.tail(otherwise, input, frame),
                        None => Ok(Outcome::Value(Value::Undefined)),
                    }
                }
            }
            Kind::Block(expressions) if plain => {
                let Some((last, before)) = expressions.split_last() else {
                    return Ok(Outcome::Value(Value::Undefined));
                };
                let own = Frame::within(frame);
                for expression in before {
                    self.evaluate(expression, input, &own)?;
                }
                self.tail(last, input, &own)
            }
            Kind::Call(procedure, arguments) if plain => {
                let (function, values, name) =
                    self.prepare(procedure, arguments, None, input, frame)?;
                if matches!(&*function, Function::Closure(_)) {
                    return Ok(Outcome::Call(function, values, name));
                }
                let result = self.apply_named(&function, values, input, &name)?;
                Ok(Outcome::Value(result.settled()))
            }
            _ => self.evaluate_deeper(node, input, frame).map(Outcome::Value),
        }
    }

    pub(crate) fn partial(
        &mut self,
        procedure: &Node,
        arguments: &[Node],
        input: &Value,
        frame: &Rc<Frame>,
    ) -> Result<Value, Error> {
        let mut given = Vec::with_capacity(arguments.len());
        for argument in arguments {
            given.push(match argument.kind {
                Kind::Placeholder => None,
                _ => Some(self.evaluate(argument, input, frame)?),
            });
        }
        let called = self.evaluate(procedure, input, frame)?;
        match called {
            Value::Function(function) => Ok(Value::Function(Rc::new(Function::Partial {
                function,
                arguments: given,
            }))),
            Value::Undefined => match crate::paths::single_name(procedure) {
                Some(name) if !self.variable(name, frame).is_undefined() => Err(Error::new(
                    "T1007",
                    format!("Attempted to partially apply a non-function. Did you mean ${name}?"),
                )),
                _ => Err(Error::new(
                    "T1008",
                    "Attempted to partially apply a non-function",
                )),
            },
            _ => Err(Error::new(
                "T1008",
                "Attempted to partially apply a non-function",
            )),
        }
    }

    /// `left ~> right`.
    pub(crate) fn chain(
        &mut self,
        left: &Node,
        right: &Node,
        input: &Value,
        frame: &Rc<Frame>,
    ) -> Result<Value, Error> {
        let value = self.evaluate(left, input, frame)?;
        if let Kind::Call(procedure, arguments) = &right.kind
            && right.predicates.is_empty()
        {
            return self.call(procedure, arguments, Some(value), input, frame);
        }
        match (value, self.evaluate(right, input, frame)?) {
            (Value::Function(first), Value::Function(second)) => Ok(Value::Function(Rc::new(
                Function::Composition(first, second),
            ))),
            (value, Value::Function(function)) => self.apply(&function, vec![value]),
            _ => Err(Error::new(
                "T2006",
                "The right side of the function application operator ~> must be a function",
            )),
        }
    }

    /// `|pattern|update, delete|` on a copy of a value.
    fn transform(
        &mut self,
        transform: &crate::ast::Transform,
        value: Value,
        frame: &Rc<Frame>,
    ) -> Result<Value, Error> {
        if value.is_undefined() {
            return Ok(value);
        }
        if !matches!(value, Value::Object(_) | Value::List(_)) {
            return Err(Error::new(
                "T0410",
                format!(
                    "Argument 1 of function {} does not match function signature",
                    quoted("")
                ),
            ));
        }
        // Objects are the same ones by where they are, so every one must be there once.
        let value = functions::deep_copy(&value);
        let matches = self.evaluate(&transform.pattern, &value, frame)?;
        let mut changes: Vec<(Rc<crate::value::Members>, Value)> = Vec::new();
        for found in matches.items() {
            let Value::Object(members) = found else {
                continue;
            };
            let mut changed = (**members).clone();
            match self.evaluate(&transform.update, found, frame)? {
                Value::Undefined => {}
                Value::Object(update) => changed.extend(
                    update
                        .iter()
                        .map(|(name, value)| (Arc::clone(name), value.clone())),
                ),
                other => {
                    return Err(Error::new(
                        "T2011",
                        format!(
                            "The insert/update clause of the transform expression must evaluate to an object: {}",
                            crate::evaluator::shown(&other)
                        ),
                    ));
                }
            }
            if let Some(delete) = &transform.delete {
                let names = self.evaluate(delete, found, frame)?;
                for name in names.items() {
                    let Value::Text(name) = name else {
                        return Err(Error::new(
                            "T2012",
                            format!(
                                "The delete clause of the transform expression must evaluate to a string or array of strings: {}",
                                crate::evaluator::shown(&names)
                            ),
                        ));
                    };
                    changed.shift_remove(name);
                }
            }
            changes.push((Rc::clone(members), Value::object(changed)));
        }
        Ok(functions::replaced(&value, &changes))
    }
}
