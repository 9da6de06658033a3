//! The S3 integration of tasks (`aws-sdk:s3:…`): the actions that state machines need, in the SDK's JSON shapes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::failure::ServiceError;
use crate::s3::{Attributes, Condition, ListRequest, ObjectHead, PutOptions, ReadConditions, S3};

/// Carries out one action, named as AWS names it.
pub(super) async fn call(s3: &S3, action: &str, input: &Value) -> Result<Value, ServiceError> {
    match action {
        "ListObjectsV2" => list(s3, input).await,
        "HeadObject" => head(s3, input).await,
        "GetObject" => get(s3, input).await,
        "PutObject" => put(s3, input).await,
        "DeleteObject" => delete(s3, input).await,
        "CopyObject" => copy(s3, input).await,
        _ => Err(ServiceError::unsupported_action("s3", action)),
    }
}

fn known(action: &str, input: &Value, members: &[&str]) -> Result<(), ServiceError> {
    let given = input
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::keys);
    match given
        .into_iter()
        .find(|member| !members.contains(&member.as_str()))
    {
        Some(member) => Err(ServiceError::unsupported_parameter(action, member)),
        None => Ok(()),
    }
}

fn text<'a>(input: &'a Value, member: &str) -> Result<&'a str, ServiceError> {
    input[member]
        .as_str()
        .ok_or_else(|| ServiceError::validation(format!("the parameter {member} must be a string")))
}

fn condition(input: &Value) -> Result<Condition, ServiceError> {
    match (input["IfNoneMatch"].as_str(), input["IfMatch"].as_str()) {
        (None, None) => Ok(Condition::default()),
        (Some("*"), None) => Ok(Condition::IfAbsent),
        (None, Some(etag)) => Ok(Condition::IfMatch(etag.trim_matches('"').to_owned())),
        _ => Err(ServiceError::validation(
            "IfNoneMatch takes * only, and not together with IfMatch",
        )),
    }
}

async fn list(s3: &S3, input: &Value) -> Result<Value, ServiceError> {
    known(
        "ListObjectsV2",
        input,
        &[
            "Bucket",
            "Prefix",
            "Delimiter",
            "MaxKeys",
            "StartAfter",
            "ContinuationToken",
        ],
    )?;
    let bucket = text(input, "Bucket")?;
    let optional = |member: &str| input[member].as_str().unwrap_or_default().to_owned();
    let after = input["ContinuationToken"]
        .as_str()
        .or(input["StartAfter"].as_str());
    let request = ListRequest {
        prefix: optional("Prefix"),
        delimiter: optional("Delimiter"),
        after: after.map(str::to_owned),
        limit: input["MaxKeys"]
            .as_u64()
            .and_then(|limit| usize::try_from(limit).ok()),
    };
    let listing = s3.list(bucket, &request).await?;
    let mut answer = json!({
        "Name": bucket,
        "Prefix": request.prefix,
        "MaxKeys": request.limit.unwrap_or(1000),
        "KeyCount": listing.objects.len() + listing.common_prefixes.len(),
        "IsTruncated": listing.next.is_some(),
    });
    if !request.delimiter.is_empty() {
        answer["Delimiter"] = request.delimiter.into();
    }
    if !listing.objects.is_empty() {
        let contents = listing.objects.iter().map(|object| {
            json!({
                "Key": object.key,
                "Size": object.size,
                "ETag": format!("\"{}\"", object.etag),
                "LastModified": object.last_modified,
                "StorageClass": "STANDARD",
            })
        });
        answer["Contents"] = contents.collect();
    }
    if !listing.common_prefixes.is_empty() {
        let prefixes = listing
            .common_prefixes
            .iter()
            .map(|prefix| json!({"Prefix": prefix}));
        answer["CommonPrefixes"] = prefixes.collect();
    }
    if let Some(next) = listing.next {
        answer["NextContinuationToken"] = next.into();
    }
    Ok(answer)
}

async fn head(s3: &S3, input: &Value) -> Result<Value, ServiceError> {
    known("HeadObject", input, &["Bucket", "Key"])?;
    let head = s3.head(text(input, "Bucket")?, text(input, "Key")?).await?;
    Ok(described(&head).into())
}

