//! INSERT and CREATE TABLE AS: rows are written aside ([`staging`], [`sink`]) and published when all of them are there
//! ([`publish`]). [`route`] finds the partition of a row. [`target`] checks what a statement asks for; [`insert`] carries it out.

pub(crate) mod faults;
pub(crate) mod insert;
mod publish;
mod route;
mod sink;
pub(crate) mod staging;
pub(crate) mod target;
mod writer;

pub(crate) use writer::{OutputFormat, TextCodec};
