//! Everything that keeps the runtime from starting or from doing what it was asked.

use std::path::PathBuf;

use aws_services::s3::S3Error;
use aws_services::{ServiceError, StartError};

use crate::landing::LandingError;
use crate::problem::{Problem, listed};
use crate::project::ProjectError;
use crate::root::RootError;

/// Why the runtime cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The project cannot be read.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The template or a definition has problems.
    #[error("the project cannot be provisioned:{}", listed(.0))]
    Problems(Vec<Problem>),
    /// The folder between commands cannot be used.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The port is taken.
    #[error(
        "port {port} of 127.0.0.1 is in use; stop what uses it, or choose another with --port (0 takes a free one)"
    )]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The port cannot be opened for another reason.
    #[error("cannot listen on port {port} of 127.0.0.1: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// A service cannot start.
    #[error(transparent)]
    Services(#[from] StartError),
    /// The warehouse cannot be opened.
    #[error("cannot open the warehouse: {0}")]
    Warehouse(#[from] Box<hive_engine::HiveError>),
    /// A service refused what the template asks for.
    #[error("provisioning {logical_id}: {source}")]
    Provision {
        /// The resource's key in the template.
        logical_id: String,
        /// What the service said.
        source: Box<ServiceError>,
    },
    /// The policies say what cannot be enforced here.
    #[error("the template's policies cannot be enforced:{}", .0.iter().map(|problem| format!("\n  {problem}")).collect::<String>())]
    Policies(Vec<String>),
    /// A service refused a call of the runtime's own.
    #[error("{action}: {source}")]
    Call {
        /// What was called.
        action: &'static str,
        /// What the service said.
        source: Box<ServiceError>,
    },
    /// An object could not be written.
    #[error("cannot upload {} to s3://{bucket}/{key}: {source}", path.display())]
    Upload {
        /// The file on this machine.
        path: PathBuf,
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// Why.
        source: Box<S3Error>,
    },
    /// A bucket could not be made.
    #[error("provisioning {logical_id}: {source}")]
    Bucket {
        /// The resource's key in the template.
        logical_id: String,
        /// Why.
        source: Box<S3Error>,
    },
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Landing files could not be told apart.
    #[error(transparent)]
    Landing(#[from] LandingError),
    /// The stack lacks what was asked for.
    #[error("the stack has no {what}")]
    NotInStack {
        /// Such as `state machine master`.
        what: String,
    },
}
