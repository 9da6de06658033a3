//! Faults on purpose: rules that strike calls of services before or after their effect, or that do something at that very
//! moment. The tests of the fault matrix start their pipelines through here.

use std::sync::{Arc, OnceLock, Weak};

use anyhow::Result;
use async_trait::async_trait;
use aws_services::emr::{Blow as ClusterBlow, Fault, Moment};
use aws_services::s3::PutOptions;
use aws_services::{Call, Interceptor, ServiceError, Services, Verdict};
use embedded_runtime::RuntimeOptions;
use http::StatusCode;
use parking_lot::Mutex;
use tempfile::TempDir;

use crate::harness::Pipeline;

/// How a call is struck.
#[derive(Debug, Clone)]
pub(crate) enum Blow {
    /// The service wants to be asked less often.
    Throttle,
    /// The service fails with a 5xx.
    Unavailable,
    /// The caller is not allowed to.
    Deny,
    /// A refusal with this code and status.
    Refuse(&'static str, u16),
    /// The same in the service's own words.
    Say(&'static str, u16, &'static str),
    /// The connection breaks.
    Lose,
    /// No answer ever comes.
    Hang,
    /// The function that is invoked crashes.
    Crash,
    /// Nothing happens to the call, but this object is written.
    Put(String, String),
    /// Nothing happens to the call, but the states of all clusters are noted.
    Look,
}

/// A rule. Made by [`Strikes::before`] and [`Strikes::after`], refined by the methods here.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    service: &'static str,
    action: &'static str,
    after: bool,
    blow: Blow,
    part: String,
    caller: Option<&'static str>,
    skip: usize,
    times: usize,
}

impl Rule {
    /// Only calls whose request contains this text.
    pub(crate) fn about(mut self, part: &str) -> Self {
        self.part = part.to_owned();
        self
    }

    /// Only calls by this caller: `states`, `events`, `elasticmapreduce`.
    pub(crate) fn by(mut self, caller: &'static str) -> Self {
        self.caller = Some(caller);
        self
    }

    /// Not the first of them.
    pub(crate) fn skip(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    /// So many of them, instead of one.
    pub(crate) fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// All of them.
    pub(crate) fn always(self) -> Self {
        self.times(usize::MAX)
    }
}

/// All rules, and what they met.
#[derive(Default)]
pub(crate) struct Strikes {
    rules: Mutex<Vec<Rule>>,
    struck: Mutex<usize>,
    calls: Mutex<Vec<(String, String, String)>>,
    looks: Mutex<Vec<Vec<String>>>,
    services: OnceLock<Weak<Services>>,
}

/// Strikes before the effect, which then does not take place.
pub(crate) fn before(service: &'static str, action: &'static str, blow: Blow) -> Rule {
    Rule {
        service,
        action,
        after: false,
        blow,
        part: String::new(),
        caller: None,
        skip: 0,
        times: 1,
    }
}

/// Strikes after the effect.
pub(crate) fn after(service: &'static str, action: &'static str, blow: Blow) -> Rule {
    Rule {
        after: true,
        ..before(service, action, blow)
    }
}

impl Strikes {
    /// A pipeline that suffers these rules.
    pub(crate) async fn pipeline(
        rules: impl IntoIterator<Item = Rule>,
    ) -> Result<(Pipeline, Arc<Self>)> {
        Self::pipeline_with(rules, |_| {}).await
    }

    /// The same with other options.
    pub(crate) async fn pipeline_with(
        rules: impl IntoIterator<Item = Rule>,
        change: impl FnOnce(&mut RuntimeOptions),
    ) -> Result<(Pipeline, Arc<Self>)> {
        let strikes = Arc::new(Self::default());
        let interceptor = Arc::clone(&strikes) as Arc<dyn Interceptor>;
        let pipeline = Pipeline::start_with(Arc::new(TempDir::new()?), |options| {
            options.interceptor = interceptor;
            change(options);
        })
        .await?;
        // Connected once, right after the start.
        let _ = strikes
            .services
            .set(Arc::downgrade(pipeline.runtime.services()));
        strikes.rules.lock().extend(rules);
        Ok((pipeline, strikes))
    }

    /// One more rule.
    pub(crate) fn add(&self, rule: Rule) {
        self.rules.lock().push(rule);
    }

    /// No more rules.
    pub(crate) fn end(&self) {
        self.rules.lock().clear();
    }

    /// How many calls were struck.
    pub(crate) fn struck(&self) -> usize {
        *self.struck.lock()
    }

