//! What happens to a request before the protocol sees it: its signature, which nobody checks, is taken off, and a body in
//! AWS's chunks is taken apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt;
use http::request::Parts;
use http::{HeaderValue, Request, Uri, header};

use super::chunked;
use crate::gateway::Body;

/// Names of query parameters that belong to a presigned URL, in lower case.
const SIGNATURE_PARAMETERS: [&str; 7] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// Whether the client was told to go on with its body.
///
/// A client that asks first (`Expect: 100-continue`) and gets its final answer at once cannot use the connection again:
/// botocore would take the next answer for a part of this one. Such an answer closes the connection, as S3's does.
pub(super) struct Expectation {
    expects: bool,
    continued: Arc<AtomicBool>,
}

impl Expectation {
    /// Watches whether the body is read.
    pub(super) fn of(request: Request<Body>) -> (Request<Body>, Self) {
        let continued = Arc::new(AtomicBool::new(false));
        let expects = request.headers().contains_key(header::EXPECT);
        let watched = Arc::clone(&continued);
        let request = if expects {
            request.map(|body| {
                Body::from_stream(
                    body.into_data_stream()
                        .inspect(move |_| watched.store(true, Ordering::Relaxed)),
                )
            })
        } else {
            request
        };
        (request, Self { expects, continued })
    }

    /// Whether the answer has to close the connection.
    pub(super) fn was_cut_short(&self) -> bool {
        self.expects && !self.continued.load(Ordering::Relaxed)
    }
}

/// The same request, unsigned and with a plain body.
pub(super) fn plain(request: Request<Body>) -> Request<Body> {
    let (mut parts, body) = request.into_parts();
    let chunked = is_chunked(&parts);
    let trailer = text(&parts, "x-amz-trailer");
    let length = text(&parts, "x-amz-decoded-content-length");
    for name in [
        "authorization",
        "x-amz-trailer",
        "x-amz-decoded-content-length",
        "x-amz-content-sha256",
    ] {
        parts.headers.remove(name);
    }
    if let Some(uri) = unsigned(&parts.uri) {
        parts.uri = uri;
    }
    if !chunked {
        return Request::from_parts(parts, body);
    }
    remove_coding(&mut parts);
    match length.and_then(|length| HeaderValue::from_str(&length).ok()) {
        Some(length) => parts.headers.insert(header::CONTENT_LENGTH, length),
        None => parts.headers.remove(header::CONTENT_LENGTH),
    };
    let data = chunked::decode(body.into_data_stream(), trailer.as_deref());
    Request::from_parts(parts, Body::from_stream(data))
}

fn is_chunked(parts: &Parts) -> bool {
    let streaming =
        text(parts, "x-amz-content-sha256").is_some_and(|value| value.starts_with("STREAMING-"));
    streaming
        || text(parts, "content-encoding")
            .is_some_and(|value| value.split(',').any(|one| one.trim() == "aws-chunked"))
}

/// `aws-chunked` says how the body travelled, not what the object is.
fn remove_coding(parts: &mut Parts) {
    let Some(codings) = text(parts, "content-encoding") else {
        return;
    };
    let rest: Vec<&str> = codings
        .split(',')
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && *coding != "aws-chunked")
        .collect();
    match HeaderValue::from_str(&rest.join(",")) {
        Ok(value) if !rest.is_empty() => {
            parts.headers.insert(header::CONTENT_ENCODING, value);
        }
        _ => {
            parts.headers.remove(header::CONTENT_ENCODING);
        }
    }
}

/// The URI without what a presigned URL adds; `None` when there is nothing to remove.
fn unsigned(uri: &Uri) -> Option<Uri> {
    let query = uri.query()?;
    let older = ["AWSAccessKeyId=", "Signature=", "Expires="];
    let is_older = older.iter().all(|name| {
        query
            .split('&')
            .any(|parameter| parameter.starts_with(name))
    });
    let kept: Vec<&str> = query
        .split('&')
        .filter(|parameter| {
            let name = parameter
                .split('=')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase();
            let signs = SIGNATURE_PARAMETERS.contains(&name.as_str());
            let signs_older = is_older && older.iter().any(|name| parameter.starts_with(name));
            !signs && !signs_older
        })
        .collect();
    let path = uri.path();
    let target = if kept.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", kept.join("&"))
    };
    // Built from pieces of a URI that was valid, so that it is one.
    target.parse().ok()
}

fn text(parts: &Parts, name: &str) -> Option<String> {
    let value = parts.headers.get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presigned_url_loses_its_signature_and_keeps_the_rest() {
        let uri: Uri =
            "/b/k?X-Amz-Algorithm=A&X-Amz-Credential=c&partNumber=1&X-Amz-Signature=s&uploadId=u"
                .parse()
                .unwrap();
        assert_eq!(unsigned(&uri).unwrap(), "/b/k?partNumber=1&uploadId=u");
        let older: Uri = "/b/k?AWSAccessKeyId=a&Signature=s&Expires=1"
            .parse()
            .unwrap();
        assert_eq!(unsigned(&older).unwrap(), "/b/k");
    }

    #[test]
    fn only_the_coding_of_the_journey_is_removed() {
        let request = Request::builder()
            .header("content-encoding", "gzip, aws-chunked")
            .header("x-amz-decoded-content-length", "5")
            .header("content-length", "50")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=a")
            .body(Body::empty())
            .unwrap();
        let request = plain(request);
        assert_eq!(request.headers()["content-encoding"], "gzip");
        assert_eq!(request.headers()["content-length"], "5");
        assert!(!request.headers().contains_key("authorization"));
    }
}
