//! Objects through the protocol, as clients send it.

use super::*;

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
