//! `pipeline validate`: reads template, config, state machines and scripts, and finds every problem at once.
//!
//! * [`files`] reads, [`source`] gives every value its line, [`machine`] and [`template`] give it meaning.
//! * [`machine_rules`], [`template_rules`], [`table_rules`], [`script_rules`], [`config_rules`], [`definition_rules`]: one
//!   function per rule.
//! * [`problem`]: a finding, and how findings are printed.

pub mod config_rules;
pub mod definition_rules;
pub mod files;
pub mod machine;
pub mod machine_rules;
pub mod problem;
pub mod script_rules;
pub mod source;
pub mod table_rules;
pub mod template;
pub mod template_rules;

use std::collections::BTreeSet;
use std::path::Path;

use problem::{Checked, Problem};

/// Applies every rule to the project in this folder.
pub fn validate(project: &Path) -> (Vec<Problem>, Checked) {
    let (files, mut problems) = files::read(project);
    let function_errors = config_rules::function_errors();
    let handlers = config_rules::handlers();
    for machine in &files.machines {
        problems.extend(machine_rules::RULES.iter().flat_map(|rule| rule(machine)));
        problems.extend(definition_rules::states_language(
            machine,
            files.template.as_ref(),
        ));
        problems.extend(script_rules::error_that_nothing_raises(
            machine,
            &function_errors,
        ));
    }
    let mut checked = Checked {
        state_machines: files.machine_files.len(),
        states: files
            .machines
            .iter()
            .map(|machine| machine.states().len())
            .sum(),
        scripts: files.scripts.len(),
        ..Checked::default()
    };
    if let Some(template) = &files.template {
        problems.extend(template_rules::unknown_reference(template));
        problems.extend(template_rules::unknown_handler(template, &handlers));
        problems.extend(template_rules::handler_without_function(
            template, &handlers,
        ));
        problems.extend(template_rules::literal_address(template));
        let exists = |file: &str| files.machine_files.iter().any(|known| known == file);
        problems.extend(template_rules::missing_definition(template, &exists));
        for machine in &files.machines {
            problems.extend(template_rules::unused_definition(template, machine));
            problems.extend(template_rules::placeholder_without_substitution(
                template, machine,
            ));
            problems.extend(template_rules::substitution_without_placeholder(
                template, machine,
            ));
            problems.extend(template_rules::unknown_function(template, machine));
        }
        let (tables, list_problems) = table_rules::read_lists(template);
        problems.extend(list_problems);
        problems.extend(table_rules::table_without_script(&tables, &files.scripts));
        problems.extend(table_rules::script_without_table(&tables, &files.scripts));
        checked.tables = tables.len();
        checked.functions = template.functions().count();
    }
    let variables: BTreeSet<String> = script_rules::hiveconf_variables(&files.machines);
    for script in &files.scripts {
        problems.extend(script_rules::sql_that_does_not_parse(script, &variables));
    }
    if let Some(config) = &files.config {
        problems.extend(config_rules::config_that_functions_refuse(
            config,
            files.template.as_ref(),
        ));
    }
    let (others, without_effect) = template_rules::refused_by_the_runtime(project);
    checked.without_effect_locally = without_effect;
    let is_new = |found: &Problem| {
        !problems
            .iter()
            .any(|known| (&known.file, known.line) == (&found.file, found.line))
    };
    let others: Vec<Problem> = others.into_iter().filter(is_new).collect();
    problems.extend(others);
    (problem::order(problems), checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_project_has_problems_and_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        let (problems, checked) = validate(folder.path());
        let files: Vec<&str> = problems
            .iter()
            .map(|problem| problem.file.as_str())
            .collect();
        assert_eq!(
            files,
            [
                "hive_scripts",
                files::CONFIG,
                files::TEMPLATE,
                "state_machines"
            ]
        );
        assert_eq!(checked, Checked::default());
    }

    #[test]
    fn this_project_has_no_problem() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let project = here
            .ancestors()
            .find(|folder| folder.join(files::TEMPLATE).is_file())
            .unwrap();
        let (problems, checked) = validate(project);
        assert_eq!(
            problem::as_text(&problems, &checked),
            format!("No problem in {checked}.\n")
        );
        assert_eq!(checked.functions, functions::HANDLERS.len());
    }
}
