//! ORC files: read through orc-rust ([`read`]), written by ourselves ([`writer`]) with the statistics that Hive and Spark need
//! and with every type that Hive has.

mod column;
mod compression;
mod integers;
mod protobuf;
pub(crate) mod read;
mod runs;
mod statistics;
mod strings;
pub(crate) mod writer;

pub(crate) use compression::Compression;
