//! The service `events`. The gateway and the embedded runtime call [`Events::call`].

use std::sync::Arc;

use serde_json::Value;

use crate::context::Context;
use crate::failure::{ServiceError, StartError};

/// The service `events`.
pub struct Events {}

impl Events {
    pub(crate) fn open(
        _context: &Context,
        _sns: Arc<crate::sns::Sns>,
    ) -> Result<Arc<Self>, StartError> {
        Ok(Arc::new(Self {}))
    }

    /// Answers one action with members as AWS names them. The caller holds a `Work` guard.
    pub async fn call(
        self: &Arc<Self>,
        action: &str,
        _input: Value,
    ) -> Result<Value, ServiceError> {
        Err(ServiceError::unsupported_action("events", action))
    }
}
