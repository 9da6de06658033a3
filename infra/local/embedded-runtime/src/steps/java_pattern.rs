//! Regular expressions as Java writes them, as far as they mean the same here; the others are refused by name.

use regex::Regex;

use super::failure::CommandFailure;

/// A pattern that has to match a whole text.
pub(super) fn whole(pattern: &str) -> Result<Regex, CommandFailure> {
    for (construct, name) in [
        ("(?=", "lookahead"),
        ("(?!", "lookahead"),
        ("(?<=", "lookbehind"),
        ("(?<!", "lookbehind"),
        ("(?>", "atomic groups"),
        ("*+", "possessive quantifiers"),
        ("++", "possessive quantifiers"),
        ("?+", "possessive quantifiers"),
    ] {
        if pattern.contains(construct) {
            return Err(CommandFailure::new(format!(
                "the local runtime does not support {name} in the pattern {pattern:?}"
            )));
        }
    }
    Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
        CommandFailure::new(format!("the pattern {pattern:?} cannot be used: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constructs_with_another_meaning_are_refused_by_name() {
        for pattern in [".*(?!csv)", "a*+", "(", r"(a)\1"] {
            let error = whole(pattern).unwrap_err();
            assert!(error.message.contains("pattern"), "{error}");
        }
    }

    #[test]
    fn a_pattern_must_match_the_whole_text() {
        let pattern = whole(r".*/part-\d+\.csv").unwrap();
        assert!(pattern.is_match("s3://b/x/part-01.csv"));
        assert!(!pattern.is_match("s3://b/x/part-01.csv.gz"));
        assert!(!whole("part").unwrap().is_match("s3://b/part"));
    }
}
