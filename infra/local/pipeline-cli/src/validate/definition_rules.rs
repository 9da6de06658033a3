//! The rule that lets the interpreter itself judge a definition, as AWS's own validation would: with every substitution
//! filled in, once for each resource that uses the file.

use super::machine::Machine;
use super::problem::Problem;
use super::source::Node;
use super::template::{Definition, Template, refers_to};
use super::template_rules::definition_file;

/// What the interpreter says about a definition.
pub fn states_language(machine: &Machine, template: Option<&Template>) -> Vec<Problem> {
    let uses = template.into_iter().flat_map(|template| {
        let definitions = template.definitions();
        definitions
            .filter(move |definition| definition_file(template, definition) == machine.file)
            .map(move |definition| rendered(machine, template, &definition))
    });
    let mut texts: Vec<String> = uses.collect();
    if texts.is_empty() {
        texts.push(machine.text.clone());
    }
    texts
        .iter()
        .flat_map(|text| judged(machine, text))
        .collect()
}

fn judged(machine: &Machine, text: &str) -> Vec<Problem> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return vec![Problem::new(
            "states-language",
            &machine.file,
            error.line(),
            format!("with the substitutions filled in it is no JSON: {error}."),
            "A value with quotes or line ends cannot be substituted into a text.",
        )];
    }
    let problem = |diagnostic: states_language::Diagnostic| {
        let place = match diagnostic.location.as_str() {
            "" | "/" => String::new(),
            location => format!(" (at {location})"),
        };
        // Substitutions fill in no line ends, so that the lines of the file still count.
        let line = machine.node.line_of(&diagnostic.pointer());
        let message = format!("{}{place}.", diagnostic.message.trim_end_matches('.'));
        Problem::new("states-language", &machine.file, line, message, "")
    };
    states_language::diagnose(text)
        .into_iter()
        .map(problem)
        .collect()
}

fn rendered(machine: &Machine, template: &Template, definition: &Definition<'_>) -> String {
    let mut text = machine.text.clone();
    for field in definition.substitutions {
        let value = value(&field.node, template);
        text = text.replace(&format!("${{{}}}", field.name), &value);
    }
    text
}

/// The value of a substitution as the template says it, or one of the same form.
fn value(node: &Node, template: &Template) -> String {
    if let Some((text, _)) = template.literal(node) {
        return text.to_owned();
    }
    let target = refers_to(node).unwrap_or_default();
    match (target, template.type_of(target)) {
        ("AWS::Partition", _) => "aws".to_owned(),
        (_, Some("AWS::Serverless::Function" | "AWS::Lambda::Function" | "AWS::Lambda::Alias")) => {
            format!("arn:aws:lambda:us-east-1:000000000000:function:{target}:live")
        }
        (_, Some("AWS::Serverless::StateMachine" | "AWS::StepFunctions::StateMachine")) => {
            format!("arn:aws:states:us-east-1:000000000000:stateMachine:{target}")
        }
        _ => target.replace("::", "-").to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "\
Resources:
  F: {Type: 'AWS::Serverless::Function'}
  M:
    Properties:
      DefinitionUri: m.asl.json
      DefinitionSubstitutions: {Ask: !Ref F.Alias, Next: Done}
";

    fn findings(text: &str) -> Vec<(usize, String)> {
        let machine = Machine::parse("m.asl.json", text).unwrap();
        let template = Template::parse("t.yaml", TEMPLATE).unwrap();
        let problems = states_language(&machine, Some(&template));
        problems
            .into_iter()
            .map(|problem| (problem.line, problem.message))
            .collect()
    }

    #[test]
    fn reports_what_the_interpreter_refuses_at_its_line() {
        let found = findings(
            "{\n  \"StartAt\": \"A\",\n  \"States\": {\n    \"A\": {\"Type\": \"Pass\",\n      \"Next\": \"Nowhere\"},\n    \"Done\": {\"Type\": \"Succeed\"}\n  }\n}",
        );
        assert!(
            found
                .iter()
                .any(|(line, message)| *line == 5 && message.contains("Nowhere")),
            "{found:?}"
        );
    }

    #[test]
    fn reports_a_substitution_that_breaks_the_json() {
        let machine = Machine::parse("m.asl.json", "{\n  \"Comment\": \"${Next}\"\n}").unwrap();
        let template =
            Template::parse("t.yaml", &TEMPLATE.replace("Next: Done", "Next: '[\"a\"]'")).unwrap();
        let problems = states_language(&machine, Some(&template));
        assert_eq!(
            problems
                .iter()
                .map(|problem| problem.line)
                .collect::<Vec<_>>(),
            [2]
        );
    }

    #[test]
    fn substitutions_are_filled_in_before_it_is_asked() {
        let found = findings(
            "{\"StartAt\": \"A\", \"States\": {\n \"A\": {\"Type\": \"Task\", \"Resource\": \"${Ask}\", \"Next\": \"${Next}\"},\n \"Done\": {\"Type\": \"Succeed\"}}}",
        );
        assert_eq!(found, []);
    }
}
