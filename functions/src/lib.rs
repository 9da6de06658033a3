//! Everything that runs inside AWS Lambda: fifteen small functions that launch, watch, feed and end one EMR cluster, start and
//! watch state machines, keep the run's state in S3, and send mail. One binary (`main.rs`) serves all of them; the name of the
//! handler chooses.
//!
//! Each function's file has its request, response, errors, `handle` and tests:
//!
//! - the cluster: [`launch_emr`], [`status_emr`], [`check_duplicate_emr`], [`terminate_emr`]
//! - its workers: [`add_worker_instances_emr`], [`status_add_worker_instances_emr`]
//! - its steps: [`submit_cmd_run_step_emr`], [`status_step_emr`]
//! - child executions: [`check_duplicate_stepfunction`], [`submit_stepfunction`], [`status_stepfunction`]
//! - the run's state and lock: [`read_state_info_from_s3`], [`write_state_info_to_s3`], [`remove_state_info_from_s3`]
//! - mail: [`send_msg_sns`]
//!
//! [`shared`] has what several of them need: [`shared::errors`] lists every `errorType`, [`shared::config`] reads config.ini.
//!
//! Nothing here knows whether it runs on AWS or on the embedded runtime.

pub mod shared;

use serde_json::Value;

use crate::shared::input;

pub use crate::shared::clients::{Clients, Environment};
pub use crate::shared::errors::{ErrorType, FunctionFailure};
pub use crate::shared::http_client::{http_client, http_client_through_proxies};

macro_rules! handlers {
    ($($module:ident),+ $(,)?) => {
        $(pub mod $module;)+

        /// The handlers' names, as the template's `Handler` has them.
        pub const HANDLERS: &[&str] = &[$(stringify!($module)),+];

        /// Runs one function: what Lambda does with an event, for callers in process too.
        pub async fn invoke(name: &str, clients: &Clients, event: Value) -> Result<Value, FunctionFailure> {
            match name {
                $(stringify!($module) => {
                    let request: $module::Request = input::decode(event)?;
                    // Boxed, so that one function's state does not make every invocation's future as large as the largest.
                    let response: $module::Response = Box::pin($module::handle(clients, request)).await?;
                    output(response)
                })+
                _ => Err(FunctionFailure {
                    error_type: ErrorType::UnknownHandler,
                    message: format!("there is no handler {name:?}; there are {}", HANDLERS.join(", ")),
                }),
            }
        }
    };
}

handlers! {
    launch_emr,
    status_emr,
    check_duplicate_emr,
    terminate_emr,
    add_worker_instances_emr,
    status_add_worker_instances_emr,
    submit_cmd_run_step_emr,
    status_step_emr,
    check_duplicate_stepfunction,
    submit_stepfunction,
    status_stepfunction,
    read_state_info_from_s3,
    write_state_info_to_s3,
    remove_state_info_from_s3,
    send_msg_sns,
}

fn output(response: impl serde::Serialize) -> Result<Value, FunctionFailure> {
    serde_json::to_value(response).map_err(|error| FunctionFailure {
        error_type: ErrorType::ServiceError,
        message: format!("the response cannot be written as JSON: {error}"),
    })
}

#[cfg(test)]
mod tests;
