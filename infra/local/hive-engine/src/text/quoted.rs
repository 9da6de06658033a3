//! Fields of a line as OpenCSVSerde finds them (opencsv 2.3): quotes, doubled quotes, an escape that works inside quotes.
//!
//! The serde sees one line at a time, so a quoted newline ends the row: the open field and all that follow are NULL.

/// The characters of a CSV table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quoting {
    pub separator: char,
    pub quote: char,
    pub escape: char,
}

/// The fields of a line. A blank line has none.
pub(crate) fn split(line: &str, quoting: Quoting, fields: &mut Vec<String>) {
    fields.clear();
    if line.is_empty() {
        return;
    }
    let Quoting {
        separator,
        quote,
        escape,
    } = quoting;
    let characters: Vec<char> = line.chars().collect();
    let mut field = String::new();
    let (mut in_quotes, mut in_field) = (false, false);
    let mut at = 0;
    while at < characters.len() {
        let character = characters[at];
        let next = characters.get(at + 1).copied();
        if character == escape {
            // Outside of quotes and before other characters the escape is dropped.
            if (in_quotes || in_field) && next.is_some_and(|next| next == quote || next == escape) {
                field.extend(next);
                at += 1;
            }
        } else if character == quote {
            if (in_quotes || in_field) && next == Some(quote) {
                field.push(quote);
                at += 1;
            } else {
                let inside = at > 2
                    && characters[at - 1] != separator
                    && next.is_some_and(|next| next != separator);
                if inside {
                    // A quote in the middle of a field is text, unless only spaces came before it.
                    if !field.is_empty() && field.chars().all(char::is_whitespace) {
                        field.clear();
                    } else {
                        field.push(quote);
                    }
                }
                in_quotes = !in_quotes;
            }
            in_field = !in_field;
        } else if character == separator && !in_quotes {
            fields.push(std::mem::take(&mut field));
            in_field = false;
        } else {
            field.push(character);
            in_field = true;
        }
        at += 1;
    }
    if !in_quotes {
        fields.push(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Vec<String> {
        let mut fields = Vec::new();
        split(
            line,
            Quoting {
                separator: ',',
                quote: '"',
                escape: '\\',
            },
            &mut fields,
        );
        fields
    }

    #[test]
    fn a_field_whose_quote_never_ends_is_lost() {
        assert_eq!(fields("1,\"open, 2"), ["1"]);
    }

    #[test]
    fn a_blank_line_has_no_field() {
        assert!(fields("").is_empty());
    }

    #[test]
    fn quotes_hold_separators_and_doubled_quotes() {
        assert_eq!(
            fields(r#"1,"a, b","say ""hi""",,x"#),
            ["1", "a, b", "say \"hi\"", "", "x"]
        );
    }

    #[test]
    fn an_empty_quoted_field_is_empty() {
        assert_eq!(fields(r#"1,"",2"#), ["1", "", "2"]);
    }

    #[test]
    fn an_escape_works_inside_quotes_and_vanishes_outside() {
        assert_eq!(fields(r#""a\"b","c\\d""#), ["a\"b", "c\\d"]);
        assert_eq!(fields(r"\x,a"), ["x", "a"]);
    }

    #[test]
    fn spaces_are_kept() {
        assert_eq!(fields(" a , b "), [" a ", " b "]);
    }
}
