//! The rule for config.ini, which is checked by the code that reads it in Lambda; and what else `functions` knows.

use std::collections::{BTreeMap, BTreeSet};

use functions::shared::config::parse_config_in;

use super::files::CONFIG;
use super::problem::Problem;
use super::source::Node;
use super::template::{Template, refers_to};

/// The errorTypes that functions end with.
pub fn function_errors() -> BTreeSet<&'static str> {
    functions::ErrorType::ALL
        .iter()
        .map(|kind| kind.as_str())
        .collect()
}

/// The handlers that `bootstrap` has.
pub fn handlers() -> Vec<&'static str> {
    functions::HANDLERS.to_vec()
}

/// Whatever the functions would refuse in the config, and keys that have no effect any more.
pub fn config_that_functions_refuse(text: &str, template: Option<&Template>) -> Vec<Problem> {
    let environment = template.map(environment).unwrap_or_default();
    let found = match parse_config_in(text, &|name| environment.get(name).cloned()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems,
    };
    found
        .into_iter()
        .map(|problem| {
            // A key that is missing belongs where its section begins.
            let section = format!("[{}]", problem.section);
            let of_section = || {
                text.lines()
                    .position(|line| line.trim() == section)
                    .map_or(1, |index| index + 1)
            };
            let line = problem.line.unwrap_or_else(of_section);
            let name = match (problem.section.as_str(), problem.key.as_str()) {
                ("", "") => String::new(),
                (section, "") => format!("[{section}]: "),
                (section, key) => format!("[{section}] {key}: "),
            };
            Problem::new(
                "config",
                CONFIG,
                line,
                format!("{name}{}.", problem.message.trim_end_matches('.')),
                "",
            )
        })
        .collect()
}

/// The environment variables of the functions, as far as the template says their values. What only an account knows gets
/// a stand-in of the right form.
fn environment(template: &Template) -> BTreeMap<String, String> {
    let globals = template
        .node
        .at(&["Globals", "Function", "Environment", "Variables"]);
    let own = template.functions().filter_map(|function| {
        function
            .node
            .at(&["Properties", "Environment", "Variables"])
    });
    // Lambda sets these itself.
    let region = || stand_in("AWS::Region");
    let mut values = BTreeMap::from([
        ("AWS_REGION".to_owned(), region()),
        ("AWS_DEFAULT_REGION".to_owned(), region()),
    ]);
    for field in globals.into_iter().chain(own).flat_map(Node::fields) {
        let value = match template.literal(&field.node) {
            Some((text, _)) => text.to_owned(),
            None => stand_in(refers_to(&field.node).unwrap_or(&field.name)),
        };
        values.insert(field.name.clone(), value);
    }
    values
}

fn stand_in(name: &str) -> String {
    match name {
        "AWS::Region" => "us-east-1".to_owned(),
        "AWS::AccountId" => "000000000000".to_owned(),
        "AWS::StackName" => "pipeline".to_owned(),
        "AWS::Partition" => "aws".to_owned(),
        name if name.contains("SecurityGroup") || name.contains("Security_Group") => {
            "sg-00000000".to_owned()
        }
        name if name.contains("Subnet") => "subnet-00000000".to_owned(),
        name => name.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_an_unknown_key_and_a_malformed_value_with_their_lines() {
        let text = "[basic]\nemr_region = us-east-1\nemr_nmae = x\n[instances]\nondemand_worker_count = many\n";
        let problems = config_that_functions_refuse(text, None);
        let at = |line: usize, word: &str| {
            problems
                .iter()
                .any(|problem| problem.line == line && problem.message.contains(word))
        };
        assert!(at(3, "emr_nmae"), "{problems:#?}");
        assert!(at(5, "ondemand_worker_count"), "{problems:#?}");
        assert!(
            at(1, "emr_name"),
            "a missing key stands at its section: {problems:#?}"
        );
    }

    #[test]
    fn variables_of_the_template_have_values() {
        let template = Template::parse(
            "t.yaml",
            "Parameters:\n  Name: {Default: nightly}\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Environment:\n        Variables: {One: !Ref Name, Two: !Ref SubnetId, Three: !Ref AWS::Region}\n",
        )
        .unwrap();
        let environment = environment(&template);
        assert_eq!(environment["One"], "nightly");
        assert_eq!(environment["Two"], "subnet-00000000");
        assert_eq!(environment["Three"], "us-east-1");
    }
}
