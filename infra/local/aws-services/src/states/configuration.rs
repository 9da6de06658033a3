//! Logging, tracing and encryption of state machines and activities: checked as AWS checks them, kept and shown. Nothing is
//! logged, traced or encrypted here.

use serde_json::{Map, Value, json};

use crate::failure::ServiceError;

/// The configurations of a request, as they were given.
pub(super) fn read(input: &Value) -> Result<Map<String, Value>, ServiceError> {
    let mut settings = Map::new();
    let given = |name: &str| input.get(name).filter(|value| !value.is_null()).cloned();
    if let Some(mut logging) = given("loggingConfiguration") {
        check_logging(&logging)?;
        if let Some(logging) = logging.as_object_mut() {
            logging.entry("level").or_insert_with(|| "OFF".into());
            logging
                .entry("includeExecutionData")
                .or_insert_with(|| false.into());
        }
        settings.insert("loggingConfiguration".to_owned(), logging);
    }
    if let Some(tracing) = given("tracingConfiguration") {
        let enabled = tracing["enabled"] == json!(true);
        settings.insert(
            "tracingConfiguration".to_owned(),
            json!({"enabled": enabled}),
        );
    }
    if let Some(encryption) = read_encryption(input)? {
        settings.insert("encryptionConfiguration".to_owned(), encryption);
    }
    Ok(settings)
}

/// `encryptionConfiguration` alone, as activities have it.
pub(super) fn read_encryption(input: &Value) -> Result<Option<Value>, ServiceError> {
    let Some(encryption) = input
        .get("encryptionConfiguration")
        .filter(|value| !value.is_null())
    else {
        return Ok(None);
    };
    let invalid = |reason: &str| {
        ServiceError::new(
            "InvalidEncryptionConfiguration",
            format!("Invalid Encryption Configuration: '{reason}'"),
        )
    };
    let own_key = encryption["type"] == "CUSTOMER_MANAGED_KMS_KEY";
    let mut encryption = encryption.clone();
    if own_key && encryption["kmsKeyId"].is_null() {
        return Err(invalid(
            "kmsKeyId must be provided for the type CUSTOMER_MANAGED_KMS_KEY",
        ));
    }
    if !own_key
        && (!encryption["kmsKeyId"].is_null()
            || !encryption["kmsDataKeyReusePeriodSeconds"].is_null())
    {
        return Err(invalid(
            "kmsKeyId and kmsDataKeyReusePeriodSeconds must not be provided for the type AWS_OWNED_KEY",
        ));
    }
    if let Some(members) = encryption.as_object_mut().filter(|_| own_key) {
        members
            .entry("kmsDataKeyReusePeriodSeconds")
            .or_insert_with(|| 300.into());
    }
    Ok(Some(encryption))
}

/// Adds the configurations to a description, with AWS's own where none was given.
pub(super) fn show(settings: &Map<String, Value>, answer: &mut Value) {
    answer["loggingConfiguration"] = json!({"level": "OFF", "includeExecutionData": false});
    answer["tracingConfiguration"] = json!({"enabled": false});
    for (name, value) in settings {
        answer[name] = value.clone();
    }
}

fn check_logging(logging: &Value) -> Result<(), ServiceError> {
    let invalid = |reason: String| {
        ServiceError::new(
            "InvalidLoggingConfiguration",
            format!("Invalid Logging Configuration: {reason}"),
        )
    };
    let destinations = logging["destinations"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let off = matches!(logging["level"].as_str(), None | Some("OFF"));
    if destinations.is_empty() && off {
        return Ok(());
    }
    let [destination] = destinations else {
        return Err(invalid(
            "Must specify exactly one Log Destination.".to_owned(),
        ));
    };
    let group = destination["cloudWatchLogsLogGroup"]["logGroupArn"]
        .as_str()
        .unwrap_or_default();
    let parts: Vec<&str> = group.split(':').collect();
    let is_group = matches!(parts.as_slice(), ["arn", _, "logs", _, _, "log-group", name, "*"] if !name.is_empty());
    if is_group {
        Ok(())
    } else {
        Err(invalid(
            "Log Destination is not a valid CloudWatch Logs Log Group ARN that ends in :*."
                .to_owned(),
        ))
    }
}
