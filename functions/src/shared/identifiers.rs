//! The identifiers that events carry, checked when they are read: a function never calls AWS with an empty or misshapen
//! one.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

macro_rules! identifier {
    ($(#[doc = $doc:literal])+ $name:ident, $form:literal, $check:expr) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $name(String);

        impl $name {
            /// Checks the form.
            pub fn parse(text: &str) -> Result<Self, String> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(format!(concat!("expected a ", stringify!($name), " (", $form, "), found {:?}"), text))
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl From<&$name> for String {
            fn from(identifier: &$name) -> String {
                identifier.0.clone()
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str(concat!("a ", stringify!($name), " (", $form, ")"))
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::parse(text).map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

identifier!(
    /// An EMR cluster.
    ClusterId,
    "as j-2AXXXXXXGAPLF",
    |text| emr(text, "j-")
);
identifier!(
    /// A step on an EMR cluster.
    StepId,
    "as s-2YHXXXXXXPFT9",
    |text| emr(text, "s-")
);
identifier!(
    /// An instance fleet of an EMR cluster.
    FleetId,
    "as if-1VXXXXXXQ2R0S",
    |text| emr(text, "if-")
);
identifier!(
    /// One load. Legal in S3 keys, Hive partition values and execution names.
    BatchId,
    "1 to 80 letters, digits, '.', '_' or '-', the first a letter or digit",
    |text| {
        text.len() <= 80
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    }
);
identifier!(
    /// An execution of a state machine.
    ExecutionArn,
    "as arn:aws:states:<region>:<account>:execution:<machine>:<name>",
    |text| states(text, "execution", 8..=8)
);
identifier!(
    /// A state machine, possibly one version or alias of it.
    StateMachineArn,
    "as arn:aws:states:<region>:<account>:stateMachine:<name>",
    |text| states(text, "stateMachine", 7..=8)
);

impl ExecutionArn {
    /// The execution's name.
    pub fn name(&self) -> &str {
        self.0.rsplit(':').next().unwrap_or_default()
    }
}

impl StateMachineArn {
    /// The machine's name, without version or alias.
    pub fn name(&self) -> &str {
        self.0.split(':').nth(6).unwrap_or_default()
    }

    /// The machine itself, without version or alias.
    pub fn unqualified(&self) -> String {
        self.0.split(':').take(7).collect::<Vec<_>>().join(":")
    }

    /// The execution of that name.
    pub fn execution(&self, name: &str) -> String {
        let mut parts: Vec<&str> = self.0.split(':').take(7).collect();
        parts[5] = "execution";
        format!("{}:{name}", parts.join(":"))
    }
}

fn emr(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        (1..=32).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn states(text: &str, kind: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    lengths.contains(&parts.len())
        && parts.iter().all(|part| !part.is_empty())
        && parts[0] == "arn"
        && parts[2] == "states"
        && parts[5] == kind
        && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_batch_id() {
        for text in ["", ".", "a b", "a/b", "02:00", "-x", "é", &"x".repeat(81)] {
            assert!(BatchId::parse(text).is_err(), "{text:?}");
        }
        assert!(BatchId::parse("2026-11-21T02-00-00Z").is_ok());
    }

    #[test]
    fn refuses_an_arn_of_another_kind() {
        assert!(
            ExecutionArn::parse("arn:aws:states:us-east-1:000000000000:stateMachine:master")
                .is_err()
        );
        assert!(ExecutionArn::parse("arn:aws:states:us-east-1::execution:master:one").is_err());
        assert!(
            StateMachineArn::parse("arn:aws:lambda:us-east-1:000000000000:function:master")
                .is_err()
        );
    }

    #[test]
    fn a_machine_knows_its_executions_also_through_an_alias() {
        let machine =
            StateMachineArn::parse("arn:aws:states:eu-west-1:1:stateMachine:facts:live").unwrap();
        assert_eq!(machine.name(), "facts");
        assert_eq!(
            machine.unqualified(),
            "arn:aws:states:eu-west-1:1:stateMachine:facts"
        );
        let execution = ExecutionArn::parse(&machine.execution("night")).unwrap();
        assert_eq!(
            execution.as_str(),
            "arn:aws:states:eu-west-1:1:execution:facts:night"
        );
        assert_eq!(execution.name(), "night");
    }
}
