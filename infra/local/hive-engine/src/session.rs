//! One run of scripts against a warehouse: variables, the current database, and the statements in order.
//! The step runner opens one per `hive -f`, the command line one per query.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::pin::Pin;

use crate::engine::Engine;
use crate::error::{Failure, HiveError, Place};
use crate::execute::{Executed, Executor, SessionState};
use crate::outcome::{StatementKind, StatementResult};
use crate::script::command::{self, Command};
use crate::script::split::{RawStatement, line_and_column, split};
use crate::script::variables::{Substituted, Variables, substitute};
use crate::syntax::statement::{Statement, parse};

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
    engine: Engine,
    state: SessionState,
    /// Variables as the session began, for RESET.
    first_variables: Variables,
    initial: Vec<SessionScript>,
    only_queries: bool,
}

/// SOURCE may nest, but not for ever.
const DEEPEST_SOURCE: usize = 20;
/// Characters of a statement's text in a message.
const SHOWN_TEXT: usize = 100;

impl Session {
    pub(crate) fn new(engine: Engine, options: SessionOptions) -> Self {
        let variables = Variables {
            hiveconf: options.hiveconf,
            hivevar: options.hivevar,
        };
        let database = options
            .database
            .map_or_else(|| "default".to_owned(), |name| name.to_lowercase());
        let state = SessionState {
            variables: variables.clone(),
            database,
        };
        Self {
            engine,
            state,
            first_variables: variables,
            initial: options.initial,
            only_queries: false,
        }
    }

    /// Refuses every statement that changes something.
    pub(crate) fn only_queries(mut self) -> Self {
        self.only_queries = true;
        self
    }

    /// Runs a script's statements in order and stops at the first that fails. Initial scripts of the options run before the
    /// first script; their statements are part of the answer.
    ///
    /// # Errors
    /// [`HiveError`] names script, line, column and statement. What earlier statements published stays.
    pub async fn run_script(
        &mut self,
        name: &str,
        text: &str,
        on_progress: ProgressLine<'_>,
    ) -> Result<Vec<StatementResult>, HiveError> {
        let mut results = Vec::new();
        let mut scripts = std::mem::take(&mut self.initial);
        scripts.push(SessionScript {
            name: name.to_owned(),
            text: text.to_owned(),
        });
        for script in scripts {
            if self
                .run(&script, on_progress, &mut results, 0)
                .await?
                .is_break()
            {
                break;
            }
        }
        Ok(results)
    }

    /// Runs one script; a break means that it said QUIT.
    fn run<'a>(
        &'a mut self,
        script: &'a SessionScript,
        on_progress: ProgressLine<'a>,
        results: &'a mut Vec<StatementResult>,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = Result<std::ops::ControlFlow<()>, HiveError>> + Send + 'a>>
    {
        Box::pin(async move {
            for (index, raw) in split(&script.text).into_iter().enumerate() {
                let fail = |failure, substituted: Option<&Substituted>| {
                    error_at(script, &raw, index + 1, failure, substituted)
                };
                let substituted = substitute(raw.text, &self.state.variables)
                    .map_err(|failure| fail(failure, None))?;
                let command =
                    command::read(&substituted.text).map_err(|failure| fail(failure, None))?;
                let executed = match command {
                    Some(Command::Quit) => return Ok(std::ops::ControlFlow::Break(())),
                    Some(Command::Source(address)) => {
                        let sourced = self
                            .sourced(&address, depth)
                            .map_err(|failure| fail(failure, None))?;
                        if self
                            .run(&sourced, on_progress, results, depth + 1)
                            .await?
                            .is_break()
                        {
                            return Ok(std::ops::ControlFlow::Break(()));
                        }
                        continue;
                    }
                    Some(command) => self
                        .command(command)
                        .map_err(|failure| fail(failure, None))?,
                    None => {
                        let statement = parse(&substituted.text)
                            .map_err(|failure| fail(failure, Some(&substituted)))?;
                        self.check_only_queries(&statement)
                            .map_err(|failure| fail(failure, None))?;
                        let mut executor = Executor {
                            engine: &self.engine,
                            session: &mut self.state,
                            progress: on_progress,
                        };
                        let executed = executor.execute(statement).await;
                        executed.map_err(|failure| fail(failure, Some(&substituted)))?
                    }
                };
                results.push(StatementResult {
                    script: script.name.clone(),
                    number: index + 1,
                    line: line_and_column(&script.text, raw.offset).0,
                    kind: executed.kind,
                    written: executed.written,
                    result: executed.result,
                });
            }
            Ok(std::ops::ControlFlow::Continue(()))
        })
    }

