//! Scripts before they are HiveQL: cut into statements ([`split`]), filled with variables ([`variables`]), and the commands that
//! are the client's own ([`command`]).

pub(crate) mod command;
pub(crate) mod split;
pub(crate) mod variables;
