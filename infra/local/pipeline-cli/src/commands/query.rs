//! `pipeline query`: one question to the warehouse. It only reads, and takes no hold of the root: it may be asked while a
//! run or `serve` is at work, and sees each partition as it was before or after a load, never in between.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use hive_engine::{Engine, EngineConfig, LocalRoot};
use virtual_time::Clock;

use super::{Complaint, Exit, place};
use crate::arguments::{Arguments, QueryArguments, RowFormat};
use crate::display::paint::{Paint, UNICODE};
use crate::display::rows;

/// Asks, and prints the rows.
pub(crate) async fn execute(
    arguments: &Arguments,
    command: &QueryArguments,
) -> Result<Exit, Complaint> {
    let root = match &command.root.root {
        Some(_) => place::root(&command.root, Path::new("")),
        None => place::root(&command.root, &place::project(arguments)?),
    };
    let sql = text_of(&command.sql)?;
    let engine = open(&root)?;
    let sql = sql.trim().trim_end_matches(';');
    let result = engine.query(sql).await.map_err(|error| {
        let advice = "`pipeline query 'show databases'` and `pipeline query 'show tables in fact_db'` list what there is";
        Complaint::usage(error, advice)
    })?;
    let term = console::Term::stdout();
    let paint = Paint::for_term(&term);
    let text = match command.format {
        RowFormat::Table => {
            // Whoever reads from a pipe can take long lines.
            let width = if term.is_term() {
                paint.width
            } else {
                usize::from(u16::MAX)
            };
            rows::as_table(&result, width, std::ptr::eq(paint.glyphs, &UNICODE))
        }
        RowFormat::Csv => rows::as_csv(&result),
        RowFormat::Json => format!("{:#}\n", rows::as_json(&result)),
    };
    let written = std::io::stdout().lock().write_all(text.as_bytes());
    match written {
        // `| head` has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Complaint::failed(
            anyhow!("cannot write the rows: {error}"),
            "",
        )),
        Ok(()) => Ok(Exit::Done),
    }
}

/// Opens the warehouse of a root without holding the root.
fn open(root: &Path) -> Result<Engine, Complaint> {
    let metastore = root.join("metastore");
    if !metastore.is_dir() {
        let run = place::command("run");
        return Err(Complaint::usage(
            anyhow!("there is no warehouse in {} yet", place::shown(root)),
            format!("`{run}` loads the sample data; --root names another place"),
        ));
    }
    let locations = Arc::new(LocalRoot::new(root));
    let config = EngineConfig::new(metastore, "s3://warehouse", locations, Clock::real());
    Engine::open(config).map_err(|error| {
        Complaint::failed(
            error,
            "the files of the warehouse are damaged; load into another --root",
        )
    })
}

fn text_of(sql: &str) -> Result<String, Complaint> {
    if sql != "-" {
        return Ok(sql.to_owned());
    }
    if std::io::stdin().is_terminal() {
        eprintln!("reading SQL from the keyboard; end it with Ctrl-D");
    }
    let mut text = String::new();
    let read = std::io::stdin()
        .read_to_string(&mut text)
        .context("cannot read SQL from standard input");
    read.map_err(|error| Complaint::usage(error, "give it as text: pipeline query 'select 1'"))?;
    if text.trim().is_empty() {
        return Err(Complaint::usage(
            anyhow!("standard input holds no SQL"),
            "pipeline query - < question.sql",
        ));
    }
    Ok(text)
}
