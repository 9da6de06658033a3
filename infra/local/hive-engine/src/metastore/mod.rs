//! What the warehouse holds: databases, tables and partitions ([`model`]), kept as JSON documents ([`store`]).

pub(crate) mod model;
pub(crate) mod partition_name;
pub(crate) mod store;
