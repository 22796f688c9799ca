//! One running worker process and the talk with it.
//!
//! In: orders and a reader of state. Out: receipts, or why the process is of no use any more.
//! It starts nothing again; that is [`crate::worker`].

use crate::limits::{ANSWER_BYTES_MAX, FRAME_BYTES_MAX, ORDER_BYTES_MAX};
use crate::nest::{Outside, page};
use crate::outcome::NoResult;
use crate::protocol::{
    CallKind, CallLimits, CallSpec, Order, RawReceipt, Report, SandboxReport, decode_body,
    encode_frame, frame_len,
};
use crate::socket::Socket;
use crate::spawn::{Launch, Launched, Progress, ProgressPage, launch};
use std::io;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::Duration;
use tokio::io::{AsyncReadExt, BufReader};

/// The worker's fault handler ends it with this plus the signal.
pub const FAULT_EXIT_BASE: i32 = 100;

/// Time a worker whose socket has closed gets to be gone before it is killed.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// Bytes of our read buffer: most answers come in one read.
const INBOX_BYTES: usize = 64 << 10;

/// A worker that is ready, or was.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    progress: ProgressPage,
    socket: BufReader<Socket>,
    body: Vec<u8>,
    report: SandboxReport,
    in_talk: bool,
}

/// Why a talk ended early.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The worker does not know the parent block.
    NeedState,
    /// The socket closed.
    Gone,
    /// The worker said what no honest worker says.
    Breach(String),
    /// The order is too long to send.
    TooLong(String),
    /// A SCORE that was called in it has no result.
    Called(NoResult),
}

/// What ended a process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The call at this position did.
    Crash(u32),
    /// Not known; maybe this machine.
    Unexplained(String),
}

impl Process {
    /// Starts a worker and waits until it says that it is ready.
    pub(crate) async fn start(how: Launch) -> Result<Self, String> {
        let program = how.program.display().to_string();
        let launched = launch(how).await.map_err(|e| format!("{program}: {e}"))?;
        let Launched { child, socket, progress } = launched;
        let socket = Socket::new(socket).map_err(|e| format!("its socket: {e}"))?;
        let socket = BufReader::with_capacity(INBOX_BYTES, socket);
        let report = SandboxReport::default();
        let mut process =
            Self { child, progress, socket, body: Vec::new(), report, in_talk: false };
        match process.receive().await {
            Ok((Report::Ready(report), _)) => process.report = report,
            Ok((Report::Refused { why }, _)) => return Err(why),
            Ok(_) => return Err("it spoke before it was ready".into()),
            Err(Broken::Breach(why)) => return Err(why),
            Err(_) => {
                let (status, _) = process.end().await;
                return Err(format!("{program} ended before it was ready ({status})"));
            }
        }
        Ok(process)
    }

    /// The socket for a talk that is none of ours; ours is over.
    pub(crate) fn blocking_socket(&self) -> io::Result<UnixStream> {
        self.socket.get_ref().blocking()
    }

