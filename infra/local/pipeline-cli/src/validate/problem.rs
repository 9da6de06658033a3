//! One finding of `pipeline validate`, and how a list of them is printed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// Something that is wrong in one of the project's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Relative to the project, with forward slashes.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// The rule's name, such as `choice-without-default`.
    pub rule: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it.
    pub advice: String,
}

impl Problem {
    /// A finding of `rule` at a line of `file`.
    pub fn new(
        rule: &'static str,
        file: &str,
        line: usize,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            file: file.to_owned(),
            line: line.max(1),
            rule,
            message: message.into(),
            advice: advice.into(),
        }
    }
}

/// Sorts by file and line, and drops what two rules say in the same words.
pub fn order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|one, other| {
        (&one.file, one.line, one.rule, &one.message).cmp(&(
            &other.file,
            other.line,
            other.rule,
            &other.message,
        ))
    });
    problems.dedup();
    problems
}

/// The report as compilers print it: `file:line: rule: message`, the advice below it, a count at the end.
pub fn as_text(problems: &[Problem], checked: &Checked) -> String {
    let mut text = String::new();
    for problem in problems {
        let Problem {
            file,
            line,
            rule,
            message,
            advice,
        } = problem;
        text.push_str(&format!("{file}:{line}: {rule}: {message}\n"));
        if !advice.is_empty() {
            text.push_str(&format!("    = {advice}\n"));
        }
    }
    if !problems.is_empty() {
        text.push('\n');
    }
    let mut files: Vec<&str> = problems
        .iter()
        .map(|problem| problem.file.as_str())
        .collect();
    files.dedup();
    text.push_str(&match problems.len() {
        0 => format!("No problem in {checked}.\n"),
        1 => format!("1 problem in {} ({checked} checked).\n", files.join(", ")),
        count => format!(
            "{count} problems in {} ({checked} checked).\n",
            counted(files.len(), "file")
        ),
    });
    text
}

/// The report as one JSON document.
pub fn as_json(problems: &[Problem], checked: &Checked) -> serde_json::Value {
    serde_json::json!({
        "valid": problems.is_empty(),
        "problems": problems,
        "checked": checked,
    })
}

/// What has been looked at, so that "no problem" means something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// State machine files.
    pub state_machines: usize,
    /// States in them, nested ones included.
    pub states: usize,
    /// Functions in the template.
    pub functions: usize,
    /// Hive scripts.
    pub scripts: usize,
    /// Tables.
    pub tables: usize,
    /// What the template says to AWS only: by type of resource, the properties; none of them means all of it.
    pub without_effect_locally: BTreeMap<String, BTreeSet<String>>,
}

/// The list of what is accepted without effect, for a terminal of 80 columns.
pub fn without_effect(checked: &Checked) -> String {
    if checked.without_effect_locally.is_empty() {
        return String::new();
    }
    let mut text = "\nAccepted, and without effect on this machine:\n".to_owned();
    for (type_name, properties) in &checked.without_effect_locally {
        let mut line = format!("  {type_name}:");
        let whole = ["all of it".to_owned()];
        let words: Vec<&String> = match properties.is_empty() {
            true => whole.iter().collect(),
            false => properties.iter().collect(),
        };
        for (index, word) in words.iter().enumerate() {
            let comma = if index + 1 < words.len() { "," } else { "" };
            if line.len() + word.len() + 2 > 80 {
                text.push_str(&line);
                line = "\n     ".to_owned();
            }
            line.push_str(&format!(" {word}{comma}"));
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

impl std::fmt::Display for Checked {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} with {}, {}, {}, {}",
            counted(self.state_machines, "state machine"),
            counted(self.states, "state"),
            counted(self.functions, "function"),
            counted(self.scripts, "script"),
            counted(self.tables, "table"),
        )
    }
}

/// `1 file`, `3 files`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_read_like_a_compilers() {
        let problems = order(vec![
            Problem::new("b", "z.json", 9, "later.", ""),
            Problem::new("a", "a.json", 41, "no `Default`.", "Add one."),
        ]);
        let text = as_text(&problems, &Checked::default());
        assert!(
            text.starts_with("a.json:41: a: no `Default`.\n    = Add one.\nz.json:9: b: later.\n"),
            "{text}"
        );
        assert!(text.contains("2 problems in 2 files"), "{text}");
    }

    #[test]
    fn the_same_finding_is_told_once() {
        let problem = Problem::new("a", "a.json", 1, "x", "");
        assert_eq!(order(vec![problem.clone(), problem]).len(), 1);
    }
}
