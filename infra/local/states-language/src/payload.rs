//! A JSON value together with its text. States hand payloads on; the text is what the history shows, and it stays as it was
//! written for as long as nothing changes the value, as AWS does it.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::Text;

/// Bytes of a buffer that is used again.
const LARGEST_KEPT: usize = 1 << 16;

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
    pub(crate) fn list(payloads: Vec<Payload>) -> Self {
        let length: usize = payloads.iter().map(|payload| payload.size() + 1).sum();
        let mut text = String::with_capacity(length + 1);
        text.push('[');
        let mut values = Vec::with_capacity(payloads.len());
        for (position, payload) in payloads.into_iter().enumerate() {
            if position > 0 {
                text.push(',');
            }
            text.push_str(&payload.text);
            // Mostly nobody else has it any more.
            values.push(Arc::unwrap_or_clone(payload.value));
        }
        text.push(']');
        Self {
            value: Arc::new(Value::Array(values)),
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
        Self::from(Shared::from(value))
    }
}

impl From<Shared> for Payload {
    fn from(value: Shared) -> Self {
        Self {
            text: write(&value),
            value: value.0,
        }
    }
}

/// The value as text. The buffer is kept for the next one: most texts are short, and there are many.
fn write(value: &Value) -> Text {
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        let written = serde_json::to_writer(&mut *buffer, value).is_ok();
        let text = match str::from_utf8(buffer) {
            Ok(text) if written => Text::from(text),
            // Neither happens to a value.
            _ => Text::from(value.to_string()),
        };
        if buffer.capacity() > LARGEST_KEPT {
            *buffer = Vec::new();
        }
        text
    })
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