    /// How many calls of this action there were whose request contains the text.
    pub(crate) fn calls(&self, action: &str, part: &str) -> usize {
        let calls = self.calls.lock();
        calls
            .iter()
            .filter(|(_, called, request)| called == action && request.contains(part))
            .count()
    }

    /// The size of the largest request that a function or machine made, in bytes.
    pub(crate) fn largest_request(&self) -> usize {
        let calls = self.calls.lock();
        calls
            .iter()
            .map(|(_, _, request)| request.len())
            .max()
            .unwrap_or(0)
    }

    /// Every service and action that was called by a function.
    pub(crate) fn called_by_functions(&self) -> Vec<(String, String)> {
        let calls = self.calls.lock();
        let mut seen: Vec<(String, String)> = calls
            .iter()
            .map(|(service, action, _)| (service.clone(), action.clone()))
            .collect();
        seen.sort();
        seen.dedup();
        seen
    }

    /// The states of all clusters whenever a rule looked.
    pub(crate) fn looks(&self) -> Vec<Vec<String>> {
        self.looks.lock().clone()
    }

    fn choose(&self, call: &Call, after: bool) -> Option<Blow> {
        let request = call.request.to_string();
        let mut rules = self.rules.lock();
        for rule in rules.iter_mut() {
            let meant = rule.after == after
                && rule.service == call.service
                && rule.action == call.action
                && rule.caller.is_none_or(|caller| caller == call.caller)
                && request.contains(&rule.part);
            if !meant || rule.times == 0 {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times = rule
                .times
                .saturating_sub(usize::from(rule.times != usize::MAX));
            *self.struck.lock() += 1;
            return Some(rule.blow.clone());
        }
        None
    }

    async fn strike(&self, call: &Call, after: bool) -> Verdict {
        let Some(blow) = self.choose(call, after) else {
            return Verdict::Pass;
        };
        let status = |status| StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let fail = |code: &str, number| {
            Verdict::Fail(ServiceError::new(code, "struck on purpose").with_status(status(number)))
        };
        match (blow, call.service.as_str()) {
            (Blow::Throttle, "s3") => fail("SlowDown", 503),
            (Blow::Throttle, "sns") => fail("Throttled", 400),
            (Blow::Throttle, "lambda") => fail("TooManyRequestsException", 429),
            (Blow::Throttle, _) => fail("ThrottlingException", 400),
            (Blow::Unavailable, _) => fail("InternalServerError", 500),
            (Blow::Deny, "s3") => fail("AccessDenied", 403),
            (Blow::Deny, "sns") => fail("AuthorizationError", 403),
            (Blow::Deny, _) => fail("AccessDeniedException", 400),
            (Blow::Refuse(code, number), _) => fail(code, number),
            (Blow::Say(code, number, words), _) => {
                Verdict::Fail(ServiceError::new(code, words).with_status(status(number)))
            }
            (Blow::Crash, _) => fail("ServiceException", 500),
            (Blow::Lose, _) => Verdict::LoseResponse,
            (Blow::Hang, _) => Verdict::Hang,
            (Blow::Put(key, content), _) => {
                self.put(&key, content).await;
                Verdict::Pass
            }
            (Blow::Look, _) => {
                let services = self.services.get().and_then(Weak::upgrade);
                let states = services.map(|services| {
                    services
                        .emr
                        .clusters()
                        .iter()
                        .map(|cluster| cluster.state.as_str().to_owned())
                        .collect()
                });
                self.looks.lock().push(states.unwrap_or_default());
                Verdict::Pass
            }
        }
    }

    async fn put(&self, key: &str, content: String) {
        let services = self
            .services
            .get()
            .and_then(Weak::upgrade)
            .expect("the pipeline runs");
        let bucket = "pipeline-000000000000-us-east-1";
        services
            .s3
            .put(bucket, key, content, PutOptions::default())
            .await
            .expect("the object can be written");
    }
}

#[async_trait]
impl Interceptor for Strikes {
    async fn before(&self, call: &Call) -> Verdict {
        self.calls.lock().push((
            call.service.clone(),
            call.action.clone(),
            call.request.to_string(),
        ));
        self.strike(call, false).await
    }

    async fn after(&self, call: &Call, _status: StatusCode) -> Verdict {
        self.strike(call, true).await
    }
}

/// The step with this name fails at the moment, once.
pub(crate) fn fail_step(pipeline: &Pipeline, moment: Moment, message: &str) {
    pipeline.runtime.services().emr.plan_faults(|faults| {
        faults.planned.push(Fault {
            skips: 0,
            moment,
            blow: ClusterBlow::FailStep {
                message: message.to_owned(),
            },
            times: 1,
        });
    });
}
