//! `pipeline serve`: the services on a port until Ctrl-C or SIGTERM, with what one needs to use them.

use std::path::Path;
use std::sync::Arc;

use embedded_runtime::{Functions, Project, Runtime, RuntimeOptions, bootstrap};

use super::run::{clock_mode, project_complaint, runtime_complaint};
use super::screen::print_line;
use super::{Complaint, Exit, place, signals};
use crate::arguments::{Arguments, ServeArguments};
use crate::display::live::Stage;
use crate::display::paint::Paint;

/// Serves until a signal.
pub(crate) async fn execute(
    arguments: &Arguments,
    command: &ServeArguments,
) -> Result<Exit, Complaint> {
    let term = console::Term::stdout();
    let paint = Paint::for_term(&term);
    let live = (term.is_term() && paint.color).then(|| term.clone());
    let stop = signals::watch_for_stop()?;
    let mut options = match (command.empty, &command.root.root) {
        (true, Some(_)) => RuntimeOptions::new(place::root(&command.root, Path::new(""))),
        (empty, _) => {
            let folder = place::project(arguments)?;
            let options = RuntimeOptions::new(place::root(&command.root, &folder));
            if empty {
                options
            } else {
                with_stack(options, &folder, live, paint).await?
            }
        }
    };
    options.clock = clock_mode(command.clock);
    options.enforce_iam = !command.allow_everything;
    options.port = command.port;
    let runtime = Runtime::start(options).await.map_err(runtime_complaint)?;
    print_line(&welcome(&runtime, paint));
    signals::stopped(stop).await;
    print_line("stopping");
    runtime.shutdown().await;
    Ok(Exit::Done)
}

async fn with_stack(
    options: RuntimeOptions,
    folder: &Path,
    live: Option<console::Term>,
    paint: Paint,
) -> Result<RuntimeOptions, Complaint> {
    let project = Project::load(folder).map_err(project_complaint)?;
    let stage = Stage::begin(live, paint, "build the functions");
    let detail = stage.detail();
    let progress = move |line: &str| detail(line.trim());
    let binary = bootstrap::build(folder, &progress).await;
    let binary = binary
        .map_err(|error| Complaint::failed(error, "correct what cargo says, then serve again"))?;
    stage.done(&print_line);
    Ok(options.with_project(Arc::new(project), Functions::Processes(binary)))
}

fn welcome(runtime: &Runtime, paint: Paint) -> String {
    let endpoint = runtime.endpoint_url();
    let region = embedded_runtime::runtime::REGION;
    let mut lines = vec![
        format!("{} {}", paint.heading("Serving"), paint.active(&endpoint)),
        format!("state in {}", place::shown(runtime.root())),
        String::new(),
    ];
    let outputs = &runtime.stack().outputs;
    if !outputs.is_empty() {
        lines.push(paint.heading("The stack's outputs"));
        let width = outputs.keys().map(String::len).max().unwrap_or(0);
        lines.extend(
            outputs
                .iter()
                .map(|(name, value)| format!("  {name:<width$}  {value}")),
        );
        lines.push(String::new());
    }
    lines.push(paint.heading("For the AWS CLI (any credentials will do)"));
    // Version 1 of the AWS CLI does not read AWS_REGION.
    lines.push(format!(
        "  export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={region}"
    ));
    lines.push("  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local".to_owned());
    let master = runtime.stack().state_machine("master");
    match (&master, runtime.bucket()) {
        (Some(master), Ok(bucket)) => {
            lines.push(format!(
                "  aws s3 cp --recursive sample_data s3://{bucket}/landing"
            ));
            lines.push(format!(
                "  aws stepfunctions start-execution --state-machine-arn {}",
                master.arn
            ));
        }
        _ => {
            lines.push("  aws s3 mb s3://example".to_owned());
            lines.push("  aws stepfunctions list-state-machines".to_owned());
        }
    }
    lines.push("  aws emr list-clusters".to_owned());
    lines.push(String::new());
    lines.push(paint.heading("For boto3"));
    lines.push(format!(
        "  boto3.client(\"stepfunctions\", endpoint_url=\"{endpoint}\", region_name=\"{region}\",\n               \
         aws_access_key_id=\"local\", aws_secret_access_key=\"local\")"
    ));
    lines.push(String::new());
    lines.push("Ctrl-C stops it.".to_owned());
    lines.join("\n")
}
