//! A compiled regular expression of Java. Nearly all run on `regex`, in time that is in proportion to the text; those that look
//! around or back run on `regress`, which tries one way after the other as Java does. Called by the functions with patterns.

use std::ops::{ControlFlow, Range};

use regex::Regex;
use regress::Flags;

use crate::error::Failure;

/// A pattern that is ready.
pub(super) enum Pattern {
    Linear(Regex),
    Backtracking(regress::Regex),
}

/// A match: where it lies, and its groups by their numbers.
pub(super) struct Found<'a> {
    pub range: Range<usize>,
    /// Groups, with the whole match as number 0.
    pub groups: usize,
    group: &'a dyn Fn(usize) -> Option<Range<usize>>,
}

impl Found<'_> {
    /// Where a group lies, if it took part.
    pub(super) fn group(&self, number: usize) -> Option<Range<usize>> {
        (self.group)(number)
    }
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Semantic, with the pattern and what is wrong with it or not supported.
    pub(super) fn compile(pattern: &str) -> Result<Self, Failure> {
        let unusable = |reason: &str| {
            Failure::semantic(format!(
                "the regular expression '{pattern}' is not usable here: {reason}"
            ))
        };
        // To `regex` this is a repetition of a repetition, which finds other texts.
        if has_possessive(pattern) {
            return Err(unusable("possessive quantifiers are not supported"));
        }
        let error = match Regex::new(&linear(pattern)) {
            Ok(regex) => return Ok(Self::Linear(regex)),
            Err(error) => error.to_string(),
        };
        let reason = error.lines().last().unwrap_or_default();
        let reason = reason.trim_start_matches("error: ");
        if !reason.contains("look-around") && !reason.contains("backreferences") {
            return Err(unusable(reason));
        }
        let (translated, flags) = translate(pattern).map_err(unusable)?;
        let unicode = Flags {
            unicode: true,
            ..flags
        };
        // Letters may be escaped for no reason, which only the older kind of pattern allows.
        regress::Regex::with_flags(&translated, unicode)
            .or_else(|_| regress::Regex::with_flags(&translated, flags))
            .map(Self::Backtracking)
            .map_err(|error| unusable(&error.to_string()))
    }

    /// Whether it is found anywhere in a text.
    pub(super) fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Linear(regex) => regex.is_match(text),
            Self::Backtracking(regex) => regex.find(text).is_some(),
        }
    }

    /// Calls with every match, from left to right, until told to stop.
    pub(super) fn each(&self, text: &str, mut visit: impl FnMut(&Found<'_>) -> ControlFlow<()>) {
        match self {
            Self::Linear(regex) => {
                for captures in regex.captures_iter(text) {
                    let found = Found {
                        range: captures.get(0).map_or(0..0, |whole| whole.range()),
                        groups: captures.len(),
                        group: &|number| captures.get(number).map(|group| group.range()),
                    };
                    if visit(&found).is_break() {
                        return;
                    }
                }
            }
            Self::Backtracking(regex) => {
                for matched in regex.find_iter(text) {
                    let found = Found {
                        range: matched.range(),
                        groups: matched.groups().count(),
                        group: &|number| matched.groups().nth(number).flatten(),
                    };
                    if visit(&found).is_break() {
                        return;
                    }
                }
            }
        }
    }

    /// Groups, with the whole match as number 0; `None` where only a match tells.
    pub(super) fn groups(&self) -> Option<usize> {
        match self {
            Self::Linear(regex) => Some(regex.captures_len()),
            Self::Backtracking(_) => None,
        }
    }
}

/// Java's way to write a pattern as that of `regex`: digits, letters and spaces are those of ASCII, quoted parts are text.
fn linear(pattern: &str) -> String {
    let mut written = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, behind)) = rest.split_once('\\') {
        written.push_str(before);
        let Some(escaped) = behind.chars().next() else {
            written.push('\\');
            return written;
        };
        rest = &behind[escaped.len_utf8()..];
        // Classes may stand inside of classes.
        if let Some((members, negation, after)) = class(escaped, rest) {
            written.push_str(&format!("[{negation}{members}]"));
            rest = after;
            continue;
        }
        match escaped {
            'Z' => written.push_str("\\n?\\z"),
            'Q' => {
                let (quoted, after) = rest.split_once("\\E").unwrap_or((rest, ""));
                written.push_str(&regex::escape(quoted));
                rest = after;
            }
            other => written.extend(['\\', other]),
        }
    }
    written.push_str(rest);
    written
}

