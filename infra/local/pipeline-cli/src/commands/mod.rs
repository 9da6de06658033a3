//! Carries out the commands: one file each. `main` calls [`execute`].

mod compare_engines;
mod complaint;
mod coverage;
mod failure;
mod force;
mod history;
mod landed;
mod load;
mod measure;
mod outcome;
mod place;
mod publish;
mod query;
mod render;
mod run;
mod screen;
mod serve;
mod signals;
mod simulate;
mod status;
mod tables;
mod validate;

use std::io::IsTerminal;
use std::process::ExitCode;

use crate::arguments::{Arguments, Command};

pub use complaint::{Complaint, Exit};

/// Carries out a command and says how the process is to exit. Complaints go to standard error.
pub fn execute(arguments: &Arguments) -> ExitCode {
    start_log(arguments.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return complain(&Complaint::failed(
                error,
                "the process may not start more threads; close some others",
            ));
        }
    };
    let result = match &arguments.command {
        Command::Validate(command) => validate::execute(arguments, command),
        Command::Simulate(command) => simulate::execute(arguments, command, runtime.handle()),
        Command::Run(command) => runtime.block_on(run::execute(arguments, command)),
        Command::Serve(command) => runtime.block_on(serve::execute(arguments, command)),
        Command::Publish(command) => runtime.block_on(publish::execute(arguments, command)),
        Command::Query(command) => runtime.block_on(query::execute(arguments, command)),
        Command::CompareEngines(command) => {
            runtime.block_on(compare_engines::execute(arguments, command))
        }
        Command::Status(command) => runtime.block_on(status::execute(arguments, command)),
        Command::Measure(command) => runtime.block_on(measure::execute(arguments, command)),
    };
    // Whatever still blocks a thread has nothing left to say.
    runtime.shutdown_background();
    match result {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(complaint) => complain(&complaint),
    }
}

fn complain(complaint: &Complaint) -> ExitCode {
    let paint = crate::display::paint::Paint::for_term(&console::Term::stderr());
    eprint!("{}", complaint.text(paint));
    ExitCode::from(complaint.exit as u8)
}

/// The runtime's own log goes to standard error, and only when it was asked for.
fn start_log(verbose: u8) {
    let level = match verbose {
        0 => "off",
        1 => "info",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("PIPELINE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start within one process, as in tests, keeps the first log.
    let _ = log.with_ansi(std::io::stderr().is_terminal()).try_init();
}
