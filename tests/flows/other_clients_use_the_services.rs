//! boto3 and the AWS CLI against the same port. The gate installs both and names their Python in `AWS_CLIENTS_PYTHON`;
//! without it the test says that it was skipped, because README's commands need no Python.

use anyhow::Result;
use tokio::process::Command;

use crate::harness::Pipeline;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boto3_and_the_aws_cli_run_the_pipeline() -> Result<()> {
    let Some(python) = std::env::var_os("AWS_CLIENTS_PYTHON") else {
        println!("skipped: AWS_CLIENTS_PYTHON names no Python with boto3 and the AWS CLI");
        return Ok(());
    };
    let pipeline = Pipeline::start_with_processes().await?;
    pipeline.land_samples().await?;
    let session = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("aws_clients/session.py");
    let output = Command::new(python)
        .arg(session)
        .env("AWS_ENDPOINT_URL", pipeline.runtime.endpoint_url())
        .env("AWS_ACCESS_KEY_ID", "anybody")
        .env("AWS_SECRET_ACCESS_KEY", "anything")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("STACK_NAME", "pipeline")
        .kill_on_drop(true)
        .output()
        .await?;
    let told = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{told}");
    println!("{told}");
    pipeline.runtime.shutdown().await;
    Ok(())
}
