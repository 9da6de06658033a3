//! All services together: what the embedded runtime gives them and what it gets to hold.

use std::path::PathBuf;
use std::sync::Arc;

use virtual_time::{Clock, Entropy};

use crate::context::Context;
use crate::ec2::Ec2;
use crate::emr::Emr;
use crate::events::Events;
use crate::failure::StartError;
use crate::function_invoker::FunctionInvoker;
use crate::gateway::{Body, ConnectionLost};
use crate::interceptor::{Interceptor, PassEverything};
use crate::lambda::Lambda;
use crate::observer::{IgnoreEverything, Observer};
use crate::s3::S3;
use crate::scheduler::Scheduler;
use crate::sns::Sns;
use crate::sqs::Sqs;
use crate::states::{Neighbours, StepFunctions};
use crate::step_runner::StepRunner;

/// What the services need from the runtime.
pub struct ServicesConfig {
    /// Pipeline time.
    pub clock: Clock,
    /// Where ids and jitter come from.
    pub entropy: Entropy,
    /// The runtime's folder; created if missing.
    pub root: PathBuf,
    /// Such as `us-east-1`.
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// Runs Lambda functions.
    pub invoker: Arc<dyn FunctionInvoker>,
    /// Runs the steps of clusters.
    pub step_runner: Arc<dyn StepRunner>,
    /// Hears of everything.
    pub observer: Arc<dyn Observer>,
    /// Decides about faults.
    pub interceptor: Arc<dyn Interceptor>,
}

impl ServicesConfig {
    /// The usual region and account, nobody listening, no faults.
    pub fn new(
        clock: Clock,
        entropy: Entropy,
        root: PathBuf,
        invoker: Arc<dyn FunctionInvoker>,
        step_runner: Arc<dyn StepRunner>,
    ) -> Self {
        Self {
            clock,
            entropy,
            root,
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            invoker,
            step_runner,
            observer: Arc::new(IgnoreEverything),
            interceptor: Arc::new(PassEverything),
        }
    }
}

/// The running services.
pub struct Services {
    /// What they share.
    pub context: Context,
    /// Objects.
    pub s3: Arc<S3>,
    /// Clusters.
    pub emr: Arc<Emr>,
    /// State machines and their executions.
    pub states: Arc<StepFunctions>,
    /// Topics and messages.
    pub sns: Arc<Sns>,
    /// Subnets and their tags.
    pub ec2: Arc<Ec2>,
    /// Queues.
    pub sqs: Arc<Sqs>,
    /// Rules.
    pub events: Arc<Events>,
    /// Schedules.
    pub scheduler: Arc<Scheduler>,
    /// The Lambda API and what it knows about functions.
    pub lambda: Arc<Lambda>,
}

impl Services {
    /// Starts the services on what an earlier process left under the root. Executions that were running when it died are
    /// ended as ABORTED here; rules hear of that when [`Services::recover`] is called, once everything is provisioned.
    /// Needs a tokio runtime.
    pub fn new(config: ServicesConfig) -> Result<Arc<Self>, StartError> {
        let context = Context::new(
            config.clock,
            config.entropy,
            config.region,
            config.account,
            config.root,
            config.observer,
            config.interceptor,
        );
        let s3 = S3::open(&context)?;
        let emr = Emr::open(&context, Arc::clone(&s3), config.step_runner)?;
        let sns = Sns::open(&context)?;
        let sqs = Sqs::open(&context)?;
        let ec2 = Ec2::open(&context)?;
        let lambda = Lambda::open(&context, config.invoker)?;
        let events = Events::open(&context, Arc::clone(&sns), Arc::clone(&sqs))?;
        let states = StepFunctions::open(&context)?;
        let scheduler = Scheduler::open(&context, Arc::clone(events.delivery()))?;
        events.connect(&states);
        states.connect(Neighbours {
            lambda: Arc::clone(&lambda),
            s3: Arc::clone(&s3),
            sns: Arc::clone(&sns),
            sqs: Arc::clone(&sqs),
            scheduler: Arc::clone(&scheduler),
            emr: Arc::clone(&emr),
            events: Arc::clone(&events),
            ec2: Arc::clone(&ec2),
        });
        Ok(Arc::new(Self {
            context,
            s3,
            emr,
            states,
            sns,
            ec2,
            sqs,
            events,
            scheduler,
            lambda,
        }))
    }

    /// Delivers to rules what happened to executions while nobody was there. To be called once, after provisioning.
    pub async fn recover(&self) {
        let _work = self.context.clock.work();
        self.states.recover().await;
    }

    /// Answers one request without a socket, for SDK clients in the same process.
    pub async fn call(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, ConnectionLost> {
        crate::gateway::answer(self, request).await
    }

    /// Serves on `listener` until `stop` resolves, then lets requests under way finish.
    pub async fn serve(
        self: &Arc<Self>,
        listener: tokio::net::TcpListener,
        stop: impl Future<Output = ()> + Send,
    ) -> std::io::Result<()> {
        crate::gateway::serve(Arc::clone(self), listener, stop).await
    }
}