    pub(crate) const fn report(&self) -> &SandboxReport {
        &self.report
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// True when a talk was left before its end: what comes next would belong to that one.
    pub(crate) const fn is_in_talk(&self) -> bool {
        self.in_talk
    }

    /// Sends an order that has no answer.
    pub(crate) async fn tell(&mut self, order: &Order) -> Result<(), Broken> {
        let frame =
            encode_frame(order, ORDER_BYTES_MAX).map_err(|e| Broken::TooLong(e.to_string()))?;
        self.socket.get_ref().send(&frame).await.map_err(|_| Broken::Gone)
    }

    /// Sends an order and serves the worker's reads and calls until it has answered all of it.
    pub(crate) async fn ask(
        &mut self,
        order: &Order,
        outside: &mut dyn Outside,
    ) -> Result<Vec<RawReceipt>, Broken> {
        self.in_talk = true;
        let answer = self.serve(order, outside).await;
        self.in_talk = false;
        answer
    }

    async fn serve(
        &mut self,
        order: &Order,
        outside: &mut dyn Outside,
    ) -> Result<Vec<RawReceipt>, Broken> {
        let asked = Asked::of(order);
        self.tell(order).await?;
        let mut receipts = Vec::with_capacity(asked.calls.len());
        let mut bytes = 0;
        loop {
            let (report, length) = self.receive().await?;
            bytes += length;
            if bytes > ANSWER_BYTES_MAX {
                return Err(Broken::Breach("its answer is too long".into()));
            }
            let done = matches!(report, Report::Done(_));
            match report {
                Report::Get { key } => {
                    let value = outside.get(&key);
                    self.tell(&Order::Value { value }).await?;
                }
                Report::Scan { prefix, after, limit } => {
                    let page = page(outside, &prefix, &after, limit);
                    self.tell(&page).await?;
                }
                Report::Call(ask) => {
                    let spec = asked.calls.get(receipts.len()).filter(|_| ask.is_bounded());
                    let spec = spec.ok_or_else(|| Broken::Breach("a call out of bounds".into()))?;
                    let answer = outside.call(order, spec, ask).await.map_err(Broken::Called)?;
                    self.tell(&answer).await?;
                }
                Report::Part(more) | Report::Done(more) => {
                    for receipt in more {
                        let position = receipts.len();
                        asked.check(position, &receipt)?;
                        if let Some(work) = outside.ended(position, &receipt) {
                            work.await;
                        }
                        receipts.push(receipt);
                    }
                    if done && receipts.len() != asked.calls.len() {
                        return Err(other_number());
                    }
                    if done {
                        return Ok(receipts);
                    }
                }
                Report::NeedState => return Err(Broken::NeedState),
                Report::Ready(_) | Report::Refused { .. } => {
                    return Err(Broken::Breach("it spoke out of turn".into()));
                }
            }
        }
    }

    async fn receive(&mut self) -> Result<(Report, usize), Broken> {
        let mut head = [0; 4];
        self.socket.read_exact(&mut head).await.map_err(|_| Broken::Gone)?;
        let length = frame_len(head, FRAME_BYTES_MAX).map_err(|e| Broken::Breach(e.to_string()))?;
        self.body.resize(length, 0);
        self.socket.read_exact(&mut self.body).await.map_err(|_| Broken::Gone)?;
        let report = decode_body(&self.body).map_err(|e| Broken::Breach(e.to_string()))?;
        Ok((report, length))
    }

    /// Ends the process, if it has not ended, and says what ended it.
    pub(crate) async fn end(mut self) -> (String, End) {
        let status = reap(&mut self.child).await;
        let text = status.map_or_else(|| "killed by its peer".into(), |s| s.to_string());
        let end = match status {
            Some(status) => cause(status, self.progress.read(), &text),
            None => End::Unexplained(text.clone()),
        };
        (text, end)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the process is already gone and waited for.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a worker may answer to an order.
struct Asked<'a> {
    calls: &'a [CallSpec],
    may_write: bool,
    limits: CallLimits,
}

impl<'a> Asked<'a> {
    const fn of(order: &'a Order) -> Self {
        match order {
            Order::Exec(exec) => {
                let batch = &exec.batch;
                Self { calls: batch.calls.as_slice(), may_write: true, limits: batch.limits }
            }
            Order::Query(query) => {
                let calls = std::slice::from_ref(&query.call);
                Self { calls, may_write: false, limits: query.limits }
            }
            _ => Self { calls: &[], may_write: false, limits: CallLimits::MOST },
        }
    }

    fn check(&self, position: usize, receipt: &RawReceipt) -> Result<(), Broken> {
        let Some(call) = self.calls.get(position) else { return Err(other_number()) };
        let may_write = self.may_write && call.kind != CallKind::Query;
        match receipt.breach(may_write, &self.limits) {
            Some(rule) => Err(Broken::Breach(format!("receipt {position}: {rule}"))),
            None => Ok(()),
        }
    }
}

fn other_number() -> Broken {
    Broken::Breach("it answered another number of calls".into())
}

/// Waits for a process whose socket has closed; one that stays is killed and has no status.
async fn reap(child: &mut Child) -> Option<ExitStatus> {
    let until = tokio::time::Instant::now() + LAST_BREATH;
    while tokio::time::Instant::now() < until {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    None
}

/// A crash is on record when the kernel ended the worker for a forbidden system call, or when the
/// worker's fault handler caught a signal and wrote it down, while a call ran.
fn cause(status: ExitStatus, progress: Progress, text: &str) -> End {
    let Some(position) = progress.call.checked_sub(1) else {
        return End::Unexplained(text.into());
    };
    let forbidden_call = status.signal() == Some(libc::SIGSYS) && progress.in_host == 0;
    let caught = progress.signal != 0
        && status.code().map(|code| code - FAULT_EXIT_BASE) == i32::try_from(progress.signal).ok();
    if forbidden_call || caught { End::Crash(position) } else { End::Unexplained(text.into()) }
}

#[cfg(test)]
mod tests {
    use super::{End, cause};
    use crate::spawn::Progress;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    fn end(raw_status: i32, call: u32, signal: u32, in_host: u32) -> End {
        cause(ExitStatus::from_raw(raw_status), Progress { call, signal, in_host }, "gone")
    }

    #[test]
    fn only_recorded_causes_become_crashes() {
        let unexplained = End::Unexplained("gone".into());
        let exit = |code: i32| code << 8;
        assert_eq!(end(libc::SIGSYS, 3, 0, 0), End::Crash(2), "forbidden system call");
        assert_eq!(end(libc::SIGSYS, 3, 0, 1), unexplained, "our own code did it");
        assert_eq!(end(libc::SIGSYS, 0, 0, 0), unexplained, "no call ran");
        assert_eq!(end(exit(100 + libc::SIGSEGV), 1, 11, 0), End::Crash(0), "caught");
        assert_eq!(end(exit(100 + libc::SIGSEGV), 1, 4, 0), unexplained, "another signal");
        assert_eq!(end(exit(0), 1, 0, 0), unexplained, "a plain exit");
        assert_eq!(end(libc::SIGKILL, 1, 0, 0), unexplained, "killed");
    }
}
