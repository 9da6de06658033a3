//! AWS JSON 1.0 and 1.1: the action is in `X-Amz-Target`, members are in a JSON object. Step Functions, EMR and
//! EventBridge speak it.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::Reply;
use crate::failure::ServiceError;

pub(super) const VERSION_1_0: &str = "application/x-amz-json-1.0";
pub(super) const VERSION_1_1: &str = "application/x-amz-json-1.1";

pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Result<(String, Value), ServiceError> {
    let target = headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok());
    let Some((_, action)) = target.and_then(|target| target.split_once('.')) else {
        return Err(ServiceError::new(
            "UnknownOperationException",
            "the header X-Amz-Target is missing or names no action",
        ));
    };
    Ok((action.to_owned(), object(body)?))
}

/// The members of a JSON body; an empty body has none.
pub(super) fn object(body: &Bytes) -> Result<Value, ServiceError> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(Value::Object(members)),
        Ok(_) => Err(malformed("the body is not a JSON object")),
        Err(error) => Err(malformed(&error.to_string())),
    }
}

fn malformed(message: &str) -> ServiceError {
    ServiceError::new("SerializationException", message)
}

pub(super) fn success(content_type: &'static str, output: &Value) -> Reply {
    // Actions without an answer, such as DeleteRule, send an empty body in JSON 1.1 and `{}` in 1.0.
    let body = match output {
        Value::Null if content_type == VERSION_1_1 => Vec::new(),
        Value::Null => b"{}".to_vec(),
        other => other.to_string().into_bytes(),
    };
    Reply::new(StatusCode::OK, content_type, body)
}

pub(super) fn failure(content_type: &'static str, error: &ServiceError) -> Reply {
    let mut document = Map::new();
    document.insert("__type".to_owned(), Value::from(error.code.as_str()));
    document.insert("message".to_owned(), Value::from(error.message.as_str()));
    document.extend(error.details.clone());
    let body = Value::Object(document).to_string();
    Reply::new(error.status, content_type, body).with_header("x-amzn-errortype", &error.code)
}
