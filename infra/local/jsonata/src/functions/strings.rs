//! Functions of texts.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Entries, Function, argument, call_back};
use crate::error::{Error, quoted};
use crate::evaluator::Evaluator;
use crate::functions::regexes::{find_all, replace_all};
use crate::operators::finite;
use crate::value::{Value, number_text};

pub(super) const TABLE: Entries = &[
    ("string", "<x-b?:s>", string),
    ("substring", "<s-nn?:s>", substring),
    ("substringBefore", "<s-s:s>", |_, arguments| {
        Ok(cut(arguments, |text, _, at| &text[..at]))
    }),
    ("substringAfter", "<s-s:s>", |_, arguments| {
        Ok(cut(arguments, |text, part, at| &text[at + part.len()..]))
    }),
    ("lowercase", "<s-:s>", |_, arguments| {
        Ok(mapped(arguments, str::to_lowercase))
    }),
    ("uppercase", "<s-:s>", |_, arguments| {
        Ok(mapped(arguments, str::to_uppercase))
    }),
    ("length", "<s-:n>", |_, arguments| {
        Ok(argument(arguments, 0)
            .as_text()
            .map_or(Value::Undefined, |text| {
                Value::Number(text.chars().count() as f64)
            }))
    }),
    ("trim", "<s-:s>", |_, arguments| {
        Ok(mapped(arguments, |text| {
            text.split([' ', '\t', '\n', '\r'])
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        }))
    }),
    ("pad", "<s-ns?:s>", pad),
    ("match", "<s-f<s:o>n?:a<o>>", matches),
    ("contains", "<s-(sf):b>", contains),
    ("replace", "<s-(sf)(sf)n?:s>", replace),
    ("split", "<s-(sf)n?:a<s>>", split),
    ("join", "<a<s>s?:s>", join),
    ("base64encode", "<s-:s>", |_, arguments| {
        Ok(mapped(arguments, |text| STANDARD.encode(text)))
    }),
    ("base64decode", "<s-:s>", base64decode),
    ("encodeUrlComponent", "<s-:s>", |_, arguments| {
        Ok(mapped(arguments, |text| encode(text, "")))
    }),
    ("encodeUrl", "<s-:s>", |_, arguments| {
        Ok(mapped(arguments, |text| encode(text, ";,/?:@&=+$#")))
    }),
    ("decodeUrlComponent", "<s-:s>", |_, arguments| {
        decode("decodeUrlComponent", arguments, "")
    }),
    ("decodeUrl", "<s-:s>", |_, arguments| {
        decode("decodeUrl", arguments, ";,/?:@&=+$#")
    }),
];

fn mapped(arguments: &[Value], map: impl Fn(&str) -> String) -> Value {
    argument(arguments, 0)
        .as_text()
        .map_or(Value::Undefined, |text| Value::text(map(text)))
}

/// Fifteen digits: what a sum of decimals was meant to be.
fn rounded(number: f64) -> Result<String, Error> {
    if !number.is_finite() {
        return Err(Error::new(
            "D3001",
            "Attempting to invoke string function on Infinity or NaN",
        ));
    }
    Ok(number_text(
        format!("{number:.14e}").parse().unwrap_or(number),
    ))
}

/// A value as a text.
pub(crate) fn text_of(value: &Value, evaluator: &mut Evaluator<'_>) -> Result<String, Error> {
    match value {
        Value::Undefined | Value::Function(_) => Ok(String::new()),
        Value::Text(text) => Ok(text.as_ref().to_owned()),
        Value::Number(number) => rounded(*number),
        other => {
            evaluator.tick()?;
            let mut text = String::new();
            write_json(other, None, &mut text)?;
            Ok(text)
        }
    }
}

