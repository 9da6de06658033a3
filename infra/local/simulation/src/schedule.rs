//! A schedule of faults as people write it: a TOML file with one `[[fault]]` per fault. `run --faults` and `simulate --faults`
//! read it, and the simulation writes the schedules that it finds.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::kind::{Kind, Target};

/// The faults of one run, or of one simulated life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// The seed of the simulation that it belongs to: landing files, reruns and jitter. `run` has files of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The faults, in the order in which they are looked at.
    #[serde(rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// One fault: what happens, where, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub kind: Kind,
    /// Calls to this service, as requests are signed for it: `s3`, `elasticmapreduce` (or `emr`), `states`, `sns`,
    /// `lambda`, `events`, `scheduler`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Calls of this action, such as `RunJobFlow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Calls made by this function, or invocations of it, such as `launch_emr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Within executions of this state machine, such as `fact-process`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// On behalf of this state, or when this state is entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Whatever concerns this table: its name is a word of the request or of the state's input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Steps whose names begin with this, such as `load fact card_transaction`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The instance that is lost: `primary`, `core` or `task`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The first of all that match is 1, which is also the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nth: Option<u32>,
    /// How many times it strikes from there on; 1 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Not before so much pipeline time has passed since the start; for a moment, exactly then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_seconds: Option<u64>,
    /// The error code to answer with, instead of the service's usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What state info becomes: `missing`, `empty`, `truncated`, `one-line` (the older format), `foreign` (another
    /// pipeline's cluster), `byte-order-mark`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The input of a rerun, as JSON. Without it the present batch from its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
}

/// Why a schedule cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It says something that cannot be done; each problem as `file:line: field: what is wrong`.
    #[error("{}", .0.join("\n"))]
    Invalid(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    seed: Option<u64>,
    #[serde(rename = "fault", default)]
    faults: Vec<Spanned<Fault>>,
}

/// What a strike may leave in the place of the state info.
pub(crate) const CONTENTS: [&str; 6] = [
    "missing",
    "empty",
    "truncated",
    "one-line",
    "foreign",
    "byte-order-mark",
];
const SERVICES: [&str; 10] = [
    "s3",
    "elasticmapreduce",
    "states",
    "sns",
    "lambda",
    "events",
    "scheduler",
    "sqs",
    "ec2",
    "sts",
];
const ROLES: [&str; 3] = ["primary", "core", "task"];

impl Fault {
    /// A fault of this kind that strikes the first thing it can.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            service: None,
            action: None,
            function: None,
            machine: None,
            state: None,
            table: None,
            step: None,
            role: None,
            nth: None,
            times: None,
            after_seconds: None,
            code: None,
            content: None,
            input: None,
        }
    }

    /// The service as requests are signed for it.
    pub(crate) fn signing_service(&self) -> Option<&str> {
        self.service.as_deref().map(|service| match service {
            "emr" => "elasticmapreduce",
            "sfn" | "stepfunctions" => "states",
            other => other,
        })
    }

    /// One line for people.
    pub fn describe(&self) -> String {
        let mut words = vec![self.kind.to_string()];
        let mut say = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                words.push(format!("{name} {value}"));
            }
        };
        let call = match (self.signing_service(), &self.action) {
            (Some(service), Some(action)) => Some(format!("{service}:{action}")),
            (Some(service), None) => Some(service.to_owned()),
            (None, action) => action.clone(),
        };
        say("of", call);
        say("by", self.function.clone());
        say("in", self.machine.clone());
        say("at", self.state.as_ref().map(|state| format!("`{state}`")));
        say("step", self.step.as_ref().map(|step| format!("`{step}`")));
        say("table", self.table.clone());
        say("role", self.role.clone());
        say("content", self.content.clone());
        say("nth", self.nth.map(|nth| nth.to_string()));
        say("times", self.times.map(|times| times.to_string()));
        say("after", self.after_seconds.map(|span| format!("{span} s")));
        say("input", self.input.clone());
        words.join(" ")
    }

    /// Which fields are set, and what is wrong with them.
    fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let set = [
            ("service", self.service.is_some()),
            ("action", self.action.is_some()),
            ("function", self.function.is_some()),
            ("machine", self.machine.is_some()),
            ("state", self.state.is_some()),
            ("table", self.table.is_some()),
            ("step", self.step.is_some()),
            ("role", self.role.is_some()),
            ("nth", self.nth.is_some()),
            ("times", self.times.is_some()),
            ("after_seconds", self.after_seconds.is_some()),
            ("code", self.code.is_some()),
            ("content", self.content.is_some()),
            ("input", self.input.is_some()),
        ];
        let allowed = self.kind.fields();
        for (name, _) in set.iter().filter(|(_, is_set)| *is_set) {
            if !allowed.contains(name) {
                problems.push((
                    *name,
                    format!(
                        "{} does not take it; it takes {}",
                        self.kind,
                        allowed.join(", ")
                    ),
                ));
            }
        }
        if let Some(service) = self.signing_service()
            && !SERVICES.contains(&service)
        {
            problems.push((
                "service",
                format!(
                    "there is no service `{service}`; there are {}",
                    SERVICES.join(", ")
                ),
            ));
        }
        for (name, number) in [("nth", self.nth), ("times", self.times)] {
            if number == Some(0) {
                problems.push((name, "must be 1 or more".to_owned()));
            }
        }
        let one_of = |name: &'static str, value: &Option<String>, known: &[&str]| {
            let value = value.as_deref().filter(|value| !known.contains(value))?;
            Some((
                name,
                format!("`{value}` is not one of {}", known.join(", ")),
            ))
        };
        problems.extend(one_of("content", &self.content, &CONTENTS));
        problems.extend(one_of("role", &self.role, &ROLES));
        if self.kind == Kind::StateInfo && self.content.is_none() {
            problems.push((
                "content",
                format!("is missing; say one of {}", CONTENTS.join(", ")),
            ));
        }
        if self.kind.target() == Target::Moment
            && self.state.is_some() == self.after_seconds.is_some()
        {
            problems.push((
                "state",
                "say when: either the state that is entered, or after_seconds".to_owned(),
            ));
        }
        let document = |text: &str| serde_json::from_str::<serde_json::Value>(text);
        if let Some(Err(error)) = self.input.as_deref().map(document) {
            problems.push(("input", format!("is not JSON: {error}")));
        }
        if matches!(self.kind, Kind::CrashBefore | Kind::CrashAfter)
            && self.signing_service() == Some("lambda")
        {
            problems.push((
                "service",
                "only functions crash, and they do not call lambda; use function-crash".to_owned(),
            ));
        }
        problems
    }
}

