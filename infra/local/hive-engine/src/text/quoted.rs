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

/// The fields of a line, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Fields {
    /// A field by its place.
    pub(crate) fn get(&self, place: usize) -> Option<&[u8]> {
        let end = *self.ends.get(place)?;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.text[start..end])
    }

    /// All fields.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).filter_map(|place| self.get(place))
    }
}

/// Finds the fields of a line. A blank line has none.
pub(crate) fn split(line: &str, quoting: Quoting, fields: &mut Fields) {
    let Fields { text, ends } = fields;
    text.clear();
    ends.clear();
    if line.is_empty() {
        return;
    }
    let mut encoded = [[0; 4]; 3];
    let [separator, quote, escape] = &mut encoded;
    let separator = quoting.separator.encode_utf8(separator).as_bytes();
    let quote = quoting.quote.encode_utf8(quote).as_bytes();
    let escape = quoting.escape.encode_utf8(escape).as_bytes();
    let bytes = line.as_bytes();
    // Where the field at hand begins.
    let mut start = 0;
    let (mut in_quotes, mut in_field) = (false, false);
    let mut at = 0;
    while at < bytes.len() {
        let ordinary = memchr::memchr3(separator[0], quote[0], escape[0], &bytes[at..])
            .unwrap_or(bytes.len() - at);
        if ordinary > 0 {
            text.extend_from_slice(&bytes[at..at + ordinary]);
            in_field = true;
            at += ordinary;
            continue;
        }
        let rest = &bytes[at..];
        if rest.starts_with(escape) {
            at += escape.len();
            let next = &bytes[at..];
            // Outside of quotes and before other characters the escape is dropped.
            for escaped in [quote, escape] {
                if (in_quotes || in_field) && next.starts_with(escaped) {
                    text.extend_from_slice(escaped);
                    at += escaped.len();
                    break;
                }
            }
        } else if rest.starts_with(quote) {
            let next = &rest[quote.len()..];
            if (in_quotes || in_field) && next.starts_with(quote) {
                text.extend_from_slice(quote);
                at += quote.len();
            } else {
                let inside = line[..at].chars().nth(2).is_some()
                    && !bytes[..at].ends_with(separator)
                    && !next.is_empty()
                    && !next.starts_with(separator);
                if inside {
                    // A quote in the middle of a field is text, unless only spaces came before it.
                    if is_blank(&text[start..]) {
                        text.truncate(start);
                    } else {
                        text.extend_from_slice(quote);
                    }
                }
                in_quotes = !in_quotes;
            }
            in_field = !in_field;
            at += quote.len();
        } else if rest.starts_with(separator) && !in_quotes {
            start = text.len();
            ends.push(start);
            in_field = false;
            at += separator.len();
        } else {
            text.push(bytes[at]);
            in_field = true;
            at += 1;
        }
    }
    if !in_quotes {
        ends.push(text.len());
    }
}

/// Whether there are spaces and nothing else.
fn is_blank(field: &[u8]) -> bool {
    !field.is_empty()
        && std::str::from_utf8(field).is_ok_and(|field| field.chars().all(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields_with(line: &str, separator: char, quote: char, escape: char) -> Vec<String> {
        let mut fields = Fields::default();
        let quoting = Quoting {
            separator,
            quote,
            escape,
        };
        split(line, quoting, &mut fields);
        (0..fields.ends.len())
            .filter_map(|place| fields.get(place))
            .map(|field| String::from_utf8(field.to_vec()).unwrap())
            .collect()
    }

    fn fields(line: &str) -> Vec<String> {
        fields_with(line, ',', '"', '\\')
    }

    #[test]
    fn characters_of_several_bytes_may_separate_and_quote() {
        assert_eq!(
            fields_with("é§«a§b»»«§ç«»»«", '§', '«', '»'),
            ["é", "a§b»", "ç«»"]
        );
        // The first byte of the separator is also that of other letters.
        assert_eq!(fields_with("é§ê", '§', '"', '\\'), ["é", "ê"]);
    }

    #[test]
    fn a_quote_inside_a_field_is_text_and_behind_spaces_it_opens_one() {
        assert_eq!(fields(r#"abc"d,e"#), [r#"abc"d,e"#.to_owned()][..0]);
        assert_eq!(fields(r#"abcd"e"f,g"#), [r#"abcd"e"f"#, "g"]);
        assert_eq!(fields(r#"a,b,  "c,d",e"#), ["a", "b", "c,d", "e"]);
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
