//! Copies, moves and removals: s3-dist-cp and aws s3.

use super::*;

#[tokio::test]
async fn a_distributed_copy_from_nothing_fails_as_on_emr() {
    let fixture = fixture().await;
    fixture.put("landing/t/", "").await;
    fixture.put("landing/tt/x.csv", "1").await;
    let copy = [
        "s3-dist-cp",
        "--src",
        "s3://bank/landing/t",
        "--dest",
        "s3://bank/staging/",
    ];
    assert!(
        fixture
            .fails(&copy)
            .await
            .contains("Input path does not exist")
    );
    fixture.put("landing/t/x.csv", "1").await;
    let pattern = [&copy[..], &["--srcPattern", ".*gz"]].concat();
    assert!(
        fixture
            .fails(&pattern)
            .await
            .contains("Input path does not exist")
    );
    assert_eq!(
        fixture.keys().await,
        ["landing/t/", "landing/t/x.csv", "landing/tt/x.csv"]
    );
    assert!(
        fixture
            .fails(&[
                "s3-dist-cp",
                "--src",
                "s3://nowhere/a",
                "--dest",
                "s3://bank/b"
            ])
            .await
            .contains("NoSuchBucket")
    );
}

#[tokio::test]
async fn a_distributed_move_that_fails_half_way_deletes_nothing() {
    let fixture = fixture().await;
    fixture.put("a/1", "1").await;
    fixture.put("a/2", "2").await;
    fixture.trouble.left.lock().push(("CopyObject", 5));
    let message = fixture
        .fails(&[
            "s3-dist-cp",
            "--src=s3://bank/a/",
            "--dest=s3://bank/b/",
            "--deleteOnSuccess",
        ])
        .await;
    assert!(
        message.contains("SlowDown") && message.contains("503"),
        "{message}"
    );
    assert_eq!(fixture.keys().await, ["a/1", "a/2"]);
    fixture.trouble.left.lock().push(("CopyObject", 4));
    fixture
        .succeeds(&[
            "s3-dist-cp",
            "--src=s3://bank/a/",
            "--dest=s3://bank/b/",
            "--deleteOnSuccess",
        ])
        .await;
    assert_eq!(fixture.keys().await, ["b/1", "b/2"]);
}

#[tokio::test]
async fn a_distributed_move_takes_files_along_under_their_names_and_leaves_the_rest() {
    let fixture = fixture().await;
    for key in [
        "a/",
        "a/x y/ä%20.csv",
        "a/1.csv",
        "a/2.gz",
        "a/_$folder$",
        "ab/3.csv",
    ] {
        fixture.put(key, key).await;
    }
    let args = [
        "s3-dist-cp",
        "--src",
        "s3://bank/a",
        "--dest",
        "s3://bank/b",
        "--srcPattern",
        r"s3://bank/a/.*\.csv",
        "--deleteOnSuccess",
        "--outputManifest",
        "manifest.gz",
    ];
    fixture.succeeds(&args).await;
    assert_eq!(
        fixture.keys().await,
        [
            "a/",
            "a/2.gz",
            "a/_$folder$",
            "ab/3.csv",
            "b/1.csv",
            "b/manifest.gz",
            "b/x y/ä%20.csv"
        ]
    );
    let from_manifest = [
        "s3-dist-cp",
        "--src",
        "s3://bank/b",
        "--dest",
        "s3://bank/c",
        "--copyFromManifest",
        "--previousManifest",
        "s3://bank/b/manifest.gz",
    ];
    fixture.succeeds(&from_manifest).await;
    let keys = fixture.keys().await;
    assert!(keys.contains(&"c/1.csv".to_owned()) && keys.contains(&"c/x y/ä%20.csv".to_owned()));
    assert!(!keys.contains(&"c/manifest.gz".to_owned()));
    fixture
        .steps
        .storage
        .s3()
        .delete("bank", "b/1.csv", &Condition::Always)
        .await
        .unwrap();
    assert!(fixture.fails(&from_manifest).await.contains("b/1.csv"));
}

#[tokio::test]
async fn aws_s3_moves_copies_removes_and_synchronises_as_the_cli_does() {
    let fixture = fixture().await;
    assert!(
        fixture
            .fails(&["aws", "s3", "cp", "s3://bank/none", "s3://bank/x"])
            .await
            .contains("404")
    );
    fixture
        .succeeds(&[
            "aws",
            "s3",
            "cp",
            "s3://bank/none/",
            "s3://bank/x/",
            "--recursive",
        ])
        .await;
    for key in ["in/a.csv", "in/b/c.csv", "in/d.tmp"] {
        fixture.put(key, key).await;
    }
    fixture
        .succeeds(&["aws", "s3", "cp", "s3://bank/in/a.csv", "s3://bank/one/"])
        .await;
    fixture
        .succeeds(&[
            "aws",
            "s3",
            "mv",
            "s3://bank/in",
            "s3://bank/out",
            "--recursive",
            "--exclude",
            "*",
            "--include",
            "*.csv",
            "--only-show-errors",
        ])
        .await;
    assert_eq!(
        fixture.keys().await,
        ["in/d.tmp", "one/a.csv", "out/a.csv", "out/b/c.csv"]
    );
    fixture.put("copy/stale", "x").await;
    fixture
        .succeeds(&[
            "aws",
            "s3",
            "sync",
            "s3://bank/out",
            "s3://bank/copy",
            "--delete",
        ])
        .await;
    assert_eq!(
        fixture.keys().await,
        [
            "copy/a.csv",
            "copy/b/c.csv",
            "in/d.tmp",
            "one/a.csv",
            "out/a.csv",
            "out/b/c.csv"
        ]
    );
    fixture
        .succeeds(&["aws", "s3", "rm", "s3://bank/copy/", "--recursive"])
        .await;
    fixture
        .succeeds(&["aws", "s3", "rm", "s3://bank/none"])
        .await;
    fixture
        .succeeds(&["aws", "s3", "rm", "s3://bank/out/a.csv", "--dryrun"])
        .await;
    assert_eq!(
        fixture.keys().await,
        ["in/d.tmp", "one/a.csv", "out/a.csv", "out/b/c.csv"]
    );
    assert!(
        fixture
            .stdout()
            .contains("copy: s3://bank/in/a.csv to s3://bank/one/a.csv\n")
    );
    assert!(!fixture.stdout().contains("move:"), "errors only");
}
