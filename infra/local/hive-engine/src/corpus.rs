//! The corpus: scripts by clause with the results that Hive gives, as text files. The corpus test runs them on this engine,
//! `pipeline compare-engines` on this engine and on Spark.
//!
//! A file is a list of blocks, each ended by a blank line:
//! * `statement ok`, `statement error TEXT`: HiveQL follows; an error's message contains TEXT;
//! * `query [rowsort]`: HiveQL up to `----`, then its rows with `|` between the cells;
//! * `file`, `gzip`, `bzip2 ADDRESS`: the content of a file, lines joined, with the escapes `\n \r \t \xHH`;
//! * `list ADDRESS`: the names that lie there.
//!
//! Lines before a block say how Spark takes it: `spark-differs REASON` (it answers otherwise), `spark-skips REASON` (it is not
//! asked), `spark-instead SQL` (it is given this instead). `spark-table-differs TABLE REASON` stands for itself.
//! `clause NAME` names the clause that the following cases belong to.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use virtual_time::Clock;

use crate::engine::{Engine, EngineConfig};
use crate::locations::{LocalRoot, Locations};
use crate::outcome::{QueryResult, StatementResult};
use crate::script::split::split;
use crate::session::{Session, SessionOptions};

/// What went wrong with a corpus file, or with a file that it makes.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A line that is none of the directives, or lacks an argument.
    #[error("{file}:{line}: {message}")]
    Malformed {
        /// The corpus file's name.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The engine could not be opened.
    #[error("the engine of a corpus file does not open: {0}")]
    Engine(String),
}

/// One corpus file.
#[derive(Debug, Clone)]
pub struct CorpusFile {
    /// Its name without folder and extension.
    pub name: String,
    /// Its cases, in order.
    pub cases: Vec<Case>,
    /// Tables of it that hold other rows, columns or partitions on Spark, and why.
    pub tables_that_differ: BTreeMap<String, String>,
}

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// The clause that it tests.
    pub clause: String,
    /// Its line in the file, from 1.
    pub line: usize,
    /// What is done.
    pub action: Action,
    /// How Spark takes it.
    pub on_spark: OnSpark,
    /// What Spark is given in its place.
    pub spark_instead: Option<String>,
}

/// What a case does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Writes a file before the next case.
    File {
        /// Where.
        address: String,
        /// What, compressed already.
        bytes: Vec<u8>,
    },
    /// Lists a folder.
    List {
        /// Where.
        address: String,
        /// The names that lie there, in order.
        names: Vec<String>,
    },
    /// Statements that succeed, or whose last fails.
    Statement {
        /// HiveQL.
        text: String,
        /// What the error's message contains.
        error: Option<String>,
    },
    /// Statements, of which the last one that has rows gives the answer.
    Query {
        /// HiveQL.
        text: String,
        /// Whether rows are compared in order of their text.
        sorted: bool,
        /// Cells with `|` between them.
        rows: Vec<String>,
    },
}

/// How Spark takes a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnSpark {
    /// As Hive does.
    Same,
    /// Otherwise, for this reason; a case that no longer differs is an error of the corpus.
    Differs(String),
    /// It is not asked, for this reason.
    Skipped(String),
}

/// Reads every corpus file of a folder, in the order of their names.
///
/// # Errors
/// [`CorpusError`] for a file that cannot be read, or a line that is not understood.
pub fn read_folder(folder: &Path) -> Result<Vec<CorpusFile>, CorpusError> {
    let at_folder = |source| CorpusError::File {
        path: folder.to_path_buf(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(at_folder)? {
        let path = entry.map_err(at_folder)?.path();
        if path.extension().is_some_and(|extension| extension == "slt") {
            paths.push(path);
        }
    }
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).map_err(|source| CorpusError::File {
                path: path.clone(),
                source,
            })?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            parse(&name, &text)
        })
        .collect()
}

