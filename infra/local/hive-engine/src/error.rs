//! What went wrong ([`Failure`]) and where ([`Place`]): together the [`HiveError`] that a session answers with.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use datafusion::common::utils::datafusion_strsim::levenshtein;
use sqlparser::tokenizer::Location;

use crate::locations::LocationError;
use crate::syntax::tokens::offset_of;

/// A failed statement: the cause and its place in the script.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {failure}")]
pub struct HiveError {
    /// Script, line, column, statement.
    pub place: Place,
    /// The cause.
    #[source]
    pub failure: Box<Failure>,
}

impl HiveError {
    /// A failure that belongs to no statement of a script.
    pub(crate) fn outside(what: &str, failure: Failure) -> Self {
        let place = Place {
            script: what.to_owned(),
            line: 0,
            column: 0,
            statement: 0,
            text: String::new(),
        };
        Self {
            place,
            failure: Box::new(failure.into_place("").1),
        }
    }
}

/// Where in which script a statement stands. A statement number of 0 means that no script is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The script's name as the caller gave it.
    pub script: String,
    /// Line of the error, from 1; where only the statement is known, its first line.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Number of the statement in its script, from 1.
    pub statement: usize,
    /// The statement's text, shortened to one line.
    pub text: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.statement == 0 {
            return formatter.write_str(&self.script);
        }
        let Self {
            script,
            line,
            column,
            statement,
            text,
        } = self;
        write!(formatter, "{script}:{line}:{column}: statement {statement}")?;
        if text.is_empty() {
            Ok(())
        } else {
            write!(formatter, " ({text})")
        }
    }
}

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The text is not HiveQL.
    #[error("syntax error: {message}")]
    Syntax {
        /// What was expected and what was found.
        message: String,
        /// Offset in bytes in the statement's text after substitution, where known.
        offset: Option<usize>,
    },
    /// HiveQL that this engine does not have.
    #[error("{what} is not supported")]
    Unsupported {
        /// The clause, command, type, function or property.
        what: String,
    },
    /// A statement that cannot be right: a missing table, a wrong number of columns, strict mode.
    #[error("{0}")]
    Semantic(String),
    /// `assert_true` was given something that is not true.
    #[error("ASSERT_TRUE(): assertion failed{}", name.as_ref().map_or_else(String::new, |name| format!(": {name}")))]
    Assertion {
        /// What the script calls the column that it stands in.
        name: Option<String>,
    },
    /// A location in the statement or in the metastore is unusable.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// The file system refused.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// What was being done, e.g. "cannot read".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file's content is not what its table says.
    #[error("{}: {message}", path.display())]
    Content {
        /// The data or metastore file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Another session changed the same table at the same time, and kept doing so.
    #[error("{0} was changed by another session at the same time")]
    Conflict(String),
    /// Planning or running the query failed.
    #[error("{0}")]
    Query(String),
    /// A failure whose place in the statement is known. What a session answers with is never this: its [`Place`] says it.
    #[error("{failure}")]
    At {
        /// Line in the statement after substitution, from 1.
        line: u64,
        /// Column in characters, from 1.
        column: u64,
        /// The cause.
        failure: Box<Failure>,
    },
}

/// The known name that somebody may have meant, if one is close.
pub(crate) fn closest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let most = (written.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (levenshtein(written, name), name))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, name)| name)
}

impl Failure {
    /// At a place of the statement, unless a better one is known. Line 0 is no place.
    pub(crate) fn at(self, line: u64, column: u64) -> Self {
        if line == 0 || matches!(self, Self::At { .. } | Self::Syntax { .. }) {
            return self;
        }
        Self::At {
            line,
            column,
            failure: Box::new(self),
        }
    }

    /// Offset in bytes in the statement's text after substitution, where known, and the cause.
    pub(crate) fn into_place(self, text: &str) -> (Option<usize>, Self) {
        match self {
            Self::Syntax { offset, .. } => (offset, self),
            Self::At {
                line,
                column,
                failure,
            } => {
                let offset = offset_of(text, Location { line, column });
                // A place in a view's text is not one of this statement's.
                let name: String = text[offset..]
                    .trim_start_matches('`')
                    .chars()
                    .take_while(|next| next.is_alphanumeric() || *next == '_')
                    .collect();
                let is_named = !name.is_empty()
                    && failure
                        .to_string()
                        .to_lowercase()
                        .contains(&name.to_lowercase());
                (is_named.then_some(offset), *failure)
            }
            other => (None, other),
        }
    }

    /// Whether a file was gone that had been there a moment ago: somebody else has published in its place.
    pub(crate) fn is_replaced_file(&self) -> bool {
        matches!(self, Self::File { action: "cannot open", source, .. } if source.kind() == ErrorKind::NotFound)
    }

    /// A syntax error without a known position.
    pub(crate) fn syntax(message: impl Into<String>) -> Self {
        Self::Syntax {
            message: message.into(),
            offset: None,
        }
    }

    /// A clause or function that this engine does not have.
    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }

    /// A statement that cannot be right.
    pub(crate) fn semantic(message: impl Into<String>) -> Self {
        Self::Semantic(message.into())
    }

    /// For `map_err`: the file system refused to do `action` on `path`.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }

    /// A file's content is not what its table says.
    pub(crate) fn content(path: &Path, message: impl Into<String>) -> Self {
        Self::Content {
            path: path.to_path_buf(),
            message: message.into(),
        }
    }
}
