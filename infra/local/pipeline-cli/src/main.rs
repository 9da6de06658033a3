//! The `pipeline` binary: parses what was typed, lets `pipeline_cli::commands` do it, and exits with its status.

use std::process::ExitCode;

use clap::Parser;
use pipeline_cli::arguments::Arguments;

/// Loads, executions and simulations take less processor time than with the system's; BENCHMARKS.md of the engine and of the
/// interpreter say how much, and what memory it costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    pipeline_cli::commands::execute(&Arguments::parse())
}
