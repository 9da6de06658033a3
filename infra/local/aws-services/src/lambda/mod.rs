//! The Lambda API over whoever runs the functions, and what is known about each function. The gateway calls [`read`] and
//! [`answer`]; Step Functions calls [`Lambda::invoke`]; the embedded runtime registers functions.
//!
//! * [`description`]: what is known about a function. * [`invoke`]: the Invoke action.

mod description;
mod invoke;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::failure::{ServiceError, StartError};
use crate::function_invoker::{
    Custody, FunctionInvoker, Invocation, InvocationOutcome, InvokeError,
};
use crate::gateway::Reply;
use crate::interceptor::Call;
use crate::observer::Occurrence;

pub use description::FunctionDescription;
pub(crate) use invoke::{FunctionName, accept_event, refusal};

const FUNCTIONS: &str = "/2015-03-31/functions";

/// The functions of the account. They are registered anew by each process, from the template.
pub struct Lambda {
    context: Context,
    invoker: Arc<dyn FunctionInvoker>,
    functions: Mutex<BTreeMap<String, FunctionDescription>>,
}

impl Lambda {
    pub(crate) fn open(
        context: &Context,
        invoker: Arc<dyn FunctionInvoker>,
    ) -> Result<Arc<Self>, StartError> {
        Ok(Arc::new(Self {
            context: context.clone(),
            invoker,
            functions: Mutex::default(),
        }))
    }

    /// Makes a function known, or known anew.
    pub fn register(&self, description: FunctionDescription) {
        self.functions
            .lock()
            .insert(description.name.clone(), description);
    }

    /// Makes a function unknown.
    pub fn deregister(&self, name: &str) {
        self.functions.lock().remove(name);
    }

    /// All functions, by name.
    pub fn functions(&self) -> Vec<FunctionDescription> {
        self.functions.lock().values().cloned().collect()
    }

    /// The ARN of a function, without qualifier.
    pub fn arn(&self, name: &str) -> String {
        self.context.arn("lambda", &format!("function:{name}"))
    }

    /// Runs a function to its end, under the caller's guard.
    pub async fn invoke(
        &self,
        invocation: Invocation,
        custody: &mut Custody,
    ) -> Result<InvocationOutcome, InvokeError> {
        let version = {
            let functions = self.functions.lock();
            functions
                .get(&invocation.function_name)
                .and_then(|function| function.version_for(invocation.qualifier.as_deref()))
        };
        let Some(version) = version else {
            let name = FunctionName {
                name: invocation.function_name,
                qualifier: invocation.qualifier,
            };
            return Err(InvokeError::NotFound(self.qualified_arn(&name)));
        };
        let function_name = invocation.function_name.clone();
        let mut outcome = self.invoker.invoke(invocation, custody).await?;
        if outcome.executed_version.is_empty() {
            outcome.executed_version = version;
        }
        let millis =
            |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.context.observe(Occurrence::FunctionInvoked {
            function_name,
            duration_millis: millis(outcome.duration),
            init_millis: outcome.init_duration.map(millis),
            max_memory_bytes: outcome.max_memory_bytes,
            error: outcome
                .error
                .as_ref()
                .map(|error| format!("{}: {}", error.error_type, error.error_message)),
            log_tail: outcome.log_tail.clone(),
        });
        Ok(outcome)
    }

    pub(crate) fn qualified_arn(&self, name: &FunctionName) -> String {
        match &name.qualifier {
            Some(qualifier) => format!("{}:{qualifier}", self.arn(&name.name)),
            None => self.arn(&name.name),
        }
    }

    /// The function, and the version or alias, that a request names.
    pub(crate) fn find(
        &self,
        request: &Value,
    ) -> Result<(FunctionDescription, Option<String>), ServiceError> {
        let name = FunctionName::of_request(request)?;
        let function = self.functions.lock().get(&name.name).cloned();
        match function {
            Some(function) if function.version_for(name.qualifier.as_deref()).is_some() => {
                Ok((function, name.qualifier))
            }
            _ => Err(not_found(&self.qualified_arn(&name))),
        }
    }

