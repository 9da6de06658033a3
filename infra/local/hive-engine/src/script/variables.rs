//! `${hiveconf:x}`, `${hivevar:x}`, `${x}`: Hive's substitution, with the origin of every byte so that errors find their place.
//! A reference to a variable that nobody set stays in the text, as in Hive.

use std::collections::BTreeMap;

use crate::error::Failure;

/// Hive gives up at this depth.
const DEPTH: usize = 40;

/// A session's variables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables {
    /// Configuration: `-hiveconf`, `SET k=v`.
    pub hiveconf: BTreeMap<String, String>,
    /// `-hivevar`, `SET hivevar:k=v`.
    pub hivevar: BTreeMap<String, String>,
}

impl Variables {
    /// The value of what stands between `${` and `}`. A name without a prefix is a hivevar.
    pub(crate) fn get(&self, reference: &str) -> Option<&str> {
        let value = match reference.split_once(':') {
            Some(("hiveconf", name)) => self.hiveconf.get(name),
            Some(("hivevar", name)) => self.hivevar.get(name),
            Some(_) => None,
            None => self.hivevar.get(reference),
        };
        value.map(String::as_str)
    }
}

/// A statement after substitution.
#[derive(Debug, Clone, Default)]
pub(crate) struct Substituted {
    /// The text that is parsed.
    pub text: String,
    /// For each byte of it, the offset in the raw text that it came from.
    origin: Vec<usize>,
    /// References that stayed, with their offset in the raw text.
    pub unset: Vec<(String, usize)>,
}

impl Substituted {
    /// A text in which nothing was replaced.
    pub(crate) fn unchanged(raw: &str) -> Self {
        Self {
            text: raw.to_owned(),
            origin: (0..raw.len()).collect(),
            unset: Vec::new(),
        }
    }

    /// Offset in the raw text of an offset in the substituted text.
    pub(crate) fn raw_offset(&self, offset: usize) -> usize {
        self.origin
            .get(offset)
            .copied()
            .unwrap_or_else(|| self.origin.last().map_or(0, |last| last + 1))
    }
}

/// Replaces references until none can be replaced.
///
/// # Errors
/// When values refer to each other more than 40 deep.
pub(crate) fn substitute(raw: &str, variables: &Variables) -> Result<Substituted, Failure> {
    let Substituted {
        mut text,
        mut origin,
        ..
    } = Substituted::unchanged(raw);
    let mut unset = Vec::new();
    for _ in 0..=DEPTH {
        let mut next = String::with_capacity(text.len());
        let mut next_origin = Vec::with_capacity(text.len());
        let mut replaced = false;
        let mut at = 0;
        unset.clear();
        while let Some((begin, end)) = find_reference(&text, at) {
            next.push_str(&text[at..begin]);
            next_origin.extend_from_slice(&origin[at..begin]);
            let name = &text[begin + 2..end - 1];
            match variables.get(name) {
                Some(value) => {
                    replaced = true;
                    next.push_str(value);
                    next_origin.extend(std::iter::repeat_n(origin[begin], value.len()));
                }
                None => {
                    unset.push((name.to_owned(), origin[begin]));
                    next.push_str(&text[begin..end]);
                    next_origin.extend_from_slice(&origin[begin..end]);
                }
            }
            at = end;
        }
        if !replaced {
            return Ok(Substituted {
                text,
                origin,
                unset,
            });
        }
        next.push_str(&text[at..]);
        next_origin.extend_from_slice(&origin[at..]);
        (text, origin) = (next, next_origin);
    }
    Err(Failure::semantic(format!(
        "variables refer to each other more than {DEPTH} deep"
    )))
}

/// The next `${name}`: from `$` to after `}`. A name holds no space, `$` or `}`.
fn find_reference(text: &str, from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    while let Some(found) = text[at..].find("${") {
        let begin = at + found;
        let name = &text[begin + 2..];
        let length = name.find(['}', '$', ' '])?;
        if length > 0 && name[length..].starts_with('}') {
            return Some((begin, begin + 2 + length + 1));
        }
        at = begin + 2;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(hiveconf: &[(&str, &str)], hivevar: &[(&str, &str)]) -> Variables {
        let owned = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        Variables {
            hiveconf: owned(hiveconf),
            hivevar: owned(hivevar),
        }
    }

    #[test]
    fn refuses_values_that_refer_to_themselves() {
        let set = variables(&[("a", "x${hiveconf:a}")], &[]);
        assert!(
            substitute("${hiveconf:a}", &set)
                .unwrap_err()
                .to_string()
                .contains("more than 40 deep")
        );
    }

    #[test]
    fn an_unset_reference_stays_and_is_named() {
        let done = substitute("select '${hiveconf:nobody}' ${ x}", &Variables::default()).unwrap();
        assert_eq!(done.text, "select '${hiveconf:nobody}' ${ x}");
        assert_eq!(done.unset, [("hiveconf:nobody".to_owned(), 8)]);
    }

    #[test]
    fn resolves_values_that_hold_references() {
        let set = variables(
            &[("root", "s3://${hiveconf:bucket}"), ("bucket", "b")],
            &[("t", "country")],
        );
        assert_eq!(
            substitute("${hiveconf:root}/${t}/${hivevar:t}", &set)
                .unwrap()
                .text,
            "s3://b/country/country"
        );
    }

    #[test]
    fn a_reference_may_be_built_from_a_reference() {
        let set = variables(&[("db_dev", "d1")], &[("stage", "dev")]);
        assert_eq!(
            substitute("${hiveconf:db_${stage}}", &set).unwrap().text,
            "d1"
        );
    }

    #[test]
    fn a_name_without_a_prefix_is_no_hiveconf() {
        assert_eq!(
            substitute("${a}", &variables(&[("a", "1")], &[]))
                .unwrap()
                .text,
            "${a}"
        );
    }

    #[test]
    fn finds_the_origin_of_text_behind_a_replacement() {
        let done = substitute(
            "ab ${v} cd",
            &variables(&[], &[("v", "longer than it was")]),
        )
        .unwrap();
        let at = done.text.find("cd").unwrap();
        assert_eq!(done.raw_offset(at), 8);
        assert_eq!(done.raw_offset(5), 3);
        assert_eq!(done.raw_offset(done.text.len()), 10);
    }
}
