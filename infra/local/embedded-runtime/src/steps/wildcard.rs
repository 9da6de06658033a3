//! Patterns of `--exclude` and `--include`: `*`, `?` and `[…]`, where `*` also matches `/`, as in the AWS CLI.

use super::failure::CommandFailure;
use regex::Regex;

/// The filters of one command, in their order: the last that matches decides.
#[derive(Debug, Default)]
pub(super) struct Filters {
    filters: Vec<(bool, Regex)>,
}

impl Filters {
    pub(super) fn add(&mut self, includes: bool, pattern: &str) -> Result<(), CommandFailure> {
        let regex = Regex::new(&translated(pattern)).map_err(|_| {
            CommandFailure::new(format!("aws s3: the pattern {pattern:?} cannot be used"))
        })?;
        self.filters.push((includes, regex));
        Ok(())
    }

    /// Whether a path, relative to the source, is wanted.
    pub(super) fn wants(&self, path: &str) -> bool {
        let matching = self
            .filters
            .iter()
            .rev()
            .find(|(_, pattern)| pattern.is_match(path));
        matching.is_none_or(|(includes, _)| *includes)
    }
}

fn translated(pattern: &str) -> String {
    let mut regex = String::from("(?s)^");
    let mut rest = pattern.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' => match rest.as_str().get(1..).and_then(|text| text.find(']')) {
                Some(end) => {
                    let set = &rest.as_str()[..=end];
                    let (negation, set) = match set.strip_prefix('!') {
                        Some(set) => ("^", set),
                        None => ("", set),
                    };
                    let set = set
                        .replace('\\', "\\\\")
                        .replace('[', "\\[")
                        .replace('^', "\\^")
                        .replace('&', "\\&");
                    regex.push_str(&format!("[{negation}{set}]"));
                    rest = rest.as_str()[end + 2..].chars();
                }
                None => regex.push_str("\\["),
            },
            other => regex.push_str(&regex::escape(&other.to_string())),
        }
    }
    regex.push('$');
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(list: &[(bool, &str)]) -> Filters {
        let mut filters = Filters::default();
        for (includes, pattern) in list {
            filters.add(*includes, pattern).unwrap();
        }
        filters
    }

    #[test]
    fn what_no_filter_matches_is_wanted() {
        assert!(filters(&[]).wants("a/b"));
        assert!(filters(&[(false, "*.csv")]).wants("a/b.gz"));
    }

    #[test]
    fn the_last_matching_filter_decides() {
        let filters = filters(&[(false, "*"), (true, "*.csv"), (false, "old/*")]);
        assert!(filters.wants("a/b.csv"));
        assert!(!filters.wants("old/b.csv"));
        assert!(!filters.wants("a/b.gz"));
    }

    #[test]
    fn sets_and_single_characters_match_as_in_a_shell() {
        assert!(filters(&[(false, "*"), (true, "p[0-9]?.csv")]).wants("p1x.csv"));
        assert!(!filters(&[(false, "*"), (true, "p[!0-9].csv")]).wants("p1.csv"));
        assert!(filters(&[(false, "*"), (true, "a[b")]).wants("a[b"));
        assert!(
            !filters(&[(false, "a.b")]).wants("a.b") && filters(&[(false, "a.b")]).wants("axb")
        );
    }
}
