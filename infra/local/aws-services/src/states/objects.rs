//! The S3 integration of tasks (`aws-sdk:s3:…`): the actions that state machines need, in the SDK's JSON shapes.

use serde_json::{Value, json};

use crate::failure::ServiceError;
use crate::s3::{Condition, ListRequest, PutOptions, ReadConditions, S3};

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
    Ok(json!({
        "ContentLength": head.size,
        "ETag": format!("\"{}\"", head.etag),
        "LastModified": head.last_modified,
    }))
}

async fn get(s3: &S3, input: &Value) -> Result<Value, ServiceError> {
    known("GetObject", input, &["Bucket", "Key"])?;
    let object = s3.get(text(input, "Bucket")?, text(input, "Key")?).await?;
    let head = object.head.clone();
    let bytes = object.into_bytes()?;
    Ok(json!({
        "Body": String::from_utf8_lossy(&bytes),
        "ContentLength": head.size,
        "ETag": format!("\"{}\"", head.etag),
        "LastModified": head.last_modified,
    }))
}

async fn put(s3: &S3, input: &Value) -> Result<Value, ServiceError> {
    known(
        "PutObject",
        input,
        &[
            "Bucket",
            "Key",
            "Body",
            "ContentType",
            "IfNoneMatch",
            "IfMatch",
        ],
    )?;
    // A body that is not text is written as the JSON that it is.
    let body = match &input["Body"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let options = PutOptions::when(condition(input)?);
    let head = s3
        .put(text(input, "Bucket")?, text(input, "Key")?, body, options)
        .await?;
    Ok(json!({"ETag": format!("\"{}\"", head.etag)}))
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
