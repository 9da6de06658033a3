//! Functions with regular expressions: `rlike`, `regexp_extract`, `regexp_replace`, `split`.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, ListBuilder, StringArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field};
use regex::{Captures, Regex};

use super::udf::{BOOLEAN, Function, TEXT, at};
use crate::error::Failure;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("rlike", 2..=2, BOOLEAN, |arguments| {
            let (text, pattern) = (arguments.text(0)?, arguments.text(1)?);
            let mut patterns = Patterns::default();
            let mut answers = Vec::with_capacity(arguments.rows);
            for row in 0..arguments.rows {
                answers.push(match (at(&text, row), at(&pattern, row)) {
                    (Some(text), Some(pattern)) => Some(patterns.get(pattern)?.is_match(text)),
                    _ => None,
                });
            }
            Ok(Arc::new(BooleanArray::from(answers)))
        }),
        Function::new("regexp_extract", 2..=3, TEXT, |arguments| {
            let (text, pattern) = (arguments.text(0)?, arguments.text(1)?);
            let group = if arguments.count() == 3 {
                Some(arguments.integer(2)?)
            } else {
                None
            };
            let mut patterns = Patterns::default();
            let mut answers = Vec::with_capacity(arguments.rows);
            for row in 0..arguments.rows {
                let group = group.as_ref().map_or(Some(1), |group| at(group, row));
                answers.push(match (at(&text, row), at(&pattern, row), group) {
                    (Some(text), Some(pattern), Some(group)) => {
                        Some(extract(patterns.get(pattern)?, pattern, text, group)?)
                    }
                    _ => None,
                });
            }
            Ok(Arc::new(StringArray::from(answers)))
        }),
        Function::new("regexp_replace", 3..=3, TEXT, |arguments| {
            let (text, pattern, replacement) =
                (arguments.text(0)?, arguments.text(1)?, arguments.text(2)?);
            let mut patterns = Patterns::default();
            let mut answers = Vec::with_capacity(arguments.rows);
            for row in 0..arguments.rows {
                answers.push(
                    match (at(&text, row), at(&pattern, row), at(&replacement, row)) {
                        (Some(text), Some(pattern), Some(replacement)) => {
                            let expand = |captures: &Captures<'_>| expand(replacement, captures);
                            Some(
                                patterns
                                    .get(pattern)?
                                    .replace_all(text, expand)
                                    .into_owned(),
                            )
                        }
                        _ => None,
                    },
                );
            }
            Ok(Arc::new(StringArray::from(answers)))
        }),
        Function::new(
            "split",
            2..=3,
            |_, _| {
                Ok(DataType::List(Arc::new(Field::new(
                    "item",
                    DataType::Utf8,
                    true,
                ))))
            },
            |arguments| {
                let (text, pattern) = (arguments.text(0)?, arguments.text(1)?);
                let limit = if arguments.count() == 3 {
                    Some(arguments.integer(2)?)
                } else {
                    None
                };
                let mut patterns = Patterns::default();
                let mut lists = ListBuilder::new(StringBuilder::new());
                for row in 0..arguments.rows {
                    let limit = limit.as_ref().map_or(Some(-1), |limit| at(limit, row));
                    match (at(&text, row), at(&pattern, row), limit) {
                        (Some(text), Some(pattern), Some(limit)) => {
                            split(patterns.get(pattern)?, text, limit)
                                .into_iter()
                                .for_each(|part| lists.values().append_value(part));
                            lists.append(true);
                        }
                        _ => lists.append(false),
                    }
                }
                Ok(Arc::new(lists.finish()) as ArrayRef)
            },
        ),
    ]
}

/// Compiled patterns of one call; nearly always there is one.
#[derive(Default)]
struct Patterns(HashMap<String, Regex>);

impl Patterns {
    fn get(&mut self, pattern: &str) -> Result<&Regex, Failure> {
        if !self.0.contains_key(pattern) {
            let compiled = Regex::new(pattern).map_err(|error| {
                let reason = error.to_string();
                let reason = reason
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ")
                    .to_owned();
                Failure::semantic(format!(
                    "the regular expression '{pattern}' is not usable here: {reason}"
                ))
            })?;
            self.0.insert(pattern.to_owned(), compiled);
        }
        Ok(&self.0[pattern])
    }
}

fn extract(regex: &Regex, pattern: &str, text: &str, group: i64) -> Result<String, Failure> {
    let wanted = usize::try_from(group)
        .ok()
        .filter(|group| *group < regex.captures_len())
        .ok_or_else(|| {
            Failure::semantic(format!(
                "regexp_extract: the pattern '{pattern}' has no group {group}"
            ))
        })?;
    let found = regex
        .captures(text)
        .and_then(|captures| captures.get(wanted).map(|group| group.as_str().to_owned()));
    Ok(found.unwrap_or_default())
}

/// Java's replacement: `$1` is a group, a backslash takes the next character as it is.
fn expand(replacement: &str, captures: &Captures<'_>) -> String {
    let mut answer = String::new();
    let mut characters = replacement.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => answer.extend(characters.next()),
            '$' => {
                let mut group = None;
                while let Some(digit) = characters.peek().and_then(|next| next.to_digit(10)) {
                    let longer = group.unwrap_or(0) * 10 + digit as usize;
                    if group.is_some() && longer >= captures.len() {
                        break;
                    }
                    group = Some(longer);
                    characters.next();
                }
                match group {
                    Some(group) => {
                        answer.push_str(captures.get(group).map_or("", |found| found.as_str()))
                    }
                    None => answer.push('$'),
                }
            }
            other => answer.push(other),
        }
    }
    answer
}

/// Hive keeps empty parts at the end. An empty match at the very start splits nothing off.
fn split<'a>(regex: &Regex, text: &'a str, limit: i64) -> Vec<&'a str> {
    let most = usize::try_from(limit)
        .ok()
        .filter(|limit| *limit > 0)
        .unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    let mut start = 0;
    for found in regex.find_iter(text) {
        if parts.len() + 1 >= most {
            break;
        }
        if found.end() == 0 {
            continue;
        }
        parts.push(&text[start..found.start()]);
        start = found.end();
    }
    parts.push(&text[start..]);
    parts
}
