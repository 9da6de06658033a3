//! Splits an expression into tokens. The parser asks for one at a time, because a slash may open a regular expression.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use crate::error::{Error, quoted};

#[derive(Debug, Clone)]
pub(crate) enum Token {
    End,
    Symbol(&'static str),
    Name(Arc<str>),
    Variable(Arc<str>),
    Text(Arc<str>),
    Number(f64),
    Bool(bool),
    Null,
    Regex(Arc<Regex>),
}

impl Token {
    /// As messages show it: in quotes, unless it is a number.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::End => "\"(end)\"".to_owned(),
            Self::Symbol(symbol) => quoted(symbol),
            Self::Name(text) | Self::Variable(text) | Self::Text(text) => quoted(text),
            Self::Number(number) => crate::value::number_text(*number),
            Self::Bool(bool) => bool.to_string(),
            Self::Null => "null".to_owned(),
            Self::Regex(regex) => quoted(regex.as_str()),
        }
    }

    pub(crate) fn is(&self, symbol: &str) -> bool {
        matches!(self, Self::Symbol(own) if *own == symbol)
    }
}

/// The longest first.
const SYMBOLS: [&str; 31] = [
    "..", ":=", "!=", ">=", "<=", "**", "~>", ".", "[", "]", "{", "}", "(", ")", ",", "@", "#",
    ";", ":", "?", "+", "-", "*", "/", "%", "|", "=", "<", ">", "^", "&",
];

pub(crate) struct Lexer<'t> {
    rest: &'t str,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { rest: text }
    }

    /// `operand`: whether a value may begin here, so that a slash opens a regular expression.
    pub(crate) fn next(&mut self, operand: bool) -> Result<Token, Error> {
        self.skip_blanks()?;
        let Some(first) = self.rest.chars().next() else {
            return Ok(Token::End);
        };
        if operand && first == '/' {
            return self.regex();
        }
        match first {
            '"' | '\'' => return self.text(first),
            '`' => {
                let inner = &self.rest[1..];
                let end = inner.find('`').ok_or_else(|| {
                    Error::new(
                        "S0105",
                        "Quoted property name must be terminated with a backquote (`)",
                    )
                })?;
                self.rest = &inner[end + 1..];
                return Ok(Token::Name(inner[..end].into()));
            }
            '0'..='9' => return self.number(),
            _ => {}
        }
        for symbol in SYMBOLS {
            if let Some(rest) = self.rest.strip_prefix(symbol) {
                self.rest = rest;
                return Ok(Token::Symbol(symbol));
            }
        }
        self.name()
    }

    fn skip_blanks(&mut self) -> Result<(), Error> {
        loop {
            self.rest = self
                .rest
                .trim_start_matches([' ', '\t', '\n', '\r', '\u{b}']);
            let Some(comment) = self.rest.strip_prefix("/*") else {
                return Ok(());
            };
            let end = comment
                .find("*/")
                .ok_or_else(|| Error::new("S0106", "Comment has no closing tag"))?;
            self.rest = &comment[end + 2..];
        }
    }

    fn name(&mut self) -> Result<Token, Error> {
        let ends = |character: char| {
            " \t\n\r\u{b}".contains(character)
                || SYMBOLS
                    .iter()
                    .any(|symbol| symbol.len() == 1 && symbol.starts_with(character))
                || "!~".contains(character)
        };
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        if word.is_empty() {
            let unknown: String = self.rest.chars().take(1).collect();
            return Err(Error::new(
                "S0204",
                format!("Unknown operator: {}", quoted(&unknown)),
            ));
        }
        self.rest = &self.rest[end..];
        if let Some(variable) = word.strip_prefix('$') {
            return Ok(Token::Variable(variable.into()));
        }
        Ok(match word {
            "and" => Token::Symbol("and"),
            "or" => Token::Symbol("or"),
            "in" => Token::Symbol("in"),
            "true" => Token::Bool(true),
            "false" => Token::Bool(false),
            "null" => Token::Null,
            name => Token::Name(name.into()),
        })
    }

    fn number(&mut self) -> Result<Token, Error> {
        let bytes = self.rest.as_bytes();
        let digits = |from: usize| {
            from + bytes[from..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        };
        let mut end = if bytes[0] == b'0' { 1 } else { digits(0) };
        if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let signed = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            if bytes.get(signed).is_some_and(u8::is_ascii_digit) {
                end = digits(signed);
            }
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Token::Number(number)),
            _ => Err(Error::new(
                "S0102",
                format!("Number out of range: {}", quoted(text)),
            )),
        }
    }

    fn text(&mut self, quote: char) -> Result<Token, Error> {
        let mut text = String::new();
        let mut units: Vec<u16> = Vec::new();
        let mut characters = self.rest[1..].char_indices();
        while let Some((position, character)) = characters.next() {
            if character != '\\' && !units.is_empty() {
                text.push_str(&String::from_utf16_lossy(&std::mem::take(&mut units)));
            }
            match character {
                found if found == quote => {
                    self.rest = &self.rest[1 + position + quote.len_utf8()..];
                    return Ok(Token::Text(text.into()));
                }
                '\\' => {
                    let Some((at, escaped)) = characters.next() else {
                        break;
                    };
                    if escaped == 'u' {
                        let digits = self.rest[1..].get(at + 1..at + 5);
                        let unit = digits
                            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
                            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
                            .ok_or_else(|| {
                                Error::new(
                                    "S0104",
                                    "The escape sequence \\u must be followed by 4 hex digits",
                                )
                            })?;
                        units.push(unit);
                        characters.nth(3);
                        continue;
                    }
                    if !units.is_empty() {
                        text.push_str(&String::from_utf16_lossy(&std::mem::take(&mut units)));
                    }
                    text.push(match escaped {
                        '"' => '"',
                        '\'' => '\'',
                        '\\' => '\\',
                        '/' => '/',
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        other => {
                            return Err(Error::new(
                                "S0103",
                                format!(
                                    "Unsupported escape sequence: \\{}",
                                    quoted(&other.to_string())
                                ),
                            ));
                        }
                    });
                }
                other => text.push(other),
            }
        }
        Err(Error::new(
            "S0101",
            "String literal must be terminated by a matching quote",
        ))
    }

    fn regex(&mut self) -> Result<Token, Error> {
        let inner = &self.rest[1..];
        let (mut depth, mut escaped) = (0_i32, false);
        for (position, character) in inner.char_indices() {
            if !escaped && character == '/' && depth <= 0 {
                let pattern = &inner[..position];
                if pattern.is_empty() {
                    return Err(Error::new(
                        "S0301",
                        "Empty regular expressions are not allowed",
                    ));
                }
                let rest = &inner[position + 1..];
                let flags = rest.len() - rest.trim_start_matches(['i', 'm']).len();
                self.rest = &rest[flags..];
                let regex = RegexBuilder::new(pattern)
                    .case_insensitive(rest[..flags].contains('i'))
                    .multi_line(rest[..flags].contains('m'))
                    .size_limit(1 << 20)
                    .build()
                    .map_err(|_| {
                        Error::plain(format!(
                            "the regular expression /{pattern}/ is not supported"
                        ))
                    })?;
                return Ok(Token::Regex(Arc::new(regex)));
            }
            match character {
                '(' | '[' | '{' if !escaped => depth += 1,
                ')' | ']' | '}' if !escaped => depth -= 1,
                _ => {}
            }
            escaped = !escaped && character == '\\';
        }
        Err(Error::new(
            "S0302",
            "No terminating / in regular expression",
        ))
    }
}
