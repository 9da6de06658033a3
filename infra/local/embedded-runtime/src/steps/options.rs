//! Command lines of steps: options with values, one after another, each known or refused by name.

use super::failure::CommandFailure;

/// The words of a command line that have not been looked at.
pub(super) struct Words<'a> {
    command: &'static str,
    rest: std::slice::Iter<'a, String>,
}

impl<'a> Words<'a> {
    pub(super) fn new(command: &'static str, args: &'a [String]) -> Self {
        Self {
            command,
            rest: args.iter(),
        }
    }

    pub(super) fn next(&mut self) -> Option<&'a str> {
        self.rest.next().map(String::as_str)
    }

    /// The value of an option: behind its `=`, or the next word.
    pub(super) fn value(
        &mut self,
        option: &str,
        inline: Option<&str>,
    ) -> Result<String, CommandFailure> {
        match inline {
            Some(value) => Ok(value.to_owned()),
            None => match self.next() {
                Some(value) => Ok(value.to_owned()),
                None => Err(CommandFailure::new(format!(
                    "{}: the option {option} needs a value",
                    self.command
                ))),
            },
        }
    }

    /// A `key=value` pair.
    pub(super) fn pair(
        &mut self,
        option: &str,
        inline: Option<&str>,
    ) -> Result<(String, String), CommandFailure> {
        let text = self.value(option, inline)?;
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(CommandFailure::new(format!(
                "{}: the option {option} needs key=value, and has {text:?}",
                self.command
            ))),
        }
    }

    /// Refuses a word.
    pub(super) fn unknown<T>(&self, word: &str) -> Result<T, CommandFailure> {
        Err(CommandFailure::new(format!(
            "{}: the local runtime does not support {word:?}",
            self.command
        )))
    }
}

/// `--name=value` in its two parts.
pub(super) fn split_option(word: &str) -> (&str, Option<&str>) {
    match word.split_once('=') {
        Some((name, value)) if word.starts_with("--") => (name, Some(value)),
        _ => (word, None),
    }
}
