//! The `bootstrap` binary of all fifteen functions. Lambda starts it with `_HANDLER`, the template's `Handler`, and it serves
//! that one function until Lambda ends it.

use std::process::ExitCode;

use functions::shared::metrics;
use functions::{Clients, FunctionFailure, HANDLERS, invoke};
use lambda_runtime::{LambdaEvent, service_fn, tracing};
use serde_json::Value;

// One invocation at a time: more threads would only cost start-up time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing::init_default_subscriber();
    let handler = std::env::var("_HANDLER").unwrap_or_default();
    if !HANDLERS.contains(&handler.as_str()) {
        tracing::error!("_HANDLER is {handler:?}; there are {}", HANDLERS.join(", "));
        return ExitCode::FAILURE;
    }
    let clients = Clients::from_environment();
    // The runtime logs a failure itself, with its type and message.
    let serve = async |event: LambdaEvent<Value>| {
        let began = metrics::run_began(&event.payload);
        let response = invoke(&handler, &clients, event.payload).await?;
        if let Some(line) = metrics::line(&handler, &clients, began, &response) {
            println!("{line}");
        }
        Ok::<Value, FunctionFailure>(response)
    };
    match lambda_runtime::run(service_fn(serve)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the Lambda runtime ended: {error}");
            ExitCode::FAILURE
        }
    }
}
