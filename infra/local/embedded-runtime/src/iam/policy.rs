//! A policy document as the template has it, resolved: its statements, and what they say of one action on one resource.

use serde_json::Value;

use super::condition::{self, Circumstances, Condition, texts};
use super::pattern;

/// A statement of a policy.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    /// `Sid`, or its place.
    pub(crate) name: String,
    pub(crate) denies: bool,
    actions: Names,
    resources: Names,
    conditions: Vec<Condition>,
}

/// What a statement is about: these, or all but these.
#[derive(Debug, Clone)]
struct Names {
    patterns: Vec<String>,
    excluded: bool,
}

impl Names {
    fn read(statement: &Value, name: &str) -> Result<Option<Self>, String> {
        for (key, excluded) in [(name.to_owned(), false), (format!("Not{name}"), true)] {
            if let Some(value) = statement.get(&key) {
                let patterns = texts(value)
                    .ok_or_else(|| format!("{key} must be a string or a list of strings"))?;
                return Ok(Some(Self { patterns, excluded }));
            }
        }
        Ok(None)
    }

    fn cover(&self, text: &str, case: impl Fn(&str) -> String) -> bool {
        let text = case(text);
        let covered = self
            .patterns
            .iter()
            .any(|wanted| pattern::matches(&case(wanted), &text));
        covered != self.excluded
    }
}

impl Statement {
    /// The statements of a document of a role.
    pub(crate) fn of_document(document: &Value) -> Result<Vec<Self>, String> {
        let statements = match &document["Statement"] {
            Value::Array(statements) => statements.clone(),
            one @ Value::Object(_) => vec![one.clone()],
            _ => return Err("a policy document needs Statement".to_owned()),
        };
        let read = |(index, statement): (usize, &Value)| Self::read(index, statement);
        statements.iter().enumerate().map(read).collect()
    }

    fn read(index: usize, statement: &Value) -> Result<Self, String> {
        let name = statement["Sid"]
            .as_str()
            .map_or_else(|| format!("statement {}", index + 1), str::to_owned);
        let failed = |problem: String| format!("{name}: {problem}");
        const KNOWN: [&str; 9] = [
            "Sid",
            "Effect",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
            "Principal",
            "NotPrincipal",
        ];
        let keys = statement
            .as_object()
            .into_iter()
            .flat_map(serde_json::Map::keys);
        for key in keys {
            if !KNOWN.contains(&key.as_str()) {
                return Err(failed(format!("{key} is not supported")));
            }
        }
        let denies = match statement["Effect"].as_str() {
            Some("Allow") => false,
            Some("Deny") => true,
            _ => return Err(failed("Effect must be Allow or Deny".to_owned())),
        };
        let actions = Names::read(statement, "Action").map_err(failed)?;
        let resources = Names::read(statement, "Resource").map_err(failed)?;
        let (Some(actions), Some(resources)) = (actions, resources) else {
            return Err(failed("Action and Resource are needed".to_owned()));
        };
        let conditions = match statement.get("Condition") {
            Some(block) => condition::read(block).map_err(failed)?,
            None => Vec::new(),
        };
        Ok(Self {
            name,
            denies,
            actions,
            resources,
            conditions,
        })
    }

    /// Whether it says anything of this call.
    pub(crate) fn applies(
        &self,
        action: &str,
        resource: &str,
        circumstances: &Circumstances,
    ) -> bool {
        self.actions.cover(action, str::to_lowercase)
            && self.resources.cover(resource, str::to_owned)
            && self
                .conditions
                .iter()
                .all(|condition| condition.is_met(circumstances))
    }

    /// The actions as they are written, for comparing them with what is used.
    pub(crate) fn actions(&self) -> &[String] {
        match self.actions.excluded {
            true => &[],
            false => &self.actions.patterns,
        }
    }

    /// The resources as they are written, for the same.
    pub(crate) fn resources(&self) -> &[String] {
        match self.resources.excluded {
            true => &[],
            false => &self.resources.patterns,
        }
    }

    /// The resource as it is written that covers this one; `*` where all but some are covered.
    pub(crate) fn resource_for(&self, resource: &str) -> &str {
        let mut written = self.resources().iter();
        written
            .find(|written| pattern::matches(written, resource))
            .map_or("*", String::as_str)
    }

    pub(crate) fn names_action(&self, written: &str, action: &str) -> bool {
        !self.actions.excluded
            && self
                .actions
                .patterns
                .iter()
                .any(|pattern| pattern == written)
            && pattern::matches(&written.to_lowercase(), &action.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn statement(value: Value) -> Statement {
        Statement::of_document(&json!({"Statement": value}))
            .unwrap()
            .remove(0)
    }

    #[test]
    fn a_statement_that_is_not_understood_is_refused_by_name() {
        let read =
            |value: Value| Statement::of_document(&json!({"Statement": [value]})).unwrap_err();
        assert_eq!(
            read(
                json!({"Sid": "S", "Effect": "Allow", "Action": "a:b", "Resource": "*", "When": 1})
            ),
            "S: When is not supported"
        );
        assert_eq!(
            read(json!({"Effect": "Maybe", "Action": "a:b", "Resource": "*"})),
            "statement 1: Effect must be Allow or Deny"
        );
        assert!(read(json!({"Effect": "Allow", "Action": "a:b"})).contains("Resource"));
    }

    #[test]
    fn actions_ignore_case_and_resources_do_not() {
        let one = statement(
            json!({"Effect": "Allow", "Action": "S3:getobject", "Resource": "arn:aws:s3:::b/K"}),
        );
        let here = Circumstances::default();
        assert!(one.applies("s3:GetObject", "arn:aws:s3:::b/K", &here));
        assert!(!one.applies("s3:GetObject", "arn:aws:s3:::b/k", &here));
    }

    #[test]
    fn all_but_these_are_covered() {
        let one = statement(
            json!({"Effect": "Deny", "NotAction": "s3:Get*", "NotResource": "arn:aws:s3:::b/open/*"}),
        );
        let here = Circumstances::default();
        assert!(one.applies("s3:PutObject", "arn:aws:s3:::b/k", &here));
        assert!(!one.applies("s3:GetObject", "arn:aws:s3:::b/k", &here));
        assert!(!one.applies("s3:PutObject", "arn:aws:s3:::b/open/k", &here));
    }
}
