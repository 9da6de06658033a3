//! ARNs of state machines and executions, and what a name may hold. Used throughout `states`.

use crate::failure::ServiceError;

/// The longest name that AWS takes.
const LONGEST: usize = 80;

/// Refuses a name that AWS refuses.
pub(super) fn check(name: &str) -> Result<(), ServiceError> {
    let forbidden = |character: char| {
        character.is_whitespace()
            || character.is_control()
            || matches!(
                character,
                '<' | '>'
                    | '{'
                    | '}'
                    | '['
                    | ']'
                    | '?'
                    | '*'
                    | '"'
                    | '#'
                    | '%'
                    | '\\'
                    | '^'
                    | '|'
                    | '~'
                    | '`'
                    | '$'
                    | '&'
                    | ','
                    | ';'
                    | ':'
                    | '/'
            )
            || ('\u{7f}'..='\u{9f}').contains(&character)
    };
    if name.is_empty() || name.chars().count() > LONGEST || name.chars().any(forbidden) {
        return Err(ServiceError::new(
            "InvalidName",
            format!("Invalid Name: '{name}'"),
        ));
    }
    Ok(())
}

/// Refuses an ARN that is not one of Step Functions' own, of that kind.
pub(super) fn check_arn(arn: &str, kind: &str) -> Result<(), ServiceError> {
    let parts: Vec<&str> = arn.split(':').collect();
    let long_enough = if kind == "execution" {
        parts.len() == 8
    } else {
        parts.len() >= 7
    };
    if !long_enough || parts[0] != "arn" || parts[2] != "states" || parts[5] != kind {
        let reason = match parts.get(5) {
            Some(found) if parts[0] == "arn" => {
                format!("Resource type not valid in this context: {found}")
            }
            _ => format!("Invalid ARN prefix: {arn}"),
        };
        return Err(ServiceError::new(
            "InvalidArn",
            format!("Invalid Arn: '{reason}'"),
        ));
    }
    Ok(())
}

/// The ARN without the alias or version behind the state machine's name.
pub(super) fn unqualified(arn: &str) -> &str {
    match arn.match_indices(':').nth(6) {
        Some((end, _)) => &arn[..end],
        None => arn,
    }
}

/// `arn:…:execution:<machine>:<name>` for an execution of that state machine.
pub(super) fn execution_arn(machine_arn: &str, name: &str) -> String {
    format!(
        "{}:{name}",
        unqualified(machine_arn).replacen(":stateMachine:", ":execution:", 1)
    )
}
