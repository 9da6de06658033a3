//! Enforces the policies of the template's roles: who calls (a function by its access key, a state machine, a rule, a
//! schedule or a cluster by the role that it acts under) may do what its role allows, and gets AWS's denial for the rest.
//! Everybody else, such as a person at the port, is the account's administrator. [`crate::runtime`] puts it before the
//! services when policies are enforced, and tests ask it afterwards what was used and what was denied.
//!
//! * `policy`, `condition`, `pattern`: what a document says. * `needs`: what a call needs. * [`roles`]: who has which.
//!
//! What Hive itself reads and writes goes past it: the engine works on files. So do the logs and traces that AWS's services
//! write under a role.

mod condition;
mod needs;
mod pattern;
mod policy;
pub mod roles;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use aws_services::{Call, Interceptor, ServiceError, Services, Verdict, acting};
use http::StatusCode;
use lambda_host::Host;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::json;

use crate::invoker::InProcess;
use needs::Need;
use roles::Roles;

/// An action that a role has been allowed, by the statement that allows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Used {
    /// The role's name.
    pub role: String,
    /// Such as `s3:GetObject`.
    pub action: String,
    /// The statement's `Sid`.
    pub statement: String,
    /// The resource as the statement has it.
    pub resource: String,
}

/// A call that was denied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Denied {
    /// The role's name.
    pub role: String,
    /// Such as `s3:GetObject`.
    pub action: String,
    /// What it was to be done to.
    pub resource: String,
}

/// Who a call's access key belongs to.
pub(crate) enum Keys {
    Processes(Host),
    InProcess(Arc<InProcess>),
}

/// Stands before the services, and before the interceptor that plays faults.
pub struct Enforcer {
    next: Arc<dyn Interceptor>,
    roles: Roles,
    keys: Keys,
    services: OnceLock<Weak<Services>>,
    used: Mutex<BTreeSet<Used>>,
    denied: Mutex<BTreeSet<Denied>>,
}

impl Enforcer {
    pub(crate) fn new(next: Arc<dyn Interceptor>, roles: Roles, keys: Keys) -> Self {
        Self {
            next,
            roles,
            keys,
            services: OnceLock::new(),
            used: Mutex::default(),
            denied: Mutex::default(),
        }
    }

    /// Says where clusters and objects are looked up.
    pub(crate) fn connect(&self, services: &Arc<Services>) {
        // Connected once, right after the services were made.
        let _ = self.services.set(Arc::downgrade(services));
    }

    /// The roles whose policies are enforced.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// What has been allowed since the start.
    pub fn used(&self) -> BTreeSet<Used> {
        self.used.lock().clone()
    }

    /// What has been denied since the start.
    pub fn denied(&self) -> BTreeSet<Denied> {
        self.denied.lock().clone()
    }

    /// The role under which a call is made: its name, and the name of the session.
    fn role_of(&self, call: &Call) -> Option<(String, String)> {
        let by_arn = |session: &str| {
            let arn = acting::role()?;
            let name = arn.rsplit('/').next().unwrap_or_default();
            Some((name.to_owned(), session.to_owned()))
        };
        match call.caller.as_str() {
            "states" => by_arn("StepFunctions"),
            "events" => by_arn("EventBridge"),
            "scheduler" => by_arn("Scheduler"),
            "elasticmapreduce" => {
                let role = self.roles.of_clusters()?;
                Some((role.to_owned(), "i-0123456789abcdef0".to_owned()))
            }
            key => {
                let function = match &self.keys {
                    Keys::Processes(host) => host.caller(key)?.function,
                    Keys::InProcess(invoker) => invoker.caller(key)?,
                };
                Some((self.roles.of_function(&function)?.to_owned(), function))
            }
        }
    }

