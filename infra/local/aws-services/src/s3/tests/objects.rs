//! Objects and buckets through the operations that callers in this process use.

use super::*;

#[tokio::test]
async fn a_missing_bucket_and_a_missing_key_are_told_apart() {
    let fixture = fixture().await;
    let error = fixture.s3.get("nowhere", "a").await.unwrap_err();
    assert_eq!(code(&error), "NoSuchBucket");
    let error = fixture.s3.get("warehouse", "a").await.unwrap_err();
    assert_eq!(code(&error), "NoSuchKey");
    let error = fixture
        .s3
        .put("nowhere", "a", "x", PutOptions::default())
        .await
        .unwrap_err();
    assert_eq!(code(&error), "NoSuchBucket");
    assert!(
        !fixture
            .s3
            .delete("warehouse", "a", &Condition::Always)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_key_that_would_leave_the_root_is_refused_everywhere() {
    let fixture = fixture().await;
    std::fs::write(fixture.folder.path().join("secret"), "x").unwrap();
    for key in ["../../secret", "a/../../../secret", "..", "./a"] {
        assert_eq!(
            code(&fixture.s3.get("warehouse", key).await.unwrap_err()),
            "InvalidArgument"
        );
        let put = fixture
            .s3
            .put("warehouse", key, "x", PutOptions::default())
            .await;
        assert_eq!(code(&put.unwrap_err()), "InvalidArgument");
        let delete = fixture
            .s3
            .delete("warehouse", key, &Condition::Always)
            .await;
        assert_eq!(code(&delete.unwrap_err()), "InvalidArgument");
    }
    assert_eq!(
        code(&fixture.s3.create_bucket("../services").await.unwrap_err()),
        "InvalidBucketName"
    );
    assert_eq!(
        code(&fixture.s3.get("..", "secret").await.unwrap_err()),
        "NoSuchBucket"
    );
    let response = fixture
        .send(
            request("GET", "/warehouse/%2e%2e/%2e%2e/secret")
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let (keys, ..) = fixture.keys(ListRequest::prefix("../")).await;
    assert!(keys.is_empty());
}

#[tokio::test]
async fn a_bucket_with_objects_cannot_be_deleted() {
    let fixture = fixture().await;
    fixture.put("a/", "").await;
    let error = fixture.s3.delete_bucket("warehouse").await.unwrap_err();
    assert_eq!(code(&error), "BucketNotEmpty");
    fixture
        .s3
        .delete("warehouse", "a/", &Condition::Always)
        .await
        .unwrap();
    fixture.s3.delete_bucket("warehouse").await.unwrap();
    assert_eq!(
        code(&fixture.s3.head_bucket("warehouse").await.unwrap_err()),
        "NoSuchBucket"
    );
}

#[tokio::test]
async fn conditions_that_do_not_hold_change_nothing() {
    let fixture = fixture().await;
    let missing = PutOptions::when(Condition::IfMatch("x".to_owned()));
    let error = fixture
        .s3
        .put("warehouse", "lock", "2", missing)
        .await
        .unwrap_err();
    assert_eq!(code(&error), "NoSuchKey");
    let first = fixture.put("lock", "1").await;
    let error = fixture
        .s3
        .put(
            "warehouse",
            "lock",
            "2",
            PutOptions::when(Condition::IfAbsent),
        )
        .await
        .unwrap_err();
    assert_eq!(
        (code(&error), error.status()),
        ("PreconditionFailed", StatusCode::PRECONDITION_FAILED)
    );
    let stale = Condition::IfMatch("00000000000000000000000000000000".to_owned());
    let error = fixture
        .s3
        .delete("warehouse", "lock", &stale)
        .await
        .unwrap_err();
    assert_eq!(code(&error), "PreconditionFailed");
    assert_eq!(fixture.text("lock").await, "1");
    let current = PutOptions::when(Condition::IfMatch(first.etag.clone()));
    let second = fixture
        .s3
        .put("warehouse", "lock", "2", current.clone())
        .await
        .unwrap();
    let error = fixture
        .s3
        .put("warehouse", "lock", "3", current)
        .await
        .unwrap_err();
    assert_eq!(code(&error), "PreconditionFailed");
    assert!(
        fixture
            .s3
            .delete("warehouse", "lock", &Condition::IfMatch(second.etag))
            .await
            .unwrap()
    );
    let error = fixture
        .s3
        .delete("warehouse", "lock", &Condition::IfMatch(first.etag))
        .await
        .unwrap_err();
    assert_eq!(code(&error), "PreconditionFailed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writers_that_want_to_be_first_exactly_one_is() {
    let fixture = fixture().await;
    let attempts = (0..32).map(|number| {
        let s3 = Arc::clone(&fixture.s3);
        tokio::spawn(async move {
            let options = PutOptions::when(Condition::IfAbsent);
            s3.put("warehouse", "lock", number.to_string(), options)
                .await
                .is_ok()
        })
    });
    let outcomes = futures::future::join_all(attempts).await;
    let won: Vec<usize> = (0..32)
        .filter(|number| *outcomes[*number].as_ref().unwrap())
        .collect();
    assert_eq!(won.len(), 1);
    assert_eq!(fixture.text("lock").await, won[0].to_string());
}

#[tokio::test]
async fn a_condition_sees_a_file_that_was_changed_behind_the_service() {
    let fixture = fixture().await;
    let head = fixture.put("state.json", "one").await;
    std::fs::write(fixture.file("state.json"), "behind").unwrap();
    let stale = PutOptions::when(Condition::IfMatch(head.etag));
    let error = fixture
        .s3
        .put("warehouse", "state.json", "two", stale)
        .await
        .unwrap_err();
    assert_eq!(code(&error), "PreconditionFailed");
    let now = fixture.s3.head("warehouse", "state.json").await.unwrap();
    let fresh = PutOptions::when(Condition::IfMatch(now.etag));
    fixture
        .s3
        .put("warehouse", "state.json", "two", fresh)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_interrupted_upload_leaves_no_trace() {
    let fixture = fixture().await;
    let pieces: Vec<Result<Bytes, std::io::Error>> = vec![
        Ok(Bytes::from_static(b"half")),
        Err(std::io::Error::other("connection reset")),
    ];
    let error = fixture
        .s3
        .put_stream(
            "warehouse",
            "a/b",
            futures::stream::iter(pieces),
            PutOptions::default(),
        )
        .await
        .unwrap_err();
    assert_eq!(code(&error), "IncompleteBody");
    assert_eq!(
        fixture.keys(ListRequest::default()).await.0,
        Vec::<String>::new()
    );
    let incoming = fixture.folder.path().join("services/s3/incoming");
    assert_eq!(std::fs::read_dir(incoming).unwrap().count(), 0);
}

#[tokio::test]
async fn objects_are_plain_files_and_plain_files_are_objects() {
    let fixture = fixture().await;
    fixture.put("landing/a b/ä%20.csv", "1,2").await;
    assert_eq!(
        std::fs::read_to_string(fixture.file("landing/a b/ä%20.csv")).unwrap(),
        "1,2"
    );
    std::fs::create_dir_all(fixture.file("prod/t")).unwrap();
    std::fs::write(fixture.file("prod/t/000000_0"), "rows").unwrap();
    let head = fixture
        .s3
        .head("warehouse", "prod/t/000000_0")
        .await
        .unwrap();
    assert_eq!(head.etag, "df347a373b8f92aa0ae3dd920a5ec2f6");
    assert_eq!(
        (head.size, head.last_modified),
        (4, "2026-11-21T02:00:00Z".parse().unwrap())
    );
    assert_eq!(fixture.text("prod/t/000000_0").await, "rows");
}

#[tokio::test]
async fn times_come_from_the_clock_and_survive_a_restart() {
    let fixture = fixture().await;
    fixture.put("a", "1").await;
    drop(
        fixture
            .clock
            .sleep(std::time::Duration::from_secs(60))
            .await,
    );
    fixture.put("b", "2").await;
    let later = Clock::simulated_from(start() + SignedDuration::from_hours(24));
    let reopened = open(&fixture.folder, &later);
    let one = reopened.head("warehouse", "a").await.unwrap();
    let two = reopened.head("warehouse", "b").await.unwrap();
    assert_eq!(one.last_modified.to_string(), "2026-11-21T02:00:00Z");
    assert_eq!(two.last_modified.to_string(), "2026-11-21T02:01:00Z");
    assert_eq!(one.etag, "c4ca4238a0b923820dcc509a6f75849b");
}

#[tokio::test]
async fn a_key_and_the_folder_of_the_same_name_are_both_kept() {
    let fixture = fixture().await;
    fixture.put("a", "file").await;
    fixture.put("a/b", "inside").await;
    fixture.put("c/d", "inside").await;
    fixture.put("c", "file").await;
    for (key, content) in [
        ("a", "file"),
        ("a/b", "inside"),
        ("c/d", "inside"),
        ("c", "file"),
    ] {
        assert_eq!(fixture.text(key).await, content, "{key}");
    }
    assert_eq!(
        fixture.keys(ListRequest::default()).await.0,
        ["a", "a/b", "c", "c/d"]
    );
    fixture
        .s3
        .delete("warehouse", "a/b", &Condition::Always)
        .await
        .unwrap();
    assert_eq!(fixture.text("a").await, "file");
    let reopened = open(&fixture.folder, &fixture.clock);
    assert_eq!(reopened.head("warehouse", "c").await.unwrap().size, 4);
}

#[tokio::test]
async fn folder_markers_are_objects_and_folders_alone_are_not() {
    let fixture = fixture().await;
    fixture.put("landing/t/", "").await;
    fixture.put("x/y/z", "1").await;
    fixture
        .s3
        .delete("warehouse", "x/y/z", &Condition::Always)
        .await
        .unwrap();
    assert!(
        !fixture.file("x").exists(),
        "folders that nothing implies any more are removed"
    );
    assert!(
        fixture.file("landing/t").is_dir(),
        "a marker shows as a folder"
    );
    assert_eq!(fixture.keys(ListRequest::default()).await.0, ["landing/t/"]);
    fixture.put("landing/t/f", "1").await;
    fixture
        .s3
        .delete("warehouse", "landing/t/f", &Condition::Always)
        .await
        .unwrap();
    assert_eq!(
        fixture.keys(ListRequest::prefix("landing/")).await.0,
        ["landing/t/"]
    );
}

#[tokio::test]
async fn keys_come_in_utf8_order_whatever_the_folders() {
    let fixture = fixture().await;
    let mut keys = [
        "a/b",
        "a-b",
        "a.b",
        "a",
        "a0",
        "b/c/d",
        "b/c",
        "é",
        "z",
        "A",
        "a/",
        "b//c",
        "\u{10000}",
        "\u{ffff}",
    ];
    for key in keys {
        fixture.put(key, key).await;
    }
    keys.sort_unstable();
    assert_eq!(fixture.keys(ListRequest::default()).await.0, keys);
    for limit in 1..4 {
        let mut seen = Vec::new();
        let mut request = ListRequest {
            limit: Some(limit),
            ..ListRequest::default()
        };
        loop {
            let (mut page, _, next) = fixture.keys(request.clone()).await;
            assert!(page.len() <= limit);
            seen.append(&mut page);
            match next {
                Some(next) => request.after = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, keys, "pages of {limit}");
    }
}

#[tokio::test]
async fn a_delimiter_rolls_keys_up_on_every_page() {
    let fixture = fixture().await;
    for key in ["p/a/1", "p/a/2", "p/b", "p/c/1", "p/c/2/3", "q/1", "p/"] {
        fixture.put(key, "x").await;
    }
    let request = ListRequest {
        prefix: "p/".to_owned(),
        delimiter: "/".to_owned(),
        ..ListRequest::default()
    };
    let (keys, prefixes, next) = fixture.keys(request.clone()).await;
    assert_eq!(
        (keys, prefixes, next),
        (
            vec!["p/".to_owned(), "p/b".to_owned()],
            vec!["p/a/".to_owned(), "p/c/".to_owned()],
            None
        )
    );
    let mut all = Vec::new();
    let mut paged = ListRequest {
        limit: Some(1),
        ..request
    };
    loop {
        let (keys, prefixes, next) = fixture.keys(paged.clone()).await;
        assert_eq!(keys.len() + prefixes.len(), 1);
        all.extend(keys.into_iter().chain(prefixes));
        match next {
            Some(next) => paged.after = Some(next),
            None => break,
        }
    }
    assert_eq!(all, ["p/", "p/a/", "p/b", "p/c/"]);
    let odd = ListRequest {
        prefix: "p".to_owned(),
        delimiter: "2".to_owned(),
        ..ListRequest::default()
    };
    let (keys, prefixes, _) = fixture.keys(odd).await;
    assert_eq!(keys, ["p/", "p/a/1", "p/b", "p/c/1"]);
    assert_eq!(prefixes, ["p/a/2", "p/c/2"]);
}
