//! What a command says when it cannot do its work: what went wrong, where, and what to do about it.

use crate::display::paint::Paint;

/// The process's exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The run, or the command, failed.
    Failed = 1,
    /// Wrong usage, or invalid files.
    Usage = 2,
    /// Stopped with Ctrl-C.
    Interrupted = 130,
}

/// A command's error.
#[derive(Debug)]
pub struct Complaint {
    /// How the process exits.
    pub exit: Exit,
    /// What went wrong, with its sources.
    pub error: anyhow::Error,
    /// What to do.
    pub advice: String,
}

impl Complaint {
    /// Something failed that might work another time.
    pub fn failed(error: impl Into<anyhow::Error>, advice: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failed,
            error: error.into(),
            advice: advice.into(),
        }
    }

    /// What the user gave is wrong.
    pub fn usage(error: impl Into<anyhow::Error>, advice: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            ..Self::failed(error, advice)
        }
    }

    /// The complaint as it is printed: `error: …`, its sources, the advice.
    pub fn text(&self, paint: Paint) -> String {
        let mut text = format!("{} {}\n", paint.bad("error:"), self.error);
        let mut said = self.error.to_string();
        for source in self.error.chain().skip(1) {
            let source = source.to_string();
            // Many errors already say what their source says.
            if !said.contains(&source) {
                text.push_str(&format!("  because {source}\n"));
            }
            said = source;
        }
        if !self.advice.is_empty() {
            text.push_str(&format!("  {} {}\n", paint.active("="), self.advice));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn says_what_why_and_what_to_do() {
        let refused = std::io::Error::other("address in use");
        let error = Err::<(), _>(refused)
            .context("cannot listen on 127.0.0.1:4566")
            .unwrap_err();
        let text = Complaint::failed(error, "choose another --port").text(Paint::plain(80));
        assert_eq!(
            text,
            "error: cannot listen on 127.0.0.1:4566\n  because address in use\n  = choose another --port\n"
        );
    }

    #[test]
    fn a_source_that_is_part_of_its_error_is_not_said_twice() {
        let error = anyhow::Error::new(std::io::Error::other("disk full"))
            .context("cannot write x: disk full");
        assert!(
            !Complaint::failed(error, "")
                .text(Paint::plain(80))
                .contains("because")
        );
    }
}
