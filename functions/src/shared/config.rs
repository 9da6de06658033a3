//! config.ini: what a cluster of this pipeline looks like. Every problem is reported at once. `launch_emr` builds clusters
//! from it, the guards read the name from it, and `pipeline validate` checks it before it is deployed.

use serde::{Deserialize, Serialize};

use crate::shared::config_text::{self, Entries, Entry};
use crate::shared::config_values::{
    Checked, choice, class_name, instance_types, list, log_uri, number, plain, region, release,
    security_group, subnet, tag,
};
use crate::shared::polling::Polling;

pub use crate::shared::config_text::Problem;

const KNOWN: [(&str, &[&str]); 6] = [
    (
        "basic",
        &[
            "emr_region",
            "emr_name",
            "log_on_s3",
            "emr_version",
            "idle_timeout_seconds",
            "step_concurrency",
            "tags",
        ],
    ),
    (
        "instances",
        &[
            "master_instance_type",
            "worker_instance_type",
            "ondemand_worker_count",
        ],
    ),
    (
        "access",
        &[
            "subnet_id",
            "ec2_keypair_name",
            "service_role",
            "instance_profile",
            "job_flow_role",
            "security_configuration",
            "primary_security_group",
            "worker_security_group",
            "service_access_security_group",
        ],
    ),
    ("metastore", &["metastore_factory_class"]),
    (
        "spot",
        &[
            "spot_worker_count",
            "spot_worker_increment_count",
            "spot_price_pct_of_ondemand",
            "spot_timeout_duration_minutes",
            "spot_timeout_action",
            "spot_block_duration_minutes",
            "allocation_strategy",
            "fleet",
        ],
    ),
    (
        "polling",
        &[
            "shortest_seconds",
            "longest_seconds",
            "percent_of_age",
            "expected_launch_seconds",
        ],
    ),
];

const ALLOCATION_STRATEGIES: [&str; 5] = [
    "capacity-optimized",
    "price-capacity-optimized",
    "lowest-price",
    "diversified",
    "capacity-optimized-prioritized",
];

/// A valid configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The region of the cluster.
    pub region: String,
    /// The cluster's name.
    pub name: String,
    /// Where EMR writes logs, an `s3://` address.
    pub log_uri: String,
    /// EMR's release, such as `emr-7.12.0`.
    pub release_label: String,
    /// Instance types of the primary node, the preferred first.
    pub master_types: Vec<String>,
    /// Instance types of the workers, the preferred first.
    pub worker_types: Vec<String>,
    /// Workers on demand.
    pub on_demand_workers: u32,
    /// Subnets, of which EMR picks one.
    pub subnets: Vec<String>,
    /// For logging in to the nodes.
    pub key_pair: Option<String>,
    /// EMR's own role.
    pub service_role: String,
    /// The role of the nodes.
    pub instance_profile: String,
    /// Encryption settings by name.
    pub security_configuration: Option<String>,
    /// The groups whose rules EMR manages; without them it makes its own.
    pub security_groups: Option<SecurityGroups>,
    /// The class that makes Hive and Spark use Glue's catalogue.
    pub metastore_factory_class: String,
    /// Spot workers.
    pub spot: Spot,
    /// Seconds without a step after which EMR itself ends the cluster.
    pub idle_timeout_seconds: u32,
    /// Steps that run at the same time.
    pub step_concurrency: u32,
    /// More tags for the cluster.
    pub tags: Vec<(String, String)>,
    /// How often to ask.
    pub polling: Polling,
    /// What is accepted and has no effect.
    #[serde(skip)]
    pub warnings: Vec<Problem>,
}

/// The security groups of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroups {
    /// Of the primary node.
    pub primary: String,
    /// Of the workers.
    pub worker: String,
    /// Of EMR itself, for a private subnet.
    pub service_access: Option<String>,
}

/// The workers that are bought on the spot market.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spot {
    /// Workers from the beginning.
    pub workers: u32,
    /// Workers that are added before the facts.
    pub increment: u32,
    /// The highest price, as a percentage of the price on demand.
    pub percent_of_on_demand_price: u32,
    /// Minutes that EMR waits for spot capacity at launch.
    pub timeout_minutes: u32,
    /// What it does then: `SWITCH_TO_ON_DEMAND` or `TERMINATE_CLUSTER`.
    pub timeout_action: String,
    /// How EMR chooses among instance types.
    pub allocation_strategy: Option<String>,
    /// Whether spot workers form a TASK fleet of their own, which holds no HDFS blocks.
    pub own_fleet: bool,
}

impl Config {
    /// The size of the fleet that workers are added to, once they have been added.
    pub(crate) fn workers_after_adding(&self) -> u32 {
        let launched = if self.has_task_fleet() {
            self.spot.workers
        } else {
            self.on_demand_workers + self.spot.workers
        };
        launched + self.spot.increment
    }

