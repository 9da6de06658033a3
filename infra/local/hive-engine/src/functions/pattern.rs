//! Functions with regular expressions: `rlike`, `regexp_extract`, `regexp_replace`, `split`.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, ListBuilder, StringArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field};

use super::compiled_pattern::{Found, Pattern};
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
                            Some(replace(patterns.get(pattern)?, text, replacement))
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
struct Patterns(HashMap<String, Pattern>);

impl Patterns {
    fn get(&mut self, pattern: &str) -> Result<&Pattern, Failure> {
        if !self.0.contains_key(pattern) {
            self.0
                .insert(pattern.to_owned(), Pattern::compile(pattern)?);
        }
        Ok(&self.0[pattern])
    }
}

fn extract(compiled: &Pattern, pattern: &str, text: &str, group: i64) -> Result<String, Failure> {
    let no_group = || {
        Failure::semantic(format!(
            "regexp_extract: the pattern '{pattern}' has no group {group}"
        ))
    };
    let wanted = usize::try_from(group).map_err(|_| no_group())?;
    let is_there = |groups: usize| wanted < groups;
    if !compiled.groups().is_none_or(is_there) {
        return Err(no_group());
    }
    let mut answer = Ok(String::new());
    compiled.each(text, |found| {
        answer = if is_there(found.groups) {
            Ok(found
                .group(wanted)
                .map_or(String::new(), |group| text[group].to_owned()))
        } else {
            Err(no_group())
        };
        ControlFlow::Break(())
    });
    answer
}

fn replace(pattern: &Pattern, text: &str, replacement: &str) -> String {
    let mut answer = String::with_capacity(text.len());
    let mut end = 0;
    pattern.each(text, |found| {
        answer.push_str(&text[end..found.range.start]);
        expand(&mut answer, text, replacement, found);
        end = found.range.end;
        ControlFlow::Continue(())
    });
    answer.push_str(&text[end..]);
    answer
}

/// Java's replacement: `$1` is a group, a backslash takes the next character as it is.
fn expand(answer: &mut String, text: &str, replacement: &str, found: &Found<'_>) {
    let mut characters = replacement.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => answer.extend(characters.next()),
            '$' => {
                let mut group = None;
                while let Some(digit) = characters.peek().and_then(|next| next.to_digit(10)) {
                    let longer = group.unwrap_or(0) * 10 + digit as usize;
                    if group.is_some() && longer >= found.groups {
                        break;
                    }
                    group = Some(longer);
                    characters.next();
                }
                match group {
                    Some(group) => {
                        answer.push_str(found.group(group).map_or("", |group| &text[group]));
                    }
                    None => answer.push('$'),
                }
            }
            other => answer.push(other),
        }
    }
}

/// Hive keeps empty parts at the end. An empty match at the very start splits nothing off.
fn split<'a>(pattern: &Pattern, text: &'a str, limit: i64) -> Vec<&'a str> {
    let most = usize::try_from(limit)
        .ok()
        .filter(|limit| *limit > 0)
        .unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    let mut start = 0;
    if most > 1 {
        pattern.each(text, |found| {
            if found.range.end == 0 {
                return ControlFlow::Continue(());
            }
            parts.push(&text[start..found.range.start]);
            start = found.range.end;
            if parts.len() + 1 >= most {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
    }
    parts.push(&text[start..]);
    parts
}
