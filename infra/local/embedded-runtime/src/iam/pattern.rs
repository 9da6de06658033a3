//! IAM's wildcards in actions, resources and conditions: `*` for any characters, `?` for one.

/// Whether the pattern covers all of the text.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut position) = (0, 0);
    // Where the last star stands, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while position < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(b'?') => (at, position) = (at + 1, position + 1),
            Some(byte) if *byte == text[position] => (at, position) = (at + 1, position + 1),
            _ => match star {
                Some((starred, taken)) => {
                    star = Some((starred, taken + 1));
                    (at, position) = (starred + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_take_as_much_as_they_must() {
        assert!(matches("*", ""));
        assert!(matches("s3:Get*", "s3:GetObject"));
        assert!(!matches("s3:Get*", "s3:PutObject"));
        assert!(matches("a*b*c", "aXbXbc"));
        assert!(!matches("a*b", "abc"));
        assert!(matches(
            "arn:aws:s3:::b/landing/*",
            "arn:aws:s3:::b/landing/x/y"
        ));
        assert!(!matches(
            "arn:aws:s3:::b/landing/*",
            "arn:aws:s3:::b/landing"
        ));
        assert!(matches("a?c", "abc"));
        assert!(!matches("a?c", "ac"));
    }
}
