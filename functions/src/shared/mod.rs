//! What several functions need. Each file holds one idea; a function's own file says which of them it uses.

pub mod clients;
pub mod cluster;
pub mod config;
pub(crate) mod config_source;
pub(crate) mod config_text;
pub(crate) mod config_values;
pub(crate) mod counts;
pub mod errors;
pub mod http_client;
pub mod identifiers;
pub(crate) mod input;
pub(crate) mod job_flow;
pub mod metrics;
pub(crate) mod moment;
pub(crate) mod names;
pub(crate) mod own_cluster;
pub(crate) mod polling;
pub(crate) mod run;
pub mod sdk_config;
pub(crate) mod service_time;
pub(crate) mod state_info;
pub(crate) mod state_info_store;
pub(crate) mod states;
pub(crate) mod tags;
pub(crate) mod usage;
pub(crate) mod worker_fleet;

#[cfg(test)]
pub(crate) mod replay;
