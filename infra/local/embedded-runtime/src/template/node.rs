//! A value of the template that knows its place: what the YAML reader builds, the evaluator consumes and, free of
//! intrinsic functions, returns.

use serde_json::{Map, Number, Value};

use crate::problem::{Position, Problem};

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub position: Position,
    /// What it is.
    pub kind: Kind,
}

/// The kinds of values.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// An integer or a fraction.
    Number(Number),
    /// Text.
    String(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in its order.
    Map(Vec<Entry>),
    /// A call of an intrinsic function, from its short or its long form.
    Call(Intrinsic, Box<Node>),
}

/// One key of a mapping with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is.
    pub position: Position,
    /// Its value.
    pub value: Node,
}

/// CloudFormation's intrinsic functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intrinsic {
    /// `Ref`.
    Ref,
    /// `Fn::GetAtt`.
    GetAtt,
    /// `Fn::Sub`.
    Sub,
    /// `Fn::Join`.
    Join,
    /// `Fn::Select`.
    Select,
    /// `Fn::Split`.
    Split,
    /// `Fn::FindInMap`.
    FindInMap,
    /// `Fn::If`.
    If,
    /// `Fn::Equals`.
    Equals,
    /// `Fn::And`.
    And,
    /// `Fn::Or`.
    Or,
    /// `Fn::Not`.
    Not,
    /// `Fn::EachMemberEquals`, in rules.
    EachMemberEquals,
    /// `Condition` inside a condition.
    Condition,
    /// One that this runtime does not evaluate, by its long name.
    Unsupported(String),
}

impl Intrinsic {
    /// From the tag of a short form, without the exclamation mark.
    pub(crate) fn from_tag(tag: &str) -> Self {
        match tag {
            "Ref" => Self::Ref,
            "Condition" => Self::Condition,
            other => Self::from_function(&format!("Fn::{other}")),
        }
    }

    /// From the key of a long form; `None` when the key is an ordinary one.
    pub(crate) fn from_key(key: &str) -> Option<Self> {
        match key {
            "Ref" => Some(Self::Ref),
            key if key.starts_with("Fn::") => Some(Self::from_function(key)),
            _ => None,
        }
    }

    fn from_function(name: &str) -> Self {
        match name {
            "Fn::GetAtt" => Self::GetAtt,
            "Fn::Sub" => Self::Sub,
            "Fn::Join" => Self::Join,
            "Fn::Select" => Self::Select,
            "Fn::Split" => Self::Split,
            "Fn::FindInMap" => Self::FindInMap,
            "Fn::If" => Self::If,
            "Fn::Equals" => Self::Equals,
            "Fn::And" => Self::And,
            "Fn::Or" => Self::Or,
            "Fn::Not" => Self::Not,
            "Fn::EachMemberEquals" => Self::EachMemberEquals,
            other => Self::Unsupported(other.to_owned()),
        }
    }

    /// The long name.
    pub fn name(&self) -> &str {
        match self {
            Self::Ref => "Ref",
            Self::GetAtt => "Fn::GetAtt",
            Self::Sub => "Fn::Sub",
            Self::Join => "Fn::Join",
            Self::Select => "Fn::Select",
            Self::Split => "Fn::Split",
            Self::FindInMap => "Fn::FindInMap",
            Self::If => "Fn::If",
            Self::Equals => "Fn::Equals",
            Self::And => "Fn::And",
            Self::Or => "Fn::Or",
            Self::Not => "Fn::Not",
            Self::EachMemberEquals => "Fn::EachMemberEquals",
            Self::Condition => "Condition",
            Self::Unsupported(name) => name,
        }
    }
}

impl Node {
    /// Text at a place.
    pub fn string(position: Position, text: impl Into<String>) -> Self {
        let kind = Kind::String(text.into());
        Self { position, kind }
    }

    /// A problem at this value.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        self.position.problem(message)
    }

    /// The value of a key, when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    }

    /// The entries of a mapping.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items of a sequence.
    pub fn items(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text that CloudFormation makes of a scalar.
    pub fn scalar_text(&self) -> Option<String> {
        match &self.kind {
            Kind::String(text) => Some(text.clone()),
            Kind::Bool(value) => Some(value.to_string()),
            Kind::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// In words, for messages.
    pub fn kind_name(&self) -> &str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::String(_) => "a string",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Call(intrinsic, _) => intrinsic.name(),
        }
    }

    /// The value as JSON. A call that is left becomes its long form.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::String(text) => Value::String(text.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Kind::Map(entries) => {
                let members = entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()));
                Value::Object(members.collect())
            }
            Kind::Call(intrinsic, argument) => {
                let mut call = Map::new();
                call.insert(intrinsic.name().to_owned(), argument.to_json());
                Value::Object(call)
            }
        }
    }
}
