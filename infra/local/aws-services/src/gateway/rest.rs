//! REST with JSON bodies: the action is in method and path. The scheduler and Lambda speak it and read their own paths.

use http::StatusCode;
use serde_json::{Map, Value};

use super::Reply;
use crate::failure::ServiceError;

const CONTENT_TYPE: &str = "application/json";

pub(super) fn success(output: &Value) -> Reply {
    let body = match output {
        Value::Null => "{}".to_owned(),
        other => other.to_string(),
    };
    Reply::new(StatusCode::OK, CONTENT_TYPE, body)
}

pub(super) fn failure(error: &ServiceError) -> Reply {
    let mut document = Map::new();
    document.insert("Message".to_owned(), Value::from(error.message.as_str()));
    document.insert("Code".to_owned(), Value::from(error.code.as_str()));
    document.extend(error.details.clone());
    let body = Value::Object(document).to_string();
    Reply::new(error.status, CONTENT_TYPE, body).with_header("x-amzn-errortype", &error.code)
}

/// A piece of a path, with `%3A` and the like read back.
pub(crate) fn percent_decoded(piece: &str) -> String {
    // A form decodes percent signs too, but reads `+` and `&` in ways of its own; in a path they stand for themselves.
    let piece = piece.replace('+', "%2B").replace('&', "%26");
    url::form_urlencoded::parse(format!("piece={piece}").as_bytes())
        .map(|(_, value)| value.into_owned())
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_decoded_and_everything_else_is_kept() {
        assert_eq!(
            percent_decoded("gr%C3%B6%C3%9Fe%2F1+2&3=4%"),
            "größe/1+2&3=4%"
        );
    }
}
