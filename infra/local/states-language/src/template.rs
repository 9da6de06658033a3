//! Payload templates: JSON in which a field `"name.$"` takes the value of an expression. `Parameters`, `ResultSelector`,
//! `ItemSelector`, `Assign` and `Credentials` are templates.

use serde_json::{Map, Value};

use crate::expression::Expression;
use crate::jsonpath::PathError;
use crate::scope::{EvaluationError, Scope};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Template {
    Literal(Value),
    List(Vec<Template>),
    Object(Vec<(String, Template)>),
    /// The field as written, with its `.$`, and the expression.
    Expression(String, Expression),
}

/// A template's field that has no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{error}")]
pub(crate) struct TemplateError {
    /// With its `.$`.
    pub(crate) field: String,
    pub(crate) error: EvaluationError,
}

impl Template {
    /// Reads a template. Every field that ends in `.$` but holds no expression is handed to `invalid`.
    pub(crate) fn read(value: &Value, invalid: &mut dyn FnMut(&str)) -> Self {
        match value {
            Value::Object(object) => {
                let mut fields = Vec::with_capacity(object.len());
                let mut constant = true;
                for (name, value) in object {
                    let template = match name.strip_suffix(".$") {
                        Some(plain) => {
                            constant = false;
                            match value.as_str().map(Expression::parse) {
                                Some(Ok(expression)) => {
                                    fields.push((
                                        plain.to_owned(),
                                        Self::Expression(name.clone(), expression),
                                    ));
                                }
                                _ => invalid(name),
                            }
                            continue;
                        }
                        None => Self::read(value, invalid),
                    };
                    constant &= matches!(template, Self::Literal(_));
                    fields.push((name.clone(), template));
                }
                if constant {
                    Self::Literal(value.clone())
                } else {
                    Self::Object(fields)
                }
            }
            Value::Array(values) => {
                let items: Vec<Self> = values
                    .iter()
                    .map(|value| Self::read(value, invalid))
                    .collect();
                if items.iter().all(|item| matches!(item, Self::Literal(_))) {
                    Self::Literal(value.clone())
                } else {
                    Self::List(items)
                }
            }
            _ => Self::Literal(value.clone()),
        }
    }

    pub(crate) fn evaluate(&self, scope: &mut Scope<'_>) -> Result<Value, TemplateError> {
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(item.evaluate(scope)?);
                }
                Value::Array(values)
            }
            Self::Object(fields) => {
                let mut object = Map::with_capacity(fields.len());
                for (name, template) in fields {
                    object.insert(name.clone(), template.evaluate(scope)?);
                }
                Value::Object(object)
            }
            Self::Expression(field, expression) => match expression.evaluate(scope) {
                Ok(value) => value,
                // An index beyond a list reads as null here, on AWS too.
                Err(EvaluationError::Path {
                    error: PathError::OutOfBounds(_),
                    ..
                }) => Value::Null,
                Err(error) => {
                    return Err(TemplateError {
                        field: field.clone(),
                        error,
                    });
                }
            },
        })
    }

    /// The fields of an object template at its top level, without `.$`.
    pub(crate) fn field_names(&self) -> Vec<&str> {
        match self {
            Self::Literal(Value::Object(object)) => object.keys().map(String::as_str).collect(),
            Self::Object(fields) => fields.iter().map(|(name, _)| name.as_str()).collect(),
            _ => Vec::new(),
        }
    }
}
