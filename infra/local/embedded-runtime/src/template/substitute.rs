//! Cuts a text with `${Variables}` into its parts: for `Fn::Sub` and for the placeholders of state machine definitions.

/// A part of such a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// To be kept as it is.
    Text(&'a str),
    /// The name between `${` and `}`.
    Variable(&'a str),
    /// A `${` that nothing closes.
    Unfinished,
}

/// The parts of `text` in order. `${!Name}` is the text `${Name}`.
pub(crate) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        push_text(&mut parts, &rest[..start]);
        let inner = &rest[start + 2..];
        let Some(end) = inner.find('}') else {
            parts.push(Part::Unfinished);
            return parts;
        };
        match inner[..end].strip_prefix('!') {
            Some(_) => {
                push_text(&mut parts, "${");
                push_text(&mut parts, &inner[1..=end]);
            }
            None => parts.push(Part::Variable(inner[..end].trim())),
        }
        rest = &inner[end + 1..];
    }
    push_text(&mut parts, rest);
    parts
}

fn push_text<'a>(parts: &mut Vec<Part<'a>>, text: &'a str) {
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
}

/// The placeholders of a state machine's definition with the bytes at which they begin.
pub(crate) fn placeholders(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("${").map(|start| from + start) {
        let Some(end) = text[start..].find('}').map(|end| start + end) else {
            break;
        };
        found.push((start, &text[start + 2..end]));
        from = end + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_brace_without_its_end_is_noticed() {
        assert_eq!(parts("a${b"), [Part::Text("a"), Part::Unfinished]);
    }

    #[test]
    fn variables_and_literals_are_told_apart() {
        assert_eq!(
            parts("${A}-${!B}${ C.D }"),
            [
                Part::Variable("A"),
                Part::Text("-"),
                Part::Text("${"),
                Part::Text("B}"),
                Part::Variable("C.D")
            ]
        );
    }

    #[test]
    fn placeholders_are_found_with_their_places() {
        assert_eq!(
            placeholders(r#"{"a": "${One}", "b": "${Two}"}"#),
            [(7, "One"), (22, "Two")]
        );
    }
}