/// JSON; `indent` is how deep it is, if it is to be laid out.
fn write_json(value: &Value, indent: Option<usize>, text: &mut String) -> Result<(), Error> {
    let inner = indent.map(|indent| indent + 1);
    let line = |indent: Option<usize>, text: &mut String| {
        if let Some(indent) = indent {
            text.push('\n');
            text.push_str(&"  ".repeat(indent));
        }
    };
    match value {
        Value::Undefined | Value::Function(_) => text.push_str("\"\""),
        Value::Null => text.push_str("null"),
        Value::Bool(bool) => text.push_str(if *bool { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&rounded(finite(*number)?)?),
        Value::Text(own) => text.push_str(&quoted(own)),
        Value::Tuple(tuple) => write_json(&tuple.context, indent, text)?,
        Value::List(list) if list.items.is_empty() => text.push_str("[]"),
        Value::List(list) => {
            text.push('[');
            for (position, item) in list.items.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                line(inner, text);
                write_json(item, inner, text)?;
            }
            line(indent, text);
            text.push(']');
        }
        Value::Object(members) if members.is_empty() => text.push_str("{}"),
        Value::Object(members) => {
            text.push('{');
            let mut first = true;
            for (name, value) in members.iter().filter(|(_, value)| !value.is_undefined()) {
                if !std::mem::take(&mut first) {
                    text.push(',');
                }
                line(inner, text);
                let _ = write!(
                    text,
                    "{}:{}",
                    quoted(name),
                    if indent.is_some() { " " } else { "" }
                );
                write_json(value, inner, text)?;
            }
            line(indent, text);
            text.push('}');
        }
    }
    Ok(())
}

fn string(evaluator: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let value = argument(arguments, 0);
    if value.is_undefined() {
        return Ok(Value::Undefined);
    }
    if matches!(argument(arguments, 1), Value::Bool(true))
        && matches!(value, Value::List(_) | Value::Object(_))
    {
        let mut text = String::new();
        write_json(value, Some(0), &mut text)?;
        return Ok(Value::text(text));
    }
    text_of(value, evaluator).map(Value::text)
}

fn substring(_: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let (Some(text), Some(start)) = (
        argument(arguments, 0).as_text(),
        argument(arguments, 1).as_number(),
    ) else {
        return Ok(argument(arguments, 0).clone());
    };
    let characters: Vec<char> = text.chars().collect();
    let count = characters.len() as f64;
    let start = start.trunc().max(-count);
    let end = match argument(arguments, 2).as_number() {
        Some(length) if length <= 0.0 => return Ok(Value::text("")),
        Some(length) if start >= 0.0 => start + length,
        Some(length) => count + start + length,
        None => count,
    };
    let from = if start < 0.0 { count + start } else { start };
    let taken = characters
        .iter()
        .skip(from as usize)
        .take((end.min(count) - from).max(0.0) as usize);
    Ok(Value::text(taken.collect::<String>()))
}

fn cut(arguments: &[Value], side: impl for<'t> Fn(&'t str, &str, usize) -> &'t str) -> Value {
    let Some(text) = argument(arguments, 0).as_text() else {
        return Value::Undefined;
    };
    let part = argument(arguments, 1).as_text().unwrap_or_default();
    match text.find(part) {
        Some(at) => Value::text(side(text, part, at)),
        None => Value::text(text),
    }
}

fn pad(evaluator: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let Some(text) = argument(arguments, 0).as_text() else {
        return Ok(Value::Undefined);
    };
    let width = argument(arguments, 1).as_number().unwrap_or_default();
    if width.abs() > evaluator.most_items() as f64 {
        return Err(Error::memory());
    }
    let filler = argument(arguments, 2)
        .as_text()
        .filter(|filler| !filler.is_empty())
        .unwrap_or(" ");
    let missing = (width.abs() as usize).saturating_sub(text.chars().count());
    let padding: String = filler.chars().cycle().take(missing).collect();
    Ok(Value::text(if width < 0.0 {
        padding + text
    } else {
        format!("{text}{padding}")
    }))
}

fn matches(evaluator: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let Some(text) = argument(arguments, 0).as_text() else {
        return Ok(Value::Undefined);
    };
    let limit = limit(
        argument(arguments, 2),
        "D3040",
        "Third argument of match function must evaluate to a positive number",
    )?;
    let found = find_all(evaluator, text, argument(arguments, 1), limit, "match")?;
    let found = found.into_iter().map(|found| {
        let mut members = crate::value::Members::new();
        members.insert("match".into(), Value::text(found.text));
        members.insert("index".into(), Value::Number(found.start as f64));
        members.insert("groups".into(), Value::list(found.groups));
        Value::object(members)
    });
    Ok(Value::sequence(found.collect()).settled())
}

fn limit(value: &Value, code: &'static str, message: &str) -> Result<usize, Error> {
    match value.as_number() {
        None => Ok(usize::MAX),
        Some(number) if number < 0.0 => Err(Error::new(code, message)),
        Some(number) => Ok(number.ceil() as usize),
    }
}

