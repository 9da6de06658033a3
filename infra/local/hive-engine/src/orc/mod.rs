//! ORC files: read through orc-rust ([`read`], [`prune`]), written by ourselves ([`stripe`], [`writer`]) with the statistics that Hive and Spark need
//! and with every type that Hive has.

pub(crate) mod column;
mod compression;
mod integers;
mod protobuf;
pub(crate) mod prune;
pub(crate) mod read;
#[cfg(test)]
mod round_trip;
mod runs;
mod statistics;
mod strings;
pub(crate) mod stripe;
pub(crate) mod writer;

pub(crate) use compression::{Compression, Compressor};
