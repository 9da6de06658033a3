//! Errors, with the codes and words of the reference implementation.

/// Why an expression cannot be parsed or evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{message}", self.code, if self.code.is_empty() { "" } else { ": " })]
pub struct Error {
    /// `T0410`, for instance; empty where the reference implementation has none.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
}

impl Error {
    /// An error of a code.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// An error that has no code, such as one of a function that the host offers.
    pub fn plain(message: impl Into<String>) -> Self {
        Self::new("", message)
    }

    /// The same, of a bound on evaluations.
    pub(crate) fn stack() -> Self {
        Self::plain(
            "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive.",
        )
    }

    pub(crate) fn time() -> Self {
        Self::plain("Expression evaluation timeout: Check for infinite loop")
    }

    pub(crate) fn memory() -> Self {
        Self::plain("Expression evaluation memory limit exceeded: Check for excessive memory usage")
    }
}

/// A text in quotes, as messages show it.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
