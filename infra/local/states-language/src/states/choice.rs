//! Choice: goes on with the state that the first rule that holds names.

use serde_json::Value;

use crate::choice_rule::{Operand, Rule, Test};
use crate::data_flow::FlowError;
use crate::data_flow::jsonpath::assignments;
use crate::definition::{Diagnostics, Fields, Names, StateReader};
use crate::errors::{Failure, RUNTIME};
use crate::execution::{Execution, Extra, ThreadId};
use crate::machine::{State, StateId, Transition};
use crate::scope::EvaluationError;
use crate::template::Template;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    branches: Vec<Branch>,
    default: Option<StateId>,
}

#[derive(Debug, Clone, PartialEq)]
struct Branch {
    rule: Rule,
    next: StateId,
    assign: Option<Template>,
}

impl Choice {
    pub(crate) fn read(
        reader: &StateReader<'_>,
        fields: &mut Fields<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        fields.require(&["Choices"], diagnostics);
        let default = fields.next("Default", reader.names, diagnostics);
        let location = fields.at("Choices");
        let list = fields.list("Choices", diagnostics)?;
        if list.is_empty() {
            diagnostics.error(location.as_str(), "Value cannot be empty");
        }
        let mut branches = Vec::with_capacity(list.len());
        for (position, value) in list.iter().enumerate() {
            let location = format!("{location}[{position}]");
            branches.push(read_branch(value, &location, reader.names, diagnostics));
        }
        Some(Self {
            branches: branches.into_iter().collect::<Option<_>>()?,
            default,
        })
    }

    pub(crate) fn default_target(&self) -> Option<StateId> {
        self.default
    }

    /// The transitions, each with its field.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (String, StateId)> {
        let choices = self.branches.iter().enumerate();
        choices
            .map(|(position, branch)| (format!("Choices[{position}]/Next"), branch.next))
            .chain(self.default.map(|target| ("Default".to_owned(), target)))
    }

    pub(crate) fn assigned(&self) -> impl Iterator<Item = &str> {
        self.branches
            .iter()
            .filter_map(|branch| branch.assign.as_ref())
            .flat_map(Template::field_names)
    }

    pub(crate) fn run(
        &self,
        execution: &mut Execution,
        thread: ThreadId,
        state: &State,
    ) -> Result<(), Failure> {
        let input = execution.effective_input(thread, state)?;
        let chosen = execution.evaluate(thread, input.value(), Extra::default(), |scope| {
            for branch in &self.branches {
                if branch.rule.holds(scope).map_err(invalid_path)? {
                    return Ok(Some(branch));
                }
            }
            Ok(None)
        })?;
        let Some(next) = chosen.map(|branch| branch.next).or(self.default) else {
            return Err(execution.runtime_failure(
                thread,
                "Failed to transition out of the state. The state does not point to a next state.",
            ));
        };
        // The state's own Assign belongs to its Default.
        let assigned =
            execution.evaluate(
                thread,
                input.value(),
                Extra::default(),
                |scope| match chosen {
                    None => state.flow.assign(scope),
                    Some(branch) => branch
                        .assign
                        .as_ref()
                        .map_or_else(|| Ok(Vec::new()), |assign| assignments(assign, scope)),
                },
            )?;
        let output = execution.evaluate(thread, input.value(), Extra::default(), |scope| {
            state.flow.output(&input, input.clone(), scope)
        })?;
        execution.exit(thread, state, output, assigned, Transition::Next(next))
    }
}

fn invalid_path(error: EvaluationError) -> FlowError {
    let message = match error {
        EvaluationError::Path { path, .. } => {
            format!(
                "Invalid path '{path}': The choice state's condition path references an invalid value."
            )
        }
        other => other.to_string(),
    };
    FlowError {
        name: RUNTIME,
        message,
    }
}

fn read_branch(
    value: &Value,
    location: &str,
    names: &Names<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Branch> {
    let mut fields = Fields::of(value, location, diagnostics)?;
    fields.require(&["Next"], diagnostics);
    let next = fields.next("Next", names, diagnostics);
    let assign = fields.template("Assign", diagnostics);
    let rule = read_rule(fields, diagnostics);
    Some(Branch {
        rule: rule?,
        next: next?,
        assign,
    })
}

/// What is left of the fields must be one rule.
fn read_rule(mut fields: Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Rule> {
    fields.text("Comment", diagnostics);
    let rule = if fields.has("And") {
        read_rules("And", &mut fields, diagnostics).map(Rule::And)
    } else if fields.has("Or") {
        read_rules("Or", &mut fields, diagnostics).map(Rule::Or)
    } else if fields.has("Not") {
        fields
            .inner("Not", diagnostics)
            .and_then(|inner| read_rule(inner, diagnostics))
            .map(|rule| Rule::Not(Box::new(rule)))
    } else {
        read_test(&mut fields, diagnostics)
    };
    fields.finish(diagnostics);
    rule
}

fn read_rules(
    field: &'static str,
    fields: &mut Fields<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Rule>> {
    let location = fields.at(field);
    let list = fields.list(field, diagnostics)?;
    if list.is_empty() {
        diagnostics.error(location.as_str(), "Value cannot be empty");
        return None;
    }
    let mut rules = Vec::with_capacity(list.len());
    for (position, value) in list.iter().enumerate() {
        let inner = Fields::of(value, &format!("{location}[{position}]"), diagnostics);
        rules.push(inner.and_then(|inner| read_rule(inner, diagnostics)));
    }
    rules.into_iter().collect()
}

fn read_test(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Rule> {
    fields.require(&["Variable"], diagnostics);
    let variable = fields.path("Variable", diagnostics);
    let mut tests = fields
        .names()
        .filter_map(|name| Some((name, Test::named(name)?)));
    let (Some((name, (test, is_path))), None) = (tests.next(), tests.next()) else {
        diagnostics.error(
            fields.location(),
            "Exactly one comparison operator is required",
        );
        return None;
    };
    let operand = if is_path {
        Operand::Path(fields.path(name, diagnostics)?)
    } else {
        let literal = fields.value(name)?;
        if let Err(wanted) = test.check(literal) {
            diagnostics.error(fields.at(name), wanted);
            return None;
        }
        Operand::Literal(literal.clone())
    };
    Some(Rule::Test {
        variable: variable?,
        test,
        operand,
    })
}
