//! What the object store promises, tried through its operations and through its protocol.

mod objects;
mod protocol;

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
