//! Matching: by regular expressions, or by functions that find as they do. Functions of texts use it.

use std::sync::Arc;

use regex::Regex;

use super::call_back;
use super::strings::{as_regex, replacement_of};
use crate::error::{Error, quoted};
use crate::evaluator::Evaluator;
use crate::value::{Members, Value};

/// One match.
pub(super) struct Found {
    pub(super) text: String,
    /// In characters.
    pub(super) start: usize,
    /// In bytes.
    pub(super) byte: usize,
    pub(super) groups: Vec<Value>,
}

fn found_at(text: &str, captures: &regex::Captures<'_>) -> Option<Found> {
    let whole = captures.get(0)?;
    Some(Found {
        text: whole.as_str().to_owned(),
        start: text[..whole.start()].chars().count(),
        byte: whole.start(),
        groups: captures
            .iter()
            .skip(1)
            .map(|group| group.map_or(Value::Undefined, |group| Value::text(group.as_str())))
            .collect(),
    })
}

fn as_value(found: &Found) -> Members {
    let mut members = Members::new();
    members.insert("match".into(), Value::text(found.text.as_str()));
    members.insert("start".into(), Value::Number(found.start as f64));
    let end = found.start + found.text.chars().count();
    members.insert("end".into(), Value::Number(end as f64));
    members.insert("groups".into(), Value::list(found.groups.clone()));
    members
}

/// A regular expression called as a function.
pub(crate) fn regex_match(regex: &Arc<Regex>, arguments: &[Value]) -> Value {
    let Some(text) = arguments.first().and_then(Value::as_text) else {
        return Value::Undefined;
    };
    let found = regex
        .captures(text)
        .and_then(|captures| found_at(text, &captures));
    found.map_or(Value::Undefined, |found| Value::object(as_value(&found)))
}

/// The matches in a text, at most so many.
pub(super) fn find_all(
    evaluator: &mut Evaluator<'_>,
    text: &str,
    matcher: &Value,
    most: usize,
    name: &str,
) -> Result<Vec<Found>, Error> {
    let mut all = Vec::new();
    if let Some(regex) = as_regex(matcher) {
        for captures in regex.captures_iter(text).take(most) {
            evaluator.tick()?;
            let Some(found) = found_at(text, &captures) else {
                continue;
            };
            if found.text.is_empty() {
                return Err(Error::new(
                    "D1004",
                    "Regular expression matches zero length string",
                ));
            }
            all.push(found);
        }
        return Ok(all);
    }
    let mut next = call_back(evaluator, matcher, vec![Value::text(text)])?;
    while all.len() < most {
        let members = match &next {
            Value::Undefined => break,
            Value::Object(members) => members,
            _ => return Err(wrong_matcher(name)),
        };
        let field = |field: &str| members.get(field).cloned().unwrap_or_default();
        let (Some(matched), Some(start), Value::List(groups)) = (
            field("match").as_text().map(str::to_owned),
            field("start").as_number(),
            field("groups"),
        ) else {
            return Err(wrong_matcher(name));
        };
        let start = start as usize;
        let byte = text
            .char_indices()
            .nth(start)
            .map_or(text.len(), |(byte, _)| byte);
        all.push(Found {
            text: matched,
            start,
            byte,
            groups: groups.items.clone(),
        });
        let more = field("next");
        if !more.is_function() {
            return Err(wrong_matcher(name));
        }
        next = call_back(evaluator, &more, Vec::new())?;
    }
    Ok(all)
}

fn wrong_matcher(name: &str) -> Error {
    Error::new(
        "T1010",
        format!(
            "The matcher function argument passed to function {} does not return the correct object structure",
            quoted(name)
        ),
    )
}

/// Replaces matches by a text, in which `$1` stands for a group, or by what a function gives.
pub(super) fn replace_all(
    evaluator: &mut Evaluator<'_>,
    text: &str,
    pattern: &Value,
    replacement: &Value,
    most: usize,
) -> Result<Value, Error> {
    let matches = match pattern {
        Value::Text(part) => text
            .match_indices(&**part)
            .take(most)
            .map(|(byte, part)| Found {
                text: part.to_owned(),
                start: text[..byte].chars().count(),
                byte,
                groups: Vec::new(),
            })
            .collect(),
        matcher => find_all(evaluator, text, matcher, most, "replace")?,
    };
    let mut result = String::with_capacity(text.len());
    let mut from = 0;
    for found in matches {
        result.push_str(text.get(from..found.byte).unwrap_or_default());
        match replacement {
            Value::Text(template) => fill(template, &found, &mut result),
            function => result.push_str(&replacement_of(
                evaluator,
                function,
                Value::object(as_value(&found)),
            )?),
        }
        from = found.byte + found.text.len();
    }
    result.push_str(text.get(from..).unwrap_or_default());
    Ok(Value::text(result))
}

fn fill(template: &str, found: &Found, result: &mut String) {
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            result.push('$');
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix('0') {
            result.push_str(&found.text);
            rest = after;
            continue;
        }
        let most = found.groups.len().max(1).ilog10() as usize + 1;
        let mut digits = rest
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        let number = |digits: usize| rest[..digits].parse::<usize>().ok();
        if most > 1
            && digits > 1
            && number(digits).is_some_and(|number| number > found.groups.len())
        {
            digits -= 1;
        }
        match number(digits) {
            Some(number) => {
                if let Some(text) = number
                    .checked_sub(1)
                    .and_then(|index| found.groups.get(index))
                    .and_then(Value::as_text)
                {
                    result.push_str(text);
                }
                rest = &rest[digits..];
            }
            None => result.push('$'),
        }
    }
    result.push_str(rest);
}
