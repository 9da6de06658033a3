//! The fields of one object in a definition. Readers take the fields that they know; what is left at the end is unknown.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::{Diagnostics, Names, Object};
use crate::DiagnosticCode;
use crate::choice_rule::Test;
use crate::expression::Expression;
use crate::jsonata::Query;
use crate::jsonpath::Path;
use crate::machine::{QueryLanguage, StateId};
use crate::template::Template;

/// What a field that nobody knows may have been meant for.
const JSONATA_ONLY: [&str; 4] = ["Arguments", "Output", "Items", "Condition"];

pub(crate) struct Fields<'d> {
    object: &'d Object,
    location: String,
    known: Vec<String>,
    language: QueryLanguage,
    /// Where the object stands in its state, for the names of fields in errors: `Catch[0]/`; nothing for the state itself.
    within: String,
}

impl<'d> Fields<'d> {
    /// `None`, with a diagnostic, if the value is not an object.
    pub(crate) fn of(
        value: &'d Value,
        location: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let Some(object) = value.as_object() else {
            diagnostics.error(location, "Expected value of type Object");
            return None;
        };
        Some(Self {
            object,
            location: location.to_owned(),
            known: Vec::new(),
            language: QueryLanguage::JsonPath,
            within: String::new(),
        })
    }

    /// The language of the state that the fields belong to.
    pub(crate) fn language(&self) -> QueryLanguage {
        self.language
    }

    pub(crate) fn set_language(&mut self, language: QueryLanguage) {
        self.language = language;
    }

