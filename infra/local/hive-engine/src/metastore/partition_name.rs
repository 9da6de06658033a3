//! Partition names and directories: `batch_id=2026-11-21/date_id=1`, escaped as Hive escapes them.

/// The value that stands for NULL and for the empty string.
pub(crate) const DEFAULT_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

fn must_escape(character: char) -> bool {
    matches!(
        character,
        '\u{1}'
            ..='\u{1f}'
                | '\u{7f}'
                | '"'
                | '#'
                | '%'
                | '\''
                | '*'
                | '/'
                | ':'
                | '='
                | '?'
                | '\\'
                | '{'
                | '['
                | ']'
                | '^'
    )
}

/// One value as it stands in a path.
pub(crate) fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        if must_escape(character) {
            escaped.push_str(&format!("%{:02X}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// The reverse of [`escape`]; a `%` that begins no escape is itself.
pub(crate) fn unescape(escaped: &str) -> String {
    let mut text = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let code = rest
            .get(at + 1..at + 3)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .filter(u8::is_ascii);
        match code {
            Some(code) => {
                text.push(char::from(code));
                rest = &rest[at + 3..];
            }
            None => {
                text.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    text.push_str(rest);
    text
}

/// `a=x/b=y`. NULL and empty values are the default partition.
pub(crate) fn partition_name<'a>(
    columns: impl IntoIterator<Item = &'a str>,
    values: &[Option<String>],
) -> String {
    let parts: Vec<String> = columns
        .into_iter()
        .zip(values)
        .map(|(column, value)| {
            let value = value
                .as_deref()
                .filter(|value| !value.is_empty())
                .map_or_else(|| DEFAULT_PARTITION.to_owned(), escape);
            format!("{}={value}", escape(column))
        })
        .collect();
    parts.join("/")
}

/// Column and value of one directory name; `None` when it is no `column=value`.
pub(crate) fn parse_directory(name: &str) -> Option<(String, Option<String>)> {
    let (column, value) = name.split_once('=')?;
    let value = (value != DEFAULT_PARTITION).then(|| unescape(value));
    (!column.is_empty()).then(|| (unescape(column).to_lowercase(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_empty_values_share_the_default_partition() {
        let name = partition_name(["a", "b"], &[None, Some(String::new())]);
        assert_eq!(
            name,
            "a=__HIVE_DEFAULT_PARTITION__/b=__HIVE_DEFAULT_PARTITION__"
        );
        assert_eq!(
            parse_directory("a=__HIVE_DEFAULT_PARTITION__"),
            Some(("a".to_owned(), None))
        );
    }

    #[test]
    fn escapes_as_hive_does_and_reads_it_back() {
        let value = "2026-11-21 02:00/é=50%";
        assert_eq!(escape(value), "2026-11-21 02%3A00%2Fé%3D50%25");
        assert_eq!(unescape(&escape(value)), value);
        assert_eq!(unescape("100%"), "100%");
        assert_eq!(
            parse_directory("Date_Id=a%3Db"),
            Some(("date_id".to_owned(), Some("a=b".to_owned())))
        );
        assert_eq!(parse_directory("plain"), None);
    }
}
