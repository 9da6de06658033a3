//! The text of config.ini as entries with their line numbers, `${references}` resolved, and every syntax problem at once.
//! A reader of our own because INI libraries stop at the first problem, know no lines, and take a line without `=` for the
//! beginning of the next key. Called by `config`.

use std::collections::BTreeMap;
use std::fmt;

/// Something wrong, or worth a warning, in config.ini.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Counted from 1; absent for a key that is missing.
    pub line: Option<usize>,
    /// The section, empty before the first.
    pub section: String,
    /// The key, empty if the problem is a line or a section.
    pub key: String,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(formatter, "line {line}: ")?;
        }
        if !self.section.is_empty() {
            write!(formatter, "[{}] ", self.section)?;
        }
        if !self.key.is_empty() {
            write!(formatter, "{} ", self.key)?;
        }
        formatter.write_str(&self.message)
    }
}

/// One `key = value`.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) line: usize,
    pub(crate) value: String,
}

/// Entries by section and key. Keys are lower case: they are case-insensitive.
pub(crate) type Entries = BTreeMap<(String, String), Entry>;

/// Reads the text. `environment` answers `${env:NAME}`.
pub(crate) fn read(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> (Entries, Vec<Problem>) {
    let (raw, mut problems) = split(text);
    let mut resolver = Resolver {
        raw: &raw,
        environment,
    };
    let mut entries = Entries::new();
    for (place, entry) in &raw {
        let mut path = vec![place.clone()];
        match resolver.resolve(place, &entry.value, &mut path) {
            Ok(value) => {
                entries.insert(
                    place.clone(),
                    Entry {
                        line: entry.line,
                        value,
                    },
                );
            }
            Err(message) => {
                problems.push(problem(entry.line, place, message));
                // Kept unresolved, so that it is not reported as missing too; `config` does not judge a value with `${`.
                entries.insert(place.clone(), entry.clone());
            }
        }
    }
    (entries, problems)
}

fn problem(line: usize, place: &(String, String), message: String) -> Problem {
    Problem {
        line: Some(line),
        section: place.0.clone(),
        key: place.1.clone(),
        message,
    }
}

fn split(text: &str) -> (Entries, Vec<Problem>) {
    let (mut entries, mut problems) = (Entries::new(), Vec::new());
    let mut section = String::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let (number, line) = (index + 1, line.trim());
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            match rest.strip_suffix(']').map(str::trim) {
                Some(name) if !name.is_empty() => section = name.to_owned(),
                _ => problems.push(problem(
                    number,
                    &(section.clone(), String::new()),
                    format!("{line:?} is no section: expected [name]"),
                )),
            }
            continue;
        }
        let place = (section.clone(), String::new());
        let Some((key, value)) = line
            .split_once(['=', ':'])
            .filter(|(key, _)| !key.trim().is_empty())
        else {
            problems.push(problem(
                number,
                &place,
                format!("{line:?} is no entry: expected key = value"),
            ));
            continue;
        };
        let place = (section.clone(), key.trim().to_lowercase());
        let entry = Entry {
            line: number,
            value: value.trim().to_owned(),
        };
        if let Some(first) = entries.get(&place) {
            let message = format!("is set twice: first on line {}", first.line);
            problems.push(problem(number, &place, message));
        } else {
            entries.insert(place, entry);
        }
    }
    (entries, problems)
}

struct Resolver<'a> {
    raw: &'a Entries,
    environment: &'a dyn Fn(&str) -> Option<String>,
}

