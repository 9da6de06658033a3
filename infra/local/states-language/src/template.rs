//! Payload templates: JSON in which a field `"name.$"` takes the value of an expression. `Parameters`, `ResultSelector`,
//! `ItemSelector`, `Assign` and `Credentials` are templates; in JSONata mode, where any text may be a query instead, so are
//! `Arguments`, `Output` and `Items`.

use serde_json::{Map, Value};

use crate::expression::Expression;
use crate::jsonata::{Invalid, Query};
use crate::jsonpath::PathError;
use crate::scope::{EvaluationError, Scope};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Template {
    Literal(Value),
    List(Vec<Template>),
    /// The fields, and the object with nothing in them, which is copied sooner than made.
    Object(Vec<(String, Template)>, Map<String, Value>),
    /// The field as written, with its `.$`, and the expression.
    Expression(String, Expression),
    /// A text `{% … %}` of JSONata mode.
    Query(Query),
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
                    Self::object(fields)
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

    /// Reads a template of JSONata mode. `field` is where it stands: `Output`, `Output/total`, `Output/list[0]`. Whatever is
    /// no query that AWS takes is handed to `invalid`, with the place.
    pub(crate) fn read_queries(
        value: &Value,
        field: &str,
        invalid: &mut dyn FnMut(&str, Invalid),
    ) -> Self {
        match value {
            Value::Object(object) => {
                let fields: Vec<(String, Self)> = object
                    .iter()
                    .map(|(name, value)| {
                        let inner = format!("{field}/{name}");
                        (name.clone(), Self::read_queries(value, &inner, invalid))
                    })
                    .collect();
                if fields.iter().all(|(_, inner)| inner.is_literal()) {
                    Self::Literal(value.clone())
                } else {
                    Self::object(fields)
                }
            }
            Value::Array(values) => {
                let items: Vec<Self> = values
                    .iter()
                    .enumerate()
                    .map(|(position, value)| {
                        Self::read_queries(value, &format!("{field}[{position}]"), invalid)
                    })
                    .collect();
                if items.iter().all(Self::is_literal) {
                    Self::Literal(value.clone())
                } else {
                    Self::List(items)
                }
            }
            Value::String(text) => {
                match Query::delimited(text).map(|text| Query::parse(text, field)) {
                    None => Self::Literal(value.clone()),
                    Some(Ok(query)) => Self::Query(query),
                    Some(Err(found)) => {
                        for one in found {
                            invalid(field, one);
                        }
                        Self::Literal(Value::Null)
                    }
                }
            }
            _ => Self::Literal(value.clone()),
        }
    }

    fn object(fields: Vec<(String, Self)>) -> Self {
        let names = fields.iter().map(|(name, _)| name.clone());
        let empty = names.map(|name| (name, Value::Null)).collect();
        Self::Object(fields, empty)
    }

    fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }

    /// Every query in the template.
    pub(crate) fn queries<'t>(&'t self, found: &mut Vec<&'t Query>) {
        match self {
            Self::List(items) => items.iter().for_each(|item| item.queries(found)),
            Self::Object(fields, _) => fields.iter().for_each(|(_, field)| field.queries(found)),
            Self::Query(query) => found.push(query),
            Self::Literal(_) | Self::Expression(..) => {}
        }
    }

    pub(crate) fn evaluate(&self, scope: &mut Scope<'_>) -> Result<Value, TemplateError> {
        let mut value = Value::Null;
        self.evaluate_into(scope, &mut value)?;
        Ok(value)
    }

    /// Puts the value where it will stay, for values are large; what is there after an error does not count.
    pub(crate) fn evaluate_into(
        &self,
        scope: &mut Scope<'_>,
        place: &mut Value,
    ) -> Result<(), TemplateError> {
        match self {
            Self::Literal(value) => *place = value.clone(),
            Self::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(item.evaluate(scope)?);
                }
                *place = Value::Array(values);
            }
            Self::Object(fields, empty) => {
                *place = Value::Object(empty.clone());
                let Value::Object(object) = place else {
                    return Ok(());
                };
                if object.len() == fields.len() {
                    for (place, (_, template)) in object.values_mut().zip(fields) {
                        template.evaluate_into(scope, place)?;
                    }
                } else {
                    // Of a field that is there with and without its `.$` the last counts.
                    for (name, template) in fields {
                        object.insert(name.clone(), template.evaluate(scope)?);
                    }
                }
            }
            Self::Expression(field, expression) => match expression.evaluate(scope) {
                Ok(value) => *place = value,
                // An index beyond a list reads as null here, on AWS too.
                Err(EvaluationError::Path {
                    error: PathError::OutOfBounds(_),
                    ..
                }) => *place = Value::Null,
                Err(error) => {
                    return Err(TemplateError {
                        field: field.clone(),
                        error,
                    });
                }
            },
            Self::Query(query) => {
                *place = query.evaluate(scope).map_err(|error| TemplateError {
                    field: String::new(),
                    error,
                })?;
            }
        }
        Ok(())
    }

    /// The fields of an object template at its top level, without `.$`.
    pub(crate) fn field_names(&self) -> Vec<&str> {
        match self {
            Self::Literal(Value::Object(object)) => object.keys().map(String::as_str).collect(),
            Self::Object(fields, _) => fields.iter().map(|(name, _)| name.as_str()).collect(),
            _ => Vec::new(),
        }
    }
}
