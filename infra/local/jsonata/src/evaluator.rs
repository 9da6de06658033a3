//! Walks an expression's tree. What belongs to paths is in [`crate::path_steps`], what calls functions in [`crate::calls`].

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::ast::{Kind, Node, Stage};
use crate::error::{Error, quoted};
use crate::functions::{self, Function};
use crate::value::{List, Members, Tuple, Value, truthy};
use crate::{Host, Limits};

/// Names and what they are bound to, within those around them.
#[derive(Default)]
pub(crate) struct Frame {
    bindings: RefCell<Vec<(Arc<str>, Value)>>,
    parent: Option<Rc<Frame>>,
}

impl Frame {
    pub(crate) fn within(parent: &Rc<Frame>) -> Rc<Self> {
        Rc::new(Self {
            bindings: RefCell::default(),
            parent: Some(Rc::clone(parent)),
        })
    }

    pub(crate) fn bind(&self, name: &Arc<str>, value: Value) {
        let mut bindings = self.bindings.borrow_mut();
        match bindings.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => bindings.push((Arc::clone(name), value)),
        }
    }

    fn find(&self, name: &str) -> Option<Value> {
        let mut frame = Some(self);
        while let Some(current) = frame {
            let bindings = current.bindings.borrow();
            if let Some((_, value)) = bindings.iter().find(|(known, _)| &**known == name) {
                return Some(value.clone());
            }
            frame = current.parent.as_deref();
        }
        None
    }
}

pub(crate) struct Evaluator<'e> {
    pub(crate) host: &'e mut dyn Host,
    labels: &'e [usize],
    pub(crate) limits: Limits,
    depth: usize,
    steps: u64,
    /// Frames that hold functions, which may hold the frames.
    knots: Vec<Rc<Frame>>,
}

impl Drop for Evaluator<'_> {
    fn drop(&mut self) {
        for frame in self.knots.drain(..) {
            let bindings = std::mem::take(&mut *frame.bindings.borrow_mut());
            drop(bindings);
        }
    }
}

impl<'e> Evaluator<'e> {
    pub(crate) fn new(host: &'e mut dyn Host, labels: &'e [usize], limits: Limits) -> Self {
        Self {
            host,
            labels,
            limits,
            depth: 0,
            steps: 0,
            knots: Vec::new(),
        }
    }

    pub(crate) fn run(
        &mut self,
        node: &Node,
        input: Value,
        bindings: Vec<(Arc<str>, Value)>,
    ) -> Result<Value, Error> {
        let frame = Rc::new(Frame {
            bindings: RefCell::new(bindings),
            parent: None,
        });
        frame.bind(&"$".into(), input.clone());
        // A list as input is one context, not many.
        let input = match input {
            Value::List(_) => Value::List(Rc::new(List {
                items: vec![input],
                sequence: true,
                outer: true,
                ..List::default()
            })),
            other => other,
        };
        self.evaluate(node, &input, &frame)
    }

    /// A list, unless it is longer than the limit.
    pub(crate) fn limited(&self, items: Vec<Value>) -> Result<Vec<Value>, Error> {
        if items.len() > self.limits.sequence {
            Err(Error::memory())
        } else {
            Ok(items)
        }
    }

    pub(crate) fn most_items(&self) -> usize {
        self.limits.sequence
    }

    /// One more step of work; the last one is an error.
    pub(crate) fn tick(&mut self) -> Result<(), Error> {
        self.steps += 1;
        if self.steps > self.limits.steps {
            Err(Error::time())
        } else {
            Ok(())
        }
    }

    pub(crate) fn evaluate(
        &mut self,
        node: &Node,
        input: &Value,
        frame: &Rc<Frame>,
    ) -> Result<Value, Error> {
        self.deeper(|evaluator| evaluator.evaluate_deeper(node, input, frame))
    }

    /// One level deeper.
    pub(crate) fn deeper<R>(
        &mut self,
        evaluate: impl FnOnce(&mut Self) -> Result<R, Error>,
    ) -> Result<R, Error> {
        self.tick()?;
        if self.depth >= self.limits.depth {
            return Err(Error::stack());
        }
        self.depth += 1;
        let result = evaluate(self);
        self.depth -= 1;
        result
    }

    pub(crate) fn evaluate_deeper(
        &mut self,
        node: &Node,
        input: &Value,
        frame: &Rc<Frame>,
    ) -> Result<Value, Error> {
        let mut result = self.kind(node, input, frame)?;
        for stage in &node.predicates {
            if let Stage::Filter(predicate) = stage {
                result = self.filter(predicate, result, frame)?;
            }
        }
        if !matches!(node.kind, Kind::Path { .. })
            && let Some(group) = &node.group
        {
            result = self.group(group, &result, frame)?;
        }
        Ok(match result {
            Value::List(mut list) if list.sequence && !list.tuples => {
                if node.keep_array && !list.keep {
                    Rc::make_mut(&mut list).keep = true;
                }
                Value::List(list).settled()
            }
            other => other,
        })
    }

