//! The process that answers for Spark and pyarrow: one JSON document per line in, one out. Started once for all files.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::json;

/// The script, below the project's folder.
pub const SCRIPT: &str = "infra/local/hive-engine/tests/judge/spark.py";

/// Spark and pyarrow.
#[derive(Debug)]
pub struct Judge {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// Where Spark's warehouse lies; its `s3/` holds the buckets.
    pub folder: PathBuf,
    log: PathBuf,
}

/// Rows as text, or what Spark says instead.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Answer {
    /// Column names.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Cells as Hive prints them.
    #[serde(default)]
    pub rows: Vec<Vec<String>>,
    /// Why there are none.
    pub error: Option<String>,
}

impl Answer {
    /// Rows as the corpus writes them, or the first line of the error.
    pub fn lines(self) -> Result<Vec<String>, String> {
        match self.error {
            Some(error) => Err(first_line(&error)),
            None => Ok(self
                .rows
                .iter()
                .map(|row| row.join("|"))
                .flat_map(|row| row.split('\n').map(str::to_owned).collect::<Vec<_>>())
                .collect()),
        }
    }
}

/// The first line of a long message, cut to what can be read.
pub fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.chars().take(240).collect()
}

impl Judge {
    /// Starts the process. `folder` must be empty or absent.
    ///
    /// # Errors
    /// When Python, pyspark or Java is missing.
    pub fn start(python: &Path, project: &Path, folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let log = folder.join("judge.log");
        let mut child = Command::new(python)
            .arg("-u")
            .arg(project.join(SCRIPT))
            .current_dir(folder)
            .env("SPARK_LOCAL_IP", "127.0.0.1")
            .env("SPARK_LOCAL_HOSTNAME", "localhost")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(File::create(&log)?))
            .spawn()
            .with_context(|| format!("cannot start {}", python.display()))?;
        let input = child.stdin.take();
        let output = child
            .stdout
            .take()
            .context("the judge has no standard output")?;
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
            folder: folder.to_path_buf(),
            log,
        })
    }

    /// Begins with an empty warehouse.
    ///
    /// # Errors
    /// When Spark does not start.
    pub fn empty(&mut self) -> Result<()> {
        let folder = self.folder.clone();
        let answer = self.ask("start", &folder.to_string_lossy())?;
        match answer.error {
            None => Ok(()),
            Some(error) => bail!("Spark does not start: {error}"),
        }
    }

    /// Runs one statement in Spark. Addresses `s3://` are its own folder.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn run(&mut self, sql: &str) -> Result<Answer> {
        let local = format!("file:{}/s3/", self.folder.display());
        let mut answer = self.ask("run", &sql.replace("s3://", &local))?;
        for cell in answer.rows.iter_mut().flatten() {
            *cell = self.with_addresses(cell);
        }
        Ok(answer)
    }

    /// A text with `s3://` in place of this process's folder.
    pub fn with_addresses(&self, text: &str) -> String {
        let folder = self.folder.to_string_lossy();
        let folder = folder.trim_start_matches('/');
        ["file:///", "file:/"]
            .iter()
            .fold(text.to_owned(), |text, prefix| {
                text.replace(&format!("{prefix}{folder}/s3/"), "s3://")
            })
    }

    /// Reads an ORC or Parquet file with pyarrow.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn read(&mut self, path: &Path) -> Result<Answer> {
        self.ask("read", &path.to_string_lossy())
    }

    /// Has Spark's own reader answer conditions on an ORC file with and without its row index: one row per difference.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn skip(&mut self, path: &Path) -> Result<Answer> {
        self.ask("skip", &path.to_string_lossy())
    }

    fn ask(&mut self, verb: &str, argument: &str) -> Result<Answer> {
        let ended = || {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(3).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            format!("the judge has ended: {}", last.join(" "))
        };
        let question = format!("{}\n", json!({ verb: argument }));
        let input = self.input.as_mut().context("the judge takes no question")?;
        input
            .write_all(question.as_bytes())
            .and_then(|()| input.flush())
            .with_context(ended)?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(ended)
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        // The end of its input is the end of the process; Spark then takes a moment to go.
        self.input.take();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_several_lines_is_told_in_one() {
        let answer = Answer {
            error: Some("[PARSE] no\nat line 1".to_owned()),
            ..Answer::default()
        };
        assert_eq!(answer.lines(), Err("[PARSE] no".to_owned()));
    }

    #[test]
    fn names_a_python_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let error = Judge::start(Path::new("/no/python"), Path::new("."), folder.path());
        assert_eq!(error.unwrap_err().to_string(), "cannot start /no/python");
    }
}
