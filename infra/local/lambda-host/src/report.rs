//! The lines that Lambda writes around an invocation's own output, and the log file `<function>.log` that keeps them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// What the REPORT line says.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) version: &'a str,
    pub(crate) duration: Duration,
    pub(crate) billed_duration: Duration,
    pub(crate) memory_mib: u32,
    pub(crate) max_memory_bytes: Option<u64>,
    pub(crate) init_duration: Option<Duration>,
    /// `error` or `timeout`, with the error's type.
    pub(crate) failure: Option<(&'a str, &'a str)>,
}

impl Report<'_> {
    /// The whole text of an invocation: what was printed while the process started, START, what it printed, END, REPORT.
    pub(crate) fn render(&self, before: &str, printed: &str) -> String {
        let mut text = String::with_capacity(before.len() + printed.len() + 512);
        push_lines(&mut text, before);
        text.push_str(&format!(
            "START RequestId: {} Version: {}\n",
            self.request_id, self.version
        ));
        push_lines(&mut text, printed);
        text.push_str(&format!("END RequestId: {}\n", self.request_id));
        text.push_str(&format!(
            "REPORT RequestId: {}\tDuration: {} ms\tBilled Duration: {} ms\tMemory Size: {} MB\t",
            self.request_id,
            milliseconds(self.duration),
            self.billed_duration.as_millis(),
            self.memory_mib
        ));
        if let Some(bytes) = self.max_memory_bytes {
            text.push_str(&format!(
                "Max Memory Used: {} MB\t",
                bytes.div_ceil(1024 * 1024)
            ));
        }
        if let Some(init) = self.init_duration {
            text.push_str(&format!("Init Duration: {} ms\t", milliseconds(init)));
        }
        if let Some((status, error_type)) = self.failure {
            text.push_str(&format!("Status: {status}\tError Type: {error_type}\t"));
        }
        text.push('\n');
        text
    }
}

fn push_lines(text: &mut String, lines: &str) {
    text.push_str(lines);
    if !lines.is_empty() && !lines.ends_with('\n') {
        text.push('\n');
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1000.0)
}

/// Appends an invocation's text to the function's log file.
pub(crate) fn append(folder: &Path, function: &str, text: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("{function}.log"));
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_line_has_lambda_s_fields() {
        let report = Report {
            request_id: "r-1",
            version: "$LATEST",
            duration: Duration::from_micros(1234),
            billed_duration: Duration::from_millis(22),
            memory_mib: 128,
            max_memory_bytes: Some(6 * 1024 * 1024 + 1),
            init_duration: Some(Duration::from_micros(20_500)),
            failure: None,
        };
        let text = report.render("", "hello");
        assert_eq!(
            text,
            "START RequestId: r-1 Version: $LATEST\nhello\nEND RequestId: r-1\nREPORT RequestId: r-1\tDuration: 1.23 \
             ms\tBilled Duration: 22 ms\tMemory Size: 128 MB\tMax Memory Used: 7 MB\tInit Duration: 20.50 ms\t\n"
        );
    }
}
