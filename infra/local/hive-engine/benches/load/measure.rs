//! Runs a contender in a process of its own and reads its figures. The other engines live in a virtual environment under target/.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::cases::{Case, Contender};

/// What a contender needed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// The statement alone.
    pub seconds: f64,
    /// From the start of the process to the end of the statement.
    pub process_seconds: f64,
    /// Of all its threads, user and system.
    pub cpu_seconds: f64,
    /// Most memory that was resident at once.
    pub peak_mebibytes: f64,
    /// Rows and a sum over them: every contender must have the same.
    pub answer: [i64; 2],
}

impl Figures {
    /// The faster run counts, and the larger memory.
    pub(crate) fn keep_better(&mut self, other: Self) {
        self.seconds = self.seconds.min(other.seconds);
        self.process_seconds = self.process_seconds.min(other.process_seconds);
        self.cpu_seconds = self.cpu_seconds.min(other.cpu_seconds);
        self.peak_mebibytes = self.peak_mebibytes.max(other.peak_mebibytes);
    }
}

/// CPU seconds and peak memory of this process so far, as Linux counts them; zero elsewhere.
pub(crate) fn own_usage() -> (f64, f64) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .trim()
                .strip_suffix(" kB")?
                .trim()
                .parse::<f64>()
                .ok()
        })
        .unwrap_or_default();
    // Behind the name, which may hold spaces, the 12th and 13th values are ticks of a hundredth second.
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: f64 = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|value| value.parse::<f64>().ok())
        .sum();
    ((ticks / 100.0).max(own_threads()), peak / 1024.0)
}

/// CPU seconds of the threads that live, to the nanosecond: a query may need less than a tick.
fn own_threads() -> f64 {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let schedule = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        schedule.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}

/// The target folder.
pub(crate) fn target() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|path| {
            path.ancestors()
                .find(|folder| folder.ends_with("target"))
                .map(Path::to_path_buf)
        })
        .unwrap_or_else(std::env::temp_dir)
}

/// The other engines.
pub(crate) struct Tools {
    python: PathBuf,
}

impl Tools {
    /// Installs the pinned engines that take part where they are missing.
    pub(crate) fn find(against: &[Contender]) -> anyhow::Result<Self> {
        let folder = target().join("bench-tools");
        let python = folder.join("bin/python");
        for contender in against {
            let Some(package) = contender.package() else {
                continue;
            };
            let wanted = include_str!("../requirements.txt")
                .lines()
                .find(|line| line.starts_with(&format!("{package}==")))
                .with_context(|| format!("benches/requirements.txt pins no {package}"))?;
            let stamp = folder.join(format!("{package}.installed"));
            if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
                continue;
            }
            eprintln!("installing {wanted} under {}", folder.display());
            run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
            let pip = "-m pip install --quiet --disable-pip-version-check";
            run(Command::new(&python).args(pip.split(' ')).arg(wanted))?;
            fs::write(stamp, wanted)?;
        }
        Ok(Self { python })
    }

    /// Prepares what the case works on, and measures it.
    pub(crate) fn measure(
        &self,
        contender: Contender,
        case: Case,
        directory: &Path,
        threads: usize,
    ) -> anyhow::Result<Figures> {
        let history = directory.join(format!("prepared-{}", contender.name()));
        if case.needs_history() && !history.exists() {
            self.process(contender, "prepare", case, directory, threads)?;
            fs::write(history, "")?;
        }
        self.process(contender, contender.name(), case, directory, threads)
    }

    fn process(
        &self,
        contender: Contender,
        work: &str,
        case: Case,
        directory: &Path,
        threads: usize,
    ) -> anyhow::Result<Figures> {
        let mut command = match contender {
            Contender::Engine | Contender::Bare => Command::new(std::env::current_exe()?),
            Contender::Duckdb | Contender::Spark => {
                let mut command = Command::new(&self.python);
                command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/load/others.py"));
                command.args(["--engine", contender.name()]);
                command
            }
        };
        command
            .args([
                "--work",
                work,
                case.name(),
                "--threads",
                &threads.to_string(),
                "--directory",
            ])
            .arg(directory)
            .stderr(Stdio::piped());
        let output = command
            .output()
            .with_context(|| format!("cannot start {}", contender.name()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().rev().find(|line| line.starts_with('{'));
        let (true, Some(line)) = (output.status.success(), line) else {
            let said = String::from_utf8_lossy(&output.stderr);
            anyhow::bail!("{} failed at {}: {said}", contender.name(), case.name());
        };
        Ok(serde_json::from_str(line)?)
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {command:?}"))?;
    anyhow::ensure!(status.success(), "{command:?} failed");
    Ok(())
}

/// A contender that gives other rows has not done the work.
pub(crate) fn same_answer(case: Case, found: &[(Contender, Figures)]) -> anyhow::Result<()> {
    let (_, first) = &found[0];
    for (contender, figures) in found {
        anyhow::ensure!(
            figures.answer == first.answer,
            "{}: {} gives {:?}, the engine {:?}",
            case.name(),
            contender.name(),
            figures.answer,
            first.answer
        );
    }
    Ok(())
}
