//! What an expression reads of `$states`, told from its text, so that no more of a large payload is made ready for it. A query
//! finds it out once, when it is parsed.

use serde_json::Value;

use crate::context::Read;

/// What is read of each member of `$states`; `None` of those that are not.
#[derive(Debug, Default)]
pub(super) struct Reads {
    pub(super) input: Option<Members>,
    pub(super) context: Option<Members>,
    pub(super) result: Option<Members>,
    pub(super) error_output: Option<Members>,
}

/// What is read of a document.
#[derive(Debug)]
pub(super) enum Members {
    /// It may be all.
    All,
    /// Members of these names, each with the member of it that follows.
    Named(Vec<(String, Option<String>)>),
}

impl Reads {
    pub(super) fn of(text: &str) -> Self {
        let mut reads = Self::default();
        // `%` may be the parent of what a path leads to.
        let parents = text.contains('%');
        for after in text.split("$states").skip(1) {
            let Some((member, rest)) = step(after) else {
                // `$states` alone, or in a way that is not understood here.
                return Self::all();
            };
            let place = match member {
                "input" => &mut reads.input,
                "context" => &mut reads.context,
                "result" => &mut reads.result,
                "errorOutput" => &mut reads.error_output,
                _ => continue,
            };
            let found = step(rest).filter(|_| !parents);
            let found = found.map(|(outer, rest)| {
                let inner = step(rest).map(|(inner, _)| inner.to_owned());
                (outer.to_owned(), inner)
            });
            match (place.get_or_insert(Members::Named(Vec::new())), found) {
                (Members::Named(names), Some(found)) => names.push(found),
                (known, _) => *known = Members::All,
            }
        }
        reads
    }

    fn all() -> Self {
        Self {
            input: Some(Members::All),
            context: Some(Members::All),
            result: Some(Members::All),
            error_output: Some(Members::All),
        }
    }
}

impl Members {
    /// As much of the document as is read.
    pub(super) fn value(&self, document: &Value) -> jsonata::Value {
        let (Self::Named(names), Value::Object(object)) = (self, document) else {
            return jsonata::Value::from_json(document);
        };
        let members = names.iter().filter_map(|(name, _)| {
            let member = jsonata::Value::from_json(object.get(name)?);
            Some((name.as_str().into(), member))
        });
        jsonata::Value::Object(std::rc::Rc::new(members.collect()))
    }

    pub(super) fn deep(&self) -> Read<'_> {
        match self {
            Self::All => None,
            Self::Named(names) => Some(names),
        }
    }
}

/// A plain `.name` at the beginning of the text, and what follows it.
fn step(text: &str) -> Option<(&str, &str)> {
    let name = text.trim_start().strip_prefix('.')?.trim_start();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let end = name.find(|letter| !plain(letter)).unwrap_or(name.len());
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    // A name before a parenthesis would be a function.
    let calls = name[end..].trim_start().starts_with('(');
    (begins && !calls).then(|| name.split_at(end))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(text: &str) -> Option<Value> {
        let document = json!({"a": 1, "b": {"c": 2}, "d": [3]});
        let read = Reads::of(text).input?;
        read.value(&document).to_json()
    }

    #[test]
    fn shows_the_members_that_are_named_and_no_others() {
        assert_eq!(shown("$states.input.a + 1"), Some(json!({"a": 1})));
        assert_eq!(
            shown("$states . input.b.c & $string($states.input.d[0])"),
            Some(json!({"b": {"c": 2}, "d": [3]}))
        );
        assert_eq!(shown("$states.context.State.Name"), None);
        let reads = Reads::of("$states.input.a & $states . context.Map.Item.Value");
        assert!(reads.result.is_none());
        let context = reads.context.expect("it is read");
        let names = [("Map".to_owned(), Some("Item".to_owned()))];
        assert_eq!(context.deep(), Some(names.as_slice()));
    }

    #[test]
    fn shows_all_where_the_text_does_not_tell() {
        for text in [
            "$states.input",
            "$states",
            "$states.*",
            "$states.input.*",
            "$states.input.`a`",
            "$states.input[a = 1]",
            "$states.input.a & $keys($states.input)[0]",
            "$states.input.b.c.%.%.a",
            "$states.input.$keys()",
            "$states.input.(a)",
        ] {
            assert_eq!(
                shown(text),
                Some(json!({"a": 1, "b": {"c": 2}, "d": [3]})),
                "{text}"
            );
        }
    }
}