impl Schedule {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ScheduleError> {
        let text = std::fs::read_to_string(path).map_err(|source| ScheduleError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads a text; `name` is what problems call it.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScheduleError> {
        let document: Document = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            ScheduleError::Invalid(vec![format!("{name}:{line}: {}", error.message())])
        })?;
        let mut problems = Vec::new();
        let mut faults = Vec::new();
        for fault in document.faults {
            let span = fault.span();
            for (field, problem) in fault.get_ref().problems() {
                let line = line_of_field(text, span.clone(), field);
                problems.push(format!("{name}:{line}: {field}: {problem}"));
            }
            faults.push(fault.into_inner());
        }
        if problems.is_empty() {
            let seed = document.seed;
            Ok(Self { seed, faults })
        } else {
            Err(ScheduleError::Invalid(problems))
        }
    }

    /// The schedule as a file.
    pub fn to_toml(&self) -> String {
        // Numbers and texts only; there is nothing that TOML could not express.
        toml::to_string(self).unwrap_or_default()
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.bytes().filter(|byte| *byte == b'\n').count() + 1
}

/// The line of a field within a fault; the fault's own line if it is not there.
fn line_of_field(text: &str, span: std::ops::Range<usize>, field: &str) -> usize {
    let first = line_of(text, span.start);
    let lines = text.lines().enumerate().skip(first - 1);
    let mut own = lines
        .take_while(|(index, line)| *index + 1 == first || !line.trim_start().starts_with("[["));
    let found = own.find(|(_, line)| {
        line.split_once('=')
            .is_some_and(|(name, _)| name.trim() == field)
    });
    found.map_or(first, |(index, _)| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_read_as_it_was_written() {
        let text = "seed = 7\n\n[[fault]]\nkind = \"lose-response\"\nservice = \"emr\"\naction = \"RunJobFlow\"\n\n\
                    [[fault]]\nkind = \"abort\"\nmachine = \"master\"\nstate = \"Load the dimensions\"\n";
        let schedule = Schedule::parse("f.toml", text).unwrap();
        assert_eq!(schedule.seed, Some(7));
        assert_eq!(schedule.faults.len(), 2);
        assert_eq!(
            schedule.faults[0].describe(),
            "lose-response of elasticmapreduce:RunJobFlow"
        );
        let again = Schedule::parse("again", &schedule.to_toml()).unwrap();
        assert_eq!(again, schedule);
    }

    #[test]
    fn every_problem_is_named_with_its_line_and_field() {
        let text = "[[fault]]\nkind = \"throttle\"\nservice = \"dynamodb\"\nnth = 0\n\n[[fault]]\nkind = \"step-fails\"\n\
                    action = \"RunJobFlow\"\n\n[[fault]]\nkind = \"state-info\"\ncontent = \"odd\"\nafter_seconds = 5\n";
        let error = Schedule::parse("f.toml", text).unwrap_err().to_string();
        let lines: Vec<&str> = error.lines().collect();
        assert_eq!(lines.len(), 4, "{error}");
        assert!(lines[0].starts_with("f.toml:3: service: there is no service `dynamodb`"));
        assert_eq!(lines[1], "f.toml:4: nth: must be 1 or more");
        assert!(lines[2].starts_with("f.toml:8: action: step-fails does not take it"));
        assert!(lines[3].starts_with("f.toml:12: content: `odd` is not one of"));
    }

    #[test]
    fn an_unknown_kind_and_an_unknown_field_are_named_with_their_line() {
        let text = "[[fault]]\nkind = \"explode\"\n";
        let error = Schedule::parse("f.toml", text).unwrap_err().to_string();
        assert!(error.starts_with("f.toml:2: "), "{error}");
        assert!(error.contains("explode"), "{error}");
        let text = "[[fault]]\nkind = \"throttle\"\nservcie = \"s3\"\n";
        let error = Schedule::parse("f.toml", text).unwrap_err().to_string();
        assert!(error.starts_with("f.toml:3: "), "{error}");
        assert!(error.contains("servcie"), "{error}");
    }

    #[test]
    fn a_moment_needs_a_state_or_a_time() {
        let error = Schedule::parse("f.toml", "[[fault]]\nkind = \"abort\"\n").unwrap_err();
        assert!(error.to_string().contains("say when"), "{error}");
    }

    #[test]
    fn the_example_can_be_read() {
        let text = include_str!("../example-faults.toml");
        let schedule = Schedule::parse("example-faults.toml", text).unwrap();
        assert_eq!(schedule.faults.len(), 6);
        for kind in Kind::ALL {
            assert!(
                text.contains(&kind.to_string()),
                "{kind} is not in the example"
            );
        }
    }

    #[test]
    fn every_kind_says_which_fields_it_takes() {
        for kind in Kind::ALL {
            assert!(kind.fields().contains(&"nth"), "{kind}");
        }
    }
}
