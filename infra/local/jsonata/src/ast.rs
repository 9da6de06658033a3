//! The tree of a parsed expression, which evaluations share. The parser makes it; the evaluator walks it.

use std::sync::Arc;

use regex::Regex;

use crate::signature::Signature;

/// A node, with what may stand on any of them.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// `[…]` after a node that is no path.
    pub(crate) predicates: Vec<Stage>,
    /// `[…]` and `#$i` after a step of a path.
    pub(crate) stages: Vec<Stage>,
    /// `{…}` after it.
    pub(crate) group: Option<Vec<(Node, Node)>>,
    /// `[]` after it: one value stays a list.
    pub(crate) keep_array: bool,
    /// `@$v`.
    pub(crate) focus: Option<Arc<str>>,
    /// `#$i`.
    pub(crate) index: Option<Arc<str>>,
    /// The slot under which a `%` further on finds this step's input.
    pub(crate) ancestor: Option<usize>,
    /// Whether bindings go along from here.
    pub(crate) tuple: bool,
    /// A list constructor at either end of a path, which is not flattened.
    pub(crate) cons: bool,
    /// Slots of `%` that this node has not found the parents of.
    pub(crate) seeking: Vec<usize>,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Name(Arc<str>),
    Text(Arc<str>),
    Number(f64),
    Bool(bool),
    Null,
    Regex(Arc<Regex>),
    /// `$` is the empty name, `$$` the name `$`.
    Variable(Arc<str>),
    Wildcard,
    Descendant,
    Parent(usize),
    Binary(Operator, Box<Node>, Box<Node>),
    Negate(Box<Node>),
    List(Vec<Node>),
    Object(Vec<(Node, Node)>),
    Block(Vec<Node>),
    Condition(Box<Node>, Box<Node>, Option<Box<Node>>),
    Bind(Arc<str>, Box<Node>),
    Path {
        steps: Vec<Node>,
        keep_singleton: bool,
    },
    Sort(Vec<SortTerm>),
    Call(Box<Node>, Vec<Node>),
    /// A call with `?` among its arguments.
    Partial(Box<Node>, Vec<Node>),
    Placeholder,
    Lambda(Arc<Lambda>),
    Apply(Box<Node>, Box<Node>),
    Transform(Arc<Transform>),
}

#[derive(Debug, Clone)]
pub(crate) enum Stage {
    Filter(Node),
    Index(Arc<str>),
}

#[derive(Debug, Clone)]
pub(crate) struct SortTerm {
    pub(crate) descending: bool,
    pub(crate) by: Node,
}

#[derive(Debug)]
pub(crate) struct Lambda {
    pub(crate) parameters: Vec<Arc<str>>,
    pub(crate) signature: Option<Signature>,
    pub(crate) body: Node,
}

#[derive(Debug)]
pub(crate) struct Transform {
    pub(crate) pattern: Node,
    pub(crate) update: Node,
    pub(crate) delete: Option<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Concatenate,
    And,
    Or,
    In,
    Range,
}

impl Operator {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Concatenate => "&",
            Self::And => "and",
            Self::Or => "or",
            Self::In => "in",
            Self::Range => "..",
        }
    }
}

impl Node {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            predicates: Vec::new(),
            stages: Vec::new(),
            group: None,
            keep_array: false,
            focus: None,
            index: None,
            ancestor: None,
            tuple: false,
            cons: false,
            seeking: Vec::new(),
        }
    }

    pub(crate) fn path(steps: Vec<Node>) -> Self {
        Self::new(Kind::Path {
            steps,
            keep_singleton: false,
        })
    }
}
