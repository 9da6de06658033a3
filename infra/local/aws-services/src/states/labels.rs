//! What is answered about a Map state's `Label` that cannot be one. `machines` calls it.
//!
//! The recordings that the conformance suite has of this refusal are worded unlike every other: as the representation of an
//! error's arguments, with the whole definition behind it. The letter that is wrong is in it all the same.

use states_language::Diagnostic;

use crate::failure::ServiceError;

/// The refusal, if the first problem of a definition is a label.
pub(super) fn refused(definition: &str, diagnostics: &[Diagnostic]) -> Option<ServiceError> {
    let first = diagnostics.first()?;
    if !first.location.ends_with("/Label") || !first.message.starts_with("Label ") {
        return None;
    }
    Some(ServiceError::new(
        "InvalidDefinition",
        format!(
            "Error=ValueError Args=[{}] in definition '{definition}'.",
            quoted(&first.message)
        ),
    ))
}

/// In double quotes if there are single ones in it, else in single quotes.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\");
    match (text.contains('\''), text.contains('"')) {
        (true, false) => format!("\"{escaped}\""),
        _ => format!("'{}'", escaped.replace('\'', "\\'")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use states_language::diagnose;

    use super::*;

    fn refusal(label: &str) -> String {
        let definition = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "Label": label, "End": true, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}},
        }}}})
        .to_string();
        let refused = refused(&definition, &diagnose(&definition)).expect("it is refused");
        let (reason, rest) = refused
            .message
            .split_once(" in definition ")
            .expect("it has the definition");
        assert_eq!(rest, format!("'{definition}'."));
        reason.to_owned()
    }

    #[test]
    fn names_the_letter_that_is_wrong() {
        for (label, reason) in [
            ("", "['Label cannot be empty']"),
            ("a b", "[\"Label contains invalid character: ' '\"]"),
            ("a\t", "[\"Label contains invalid character: '\\\\t'\"]"),
            (
                "a\u{7f}",
                "[\"Label contains invalid character: '\\\\x7f'\"]",
            ),
            ("a\\", "[\"Label contains invalid character: '\\\\\\\\'\"]"),
            ("a\"", "['Label contains invalid character: \\'\"\\'']"),
        ] {
            assert_eq!(refusal(label), format!("Error=ValueError Args={reason}"));
        }
    }
}
