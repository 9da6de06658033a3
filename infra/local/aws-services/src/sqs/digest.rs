//! The MD5 digests that SQS answers with, and that SDKs check: of a body, and of message attributes.

use base64::Engine as _;
use md5::{Digest, Md5};
use serde_json::{Map, Value};

/// Of a body, as hexadecimal text.
pub(super) fn of_body(body: &str) -> String {
    hexadecimal(&Md5::digest(body.as_bytes()))
}

/// Of message attributes: in the order of their names, each name, type and value with its length before it.
pub(super) fn of_attributes(attributes: &Map<String, Value>) -> String {
    let mut names: Vec<&String> = attributes.keys().collect();
    names.sort();
    let mut bytes = Vec::new();
    for name in names {
        let attribute = &attributes[name];
        with_length(&mut bytes, name.as_bytes());
        let kind = attribute["DataType"].as_str().unwrap_or_default();
        with_length(&mut bytes, kind.as_bytes());
        if let Some(text) = attribute["StringValue"].as_str() {
            bytes.push(1);
            with_length(&mut bytes, text.as_bytes());
        } else {
            let encoded = attribute["BinaryValue"].as_str().unwrap_or_default();
            let binary = base64::engine::general_purpose::STANDARD.decode(encoded);
            bytes.push(2);
            with_length(&mut bytes, &binary.unwrap_or_default());
        }
    }
    hexadecimal(&Md5::digest(&bytes))
}

fn with_length(into: &mut Vec<u8>, bytes: &[u8]) {
    into.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    into.extend(bytes);
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn is_what_the_sdks_compute() {
        assert_eq!(of_body("hello"), "5d41402abc4b2a76b9719d911017c592");
        let attributes = json!({"b": {"DataType": "Number", "StringValue": "1"}, "a": {"DataType": "String", "StringValue": "x"}});
        // md5 of 0001 a 0006 String 01 0001 x 0001 b 0006 Number 01 0001 1, lengths in four bytes.
        let mut bytes = Vec::new();
        for (name, kind, value) in [("a", "String", "x"), ("b", "Number", "1")] {
            for (mark, text) in [(None, name), (None, kind), (Some(1), value)] {
                bytes.extend(mark);
                bytes.extend([0, 0, 0, text.len() as u8]);
                bytes.extend(text.as_bytes());
            }
        }
        let digest = of_attributes(attributes.as_object().expect("an object"));
        assert_eq!(digest, hexadecimal(&Md5::digest(&bytes)));
    }
}
