//! The present time as the answering services tell it in their `Date` header. The age of a cluster or a step is measured by
//! the clock of the service that recorded its start, so neither skew nor a simulated service clock can distort it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

const UNKNOWN: i64 = i64::MIN;

/// Remembers the last `Date` header of any client that it is installed in.
#[derive(Debug, Clone)]
pub(crate) struct ServiceTime {
    seconds: Arc<AtomicI64>,
    own_clock: SharedTimeSource,
}

impl ServiceTime {
    /// `own_clock` answers until a service has.
    pub(crate) fn new(own_clock: SharedTimeSource) -> Self {
        Self {
            seconds: Arc::new(AtomicI64::new(UNKNOWN)),
            own_clock,
        }
    }

    /// The time of the last answer.
    pub(crate) fn now(&self) -> DateTime {
        match self.seconds.load(Ordering::Relaxed) {
            UNKNOWN => DateTime::from(self.own_clock.now()),
            seconds => DateTime::from_secs(seconds),
        }
    }
}

impl Intercept for ServiceTime {
    fn name(&self) -> &'static str {
        "ServiceTime"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let Some(time) = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok()) {
            self.seconds.store(time.secs(), Ordering::Relaxed);
        }
        Ok(())
    }
}