/// The members of a class that Java takes from ASCII, in the words of both engines, with a `^` if it stands for all others, and
/// what comes behind it. `escaped` is the letter behind the backslash, `rest` what follows.
fn class(escaped: char, rest: &str) -> Option<(&'static str, &'static str, &str)> {
    let (name, after) = match escaped {
        'p' | 'P' => rest.strip_prefix('{')?.split_once('}')?,
        _ => ("", rest),
    };
    let members = match (escaped.to_ascii_lowercase(), name) {
        ('d', _) | ('p', "Digit") => "0-9",
        ('w', _) => "0-9A-Za-z_",
        ('s', _) | ('p', "Space") => " \t\n\x0B\x0C\r",
        ('h', _) => " \t\u{a0}\u{1680}\u{180e}\u{2000}-\u{200a}\u{202f}\u{205f}\u{3000}",
        ('p', "Lower") => "a-z",
        ('p', "Upper") => "A-Z",
        ('p', "Alpha") => "A-Za-z",
        ('p', "Alnum") => "0-9A-Za-z",
        ('p', "Punct") => r"!-/:-@\[-`{-~",
        ('p', "Graph") => "!-~",
        ('p', "Print") => " -~",
        ('p', "Blank") => " \t",
        ('p', "Cntrl") => "\0-\x1F\x7F",
        ('p', "XDigit") => "0-9A-Fa-f",
        ('p', "ASCII") => "\0-\x7F",
        _ => return None,
    };
    let negation = if escaped.is_ascii_uppercase() {
        "^"
    } else {
        ""
    };
    Some((members, negation, after))
}

/// Whether a quantifier has a plus behind it.
fn has_possessive(pattern: &str) -> bool {
    let (mut in_class, mut last_was_quantifier) = (0u32, false);
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        let is_quantifier = in_class == 0 && matches!(character, '*' | '+' | '?' | '}');
        match character {
            '\\' => {
                // What stands between \Q and \E is text; a brace behind \p, \x or \u holds a name.
                let end = match characters.next() {
                    Some('Q') => Some("\\E"),
                    Some('p' | 'P' | 'x' | 'u') if characters.as_str().starts_with('{') => {
                        Some("}")
                    }
                    _ => None,
                };
                if let Some((_, rest)) = end.and_then(|end| characters.as_str().split_once(end)) {
                    characters = rest.chars();
                }
            }
            '[' => in_class += 1,
            ']' => in_class = in_class.saturating_sub(1),
            '+' if in_class == 0 && last_was_quantifier => return true,
            _ => {}
        }
        // A question mark behind a quantifier or a parenthesis is none itself.
        last_was_quantifier = is_quantifier && !(character == '?' && last_was_quantifier);
        if character == '(' && characters.as_str().starts_with('?') {
            characters.next();
        }
    }
    false
}

