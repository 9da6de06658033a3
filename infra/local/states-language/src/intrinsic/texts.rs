//! The intrinsic functions on texts and JSON. Called by [`super::Call::evaluate`].

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::text;

/// Base64 and hashes take at most this many characters.
const LONGEST_TEXT: usize = 10_000;

fn short(value: &Value) -> Result<&str, String> {
    let text = text(value)?;
    if text.chars().count() > LONGEST_TEXT {
        return Err(format!(
            "The input exceeds the maximum of {LONGEST_TEXT} characters"
        ));
    }
    Ok(text)
}

pub(super) fn base64_encode(arguments: &[&Value]) -> Result<Value, String> {
    Ok(Value::String(STANDARD.encode(short(arguments[0])?)))
}

pub(super) fn base64_decode(arguments: &[&Value]) -> Result<Value, String> {
    let bytes = STANDARD
        .decode(short(arguments[0])?)
        .map_err(|error| format!("The input is not valid Base64: {error}"))?;
    Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
}

pub(super) fn hash(arguments: &[&Value]) -> Result<Value, String> {
    // Anything but a text is hashed as its JSON.
    let data = match arguments[0] {
        Value::String(_) => short(arguments[0])?.to_owned(),
        other => other.to_string(),
    };
    let digest: Vec<u8> = match text(arguments[1])? {
        "MD5" => Md5::digest(&data).to_vec(),
        "SHA-1" => Sha1::digest(&data).to_vec(),
        "SHA-256" => Sha256::digest(&data).to_vec(),
        "SHA-384" => Sha384::digest(&data).to_vec(),
        "SHA-512" => Sha512::digest(&data).to_vec(),
        other => {
            return Err(format!(
                "The algorithm '{other}' is not one of MD5, SHA-1, SHA-256, SHA-384 and SHA-512"
            ));
        }
    };
    let mut hexadecimal = String::with_capacity(digest.len() * 2);
    for byte in digest {
        // Writing into a string cannot fail.
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    Ok(Value::String(hexadecimal))
}

/// Fields of the second object win; only the shallow mode exists.
pub(super) fn json_merge(arguments: &[&Value]) -> Result<Value, String> {
    let (Value::Object(first), Value::Object(second)) = (arguments[0], arguments[1]) else {
        return Err("Expected two object arguments".to_owned());
    };
    match *arguments[2] {
        Value::Bool(false) => {}
        Value::Bool(true) => {
            return Err(
                "Step Functions currently only supports the shallow merging mode".to_owned(),
            );
        }
        _ => return Err("Expected a boolean as third argument".to_owned()),
    }
    let mut merged = first.clone();
    for (name, value) in second {
        merged.insert(name.clone(), value.clone());
    }
    Ok(Value::Object(merged))
}

/// Blank text is null, as AWS has it.
pub(super) fn string_to_json(arguments: &[&Value]) -> Result<Value, String> {
    let text = text(arguments[0])?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("Invalid JSON: {error}"))?;
    // JSON's negative zero is an ordinary zero.
    Ok(match value.as_f64() {
        Some(number) if number == 0.0 && text.trim() == "-0" => Value::from(0),
        _ => value,
    })
}

/// Splits at every one of the delimiter's characters; empty parts are left out.
pub(super) fn split(arguments: &[&Value]) -> Result<Value, String> {
    let (whole, delimiters) = (text(arguments[0])?, text(arguments[1])?);
    Ok(whole
        .split(|character| delimiters.contains(character))
        .filter(|part| !part.is_empty())
        .map(Value::from)
        .collect())
}

/// Puts the arguments into the `{}` of the first. Objects and lists look as Java prints them.
pub(super) fn format(arguments: &[&Value]) -> Result<Value, String> {
    let template = text(arguments[0])?;
    let mut values = arguments[1..].iter();
    let mut formatted = String::with_capacity(template.len());
    let mut characters = template.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters
                .peek()
                .is_some_and(|next| "{}\\'".contains(*next)) =>
            {
                formatted.extend(characters.next())
            }
            '{' if characters.peek() == Some(&'}') => {
                characters.next();
                let value = values.next().ok_or(
                    "The number of arguments does not match the occurrences of {} in the template",
                )?;
                print(value, &mut formatted);
            }
            other => formatted.push(other),
        }
    }
    if values.next().is_some() {
        return Err(
            "The number of arguments does not match the occurrences of {} in the template"
                .to_owned(),
        );
    }
    Ok(Value::String(formatted))
}

fn print(value: &Value, into: &mut String) {
    match value {
        Value::String(text) => into.push_str(text),
        Value::Array(values) => {
            into.push('[');
            for (position, value) in values.iter().enumerate() {
                into.push_str(if position > 0 { ", " } else { "" });
                print(value, into);
            }
            into.push(']');
        }
        Value::Object(object) => {
            into.push('{');
            for (position, (name, value)) in object.iter().enumerate() {
                into.push_str(if position > 0 { ", " } else { "" });
                into.push_str(name);
                into.push('=');
                print(value, into);
            }
            into.push('}');
        }
        // Writing into a string cannot fail.
        other => drop(write!(into, "{other}")),
    }
}
