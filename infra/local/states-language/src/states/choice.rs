//! Choice: goes on with the state that the first rule that holds names.

use crate::choice_rule::{Operand, Rule, Test};
use crate::data_flow::{FlowError, SideExit};
use crate::definition::{Diagnostics, Fields, Names, StateReader};
use crate::errors::{Failure, RUNTIME};
use crate::execution::{Execution, Extra, ThreadId};
use crate::jsonata::{Query, Wanted};
use crate::machine::{QueryLanguage, State, StateId, Transition};
use crate::scope::{EvaluationError, Scope};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    branches: Vec<Branch>,
    default: Option<StateId>,
}

#[derive(Debug, Clone, PartialEq)]
struct Branch {
    condition: Condition,
    next: StateId,
    exit: SideExit,
}

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    Rule(Rule),
    Constant(bool),
    Query(Query),
}

impl Condition {
    fn holds(&self, scope: &mut Scope<'_>) -> Result<bool, FlowError> {
        match self {
            Self::Rule(rule) => rule.holds(scope).map_err(invalid_path),
            Self::Constant(holds) => Ok(*holds),
            Self::Query(query) => {
                Ok(query.evaluate_as(Wanted::Boolean, scope)?.as_bool() == Some(true))
            }
        }
    }
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
            let branch = fields.item("Choices", position, value, diagnostics);
            branches.push(branch.and_then(|branch| read_branch(branch, reader.names, diagnostics)));
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
            .flat_map(|branch| branch.exit.assigned())
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
                if branch.condition.holds(scope)? {
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
        let silent = chosen.is_none_or(|branch| branch.exit.is_silent());
        if silent && state.flow.keeps_result() && !execution.is_tested() {
            return execution.exit(thread, state, input, Vec::new(), Transition::Next(next));
        }
        // The state's own Assign belongs to its Default.
        let assigned =
            execution.evaluate(
                thread,
                input.value(),
                Extra::default(),
                |scope| match chosen {
                    None => state.flow.assign(&input, scope),
                    Some(branch) => branch.exit.variables(scope),
                },
            )?;
        let output =
            execution.evaluate(
                thread,
                input.value(),
                Extra::default(),
                |scope| match chosen {
                    // As the Assign, the state's own Output belongs to its Default.
                    Some(branch) if state.query_language() == QueryLanguage::Jsonata => {
                        let output = branch.exit.output(scope)?;
                        Ok(output.unwrap_or_else(|| input.clone()))
                    }
                    _ => state.flow.output(&input, input.clone(), scope),
                },
            )?;
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
        location: None,
    }
}

fn read_branch(
    mut fields: Fields<'_>,
    names: &Names<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Branch> {
    fields.require(&["Next"], diagnostics);
    let next = fields.next("Next", names, diagnostics);
    let exit = SideExit::of_choice(&mut fields, diagnostics);
    let condition = match fields.language() {
        QueryLanguage::JsonPath => read_rule(fields, diagnostics).map(Condition::Rule),
        QueryLanguage::Jsonata => read_condition(fields, diagnostics),
    };
    Some(Branch {
        condition: condition?,
        next: next?,
        exit,
    })
}

/// What is left of the fields must be a `Condition`: an expression, or `true` or `false`.
fn read_condition(mut fields: Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Condition> {
    fields.text("Comment", diagnostics);
    fields.require(&["Condition"], diagnostics);
    let condition = match fields.query("Condition", diagnostics) {
        Some(Some(query)) => Some(Condition::Query(query)),
        Some(None) => fields
            .boolean("Condition", diagnostics)
            .map(Condition::Constant),
        None => None,
    };
    fields.finish(diagnostics);
    condition
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::test_driver::{chain, failure, output, run};

    fn choose(mut choice: Value, input: Value) -> crate::Execution {
        choice["Type"] = json!("Choice");
        let definition = json!({"StartAt": "C", "States": {
            "C": choice,
            "Yes": {"Type": "Pass", "Parameters": {"way": "yes", "why.$": "$why"}, "End": true},
            "No": {"Type": "Pass", "Parameters": {"way": "no", "why.$": "$why"}, "End": true},
        }});
        run(&definition, input)
    }

    #[test]
    fn fails_when_no_rule_holds_and_there_is_no_default() {
        let choice = json!({"Choices": [{"Variable": "$.a", "IsNull": true, "Next": "Yes"}, {"Variable": "$.a", "IsString": true, "Next": "No"}]});
        assert_eq!(
            failure(&choose(choice, json!({"a": 1}))),
            (
                "States.Runtime",
                "An error occurred while executing the state 'C' (entered at the event id #2). Failed to transition out of the \
                 state. The state does not point to a next state."
            )
        );
    }

    #[test]
    fn fails_when_a_variable_is_not_there() {
        let choice = json!({"Choices": [{"Variable": "$.a", "StringEquals": "x", "Next": "Yes"}], "Default": "No"});
        let execution = choose(choice, json!({}));
        assert_eq!(
            failure(&execution),
            (
                "States.Runtime",
                "An error occurred while executing the state 'C' (entered at the event id #2). Invalid path '$.a': The choice \
                 state's condition path references an invalid value."
            )
        );
        assert_eq!(
            chain(&execution)[1..],
            ["2 <- 0 ChoiceStateEntered", "3 <- 2 ExecutionFailed"]
        );
    }

    #[test]
    fn takes_the_first_rule_that_holds_and_assigns_what_belongs_to_it() {
        let choice = json!({
            "Choices": [
                {"Variable": "$.n", "IsPresent": false, "Assign": {"why": "missing"}, "Next": "No"},
                {"And": [{"Variable": "$.n", "NumericGreaterThan": 1}, {"Not": {"Variable": "$.n", "NumericEqualsPath": "$.limit"}}],
                 "Assign": {"why.$": "$.n"}, "Next": "Yes"},
            ],
            "Assign": {"why": "default"}, "Default": "No",
        });
        let way = |input: Value| output(&choose(choice.clone(), input));
        assert_eq!(way(json!({})), json!({"way": "no", "why": "missing"}));
        assert_eq!(
            way(json!({"n": 2, "limit": 5})),
            json!({"way": "yes", "why": 2})
        );
        assert_eq!(
            way(json!({"n": 5, "limit": 5})),
            json!({"way": "no", "why": "default"})
        );
        assert_eq!(
            way(json!({"n": "2"})),
            json!({"way": "no", "why": "default"})
        );
    }

    #[test]
    fn does_not_look_at_what_no_longer_matters() {
        let choice = json!({"Choices": [
            {"Or": [{"Variable": "$.a", "IsPresent": true}, {"Variable": "$.missing", "IsNull": true}], "Assign": {"why": 1}, "Next": "Yes"},
        ], "Default": "No"});
        assert_eq!(output(&choose(choice, json!({"a": null})))["way"], "yes");
        let choice = json!({"Choices": [
            {"And": [{"Variable": "$.a", "IsPresent": true}, {"Variable": "$.a", "StringEquals": "x"}], "Next": "Yes"},
        ], "Default": "No", "Assign": {"why": 1}});
        assert_eq!(output(&choose(choice, json!({})))["way"], "no");
    }
}
