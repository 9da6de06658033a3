//! A problem in a file of the project, with its place. `pipeline validate` prints them; nothing is provisioned while there
//! are any.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A place in a file of the project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// The file, relative to the project's folder.
    #[serde(serialize_with = "as_text")]
    pub file: Arc<Path>,
    /// From 1; 0 when the whole file is meant.
    pub line: usize,
    /// From 1; 0 when the whole line is meant.
    pub column: usize,
}

fn as_text<S: Serializer>(path: &Arc<Path>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl Position {
    /// The file as a whole.
    pub fn file(file: impl Into<Arc<Path>>) -> Self {
        Self::line(file, 0)
    }

    /// A line of a file.
    pub fn line(file: impl Into<Arc<Path>>, line: usize) -> Self {
        Self {
            file: file.into(),
            line,
            column: 0,
        }
    }

    /// The place of a byte of `text`, which is the content of `file`.
    pub fn of_offset(file: impl Into<Arc<Path>>, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            file: file.into(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// A problem at this place.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem {
            position: self.clone(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file.display())?;
        if self.line > 0 {
            write!(formatter, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(formatter, ":{}", self.column)?;
        }
        Ok(())
    }
}

/// Something that has to be corrected in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, thiserror::Error)]
#[error("{position}: {message}")]
pub struct Problem {
    /// Where.
    pub position: Position,
    /// What, in lower case, naming the thing.
    pub message: String,
}

/// Puts problems under each other, for messages that have to tell them all.
pub(crate) fn listed(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("\n  {problem}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_becomes_line_and_column() {
        let position = Position::of_offset(Path::new("a.json"), "{\n  \"é\": ${X}\n}", 10);
        assert_eq!(position.to_string(), "a.json:2:8");
    }
}
