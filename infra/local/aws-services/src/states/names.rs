//! ARNs of state machines and executions, and what a name may hold. Used throughout `states`.

use crate::failure::ServiceError;

/// Refuses a name that AWS refuses. Its length has been checked with the request.
pub(super) fn check(name: &str) -> Result<(), ServiceError> {
    let forbidden = |letter: char| {
        letter.is_whitespace() || letter.is_control() || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(letter)
    };
    if name.is_empty() || name.chars().count() > 80 || name.chars().any(forbidden) {
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
    let invalid = |reason: String| {
        Err(ServiceError::new(
            "InvalidArn",
            format!("Invalid Arn: '{reason}'"),
        ))
    };
    if parts[0] != "arn" || parts.len() < 6 {
        return invalid(format!("Invalid ARN prefix: {arn}"));
    }
    if parts[2] != "states" {
        return invalid(format!("Service name should be states: {}", parts[2]));
    }
    if parts[5] != kind {
        return invalid(format!(
            "Resource type not valid in this context: {}",
            parts[5]
        ));
    }
    let complete = match kind {
        "execution" | "mapRun" => parts.len() == 8,
        "stateMachine" => matches!(parts.len(), 7 | 8),
        _ => parts.len() == 7,
    };
    if !complete || parts[6..].iter().any(|part| part.is_empty()) {
        return invalid(format!("Invalid ARN resource: {arn}"));
    }
    Ok(())
}

/// Refuses a role that is not the ARN of one.
pub(super) fn check_role(arn: &str) -> Result<(), ServiceError> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "iam", "", account, role]
            if role.starts_with("role/") && !account.is_empty() =>
        {
            Ok(())
        }
        _ => Err(ServiceError::new(
            "InvalidArn",
            format!("Invalid Role Arn: '{arn}'"),
        )),
    }
}

/// The ARN without the alias or version behind the state machine's name.
pub(super) fn unqualified(arn: &str) -> &str {
    match arn.match_indices(':').nth(6) {
        Some((end, _)) => &arn[..end],
        None => arn,
    }
}

/// The alias or version behind the state machine's name.
pub(super) fn qualifier(arn: &str) -> Option<&str> {
    arn.match_indices(':')
        .nth(6)
        .map(|(end, _)| &arn[end + 1..])
}

/// `arn:…:execution:<machine>:<name>` for an execution of that state machine.
pub(super) fn execution_arn(machine_arn: &str, name: &str) -> String {
    format!(
        "{}:{name}",
        unqualified(machine_arn).replacen(":stateMachine:", ":execution:", 1)
    )
}

/// `arn:…:express:<machine>:<name>:<id>` for an express execution of that state machine.
pub(super) fn express_arn(machine_arn: &str, name: &str, id: &str) -> String {
    format!(
        "{}:{name}:{id}",
        unqualified(machine_arn).replacen(":stateMachine:", ":express:", 1)
    )
}

/// The name of the state machine that an ARN, with or without a qualifier, is for.
pub(super) fn name_of(machine_arn: &str) -> &str {
    machine_arn.split(':').nth(6).unwrap_or(machine_arn)
}
