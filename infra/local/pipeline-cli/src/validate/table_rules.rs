//! The rules that hold table lists and Hive scripts together: a table is one DDL file, one load script, one list entry.

use super::problem::Problem;
use super::source::Node;
use super::template::Template;

/// A table of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// `dimension` or `fact`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The file of the list.
    pub file: String,
    /// Where in that file the list stands.
    pub line: usize,
}

/// A Hive script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Relative to the project: `hive_scripts/fact/transfer.sql`.
    pub file: String,
    /// What it says.
    pub text: String,
}

/// The parameters of the template that hold the lists.
const LISTS: [(&str, &str); 2] = [("dimension", "DimensionTables"), ("fact", "FactTables")];

/// Reads the lists; what is wrong with a list itself comes back as problems.
pub fn read_lists(template: &Template) -> (Vec<Table>, Vec<Problem>) {
    let mut tables: Vec<Table> = Vec::new();
    let mut problems = Vec::new();
    for (kind, parameter) in LISTS {
        let mut report = |line, message: String| {
            problems.push(Problem::new(
                "table-list",
                &template.file,
                line,
                message,
                format!("Write `{parameter}` with `Default: one,two` under Parameters."),
            ));
        };
        let parameters = template.node.get("Parameters");
        let line = parameters.map_or(1, |parameters| parameters.line_of(&format!("/{parameter}")));
        let default = parameters.and_then(|parameters| parameters.at(&[parameter, "Default"]));
        let Some(text) = default.and_then(Node::text) else {
            report(
                line,
                format!(
                    "there is no list of {kind} tables: the parameter `{parameter}` with a default."
                ),
            );
            continue;
        };
        let line = default.map_or(line, |node| node.line);
        for name in text.split(',') {
            if !is_name(name) {
                report(
                    line,
                    format!(
                        "`{name}` in `{parameter}` is no name of a table: lower-case letters, digits and _ only."
                    ),
                );
                continue;
            }
            if tables.iter().any(|table| table.name == name) {
                report(line, format!("the table `{name}` is listed twice."));
                continue;
            }
            tables.push(Table {
                kind,
                name: name.to_owned(),
                file: template.file.clone(),
                line,
            });
        }
    }
    (tables, problems)
}

/// A table of a list has its DDL and its load script.
pub fn table_without_script(tables: &[Table], scripts: &[Script]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for table in tables {
        for (what, file) in [("DDL", ddl_file(table)), ("load script", load_file(table))] {
            if !scripts.iter().any(|script| script.file == file) {
                problems.push(Problem::new(
                    "table-without-script",
                    &table.file,
                    table.line,
                    format!("the {} table `{}` has no {what}.", table.kind, table.name),
                    format!("Write {file}, or take the table out of the list."),
                ));
            }
        }
    }
    problems
}

/// A script belongs to a table of a list.
pub fn script_without_table(tables: &[Table], scripts: &[Script]) -> Vec<Problem> {
    let wanted = |script: &&Script| {
        !tables
            .iter()
            .any(|table| script.file == ddl_file(table) || script.file == load_file(table))
    };
    scripts
        .iter()
        .filter(wanted)
        .map(|script| {
            Problem::new(
                "script-without-table",
                &script.file,
                1,
                "no list of tables names the table of this script.",
                "Add the table to DimensionTables or FactTables in the template, or remove the script.",
            )
        })
        .collect()
}

fn is_name(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_lowercase())
        && text
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
}

fn ddl_file(table: &Table) -> String {
    format!("hive_scripts/ddl/{}.sql", table.name)
}

fn load_file(table: &Table) -> String {
    format!("hive_scripts/{}/{}.sql", table.kind, table.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(dimensions: &str) -> Template {
        let text = format!(
            "Parameters:\n  DimensionTables:\n    Type: String\n    Default: {dimensions}\n  FactTables: {{Default: transfer}}\n"
        );
        Template::parse("t.yaml", &text).unwrap()
    }

    fn scripts(files: &[&str]) -> Vec<Script> {
        let script = |file: &&str| Script {
            file: format!("hive_scripts/{file}.sql"),
            text: String::new(),
        };
        files.iter().map(script).collect()
    }

    #[test]
    fn reports_a_list_that_is_missing_or_holds_no_names() {
        let (_, problems) = read_lists(&template("'[\"country\"]'"));
        assert_eq!((problems.len(), problems[0].line), (1, 4));
        let (_, problems) = read_lists(&Template::parse("t.yaml", "Resources: {}").unwrap());
        assert_eq!(problems.len(), 2);
    }

    #[test]
    fn reports_a_table_that_is_listed_twice() {
        let (tables, problems) = read_lists(&template("country,transfer"));
        assert_eq!(tables.len(), 2);
        assert!(problems[0].message.contains("`transfer` is listed twice"));
    }

    #[test]
    fn reports_a_table_without_ddl_or_load_script() {
        let (tables, _) = read_lists(&template("country"));
        let problems = table_without_script(
            &tables,
            &scripts(&["ddl/country", "ddl/transfer", "fact/transfer"]),
        );
        assert_eq!(problems.len(), 1);
        assert!(problems[0].message.contains("`country` has no load script"));
        assert_eq!(problems[0].line, 4);
        let problems = table_without_script(
            &tables,
            &scripts(&["dimension/country", "ddl/transfer", "fact/transfer"]),
        );
        assert!(problems[0].message.contains("`country` has no DDL"));
    }

    #[test]
    fn reports_a_script_whose_table_is_in_no_list() {
        let (tables, _) = read_lists(&template("country"));
        let all = scripts(&[
            "ddl/country",
            "dimension/country",
            "ddl/transfer",
            "dimension/transfer",
        ]);
        let problems = script_without_table(&tables, &all);
        assert_eq!(
            problems.len(),
            1,
            "a fact's load script among the dimensions is not used"
        );
        assert_eq!(problems[0].file, "hive_scripts/dimension/transfer.sql");
    }
}
