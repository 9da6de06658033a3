//! The tags that make a cluster ours: written at launch, read before anything is adopted, resized or terminated.

use aws_sdk_emr::types::Tag;

use crate::shared::run::Run;

/// Which pipeline the cluster belongs to.
pub(crate) const PIPELINE: &str = "pipeline";
/// Which load it makes.
pub(crate) const BATCH_ID: &str = "batch-id";
/// Which execution launched it.
pub(crate) const EXECUTION_ARN: &str = "execution-arn";
/// The absolute size of its worker fleet once workers have been added, so that adding twice adds once.
pub(crate) const WORKERS_AFTER_ADDING: &str = "workers-after-adding";
/// EMR's service policy acts only on what carries this tag.
pub(crate) const MANAGED_POLICIES: &str = "for-use-with-amazon-emr-managed-policies";

/// The tags of a new cluster, ours before the user's.
pub(crate) fn of_new_cluster(
    pipeline: &str,
    run: &Run,
    workers_after_adding: u32,
    more: &[(String, String)],
) -> Vec<Tag> {
    let mut tags = vec![
        tag(MANAGED_POLICIES, "true"),
        tag(PIPELINE, pipeline),
        tag(WORKERS_AFTER_ADDING, &workers_after_adding.to_string()),
    ];
    if let Some(batch) = &run.batch_id {
        tags.push(tag(BATCH_ID, batch.as_str()));
    }
    if let Some(execution) = &run.execution_arn {
        tags.push(tag(EXECUTION_ARN, execution.as_str()));
    }
    tags.extend(more.iter().map(|(key, value)| tag(key, value)));
    tags
}

/// Whether config.ini may not set this tag itself.
pub(crate) fn is_reserved(key: &str) -> bool {
    [
        PIPELINE,
        BATCH_ID,
        EXECUTION_ARN,
        WORKERS_AFTER_ADDING,
        MANAGED_POLICIES,
    ]
    .contains(&key)
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}
