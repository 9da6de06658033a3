//! Scripts before they are HiveQL: cut into statements ([`split`]) and filled with variables ([`variables`]).

pub(crate) mod split;
pub(crate) mod variables;
