//! The Query protocol: members in a form, answers in XML. SNS and STS speak it. Also the XML in which S3 answers errors.

use std::fmt::Write;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value};

use super::Reply;
use crate::failure::ServiceError;

const CONTENT_TYPE: &str = "text/xml";

/// Reads the form in body and query string. `Tags.member.1.Key=a` becomes `{"Tags": [{"Key": "a"}]}`, and
/// `Attributes.entry.1.key=a&Attributes.entry.1.value=b` becomes `{"Attributes": {"a": "b"}}`; all leaves are text.
pub(super) fn read(query: Option<&str>, body: &Bytes) -> Result<(String, Value), ServiceError> {
    let mut action = None;
    let mut members = Map::new();
    let fields = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    for (name, value) in fields.chain(url::form_urlencoded::parse(body)) {
        match name.as_ref() {
            "Action" => action = Some(value.into_owned()),
            "Version" => {}
            name if name.starts_with("X-Amz-") => {}
            name => insert(
                &mut members,
                &name.split('.').collect::<Vec<_>>(),
                value.into_owned(),
            ),
        }
    }
    match action {
        Some(action) => Ok((
            action,
            Value::Object(members.into_iter().map(gathered).collect()),
        )),
        None => Err(ServiceError::new(
            "MissingAction",
            "the request names no Action",
        )),
    }
}

fn insert(members: &mut Map<String, Value>, path: &[&str], value: String) {
    match path {
        [] => {}
        [last] => {
            members.insert((*last).to_owned(), Value::String(value));
        }
        [first, rest @ ..] => {
            let inner = members
                .entry(*first)
                .or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// Turns `{"member": {"1": …}}` into a list and `{"entry": {"1": {"key", "value"}}}` into an object, all the way down.
fn gathered((name, value): (String, Value)) -> (String, Value) {
    let Value::Object(members) = value else {
        return (name, value);
    };
    let single = (members.len() == 1)
        .then(|| members.iter().next())
        .flatten();
    let gathered_value = match single {
        Some((kind, Value::Object(numbered))) if kind == "member" => {
            Value::Array(in_order(numbered))
        }
        Some((kind, Value::Object(numbered))) if kind == "entry" => {
            let mut entries = Map::new();
            for entry in in_order(numbered) {
                let key = entry
                    .get("key")
                    .or_else(|| entry.get("Name"))
                    .and_then(Value::as_str);
                let value = entry.get("value").or_else(|| entry.get("Value"));
                if let Some(key) = key {
                    entries.insert(key.to_owned(), value.cloned().unwrap_or(Value::Null));
                }
            }
            Value::Object(entries)
        }
        _ => Value::Object(members.into_iter().map(gathered).collect()),
    };
    (name, gathered_value)
}

fn in_order(numbered: &Map<String, Value>) -> Vec<Value> {
    let mut items: Vec<(u64, Value)> = numbered
        .iter()
        .map(|(number, value)| {
            let (_, value) = gathered((String::new(), value.clone()));
            (number.parse().unwrap_or(u64::MAX), value)
        })
        .collect();
    items.sort_by_key(|(number, _)| *number);
    items.into_iter().map(|(_, value)| value).collect()
}

pub(super) fn success(namespace: &str, action: &str, output: &Value, request_id: &str) -> Reply {
    let mut text = format!("<{action}Response xmlns=\"{namespace}\">");
    if let Value::Object(members) = output {
        let _ = write!(text, "<{action}Result>");
        for (name, value) in members {
            element(&mut text, name, value);
        }
        let _ = write!(text, "</{action}Result>");
    }
    let _ = write!(
        text,
        "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
    );
    Reply::new(StatusCode::OK, CONTENT_TYPE, text)
}

fn element(text: &mut String, name: &str, value: &Value) {
    match value {
        Value::Null => return,
        _ => {
            let _ = write!(text, "<{name}>");
        }
    }
    match value {
        Value::Null => {}
        Value::String(value) => text.push_str(&escaped(value)),
        Value::Bool(_) | Value::Number(_) => {
            let _ = write!(text, "{value}");
        }
        Value::Array(items) => {
            for item in items {
                element(text, "member", item);
            }
        }
        // The one map in the answers of SNS; every other object is a structure.
        Value::Object(entries) if name == "Attributes" => {
            for (key, value) in entries {
                text.push_str("<entry>");
                element(text, "key", &Value::from(key.as_str()));
                element(text, "value", value);
                text.push_str("</entry>");
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                element(text, name, value);
            }
        }
    }
    let _ = write!(text, "</{name}>");
}

pub(super) fn failure(namespace: &str, error: &ServiceError, request_id: &str) -> Reply {
    let side = if error.status.is_server_error() {
        "Receiver"
    } else {
        "Sender"
    };
    let text = format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{side}</Type><Code>{}</Code><Message>{}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>",
        escaped(&error.code),
        escaped(&error.message)
    );
    Reply::new(error.status, CONTENT_TYPE, text)
}

/// An error in S3's form.
pub(super) fn object_failure(error: &ServiceError, request_id: &str) -> Reply {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>\
         <RequestId>{request_id}</RequestId></Error>",
        escaped(&error.code),
        escaped(&error.message)
    );
    Reply::new(error.status, "application/xml", text)
}

/// Text as XML carries it. A carriage return would be read as a line feed, so it is written as a reference.
fn escaped(text: &str) -> String {
    quick_xml::escape::escape(text).replace('\r', "&#13;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_without_an_action_is_refused() {
        let error = read(None, &Bytes::from_static(b"Name=x")).unwrap_err();
        assert_eq!(error.code, "MissingAction");
    }

    #[test]
    fn lists_and_maps_are_gathered_in_their_order() {
        let form = "Action=CreateTopic&Version=2010-03-31&Name=t&Tags.member.2.Key=b&Tags.member.1.Key=a\
                    &Attributes.entry.1.key=DisplayName&Attributes.entry.1.value=x+y";
        let (action, members) = read(None, &Bytes::from(form)).unwrap();
        assert_eq!(action, "CreateTopic");
        assert_eq!(
            members["Tags"],
            serde_json::json!([{"Key": "a"}, {"Key": "b"}])
        );
        assert_eq!(
            members["Attributes"],
            serde_json::json!({"DisplayName": "x y"})
        );
    }

    #[test]
    fn answers_escape_their_text() {
        let reply = success(
            "ns",
            "Publish",
            &serde_json::json!({"MessageId": "<1>\r\n"}),
            "id",
        );
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        assert!(
            text.contains("<MessageId>&lt;1&gt;&#13;\n</MessageId>"),
            "{text}"
        );
    }
}
