//! `bash -c` and `bash -lc`. A list of commands that this runtime has is run here, command by command; anything else is
//! given to the machine's own bash, which knows only what is installed on the machine.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use super::Steps;
use super::failure::CommandFailure;
use super::log::StepLog;

/// Commands that this runtime has itself.
const OWN: [&str; 5] = ["hive", "hive-script", "spark-sql", "s3-dist-cp", "aws"];

/// How a command follows the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joint {
    Always,
    IfSucceeded,
    IfFailed,
}

pub(super) async fn run(
    steps: &Steps,
    args: &[String],
    log: &StepLog,
) -> Result<(), CommandFailure> {
    let script = match args {
        [option, script, ..] if matches!(option.as_str(), "-c" | "-lc" | "-ec" | "-lec") => script,
        _ => {
            return Err(CommandFailure::new(format!(
                "the local runtime supports bash -c SCRIPT and bash -lc SCRIPT, not bash {}",
                args.join(" ")
            )));
        }
    };
    let stops_at_failure = args[0].contains('e');
    let arguments = &args[2..];
    match own_commands(script).filter(|_| arguments.is_empty()) {
        Some(commands) => run_own(steps, &commands, stops_at_failure, log).await,
        None => run_bash(&args[0], script, arguments, log).await,
    }
}

async fn run_own(
    steps: &Steps,
    commands: &[(Joint, Vec<String>)],
    mut stops_at_failure: bool,
    log: &StepLog,
) -> Result<(), CommandFailure> {
    let mut last = Ok(());
    for (position, (joint, words)) in commands.iter().enumerate() {
        let runs = match joint {
            Joint::Always => true,
            Joint::IfSucceeded => last.is_ok(),
            Joint::IfFailed => last.is_err(),
        };
        if !runs {
            continue;
        }
        last = match words
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            ["set", option] if option.starts_with('-') => {
                stops_at_failure |= option.contains('e');
                Ok(())
            }
            ["true"] => Ok(()),
            ["false"] => Err(CommandFailure::new("false")),
            ["echo", rest @ ..] => {
                log.output(&rest.join(" "));
                Ok(())
            }
            _ => steps.command(words, log).await,
        };
        let is_tested = commands
            .get(position + 1)
            .is_some_and(|(next, _)| *next != Joint::Always);
        if let Err(failure) = &last
            && !is_tested
        {
            if stops_at_failure {
                return last;
            }
            log.note(&failure.message.clone());
        }
    }
    last
}

/// The commands of a script, if it is nothing but a list of commands that this runtime has.
fn own_commands(script: &str) -> Option<Vec<(Joint, Vec<String>)>> {
    let pieces = split(script)?;
    let mut commands = Vec::new();
    let mut has_own = false;
    for (joint, text) in pieces {
        let words = shlex::split(&text)?;
        let Some(first) = words.first() else {
            continue;
        };
        let is_own = OWN.contains(&first.as_str());
        let is_builtin = matches!(first.as_str(), "set" | "true" | "false" | "echo");
        if !is_own && !is_builtin {
            return None;
        }
        has_own |= is_own;
        commands.push((joint, words));
    }
    has_own.then_some(commands)
}

/// Splits at `;`, new lines, `&&` and `||`. `None` if the script has anything else that only a shell understands.
fn split(script: &str) -> Option<Vec<(Joint, String)>> {
    let mut pieces = Vec::new();
    let mut joint = Joint::Always;
    let mut piece = String::new();
    let mut letters = script.chars().peekable();
    let mut quote = None;
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => {
                quote = None;
                piece.push(letter);
            }
            (Some('"'), '$' | '`')
            | (None, '$' | '`' | '<' | '>' | '(' | ')' | '{' | '}' | '*' | '?' | '~' | '#') => {
                return None;
            }
            (None, '\'' | '"') => {
                quote = Some(letter);
                piece.push(letter);
            }
            (_, '\\') if quote != Some('\'') => {
                piece.push(letter);
                piece.extend(letters.next());
            }
            (None, ';' | '\n') => pieces.push((
                std::mem::replace(&mut joint, Joint::Always),
                std::mem::take(&mut piece),
            )),
            (None, '&' | '|') => {
                // Alone it is a pipe or a job in the background.
                letters.next_if_eq(&letter)?;
                let next = if letter == '&' {
                    Joint::IfSucceeded
                } else {
                    Joint::IfFailed
                };
                pieces.push((
                    std::mem::replace(&mut joint, next),
                    std::mem::take(&mut piece),
                ));
            }
            _ => piece.push(letter),
        }
    }
    if quote.is_some() {
        return None;
    }
    pieces.push((joint, piece));
    Some(pieces)
}

async fn run_bash(
    option: &str,
    script: &str,
    arguments: &[String],
    log: &StepLog,
) -> Result<(), CommandFailure> {
    let mut command = Command::new("bash");
    command
        .arg(option)
        .arg(script)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| {
        CommandFailure::new(format!("cannot start this machine's bash: {error}"))
    })?;
    let _group = Group::of(&child);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (status, (), ()) = tokio::join!(
        child.wait(),
        lines(stdout, |line| log.output(line)),
        lines(stderr, |line| log.note(line)),
    );
    let status = status
        .map_err(|error| CommandFailure::new(format!("bash cannot be waited for: {error}")))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(127) => Err(CommandFailure::new(format!(
            "bash: command not found. A script that is more than a list of {} runs in this machine's bash, which has only \
             what is installed here",
            OWN.join(", ")
        ))
        .with_exit_code(127)),
        Some(code) => Err(CommandFailure::new(format!("bash exited with code {code}")).with_exit_code(code)),
        None => Err(CommandFailure::new("bash was killed")),
    }
}

async fn lines(stream: Option<impl AsyncRead + Unpin>, mut take: impl FnMut(&str)) {
    let Some(stream) = stream else {
        return;
    };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        take(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
        line.clear();
    }
}

/// What bash has started ends with the step.
struct Group {
    id: Option<u32>,
}

impl Group {
    fn of(child: &Child) -> Self {
        Self { id: child.id() }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.id
            && cfg!(unix)
        {
            // Fails when nothing of the group is left, which is the usual case.
            let _ = std::process::Command::new("kill")
                .args(["-KILL", "--", &format!("-{id}")])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_shell_understands_is_left_to_the_shell() {
        for script in [
            "hive -f $x",
            "ls",
            "hive -f a | tee b",
            "hive -f a > b",
            "hive -f \"a$b\"",
            "sleep 1 & hive -f a",
            "hive -f 'a",
            "echo only",
        ] {
            assert!(own_commands(script).is_none(), "{script}");
        }
    }

    #[test]
    fn lists_of_own_commands_are_taken_apart_as_a_shell_would() {
        let commands =
            own_commands("set -e; s3-dist-cp --src 'a b' --dest \"c;d\" && hive -f e || echo f")
                .unwrap();
        let words = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            commands,
            [
                (Joint::Always, words("set|-e")),
                (Joint::Always, words("s3-dist-cp|--src|a b|--dest|c;d")),
                (Joint::IfSucceeded, words("hive|-f|e")),
                (Joint::IfFailed, words("echo|f")),
            ]
        );
    }
}