    /// The field for what a resource is called with.
    pub(crate) fn arguments_field(&self) -> &'static str {
        match self.language {
            QueryLanguage::JsonPath => "Parameters",
            QueryLanguage::Jsonata => "Arguments",
        }
    }

    /// A field as AWS names it in the errors of its state.
    pub(crate) fn name_in_state(&self, field: &str) -> String {
        format!("{}{field}", self.within)
    }

    /// The fields of one object of a list.
    pub(crate) fn item(
        &self,
        field: &str,
        position: usize,
        value: &'d Value,
        diagnostics: &mut Diagnostics,
    ) -> Option<Fields<'d>> {
        let location = format!("{}[{position}]", self.at(field));
        let mut item = Fields::of(value, &location, diagnostics)?;
        item.language = self.language;
        item.within = format!("{}[{position}]/", self.name_in_state(field));
        Some(item)
    }

    pub(crate) fn location(&self) -> &str {
        &self.location
    }

    /// The location of a field.
    pub(crate) fn at(&self, field: &str) -> String {
        match self.location.as_str() {
            "/" => format!("/{field}"),
            location => format!("{location}/{field}"),
        }
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    /// All names, also those that nobody knows.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        self.object.keys().map(String::as_str)
    }

    pub(crate) fn value(&mut self, field: &str) -> Option<&'d Value> {
        self.known.push(field.to_owned());
        self.object.get(field)
    }

    /// A field of a type; a diagnostic if it has another.
    fn typed<T>(
        &mut self,
        field: &str,
        expected: &str,
        convert: impl FnOnce(&'d Value) -> Option<T>,
        diagnostics: &mut Diagnostics,
    ) -> Option<T> {
        let value = self.value(field)?;
        let converted = convert(value);
        if converted.is_none() {
            diagnostics.error(self.at(field), format!("Expected value of type {expected}"));
        }
        converted
    }

    pub(crate) fn text(&mut self, field: &str, diagnostics: &mut Diagnostics) -> Option<&'d str> {
        self.typed(field, "String", Value::as_str, diagnostics)
    }

    pub(crate) fn boolean(&mut self, field: &str, diagnostics: &mut Diagnostics) -> Option<bool> {
        self.typed(field, "Boolean", Value::as_bool, diagnostics)
    }

    pub(crate) fn object(
        &mut self,
        field: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<&'d Object> {
        self.typed(field, "Object", Value::as_object, diagnostics)
    }

    pub(crate) fn list(
        &mut self,
        field: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<&'d [Value]> {
        self.typed(
            field,
            "Array",
            |value| value.as_array().map(Vec::as_slice),
            diagnostics,
        )
    }

    /// The fields of an object within.
    pub(crate) fn inner(
        &mut self,
        field: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Fields<'d>> {
        let location = self.at(field);
        let mut inner = Fields::of(self.value(field)?, &location, diagnostics)?;
        inner.language = self.language;
        inner.within = format!("{}/", self.name_in_state(field));
        Some(inner)
    }

    pub(crate) fn whole_number(
        &mut self,
        field: &str,
        range: RangeInclusive<u64>,
        diagnostics: &mut Diagnostics,
    ) -> Option<u64> {
        let number = self.typed(field, "Integer", |value| value.as_i64(), diagnostics)?;
        let number = u64::try_from(number)
            .ok()
            .filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            diagnostics.error(
                self.at(field),
                format!("Value must be between {least} and {most}"),
            );
        }
        number
    }

    pub(crate) fn number(
        &mut self,
        field: &str,
        range: RangeInclusive<f64>,
        diagnostics: &mut Diagnostics,
    ) -> Option<f64> {
        let number = self.typed(field, "Number", Value::as_f64, diagnostics)?;
        if !range.contains(&number) {
            let (least, most) = (range.start(), range.end());
            let limit = if *most == f64::MAX {
                format!("at least {least}")
            } else {
                format!("between {least} and {most}")
            };
            diagnostics.error(self.at(field), format!("Value must be {limit}"));
            return None;
        }
        Some(number)
    }

    /// A field of JSONPath mode; in JSONata mode nobody knows it.
    pub(crate) fn path(&mut self, field: &str, diagnostics: &mut Diagnostics) -> Option<Path> {
        if self.language == QueryLanguage::Jsonata {
            return None;
        }
        let text = self.text(field, diagnostics)?;
        match Path::parse(text) {
            Ok(path) => Some(path),
            Err(error) => {
                diagnostics.error(
                    self.at(field),
                    format!("The value for the field '{field}' must be a valid JSONPath: {error}"),
                );
                None
            }
        }
    }

    /// A path that may also be `null`: the outer `None` means that the field is missing or wrong.
    pub(crate) fn path_or_null(
        &mut self,
        field: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Option<Path>> {
        if self.language == QueryLanguage::Jsonata {
            return None;
        }
        if self.object.get(field).is_some_and(Value::is_null) {
            self.known.push(field.to_owned());
            return Some(None);
        }
        self.path(field, diagnostics).map(Some)
    }

    pub(crate) fn expression(
        &mut self,
        field: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Expression> {
        if self.language == QueryLanguage::Jsonata {
            return None;
        }
        let text = self.text(field, diagnostics)?;
        match Expression::parse(text) {
            Ok(expression) => Some(expression),
            Err(error) => {
                diagnostics.error(
                    self.at(field),
                    format!(
                        "The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call: {error}"
                    ),
                );
                None
            }
        }
    }

    pub(crate) fn template(
        &mut self,
        field: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Template> {
        let value = self.value(field)?;
        let location = self.at(field);
        if self.language == QueryLanguage::Jsonata {
            if field == "Assign" && !value.is_object() {
                diagnostics.error(location, "Expected value of type Object");
                return None;
            }
            let name = self.name_in_state(field);
            let state = location.strip_suffix(name.as_str()).unwrap_or_default();
            return Some(Template::read_queries(
                value,
                &name,
                &mut |field, invalid| {
                    diagnostics.push(invalid.code, format!("{state}{field}"), invalid.message);
                },
            ));
        }
        if field != "Credentials" {
            warn_of_paths_without_dollar(value, &location, diagnostics);
        }
        Some(Template::read(value, &mut |name| {
            diagnostics.error(
                location.as_str(),
                format!("The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call"),
            );
        }))
    }

    /// The query that a field holds in JSONata mode; `None` if it holds something else. The outer `None` means that there is
    /// none, or that it is wrong, with a diagnostic.
    pub(crate) fn query(
        &mut self,
        field: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Option<Query>> {
        if self.language == QueryLanguage::JsonPath {
            return Some(None);
        }
        let Some(text) = self
            .object
            .get(field)
            .and_then(Value::as_str)
            .and_then(Query::delimited)
        else {
            return Some(None);
        };
        self.known.push(field.to_owned());
        match Query::parse(text, &self.name_in_state(field)) {
            Ok(query) => Some(Some(query)),
            Err(found) => {
                for invalid in found {
                    diagnostics.push(invalid.code, self.at(field), invalid.message);
                }
                None
            }
        }
    }

    /// The state that a field such as `Next` names.
    pub(crate) fn next(
        &mut self,
        field: &str,
        names: &Names<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<StateId> {
        let name = self.text(field, diagnostics)?;
        let found = names.get(name).copied();
        if found.is_none() {
            diagnostics.missing_target(self.at(field), format!("Missing 'Next' target: {name}"));
        }
        found
    }

    /// A diagnostic for the required fields that are missing.
    pub(crate) fn require(&self, fields: &[&str], diagnostics: &mut Diagnostics) {
        let missing: Vec<&str> = fields
            .iter()
            .copied()
            .filter(|field| !self.has(field))
            .collect();
        if !missing.is_empty() {
            diagnostics.error(
                self.location.as_str(),
                format!("These fields are required: [{}]", missing.join(", ")),
            );
        }
    }

    /// A diagnostic unless at most one of the fields is there.
    pub(crate) fn at_most_one(&mut self, fields: &[&str], diagnostics: &mut Diagnostics) {
        if fields.iter().filter(|field| self.has(field)).count() > 1 {
            // The one that is not read is no unknown field.
            self.known
                .extend(fields.iter().map(|field| (*field).to_owned()));
            diagnostics.error(
                self.location.as_str(),
                format!(
                    "Only one of these fields is allowed: [{}]",
                    fields.join(", ")
                ),
            );
        }
    }

    /// A diagnostic unless exactly one of the fields is there.
    pub(crate) fn exactly_one(&mut self, fields: &[&str], diagnostics: &mut Diagnostics) {
        if fields.iter().filter(|field| self.has(field)).count() != 1 {
            self.known
                .extend(fields.iter().map(|field| (*field).to_owned()));
            diagnostics.error(
                self.location.as_str(),
                format!(
                    "Exactly one of these fields is required: [{}]",
                    fields.join(", ")
                ),
            );
        }
    }

    /// A diagnostic for every field that no reader knew.
    pub(crate) fn finish(self, diagnostics: &mut Diagnostics) {
        for field in self
            .object
            .keys()
            .filter(|field| !self.known.contains(field))
        {
            let other = match self.language {
                QueryLanguage::JsonPath if JSONATA_ONLY.contains(&field.as_str()) => {
                    Some(("JSONPath", "JSONata"))
                }
                QueryLanguage::Jsonata if is_of_jsonpath(field) => Some(("JSONata", "JSONPath")),
                _ => None,
            };
            if let Some((own, other)) = other {
                diagnostics.error(
                    self.location.as_str(),
                    format!(
                        "The QueryLanguage is set to '{own}', but field '{field}' is only supported for the '{other}' QueryLanguage"
                    ),
                );
            } else {
                diagnostics.error(
                    self.location.as_str(),
                    format!("Field '{field}' is not supported"),
                );
            }
        }
    }
}

/// Whether only JSONPath mode has the field.
fn is_of_jsonpath(field: &str) -> bool {
    const OTHERS: [&str; 8] = [
        "And",
        "Not",
        "Or",
        "Parameters",
        "Result",
        "ResultSelector",
        "Variable",
        "StringMatches",
    ];
    field.ends_with("Path") || OTHERS.contains(&field) || Test::named(field).is_some()
}

fn warn_of_paths_without_dollar(value: &Value, location: &str, diagnostics: &mut Diagnostics) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let looks_like_one = |text: &str| {
                    text.starts_with("$.") || text.starts_with("$$.") || text.starts_with("States.")
                };
                if !name.ends_with(".$") && value.as_str().is_some_and(looks_like_one) {
                    diagnostics.push(
                        DiagnosticCode::NoDollar,
                        format!("{location}/{name}"),
                        "No .$ on a field that appears to be a JSONPath or Intrinsic Function.",
                    );
                }
                warn_of_paths_without_dollar(value, &format!("{location}/{name}"), diagnostics);
            }
        }
        Value::Array(values) => {
            for (position, value) in values.iter().enumerate() {
                warn_of_paths_without_dollar(
                    value,
                    &format!("{location}[{position}]"),
                    diagnostics,
                );
            }
        }
        _ => {}
    }
}
