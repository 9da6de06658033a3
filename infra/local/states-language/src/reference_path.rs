//! Reference paths, which name one place in a JSON document that a result can be written to: `$.a.b[0]`. `ResultPath` is one.

use serde_json::{Map, Value};

use crate::jsonpath::{Path, Root, Segment};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReferencePath(Path);

impl ReferencePath {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let path = Path::parse(text)?;
        let plain = path.segments().iter().all(|segment| {
            matches!(segment, Segment::Field(_))
                || matches!(segment, Segment::Index(index) if *index >= 0)
        });
        if !plain || *path.root() != Root::Input {
            return Err(format!("'{text}' is not a reference path"));
        }
        Ok(Self(path))
    }

    pub(crate) fn text(&self) -> &str {
        self.0.text()
    }

    /// Whether it is `$`, the whole document.
    pub(crate) fn is_root(&self) -> bool {
        self.0.segments().is_empty()
    }

    /// The document with the value written into its place. Fields that are missing on the way are made; `None` when
    /// something that is not an object or not a list of that length is in the way.
    pub(crate) fn write(&self, document: &Value, value: Value) -> Option<Value> {
        let mut document = document.clone();
        let mut place = &mut document;
        for segment in self.0.segments() {
            if place.is_null() && matches!(segment, Segment::Field(_)) {
                *place = Value::Object(Map::new());
            }
            place = match (segment, place) {
                (Segment::Field(name), Value::Object(object)) => {
                    object.entry(name.clone()).or_insert(Value::Null)
                }
                (Segment::Index(index), Value::Array(array)) => {
                    array.get_mut(usize::try_from(*index).ok()?)?
                }
                _ => return None,
            };
        }
        *place = value;
        Some(document)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn write(path: &str, document: Value) -> Option<Value> {
        ReferencePath::parse(path)
            .expect(path)
            .write(&document, json!(1))
    }

    #[test]
    fn refuses_patterns_and_other_roots() {
        for path in [
            "$.a[*]",
            "$..a",
            "$.a[?(@.b)]",
            "$.a[0:1]",
            "$$.a",
            "$name",
            "a",
        ] {
            assert!(ReferencePath::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn does_not_write_into_a_text_or_beyond_a_list() {
        assert_eq!(write("$.a.b", json!({"a": "text"})), None);
        assert_eq!(write("$.a[1]", json!({"a": [0]})), None);
        assert_eq!(write("$.a", json!([1])), None);
    }

    #[test]
    fn makes_the_objects_on_its_way() {
        assert_eq!(write("$", json!({"x": 0})), Some(json!(1)));
        assert_eq!(
            write("$.a.b", json!({"x": 0})),
            Some(json!({"x": 0, "a": {"b": 1}}))
        );
        assert_eq!(
            write("$.a[0].b", json!({"a": [{}]})),
            Some(json!({"a": [{"b": 1}]}))
        );
    }
}
