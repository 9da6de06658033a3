//! The AWS services that the pipeline uses, over their own wire protocols on one loopback port. The embedded runtime
//! starts them; Lambda functions, the command line, boto3 and the AWS CLI call them with nothing but an endpoint URL.
//!
//! * [`services`]: what a runtime gives ([`ServicesConfig`]) and gets ([`Services`]).
//! * [`gateway`]: the port: which service a request is for, its protocol, and what an [`Interceptor`] does to it.
//! * [`s3`], [`emr`], [`states`], [`sns`], [`sqs`], [`events`], [`scheduler`], [`lambda`], [`ec2`], [`sts`]: the
//!   services.
//! * [`function_invoker`], [`step_runner`]: what the runtime does for the services: run a function, run a cluster's step.
//! * [`observer`]: what the services tell while they work. [`interceptor`]: how faults get in.
//! * [`origin`]: for which state a call is made.
//! * [`failure`]: errors as AWS names them. [`documents`]: how state outlives the process. [`context`]: what all services share.

pub mod acting;
#[cfg(test)]
mod bench;
pub mod context;
pub mod deadline;
pub mod documents;
pub mod ec2;
pub mod emr;
pub mod events;
pub mod failure;
pub mod function_invoker;
pub mod gateway;
pub mod interceptor;
pub mod lambda;
pub mod observer;
pub mod origin;
pub mod s3;
pub mod scheduler;
pub mod services;
pub mod sns;
pub mod sqs;
pub mod states;
pub mod step_runner;
pub mod sts;

pub use context::Context;
pub use failure::{ServiceError, StartError};
pub use function_invoker::{
    Custody, FunctionError, FunctionInvoker, Invocation, InvocationOutcome, InvokeError,
};
pub use gateway::{Body, ConnectionLost};
pub use interceptor::{Call, Interceptor, PassEverything, Verdict};
pub use observer::{IgnoreEverything, Observer, Occurrence};
pub use origin::Origin;
pub use services::{Services, ServicesConfig};
pub use step_runner::{
    StepFailure, StepOutcome, StepProgress, StepProgressSink, StepRequest, StepRunner,
};
