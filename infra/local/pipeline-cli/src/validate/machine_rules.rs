//! The rules for one state machine file by itself. `validate` calls every one of [`RULES`] for every machine.

use std::collections::BTreeSet;

use super::machine::{Level, Machine, State};
use super::problem::Problem;
use super::source::Node;

/// A rule: what it finds wrong in one machine.
pub type Rule = fn(&Machine) -> Vec<Problem>;

/// All rules that need nothing but the machine.
pub const RULES: &[Rule] = &[
    unreachable_state,
    choice_without_default,
    task_without_retry,
    task_without_catch,
    task_without_timeout,
    machine_without_timeout,
    catch_all_not_alone_and_last,
    heartbeat_not_below_timeout,
    literal_account_region_or_arn,
];

fn unreachable_state(machine: &Machine) -> Vec<Problem> {
    let mut problems = Vec::new();
    for level in machine.levels() {
        let states = level.each_state();
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = level
            .node
            .get("StartAt")
            .and_then(Node::text)
            .into_iter()
            .collect();
        while let Some(name) = open.pop() {
            if reached.insert(name)
                && let Some(state) = states.iter().find(|state| state.name == name)
            {
                open.extend(state.successors());
            }
        }
        for state in states.iter().filter(|state| !reached.contains(state.name)) {
            problems.push(Problem::new(
                "unreachable-state",
                &machine.file,
                state.line,
                format!("no way leads from `StartAt` to the state `{}`.", state.name),
                "Name it in a Next, Default, Choices or Catch, or remove it.",
            ));
        }
    }
    problems
}

fn choice_without_default(machine: &Machine) -> Vec<Problem> {
    let lacks = |state: &State<'_>| state.kind() == "Choice" && state.node.get("Default").is_none();
    each(machine, lacks, |state| {
        (
            "choice-without-default",
            format!(
                "the Choice `{}` has no Default: a value that it does not expect ends the execution with States.NoChoiceMatched.",
                state.name
            ),
            "Add a Default that leads to the failure handler.",
        )
    })
}

fn task_without_retry(machine: &Machine) -> Vec<Problem> {
    let lacks = |state: &State<'_>| state.kind() == "Task" && is_empty(state.node.get("Retry"));
    each(machine, lacks, |state| {
        (
            "task-without-retry",
            format!(
                "the Task `{}` has no Retry: one throttled call fails the run.",
                state.name
            ),
            "Add a Retry for throttling and transient errors, with BackoffRate, MaxAttempts and JitterStrategy.",
        )
    })
}

fn task_without_catch(machine: &Machine) -> Vec<Problem> {
    let levels = machine.levels();
    let open = levels.iter().filter(|level| !level.caught_outside);
    let tasks = open
        .flat_map(Level::each_state)
        .filter(|state| state.kind() == "Task");
    tasks
        .filter(|state| is_empty(state.node.get("Catch")))
        .map(|state| {
            Problem::new(
                "task-without-catch",
                &machine.file,
                state.line,
                format!("the Task `{}` has no Catch, nor has a Map or Parallel around it: its failure ends the machine without clean-up.", state.name),
                "Add a Catch of States.ALL that leads to the failure handler.",
            )
        })
        .collect()
}

fn task_without_timeout(machine: &Machine) -> Vec<Problem> {
    let lacks = |state: &State<'_>| {
        state.kind() == "Task"
            && state.node.get("TimeoutSeconds").is_none()
            && state.node.get("TimeoutSecondsPath").is_none()
    };
    each(machine, lacks, |state| {
        (
            "task-without-timeout",
            format!(
                "the Task `{}` has no TimeoutSeconds: it may wait for 99999999 seconds.",
                state.name
            ),
            "Add TimeoutSeconds.",
        )
    })
}