    fn kind(&mut self, node: &Node, input: &Value, frame: &Rc<Frame>) -> Result<Value, Error> {
        match &node.kind {
            Kind::Path {
                steps,
                keep_singleton,
            } => self.path(node, steps, *keep_singleton, input, frame),
            Kind::Name(name) => Ok(lookup(input, name)),
            Kind::Text(text) => Ok(Value::Text(Arc::clone(text))),
            Kind::Number(number) => Ok(Value::Number(*number)),
            Kind::Bool(bool) => Ok(Value::Bool(*bool)),
            Kind::Null => Ok(Value::Null),
            Kind::Regex(regex) => Ok(Value::Function(Rc::new(Function::Regex(Arc::clone(regex))))),
            Kind::Variable(name) if name.is_empty() => Ok(match input {
                Value::List(list) if list.outer => list.items.first().cloned().unwrap_or_default(),
                other => other.clone(),
            }),
            Kind::Variable(name) => Ok(self.variable(name, frame)),
            Kind::Wildcard => Ok(wildcard(input)),
            Kind::Descendant => Ok(descendants(input)),
            Kind::Parent(slot) => {
                let label = format!("!{}", self.labels[*slot]);
                Ok(frame.find(&label).unwrap_or_default())
            }
            Kind::Binary(operator, left, right) => {
                self.binary(*operator, left, right, input, frame)
            }
            Kind::Negate(operand) => match self.evaluate(operand, input, frame)? {
                Value::Undefined => Ok(Value::Undefined),
                Value::Number(number) => Ok(Value::Number(-number)),
                other => Err(Error::new(
                    "D1002",
                    format!("Cannot negate a non-numeric value: {}", shown(&other)),
                )),
            },
            Kind::List(items) => self.list(node, items, input, frame),
            Kind::Object(members) => self.group(members, input, frame),
            Kind::Block(expressions) => {
                let frame = Frame::within(frame);
                let mut last = Value::Undefined;
                for expression in expressions {
                    last = self.evaluate(expression, input, &frame)?;
                }
                Ok(last)
            }
            Kind::Condition(condition, then, otherwise) => {
                if truthy(&self.evaluate(condition, input, frame)?) {
                    self.evaluate(then, input, frame)
                } else {
                    match otherwise {
                        Some(otherwise) => self.evaluate(otherwise, input, frame),
                        None => Ok(Value::Undefined),
                    }
                }
            }
            Kind::Bind(name, value) => {
                let value = self.evaluate(value, input, frame)?;
                if value.is_function() {
                    self.knots.push(Rc::clone(frame));
                }
                frame.bind(name, value.clone());
                Ok(value)
            }
            Kind::Call(procedure, arguments) => self.call(procedure, arguments, None, input, frame),
            Kind::Partial(procedure, arguments) => self.partial(procedure, arguments, input, frame),
            Kind::Lambda(lambda) => Ok(functions::closure(lambda, input, frame)),
            Kind::Apply(left, right) => self.chain(left, right, input, frame),
            Kind::Transform(transform) => Ok(functions::transform(transform, frame)),
            Kind::Sort(_) | Kind::Placeholder => Ok(Value::Undefined),
        }
    }

    pub(crate) fn variable(&self, name: &str, frame: &Frame) -> Value {
        frame
            .find(name)
            .or_else(|| {
                self.host
                    .function(name)
                    .map(|function| Value::Function(Rc::new(Function::Host(function))))
            })
            .or_else(|| functions::builtin(name))
            .unwrap_or_default()
    }

