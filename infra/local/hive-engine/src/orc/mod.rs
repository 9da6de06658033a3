//! ORC files: read through orc-rust ([`read`], [`prune`]), written by ourselves ([`stripe`], [`writer`]) with the statistics and
//! the row index that Hive and Spark need, and with every type that Hive has.

pub(crate) mod column;
mod compression;
mod decode;
mod index;
mod integers;
pub(crate) mod layout;
mod protobuf;
mod prune;
pub(crate) mod read;
#[cfg(test)]
mod round_trip;
mod runs;
mod statistics;
mod strings;
pub(crate) mod stripe;
pub(crate) mod writer;

pub(crate) use compression::{Compression, Compressor};
pub(crate) use layout::Layout;
