//! A JSON value together with its text. States hand payloads on; the text is what the history shows, and it stays as it was
//! written for as long as nothing changes the value, as AWS does it.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::Text;

#[derive(Debug, Clone)]
pub(crate) struct Payload {
    value: Arc<Value>,
    text: Text,
}

impl Payload {
    /// Reads JSON text and keeps it as it is.
    pub(crate) fn read(text: &str) -> Result<Self, serde_json::Error> {
        Ok(Self {
            value: Arc::new(serde_json::from_str(text)?),
            text: text.into(),
        })
    }

    /// A list of payloads, each of which keeps its text.
    pub(crate) fn list(payloads: &[Payload]) -> Self {
        let mut text = String::from("[");
        for (position, payload) in payloads.iter().enumerate() {
            if position > 0 {
                text.push(',');
            }
            text.push_str(&payload.text);
        }
        text.push(']');
        Self {
            value: Arc::new(
                payloads
                    .iter()
                    .map(|payload| (*payload.value).clone())
                    .collect(),
            ),
            text: text.into(),
        }
    }

    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    pub(crate) fn text(&self) -> &Text {
        &self.text
    }

    /// The length of the text in bytes, which is what AWS limits.
    pub(crate) fn size(&self) -> usize {
        self.text.len()
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self {
            text: value.to_string().into(),
            value: Arc::new(value),
        }
    }
}

/// A value that several hold: a variable that branches see, or an item of a Map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shared(Arc<Value>);

impl From<Value> for Shared {
    fn from(value: Value) -> Self {
        Self(Arc::new(value))
    }
}

impl Deref for Shared {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl Serialize for Shared {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Shared {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Text::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