/// Reads one corpus file.
///
/// # Errors
/// [`CorpusError::Malformed`] with the line that is not understood.
pub fn parse(name: &str, text: &str) -> Result<CorpusFile, CorpusError> {
    let mut file = CorpusFile {
        name: name.to_owned(),
        cases: Vec::new(),
        tables_that_differ: BTreeMap::new(),
    };
    let lines: Vec<&str> = text.lines().collect();
    let mut clause = name.to_owned();
    let (mut on_spark, mut spark_instead) = (OnSpark::Same, None);
    let mut at = 0;
    while at < lines.len() {
        let (line, number) = (lines[at], at + 1);
        at += 1;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let malformed = |message: String| CorpusError::Malformed {
            file: name.to_owned(),
            line: number,
            message,
        };
        let (directive, argument) = line.split_once(' ').unwrap_or((line, ""));
        let action = match directive {
            "clause" => {
                clause = argument.to_owned();
                continue;
            }
            "spark-differs" => {
                on_spark = OnSpark::Differs(argument.to_owned());
                continue;
            }
            "spark-skips" => {
                on_spark = OnSpark::Skipped(argument.to_owned());
                continue;
            }
            "spark-instead" => {
                spark_instead = Some(argument.to_owned());
                continue;
            }
            "spark-table-differs" => {
                let (table, reason) = argument
                    .split_once(' ')
                    .ok_or_else(|| malformed("a table and a reason are expected".to_owned()))?;
                file.tables_that_differ
                    .insert(table.to_owned(), reason.to_owned());
                continue;
            }
            "file" | "gzip" | "bzip2" => {
                let content = block(&lines, &mut at, "").concat();
                let bytes = unescape(&content)
                    .ok_or_else(|| malformed("an escape is not understood".to_owned()))?;
                let bytes = compressed(directive, bytes).map_err(|e| malformed(e.to_string()))?;
                Action::File {
                    address: argument.to_owned(),
                    bytes,
                }
            }
            "list" => Action::List {
                address: argument.to_owned(),
                names: owned(block(&lines, &mut at, "")),
            },
            "statement" => {
                let error = match argument.strip_prefix("error ") {
                    Some(expected) => Some(expected.to_owned()),
                    None if argument == "ok" => None,
                    None => return Err(malformed("'ok' or 'error TEXT' is expected".to_owned())),
                };
                Action::Statement {
                    text: block(&lines, &mut at, "").join("\n"),
                    error,
                }
            }
            "query" => Action::Query {
                text: block(&lines, &mut at, "----").join("\n"),
                sorted: argument == "rowsort",
                rows: owned(block(&lines, &mut at, "")),
            },
            other => return Err(malformed(format!("{other} is no directive"))),
        };
        file.cases.push(Case {
            clause: clause.clone(),
            line: number,
            action,
            on_spark: std::mem::replace(&mut on_spark, OnSpark::Same),
            spark_instead: spark_instead.take(),
        });
    }
    Ok(file)
}

/// Lines up to one that `ends`; the line after it comes next.
fn block<'a>(lines: &[&'a str], at: &mut usize, ends: &str) -> Vec<&'a str> {
    let start = *at;
    while *at < lines.len() && lines[*at] != ends {
        *at += 1;
    }
    *at += 1;
    lines[start..*at - 1].to_vec()
}

fn owned(lines: Vec<&str>) -> Vec<String> {
    lines.into_iter().map(str::to_owned).collect()
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            bytes.extend(character.to_string().into_bytes());
            continue;
        }
        match rest.next()? {
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'x' => {
                let digits: String = rest.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&digits, 16).ok()?);
            }
            other => bytes.extend(other.to_string().into_bytes()),
        }
    }
    Some(bytes)
}

fn compressed(kind: &str, bytes: Vec<u8>) -> std::io::Result<Vec<u8>> {
    match kind {
        "gzip" => {
            let level = flate2::Compression::default();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(&bytes)?;
            encoder.finish()
        }
        "bzip2" => {
            let level = bzip2::Compression::default();
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
            encoder.write_all(&bytes)?;
            encoder.finish()
        }
        _ => Ok(bytes),
    }
}

/// The statements of a text, as a session runs them.
pub fn statements(text: &str) -> Vec<String> {
    let cut = split(text).into_iter();
    cut.map(|statement| statement.text.to_owned()).collect()
}

/// What this engine did with a case.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What is wrong: an answer that is not the expected one.
    pub failure: Option<String>,
    /// The rows of a query, as the corpus writes them and in the order of the answer.
    pub rows: Vec<String>,
    /// What the statements did.
    pub results: Vec<StatementResult>,
}

/// This engine with an empty warehouse, as every corpus file starts with one.
#[derive(Debug)]
pub struct Warehouse {
    /// The engine.
    pub engine: Engine,
    session: Session,
    locations: LocalRoot,
}

