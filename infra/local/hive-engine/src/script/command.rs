//! Commands that Hive's client carries out itself: SET, RESET, SOURCE, QUIT, and those that are refused by name.

use super::variables::Variables;
use crate::error::Failure;

/// A command of the client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `SET key=value`.
    Set(String, String),
    /// `SET key`.
    Show(String),
    /// `SET`.
    ShowAll,
    /// `RESET`.
    Reset,
    /// `SOURCE file`.
    Source(String),
    /// `QUIT` or `EXIT`.
    Quit,
}

/// The command that a statement is, if it is one and no HiveQL.
///
/// # Errors
/// [`Failure::Unsupported`] for commands that reach outside of Hive.
pub(crate) fn read(text: &str) -> Result<Option<Command>, Failure> {
    if text.starts_with('!') {
        return Err(Failure::unsupported("the shell command '!'"));
    }
    let end = text
        .find(|character: char| !character.is_alphanumeric() && character != '_')
        .unwrap_or(text.len());
    let (word, rest) = (text[..end].to_ascii_lowercase(), text[end..].trim());
    let second = rest
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase();
    match word.as_str() {
        "set" => set(rest).map(Some),
        "reset" if rest.is_empty() => Ok(Some(Command::Reset)),
        "source" => {
            let file = rest.trim_matches(['\'', '"']);
            if file.is_empty() {
                Err(Failure::syntax("SOURCE needs a file"))
            } else {
                Ok(Some(Command::Source(file.to_owned())))
            }
        }
        "quit" | "exit" if rest.is_empty() => Ok(Some(Command::Quit)),
        "dfs" => Err(Failure::unsupported("the command dfs")),
        "add" | "delete" | "list"
            if ["JAR", "JARS", "FILE", "FILES", "ARCHIVE", "ARCHIVES"]
                .contains(&second.as_str()) =>
        {
            Err(Failure::unsupported(format!(
                "the command {} {second}",
                word.to_uppercase()
            )))
        }
        "compile" | "reload" => Err(Failure::unsupported(format!(
            "the command {}",
            word.to_uppercase()
        ))),
        _ => Ok(None),
    }
}

fn set(rest: &str) -> Result<Command, Failure> {
    if rest.is_empty() {
        return Ok(Command::ShowAll);
    }
    if rest == "-v" {
        return Err(Failure::unsupported("SET -v"));
    }
    match rest.split_once('=') {
        None => Ok(Command::Show(rest.to_owned())),
        Some((key, _)) if key.trim().is_empty() => {
            Err(Failure::syntax("SET needs a name before '='"))
        }
        Some((key, value)) => Ok(Command::Set(key.trim().to_owned(), value.trim().to_owned())),
    }
}

/// Carries out `SET key=value`.
///
/// # Errors
/// For a name space that cannot be set.
pub(crate) fn assign(variables: &mut Variables, key: &str, value: String) -> Result<(), Failure> {
    match key.split_once(':') {
        Some(("hivevar", name)) => variables.hivevar.insert(name.to_owned(), value),
        Some(("hiveconf", name)) => variables.hiveconf.insert(name.to_owned(), value),
        Some((space @ ("system" | "env" | "metaconf"), _)) => {
            return Err(Failure::unsupported(format!("setting {space}: variables")));
        }
        _ => variables.hiveconf.insert(key.to_owned(), value),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_outside_is_refused_by_name() {
        for (text, name) in [
            ("!ls", "'!'"),
            ("dfs -ls /", "dfs"),
            ("ADD JAR s3://b/x.jar", "ADD JAR"),
            ("list files", "LIST FILES"),
        ] {
            assert!(read(text).unwrap_err().to_string().contains(name), "{text}");
        }
    }

    #[test]
    fn a_value_may_hold_anything() {
        let set = |key: &str, value: &str| Some(Command::Set(key.to_owned(), value.to_owned()));
        assert_eq!(
            read("SET a = s3://b/k=1?x=y ").unwrap(),
            set("a", "s3://b/k=1?x=y")
        );
        assert_eq!(read("set hivevar:x=").unwrap(), set("hivevar:x", ""));
        assert_eq!(read("set a").unwrap(), Some(Command::Show("a".to_owned())));
        assert_eq!(read("select 1").unwrap(), None);
        assert_eq!(read("delete from t").unwrap(), None);
    }
}
