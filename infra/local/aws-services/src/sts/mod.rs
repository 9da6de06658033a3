//! GetCallerIdentity, which SDK users call first to see whether their credentials work. The gateway calls it.

use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::ServiceError;

pub(crate) fn call(
    context: &Context,
    action: &str,
    access_key: &str,
) -> Result<Value, ServiceError> {
    match action {
        "GetCallerIdentity" => Ok(json!({
            "Arn": format!("arn:aws:iam::{}:root", context.account),
            "UserId": if access_key.is_empty() { &context.account } else { access_key },
            "Account": context.account,
        })),
        other => Err(ServiceError::unsupported_action("sts", other)),
    }
}
