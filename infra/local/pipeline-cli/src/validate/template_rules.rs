//! The rules for the template, and for the template and the state machine files together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::machine::Machine;
use super::machine_rules::literal_in;
use super::problem::Problem;
use super::source::Node;
use super::template::{Definition, Template, refers_to};

/// Every `Ref`, `GetAtt`, `Sub`, `DependsOn` and condition names something that exists.
pub fn unknown_reference(template: &Template) -> Vec<Problem> {
    let names = |section: &str| -> BTreeSet<&str> {
        let fields = template
            .node
            .get(section)
            .map(Node::fields)
            .unwrap_or_default();
        fields.iter().map(|field| field.name.as_str()).collect()
    };
    let (parameters, resources, conditions) =
        (names("Parameters"), names("Resources"), names("Conditions"));
    // SAM adds resources that are named after the one that they belong to: `LaunchRole`, `LaunchAliaslive`.
    let generated = |name: &str| {
        resources.iter().any(|resource| {
            name.len() > resource.len()
                && name.starts_with(resource)
                && template
                    .type_of(resource)
                    .is_some_and(|kind| kind.starts_with("AWS::Serverless::"))
        })
    };
    let mut problems = Vec::new();
    for reference in template.references() {
        let name = reference.base.as_str();
        let known = if reference.condition {
            conditions.contains(name)
        } else {
            name.starts_with("AWS::")
                || parameters.contains(name)
                || resources.contains(name)
                || generated(name)
        };
        if !known {
            let what = if reference.condition {
                "condition"
            } else {
                "parameter or resource"
            };
            problems.push(Problem::new(
                "unknown-reference",
                &template.file,
                reference.line,
                format!("there is no {what} `{name}` in the template."),
                "Correct the name, or define it.",
            ));
        }
    }
    problems
}

/// A function's handler is one that the binary has.
pub fn unknown_handler(template: &Template, handlers: &[&str]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for function in template.functions() {
        let handler = function.node.at(&["Properties", "Handler"]);
        match handler.and_then(Node::text) {
            Some(name) if handlers.contains(&name) => {}
            Some(name) => problems.push(Problem::new(
                "unknown-handler",
                &template.file,
                handler.map_or(function.line, |node| node.line),
                format!(
                    "the function `{}` has the handler `{name}`, which `bootstrap` does not have.",
                    function.name
                ),
                format!("It has: {}.", handlers.join(", ")),
            )),
            None => problems.push(Problem::new(
                "unknown-handler",
                &template.file,
                function.line,
                format!("the function `{}` has no Handler.", function.name),
                format!("Give it one of: {}.", handlers.join(", ")),
            )),
        }
    }
    problems
}

/// Each of the binary's handlers is deployed as some function.
pub fn handler_without_function(template: &Template, handlers: &[&str]) -> Vec<Problem> {
    let used: BTreeSet<&str> = template
        .functions()
        .filter_map(|function| {
            function
                .node
                .at(&["Properties", "Handler"])
                .and_then(Node::text)
        })
        .collect();
    let line = template
        .node
        .field("Resources")
        .map_or(1, |resources| resources.line);
    let unused = handlers.iter().filter(|handler| !used.contains(**handler));
    unused
        .map(|handler| {
            Problem::new(
                "handler-without-function",
                &template.file,
                line,
                format!("no function runs the handler `{handler}`."),
                "Add a function to the template, or remove the handler from `functions`.",
            )
        })
        .collect()
}

/// A `DefinitionUri` names a file. `exists` is asked with the path relative to the project.
pub fn missing_definition(template: &Template, exists: &dyn Fn(&str) -> bool) -> Vec<Problem> {
    let missing = template
        .definitions()
        .filter(|definition| !exists(&definition_file(template, definition)));
    missing
        .map(|definition| {
            Problem::new(
                "missing-definition",
                &template.file,
                definition.uri.line,
                format!(
                    "the definition of `{}` is not there: {}.",
                    definition.id,
                    definition_file(template, &definition)
                ),
                "Correct DefinitionUri; it is relative to the template's folder.",
            )
        })
        .collect()
}

