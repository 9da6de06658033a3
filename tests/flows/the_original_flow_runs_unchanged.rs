//! A state machine in the style of the original flow runs on the fifteen functions.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::harness::Pipeline;

const ORIGINAL: &str = include_str!("../fixtures/original_flow.asl.json");

#[tokio::test]
async fn whole_events_fixed_waits_and_choices_on_status_still_work() -> Result<()> {
    // Its machines are not the stack's, whose roles know nothing of them.
    let folder = std::sync::Arc::new(tempfile::TempDir::new()?);
    let pipeline = Pipeline::start_with(folder, |options| options.enforce_iam = false).await?;
    let child = json!({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}});
    let role = "arn:aws:iam::000000000000:role/original";
    let create = |name: &str, definition: String| json!({"name": name, "definition": definition, "roleArn": role});
    let child = pipeline
        .states(
            "CreateStateMachine",
            create("original-child", child.to_string()),
        )
        .await?;
    let mut definition = ORIGINAL.replace(
        "${ChildStateMachineArn}",
        child["stateMachineArn"].as_str().context("no ARN")?,
    );
    for function in &pipeline.runtime.stack().functions {
        let placeholder = format!("${{{}Arn}}", function.logical_id);
        let alias = function.alias.as_deref().context("no alias")?;
        definition = definition.replace(&placeholder, &format!("{}:{alias}", function.arn));
    }
    let machine = pipeline
        .states("CreateStateMachine", create("original", definition))
        .await?;
    let input = json!({"currentStepName": "original"}).to_string();
    let started = pipeline
        .states(
            "StartExecution",
            json!({"stateMachineArn": machine["stateMachineArn"], "input": input}),
        )
        .await?;
    let outcome = pipeline
        .runtime
        .wait(started["executionArn"].as_str().context("no execution")?)
        .await?;
    assert!(
        outcome.succeeded(),
        "{:?}: {:?}",
        outcome.error,
        outcome.cause
    );
    let output: Value = outcome.output.unwrap_or_default();
    assert_eq!(output["Status"], "SUCCESS");
    assert_eq!(pipeline.cluster_states().await?, ["TERMINATED"]);
    let mails = pipeline.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].1, "the original flow has ended");
    Ok(())
}