impl Warehouse {
    /// Opens one in an empty folder. Its bucket is `b`; the corpus expects that the clock shows 2026-11-21 02:00 UTC.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn at(folder: &Path, clock: Clock) -> Result<Self, CorpusError> {
        let locations = LocalRoot::new(folder);
        let config = EngineConfig::new(
            folder.join("metastore"),
            "s3://b/warehouse",
            Arc::new(locations.clone()),
            clock,
        );
        let engine = Engine::open(config).map_err(|e| CorpusError::Engine(e.to_string()))?;
        let hiveconf = BTreeMap::from([("bucket".to_owned(), "b".to_owned())]);
        let session = engine.session(SessionOptions {
            hiveconf,
            ..SessionOptions::default()
        });
        Ok(Self {
            engine,
            session,
            locations,
        })
    }

    /// Where an address of this warehouse lies.
    ///
    /// # Errors
    /// When the address is malformed.
    pub fn path(&self, address: &str) -> Result<PathBuf, CorpusError> {
        let path = self.locations.local_path(address);
        path.map_err(|error| CorpusError::Engine(error.to_string()))
    }

    /// Runs statements in the session of the cases.
    ///
    /// # Errors
    /// The message of the statement that fails.
    pub async fn script(&mut self, text: &str) -> Result<(), String> {
        let result = self.session.run_script("script", text, &|_| {}).await;
        result.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Carries out one case of a file and judges the answer.
    ///
    /// # Errors
    /// When a file that the case makes cannot be written.
    pub async fn run(&mut self, file: &str, case: &Case) -> Result<Outcome, CorpusError> {
        let mut outcome = Outcome::default();
        match &case.action {
            Action::File { address, bytes } => write_file(&self.path(address)?, bytes)?,
            Action::List { address, names } => {
                let found = list_folder(&self.path(address)?)?;
                if found != *names {
                    outcome.failure = Some(format!("{address} holds {found:?}, not {names:?}"));
                }
            }
            Action::Statement { text, error } => {
                let result = self.session.run_script(file, text, &|_| {}).await;
                outcome.failure = match (error, result) {
                    (None, Ok(results)) => {
                        outcome.results = results;
                        None
                    }
                    (None, Err(error)) => Some(error.to_string()),
                    (Some(expected), Ok(_)) => Some(format!("should fail with '{expected}'")),
                    (Some(expected), Err(error)) if error.to_string().contains(expected) => None,
                    (Some(expected), Err(error)) => {
                        Some(format!("should fail with '{expected}', but: {error}"))
                    }
                };
            }
            Action::Query { text, sorted, rows } => {
                match self.session.run_script(file, text, &|_| {}).await {
                    Err(error) => outcome.failure = Some(error.to_string()),
                    Ok(results) => {
                        let last = results.iter().rev().find_map(|done| done.result.clone());
                        outcome.rows = lines_of(&last.unwrap_or_default());
                        outcome.results = results;
                        let mut found = outcome.rows.clone();
                        if *sorted {
                            found.sort();
                        }
                        let (found, expected) = (found.join("\n"), rows.join("\n"));
                        if found != expected {
                            outcome.failure =
                                Some(format!("found:\n{found}\nexpected:\n{expected}\n"));
                        }
                    }
                }
            }
        }
        Ok(outcome)
    }
}

/// Rows as the corpus writes them.
pub fn lines_of(result: &QueryResult) -> Vec<String> {
    let line = |row: &Vec<crate::outcome::Cell>| {
        let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
        cells.join("|")
    };
    // A cell may hold a newline; the corpus has one line per line.
    let lines = result.rows.iter().map(line);
    lines
        .flat_map(|row| row.split('\n').map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Writes a file and the folders above it.
///
/// # Errors
/// When the file system refuses.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), CorpusError> {
    let refused = |source| CorpusError::File {
        path: path.to_path_buf(),
        source,
    };
    fs::create_dir_all(path.parent().unwrap_or(path)).map_err(refused)?;
    fs::write(path, bytes).map_err(refused)
}

/// The names in a folder, in order; none when there is no folder.
///
/// # Errors
/// When the file system refuses.
pub fn list_folder(path: &Path) -> Result<Vec<String>, CorpusError> {
    let refused = |source| CorpusError::File {
        path: path.to_path_buf(),
        source,
    };
    let mut names = Vec::new();
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(refused)? {
            let name = entry.map_err(refused)?.file_name();
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_directive_is_named() {
        let error = parse("x", "# comment\n\nselect 1\n").unwrap_err();
        assert_eq!(error.to_string(), "x:3: select is no directive");
        assert!(parse("x", "statement maybe\nselect 1\n").is_err());
        assert!(parse("x", "spark-table-differs t\n").is_err());
    }

    #[test]
    fn reads_cases_with_their_clause_and_what_spark_does() {
        let text = "clause joins\nspark-differs it has its own order\nquery rowsort\nselect 1\n----\n1\n\nfile s3://b/x\na\\tb\n\\x41\n";
        let file = parse("x", text).unwrap();
        assert_eq!(file.cases.len(), 2);
        assert_eq!(file.cases[0].clause, "joins");
        assert_eq!(
            file.cases[0].on_spark,
            OnSpark::Differs("it has its own order".to_owned())
        );
        let Action::File { bytes, .. } = &file.cases[1].action else {
            panic!("{:?}", file.cases[1])
        };
        assert_eq!(bytes, b"a\tbA");
        assert_eq!(file.cases[1].on_spark, OnSpark::Same);
    }
}
