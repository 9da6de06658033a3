//! Hive, the shell, and what is refused.

use super::*;

#[tokio::test]
async fn what_is_not_supported_fails_by_name_and_says_what_is() {
    let fixture = fixture().await;
    for (args, name) in [
        (vec!["spark-submit", "x.py"], "spark-submit"),
        (vec!["aws", "s3api", "get-object"], "s3api"),
        (vec!["aws", "s3", "presign", "s3://bank/x"], "presign"),
        (vec!["hive", "--service", "metastore"], "--service"),
        (
            vec![
                "s3-dist-cp",
                "--src",
                "s3://bank/a",
                "--dest",
                "s3://bank/b",
                "--groupBy",
                ".*",
            ],
            "--groupBy",
        ),
        (
            vec!["s3-dist-cp", "--src", "hdfs:///a", "--dest", "s3://bank/b"],
            "hdfs:///a",
        ),
        (
            vec!["aws", "s3", "cp", "s3://bank/a", "/etc/passwd"],
            "/etc/passwd",
        ),
        (
            vec!["aws", "s3", "rm", "s3://bank/a", "--acl", "x"],
            "--acl",
        ),
        (vec!["bash", "script.sh"], "script.sh"),
        (vec![], "no command"),
    ] {
        let message = fixture.fails(&args).await;
        assert!(message.contains(name), "{args:?}: {message}");
    }
    let message = fixture.fails(&["pig", "-f", "x"]).await;
    assert!(
        message.contains("s3-dist-cp") && message.contains("hive"),
        "{message}"
    );
    let outcome = fixture.run_step("s3://bank/job.jar", &["x"]).await;
    assert!(
        outcome
            .failure
            .unwrap()
            .message
            .contains("s3://bank/job.jar")
    );
}

#[tokio::test]
async fn hive_gets_its_scripts_and_variables_unbroken() {
    let fixture = fixture().await;
    fixture.put("scripts/ddl/t.sql", "CREATE TABLE").await;
    fixture.put("scripts/fact/t.sql", "INSERT").await;
    fixture
        .succeeds(&[
            "hive",
            "-i",
            "s3://bank/scripts/ddl/t.sql",
            "-f",
            "s3://bank/scripts/fact/t.sql",
            "-hiveconf",
            "bucket=bank",
            "--hiveconf",
            "note=a b='c' %20 ä",
            "-d",
            "x=y",
            "--database",
            "fact_db",
        ])
        .await;
    let job = fixture.notebook.jobs.lock().pop().unwrap();
    assert_eq!(job.hiveconf["note"], "a b='c' %20 ä");
    assert_eq!(
        (job.hivevar["x"].as_str(), job.database.as_deref()),
        ("y", Some("fact_db"))
    );
    assert_eq!(
        (job.initial[0].text.as_str(), job.scripts[0].text.as_str()),
        ("CREATE TABLE", "INSERT")
    );
    assert_eq!(fixture.stdout(), "1\tNULL\n");
    let told = fixture.told.lock();
    assert_eq!(told[0].message, "Loading data to table fact_db.t");
    assert_eq!(told[1].rows, Some(7));
}

#[tokio::test]
async fn hive_scripts_that_are_missing_or_wrong_fail_with_the_reason() {
    let fixture = fixture().await;
    assert!(
        fixture
            .fails(&["hive", "-f", "s3://bank/none.sql"])
            .await
            .contains("NoSuchKey")
    );
    assert!(fixture.fails(&["hive"]).await.contains("-f"));
    assert!(
        fixture
            .fails(&["hive", "-e", "x", "-f", "s3://bank/a"])
            .await
            .contains("simultaneously")
    );
    assert!(
        fixture
            .fails(&["hive", "-e", "x", "-hiveconf", "novalue"])
            .await
            .contains("novalue")
    );
    assert!(fixture.fails(&["hive", "-e"]).await.contains("-e"));
    let outcome = fixture.run(&["spark-sql", "-e", "broken"]).await;
    assert_eq!(
        outcome.failure.unwrap().message,
        "FAILED: s3://b/x.sql:1:1: syntax error"
    );
    assert!(outcome.log_tail.contains("syntax error"));
}

#[tokio::test]
async fn the_older_ways_to_start_hive_mean_the_same() {
    let fixture = fixture().await;
    fixture.put("q.sql", "SELECT 1").await;
    fixture
        .succeeds(&[
            "hive-script",
            "--run-hive-script",
            "--args",
            "-f",
            "s3://bank/q.sql",
            "-d",
            "INPUT=s3://bank/in",
        ])
        .await;
    fixture
        .succeeds(&[
            "spark-sql",
            "--master",
            "yarn",
            "--conf",
            "a.b=c",
            "-f",
            "s3://bank/q.sql",
        ])
        .await;
    fixture
        .succeeds(&["bash", "-lc", "hive -e 'SELECT 2' && hive -e \"SELECT 3\""])
        .await;
    let jobs = fixture.notebook.jobs.lock();
    assert_eq!(jobs[0].hivevar["INPUT"], "s3://bank/in");
    assert_eq!(jobs[1].hiveconf["a.b"], "c");
    assert_eq!(
        (
            jobs[2].scripts[0].text.as_str(),
            jobs[3].scripts[0].text.as_str()
        ),
        ("SELECT 2", "SELECT 3")
    );
}

#[tokio::test]
async fn a_shell_list_stops_where_a_shell_would() {
    let fixture = fixture().await;
    fixture.put("a/1", "1").await;
    let message = fixture
        .fails(&[
            "bash",
            "-c",
            "set -e\naws s3 cp s3://bank/none s3://bank/x\naws s3 rm s3://bank/a/1",
        ])
        .await;
    assert!(message.contains("404"), "{message}");
    assert_eq!(fixture.keys().await, ["a/1"]);
    fixture
        .succeeds(&[
            "bash",
            "-c",
            "aws s3 cp s3://bank/none s3://bank/x || aws s3 rm s3://bank/a/1",
        ])
        .await;
    assert_eq!(fixture.keys().await, Vec::<String>::new());
}

#[tokio::test]
async fn other_scripts_run_in_the_machines_bash() {
    let fixture = fixture().await;
    let outcome = fixture
        .run(&["bash", "-c", "echo out; echo err >&2; exit $((3 + 4))"])
        .await;
    assert_eq!(outcome.exit_code, 7);
    assert!(outcome.log_tail.contains("err"));
    assert_eq!(fixture.stdout(), "out\n");
    let message = fixture
        .fails(&["bash", "-c", "x=1; no-such-command-anywhere $x"])
        .await;
    assert!(message.contains("command not found"), "{message}");
}
