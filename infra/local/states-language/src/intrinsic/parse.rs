//! Parses calls of intrinsic functions. Called by [`super::Call::parse`] when a definition is read.

use serde_json::Value;

use super::{Argument, Call, Function};
use crate::jsonpath::Path;

pub(super) fn call(text: &str) -> Result<Call, String> {
    let mut parser = Parser { text, at: 0 };
    let call = parser.call()?;
    parser.space();
    if parser.rest().is_empty() {
        Ok(call)
    } else {
        Err(parser.error("unexpected text"))
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn error(&self, what: &str) -> String {
        format!("{what} at character {} of '{}'", self.at + 1, self.text)
    }

    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.take();
        }
    }

    fn call(&mut self) -> Result<Call, String> {
        self.space();
        let from = self.at;
        if !self.rest().starts_with("States.") {
            return Err(self.error("expected an intrinsic function"));
        }
        self.at += "States.".len();
        let length = self
            .rest()
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(self.rest().len());
        let name = &self.rest()[..length];
        let function = Function::named(name)
            .ok_or_else(|| self.error(&format!("unknown intrinsic function 'States.{name}'")))?;
        self.at += length;
        if self.take() != Some('(') {
            return Err(self.error("expected '('"));
        }
        let mut arguments = Vec::new();
        loop {
            self.space();
            match self.peek() {
                Some(')') if arguments.is_empty() => break,
                _ => {
                    let argument = self.argument()?;
                    let is_template = function == Function::Format && arguments.is_empty();
                    arguments.push(if is_template {
                        argument
                    } else {
                        unescaped(argument)
                    });
                }
            }
            self.space();
            match self.peek() {
                Some(',') => self.at += 1,
                Some(')') => break,
                _ => return Err(self.error("expected ',' or ')'")),
            }
        }
        self.at += 1;
        if !function.arity().contains(&arguments.len()) {
            return Err(self.error(&format!("wrong number of arguments for 'States.{name}'")));
        }
        Ok(Call {
            text: self.text[from..self.at].to_owned(),
            function,
            arguments,
        })
    }

    fn argument(&mut self) -> Result<Argument, String> {
        match self.peek() {
            Some('\'') => self
                .quoted()
                .map(|text| Argument::Literal(Value::String(text))),
            Some('$') => self.path().map(Argument::Path),
            Some('S') => self.call().map(Argument::Call),
            _ => {
                let length = self.rest().find([',', ')']).unwrap_or(self.rest().len());
                let word = self.rest()[..length].trim_end();
                match serde_json::from_str(word) {
                    Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => {
                        self.at += word.len();
                        Ok(Argument::Literal(value))
                    }
                    _ => Err(self
                        .error("expected a text, a number, true, false, null, a path or a call")),
                }
            }
        }
    }

    /// A text in single quotes, in which a backslash escapes `'`, `{`, `}` and itself. The escapes stay: which braces are
    /// literal is for `States.Format` to see.
    fn quoted(&mut self) -> Result<String, String> {
        self.take();
        let mut text = String::new();
        loop {
            match self.take() {
                None => return Err(self.error("the quote is not closed")),
                Some('\'') => return Ok(text),
                Some('\\') => match self.take() {
                    Some(escaped @ ('\'' | '\\' | '{' | '}')) => text.extend(['\\', escaped]),
                    _ => return Err(self.error("a backslash may only escape ', {, } and itself")),
                },
                Some(other) => text.push(other),
            }
        }
    }

    /// A path runs to the comma or bracket that ends the argument; those in its own brackets and quotes belong to it.
    fn path(&mut self) -> Result<Path, String> {
        let from = self.at;
        let mut depth = 0;
        while let Some(next) = self.peek() {
            match next {
                ',' if depth == 0 => break,
                ')' | ']' if depth == 0 => break,
                '(' | '[' => depth += 1,
                ')' | ']' => depth -= 1,
                quote @ ('\'' | '"') => {
                    self.take();
                    while let Some(next) = self.peek() {
                        if next == quote {
                            break;
                        }
                        if next == '\\' {
                            self.take();
                        }
                        self.take();
                    }
                }
                _ => {}
            }
            self.take();
        }
        Path::parse(self.text[from..self.at].trim_end())
    }
}

/// A text argument without the backslashes of its escapes.
fn unescaped(argument: Argument) -> Argument {
    let Argument::Literal(Value::String(text)) = argument else {
        return argument;
    };
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    Argument::Literal(Value::String(plain))
}