fn machine_without_timeout(machine: &Machine) -> Vec<Problem> {
    if machine.node.get("TimeoutSeconds").is_some() {
        return Vec::new();
    }
    vec![Problem::new(
        "machine-without-timeout",
        &machine.file,
        machine.node.line,
        "the state machine has no TimeoutSeconds of its own: an execution may run for a year.",
        "Add TimeoutSeconds beside StartAt.",
    )]
}

fn catch_all_not_alone_and_last(machine: &Machine) -> Vec<Problem> {
    let mut problems = Vec::new();
    for state in machine.states() {
        for field in ["Retry", "Catch"] {
            let lists = state.error_lists(field);
            for (index, list) in lists.iter().enumerate() {
                if !list
                    .items()
                    .iter()
                    .any(|name| name.text() == Some("States.ALL"))
                {
                    continue;
                }
                let mut find = |message: String, advice: &str| {
                    problems.push(Problem::new(
                        "catch-all-placement",
                        &machine.file,
                        list.line,
                        message,
                        advice,
                    ));
                };
                if list.items().len() > 1 {
                    find(
                        format!("States.ALL is not alone in a {field} of `{}`.", state.name),
                        "Give it an entry of its own.",
                    );
                }
                if index + 1 < lists.len() {
                    find(
                        format!(
                            "States.ALL is not the last {field} of `{}`: the entries after it never match.",
                            state.name
                        ),
                        "Move the entry to the end.",
                    );
                }
            }
        }
    }
    problems
}

fn heartbeat_not_below_timeout(machine: &Machine) -> Vec<Problem> {
    let wrong = |state: &State<'_>| {
        let seconds = |name| state.node.get(name).and_then(Node::number);
        matches!((seconds("HeartbeatSeconds"), seconds("TimeoutSeconds")), (Some(heartbeat), Some(timeout)) if heartbeat >= timeout)
    };
    each(machine, wrong, |state| {
        (
            "heartbeat-not-below-timeout",
            format!(
                "HeartbeatSeconds of `{}` is not smaller than its TimeoutSeconds.",
                state.name
            ),
            "Make the heartbeat shorter.",
        )
    })
}

fn literal_account_region_or_arn(machine: &Machine) -> Vec<Problem> {
    let mut problems = Vec::new();
    machine.node.each_text(&mut |node, text| {
        if let Some(what) = literal_in(text) {
            problems.push(Problem::new(
                "literal-address",
                &machine.file,
                node.line,
                format!("{what} is written out in `{text}`."),
                "Write ${Name} and give its value in the template's DefinitionSubstitutions.",
            ));
        }
    });
    problems
}

/// What in a text belongs to one account or region. Addresses of service integrations (`arn:aws:states:::…`) belong to none.
pub(super) fn literal_in(text: &str) -> Option<String> {
    let text = &without_substitutions(text);
    if text.contains("arn:") {
        let arn = text[text.find("arn:")?..]
            .split(char::is_whitespace)
            .next()?;
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let integration = parts.get(2) == Some(&"states")
            && parts.get(3) == Some(&"")
            && parts.get(4) == Some(&"");
        let literal = parts.get(3..5).is_some_and(|place| {
            place
                .iter()
                .any(|part| !["", OPEN, AWS_ITSELF].contains(part))
        });
        if literal && !integration {
            return Some("an ARN".to_owned());
        }
    }
    let word_break = |letter: char| !(letter.is_ascii_alphanumeric() || letter == '-');
    for word in text.split(word_break) {
        if word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(format!("the account {word}"));
        }
        if let Some(region) = region_in(word) {
            return Some(format!("the region {region}"));
        }
    }
    None
}

/// What stands for a substitution while addresses are taken apart: its own colons (`${AWS::Region}`) would be in the way.
const OPEN: &str = "$";

/// The account of policies that AWS manages.
const AWS_ITSELF: &str = "aws";

fn without_substitutions(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        plain.push_str(before);
        plain.push_str(OPEN);
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    plain + rest
}

