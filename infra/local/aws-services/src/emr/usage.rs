//! What a cluster cost and how much of that it worked for. The command line shows it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::model::{Cluster, ClusterState, Instance, Role, StepState};

/// A cluster's time and what it was spent on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClusterUsage {
    /// From the request to the end, or to now.
    pub lifetime: SignedDuration,
    /// What of that was EMR work: starting, bootstrapping, steps, resizing, terminating.
    pub working: SignedDuration,
    /// What of it the cluster waited for something to do.
    pub idle: SignedDuration,
    /// Seconds that instances were paid for, by instance type.
    pub instance_seconds: BTreeMap<String, f64>,
    /// EMR's NormalizedInstanceHours.
    pub normalized_instance_hours: u64,
}

impl ClusterUsage {
    /// `working` as a share of `lifetime`; 1 for a cluster that has only just begun.
    pub fn working_share(&self) -> f64 {
        let lifetime = self.lifetime.as_secs_f64();
        if lifetime <= 0.0 {
            1.0
        } else {
            self.working.as_secs_f64() / lifetime
        }
    }
}

/// A cluster as the command line shows it.
#[derive(Debug, Clone, Serialize)]
pub struct ClusterReport {
    /// `j-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: ClusterState,
    /// Why it is in that state.
    pub reason: String,
    /// When it was requested.
    pub created: Timestamp,
    /// When it first took steps.
    pub ready: Option<Timestamp>,
    /// When it was gone.
    pub ended: Option<Timestamp>,
    /// Instances that it had, by role.
    pub instances: BTreeMap<Role, usize>,
    /// Its steps in the order of their submission.
    pub steps: Vec<StepReport>,
    /// Its tags, in their order.
    pub tags: Vec<(String, String)>,
    /// How its time was spent.
    pub usage: ClusterUsage,
}

/// A step as the command line shows it.
#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    /// `s-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: StepState,
    /// When it began to run.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it failed.
    pub failure: Option<String>,
}

impl Cluster {
    pub(super) fn usage(&self, now: Timestamp) -> ClusterUsage {
        let end = self.timeline.ended.unwrap_or(now);
        let lifetime = end.duration_since(self.timeline.created);
        let idle_now = match self.activity.idle_since {
            Some(since) => end.duration_since(since),
            None => SignedDuration::ZERO,
        };
        let idle = self.activity.idle + idle_now;
        let mut instance_seconds = BTreeMap::new();
        for instance in &self.instances {
            let seconds = instance.paid(now).as_secs_f64();
            if seconds > 0.0 {
                *instance_seconds
                    .entry(instance.instance_type.clone())
                    .or_insert(0.0) += seconds;
            }
        }
        ClusterUsage {
            lifetime,
            working: lifetime - idle,
            idle,
            instance_seconds,
            normalized_instance_hours: self.normalized_instance_hours(now),
        }
    }

    /// Hours, rounded up per instance, times the size of the instance's type.
    pub(super) fn normalized_instance_hours(&self, now: Timestamp) -> u64 {
        let hours = |instance: &Instance| {
            u64::try_from(instance.paid(now).as_secs())
                .unwrap_or(0)
                .div_ceil(3600)
        };
        self.instances
            .iter()
            .map(|instance| hours(instance) * size_factor(&instance.instance_type))
            .sum()
    }

    pub(super) fn report(&self, now: Timestamp) -> ClusterReport {
        let mut instances = BTreeMap::new();
        for instance in self
            .instances
            .iter()
            .filter(|instance| instance.launched.is_some())
        {
            *instances.entry(instance.role).or_insert(0) += 1;
        }
        let steps = self.steps.iter().map(|step| StepReport {
            id: step.id.clone(),
            name: step.name.clone(),
            state: step.state,
            started: step.started,
            ended: step.ended,
            failure: step.failure.as_ref().map(|failure| {
                format!("{} {}", failure.reason, failure.message)
                    .trim()
                    .to_owned()
            }),
        });
        ClusterReport {
            id: self.id.clone(),
            name: self.name.clone(),
            state: self.state,
            reason: self.reason.message.clone(),
            created: self.timeline.created,
            ready: self.timeline.ready,
            ended: self.timeline.ended,
            instances,
            steps: steps.collect(),
            tags: self
                .tags
                .iter()
                .map(|tag| (tag.key.clone(), tag.value.clone()))
                .collect(),
            usage: self.usage(now),
        }
    }
}

impl Instance {
    fn paid(&self, now: Timestamp) -> SignedDuration {
        match self.launched {
            Some(launched) => self
                .timeline
                .ended
                .unwrap_or(now)
                .duration_since(launched)
                .max(SignedDuration::ZERO),
            None => SignedDuration::ZERO,
        }
    }
}

/// EMR's factor of an instance size: small 1, medium 2, large 4, xlarge 8, `n`xlarge 8 n.
fn size_factor(instance_type: &str) -> u64 {
    let size = instance_type.rsplit('.').next().unwrap_or_default();
    match size {
        "small" => 1,
        "medium" => 2,
        "large" => 4,
        "xlarge" => 8,
        "metal" => 64,
        _ => size
            .strip_suffix("xlarge")
            .and_then(|count| count.parse::<u64>().ok())
            .map_or(8, |count| 8 * count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_weighed_as_emr_does() {
        let factors = ["m5.large", "m5.xlarge", "r6g.4xlarge", "c5.24xlarge"].map(size_factor);
        assert_eq!(factors, [4, 8, 32, 192]);
    }
}