/// Java's way to write a pattern as that of ECMAScript: flags in front, anchors of the whole text, quoted parts.
///
/// # Errors
/// What cannot be written in it.
fn translate(pattern: &str) -> Result<(String, Flags), &'static str> {
    let mut flags = Flags::default();
    let mut rest = pattern;
    while let Some((letters, behind)) = rest
        .strip_prefix("(?")
        .and_then(|after| after.split_once(')'))
        && !letters.is_empty()
        && letters.chars().all(|letter| "imsu".contains(letter))
    {
        flags.icase |= letters.contains('i');
        flags.multiline |= letters.contains('m');
        flags.dot_all |= letters.contains('s');
        rest = behind;
    }
    let mut translated = String::new();
    let mut in_class = false;
    while let Some((before, behind)) = rest.split_once('\\') {
        translated.push_str(before);
        // There are no classes inside of classes here.
        if let Some(bracket) = before.rfind(['[', ']']) {
            in_class = before.as_bytes()[bracket] == b'[';
        }
        let Some(escaped) = behind.chars().next() else {
            translated.push('\\');
            rest = behind;
            break;
        };
        rest = &behind[escaped.len_utf8()..];
        if let Some((members, negation, after)) = class(escaped, rest) {
            match (in_class, negation) {
                (false, _) => translated.push_str(&format!("[{negation}{members}]")),
                (true, "") => translated.push_str(members),
                (true, _) => {
                    return Err(
                        "a class of all other characters inside of brackets is not supported beside looking around or back",
                    );
                }
            }
            rest = after;
            continue;
        }
        match escaped {
            'A' => translated.push_str("(?<![\\s\\S])"),
            'z' => translated.push_str("(?![\\s\\S])"),
            'Z' => translated.push_str("(?=\\n?(?![\\s\\S]))"),
            'Q' => {
                let (quoted, after) = rest.split_once("\\E").unwrap_or((rest, ""));
                translated.push_str(&regress::escape(quoted));
                rest = after;
            }
            other => translated.extend(['\\', other]),
        }
    }
    translated.push_str(rest);
    Ok((translated, flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pattern: &str, text: &str) -> Vec<String> {
        let pattern = Pattern::compile(pattern).unwrap();
        let mut found = Vec::new();
        pattern.each(text, |matched| {
            found.push(text[matched.range.clone()].to_owned());
            ControlFlow::Continue(())
        });
        found
    }

    #[test]
    fn patterns_that_look_around_or_back_are_found_as_in_java() {
        assert_eq!(all("foo(?!baz)", "foobaz foobar"), ["foo"]);
        assert_eq!(all("(?<=\\$)\\d+", "€12 $34"), ["34"]);
        assert_eq!(all("(?<!\\d)\\d{2}(?!\\d)", "123 45 6"), ["45"]);
        assert_eq!(all("(.)\\1", "abbccd"), ["bb", "cc"]);
        assert_eq!(all("(?i)ä(?=B)", "Äb äc"), ["Ä"]);
        assert_eq!(all("\\Aa(?=.)", "aaa"), ["a"]);
        assert_eq!(all("\\Q.(\\E(?=x)", "a.(x"), [".("]);
        assert_eq!(all("\\-(?=1)", "-1 -2"), ["-"]);
    }

    #[test]
    fn classes_are_the_same_where_a_pattern_looks_around() {
        assert_eq!(all("\\d+(?!x)", "12 ٣٤ 5"), ["12", "5"]);
        assert_eq!(all("a\\s(?=b)", "a\u{a0}b a b"), ["a "]);
        assert_eq!(all("a\\h(?=b)", "a\u{2003}b"), ["a\u{2003}"]);
        assert_eq!(all("[\\w.-]+(?=@)", "naïve.b@c"), ["ve.b"]);
        assert_eq!(all("\\p{Alpha}+(?=1)", "aé1b1"), ["b"]);
        assert_eq!(all("\\P{Punct}(?=!)", "a!]!"), ["a"]);
        let refused = Pattern::compile("[\\S,]+(?=@)").err().unwrap().to_string();
        assert!(refused.contains("inside of brackets"), "{refused}");
    }

    #[test]
    fn what_needs_no_looking_around_runs_in_linear_time() {
        for pattern in ["^[a-z]+$", "(a|b)*c", "\\d{4}-\\d{2}", "[^\\]]+", "a+?b"] {
            assert!(matches!(
                Pattern::compile(pattern).unwrap(),
                Pattern::Linear(_)
            ));
        }
    }

    #[test]
    fn classes_are_those_of_ascii_as_in_java() {
        assert_eq!(all("\\d+", "12 ٣٤ 5"), ["12", "5"]);
        assert_eq!(all("\\w+", "naïve_1"), ["na", "ve_1"]);
        assert_eq!(all("[\\w.-]+@[^\\s\\d]+", "a.b-c@d e"), ["a.b-c@d"]);
        assert_eq!(all("\\p{Alpha}+", "aé1"), ["a"]);
        assert_eq!(all("[^\\P{Upper}x]+", "abCDe"), ["CD"]);
        assert_eq!(all("\\p{L}+", "aé1"), ["aé"]);
        assert_eq!(all("\\Qa.b\\E+", "a.bb axb"), ["a.bb"]);
        assert_eq!(all("\\\\d", "\\d 1"), ["\\d"]);
    }

    #[test]
    fn refuses_possessive_quantifiers_by_name() {
        for pattern in ["a++b", "[a-z]*+x", "a?+", "a{2}+", "(?:a|b)++"] {
            let error = Pattern::compile(pattern).err().unwrap().to_string();
            assert!(error.contains("possessive quantifiers"), "{error}");
        }
        for pattern in ["[*+]+", "\\p{L}+", "a\\++", "\\Qa++\\E", "a+?", "(?=a)+"] {
            let error = Pattern::compile(pattern).err();
            let error = error.map(|error| error.to_string()).unwrap_or_default();
            assert!(!error.contains("possessive"), "{pattern}: {error}");
        }
    }

    #[test]
    fn a_broken_pattern_is_an_error_that_shows_it() {
        let error = Pattern::compile("(?=a").err().unwrap().to_string();
        assert!(error.contains("'(?=a'"), "{error}");
    }
}
