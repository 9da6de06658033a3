//! Tables as DataFusion sees them: which files they have ([`files`]), which partitions a query needs ([`prune`]), and how
//! files become streams of batches ([`provider`], [`scan`]).

pub(crate) mod files;
pub(crate) mod provider;
mod prune;
mod scan;
mod sized;
