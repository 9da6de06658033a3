//! The `pipeline` binary: parses what was typed, lets `pipeline_cli::commands` do it, and exits with its status.

use std::process::ExitCode;

use clap::Parser;
use pipeline_cli::arguments::Arguments;

fn main() -> ExitCode {
    pipeline_cli::commands::execute(&Arguments::parse())
}