fn contains(evaluator: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let Some(text) = argument(arguments, 0).as_text() else {
        return Ok(Value::Undefined);
    };
    if argument(arguments, 1).is_undefined() {
        return Ok(Value::Undefined);
    }
    Ok(Value::Bool(match argument(arguments, 1) {
        Value::Text(part) => text.contains(&**part),
        matcher => !find_all(evaluator, text, matcher, 1, "contains")?.is_empty(),
    }))
}

fn replace(evaluator: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let Some(text) = argument(arguments, 0).as_text() else {
        return Ok(Value::Undefined);
    };
    let pattern = argument(arguments, 1);
    if pattern.as_text() == Some("") {
        return Err(Error::new(
            "D3010",
            "Second argument of replace function cannot be an empty string",
        ));
    }
    let limit = limit(
        argument(arguments, 3),
        "D3011",
        "Fourth argument of replace function must evaluate to a positive number",
    )?;
    let replacement = argument(arguments, 2);
    if let (Value::Text(pattern), Value::Text(replacement)) = (pattern, replacement) {
        return Ok(Value::text(text.replacen(&**pattern, replacement, limit)));
    }
    replace_all(evaluator, text, pattern, replacement, limit)
}

fn split(evaluator: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let Some(text) = argument(arguments, 0).as_text() else {
        return Ok(Value::Undefined);
    };
    let limit = limit(
        argument(arguments, 2),
        "D3020",
        "Third argument of split function must evaluate to a positive number",
    )?;
    let limit = match argument(arguments, 2).as_number() {
        Some(number) => number.floor() as usize,
        None => limit,
    };
    let mut parts: Vec<Value> = Vec::new();
    match argument(arguments, 1) {
        Value::Text(separator) if separator.is_empty() => {
            parts.extend(
                text.chars()
                    .take(limit)
                    .map(|one| Value::text(one.to_string())),
            );
        }
        Value::Text(separator) => {
            parts.extend(text.split(&**separator).take(limit).map(Value::text))
        }
        matcher => {
            let mut from = 0;
            for found in find_all(evaluator, text, matcher, limit, "split")? {
                parts.push(Value::text(&text[from..found.byte]));
                from = found.byte + found.text.len();
            }
            if parts.len() < limit {
                parts.push(Value::text(&text[from..]));
            }
        }
    }
    Ok(Value::list(parts))
}

fn join(_: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let list = argument(arguments, 0);
    if list.is_undefined() {
        return Ok(Value::Undefined);
    }
    let separator = argument(arguments, 1).as_text().unwrap_or_default();
    let parts: Vec<&str> = list.items().iter().filter_map(Value::as_text).collect();
    Ok(Value::text(parts.join(separator)))
}

fn base64decode(_: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let Some(text) = argument(arguments, 0).as_text() else {
        return Ok(Value::Undefined);
    };
    match STANDARD.decode(text.trim()) {
        Ok(bytes) => Ok(Value::text(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) => Err(Error::plain(format!("the text is not base64: {error}"))),
    }
}

fn encode(text: &str, reserved: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let character = char::from(byte);
        if byte.is_ascii_alphanumeric()
            || "-_.!~*'()".contains(character)
            || reserved.contains(character)
        {
            encoded.push(character);
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn decode(name: &str, arguments: &[Value], reserved: &str) -> Result<Value, Error> {
    let Some(text) = argument(arguments, 0).as_text() else {
        return Ok(Value::Undefined);
    };
    let malformed = || {
        Error::new(
            "D3140",
            format!("Malformed URL passed to ${name}(): {}", quoted(text)),
        )
    };
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            decoded.push(*first);
            continue;
        }
        let digits = rest
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or_else(malformed)?;
        if reserved.contains(char::from(byte)) {
            decoded.push(b'%');
            continue;
        }
        decoded.push(byte);
        rest = &rest[2..];
    }
    String::from_utf8(decoded)
        .map(Value::text)
        .map_err(|_| malformed())
}

/// What a replacement function gives for a match.
pub(super) fn replacement_of(
    evaluator: &mut Evaluator<'_>,
    function: &Value,
    found: Value,
) -> Result<String, Error> {
    match call_back(evaluator, function, vec![found])? {
        Value::Text(text) => Ok(text.as_ref().to_owned()),
        _ => Err(Error::new(
            "D3012",
            "Attempted to replace a matched string with a non-string value",
        )),
    }
}

/// Whether a value is a regular expression.
pub(super) fn as_regex(value: &Value) -> Option<&regex::Regex> {
    match value {
        Value::Function(function) => match &**function {
            Function::Regex(regex) => Some(regex),
            _ => None,
        },
        _ => None,
    }
}
