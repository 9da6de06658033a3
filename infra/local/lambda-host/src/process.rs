//! The child process of an execution environment: it gets a clean environment and its own process group, is reaped when
//! it ends and killed with its group when it must.
//!
//! A child cannot outlive its host for long: it is killed when the host drops it, and when the host itself is killed, the
//! port of the Runtime API closes, on which runtimes exit. Its own group keeps a Ctrl-C in the terminal away from it, so
//! that the host decides in which order things end.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, watch};

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
    Unknown(String),
}

impl Exit {
    fn from_status(status: io::Result<ExitStatus>) -> Self {
        match status {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => Exit::Code(code),
                (None, Some(signal)) => Exit::Signal(signal),
                (None, None) => Exit::Unknown(status.to_string()),
            },
            Err(error) => Exit::Unknown(error.to_string()),
        }
    }

    /// The reason in Lambda's words.
    pub(crate) fn reason(&self) -> String {
        match self {
            Exit::Code(0) => "Runtime exited without providing a reason".to_owned(),
            Exit::Code(code) => format!("Runtime exited with error: exit status {code}"),
            Exit::Signal(signal) => format!(
                "Runtime exited with error: signal: {}",
                signal_name(*signal)
            ),
            Exit::Unknown(reason) => format!("Runtime exited with error: {reason}"),
        }
    }
}

fn signal_name(signal: i32) -> String {
    match signal {
        2 => "interrupt".to_owned(),
        4 => "illegal instruction".to_owned(),
        6 => "aborted".to_owned(),
        9 => "killed".to_owned(),
        11 => "segmentation fault".to_owned(),
        15 => "terminated".to_owned(),
        other => format!("signal {other}"),
    }
}

/// A running child and the means to end it.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) id: Option<u32>,
    stop: Arc<Notify>,
    exit: watch::Receiver<Option<Exit>>,
}

impl Process {
    /// Starts `binary` with nothing but the given environment.
    pub(crate) fn start(
        binary: &Path,
        arguments: &[OsString],
        environment: &[(String, String)],
        output: Stdio,
        errors: Stdio,
    ) -> io::Result<Self> {
        let mut command = Command::new(binary);
        command
            .args(arguments)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn()?;
        let id = child.id();
        let stop = Arc::new(Notify::new());
        let (sender, exit) = watch::channel(None);
        tokio::spawn(attend(child, Arc::clone(&stop), sender));
        Ok(Self { id, stop, exit })
    }

    /// Whether it has ended.
    pub(crate) fn ended(&self) -> bool {
        self.exit.borrow().is_some()
    }

    /// Waits for the end.
    pub(crate) async fn exited(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit
                .clone()
                .unwrap_or_else(|| Exit::Unknown("unknown".to_owned())),
            Err(_) => Exit::Unknown("the host is being torn down".to_owned()),
        }
    }

    /// Kills the process and everything in its group; returns when it is gone.
    pub(crate) async fn kill(&self) {
        self.stop.notify_one();
        self.exited().await;
    }

    /// As [`Process::kill`], without waiting.
    pub(crate) fn begin_to_kill(&self) {
        self.stop.notify_one();
    }

    /// The peak resident memory in bytes, while the process lives and where the system tells it.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id?)).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    }

    /// The processor time of all threads that live, in user and kernel mode, while the process lives and where the system
    /// tells it. Threads that have ended are missing; functions keep theirs.
    pub(crate) fn processor_time(&self) -> Option<Duration> {
        let mut total = Duration::ZERO;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.id?)).ok()? {
            let statistics = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            let nanoseconds = statistics.split_whitespace().next()?.parse().ok()?;
            total += Duration::from_nanos(nanoseconds);
        }
        Some(total)
    }
}

/// Owns the child until it has been reaped, so that its id cannot be another process's when it is killed.
async fn attend(mut child: Child, stop: Arc<Notify>, sender: watch::Sender<Option<Exit>>) {
    let status = tokio::select! {
        status = child.wait() => status,
        () = stop.notified() => {
            let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
            if let Some(group) = group
                && let Err(error) = kill_process_group(group, Signal::KILL)
            {
                tracing::debug!(%error, "the process group could not be killed");
            }
            if let Err(error) = child.start_kill() {
                tracing::debug!(%error, "the process had ended already");
            }
            child.wait().await
        }
    };
    sender.send_replace(Some(Exit::from_status(status)));
}