    fn list(
        &mut self,
        node: &Node,
        items: &[Node],
        input: &Value,
        frame: &Rc<Frame>,
    ) -> Result<Value, Error> {
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            let value = self.evaluate(item, input, frame)?;
            match value {
                Value::Undefined => {}
                Value::List(inner) if !matches!(item.kind, Kind::List(_)) => {
                    list.extend(inner.items.iter().cloned())
                }
                one => list.push(one),
            }
            list = self.limited(list)?;
        }
        Ok(Value::List(Rc::new(List {
            items: list,
            cons: node.cons,
            ..List::default()
        })))
    }

    /// `{name: value}`, over every item of the input; values of one name are gathered first.
    pub(crate) fn group(
        &mut self,
        members: &[(Node, Node)],
        input: &Value,
        frame: &Rc<Frame>,
    ) -> Result<Value, Error> {
        struct Group {
            data: Value,
            member: usize,
        }
        let nothing = [Value::Undefined];
        let (items, tuples) = match input {
            Value::List(list) if list.items.is_empty() => (&nothing[..], false),
            Value::List(list) => (&list.items[..], list.tuples),
            one => (std::slice::from_ref(one), false),
        };
        let mut groups: indexmap::IndexMap<Arc<str>, Group> = indexmap::IndexMap::new();
        for item in items {
            let (context, own) = self.context_of(item, tuples, frame);
            for (position, (name, _)) in members.iter().enumerate() {
                let name = match self.evaluate(name, &context, &own)? {
                    Value::Undefined => continue,
                    Value::Text(name) => name,
                    other => {
                        return Err(Error::new(
                            "T1003",
                            format!(
                                "Key in object structure must evaluate to a string; got: {}",
                                shown(&other)
                            ),
                        ));
                    }
                };
                match groups.entry(name) {
                    indexmap::map::Entry::Vacant(entry) => {
                        entry.insert(Group {
                            data: item.clone(),
                            member: position,
                        });
                    }
                    indexmap::map::Entry::Occupied(mut entry) => {
                        if entry.get().member != position {
                            let name = quoted(entry.key());
                            return Err(Error::new(
                                "D1009",
                                format!("Multiple key definitions evaluate to same key: {name}"),
                            ));
                        }
                        let data = std::mem::take(&mut entry.get_mut().data);
                        entry.get_mut().data = append(data, item.clone());
                    }
                }
            }
        }
        let mut object = Members::with_capacity(groups.len());
        for (name, group) in groups {
            let (context, own) = if tuples {
                let reduced = reduce(&group.data);
                self.context_of(&reduced, true, frame)
            } else {
                (group.data, Rc::clone(frame))
            };
            let value = self.evaluate(&members[group.member].1, &context, &own)?;
            if !value.is_undefined() {
                object.insert(name, value);
            }
        }
        Ok(Value::object(object))
    }

    /// An item's context and the frame with its bindings.
    pub(crate) fn context_of(
        &self,
        item: &Value,
        tuples: bool,
        frame: &Rc<Frame>,
    ) -> (Value, Rc<Frame>) {
        match item {
            Value::Tuple(tuple) if tuples => {
                let own = Frame::within(frame);
                own.bindings
                    .borrow_mut()
                    .extend(tuple.bindings.iter().cloned());
                (tuple.context.clone(), own)
            }
            other => (other.clone(), Rc::clone(frame)),
        }
    }

    pub(crate) fn label(&self, slot: usize) -> Arc<str> {
        format!("!{}", self.labels[slot]).into()
    }
}

/// What a name leads to: a member, or the members of all items.
pub(crate) fn lookup(input: &Value, name: &str) -> Value {
    match input {
        Value::Object(members) => members.get(name).cloned().unwrap_or_default(),
        Value::List(list) => {
            let mut found = Vec::new();
            for item in &list.items {
                match lookup(item, name) {
                    Value::Undefined => {}
                    Value::List(inner) => found.extend(inner.items.iter().cloned()),
                    one => found.push(one),
                }
            }
            Value::sequence(found)
        }
        Value::Tuple(tuple) => lookup(&tuple.context, name),
        _ => Value::Undefined,
    }
}

fn wildcard(input: &Value) -> Value {
    fn flatten(value: &Value, found: &mut Vec<Value>) {
        match value {
            Value::List(list) => list.items.iter().for_each(|item| flatten(item, found)),
            one => found.push(one.clone()),
        }
    }
    let mut found = Vec::new();
    match input {
        Value::List(list) if list.outer => {
            return wildcard(list.items.first().unwrap_or(&Value::Undefined));
        }
        Value::List(list) => list.items.iter().for_each(|item| flatten(item, &mut found)),
        Value::Object(members) => members
            .values()
            .for_each(|value| flatten(value, &mut found)),
        _ => {}
    }
    Value::sequence(found)
}

fn descendants(input: &Value) -> Value {
    fn gather(value: &Value, found: &mut Vec<Value>) {
        match value {
            Value::Undefined => {}
            Value::List(list) => list.items.iter().for_each(|item| gather(item, found)),
            Value::Object(members) => {
                found.push(value.clone());
                members.values().for_each(|inner| gather(inner, found));
            }
            one => found.push(one.clone()),
        }
    }
    let mut found = Vec::new();
    gather(input, &mut found);
    Value::sequence(found)
}

/// One list of what two values hold.
pub(crate) fn append(left: Value, right: Value) -> Value {
    if left.is_undefined() {
        return right;
    }
    if right.is_undefined() {
        return left;
    }
    let mut items = left.items().to_vec();
    items.extend_from_slice(right.items());
    Value::list(items)
}

/// The tuples of one group as one tuple.
fn reduce(tuples: &Value) -> Value {
    let mut whole: Option<Tuple> = None;
    for item in tuples.items() {
        let Value::Tuple(tuple) = item else {
            continue;
        };
        match &mut whole {
            None => whole = Some((**tuple).clone()),
            Some(whole) => {
                whole.context = append(std::mem::take(&mut whole.context), tuple.context.clone());
                for (name, value) in &tuple.bindings {
                    let old = whole.bindings.iter().find(|(known, _)| known == name);
                    let old = old.map(|(_, value)| value.clone()).unwrap_or_default();
                    whole.bind(name, append(old, value.clone()));
                }
            }
        }
    }
    whole.map_or(Value::Undefined, |tuple| Value::Tuple(Rc::new(tuple)))
}

/// A value as messages show it.
pub(crate) fn shown(value: &Value) -> String {
    value
        .to_json()
        .map_or_else(|| "undefined".to_owned(), |json| json.to_string())
}
