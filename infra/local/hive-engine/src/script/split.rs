//! Cuts a script into statements at `;`, outside of strings, backticks and comments. Called by sessions and by the checker.

/// One statement's text, with comments still inside, and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawStatement<'a> {
    /// From the first character that is neither space nor comment up to the `;`.
    pub text: &'a str,
    /// Offset in bytes of that character in the script.
    pub offset: usize,
}

/// Cuts a script. A text without any statement gives none.
pub(crate) fn split(script: &str) -> Vec<RawStatement<'_>> {
    let bytes = script.as_bytes();
    let mut statements = Vec::new();
    let mut start: Option<usize> = None;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if is_line_comment(script, at, start) {
            at = skip_line(bytes, at);
            continue;
        }
        if byte == b'/' && bytes.get(at + 1) == Some(&b'*') && !is_set_command(script, start) {
            at = skip_block(bytes, at);
            continue;
        }
        match byte {
            b';' => {
                if let Some(first) = start.take() {
                    statements.push(RawStatement {
                        text: script[first..at].trim_end(),
                        offset: first,
                    });
                }
                at += 1;
            }
            b'\'' | b'"' | b'`' => {
                start.get_or_insert(at);
                at = skip_quoted(bytes, at);
            }
            b'\\' if start.is_some() => at += 2,
            _ => {
                if start.is_none() && !byte.is_ascii_whitespace() && !is_byte_order_mark(script, at)
                {
                    start = Some(at);
                }
                at += 1;
            }
        }
    }
    if let Some(first) = start {
        statements.push(RawStatement {
            text: script[first..].trim_end(),
            offset: first,
        });
    }
    statements
}

fn is_byte_order_mark(script: &str, at: usize) -> bool {
    at < 3 && script.starts_with('\u{feff}')
}

/// `--` begins a comment; in the value of a SET only where a word could begin, for values hold URLs and dashes.
fn is_line_comment(script: &str, at: usize, start: Option<usize>) -> bool {
    let bytes = script.as_bytes();
    if bytes[at] != b'-' || bytes.get(at + 1) != Some(&b'-') {
        return false;
    }
    !is_set_command(script, start) || bytes[at - 1].is_ascii_whitespace()
}

fn is_set_command(script: &str, start: Option<usize>) -> bool {
    start.is_some_and(|first| {
        let word: String = script[first..]
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect();
        word.eq_ignore_ascii_case("set")
    })
}

fn skip_line(bytes: &[u8], at: usize) -> usize {
    bytes[at..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(bytes.len(), |length| at + length)
}

fn skip_block(bytes: &[u8], at: usize) -> usize {
    let body = at + 2;
    bytes[body.min(bytes.len())..]
        .windows(2)
        .position(|pair| pair == b"*/")
        .map_or(bytes.len(), |length| body + length + 2)
}

fn skip_quoted(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let mut position = at + 1;
    while position < bytes.len() {
        match bytes[position] {
            b'\\' if quote != b'`' => position += 1,
            byte if byte == quote => return position + 1,
            _ => {}
        }
        position += 1;
    }
    bytes.len()
}

/// Line and column (in characters), both from 1, of an offset in bytes.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or(before)
        .trim_start_matches('\u{feff}')
        .chars()
        .count()
        + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<&str> {
        split(script)
            .into_iter()
            .map(|statement| statement.text)
            .collect()
    }

    #[test]
    fn keeps_semicolons_inside_strings_backticks_and_comments() {
        assert_eq!(
            texts("select ';' ; select \";\", `a;b` -- ; no\n, 1 /* ; */ ;"),
            ["select ';'", "select \";\", `a;b` -- ; no\n, 1 /* ; */"]
        );
    }

    #[test]
    fn keeps_an_escaped_quote_inside_its_string() {
        assert_eq!(
            texts(r"select 'it\'s; fine'; select 2"),
            [r"select 'it\'s; fine'", "select 2"]
        );
    }

    #[test]
    fn a_set_value_may_hold_a_url_and_dashes() {
        assert_eq!(
            texts("SET a=s3://b/*/x--y; select 1"),
            ["SET a=s3://b/*/x--y", "select 1"]
        );
    }

    #[test]
    fn leading_comments_belong_to_no_statement_and_places_are_exact() {
        let script = "\u{feff}-- head\n/* two\nlines */  select 1;\n;;\n  select é, 2";
        let statements = split(script);
        assert_eq!(statements.len(), 2);
        assert_eq!(line_and_column(script, statements[0].offset), (3, 11));
        assert_eq!(line_and_column(script, statements[1].offset), (5, 3));
        assert_eq!(line_and_column(script, script.len()), (5, 14));
    }

    #[test]
    fn a_script_of_comments_only_has_no_statement() {
        assert!(split(" -- nothing\n /* here */ ; \n").is_empty());
        assert!(split("").is_empty());
    }

    #[test]
    fn an_unterminated_string_ends_with_the_script() {
        assert_eq!(texts("select 'a; b"), ["select 'a; b"]);
    }
}
