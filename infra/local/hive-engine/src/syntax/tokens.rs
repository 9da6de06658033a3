//! Text to tokens: sqlparser's tokenizer, then Hive's own rules for strings, escapes and the case of names.

use sqlparser::ast::Query;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use super::dialect::HiveQl;
use crate::error::Failure;

/// Reads a statement's text. Comments and spaces are dropped, names are in lower case, strings hold their value.
///
/// # Errors
/// [`Failure::Syntax`] for a string or comment without an end.
pub(crate) fn tokenize(text: &str) -> Result<Vec<TokenWithSpan>, Failure> {
    let raw = Tokenizer::new(&HiveQl, text)
        .with_unescape(false)
        .tokenize_with_location()
        .map_err(|error| Failure::Syntax {
            message: error.message,
            offset: Some(offset_of(text, error.location)),
        })?;
    let mut tokens: Vec<TokenWithSpan> = Vec::with_capacity(raw.len());
    for TokenWithSpan { token, span } in raw {
        let token = match token {
            Token::Whitespace(_) => continue,
            Token::SingleQuotedString(value) => Token::SingleQuotedString(unescape(&value, '\'')),
            Token::DoubleQuotedString(value) => Token::SingleQuotedString(unescape(&value, '"')),
            Token::Word(mut word) => {
                if word.quote_style.is_some() {
                    word.value = word.value.replace("``", "`");
                }
                word.value = word.value.to_lowercase();
                Token::Word(word)
            }
            Token::DoubleEq => Token::Eq,
            other => other,
        };
        if let Some(number) = typed_number(&token, span, tokens.last()) {
            tokens.extend(number);
            continue;
        }
        // Neighbouring literals are one literal in Hive.
        if let (Token::SingleQuotedString(more), Some(last)) = (&token, tokens.last_mut())
            && let Token::SingleQuotedString(value) = &mut last.token
        {
            value.push_str(more);
            last.span.end = span.end;
            continue;
        }
        tokens.push(TokenWithSpan { token, span });
    }
    Ok(tokens)
}

/// `3L`, `3S`, `3Y` and `3BD` as casts of `3`; nothing behind `1.5` for the `BD` of `1.5BD`.
fn typed_number(
    token: &Token,
    span: Span,
    last: Option<&TokenWithSpan>,
) -> Option<Vec<TokenWithSpan>> {
    let (digits, kind) = match token {
        Token::Number(digits, true) => (digits.as_str(), "bigint"),
        Token::Word(word) if word.quote_style.is_none() => {
            let follows = last.is_some_and(|last| {
                matches!(last.token, Token::Number(_, false)) && last.span.end == span.start
            });
            if follows && word.value == "bd" {
                return Some(Vec::new());
            }
            if let Some(digits) = word.value.strip_suffix("bd")
                && digits.contains('.')
                && digits.parse::<f64>().is_ok()
            {
                let number = Token::Number(digits.to_owned(), false);
                return Some(vec![TokenWithSpan::new(number, span)]);
            }
            let end = word.value.find(|next: char| !next.is_ascii_digit())?;
            let kind = match &word.value[end..] {
                "l" => "bigint",
                "s" => "smallint",
                "y" => "tinyint",
                "bd" => "decimal",
                _ => return None,
            };
            (&word.value[..end], kind)
        }
        _ => return None,
    };
    if digits.is_empty() {
        return None;
    }
    let mut tokens = vec![
        Token::make_keyword("cast"),
        Token::LParen,
        Token::Number(digits.to_owned(), false),
        Token::make_keyword("as"),
        Token::make_word(kind, None),
    ];
    if kind == "decimal" {
        tokens.extend([
            Token::LParen,
            Token::Number(digits.len().to_string(), false),
            Token::RParen,
        ]);
    }
    tokens.push(Token::RParen);
    let placed = tokens.into_iter();
    Some(placed.map(|token| TokenWithSpan { token, span }).collect())
}

/// Hive's escapes. An unknown escape loses its backslash; `\%` and `\_` keep it, for LIKE.
fn unescape(raw: &str, quote: char) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut characters = raw.chars().peekable();
    while let Some(character) = characters.next() {
        if character == quote {
            // Two quotes: the end of one literal and the start of the next.
            continue;
        }
        if character != '\\' {
            text.push(character);
            continue;
        }
        let Some(escaped) = characters.next() else {
            text.push('\\');
            break;
        };
        match escaped {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'b' => text.push('\u{8}'),
            'Z' => text.push('\u{1a}'),
            '%' | '_' => text.extend(['\\', escaped]),
            'u' => {
                let digits: String = characters
                    .clone()
                    .take(4)
                    .take_while(char::is_ascii_hexdigit)
                    .collect();
                match (digits.len() == 4)
                    .then(|| {
                        u32::from_str_radix(&digits, 16)
                            .ok()
                            .and_then(char::from_u32)
                    })
                    .flatten()
                {
                    Some(character) => {
                        text.push(character);
                        characters.nth(3);
                    }
                    None => text.push('u'),
                }
            }
            '0'..='3' => {
                let digits: String = characters
                    .clone()
                    .take(2)
                    .take_while(|digit| ('0'..='7').contains(digit))
                    .collect();
                if digits.len() == 2 {
                    let code = u32::from_str_radix(&format!("{escaped}{digits}"), 8).unwrap_or(0);
                    text.extend(char::from_u32(code));
                    characters.nth(1);
                } else if escaped == '0' {
                    text.push('\0');
                } else {
                    text.push(escaped);
                }
            }
            other => text.push(other),
        }
    }
    text
}