    fn sourced(&self, address: &str, depth: usize) -> Result<SessionScript, Failure> {
        if depth >= DEEPEST_SOURCE {
            return Err(Failure::semantic(format!(
                "SOURCE {address}: scripts source each other more than {DEEPEST_SOURCE} deep"
            )));
        }
        let path = self.engine.local_path(address)?;
        let text = fs::read_to_string(&path).map_err(Failure::file("cannot read", &path))?;
        Ok(SessionScript {
            name: address.to_owned(),
            text,
        })
    }

    fn command(&mut self, command: Command) -> Result<Executed, Failure> {
        match command {
            Command::Set(key, value) => command::assign(&mut self.state.variables, &key, value)?,
            Command::Reset => self.state.variables.clone_from(&self.first_variables),
            Command::Show(key) => {
                let value = self
                    .state
                    .variables
                    .get(&key)
                    .or_else(|| self.state.variables.get(&format!("hiveconf:{key}")));
                let line = value.map_or_else(
                    || format!("{key} is undefined"),
                    |value| format!("{key}={value}"),
                );
                return Ok(Executed::rows(&["set"], [vec![line]]));
            }
            Command::ShowAll => {
                let Variables { hiveconf, hivevar } = &self.state.variables;
                let lines = hiveconf
                    .iter()
                    .map(|(key, value)| vec![format!("{key}={value}")]);
                let more = hivevar
                    .iter()
                    .map(|(key, value)| vec![format!("hivevar:{key}={value}")]);
                return Ok(Executed::rows(&["set"], lines.chain(more)));
            }
            Command::Source(_) | Command::Quit => {}
        }
        Ok(Executed::new(StatementKind::Session))
    }

    fn check_only_queries(&self, statement: &Statement) -> Result<(), Failure> {
        let reads = matches!(
            statement,
            Statement::Query(_)
                | Statement::Use(_)
                | Statement::ShowDatabases { .. }
                | Statement::ShowTables { .. }
                | Statement::ShowViews { .. }
                | Statement::ShowProperties { .. }
                | Statement::ShowPartitions { .. }
                | Statement::ShowCreateTable(_)
                | Statement::ShowColumns(_)
                | Statement::Describe { .. }
                | Statement::DescribeDatabase(_)
        );
        if reads || !self.only_queries {
            return Ok(());
        }
        Err(Failure::semantic(
            "only SELECT, SHOW and DESCRIBE can be asked here; run a script to change something",
        ))
    }
}

/// Where a failure happened; one that does not know its place has its statement's.
fn error_at(
    script: &SessionScript,
    raw: &RawStatement<'_>,
    number: usize,
    failure: Failure,
    substituted: Option<&Substituted>,
) -> HiveError {
    let text = substituted.map_or("", |substituted| substituted.text.as_str());
    let (offset, failure) = failure.into_place(text);
    let within = offset.zip(substituted);
    let within = within.map_or(0, |(offset, substituted)| substituted.raw_offset(offset));
    HiveError {
        place: place(&script.name, &script.text, raw, number, within),
        failure: Box::new(failure),
    }
}

/// A place in a script, `within` bytes behind the statement's start.
pub(crate) fn place(
    name: &str,
    text: &str,
    raw: &RawStatement<'_>,
    number: usize,
    within: usize,
) -> Place {
    let (line, column) = line_and_column(text, raw.offset + within);
    let one_line: Vec<&str> = raw.text.split_whitespace().collect();
    let mut shown: String = one_line.join(" ");
    if shown.chars().count() > SHOWN_TEXT {
        shown = shown.chars().take(SHOWN_TEXT).chain(['…']).collect();
    }
    Place {
        script: name.to_owned(),
        line,
        column,
        statement: number,
        text: shown,
    }
}
