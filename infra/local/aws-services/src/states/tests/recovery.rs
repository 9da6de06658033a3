//! What the next process makes of what a dead one has left.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::{Bench, pass, wait};

async fn put_rule(bench: &Bench, target: &str, status: &str) {
    let pattern = json!({"source": ["aws.states"], "detail": {"status": [status]}});
    let rule = json!({"Name": "rule", "EventPattern": pattern.to_string()});
    bench.services.events.call("PutRule", rule).await.unwrap();
    let targets = json!({"Rule": "rule", "Targets": [{"Id": "1", "Arn": target}]});
    bench
        .services
        .events
        .call("PutTargets", targets)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_execution_that_ran_is_aborted_with_its_whole_history_and_rules_hear_of_it() {
    let bench = Bench::new();
    let reaper = bench.machine("reaper", pass()).await;
    put_rule(&bench, &reaper, "ABORTED").await;
    let two_waits = json!({"StartAt": "A", "States": {
        "A": {"Type": "Wait", "Seconds": 60, "Next": "B"},
        "B": {"Type": "Wait", "Seconds": 1_000_000, "End": true},
    }});
    let machine = bench.machine("m", two_waits).await;
    let execution = bench
        .start_execution(&machine, "one", json!({"a": 1}))
        .await;
    let work = bench
        .services
        .context
        .clock
        .sleep(Duration::from_secs(100))
        .await;
    bench.settle().await;
    let before = bench.events(&execution).await;
    assert_eq!(before.len(), 4, "{before:?}");
    let bench = bench.restarted(Duration::from_secs(60));
    drop(work);

    let ended = bench.describe(&execution).await;
    assert_eq!(
        (&ended["status"], &ended["input"]),
        (&json!("ABORTED"), &json!("{\"a\":1}"))
    );
    assert!(
        ended["cause"].as_str().unwrap().contains("process"),
        "{ended}"
    );
    let after = bench.events(&execution).await;
    assert_eq!(after[..4], before[..]);
    assert_eq!(after.last().unwrap(), "ExecutionAborted");
    bench.settle().await;
    assert_eq!(
        bench.executions(&reaper).await.len(),
        0,
        "nobody is told before everything is provisioned"
    );

    bench.services.recover().await;
    bench.settle().await;
    let reapers = bench.executions(&reaper).await;
    assert_eq!(reapers.len(), 1);
    let event: Value =
        serde_json::from_str(bench.describe(&reapers[0]).await["input"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&event["detail"]["executionArn"], &event["detail"]["status"]),
        (&json!(execution), &json!("ABORTED"))
    );

    bench.services.recover().await;
    bench.settle().await;
    assert_eq!(bench.executions(&reaper).await.len(), 1, "once");
}

#[tokio::test]
async fn an_execution_that_had_ended_stays_as_it_was() {
    let bench = Bench::new();
    let machine = bench.machine("m", wait(60)).await;
    let execution = bench.start_execution(&machine, "one", json!({})).await;
    let ended = bench.ended(&execution).await;
    let events = bench.events(&execution).await;
    let bench = bench
        .restarted(Duration::from_secs(60))
        .restarted(Duration::from_secs(60));
    assert_eq!(bench.describe(&execution).await, ended);
    assert_eq!(bench.events(&execution).await, events);
    let again = json!({"stateMachineArn": machine, "name": "one"});
    assert_eq!(
        bench
            .states("StartExecution", again)
            .await
            .unwrap_err()
            .code,
        "ExecutionAlreadyExists"
    );
}

#[tokio::test]
async fn a_journal_that_breaks_off_in_the_middle_of_a_line_is_read_up_to_there() {
    let bench = Bench::new();
    let machine = bench.machine("m", wait(1_000_000)).await;
    let work = bench.services.context.clock.work();
    let execution = bench.start_execution(&machine, "one", json!({})).await;
    let folder = bench
        .services
        .context
        .root
        .join("services/states/executions");
    let journal = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let journal = journal
        .into_iter()
        .find(|path| path.extension().is_some_and(|end| end == "history"))
        .unwrap();
    let mut text = std::fs::read(&journal).unwrap();
    text.truncate(text.len() - 5);
    std::fs::write(&journal, text).unwrap();
    let bench = bench.restarted(Duration::from_secs(1));
    drop(work);
    assert_eq!(bench.describe(&execution).await["status"], "ABORTED");
    assert_eq!(
        bench.events(&execution).await.last().unwrap(),
        "ExecutionAborted"
    );
}
