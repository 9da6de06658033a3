//! EC2's own kind of the Query protocol: lists are numbered members without a name of their own, answers are XML sets of items.
//! The gateway calls it.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::failure::ServiceError;

const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// How the SDKs name the members that the wire names otherwise.
const LISTS: [(&str, &str); 6] = [
    ("SubnetId", "SubnetIds"),
    ("VpcId", "VpcIds"),
    ("ResourceId", "Resources"),
    ("Tag", "Tags"),
    ("Filter", "Filters"),
    ("Value", "Values"),
];

/// A request's members as the SDKs have them: `{"SubnetId": {"1": "subnet-1"}}` becomes `{"SubnetIds": ["subnet-1"]}`.
pub(crate) fn members(form: Value) -> Value {
    let Value::Object(form) = form else {
        return form;
    };
    let mut members = Map::new();
    for (name, value) in form {
        match in_order(&value) {
            Some(items) => {
                let listed = LISTS.iter().find(|(wire, _)| *wire == name);
                let name = listed.map_or(name.as_str(), |(_, sdk)| sdk).to_owned();
                members.insert(name, items.into_iter().map(members_of_item).collect());
            }
            None => {
                members.insert(name, value);
            }
        }
    }
    Value::Object(members)
}

fn members_of_item(item: Value) -> Value {
    members(item)
}

/// The items of a numbered list; nothing if it is none.
fn in_order(value: &Value) -> Option<Vec<Value>> {
    let numbered = value.as_object().filter(|members| !members.is_empty())?;
    let mut items: Vec<(u32, Value)> = Vec::new();
    for (number, item) in numbered {
        items.push((number.parse().ok()?, item.clone()));
    }
    items.sort_by_key(|(number, _)| *number);
    Some(items.into_iter().map(|(_, item)| item).collect())
}

/// The XML of an answer.
pub(crate) fn answer(action: &str, output: &Value, request_id: &str) -> String {
    let mut text =
        format!("<{action}Response xmlns=\"{NAMESPACE}\"><requestId>{request_id}</requestId>");
    for (name, value) in output.as_object().into_iter().flatten() {
        element(&mut text, name, value);
    }
    let _ = write!(text, "</{action}Response>");
    text
}

/// The XML of an error.
pub(crate) fn failure(error: &ServiceError, request_id: &str) -> String {
    let escaped = quick_xml::escape::escape(error.message.as_str());
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{}</Code><Message>{escaped}</Message></Error></Errors><RequestID>{request_id}</RequestID></Response>",
        error.code
    )
}

fn element(text: &mut String, name: &str, value: &Value) {
    let mut lower = name.to_owned();
    lower[..1].make_ascii_lowercase();
    match value {
        Value::Array(items) => {
            // `Subnets` come as a `subnetSet`.
            let set = format!("{}Set", lower.trim_end_matches('s'));
            let _ = write!(text, "<{set}>");
            for item in items {
                text.push_str("<item>");
                for (name, value) in item.as_object().into_iter().flatten() {
                    element(text, name, value);
                }
                text.push_str("</item>");
            }
            let _ = write!(text, "</{set}>");
        }
        Value::String(value) => {
            let _ = write!(
                text,
                "<{lower}>{}</{lower}>",
                quick_xml::escape::escape(value.as_str())
            );
        }
        other => {
            let _ = write!(text, "<{lower}>{other}</{lower}>");
        }
    }
}
