//! How long the parts of a cluster's life take in pipeline time. One struct, so that simulations can vary it.

use std::time::Duration;

/// Modelled durations. Real work (what a step's command does) is measured and comes on top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timings {
    /// From the request for a spot instance to its fulfilment.
    pub spot_fulfilment: Duration,
    /// From an instance's launch to its bootstrap.
    pub provisioning: Duration,
    /// Bootstrap of an instance: applications are installed.
    pub bootstrapping: Duration,
    /// From the last bootstrap to the moment when the cluster takes steps.
    pub setup: Duration,
    /// As `provisioning`, for instances that join a running cluster.
    pub resize_provisioning: Duration,
    /// As `bootstrapping`, for instances that join a running cluster.
    pub resize_bootstrapping: Duration,
    /// From the request to terminate to the end of the cluster.
    pub termination: Duration,
    /// From a running step's cancellation to its end.
    pub cancellation: Duration,
    /// Launch of a step that needs containers on the cluster: hive.
    pub hive_launch: Duration,
    /// Launch of a Spark application.
    pub spark_launch: Duration,
    /// Launch of a MapReduce job: s3-dist-cp.
    pub copy_launch: Duration,
    /// Launch of a command on the primary node: bash, aws.
    pub command_launch: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            spot_fulfilment: Duration::from_secs(20),
            provisioning: Duration::from_secs(100),
            bootstrapping: Duration::from_secs(150),
            setup: Duration::from_secs(30),
            resize_provisioning: Duration::from_secs(75),
            resize_bootstrapping: Duration::from_secs(85),
            termination: Duration::from_secs(60),
            cancellation: Duration::from_secs(10),
            hive_launch: Duration::from_secs(25),
            spark_launch: Duration::from_secs(30),
            copy_launch: Duration::from_secs(35),
            command_launch: Duration::from_secs(5),
        }
    }
}

impl Timings {
    /// The launch overhead of a step with these arguments.
    pub fn launch(&self, args: &[String]) -> Duration {
        match args.first().map(String::as_str) {
            Some("hive" | "hive-script") => self.hive_launch,
            Some("spark-sql" | "spark-submit") => self.spark_launch,
            Some("s3-dist-cp") => self.copy_launch,
            _ => self.command_launch,
        }
    }
}
