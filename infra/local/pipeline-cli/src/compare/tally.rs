//! What was compared and what differs, by clause. Printed by `pipeline compare-engines` as a table or as JSON.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde::Serialize;

/// Everything that was compared.
#[derive(Debug, Default, Serialize)]
pub struct Tally {
    /// Cases by file and clause.
    pub clauses: BTreeMap<String, Counts>,
    /// Whole tables.
    pub tables: TableCounts,
    /// What Spark does otherwise, with the reason.
    pub explained: Vec<Difference>,
    /// What nobody has explained: these fail the command.
    pub unexplained: Vec<Difference>,
}

/// Cases of one clause.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Counts {
    /// Cases.
    pub cases: usize,
    /// Cases in which this engine gives what the corpus expects of Hive.
    pub passed: usize,
    /// Cases in which Spark does the same.
    pub spark_same: usize,
    /// Cases in which it does not, for a reason that the corpus names.
    pub spark_differs: usize,
    /// Cases that Spark is not asked.
    pub spark_skipped: usize,
    /// What Hive and Spark do and this engine refuses by name.
    pub refused: usize,
}

/// Comparisons of whole tables.
#[derive(Debug, Default, Clone, Serialize)]
pub struct TableCounts {
    /// Tables whose schema, partitions and rows were compared at the end of a file.
    pub compared: usize,
    /// Tables whose rows were compared after a load of them.
    pub after_loads: usize,
    /// ORC and Parquet files of this engine that pyarrow read.
    pub read_by_pyarrow: usize,
    /// Tables of this engine whose files Hive's serde in Spark read.
    pub read_by_spark: usize,
    /// ORC files of this engine with several groups of rows that Spark read with and without the row index.
    pub read_by_index: usize,
    /// Tables of Spark whose files this engine read.
    pub read_by_engine: usize,
}

/// One difference.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// `file.slt:line`, or a file and a table.
    pub place: String,
    /// The reason, or what differs.
    pub what: String,
}

impl Tally {
    /// Notes what nobody has explained.
    pub fn differs(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.unexplained.push(Difference {
            place: place.into(),
            what: what.into(),
        });
    }

    /// Notes what Spark does otherwise.
    pub fn explains(&mut self, place: impl Into<String>, reason: impl Into<String>) {
        self.explained.push(Difference {
            place: place.into(),
            what: reason.into(),
        });
    }

    /// The counts of a clause.
    pub fn clause(&mut self, name: &str) -> &mut Counts {
        self.clauses.entry(name.to_owned()).or_default()
    }

    /// The sum over all clauses.
    pub fn all(&self) -> Counts {
        let mut all = Counts::default();
        for counts in self.clauses.values() {
            all.cases += counts.cases;
            all.passed += counts.passed;
            all.spark_same += counts.spark_same;
            all.spark_differs += counts.spark_differs;
            all.spark_skipped += counts.spark_skipped;
            all.refused += counts.refused;
        }
        all
    }

    /// The tally for people: the table by clause, whole tables, reasons if asked for, and what nobody has explained.
    pub fn as_text(&self, reasons: bool) -> String {
        let mut table = Table::new();
        table.load_style(NOTHING);
        table.set_header([
            "clause",
            "cases",
            "engine",
            "Spark",
            "differs",
            "not asked",
            "refused",
        ]);
        let all = self.all();
        let named = self
            .clauses
            .iter()
            .map(|(name, counts)| (name.as_str(), counts));
        for (name, counts) in named.chain([("all", &all)]) {
            let numbers = [
                counts.cases,
                counts.passed,
                counts.spark_same,
                counts.spark_differs,
                counts.spark_skipped,
                counts.refused,
            ];
            let numbers = numbers.iter().map(ToString::to_string);
            table.add_row(std::iter::once(name.to_owned()).chain(numbers));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let lines: Vec<String> = table
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect();
        let mut text = format!("{}\n\n", lines.join("\n"));
        let TableCounts {
            compared,
            after_loads,
            read_by_pyarrow,
            read_by_spark,
            read_by_index,
            read_by_engine,
        } = &self.tables;
        text.push_str(&format!(
            "{compared} tables compared at the end, {after_loads} after a load of them\n\
             {read_by_pyarrow} files of this engine read by pyarrow, {read_by_spark} tables by Spark\n\
             {read_by_index} files of this engine read by Spark with and without the row index\n\
             {read_by_engine} tables of Spark read by this engine\n"
        ));
        if reasons {
            text.push_str(&listed("Spark differs, or is not asked:", &self.explained));
        }
        if !self.unexplained.is_empty() {
            text.push_str(&listed("unexplained:", &self.unexplained));
        }
        text
    }
}

fn listed(title: &str, differences: &[Difference]) -> String {
    let mut text = format!("\n{title}\n");
    for Difference { place, what } in differences {
        let what = what.trim_end().replace('\n', "\n    ");
        text.push_str(&format!("  {place}: {what}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_explained_is_printed_with_its_place() {
        let mut tally = Tally::default();
        tally.clause("joins").cases = 2;
        tally.differs("query.slt:7", "found:\n1");
        let text = tally.as_text(false);
        assert!(
            text.contains("unexplained:\n  query.slt:7: found:\n    1\n"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    }
}