/// A state machine file belongs to a resource.
pub fn unused_definition(template: &Template, machine: &Machine) -> Vec<Problem> {
    if uses(template, machine).next().is_some() {
        return Vec::new();
    }
    vec![Problem::new(
        "unused-definition",
        &machine.file,
        1,
        "no state machine in the template uses this file.",
        "Add a resource with this DefinitionUri, or remove the file.",
    )]
}

/// Every `${Name}` in a state machine has its substitution in each resource that uses the file.
pub fn placeholder_without_substitution(template: &Template, machine: &Machine) -> Vec<Problem> {
    let mut problems = Vec::new();
    for definition in uses(template, machine) {
        let given: BTreeSet<&str> = definition
            .substitutions
            .iter()
            .map(|field| field.name.as_str())
            .collect();
        let mut told = BTreeSet::new();
        for (name, line) in machine.open_substitutions() {
            if !given.contains(name) && told.insert(name) {
                problems.push(Problem::new(
                    "missing-substitution",
                    &machine.file,
                    line,
                    format!(
                        "`${{{name}}}` has no value in the DefinitionSubstitutions of `{}`.",
                        definition.id
                    ),
                    format!("Add `{name}` at {}:{}.", template.file, definition.line),
                ));
            }
        }
    }
    problems
}

/// Every substitution is used in the state machine's file.
pub fn substitution_without_placeholder(template: &Template, machine: &Machine) -> Vec<Problem> {
    let open: BTreeSet<&str> = machine
        .open_substitutions()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let mut problems = Vec::new();
    for definition in uses(template, machine) {
        for field in definition
            .substitutions
            .iter()
            .filter(|field| !open.contains(field.name.as_str()))
        {
            problems.push(Problem::new(
                "unused-substitution",
                &template.file,
                field.line,
                format!(
                    "the substitution `{}` of `{}` is not used in {}.",
                    field.name, definition.id, machine.file
                ),
                "Remove it, or use it.",
            ));
        }
    }
    problems
}

/// What a Task calls is a function of the template.
pub fn unknown_function(template: &Template, machine: &Machine) -> Vec<Problem> {
    let names: BTreeSet<&str> = template
        .functions()
        .filter_map(|function| {
            function
                .node
                .at(&["Properties", "FunctionName"])
                .and_then(Node::text)
        })
        .chain(template.functions().map(|function| function.name.as_str()))
        .collect();
    let mut problems = Vec::new();
    for state in machine
        .states()
        .iter()
        .filter(|state| state.kind() == "Task")
    {
        let Some(callee) = callee(state.node) else {
            continue;
        };
        let text = callee.text().unwrap_or_default();
        let Some(name) = text
            .strip_prefix("${")
            .and_then(|rest| rest.strip_suffix('}'))
        else {
            if !text.contains("${") && !names.contains(text) {
                problems.push(no_function(machine, callee, state.name, text));
            }
            continue;
        };
        for definition in uses(template, machine) {
            let value = definition
                .substitutions
                .iter()
                .find(|field| field.name == name);
            let Some(target) = value.and_then(|field| refers_to(&field.node)) else {
                continue;
            };
            let kind = template.type_of(target);
            if !matches!(
                kind,
                Some("AWS::Serverless::Function" | "AWS::Lambda::Function" | "AWS::Lambda::Alias")
            ) {
                problems.push(no_function(machine, callee, state.name, target));
            }
        }
    }
    problems
}

/// Accounts, regions and ARNs of one place are not written out in the template.
pub fn literal_address(template: &Template) -> Vec<Problem> {
    let mut problems = Vec::new();
    for resource in template.resources() {
        resource.node.each_text(&mut |node, text| {
            if let Some(what) = literal_in(text) {
                problems.push(Problem::new(
                    "literal-address",
                    &template.file,
                    node.line,
                    format!("{what} is written out in `{text}`."),
                    "Use ${AWS::Partition}, ${AWS::Region} and ${AWS::AccountId}, or a parameter.",
                ));
            }
        });
    }
    problems
}

