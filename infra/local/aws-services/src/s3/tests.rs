//! What the object store promises, tried through its operations and through its protocol.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use virtual_time::{Clock, Entropy};

use super::*;
use crate::interceptor::PassEverything;
use crate::observer::IgnoreEverything;

struct Fixture {
    folder: TempDir,
    clock: Clock,
    s3: Arc<S3>,
}

fn start() -> Timestamp {
    "2026-11-21T02:00:00.75Z".parse().unwrap()
}

fn open(folder: &TempDir, clock: &Clock) -> Arc<S3> {
    let context = Context::new(
        clock.clone(),
        Entropy::from_seed(1),
        "us-east-1".to_owned(),
        "000000000000".to_owned(),
        folder.path().to_owned(),
        Arc::new(IgnoreEverything),
        Arc::new(PassEverything),
    );
    S3::open(&context).unwrap()
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::simulated_from(start());
    let s3 = open(&folder, &clock);
    s3.create_bucket("warehouse").await.unwrap();
    Fixture { folder, clock, s3 }
}

impl Fixture {
    async fn put(&self, key: &str, content: &str) -> ObjectHead {
        self.s3
            .put("warehouse", key, content, PutOptions::default())
            .await
            .unwrap()
    }

    async fn text(&self, key: &str) -> String {
        let object = self.s3.get("warehouse", key).await.unwrap();
        String::from_utf8(object.into_bytes().unwrap().to_vec()).unwrap()
    }

    async fn keys(&self, request: ListRequest) -> (Vec<String>, Vec<String>, Option<String>) {
        let listing = self.s3.list("warehouse", &request).await.unwrap();
        let keys = listing.objects.into_iter().map(|head| head.key).collect();
        (keys, listing.common_prefixes, listing.next)
    }

    fn file(&self, key: &str) -> std::path::PathBuf {
        self.folder.path().join("s3/warehouse").join(key)
    }

    async fn send(&self, request: Request<Body>) -> Response<Bytes> {
        let (parts, body) = self.s3.handle(request).await.into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }
}

fn code(error: &S3Error) -> &'static str {
    error.code()
}

