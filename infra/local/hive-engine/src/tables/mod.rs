//! Tables as DataFusion sees them: which files they have ([`files`]), which partitions ([`prune`]) and parts of files
//! ([`part_filter`]) a query needs, and how files become streams of batches ([`provider`], [`scan`]).

pub(crate) mod files;
pub(crate) mod part_filter;
pub(crate) mod provider;
mod prune;
mod scan;
mod sized;