/// What the embedded runtime could not provision: intrinsic functions, resources and properties that it does not know.
/// And what it accepts without effect, by type of resource.
pub fn refused_by_the_runtime(
    project: &Path,
) -> (Vec<Problem>, BTreeMap<String, BTreeSet<String>>) {
    use embedded_runtime::{Project, ProjectError};
    let mut without_effect: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let found = match Project::load(project) {
        Ok(loaded) => {
            let surroundings = embedded_runtime::runtime::surroundings();
            match loaded.template.resolve(&surroundings, &BTreeMap::new()) {
                Ok(stack) => {
                    for left in stack.left_to_aws {
                        let of_type = without_effect.entry(left.type_name).or_default();
                        of_type.extend(left.properties);
                    }
                    Vec::new()
                }
                Err(problems) => problems,
            }
        }
        Err(ProjectError::Invalid { problems }) => problems,
        // Other rules tell of files that are not there.
        Err(_) => Vec::new(),
    };
    let problem = |found: embedded_runtime::Problem| {
        let file = found.position.file.to_string_lossy().into_owned();
        Problem::new(
            "template",
            &file,
            found.position.line,
            format!("{}.", found.message.trim_end_matches('.')),
            "",
        )
    };
    let problems = found.into_iter().map(problem).collect();
    (problems, without_effect)
}

/// The file of a definition, relative to the project.
pub fn definition_file(template: &Template, definition: &Definition<'_>) -> String {
    let folder = Path::new(&template.file).parent().unwrap_or(Path::new(""));
    let mut parts: Vec<&str> = Vec::new();
    let folder = folder.to_string_lossy();
    for part in folder
        .split('/')
        .chain(definition.uri.text().unwrap_or_default().split('/'))
    {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_some() => {}
            other => parts.push(other),
        }
    }
    parts.join("/")
}

fn uses<'a>(template: &'a Template, machine: &Machine) -> impl Iterator<Item = Definition<'a>> {
    template
        .definitions()
        .filter(move |definition| definition_file(template, definition) == machine.file)
}

/// The function that a Task calls: its Resource, or the FunctionName that it gives to `lambda:invoke`.
fn callee(state: &Node) -> Option<&Node> {
    let resource = state.get("Resource")?;
    if !resource.text()?.starts_with("arn:") {
        return Some(resource);
    }
    if !resource.text()?.contains(":lambda:invoke") {
        return None;
    }
    let arguments = state.get("Arguments").or_else(|| state.get("Parameters"))?;
    arguments.get("FunctionName")
}