    /// Answers the actions that only look.
    pub(crate) fn describe(&self, action: &str, request: &Value) -> Result<Value, ServiceError> {
        match action {
            "ListFunctions" => self.list(request),
            "GetFunction" => {
                let (function, qualifier) = self.find(request)?;
                Ok(json!({
                    "Configuration": function.configuration(&self.arn(&function.name), qualifier.as_deref()),
                    "Code": {"RepositoryType": "S3", "Location": ""},
                    "Tags": {},
                }))
            }
            "GetFunctionConfiguration" => {
                let (function, qualifier) = self.find(request)?;
                Ok(function.configuration(&self.arn(&function.name), qualifier.as_deref()))
            }
            other => Err(ServiceError::unsupported_action("lambda", other)),
        }
    }

    fn list(&self, request: &Value) -> Result<Value, ServiceError> {
        let after = request
            .get("Marker")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let limit = match request.get("MaxItems").and_then(Value::as_str) {
            None => 50,
            Some(text) => match text.parse::<usize>() {
                Ok(limit) if (1..=10_000).contains(&limit) => limit.min(50),
                _ => {
                    return Err(invalid_parameter(&format!(
                        "1 validation error detected: Value '{text}' at 'maxItems' failed to satisfy constraint"
                    )));
                }
            },
        };
        let functions = self.functions.lock();
        let mut page: Vec<&FunctionDescription> = functions
            .values()
            .filter(|function| function.name.as_str() > after)
            .take(limit + 1)
            .collect();
        let more = page.len() > limit;
        page.truncate(limit);
        let mut answer = Map::new();
        if more {
            answer.insert(
                "NextMarker".into(),
                page.last().map(|last| last.name.as_str()).into(),
            );
        }
        let configurations: Vec<Value> = page
            .into_iter()
            .map(|function| function.configuration(&self.arn(&function.name), None))
            .collect();
        answer.insert("Functions".into(), configurations.into());
        Ok(answer.into())
    }
}

/// Finds action and members of a request; an Invoke keeps its payload in the body.
pub(crate) fn read(parts: &Parts, _body: &Bytes) -> Result<(String, Value), ServiceError> {
    let mut members = Map::new();
    for (name, value) in
        url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
    {
        members.insert(name.into_owned(), value.into_owned().into());
    }
    let path = parts.uri.path();
    let rest = path.strip_prefix(FUNCTIONS).unwrap_or_default();
    let segments: Vec<&str> = rest
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let (action, name) = match (parts.method.as_str(), segments.as_slice()) {
        ("GET", []) if path.starts_with(FUNCTIONS) => ("ListFunctions", None),
        ("GET", [name]) => ("GetFunction", Some(*name)),
        ("GET", [name, "configuration"]) => ("GetFunctionConfiguration", Some(*name)),
        ("POST", [name, "invocations"]) => ("Invoke", Some(*name)),
        (method, _) => {
            return Err(ServiceError::unsupported_action(
                "lambda",
                &format!("{method} {path}"),
            ));
        }
    };
    if let Some(name) = name {
        let decoded = crate::gateway::percent_decoded(name);
        members.insert("FunctionName".into(), decoded.into());
    }
    for (header, member) in [
        ("x-amz-invocation-type", "InvocationType"),
        ("x-amz-log-type", "LogType"),
        ("x-amz-client-context", "ClientContext"),
    ] {
        if let Some(value) = parts
            .headers
            .get(header)
            .and_then(|value| value.to_str().ok())
        {
            members.insert(member.into(), value.into());
        }
    }
    Ok((action.to_owned(), members.into()))
}

/// Answers one request.
pub(crate) async fn answer(
    lambda: &Arc<Lambda>,
    call: &Call,
    body: Bytes,
    custody: &mut Custody,
) -> Result<Reply, ServiceError> {
    let document = match call.action.as_str() {
        "Invoke" => return invoke::answer(lambda, &call.request, body, custody).await,
        action => lambda.describe(action, &call.request)?,
    };
    Ok(Reply::new(
        StatusCode::OK,
        "application/json",
        document.to_string(),
    ))
}

pub(crate) fn not_found(arn: &str) -> ServiceError {
    ServiceError::new(
        "ResourceNotFoundException",
        format!("Function not found: {arn}"),
    )
    .with_status(StatusCode::NOT_FOUND)
    .with_detail("Type", "User")
}

fn invalid_parameter(message: &str) -> ServiceError {
    ServiceError::new("InvalidParameterValueException", message).with_detail("Type", "User")
}
