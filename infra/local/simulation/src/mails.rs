//! The third promise: exactly one mail per run that has something to say, and a resume input in every mail of a failure. The
//! simulation starts the next run with that input, as a person would.

use serde_json::Value;

use crate::sight::own_name;
use crate::timeline::Mail;

/// How to go on, as a mail says it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resume {
    /// The machine to start.
    pub(crate) machine: String,
    /// Its input.
    pub(crate) input: Value,
}

/// The mails that are about an execution: they name it in their line `Run`.
pub(crate) fn about<'a>(mails: &'a [Mail], execution_arn: &str) -> Vec<&'a Mail> {
    let name = execution_arn.rsplit(':').next().unwrap_or_default();
    let names = |mail: &&Mail| {
        let mut lines = mail.message.lines().map(str::split_whitespace);
        lines.any(|mut words| words.next() == Some("Run") && words.next() == Some(name))
    };
    mails.iter().filter(names).collect()
}

/// What a mail says after a label at the beginning of a line.
pub(crate) fn field<'a>(mail: &'a Mail, label: &str) -> Option<&'a str> {
    let mut lines = mail.message.lines();
    lines.find_map(|line| {
        let rest = line.strip_prefix(label)?;
        (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim())
    })
}

/// The labels and headings that a mail lacks.
pub(crate) fn missing<'a>(mail: &Mail, labels: &[&'a str]) -> Vec<&'a str> {
    let missing = labels.iter().filter(|label| field(mail, label).is_none());
    missing.copied().collect()
}

/// Whether a mail tells of a run.
pub(crate) fn is_about_a_run(mail: &Mail) -> bool {
    field(mail, "Run").is_some()
}

/// What a mail says to start: its line `Input`, and the state machine of the command below it.
pub(crate) fn resume(mail: &Mail) -> Option<Resume> {
    let mut inputs = mail.message.lines().filter_map(|line| {
        let text = line.trim().strip_prefix("Input ")?;
        serde_json::from_str::<Value>(text.trim()).ok()
    });
    let input = inputs.next_back()?;
    let machine = mail.message.split_once(":stateMachine:").map(|(_, rest)| {
        let end = rest.find(|letter: char| letter.is_whitespace() || letter == ':');
        own_name(&rest[..end.unwrap_or(rest.len())]).to_owned()
    });
    Some(Resume {
        machine: machine.unwrap_or_else(|| "master".to_owned()),
        input,
    })
}

/// Whether a mail says that its batch is loaded.
pub(crate) fn tells_of_a_load(mail: &Mail) -> bool {
    let first = mail.message.lines().next();
    first.is_some_and(|line| line.ends_with(" is loaded."))
}

/// The batch that a mail resumes, and what its table `Data` says of each table.
pub(crate) fn data(mail: &Mail) -> Option<(String, Vec<(&str, &str)>)> {
    let batch = resume(mail)?.input["BatchId"].as_str()?.to_owned();
    let (_, table) = mail.message.split_once("\nData\n")?;
    let rows = table.lines().skip(1).map_while(|line| {
        let (name, rest) = line.trim().split_once(' ')?;
        let (state, _rows) = rest.trim().rsplit_once(' ')?;
        name.contains('.').then(|| (name, state.trim()))
    });
    Some((batch, rows.collect()))
}

/// The object that a mail says to remove, as bucket and key, with the command that removes it.
pub(crate) fn removal(mail: &Mail) -> Option<(String, String)> {
    let mut lines = mail.message.lines();
    lines.find_map(|line| {
        let address = line.trim().strip_prefix("aws s3 rm s3://")?;
        let (bucket, key) = address.split_once('/')?;
        Some((bucket.to_owned(), key.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MAIL: &str = "Batch b1 FAILED.\n\nRun        run-1\nStarted    2026-11-21\n\nTo resume\n  \
        Input   {\"BatchId\":\"b1\",\"StartFrom\":\"Facts\"}\n\n  aws stepfunctions start-execution \\\n    \
        --state-machine-arn \\\n      arn:aws:states:us-east-1:000000000000:stateMachine:pipeline-master \\\n";

    fn mail(message: &str) -> Mail {
        Mail {
            subject: String::new(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn the_resume_input_and_its_machine_are_found() {
        let resume = resume(&mail(MAIL)).unwrap();
        assert_eq!(resume.input, json!({"BatchId": "b1", "StartFrom": "Facts"}));
        assert_eq!(resume.machine, "master");
        assert_eq!(super::resume(&mail("nothing to start")), None);
    }

    #[test]
    fn what_a_mail_says_of_the_tables_is_found() {
        let told = format!(
            "{MAIL}\nData\n  table      state      rows\n  fact.card  loaded, 2 to archive  10\n  \
             dimension.country  nothing landed  -\n  Nothing is lost.\n"
        );
        let tables = vec![
            ("fact.card", "loaded, 2 to archive"),
            ("dimension.country", "nothing landed"),
        ];
        assert_eq!(data(&mail(&told)), Some(("b1".to_owned(), tables)));
    }

    #[test]
    fn the_object_to_remove_is_found() {
        let told = format!("{MAIL}\n      aws s3 rm s3://b/state/pipeline.json\n");
        let object = ("b".to_owned(), "state/pipeline.json".to_owned());
        assert_eq!(removal(&mail(&told)), Some(object));
        assert_eq!(removal(&mail(MAIL)), None);
    }

    #[test]
    fn labels_and_headings_that_a_mail_lacks_are_named() {
        assert_eq!(
            missing(&mail(MAIL), &["Run", "To resume", "Cost", "Start"]),
            ["Cost", "Start"]
        );
        assert_eq!(field(&mail(MAIL), "Run"), Some("run-1"));
    }

    #[test]
    fn a_mail_is_about_the_run_that_it_names_whole() {
        let mails = [mail(MAIL), mail(&MAIL.replace("run-1", "run-1-facts-0"))];
        assert_eq!(about(&mails, "arn:x:run-1").len(), 1);
    }
}
