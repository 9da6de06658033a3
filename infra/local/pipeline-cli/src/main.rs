//! The `pipeline` binary: parses what was typed, lets `pipeline_cli::commands` do it, and exits with its status.

use std::process::ExitCode;

use clap::Parser;
use pipeline_cli::arguments::Arguments;

/// Half of what an execution and a query cost is small allocations, which it makes sooner than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    pipeline_cli::commands::execute(&Arguments::parse())
}
