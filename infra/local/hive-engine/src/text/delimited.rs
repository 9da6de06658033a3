//! Fields of a line as LazySimpleSerDe finds them: a one-byte delimiter, an optional escape, a text that stands for NULL.

/// Appends the range of each field of a line. A delimiter behind an escape is no delimiter.
pub(crate) fn split(
    line: &[u8],
    delimiter: u8,
    escape: Option<u8>,
    fields: &mut Vec<(usize, usize)>,
) {
    fields.clear();
    let mut start = 0;
    let Some(escape) = escape else {
        for end in memchr::memchr_iter(delimiter, line) {
            fields.push((start, end));
            start = end + 1;
        }
        fields.push((start, line.len()));
        return;
    };
    let mut at = 0;
    while at < line.len() {
        if line[at] == escape {
            at += 2;
            continue;
        }
        if line[at] == delimiter {
            fields.push((start, at));
            start = at + 1;
        }
        at += 1;
    }
    fields.push((start, line.len()));
}

/// A field without its escapes.
pub(crate) fn unescape(field: &[u8], escape: u8) -> Vec<u8> {
    let mut text = Vec::with_capacity(field.len());
    let mut bytes = field.iter();
    while let Some(byte) = bytes.next() {
        if *byte == escape {
            // An escape at the very end stands for itself.
            text.push(bytes.next().copied().unwrap_or(escape));
        } else {
            text.push(*byte);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str, escape: Option<u8>) -> Vec<&str> {
        let mut ranges = Vec::new();
        split(line.as_bytes(), b',', escape, &mut ranges);
        ranges
            .into_iter()
            .map(|(start, end)| &line[start..end])
            .collect()
    }

    #[test]
    fn a_blank_line_is_one_empty_field() {
        assert_eq!(fields("", None), [""]);
        assert_eq!(fields("", Some(b'\\')), [""]);
    }

    #[test]
    fn empty_fields_are_kept() {
        assert_eq!(fields(",a,,", None), ["", "a", "", ""]);
    }

    #[test]
    fn an_escaped_delimiter_does_not_end_a_field() {
        assert_eq!(fields(r"a\,b,c\\,d", Some(b'\\')), [r"a\,b", r"c\\", "d"]);
        assert_eq!(fields(r"a\,b", None), [r"a\", "b"]);
        assert_eq!(unescape(br"a\,b\\c\", b'\\'), br"a,b\c\");
    }
}
