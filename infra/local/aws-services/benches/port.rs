//! How fast Step Functions is over its port: executions that are started and asked for their result per second, synchronous
//! express executions per second, and what an execution that waits takes of the service's memory.
//! `cargo bench -p aws-services`; `states-language/benches/compare/run.sh` reads its one line of JSON.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use async_trait::async_trait;
use aws_services::{
    Custody, FunctionInvoker, Invocation, InvocationOutcome, InvokeError, Services, ServicesConfig,
    StepOutcome, StepProgressSink, StepRequest, StepRunner,
};
use serde_json::{Value, json};
use virtual_time::{Clock, Entropy};

/// Each with a connection that it keeps.
const CLIENTS: usize = 4;
const MEASURED: Duration = Duration::from_secs(3);
const WAITING: usize = 1000;
const ROLE: &str = "arn:aws:iam::000000000000:role/bench";

struct Nobody;

#[async_trait]
impl FunctionInvoker for Nobody {
    async fn invoke(
        &self,
        invocation: Invocation,
        _custody: &mut Custody,
    ) -> Result<InvocationOutcome, InvokeError> {
        Err(InvokeError::NotFound(invocation.function_name))
    }
}

#[async_trait]
impl StepRunner for Nobody {
    async fn run(&self, _step: StepRequest, _progress: StepProgressSink) -> StepOutcome {
        StepOutcome {
            exit_code: 0,
            failure: None,
            log_tail: String::new(),
        }
    }
}

/// A connection to the port.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    fn call(&mut self, action: &str, input: &Value) -> Result<Value> {
        let body = input.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AWSStepFunctions.{action}\r\n\
             Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut status = String::new();
        self.0.read_line(&mut status)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            match line.trim_end().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse()?;
                }
                Some(_) => {}
                None => break,
            }
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer)?;
        let answer: Value = serde_json::from_slice(&answer)?;
        match status.contains(" 200 ") {
            true => Ok(answer),
            false => Err(anyhow!("{action}: {}: {answer}", status.trim_end())),
        }
    }

    fn create(&mut self, name: &str, kind: &str, definition: &Value) -> Result<String> {
        let machine = json!({"name": name, "definition": definition.to_string(), "roleArn": ROLE, "type": kind});
        text(
            &self.call("CreateStateMachine", &machine)?,
            "stateMachineArn",
        )
    }

    /// Starts an execution and asks for it until it has succeeded.
    fn run(&mut self, machine: &str) -> Result<()> {
        let begun = self.call("StartExecution", &json!({"stateMachineArn": machine}))?;
        let execution = json!({"executionArn": begun["executionArn"]});
        loop {
            let found = self.call("DescribeExecution", &execution)?;
            match found["status"].as_str() {
                Some("SUCCEEDED") => return Ok(()),
                Some("RUNNING") => {}
                _ => return Err(anyhow!("it does not succeed: {found}")),
            }
        }
    }

    fn run_synchronously(&mut self, machine: &str) -> Result<()> {
        let ended = self.call("StartSyncExecution", &json!({"stateMachineArn": machine}))?;
        match ended["status"] == "SUCCEEDED" {
            true => Ok(()),
            false => Err(anyhow!("it does not succeed: {ended}")),
        }
    }
}

fn text(answer: &Value, member: &str) -> Result<String> {
    let found = answer[member].as_str();
    found
        .map(str::to_owned)
        .with_context(|| format!("no {member} in {answer}"))
}

/// How many of them all clients together get through, per second.
fn rate(
    address: SocketAddr,
    one: impl Fn(&mut Client) -> Result<()> + Send + Sync,
) -> Result<Value> {
    let (begun, spent) = (Instant::now(), processor_seconds());
    let done = std::thread::scope(|scope| {
        let client = || -> Result<u64> {
            let mut client = Client::connect(address)?;
            let mut done = 0;
            while begun.elapsed() < MEASURED {
                one(&mut client)?;
                done += 1;
            }
            Ok(done)
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        let mut done = 0;
        for client in clients {
            done += client.join().map_err(|_| anyhow!("a client panicked"))??;
        }
        anyhow::Ok(done)
    })?;
    let wall = done as f64 / begun.elapsed().as_secs_f64();
    let processor = spent.and_then(|spent| Some(done as f64 / (processor_seconds()? - spent)));
    Ok(json!({"wall": wall.round(), "cpu": processor.map(f64::round)}))
}

/// What the process, the clients included, has used of processors, where the system says so.
fn processor_seconds() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the program's name, which may hold spaces, the 12th and 13th are user and system time in hundredths.
    let mut ticks = told.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || ticks.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / 100.0)
}

fn resident_bytes() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = told.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

fn measure(address: SocketAddr) -> Result<Value> {
    let pass = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
    let wait =
        json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 86400, "End": true}}});
    let mut client = Client::connect(address)?;
    let standard = client.create("standard", "STANDARD", &pass)?;
    let express = client.create("express", "EXPRESS", &pass)?;
    let waiting = client.create("waiting", "STANDARD", &wait)?;
    let standard = rate(address, |client| client.run(&standard))?;
    let express = rate(address, |client| client.run_synchronously(&express))?;
    let (before, begun) = (resident_bytes(), Instant::now());
    for _ in 0..WAITING {
        client.call("StartExecution", &json!({"stateMachineArn": waiting}))?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let listed =
        json!({"stateMachineArn": waiting, "statusFilter": "RUNNING", "maxResults": WAITING});
    let listed = client.call("ListExecutions", &listed)?;
    let running = listed["executions"].as_array().map_or(0, Vec::len);
    anyhow::ensure!(running == WAITING, "{running} of {WAITING} wait");
    let grown = before.and_then(|before| Some(resident_bytes()?.saturating_sub(before)));
    Ok(json!({
        "executionsPerSecond": standard,
        "synchronousExecutionsPerSecond": express,
        "waitingStartedPerSecond": (WAITING as f64 / seconds).round(),
        "bytesPerWaitingExecution": grown.map(|bytes| bytes / WAITING as u64),
    }))
}

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let services = Services::new(ServicesConfig::new(
            Clock::real(),
            Entropy::from_seed(1),
            folder.path().to_owned(),
            Arc::new(Nobody),
            Arc::new(Nobody),
        ))?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = async move {
            let stopped = async {
                // A sender that is gone says the same.
                let _ = stopped.await;
            };
            services.serve(listener, stopped).await
        };
        let serving = tokio::spawn(serving);
        let measured = tokio::task::spawn_blocking(move || measure(address)).await??;
        println!("port: {measured}");
        drop(stop);
        serving.await??;
        Ok(())
    })
}