/// The region in words that hyphens join: `workarea-us-east-1-logs` has one.
fn region_in(word: &str) -> Option<String> {
    const AREAS: &[&str] = &["af", "ap", "ca", "cn", "eu", "il", "me", "mx", "sa", "us"];
    const DIRECTIONS: &[&str] = &[
        "central",
        "east",
        "north",
        "northeast",
        "northwest",
        "south",
        "southeast",
        "southwest",
        "west",
    ];
    let parts: Vec<&str> = word.split('-').filter(|part| *part != "gov").collect();
    let is_number = |text: &str| text.len() == 1 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_region = |parts: &&[&str]| {
        AREAS.contains(&parts[0]) && DIRECTIONS.contains(&parts[1]) && is_number(parts[2])
    };
    parts
        .windows(3)
        .find(is_region)
        .map(|parts| parts.join("-"))
}

fn is_empty(node: Option<&Node>) -> bool {
    node.is_none_or(|node| node.items().is_empty())
}

/// One finding for every state for which `wrong` holds.
fn each(
    machine: &Machine,
    wrong: impl Fn(&State<'_>) -> bool,
    say: impl Fn(&State<'_>) -> (&'static str, String, &'static str),
) -> Vec<Problem> {
    let states = machine.states();
    let found = states.iter().filter(|state| wrong(state));
    found
        .map(|state| {
            let (rule, message, advice) = say(state);
            Problem::new(rule, &machine.file, state.line, message, advice)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that no rule minds; tests plant one defect each by replacing a piece of it.
    const SOUND: &str = r#"{
  "StartAt": "Ask",
  "TimeoutSeconds": 3600,
  "States": {
    "Ask": {
      "Type": "Task",
      "Resource": "arn:aws:states:::lambda:invoke",
      "Arguments": {"FunctionName": "${AskFunction}"},
      "TimeoutSeconds": 60,
      "HeartbeatSeconds": 20,
      "Retry": [
        {"ErrorEquals": ["Throttled"], "MaxAttempts": 3},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}
      ],
      "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
      "Next": "Answered?"
    },
    "Answered?": {
      "Type": "Choice",
      "Choices": [{"Variable": "$.Status", "StringEquals": "SUCCESS", "Next": "Done"}],
      "Default": "Failed"
    },
    "Done": {"Type": "Succeed"},
    "Failed": {"Type": "Fail", "Error": "Refused"}
  }
}
"#;

    fn findings(text: &str) -> Vec<(&'static str, usize)> {
        let machine = Machine::parse("m.asl.json", text).unwrap();
        let problems = RULES.iter().flat_map(|rule| rule(&machine));
        problems
            .map(|problem| (problem.rule, problem.line))
            .collect()
    }

    fn plant(old: &str, new: &str) -> Vec<(&'static str, usize)> {
        assert!(SOUND.contains(old), "the sound machine has no {old}");
        findings(&SOUND.replacen(old, new, 1))
    }

    #[test]
    fn reports_a_state_that_no_way_leads_to() {
        let found = plant(
            "\"Done\": {\"Type\": \"Succeed\"}",
            "\"Lost\": {\"Type\": \"Succeed\"},\n    \"Done\": {\"Type\": \"Succeed\"}",
        );
        assert_eq!(found, [("unreachable-state", 23)]);
    }

    #[test]
    fn reports_an_unreachable_state_inside_a_map() {
        let inner = r#""Done": {"Type": "Map", "ItemProcessor": {"StartAt": "In", "States": {"In": {"Type": "Succeed"}, "Out": {"Type": "Succeed"}}}, "End": true}"#;
        assert_eq!(
            plant("\"Done\": {\"Type\": \"Succeed\"}", inner),
            [("unreachable-state", 23)]
        );
    }

    #[test]
    fn reports_a_choice_without_default() {
        assert_eq!(
            plant(
                "\"Next\": \"Done\"}],\n      \"Default\": \"Failed\"",
                "\"Next\": \"Done\"}]"
            ),
            [("choice-without-default", 18)]
        );
    }

    #[test]
    fn reports_a_task_without_retry_or_with_an_empty_one() {
        let start = SOUND.find("\"Retry\"").unwrap();
        let end = SOUND.find("\"Catch\"").unwrap();
        let without = format!("{}{}", &SOUND[..start], &SOUND[end..]);
        assert_eq!(findings(&without), [("task-without-retry", 5)]);
        let empty = format!("{}\"Retry\": [],\n{}", &SOUND[..start], &SOUND[end..]);
        assert_eq!(findings(&empty), [("task-without-retry", 5)]);
    }

    #[test]
    fn reports_a_task_without_catch() {
        let found = plant(
            "      \"Catch\": [{\"ErrorEquals\": [\"States.ALL\"], \"Next\": \"Failed\"}],\n",
            "",
        );
        assert_eq!(found, [("task-without-catch", 5)]);
    }

    #[test]
    fn a_catch_of_the_map_around_a_task_is_enough() {
        let catch =
            "      \"Catch\": [{\"ErrorEquals\": [\"States.ALL\"], \"Next\": \"Failed\"}],\n";
        let task = r#"{"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "${X}", "TimeoutSeconds": 1, "Retry": [{"ErrorEquals": ["Throttled"]}], "End": true}}}"#;
        let map = format!(
            "\"Done\": {{\"Type\": \"Map\",\n{catch} \"ItemProcessor\": {task}, \"End\": true}}"
        );
        assert_eq!(plant("\"Done\": {\"Type\": \"Succeed\"}", &map), []);
        assert_eq!(
            plant("\"Done\": {\"Type\": \"Succeed\"}", &map.replace(catch, "")),
            [("task-without-catch", 24)]
        );
    }

    #[test]
    fn reports_a_task_without_timeout() {
        assert_eq!(
            plant("      \"TimeoutSeconds\": 60,\n", ""),
            [("task-without-timeout", 5)]
        );
    }

    #[test]
    fn reports_a_machine_without_timeout() {
        assert_eq!(
            plant("  \"TimeoutSeconds\": 3600,\n", ""),
            [("machine-without-timeout", 1)]
        );
    }

    #[test]
    fn reports_a_catch_all_that_is_not_alone() {
        assert_eq!(
            plant(
                "[\"States.ALL\"], \"MaxAttempts\"",
                "[\"States.ALL\", \"Throttled\"], \"MaxAttempts\""
            ),
            [("catch-all-placement", 13)]
        );
    }

    #[test]
    fn reports_a_catch_all_that_is_not_last() {
        assert_eq!(
            plant("[\"Throttled\"]", "[\"States.ALL\"]"),
            [("catch-all-placement", 12)]
        );
    }

    #[test]
    fn reports_a_heartbeat_as_long_as_the_timeout() {
        assert_eq!(
            plant("\"HeartbeatSeconds\": 20", "\"HeartbeatSeconds\": 60"),
            [("heartbeat-not-below-timeout", 5)]
        );
    }

    #[test]
    fn reports_literal_arns_accounts_and_regions() {
        for literal in [
            "arn:aws:lambda:${Region}:123456789012:function:ask",
            "arn:aws:sns:eu-west-1::topic",
            "123456789012",
            "workarea-us-gov-west-1",
            "s3://workarea.eu-central-1/x",
        ] {
            let found = plant("${AskFunction}", literal);
            assert_eq!(found, [("literal-address", 8)], "{literal}");
        }
    }

    #[test]
    fn an_arn_whose_place_is_open_is_no_literal() {
        for open in [
            "arn:${AWS::Partition}:emr:${AWS::Region}:${AWS::AccountId}:cluster/*",
            "arn:${P}:states:::aws-sdk:s3:putObject",
            "arn:aws:iam::aws:policy/X",
        ] {
            assert_eq!(literal_in(open), None, "{open}");
        }
    }

    #[test]
    fn has_nothing_against_a_sound_machine() {
        assert_eq!(findings(SOUND), []);
    }
}