fn request(method: &str, uri: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(uri)
        .header("host", "127.0.0.1:4566")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=any/20261121/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0")
}

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
async fn a_body_with_another_digest_than_stated_is_refused() {
    let fixture = fixture().await;
    let put = request("PUT", "/warehouse/a")
        .header("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")
        .header("content-length", "5")
        .body(Body::from("hello"))
        .unwrap();
    let response = fixture.send(put).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(String::from_utf8_lossy(response.body()).contains("<Code>BadDigest</Code>"));
    let chunked = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    let put = request("PUT", "/warehouse/a")
        .header("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        .header("content-encoding", "aws-chunked")
        .header("x-amz-decoded-content-length", "5")
        .header("x-amz-trailer", "x-amz-checksum-crc32")
        .header("content-length", chunked.len().to_string())
        .body(Body::from(chunked))
        .unwrap();
    let response = fixture.send(put).await;
    assert!(String::from_utf8_lossy(response.body()).contains("<Code>BadDigest</Code>"));
    assert!(fixture.s3.head("warehouse", "a").await.is_err());
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_closes_the_connection_of_a_client_that_asked_first() {
    let fixture = fixture().await;
    let expecting = |uri: &str, body: &'static str| {
        request("PUT", uri)
            .header("expect", "100-continue")
            .body(Body::from(body))
            .unwrap()
    };
    let refused = fixture.send(expecting("/nowhere/a", "x")).await;
    assert_eq!(refused.headers()["connection"], "close");
    let empty = fixture.send(expecting("/warehouse/empty", "")).await;
    assert_eq!(empty.headers()["connection"], "close");
    let accepted = fixture.send(expecting("/warehouse/a", "x")).await;
    assert!(!accepted.headers().contains_key("connection"));
}

#[tokio::test]
async fn headers_that_aws_would_obey_and_this_store_does_not_are_refused_by_name() {
    let fixture = fixture().await;
    for (header, value) in [("x-amz-tagging", "a=b"), ("x-amz-acl", "public-read")] {
        let put = request("PUT", "/warehouse/a")
            .header(header, value)
            .body(Body::from("x"))
            .unwrap();
        let response = fixture.send(put).await;
        assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED);
        assert!(
            String::from_utf8_lossy(response.body()).contains(header),
            "{header}"
        );
    }
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

#[tokio::test]
async fn ranges_and_conditional_reads_answer_as_s3() {
    let fixture = fixture().await;
    let head = fixture.put("a", "0123456789").await;
    for (range, status, body) in [
        ("bytes=2-4", 206, "234"),
        ("bytes=7-", 206, "789"),
        ("bytes=-3", 206, "789"),
        ("bytes=5-100", 206, "56789"),
    ] {
        let response = fixture
            .send(
                request("GET", "/warehouse/a")
                    .header("range", range)
                    .body(Body::empty())
                    .unwrap(),
            )
            .await;
        assert_eq!(response.status().as_u16(), status, "{range}");
        assert_eq!(response.body(), body, "{range}");
    }
    let response = fixture
        .send(
            request("GET", "/warehouse/a")
                .header("range", "bytes=10-")
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(response.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let unchanged =
        request("GET", "/warehouse/a").header("if-none-match", format!("\"{}\"", head.etag));
    assert_eq!(
        fixture
            .send(unchanged.body(Body::empty()).unwrap())
            .await
            .status(),
        StatusCode::NOT_MODIFIED
    );
    let other = request("GET", "/warehouse/a").header("if-match", "\"x\"");
    assert_eq!(
        fixture
            .send(other.body(Body::empty()).unwrap())
            .await
            .status(),
        StatusCode::PRECONDITION_FAILED
    );
}

#[tokio::test]
async fn parts_become_one_object_with_the_entity_tag_of_s3() {
    let fixture = fixture().await;
    let begun = fixture
        .send(
            request("POST", "/warehouse/big?uploads")
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    let text = String::from_utf8(begun.body().to_vec()).unwrap();
    let id = text
        .split("<UploadId>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    let large = "a".repeat(5 * 1024 * 1024);
    let mut tags = Vec::new();
    for (number, content) in [(1, large.as_str()), (2, "end")] {
        let uri = format!("/warehouse/big?partNumber={number}&uploadId={id}");
        let response = fixture
            .send(
                request("PUT", &uri)
                    .body(Body::from(content.to_owned()))
                    .unwrap(),
            )
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        tags.push(response.headers()["etag"].to_str().unwrap().to_owned());
    }
    assert!(
        fixture.s3.head("warehouse", "big").await.is_err(),
        "nothing is there before the end"
    );
    let reopened = open(&fixture.folder, &fixture.clock);
    let wrong = reopened.complete_upload(
        "warehouse",
        "big",
        &id,
        &[(1, Some("0".to_owned()))],
        &Condition::Always,
    );
    assert_eq!(code(&wrong.unwrap_err()), "InvalidPart");
    let parts: Vec<(i32, Option<String>)> = (1..)
        .zip(
            tags.iter()
                .map(|tag| Some(tag.trim_matches('"').to_owned())),
        )
        .collect();
    let backwards: Vec<(i32, Option<String>)> = parts.iter().rev().cloned().collect();
    let wrong = reopened.complete_upload("warehouse", "big", &id, &backwards, &Condition::Always);
    assert_eq!(code(&wrong.unwrap_err()), "InvalidPartOrder");
    let head = reopened
        .complete_upload("warehouse", "big", &id, &parts, &Condition::IfAbsent)
        .unwrap();
    assert!(head.etag.ends_with("-2"), "{}", head.etag);
    assert_eq!(head.size, 5 * 1024 * 1024 + 3);
    assert!(reopened.uploads("warehouse", "").unwrap().is_empty());
}

#[tokio::test]
async fn a_copy_keeps_headers_unless_they_are_replaced() {
    let fixture = fixture().await;
    let put = request("PUT", "/warehouse/a")
        .header("content-type", "text/csv")
        .header("x-amz-meta-origin", "bank")
        .body(Body::from("1"))
        .unwrap();
    fixture.send(put).await;
    let copy = request("PUT", "/warehouse/b%20c")
        .header("x-amz-copy-source", "/warehouse/a")
        .header("if-none-match", "*")
        .body(Body::empty())
        .unwrap();
    assert_eq!(fixture.send(copy).await.status(), StatusCode::OK);
    let head = fixture.s3.head("warehouse", "b c").await.unwrap();
    assert_eq!(head.attributes.content_type.as_deref(), Some("text/csv"));
    assert_eq!(head.attributes.metadata["origin"], "bank");
    let again = request("PUT", "/warehouse/b%20c")
        .header("x-amz-copy-source", "/warehouse/a")
        .header("if-none-match", "*")
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        fixture.send(again).await.status(),
        StatusCode::PRECONDITION_FAILED
    );
    let missing = request("PUT", "/warehouse/c").header("x-amz-copy-source", "/warehouse/none");
    assert_eq!(
        fixture
            .send(missing.body(Body::empty()).unwrap())
            .await
            .status(),
        StatusCode::NOT_FOUND
    );
}
