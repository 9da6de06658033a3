//! Under which role a service acts while it makes a call for somebody: a state machine's task, a rule's or a schedule's
//! delivery. Whoever enforces policies asks; services say it here rather than in every call that they make.

use std::future::Future;

tokio::task_local! {
    static ROLE: String;
}

/// Runs `future` as something that is done under a role, given as its ARN.
pub async fn under<T>(role_arn: String, future: impl Future<Output = T>) -> T {
    ROLE.scope(role_arn, future).await
}

/// The role under which the present call is made; `None` outside of [`under`].
pub fn role() -> Option<String> {
    ROLE.try_with(Clone::clone)
        .ok()
        .filter(|role| !role.is_empty())
}