impl Resolver<'_> {
    /// Replaces each `${key}`, `${section:key}` and `${env:NAME}`. `path` is the way that led here.
    fn resolve(
        &mut self,
        at: &(String, String),
        value: &str,
        path: &mut Vec<(String, String)>,
    ) -> Result<String, String> {
        let (mut resolved, mut rest) = (String::new(), value);
        while let Some(start) = rest.find("${") {
            resolved.push_str(&rest[..start]);
            let Some(length) = rest[start..].find('}') else {
                return Err(format!("has an unfinished reference: {:?}", &rest[start..]));
            };
            let reference = rest[start + 2..start + length].trim();
            resolved.push_str(&self.referenced(at, reference, path)?);
            rest = &rest[start + length + 1..];
        }
        resolved.push_str(rest);
        Ok(resolved)
    }

    fn referenced(
        &mut self,
        at: &(String, String),
        reference: &str,
        path: &mut Vec<(String, String)>,
    ) -> Result<String, String> {
        if let Some(name) = reference.strip_prefix("env:") {
            return (self.environment)(name.trim()).ok_or_else(|| {
                format!("refers to ${{{reference}}}, an environment variable that is not set")
            });
        }
        let target = self.target(at, reference)?;
        if path.contains(&target) {
            let way: Vec<_> = path
                .iter()
                .chain([&target])
                .map(|(section, key)| format!("[{section}] {key}"))
                .collect();
            return Err(format!("refers to itself: {}", way.join(" -> ")));
        }
        let value = self.raw[&target].value.clone();
        path.push(target.clone());
        let resolved = self.resolve(&target, &value, path);
        path.pop();
        resolved
    }

    fn target(&self, at: &(String, String), reference: &str) -> Result<(String, String), String> {
        if let Some((section, key)) = reference.split_once(':') {
            let target = (section.trim().to_owned(), key.trim().to_lowercase());
            return match self.raw.contains_key(&target) {
                true => Ok(target),
                false => Err(format!("refers to ${{{reference}}}, which does not exist")),
            };
        }
        let key = reference.to_lowercase();
        let own = (at.0.clone(), key.clone());
        if own != *at && self.raw.contains_key(&own) {
            return Ok(own);
        }
        let mut elsewhere = self
            .raw
            .keys()
            .filter(|place| place.1 == key && place.0 != at.0);
        match (elsewhere.next(), elsewhere.next()) {
            (Some(only), None) => Ok(only.clone()),
            (Some(_), Some(_)) => Err(format!(
                "refers to ${{{reference}}}, which several sections have: write ${{section:{reference}}}"
            )),
            (None, _) if own == *at => Ok(own),
            (None, _) => Err(format!("refers to ${{{reference}}}, which does not exist")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_without_environment(text: &str) -> (Entries, Vec<String>) {
        let (entries, problems) = read(text, &|name| {
            (name == "Subnet").then(|| "subnet-1".to_owned())
        });
        (entries, problems.iter().map(ToString::to_string).collect())
    }

    fn value(entries: &Entries, section: &str, key: &str) -> String {
        entries[&(section.to_owned(), key.to_owned())].value.clone()
    }

    #[test]
    fn reports_every_syntax_problem_with_its_line() {
        let (_, problems) =
            read_without_environment("[basic\nkey\n[a]\n= 1\nx = 1\nX = 2\ny = ${x\n");
        assert_eq!(
            problems,
            [
                "line 1: \"[basic\" is no section: expected [name]",
                "line 2: \"key\" is no entry: expected key = value",
                "line 4: [a] \"= 1\" is no entry: expected key = value",
                "line 6: [a] x is set twice: first on line 5",
                "line 7: [a] y has an unfinished reference: \"${x\"",
            ]
        );
    }

    #[test]
    fn reports_a_cycle_with_its_way_and_a_reference_to_nothing() {
        let (_, problems) = read_without_environment(
            "[a]\nx = ${b:y}\nz = ${none}\ne = ${env:Nope}\ns = ${s}\n[b]\ny = ${a:x}\n",
        );
        assert_eq!(problems.len(), 5, "{problems:?}");
        assert!(
            problems
                .iter()
                .any(|problem| problem.contains("[a] x -> [b] y -> [a] x"))
        );
        assert!(
            problems
                .iter()
                .any(|problem| problem.contains("${none}, which does not exist"))
        );
        assert!(
            problems
                .iter()
                .any(|problem| problem.contains("${env:Nope}, an environment variable"))
        );
        assert!(
            problems
                .iter()
                .any(|problem| problem.contains("[a] s -> [a] s"))
        );
    }

    #[test]
    fn references_prefer_their_own_section_and_must_be_unambiguous() {
        let (entries, problems) = read_without_environment(
            "[a]\nname = one\nboth = ${name}-${Deep}\n[b]\nname = two\ndeep = ${a:name}!\n[c]\nwhich = ${name}\nnet=${env:Subnet}\n",
        );
        assert_eq!(value(&entries, "a", "both"), "one-one!");
        assert_eq!(value(&entries, "c", "net"), "subnet-1");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("several sections"));
    }

    #[test]
    fn reads_a_byte_order_mark_carriage_returns_comments_and_colons() {
        let (entries, problems) =
            read_without_environment("\u{feff}[a]\r\n# note\r\n; note\r\nx : s3://b/k=1\r\n");
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(value(&entries, "a", "x"), "s3://b/k=1");
    }
}
