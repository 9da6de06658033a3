//! Which operation a request asks for: interceptors decide by it before the protocol is looked at.

use http::Method;
use http::request::Parts;
use serde_json::json;

/// The operation's name, and bucket and key.
pub(super) fn describe(request: &Parts) -> (String, serde_json::Value) {
    let path = request.uri.path().strip_prefix('/').unwrap_or_default();
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let (bucket, key) = (decoded(bucket), decoded(key));
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(request.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let has = |name: &str| query.iter().any(|(found, _)| found == name);
    let copies = request.headers.contains_key("x-amz-copy-source");
    let name = if bucket.is_empty() {
        of_service(&request.method)
    } else if key.is_empty() {
        of_bucket(&request.method, &has, &query)
    } else {
        of_object(&request.method, &has, copies)
    };
    let mut summary = json!({"Bucket": bucket, "Key": key});
    // What permissions may depend on.
    if let Some((_, prefix)) = query.iter().find(|(name, _)| name == "prefix") {
        summary["Prefix"] = prefix.as_str().into();
    }
    for (member, header) in [
        ("IfNoneMatch", "if-none-match"),
        ("IfMatch", "if-match"),
        ("CopySource", "x-amz-copy-source"),
    ] {
        if let Some(value) = request.headers.get(header)
            && let Ok(value) = value.to_str()
        {
            summary[member] = decoded(value).into();
        }
    }
    (name.to_owned(), summary)
}

fn of_service(method: &Method) -> &'static str {
    match *method {
        Method::GET => "ListBuckets",
        _ => "Unknown",
    }
}

/// Settings of a bucket that can be put; none of them is supported, but faults may ask for them.
const SUBRESOURCES: [(&str, &str); 9] = [
    ("encryption", "PutBucketEncryption"),
    ("lifecycle", "PutBucketLifecycleConfiguration"),
    ("logging", "PutBucketLogging"),
    ("notification", "PutBucketNotificationConfiguration"),
    ("ownershipControls", "PutBucketOwnershipControls"),
    ("policy", "PutBucketPolicy"),
    ("publicAccessBlock", "PutPublicAccessBlock"),
    ("tagging", "PutBucketTagging"),
    ("versioning", "PutBucketVersioning"),
];

fn of_bucket(
    method: &Method,
    has: &dyn Fn(&str) -> bool,
    query: &[(String, String)],
) -> &'static str {
    match *method {
        Method::GET if has("location") => "GetBucketLocation",
        Method::GET if has("uploads") => "ListMultipartUploads",
        Method::GET if has("versions") => "ListObjectVersions",
        Method::GET if has("versioning") => "GetBucketVersioning",
        Method::GET
            if query
                .iter()
                .any(|(name, value)| name == "list-type" && value == "2") =>
        {
            "ListObjectsV2"
        }
        Method::GET => "ListObjects",
        Method::HEAD => "HeadBucket",
        Method::PUT => match SUBRESOURCES.iter().find(|(name, _)| has(name)) {
            Some((_, operation)) => operation,
            None => "CreateBucket",
        },
        Method::DELETE => "DeleteBucket",
        Method::POST if has("delete") => "DeleteObjects",
        _ => "Unknown",
    }
}

fn of_object(method: &Method, has: &dyn Fn(&str) -> bool, copies: bool) -> &'static str {
    match *method {
        Method::GET if has("uploadId") => "ListParts",
        Method::GET if has("tagging") => "GetObjectTagging",
        Method::GET if has("attributes") => "GetObjectAttributes",
        Method::GET => "GetObject",
        Method::HEAD => "HeadObject",
        Method::PUT if has("partNumber") && copies => "UploadPartCopy",
        Method::PUT if has("partNumber") => "UploadPart",
        Method::PUT if has("tagging") => "PutObjectTagging",
        Method::PUT if copies => "CopyObject",
        Method::PUT => "PutObject",
        Method::DELETE if has("uploadId") => "AbortMultipartUpload",
        Method::DELETE if has("tagging") => "DeleteObjectTagging",
        Method::DELETE => "DeleteObject",
        Method::POST if has("uploads") => "CreateMultipartUpload",
        Method::POST if has("uploadId") => "CompleteMultipartUpload",
        _ => "Unknown",
    }
}

/// A path's segment without its `%XX`.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut position = 0;
    while position < bytes.len() {
        let escape = text
            .get(position + 1..position + 3)
            .filter(|_| bytes[position] == b'%')
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escape {
            Some(byte) => {
                plain.push(byte);
                position += 3;
            }
            None => {
                plain.push(bytes[position]);
                position += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(method: &str, uri: &str, copies: bool) -> (String, serde_json::Value) {
        let mut request = http::Request::builder().method(method).uri(uri);
        if copies {
            request = request.header("x-amz-copy-source", "b/k");
        }
        describe(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_method_that_s3_does_not_know_is_unknown() {
        assert_eq!(name("PATCH", "/b/k", false).0, "Unknown");
        assert_eq!(name("POST", "/", false).0, "Unknown");
    }

    #[test]
    fn operations_are_told_apart_by_method_query_and_headers() {
        let cases = [
            ("GET", "/?x-id=ListBuckets", false, "ListBuckets"),
            ("PUT", "/b", false, "CreateBucket"),
            ("PUT", "/b?versioning", false, "PutBucketVersioning"),
            ("GET", "/b/?list-type=2&prefix=a", false, "ListObjectsV2"),
            ("GET", "/b?prefix=a", false, "ListObjects"),
            ("POST", "/b?delete", false, "DeleteObjects"),
            ("PUT", "/b/k?x-id=PutObject", false, "PutObject"),
            ("PUT", "/b/k", true, "CopyObject"),
            ("PUT", "/b/k?partNumber=1&uploadId=u", false, "UploadPart"),
            ("POST", "/b/k?uploadId=u", false, "CompleteMultipartUpload"),
            ("HEAD", "/b/k", false, "HeadObject"),
        ];
        for (method, uri, copies, expected) in cases {
            assert_eq!(name(method, uri, copies).0, expected, "{method} {uri}");
        }
        assert_eq!(
            name("GET", "/b/state/p%20q%25.json", false).1,
            json!({"Bucket": "b", "Key": "state/p q%.json"})
        );
    }
}