    /// Whether the cluster is launched with a TASK fleet. EMR refuses one of size zero.
    pub(crate) fn has_task_fleet(&self) -> bool {
        self.spot.own_fleet && self.spot.workers > 0
    }
}

/// Reads and checks config.ini, outside of any function: `${env:NAME}` has no value.
pub fn parse_config(text: &str) -> Result<Config, Vec<Problem>> {
    parse_config_in(text, &|_| None)
}

/// Reads and checks config.ini. `environment` answers `${env:NAME}`, the function's environment variables.
pub fn parse_config_in(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Vec<Problem>> {
    let (entries, problems) = config_text::read(text, environment);
    let mut reader = Reader {
        entries,
        problems,
        warnings: Vec::new(),
    };
    let config = reader.config();
    reader.report_unknown();
    let Reader {
        mut problems,
        warnings,
        ..
    } = reader;
    problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
    match problems.is_empty() {
        true => Ok(Config { warnings, ..config }),
        false => Err(problems),
    }
}

struct Reader {
    entries: Entries,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Reader {
    fn config(&mut self) -> Config {
        let on_demand_workers = self.required("instances", "ondemand_worker_count", |text| {
            number(text, 0, 2000)
        });
        let config = Config {
            region: self.required("basic", "emr_region", region),
            name: self.required("basic", "emr_name", |text| plain(text, 256)),
            log_uri: self.required("basic", "log_on_s3", log_uri),
            release_label: self.required("basic", "emr_version", release),
            master_types: self.required("instances", "master_instance_type", instance_types),
            worker_types: self.required("instances", "worker_instance_type", instance_types),
            on_demand_workers,
            subnets: self.required("access", "subnet_id", |text| list(text, subnet)),
            key_pair: self.optional("access", "ec2_keypair_name", |text| plain(text, 255)),
            service_role: self
                .optional("access", "service_role", |text| plain(text, 256))
                .unwrap_or_else(|| "EMR_DefaultRole".to_owned()),
            instance_profile: self.instance_profile(),
            security_configuration: self
                .optional("access", "security_configuration", |text| plain(text, 256)),
            security_groups: self.security_groups(),
            metastore_factory_class: self.required(
                "metastore",
                "metastore_factory_class",
                class_name,
            ),
            spot: self.spot(),
            idle_timeout_seconds: self
                .optional("basic", "idle_timeout_seconds", |text| {
                    number(text, 60, 604_800)
                })
                .unwrap_or(3600),
            step_concurrency: self
                .optional("basic", "step_concurrency", |text| number(text, 1, 256))
                .unwrap_or(1),
            tags: self
                .optional("basic", "tags", |text| list(text, tag))
                .unwrap_or_default(),
            polling: self.polling(),
            warnings: Vec::new(),
        };
        let core_workers = on_demand_workers
            + if config.has_task_fleet() {
                0
            } else {
                config.spot.workers
            };
        if core_workers == 0 && self.problems.is_empty() {
            self.problem(
                "instances",
                "ondemand_worker_count",
                "the cluster has no core worker: EMR needs at least one, on demand or (with fleet = core) spot",
            );
        }
        config
    }

    fn spot(&mut self) -> Spot {
        Spot {
            workers: self.required("spot", "spot_worker_count", |text| number(text, 0, 2000)),
            increment: self.required("spot", "spot_worker_increment_count", |text| {
                number(text, 0, 2000)
            }),
            percent_of_on_demand_price: self
                .optional("spot", "spot_price_pct_of_ondemand", |text| {
                    number(text, 1, 1000)
                })
                .unwrap_or(100),
            timeout_minutes: self
                .optional("spot", "spot_timeout_duration_minutes", |text| {
                    number(text, 5, 1440)
                })
                .unwrap_or(10),
            timeout_action: self
                .optional("spot", "spot_timeout_action", |text| {
                    choice(text, &["SWITCH_TO_ON_DEMAND", "TERMINATE_CLUSTER"])
                })
                .unwrap_or_else(|| "SWITCH_TO_ON_DEMAND".to_owned()),
            allocation_strategy: self.optional("spot", "allocation_strategy", |text| {
                choice(text, &ALLOCATION_STRATEGIES)
            }),
            own_fleet: {
                self.ignored(
                    "spot",
                    "spot_block_duration_minutes",
                    "is ignored: EMR no longer offers spot blocks",
                );
                self.optional("spot", "fleet", |text| choice(text, &["core", "task"]))
                    .as_deref()
                    == Some("task")
            },
        }
    }

    fn polling(&mut self) -> Polling {
        let usual = Polling::default();
        let polling = Polling {
            shortest_seconds: self
                .optional("polling", "shortest_seconds", |text| number(text, 1, 3600))
                .unwrap_or(usual.shortest_seconds),
            longest_seconds: self
                .optional("polling", "longest_seconds", |text| number(text, 1, 3600))
                .unwrap_or(usual.longest_seconds),
            percent_of_age: self
                .optional("polling", "percent_of_age", |text| number(text, 0, 100))
                .unwrap_or(usual.percent_of_age),
            expected_launch_seconds: self
                .optional("polling", "expected_launch_seconds", |text| {
                    number(text, 0, 3600)
                })
                .unwrap_or(usual.expected_launch_seconds),
        };
        if polling.shortest_seconds > polling.longest_seconds {
            self.problem(
                "polling",
                "shortest_seconds",
                "is greater than longest_seconds",
            );
        }
        polling
    }

    /// EMR takes both of the groups that it manages or neither, and the third only with them.
    fn security_groups(&mut self) -> Option<SecurityGroups> {
        let mut group = |key| self.optional("access", key, security_group);
        let primary = group("primary_security_group");
        let worker = group("worker_security_group");
        let service_access = group("service_access_security_group");
        match (primary, worker, service_access) {
            (Some(primary), Some(worker), service_access) => Some(SecurityGroups {
                primary,
                worker,
                service_access,
            }),
            (None, None, None) => None,
            (primary, ..) => {
                let missing = match primary {
                    Some(_) => "worker_security_group",
                    None => "primary_security_group",
                };
                self.problem(
                    "access",
                    missing,
                    "is missing: EMR wants primary_security_group and worker_security_group, or neither and no service_access_security_group",
                );
                None
            }
        }
    }

    fn instance_profile(&mut self) -> String {
        let ours = self.optional("access", "instance_profile", |text| plain(text, 256));
        let emr = self.optional("access", "job_flow_role", |text| plain(text, 256));
        if ours.is_some() && emr.is_some() && ours != emr {
            self.problem(
                "access",
                "job_flow_role",
                "is another name of instance_profile, and they differ: keep one",
            );
        }
        ours.or(emr)
            .unwrap_or_else(|| "EMR_EC2_DefaultRole".to_owned())
    }

    fn required<T: Default>(
        &mut self,
        section: &str,
        key: &str,
        check: impl Fn(&str) -> Checked<T>,
    ) -> T {
        match self.entry(section, key) {
            Some(entry) if !entry.value.is_empty() => self
                .checked(section, key, &entry, check)
                .unwrap_or_default(),
            Some(_) => {
                self.problem(section, key, "is empty");
                T::default()
            }
            None => {
                self.problem(section, key, "is missing");
                T::default()
            }
        }
    }

    fn optional<T>(
        &mut self,
        section: &str,
        key: &str,
        check: impl Fn(&str) -> Checked<T>,
    ) -> Option<T> {
        let entry = self
            .entry(section, key)
            .filter(|entry| !entry.value.is_empty())?;
        self.checked(section, key, &entry, check)
    }

    fn checked<T>(
        &mut self,
        section: &str,
        key: &str,
        entry: &Entry,
        check: impl Fn(&str) -> Checked<T>,
    ) -> Option<T> {
        if entry.value.contains("${") {
            return None;
        }
        match check(&entry.value) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.problem(
                    section,
                    key,
                    &format!("is {:?}: expected {expected}", entry.value),
                );
                None
            }
        }
    }

    fn ignored(&mut self, section: &str, key: &str, message: &str) {
        if let Some(entry) = self
            .entry(section, key)
            .filter(|entry| !entry.value.is_empty())
        {
            self.warnings.push(Problem {
                line: Some(entry.line),
                section: section.to_owned(),
                key: key.to_owned(),
                message: message.to_owned(),
            });
        }
    }

    fn entry(&self, section: &str, key: &str) -> Option<Entry> {
        self.entries
            .get(&(section.to_owned(), key.to_owned()))
            .cloned()
    }

    fn problem(&mut self, section: &str, key: &str, message: &str) {
        self.problems.push(Problem {
            line: self.entry(section, key).map(|entry| entry.line),
            section: section.to_owned(),
            key: key.to_owned(),
            message: message.to_owned(),
        });
    }

    fn report_unknown(&mut self) {
        let known = |section: &str| {
            KNOWN
                .iter()
                .find(|(name, _)| *name == section)
                .map(|(_, keys)| *keys)
        };
        let unknown: Vec<_> = self
            .entries
            .keys()
            .filter_map(|(section, key)| match known(section) {
                Some(keys) if keys.contains(&key.as_str()) => None,
                Some(keys) => Some((
                    section.clone(),
                    key.clone(),
                    format!("is unknown: this section has {}", keys.join(", ")),
                )),
                None => Some((
                    section.clone(),
                    key.clone(),
                    format!(
                        "is in an unknown section: there are {}",
                        KNOWN.map(|(name, _)| name).join(", ")
                    ),
                )),
            })
            .collect();
        for (section, key, message) in unknown {
            self.problem(&section, &key, &message);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