/// What is told of an object, in the SDK's order.
fn described(head: &ObjectHead) -> Map<String, Value> {
    let attributes = &head.attributes;
    let mut told = Map::new();
    let mut tell = |member: &str, value: Value| {
        told.insert(member.to_owned(), value);
    };
    tell("AcceptRanges", "bytes".into());
    for (member, value) in [
        ("CacheControl", &attributes.cache_control),
        ("ContentDisposition", &attributes.content_disposition),
        ("ContentEncoding", &attributes.content_encoding),
        ("ContentLanguage", &attributes.content_language),
    ] {
        if let Some(value) = value {
            tell(member, value.as_str().into());
        }
    }
    tell("ContentLength", head.size.into());
    let content_type = attributes.content_type.as_deref();
    tell(
        "ContentType",
        content_type.unwrap_or("binary/octet-stream").into(),
    );
    tell("ETag", format!("\"{}\"", head.etag).into());
    tell("LastModified", json!(head.last_modified));
    tell("Metadata", json!(attributes.metadata));
    tell("ServerSideEncryption", encryption(head).into());
    if let Some(class) = &attributes.storage_class {
        tell("StorageClass", class.as_str().into());
    }
    told
}

/// S3 encrypts everything, with its own keys unless it is told otherwise.
fn encryption(head: &ObjectHead) -> &str {
    let asked = head.attributes.server_side_encryption.as_deref();
    asked.unwrap_or("AES256")
}

async fn get(s3: &S3, input: &Value) -> Result<Value, ServiceError> {
    known("GetObject", input, &["Bucket", "Key"])?;
    let object = s3.get(text(input, "Bucket")?, text(input, "Key")?).await?;
    let head = object.head.clone();
    let bytes = object.into_bytes()?;
    let mut told = described(&head);
    told.shift_insert(1, "Body".to_owned(), String::from_utf8_lossy(&bytes).into());
    Ok(told.into())
}

async fn put(s3: &S3, input: &Value) -> Result<Value, ServiceError> {
    known(
        "PutObject",
        input,
        &[
            "Bucket",
            "Key",
            "Body",
            "CacheControl",
            "ContentDisposition",
            "ContentEncoding",
            "ContentLanguage",
            "ContentType",
            "IfNoneMatch",
            "IfMatch",
            "Metadata",
        ],
    )?;
    // A body that is not text is written as the JSON that it is.
    let body = match &input["Body"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let given = |member: &str| input[member].as_str().map(str::to_owned);
    let attributes = Attributes {
        cache_control: given("CacheControl"),
        content_disposition: given("ContentDisposition"),
        content_encoding: given("ContentEncoding"),
        content_language: given("ContentLanguage"),
        content_type: given("ContentType"),
        metadata: metadata(input)?,
        ..Attributes::default()
    };
    let options = PutOptions {
        condition: condition(input)?,
        attributes,
    };
    let head = s3
        .put(text(input, "Bucket")?, text(input, "Key")?, body, options)
        .await?;
    Ok(json!({
        "ETag": format!("\"{}\"", head.etag),
        "ServerSideEncryption": encryption(&head),
    }))
}

fn metadata(input: &Value) -> Result<BTreeMap<String, String>, ServiceError> {
    let refused =
        || ServiceError::validation("the parameter Metadata must be an object of strings");
    match &input["Metadata"] {
        Value::Null => Ok(BTreeMap::new()),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let value = value.as_str().ok_or_else(refused)?;
                Ok((name.to_lowercase(), value.to_owned()))
            })
            .collect(),
        _ => Err(refused()),
    }
}

async fn delete(s3: &S3, input: &Value) -> Result<Value, ServiceError> {
    known("DeleteObject", input, &["Bucket", "Key", "IfMatch"])?;
    s3.delete(
        text(input, "Bucket")?,
        text(input, "Key")?,
        &condition(input)?,
    )
    .await?;
    Ok(json!({}))
}

async fn copy(s3: &S3, input: &Value) -> Result<Value, ServiceError> {
    known("CopyObject", input, &["Bucket", "Key", "CopySource"])?;
    let source = text(input, "CopySource")?.trim_start_matches('/');
    let Some(source) = source.split_once('/') else {
        return Err(ServiceError::validation("CopySource must be bucket/key"));
    };
    let target = (text(input, "Bucket")?, text(input, "Key")?);
    let head = s3
        .copy(
            source,
            target,
            &ReadConditions::default(),
            None,
            Condition::default(),
        )
        .await?;
    Ok(
        json!({"CopyObjectResult": {"ETag": format!("\"{}\"", head.etag), "LastModified": head.last_modified}}),
    )
}
