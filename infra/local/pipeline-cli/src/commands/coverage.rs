//! Which kinds of faults have struck which states, as a table for each state machine that fits into 80 columns: `simulate
//! --coverage` prints it.

use std::collections::BTreeMap;

use simulation::Kind;

/// A column for each kind of fault has room for one character.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const WIDTH: usize = 80;

/// A state's name, and how often each kind has struck it.
type State<'a> = (&'a str, &'a BTreeMap<Kind, usize>);

/// `struck` counts by places, `machine: state`, and kinds.
pub(super) fn lines(struck: &BTreeMap<String, BTreeMap<Kind, usize>>) -> Vec<String> {
    let columns: Vec<(Kind, char)> = Kind::ALL.into_iter().zip(LETTERS.chars()).collect();
    let mut machines: BTreeMap<&str, Vec<State<'_>>> = BTreeMap::new();
    for (place, kinds) in struck {
        let (machine, state) = place.split_once(": ").unwrap_or(("", place));
        machines.entry(machine).or_default().push((state, kinds));
    }
    let names = machines.values().flatten();
    let widest = names.map(|(state, _)| state.chars().count()).max();
    let widest = widest.unwrap_or_default();
    let heads: String = columns.iter().map(|(_, letter)| letter).collect();
    let mut lines = Vec::new();
    for (machine, states) in machines {
        let machine = if machine.is_empty() {
            "elsewhere"
        } else {
            machine
        };
        lines.push(String::new());
        lines.push(format!("{machine:<widest$}    {heads}    all"));
        for (state, kinds) in states {
            let cells = columns
                .iter()
                .map(|(kind, _)| cell(kinds.get(kind).copied()));
            let cells: String = cells.collect();
            let all: usize = kinds.values().sum();
            lines.push(format!("  {state:<widest$}  {cells}  {all:>5}"));
        }
    }
    lines.push(String::new());
    lines.push("How often: . never, 1 to 9, + more. The kinds:".to_owned());
    let mut legend = String::new();
    for (kind, letter) in columns {
        let entry = format!("{letter} {kind}");
        if legend.len() + entry.len() + 4 > WIDTH {
            lines.push(std::mem::take(&mut legend));
        }
        legend.push_str(if legend.is_empty() { "  " } else { ", " });
        legend.push_str(&entry);
    }
    lines.push(legend);
    lines
}

fn cell(count: Option<usize>) -> char {
    let digit = u32::try_from(count.unwrap_or_default());
    match digit.ok().and_then(|count| char::from_digit(count, 10)) {
        Some('0') => '.',
        Some(digit) => digit,
        None => '+',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_a_column_and_the_table_fits_into_80_columns() {
        let mut struck: BTreeMap<String, BTreeMap<Kind, usize>> = BTreeMap::new();
        let longest = "master: Remove the state info of the cluster".to_owned();
        struck.insert(
            longest,
            BTreeMap::from([(Kind::Throttle, 12), (Kind::TerminateByHand, 3)]),
        );
        struck.insert(
            "steps: hive".to_owned(),
            BTreeMap::from([(Kind::StepHangs, 1)]),
        );
        struck.insert(
            "outside of state machines".to_owned(),
            BTreeMap::from([(Kind::Abort, 9)]),
        );
        let lines = lines(&struck);
        assert!(
            lines.iter().all(|line| line.chars().count() <= WIDTH),
            "{lines:#?}"
        );
        let head = lines
            .iter()
            .find(|line| line.starts_with("master"))
            .unwrap();
        let row = lines
            .iter()
            .find(|line| line.contains("Remove the state"))
            .unwrap();
        for (kind, cell) in [('a', '+'), ('b', '.'), ('C', '3')] {
            let column = head.find("abcdef").unwrap() + LETTERS.find(kind).unwrap();
            assert_eq!(row.chars().nth(column), Some(cell), "{kind}");
        }
        assert!(row.ends_with("   15"), "{row}");
        assert!(lines.iter().any(|line| line.starts_with("elsewhere")));
        for kind in Kind::ALL {
            assert!(
                lines.iter().any(|line| line.contains(&kind.to_string())),
                "{kind}"
            );
        }
    }
}
