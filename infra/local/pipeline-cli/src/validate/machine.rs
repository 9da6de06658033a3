//! A state machine file with its lines, as the rules walk it: every state, also those inside Map and Parallel.

use super::source::{Field, Node, SyntaxError, parse_json};

/// A definition file.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Relative to the project.
    pub file: String,
    /// As it stands in the file, with its substitutions still open.
    pub text: String,
    /// The parsed document.
    pub node: Node,
}

/// One level of states that share a `StartAt`: the machine itself, a branch, or the processor of a Map.
#[derive(Debug, Clone, Copy)]
pub struct Level<'a> {
    /// The map that holds `StartAt` and `States`.
    pub node: &'a Node,
    /// The `States`.
    pub states: &'a [Field],
    /// Whether a Map or Parallel around it has a Catch, which also catches what fails in here.
    pub caught_outside: bool,
}

/// One state.
#[derive(Debug, Clone, Copy)]
pub struct State<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where its name stands.
    pub line: usize,
    /// Its definition.
    pub node: &'a Node,
}

impl Machine {
    /// Reads a definition.
    pub fn parse(file: &str, text: &str) -> Result<Self, SyntaxError> {
        Ok(Self {
            file: file.to_owned(),
            text: text.to_owned(),
            node: parse_json(text)?,
        })
    }

    /// The machine's level, then those nested in it.
    pub fn levels(&self) -> Vec<Level<'_>> {
        let mut levels = Vec::new();
        collect_levels(&self.node, false, &mut levels);
        levels
    }

    /// Every state of every level.
    pub fn states(&self) -> Vec<State<'_>> {
        self.levels().iter().flat_map(Level::each_state).collect()
    }

    /// Every `${Name}` with its line.
    pub fn open_substitutions(&self) -> Vec<(&str, usize)> {
        let mut found = Vec::new();
        for (index, line) in self.text.lines().enumerate() {
            for name in substitutions_in(line) {
                found.push((name, index + 1));
            }
        }
        found
    }
}

impl<'a> Level<'a> {
    /// The states of this level alone.
    pub fn each_state(&self) -> Vec<State<'a>> {
        self.states
            .iter()
            .map(|field| State {
                name: &field.name,
                line: field.line,
                node: &field.node,
            })
            .collect()
    }
}

impl<'a> State<'a> {
    /// `Task`, `Choice`, ….
    pub fn kind(&self) -> &'a str {
        self.node
            .get("Type")
            .and_then(Node::text)
            .unwrap_or_default()
    }

    /// The names of the states that may come next.
    pub fn successors(&self) -> Vec<&'a str> {
        let node = self.node;
        let mut names: Vec<&str> = Vec::new();
        names.extend(node.get("Next").and_then(Node::text));
        names.extend(node.get("Default").and_then(Node::text));
        for list in ["Choices", "Catch"] {
            let items = node.get(list).map(Node::items).unwrap_or_default();
            names.extend(
                items
                    .iter()
                    .filter_map(|item| item.get("Next").and_then(Node::text)),
            );
        }
        names
    }

    /// The `ErrorEquals` lists of `Retry` or `Catch`, each with its entry.
    pub fn error_lists(&self, field: &str) -> Vec<&'a Node> {
        let entries = self.node.get(field).map(Node::items).unwrap_or_default();
        entries
            .iter()
            .filter_map(|entry| entry.get("ErrorEquals"))
            .collect()
    }
}

fn collect_levels<'a>(node: &'a Node, caught_outside: bool, levels: &mut Vec<Level<'a>>) {
    let Some(states) = node.get("States") else {
        return;
    };
    levels.push(Level {
        node,
        states: states.fields(),
        caught_outside,
    });
    for state in states.fields() {
        let caught = caught_outside
            || state
                .node
                .get("Catch")
                .is_some_and(|list| !list.items().is_empty());
        for processor in ["ItemProcessor", "Iterator"] {
            if let Some(inner) = state.node.get(processor) {
                collect_levels(inner, caught, levels);
            }
        }
        let branches = state
            .node
            .get("Branches")
            .map(Node::items)
            .unwrap_or_default();
        branches
            .iter()
            .for_each(|branch| collect_levels(branch, caught, levels));
    }
}

/// The names in `${…}`; `${!x}` is CloudFormation's way to write a literal and names nothing.
pub fn substitutions_in(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let after = &rest[start + 2..];
        let Some(end) = after.find('}') else {
            break;
        };
        if !after.starts_with('!') {
            names.push(after[..end].trim());
        }
        rest = &after[end + 1..];
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_inside_map_and_parallel_are_walked_too() {
        let machine = Machine::parse(
            "m.json",
            r#"{"StartAt": "A", "States": {
                "A": {"Type": "Map", "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}, "Next": "C"},
                "C": {"Type": "Parallel", "Branches": [{"StartAt": "D", "States": {"D": {"Type": "Succeed"}}}], "End": true}}}"#,
        )
        .unwrap();
        let names: Vec<&str> = machine.states().iter().map(|state| state.name).collect();
        assert_eq!(names, ["A", "C", "B", "D"]);
    }

    #[test]
    fn substitutions_are_found_with_their_lines() {
        let machine = Machine::parse(
            "m.json",
            "{\n \"a\": \"${One}\",\n \"b\": \"x-${Two}-${One}\"}",
        )
        .unwrap();
        assert_eq!(
            machine.open_substitutions(),
            [("One", 2), ("Two", 3), ("One", 3)]
        );
        assert!(substitutions_in("${!Literal} $x").is_empty());
    }
}