/// Offset in bytes of sqlparser's line and column.
pub(crate) fn offset_of(text: &str, location: Location) -> usize {
    if location.line == 0 {
        return 0;
    }
    let line = usize::try_from(location.line).unwrap_or(1);
    let column = usize::try_from(location.column).unwrap_or(1).max(1);
    let start: usize = text
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum();
    let rest = &text[start..];
    start
        + rest
            .char_indices()
            .nth(column - 1)
            .map_or(rest.len(), |(offset, _)| offset)
}

/// Parses tokens as one query and nothing else.
///
/// # Errors
/// [`Failure::Syntax`] with the place that sqlparser names.
pub(crate) fn parse_query(tokens: &[TokenWithSpan], text: &str) -> Result<Query, Failure> {
    let tokens = super::lateral_join::in_front(tokens);
    let tokens = tokens.as_ref();
    let mut parser = Parser::new(&HiveQl).with_tokens_with_locations(tokens.to_vec());
    let query = parser
        .parse_query()
        .map_err(|error| parser_failure(&error.to_string(), tokens, text))?;
    let next = parser.peek_token();
    match next.token {
        Token::EOF => Ok(*query),
        _ if has_transform(tokens) => Err(Failure::unsupported("TRANSFORM")),
        found => Err(Failure::Syntax {
            message: format!("expected the end of the statement, found: {found}"),
            offset: Some(offset_of(text, next.span.start)),
        }),
    }
}

/// Whether rows go through a program: `TRANSFORM (…) USING '…'`, or MAP or REDUCE in its place.
fn has_transform(tokens: &[TokenWithSpan]) -> bool {
    tokens.windows(2).any(|pair| {
        let using = matches!(&pair[0].token, Token::Word(word) if word.value == "using");
        using && matches!(pair[1].token, Token::SingleQuotedString(_))
    })
}

/// sqlparser writes the place into its message; it is cut out again.
fn parser_failure(message: &str, tokens: &[TokenWithSpan], text: &str) -> Failure {
    let message = message.trim_start_matches("sql parser error: ");
    if let Some((sentence, place)) = message.rsplit_once(" at Line: ")
        && let Some((line, column)) = place.split_once(", Column: ")
        && let (Ok(line), Ok(column)) = (line.trim().parse(), column.trim().parse())
    {
        return Failure::Syntax {
            message: sentence.to_owned(),
            offset: Some(offset_of(text, Location { line, column })),
        };
    }
    // Sometimes it names the token that it found and not the place.
    let found = message
        .rsplit_once("found: ")
        .map(|(_, found)| found.trim());
    let token = tokens
        .iter()
        .rev()
        .find(|token| found == Some(token.token.to_string().as_str()));
    let at = token
        .map(|token| token.span.start)
        .or(tokens.last().map(|token| token.span.end));
    let offset = at.map_or(0, |location| offset_of(text, location));
    Failure::Syntax {
        message: message.replace("found: EOF", "found: the end of the statement"),
        offset: Some(offset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(text: &str) -> Vec<String> {
        let tokens = tokenize(text).unwrap();
        tokens
            .into_iter()
            .map(|token| match token.token {
                Token::SingleQuotedString(value) => value,
                other => other.to_string(),
            })
            .collect()
    }

    #[test]
    fn names_the_place_of_a_string_without_an_end() {
        let Failure::Syntax { offset, .. } = tokenize("select\n 'abc").unwrap_err() else {
            panic!()
        };
        assert_eq!(offset, Some(8));
    }

    #[test]
    fn names_the_place_of_a_syntax_error() {
        let text = "select a\nfrom t whre x = 1 = 2 from";
        let Failure::Syntax { offset, .. } =
            parse_query(&tokenize(text).unwrap(), text).unwrap_err()
        else {
            panic!()
        };
        assert!(offset.unwrap() > 9);
    }

    #[test]
    fn reads_escapes_as_hive_does() {
        assert_eq!(strings(r"'a\tb\\d\d\'x\u0041\101\%'"), ["a\tb\\dd'xAA\\%"]);
        assert_eq!(strings(r#""double \" quoted""#), ["double \" quoted"]);
    }

    #[test]
    fn a_letter_behind_a_number_is_its_type() {
        assert_eq!(
            strings("3L, 12BD, 1.5BD").join(" "),
            "cast ( 3 as bigint ) , cast ( 12 as decimal ( 2 ) ) , 1.5"
        );
        assert_eq!(strings("1x, t1, `3l`"), ["1x", ",", "t1", ",", "`3l`"]);
    }

    #[test]
    fn joins_neighbouring_literals() {
        assert_eq!(strings("'a' 'b'\n\"c\""), ["abc"]);
        assert_eq!(strings("'it''s'"), ["its"]);
    }

    #[test]
    fn names_are_in_lower_case_and_keep_their_backticks() {
        assert_eq!(
            strings("Select `Order By` FROM Tab"),
            ["select", "`order by`", "from", "tab"]
        );
    }

    #[test]
    fn integer_division_binds_like_a_product() {
        let text = "select 1 + 7 div 2";
        assert_eq!(
            parse_query(&tokenize(text).unwrap(), text)
                .unwrap()
                .to_string(),
            "SELECT 1 + 7 DIV 2"
        );
    }
}
