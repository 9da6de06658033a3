//! A cursor over a statement's tokens, for the clauses that we read ourselves. Used by the files of this folder.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::tokens::offset_of;
use crate::error::Failure;

/// Reads tokens from left to right.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    tokens: &'a [TokenWithSpan],
    at: usize,
}

/// A table's name as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableName {
    /// Absent: the current database.
    pub database: Option<String>,
    pub name: String,
}

impl std::fmt::Display for TableName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.database {
            Some(database) => write!(formatter, "{database}.{}", self.name),
            None => formatter.write_str(&self.name),
        }
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str, tokens: &'a [TokenWithSpan]) -> Self {
        Self {
            text,
            tokens,
            at: 0,
        }
    }

    /// The statement's text.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// The next token, if there is one.
    pub(crate) fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at).map(|token| &token.token)
    }

    /// Whether all tokens are read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Tokens that are not read yet.
    pub(crate) fn rest(&self) -> &'a [TokenWithSpan] {
        &self.tokens[self.at.min(self.tokens.len())..]
    }

    /// Takes all remaining tokens.
    pub(crate) fn take_rest(&mut self) -> &'a [TokenWithSpan] {
        let rest = self.rest();
        self.at = self.tokens.len();
        rest
    }

    /// Takes the next `count` tokens.
    pub(crate) fn take(&mut self, count: usize) -> &'a [TokenWithSpan] {
        let taken = &self.rest()[..count.min(self.rest().len())];
        self.at += taken.len();
        taken
    }

    /// The text from the next token to the end.
    pub(crate) fn rest_text(&self) -> &'a str {
        &self.text[self.offset()..]
    }

    /// Offset in bytes of the next token.
    pub(crate) fn offset(&self) -> usize {
        match self.tokens.get(self.at) {
            Some(token) => offset_of(self.text, token.span.start),
            None => self.text.len(),
        }
    }

    /// A syntax error at the next token.
    pub(crate) fn expected(&self, what: &str) -> Failure {
        let found = self.peek().map_or_else(
            || "the end of the statement".to_owned(),
            ToString::to_string,
        );
        Failure::Syntax {
            message: format!("expected {what}, found: {found}"),
            offset: Some(self.offset()),
        }
    }

    /// Whether the next token is this word, in any case and not quoted.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.is_word_at(0, word)
    }

    /// The same for a token further on.
    pub(crate) fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        self.tokens
            .get(self.at + ahead)
            .is_some_and(|token| is_word(&token.token, word))
    }

    /// Takes the words if all of them come next.
    pub(crate) fn accept(&mut self, words: &str) -> bool {
        let all = words
            .split(' ')
            .enumerate()
            .all(|(ahead, word)| self.is_word_at(ahead, word));
        if all {
            self.at += words.split(' ').count();
        }
        all
    }

    /// Takes the words, which must come next.
    pub(crate) fn expect(&mut self, words: &str) -> Result<(), Failure> {
        if self.accept(words) {
            Ok(())
        } else {
            Err(self.expected(&words.to_uppercase()))
        }
    }

    /// Takes a token that is no word if it comes next.
    pub(crate) fn accept_token(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    /// Takes a token that must come next.
    pub(crate) fn expect_token(&mut self, token: &Token) -> Result<(), Failure> {
        if self.accept_token(token) {
            Ok(())
        } else {
            Err(self.expected(&format!("'{token}'")))
        }
    }

    /// Nothing may come any more.
    pub(crate) fn expect_end(&self) -> Result<(), Failure> {
        if self.is_at_end() {
            Ok(())
        } else {
            Err(self.expected("the end of the statement"))
        }
    }

    /// A name, quoted or not, in lower case.
    pub(crate) fn identifier(&mut self, what: &str) -> Result<String, Failure> {
        match self.peek() {
            Some(Token::Word(word)) => {
                self.at += 1;
                Ok(word.value.clone())
            }
            _ => Err(self.expected(what)),
        }
    }

    /// `name` or `database.name`.
    pub(crate) fn table_name(&mut self) -> Result<TableName, Failure> {
        let first = self.identifier("a table name")?;
        if self.accept_token(&Token::Period) {
            let name = self.identifier("a table name")?;
            return Ok(TableName {
                database: Some(first),
                name,
            });
        }
        Ok(TableName {
            database: None,
            name: first,
        })
    }

    /// A string literal's value.
    pub(crate) fn string(&mut self, what: &str) -> Result<String, Failure> {
        match self.peek() {
            Some(Token::SingleQuotedString(value)) => {
                self.at += 1;
                Ok(value.clone())
            }
            _ => Err(self.expected(what)),
        }
    }

    /// `'key' = 'value', …` in parentheses.
    pub(crate) fn properties(&mut self) -> Result<Vec<(String, String)>, Failure> {
        self.expect_token(&Token::LParen)?;
        let mut properties = Vec::new();
        loop {
            let key = self.string("a property's name in quotes")?;
            self.expect_token(&Token::Eq)?;
            properties.push((key, self.string("a property's value in quotes")?));
            if !self.accept_token(&Token::Comma) {
                break;
            }
        }
        self.expect_token(&Token::RParen)?;
        Ok(properties)
    }

    /// A constant: string, number (with its sign), TRUE, FALSE or NULL (`None`).
    pub(crate) fn constant(&mut self) -> Result<Option<String>, Failure> {
        let negative = self.accept_token(&Token::Minus);
        let value = match self.peek() {
            Some(Token::Number(number, _)) => Some(if negative {
                format!("-{number}")
            } else {
                number.clone()
            }),
            Some(Token::SingleQuotedString(value)) if !negative => Some(value.clone()),
            Some(word @ Token::Word(_))
                if !negative && (is_word(word, "true") || is_word(word, "false")) =>
            {
                Some(word.to_string().to_lowercase())
            }
            Some(word @ Token::Word(_)) if !negative && is_word(word, "null") => None,
            Some(word @ Token::Word(_)) if !negative && is_word(word, "date") => {
                self.at += 1;
                return self.string("a date in quotes").map(Some);
            }
            _ => return Err(self.expected("a constant")),
        };
        self.at += 1;
        Ok(value)
    }

    /// The tokens of a type, up to what does not belong to it.
    pub(crate) fn data_type(&mut self) -> Result<crate::types::HiveType, Failure> {
        let start = self.offset();
        let mut text = self.identifier("a type")?;
        if text == "double" {
            self.accept("precision");
        }
        let mut depth = 0usize;
        loop {
            let (step_in, step_out) = match self.peek() {
                Some(Token::LParen | Token::Lt) => (1, 0),
                Some(Token::RParen | Token::Gt) if depth > 0 => (0, 1),
                Some(Token::ShiftRight) if depth > 1 => (0, 2),
                Some(_) if depth > 0 => (0, 0),
                _ => break,
            };
            let token = &self.take(1)[0].token;
            text.push_str(&token.to_string());
            depth = depth + step_in - step_out;
            if depth == 0 {
                break;
            }
        }
        text.parse().map_err(|failure| match failure {
            Failure::Syntax { message, .. } => Failure::Syntax {
                message,
                offset: Some(start),
            },
            other => other,
        })
    }
}

/// Whether a token is this word, not quoted.
pub(crate) fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found) if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}
