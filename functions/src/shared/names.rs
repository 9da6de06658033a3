//! Names that carry identity, because EMR steps and child executions have no other idempotency: the same request always
//! gives the same name. Used by `submit_cmd_run_step_emr` and `submit_stepfunction`.

use sha2::{Digest, Sha256};

/// Step Functions' limit.
const LONGEST_EXECUTION_NAME: usize = 80;
/// EMR's limit.
const LONGEST_STEP_NAME: usize = 256;

/// Twelve hexadecimal digits that stand for these parts, in this order.
pub(crate) fn token<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The length keeps ("ab", "c") apart from ("a", "bc").
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A legal execution name: other characters become `-`, and a long one is shortened and ends in a hash of the whole.
pub(crate) fn execution_name(wanted: &str) -> String {
    let legal: String = wanted
        .chars()
        .map(|letter| match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => letter,
            _ => '-',
        })
        .collect();
    if legal.len() <= LONGEST_EXECUTION_NAME {
        return legal;
    }
    let hash = token([wanted]);
    format!(
        "{}-{hash}",
        &legal[..LONGEST_EXECUTION_NAME - 1 - hash.len()]
    )
}

/// A step name that ends in its token. The token always stays whole.
pub(crate) fn step_name(wanted: &str, token: Option<&str>) -> String {
    let suffix = token.map(|token| format!(" [{token}]")).unwrap_or_default();
    format!(
        "{}{suffix}",
        shorten(wanted, LONGEST_STEP_NAME - suffix.len())
    )
}

/// The longest beginning of `text` that has at most `bytes` bytes and ends between two characters.
pub(crate) fn shorten(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x20_long_names_that_differ_only_at_the_end_stay_different() {
        let (one, two) = (
            format!("{}1", "x".repeat(100)),
            format!("{}2", "x".repeat(100)),
        );
        assert_ne!(execution_name(&one), execution_name(&two));
        assert_eq!(execution_name(&one).len(), 80);
        assert_eq!(execution_name(&one), execution_name(&one));
    }

    #[test]
    fn an_execution_name_has_no_colons_or_spaces() {
        assert_eq!(
            execution_name("2026-11-21T02:00:00Z/é x"),
            "2026-11-21T02-00-00Z---x"
        );
    }

    #[test]
    fn the_token_survives_a_long_step_name() {
        let name = step_name(&"é".repeat(200), Some("0123456789ab"));
        assert!(name.len() <= 256);
        assert!(name.ends_with(" [0123456789ab]"));
    }

    #[test]
    fn tokens_depend_on_where_the_parts_end() {
        assert_ne!(token(["ab", "c"]), token(["a", "bc"]));
        assert_eq!(token(["ab", "c"]).len(), 12);
    }
}