    /// The error that the caller gets; `None` if it may go on.
    async fn refuse(&self, call: &Call) -> Option<ServiceError> {
        let (role, session) = self.role_of(call)?;
        // A role that somebody made up at the port has no policies to enforce.
        if !self.roles.has(&role) {
            return None;
        }
        let mut tags = BTreeMap::new();
        for id in needs::clusters(call) {
            // Of what does not exist the service itself says so.
            tags.insert(id.clone(), self.tags(&id).await?);
        }
        let mut needs = self.roles.surroundings().needs(call, &tags);
        if self.is_missing(call).await {
            // Without the right to list, S3 does not even tell that an object is not there.
            needs.truncate(1);
            let bucket = call.request["Bucket"].as_str().unwrap_or_default();
            needs.push(Need {
                action: "s3:ListBucket".to_owned(),
                resource: format!("arn:aws:s3:::{bucket}"),
                circumstances: condition::Circumstances::default(),
            });
        }
        for need in needs {
            match self.roles.decide(&role, &need) {
                Ok((statement, resource)) => {
                    self.used.lock().insert(Used {
                        role: role.clone(),
                        action: need.action,
                        statement,
                        resource,
                    });
                }
                Err(reason) => {
                    let error = self.denial(call, &role, &session, &need, reason);
                    self.denied.lock().insert(Denied {
                        role,
                        action: need.action,
                        resource: need.resource,
                    });
                    return Some(error);
                }
            }
        }
        None
    }

    async fn tags(&self, cluster: &str) -> Option<Vec<(String, String)>> {
        let services = self.services.get()?.upgrade()?;
        let request = json!({ "ClusterId": cluster });
        let described = services.emr.call("DescribeCluster", request).await.ok()?;
        let tags = described["Cluster"]["Tags"].as_array()?;
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        Some(
            tags.iter()
                .map(|tag| (text(&tag["Key"]), text(&tag["Value"])))
                .collect(),
        )
    }

    async fn is_missing(&self, call: &Call) -> bool {
        if call.service != "s3" || !matches!(call.action.as_str(), "GetObject" | "HeadObject") {
            return false;
        }
        let Some(services) = self.services.get().and_then(Weak::upgrade) else {
            return false;
        };
        let text = |member: &str| call.request[member].as_str().unwrap_or_default();
        let head = services.s3.head(text("Bucket"), text("Key")).await;
        head.is_err_and(|error| error.code() == "NoSuchKey")
    }

    /// AWS's words, under the code that the called service gives them.
    fn denial(
        &self,
        call: &Call,
        role: &str,
        session: &str,
        need: &Need,
        reason: roles::Refusal,
    ) -> ServiceError {
        let account = &self.roles.surroundings().account;
        let because = match reason {
            roles::Refusal::Nothing => {
                format!(
                    "because no identity-based policy allows the {} action",
                    need.action
                )
            }
            roles::Refusal::Denied => {
                "with an explicit deny in an identity-based policy".to_owned()
            }
            roles::Refusal::DeniedByResource => {
                "with an explicit deny in a resource-based policy".to_owned()
            }
        };
        let message = format!(
            "User: arn:aws:sts::{account}:assumed-role/{role}/{session} is not authorized to perform: {} on resource: {} {because}",
            need.action, need.resource
        );
        let (code, status) = match call.service.as_str() {
            "s3" => ("AccessDenied", StatusCode::FORBIDDEN),
            "sns" if need.action.starts_with("kms:") => {
                ("KMSAccessDenied", StatusCode::BAD_REQUEST)
            }
            "sns" => ("AuthorizationError", StatusCode::FORBIDDEN),
            "lambda" => ("AccessDeniedException", StatusCode::FORBIDDEN),
            "ec2" => ("UnauthorizedOperation", StatusCode::FORBIDDEN),
            _ => ("AccessDeniedException", StatusCode::BAD_REQUEST),
        };
        ServiceError::new(code, message).with_status(status)
    }
}

#[async_trait]
impl Interceptor for Enforcer {
    async fn before(&self, call: &Call) -> Verdict {
        match self.refuse(call).await {
            Some(error) => Verdict::Fail(error),
            None => self.next.before(call).await,
        }
    }

    async fn after(&self, call: &Call, status: StatusCode) -> Verdict {
        self.next.after(call, status).await
    }
}