fn no_function(machine: &Machine, callee: &Node, state: &str, name: &str) -> Problem {
    Problem::new(
        "unknown-function",
        &machine.file,
        callee.line,
        format!("the Task `{state}` calls `{name}`, which is no function of the template."),
        "Name a function through a substitution, such as !Ref NAME.Alias.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "\
Parameters:
  Name: {Type: String, Default: x}
Resources:
  AskFunction:
    Type: AWS::Serverless::Function
    Properties:
      Handler: ask
      Role: !GetAtt AskFunctionRole.Arn
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: !Ref Name
      DefinitionUri: ../../state_machines/m.asl.json
      DefinitionSubstitutions:
        Ask: !Ref AskFunction.Alias
";
    const MACHINE: &str = "{\n  \"StartAt\": \"A\",\n  \"States\": {\n    \"A\": {\"Type\": \"Task\", \"Resource\": \"${Ask}\", \"End\": true}\n  }\n}\n";

    fn template(old: &str, new: &str) -> Template {
        assert!(TEMPLATE.contains(old), "{old}");
        Template::parse("infra/aws/template.yaml", &TEMPLATE.replacen(old, new, 1)).unwrap()
    }

    fn machine(old: &str, new: &str) -> Machine {
        assert!(MACHINE.contains(old), "{old}");
        Machine::parse("state_machines/m.asl.json", &MACHINE.replacen(old, new, 1)).unwrap()
    }

    fn lines(problems: &[Problem]) -> Vec<(&'static str, usize)> {
        problems
            .iter()
            .map(|problem| (problem.rule, problem.line))
            .collect()
    }

    #[test]
    fn reports_a_reference_to_what_does_not_exist() {
        let problems = unknown_reference(&template("!Ref Name", "!Ref Nmae"));
        assert_eq!(lines(&problems), [("unknown-reference", 12)]);
        assert!(problems[0].message.contains("`Nmae`"));
    }

    #[test]
    fn reports_a_substitution_that_refers_to_a_missing_function() {
        assert_eq!(
            lines(&unknown_reference(&template(
                "!Ref AskFunction.Alias",
                "!Ref TellFunction.Alias"
            ))),
            [("unknown-reference", 15)]
        );
    }

    #[test]
    fn reports_a_handler_that_the_binary_does_not_have() {
        let template = template("Handler: ask", "Handler: aks");
        assert_eq!(
            lines(&unknown_handler(&template, &["ask"])),
            [("unknown-handler", 7)]
        );
        assert_eq!(
            lines(&handler_without_function(&template, &["ask"])),
            [("handler-without-function", 3)]
        );
    }

    #[test]
    fn reports_a_function_without_handler() {
        assert_eq!(
            lines(&unknown_handler(
                &template("      Handler: ask\n", ""),
                &["ask"]
            )),
            [("unknown-handler", 4)]
        );
    }

    #[test]
    fn reports_a_definition_that_is_not_there() {
        let problems = missing_definition(&template("m.asl.json", "n.asl.json"), &|file| {
            file == "state_machines/m.asl.json"
        });
        assert_eq!(lines(&problems), [("missing-definition", 13)]);
    }

    #[test]
    fn reports_a_definition_that_nothing_uses() {
        let problems = unused_definition(&template("m.asl.json", "n.asl.json"), &machine("A", "A"));
        assert_eq!(lines(&problems), [("unused-definition", 1)]);
    }

    #[test]
    fn reports_a_placeholder_without_substitution_and_a_substitution_without_placeholder() {
        let template = template("Ask: !Ref", "Aks: !Ref");
        let machine = machine("A", "A");
        let missing = placeholder_without_substitution(&template, &machine);
        assert_eq!(lines(&missing), [("missing-substitution", 4)]);
        assert_eq!(missing[0].file, "state_machines/m.asl.json");
        let unused = substitution_without_placeholder(&template, &machine);
        assert_eq!(lines(&unused), [("unused-substitution", 15)]);
        assert_eq!(unused[0].file, "infra/aws/template.yaml");
    }

    #[test]
    fn reports_a_task_that_calls_something_else_than_a_function() {
        let template = template("!Ref AskFunction.Alias", "!GetAtt Machine.Arn");
        assert_eq!(
            lines(&unknown_function(&template, &machine("A", "A"))),
            [("unknown-function", 4)]
        );
    }

    #[test]
    fn reports_a_function_that_is_named_literally_and_does_not_exist() {
        let literal = machine(
            "\"Resource\": \"${Ask}\"",
            "\"Resource\": \"arn:aws:states:::lambda:invoke\", \"Parameters\": {\"FunctionName\": \"tell\"}",
        );
        assert_eq!(
            lines(&unknown_function(&template("A", "A"), &literal)),
            [("unknown-function", 4)]
        );
    }

    #[test]
    fn reports_an_account_in_the_template() {
        let template = template(
            "!GetAtt AskFunctionRole.Arn",
            "arn:aws:iam::123456789012:role/x",
        );
        assert_eq!(lines(&literal_address(&template)), [("literal-address", 8)]);
    }

    #[test]
    fn reports_what_the_embedded_runtime_does_not_know() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("infra/aws")).unwrap();
        let text = "Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: !Cidr [x, 1, 2]\n";
        std::fs::write(folder.path().join("infra/aws/template.yaml"), text).unwrap();
        assert_eq!(
            lines(&refused_by_the_runtime(folder.path()).0),
            [("template", 5)]
        );
    }

    #[test]
    fn has_nothing_against_a_sound_template() {
        let (template, machine) = (template("A", "A"), machine("A", "A"));
        let mut problems = unknown_reference(&template);
        problems.extend(unknown_handler(&template, &["ask"]));
        problems.extend(handler_without_function(&template, &["ask"]));
        problems.extend(missing_definition(&template, &|file| {
            file == "state_machines/m.asl.json"
        }));
        problems.extend(unused_definition(&template, &machine));
        problems.extend(placeholder_without_substitution(&template, &machine));
        problems.extend(substitution_without_placeholder(&template, &machine));
        problems.extend(unknown_function(&template, &machine));
        problems.extend(literal_address(&template));
        assert_eq!(problems, []);
    }
}
