//! What a child process prints. Standard output and standard error share one pipe, so that their order is kept; the
//! environment cuts the text into invocations.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::Poll;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};

/// More than this of one invocation's text is dropped, and the log says so.
const LIMIT: usize = 4 * 1024 * 1024;

/// The reading end.
#[derive(Debug)]
pub(crate) struct Output {
    text: Arc<Mutex<Text>>,
    flush: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    dropped: usize,
}

impl Text {
    fn push(&mut self, bytes: &[u8]) {
        let room = LIMIT.saturating_sub(self.bytes.len()).min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..room]);
        self.dropped += bytes.len() - room;
    }
}

impl Output {
    /// A pipe: the reading end and the two writing ends for the child.
    pub(crate) fn open() -> io::Result<(Self, Stdio, Stdio)> {
        let (reader, writer) = io::pipe()?;
        let other = writer.try_clone()?;
        let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
        let text = Arc::new(Mutex::new(Text::default()));
        let (flush, requests) = mpsc::unbounded_channel();
        tokio::spawn(collect(reader, Arc::clone(&text), requests));
        Ok((
            Self { text, flush },
            Stdio::from(writer),
            Stdio::from(other),
        ))
    }

    /// Takes all that the child has printed up to now.
    pub(crate) async fn take(&self) -> String {
        let (done, flushed) = oneshot::channel();
        // When the reader has gone, the child has closed its end and everything is in the buffer already.
        if self.flush.send(done).is_ok() {
            let _ = flushed.await;
        }
        let text = std::mem::take(&mut *self.text.lock());
        let mut printed = String::from_utf8_lossy(&text.bytes).into_owned();
        if text.dropped > 0 {
            if !printed.ends_with('\n') {
                printed.push('\n');
            }
            printed.push_str(&format!(
                "[{} more bytes of output were dropped]\n",
                text.dropped
            ));
        }
        printed
    }
}

async fn collect(
    mut reader: pipe::Receiver,
    text: Arc<Mutex<Text>>,
    mut requests: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        tokio::select! {
            biased;
            read = reader.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return,
                Ok(count) => text.lock().push(&buffer[..count]),
            },
            request = requests.recv() => {
                let Some(done) = request else { return };
                let open = drain(&mut reader, &mut buffer, &text).await;
                let _ = done.send(());
                if !open {
                    return;
                }
            }
        }
    }
}

/// Reads what is in the pipe without waiting for more. Returns whether the pipe is still open.
async fn drain(reader: &mut pipe::Receiver, buffer: &mut [u8], text: &Mutex<Text>) -> bool {
    loop {
        let count = poll_fn(|context| {
            let mut buffer = ReadBuf::new(buffer);
            Poll::Ready(
                match Pin::new(&mut *reader).poll_read(context, &mut buffer) {
                    Poll::Ready(Ok(())) => Some(buffer.filled().len()),
                    Poll::Ready(Err(_)) => Some(0),
                    Poll::Pending => None,
                },
            )
        })
        .await;
        match count {
            None => return true,
            Some(0) => return false,
            Some(count) => text.lock().push(&buffer[..count]),
        }
    }
}
