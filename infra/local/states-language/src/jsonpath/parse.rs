//! Parses paths and the expressions in their filters. Called by [`super::Path::parse`].

use serde_json::Value;

use super::filter::{Comparison, Filter, Operand, Pattern};
use super::function::Function;
use super::{Path, Root, Segment};

pub(super) fn path(text: &str) -> Result<Path, String> {
    let mut parser = Parser::new(text);
    let root = parser.root()?;
    let segments = parser.segments()?;
    parser.end()?;
    Ok(Path {
        text: text.to_owned(),
        root,
        segments,
    })
}

/// A cursor over a path's characters. Intrinsic calls have their own; they cut paths out first.
struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

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

    fn accept(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.accept(token) {
            return Ok(());
        }
        Err(self.error(&format!("expected '{token}'")))
    }

    fn error(&self, what: &str) -> String {
        format!("{what} at character {} of '{}'", self.at + 1, self.text)
    }

    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.take();
        }
    }

    fn end(&self) -> Result<(), String> {
        if self.rest().is_empty() {
            Ok(())
        } else {
            Err(self.error("unexpected text"))
        }
    }

    fn while_matches(&mut self, matches: impl Fn(char) -> bool) -> &'t str {
        let from = self.at;
        while self.peek().is_some_and(&matches) {
            self.take();
        }
        &self.text[from..self.at]
    }

    fn root(&mut self) -> Result<Root, String> {
        self.expect("$")?;
        if self.accept("$") {
            return Ok(Root::Context);
        }
        let name = self.while_matches(|c| c.is_alphanumeric() || c == '_');
        Ok(if name.is_empty() {
            Root::Input
        } else {
            Root::Variable(name.to_owned())
        })
    }

    fn segments(&mut self) -> Result<Vec<Segment>, String> {
        let mut segments = Vec::new();
        loop {
            if matches!(segments.last(), Some(Segment::Function(_)))
                && self.peek().is_some_and(|c| c == '.' || c == '[')
            {
                return Err(self.error("a function must be the end of a path"));
            }
            if self.accept("..") {
                segments.push(Segment::Scan);
                match self.peek() {
                    Some('[') => {}
                    Some(_) => segments.push(self.field()?),
                    None => return Err(self.error("a path must not end in '..'")),
                }
            } else if self.accept(".") {
                segments.push(self.field()?);
            } else if self.accept("[") {
                segments.push(self.bracket()?);
            } else {
                return Ok(segments);
            }
        }
    }

    /// What follows a dot.
    fn field(&mut self) -> Result<Segment, String> {
        if self.accept("*") {
            return Ok(Segment::Wildcard);
        }
        let name = self.while_matches(|c| !c.is_whitespace() && !".[]()'\"=<>!&|,@$*?".contains(c));
        if name.is_empty() {
            return Err(self.error("expected a field's name"));
        }
        if self.accept("(") {
            return self.function(name);
        }
        Ok(Segment::Field(name.to_owned()))
    }

    fn function(&mut self, name: &str) -> Result<Segment, String> {
        let mut arguments = Vec::new();
        self.space();
        while !self.accept(")") {
            if !arguments.is_empty() {
                self.expect(",")?;
                self.space();
            }
            arguments.push(self.operand()?);
            self.space();
        }
        Function::named(name, arguments)
            .map(Segment::Function)
            .map_err(|error| self.error(&error))
    }

    /// What follows an opening bracket, and the closing one.
    fn bracket(&mut self) -> Result<Segment, String> {
        self.space();
        let segment = match self.peek() {
            Some('*') => {
                self.take();
                Segment::Wildcard
            }
            Some('?') => {
                self.take();
                self.space();
                self.expect("(")?;
                let filter = self.either()?;
                self.space();
                self.expect(")")?;
                Segment::Filter(filter)
            }
            Some('\'' | '"') => self.names()?,
            _ => self.numbers()?,
        };
        self.space();
        self.expect("]")?;
        Ok(segment)
    }

    fn names(&mut self) -> Result<Segment, String> {
        let mut names = vec![self.name()?];
        self.space();
        while self.accept(",") {
            self.space();
            names.push(self.name()?);
            self.space();
        }
        Ok(match names.len() {
            1 => Segment::Field(names.remove(0)),
            _ => Segment::Fields(names),
        })
    }

    fn numbers(&mut self) -> Result<Segment, String> {
        let first = self.whole_number()?;
        self.space();
        if self.accept(":") {
            self.space();
            let last = self.whole_number()?;
            return Ok(Segment::Slice(first, last));
        }
        let Some(first) = first else {
            return Err(self.error("expected an index, a name, '*' or a filter"));
        };
        let mut indices = vec![first];
        while self.accept(",") {
            self.space();
            indices.push(
                self.whole_number()?
                    .ok_or_else(|| self.error("expected an index"))?,
            );
            self.space();
        }
        Ok(match indices[..] {
            [index] => Segment::Index(index),
            _ => Segment::Indices(indices),
        })
    }

    fn whole_number(&mut self) -> Result<Option<i64>, String> {
        let digits = self.while_matches(|c| c == '-' || c.is_ascii_digit());
        if digits.is_empty() {
            return Ok(None);
        }
        digits
            .parse()
            .map(Some)
            .map_err(|_| self.error("not a whole number"))
    }

    /// A quoted field name. A backslash escapes the quote and itself, and is otherwise part of the name.
    fn name(&mut self) -> Result<String, String> {
        let quote = match self.take() {
            Some(quote @ ('\'' | '"')) => quote,
            _ => return Err(self.error("expected a quoted name")),
        };
        let mut name = String::new();
        loop {
            match self.take() {
                None => return Err(self.error("the quote is not closed")),
                Some(character) if character == quote => return Ok(name),
                Some('\\')
                    if self
                        .peek()
                        .is_some_and(|next| next == quote || next == '\\') =>
                {
                    name.extend(self.take())
                }
                Some(other) => name.push(other),
            }
        }
    }

    /// A quoted text; a backslash takes the next character as it is, and the usual letters as control characters.
    fn quoted(&mut self) -> Result<String, String> {
        let quote = match self.take() {
            Some(quote @ ('\'' | '"')) => quote,
            _ => return Err(self.error("expected a quoted text")),
        };
        let mut text = String::new();
        loop {
            match self.take() {
                None => return Err(self.error("the quote is not closed")),
                Some(character) if character == quote => return Ok(text),
                Some('\\') => match self.take() {
                    None => return Err(self.error("the quote is not closed")),
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some('b') => text.push('\u{8}'),
                    Some('f') => text.push('\u{c}'),
                    Some('u') => {
                        let digits = self
                            .rest()
                            .get(..4)
                            .ok_or_else(|| self.error("expected four digits"))?;
                        let code = u32::from_str_radix(digits, 16)
                            .map_err(|_| self.error("expected four digits"))?;
                        self.at += 4;
                        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    Some(other) => text.push(other),
                },
                Some(other) => text.push(other),
            }
        }
    }

    fn either(&mut self) -> Result<Filter, String> {
        let mut filters = vec![self.both()?];
        self.space();
        while self.accept("||") {
            filters.push(self.both()?);
            self.space();
        }
        Ok(match filters.len() {
            1 => filters.remove(0),
            _ => Filter::Or(filters),
        })
    }

    fn both(&mut self) -> Result<Filter, String> {
        let mut filters = vec![self.term()?];
        self.space();
        while self.accept("&&") {
            filters.push(self.term()?);
            self.space();
        }
        Ok(match filters.len() {
            1 => filters.remove(0),
            _ => Filter::And(filters),
        })
    }

    fn term(&mut self) -> Result<Filter, String> {
        self.space();
        if self.accept("!") {
            return Ok(Filter::Not(Box::new(self.term()?)));
        }
        if self.accept("(") {
            let filter = self.either()?;
            self.space();
            self.expect(")")?;
            return Ok(filter);
        }
        let left = self.operand()?;
        self.space();
        let Some(comparison) = self.comparison() else {
            return match left {
                Operand::Literal(_) | Operand::Pattern(_) => {
                    Err(self.error("expected a comparison"))
                }
                _ => Ok(Filter::Exists(left)),
            };
        };
        self.space();
        let right = self.operand()?;
        Ok(Filter::Compare(left, comparison, right))
    }

    fn comparison(&mut self) -> Option<Comparison> {
        const SIGNS: [(&str, Comparison); 10] = [
            ("===", Comparison::SameTypeEqual),
            ("!==", Comparison::SameTypeNotEqual),
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("=~", Comparison::Matches),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<>", Comparison::NotEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        const WORDS: [(&str, Comparison); 9] = [
            ("in", Comparison::In),
            ("nin", Comparison::NotIn),
            ("subsetof", Comparison::SubsetOf),
            ("anyof", Comparison::AnyOf),
            ("noneof", Comparison::NoneOf),
            ("all", Comparison::All),
            ("size", Comparison::Size),
            ("empty", Comparison::Empty),
            ("contains", Comparison::Contains),
        ];
        if let Some((_, comparison)) = SIGNS.into_iter().find(|(sign, _)| self.accept(sign)) {
            return Some(comparison);
        }
        let from = self.at;
        let word = self.while_matches(char::is_alphabetic).to_lowercase();
        let found = WORDS.into_iter().find(|(name, _)| *name == word);
        if found.is_none() {
            self.at = from;
        }
        found.map(|(_, comparison)| comparison)
    }

    fn operand(&mut self) -> Result<Operand, String> {
        match self.peek() {
            Some('@') => {
                self.take();
                Ok(Operand::Current(self.segments()?))
            }
            Some('$') => {
                self.take();
                Ok(Operand::Document(self.segments()?))
            }
            Some('\'' | '"') => Ok(Operand::Literal(Value::String(self.quoted()?))),
            Some('/') => {
                self.take();
                self.pattern()
            }
            Some('[' | '{') => self.json(),
            _ => {
                let word = self.while_matches(|c| c.is_alphanumeric() || "+-.".contains(c));
                serde_json::from_str(word)
                    .map(Operand::Literal)
                    .map_err(|_| {
                        self.error("expected a path, a text, a number, true, false or null")
                    })
            }
        }
    }

    fn pattern(&mut self) -> Result<Operand, String> {
        let mut expression = String::new();
        loop {
            match self.take() {
                None => return Err(self.error("the regular expression is not closed")),
                Some('/') => break,
                Some('\\') if self.peek() == Some('/') => expression.extend(self.take()),
                Some('\\') => {
                    expression.push('\\');
                    expression.extend(self.take());
                }
                Some(other) => expression.push(other),
            }
        }
        let flags = self.while_matches(|c| c.is_ascii_alphabetic());
        Pattern::new(&expression, flags)
            .map(Operand::Pattern)
            .map_err(|error| self.error(&error))
    }

    /// A JSON list or object; texts in it may also have single quotes.
    fn json(&mut self) -> Result<Operand, String> {
        let from = self.at;
        let mut depth = 0;
        let mut json = String::new();
        loop {
            match self.peek() {
                None => {
                    self.at = from;
                    return Err(self.error("the list is not closed"));
                }
                Some('\'' | '"') => {
                    let text = self.quoted()?;
                    json.push_str(&Value::String(text).to_string());
                    continue;
                }
                Some('[' | '{') => depth += 1,
                Some(']' | '}') => depth -= 1,
                Some(_) => {}
            }
            json.extend(self.take());
            if depth == 0 {
                break;
            }
        }
        serde_json::from_str(&json)
            .map(Operand::Literal)
            .map_err(|error| self.error(&format!("not JSON ({error})")))
    }
}
