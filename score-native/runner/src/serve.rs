//! The worker's loop: orders in, receipts out.
//!
//! In: [`Order`]s from the peer, which is trusted. Out: [`Report`]s. One thread, one order at a
//! time; when the peer is gone, so are we.

use crate::confine::leave;
use crate::layers::{Changes, Layers};
use crate::load::Loaded;
use crate::traps::{BlockFacts, HostMark, run};
use crate::view::{CallView, ScanPage, Sources, Stop, Upstream};
use score_native_abi::trap;
use score_native_link::limits::{FRAME_BYTES_MAX, ORDER_BYTES_MAX, PART_BYTES};
use score_native_link::protocol::{
    CallAnswer, Entry, Exec, Order, Query, RawReceipt, Report, decode_body, encode_frame, frame_len,
};
use score_native_link::{CallAsk, CallKind, CallSpec, ECHO_BYTES, Write as StateWrite};
use std::fs::File;
use std::io::{self, BufReader, Read, Write};

/// Bytes of the read buffer: an order and its length come in one system call.
const INBOX_BYTES: usize = 64 << 10;

/// Our end of the socket.
pub(crate) struct Peer {
    socket: BufReader<File>,
    body: Vec<u8>,
    /// Receipts that have not been sent.
    receipts: Vec<RawReceipt>,
    receipt_bytes: usize,
}

impl Peer {
    pub(crate) fn new(socket: File) -> Self {
        let receipts = Vec::new();
        let socket = BufReader::with_capacity(INBOX_BYTES, socket);
        Self { socket, body: Vec::new(), receipts, receipt_bytes: 0 }
    }

    /// Adds the receipt of the next call, and sends what is due before the last.
    fn keep(&mut self, receipt: RawReceipt) -> io::Result<()> {
        self.receipt_bytes += length(&receipt);
        self.receipts.push(receipt);
        if self.receipt_bytes > PART_BYTES {
            let part = self.part()?;
            self.socket.get_mut().write_all(&part)?;
        }
        Ok(())
    }

    /// The frame of the receipts that have not been sent.
    fn part(&mut self) -> io::Result<Vec<u8>> {
        self.receipt_bytes = 0;
        let part = Report::Part(std::mem::take(&mut self.receipts));
        encode_frame(&part, FRAME_BYTES_MAX).map_err(io::Error::other)
    }

    fn send_rest(&mut self) -> io::Result<()> {
        self.receipt_bytes = 0;
        let done = Report::Done(std::mem::take(&mut self.receipts));
        self.send(&done)
    }

    pub(crate) fn send(&mut self, report: &Report) -> io::Result<()> {
        let frame = encode_frame(report, FRAME_BYTES_MAX).map_err(io::Error::other)?;
        self.socket.get_mut().write_all(&frame)
    }

    fn receive(&mut self) -> io::Result<Order> {
        let mut head = [0; 4];
        self.socket.read_exact(&mut head)?;
        let length = frame_len(head, ORDER_BYTES_MAX).map_err(io::Error::other)?;
        self.body.resize(length, 0);
        self.socket.read_exact(&mut self.body)?;
        decode_body(&self.body).map_err(io::Error::other)
    }

    /// Sends back what comes until the peer is gone.
    pub(crate) fn echo(&mut self) {
        let mut bytes = [0; ECHO_BYTES];
        while self.socket.read_exact(&mut bytes).is_ok() {
            if self.socket.get_mut().write_all(&bytes).is_err() {
                return;
            }
        }
    }

    /// Asks with all receipts before the question: the peer counts them to know whose call this is. Both go
    /// in one piece, so that the peer is woken once.
    fn ask_counted(&mut self, report: &Report) -> io::Result<Order> {
        let mut frames = if self.receipts.is_empty() { Vec::new() } else { self.part()? };
        frames.extend(encode_frame(report, FRAME_BYTES_MAX).map_err(io::Error::other)?);
        self.socket.get_mut().write_all(&frames)?;
        self.receive()
    }

    fn ask(&mut self, report: &Report) -> Order {
        match self.send(report).and_then(|()| self.receive()) {
            Ok(order) => order,
            // The peer is gone; there is nobody to tell.
            Err(_) => leave(),
        }
    }
}

impl Upstream for Peer {
    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        match self.ask(&Report::Get { key: key.to_vec() }) {
            Order::Value { value } => value,
            _ => leave(),
        }
    }

    fn scan(&mut self, prefix: &[u8], after: &[u8], limit: u32) -> (Vec<Entry>, bool) {
        let question = Report::Scan { prefix: prefix.to_vec(), after: after.to_vec(), limit };
        match self.ask(&question) {
            Order::Page { entries, complete } => (entries, complete),
            _ => leave(),
        }
    }

    fn call(&mut self, ask: CallAsk) -> Result<CallAnswer, Stop> {
        match self.ask_counted(&Report::Call(ask)) {
            Ok(Order::Answer(answer)) => Ok(answer),
            Ok(Order::Stop { code, text }) => Err(Stop { code, text }),
            _ => leave(),
        }
    }
}

/// A worker that is ready.
pub(crate) struct Service {
    pub(crate) peer: Peer,
    pub(crate) loaded: Loaded,
    pub(crate) mark: HostMark,
    pub(crate) layers: Layers,
}

impl Service {
    /// Serves until the peer closes the socket.
    pub(crate) fn serve(&mut self) {
        while let Ok(order) = self.peer.receive() {
            let done = match order {
                Order::Exec(exec) => self.execute(&exec),
                Order::Query(query) => self.answer(&query),
                Order::Final { block } => {
                    self.layers.finalize(block);
                    Ok(())
                }
                Order::Forget { block } => {
                    self.layers.forget(block);
                    Ok(())
                }
                Order::Apply { block, part, writes } => {
                    self.layers.apply_later(block, part, changes(writes));
                    Ok(())
                }
                Order::Value { .. }
                | Order::Page { .. }
                | Order::Answer(_)
                | Order::Stop { .. } => return,
            };
            if done.is_err() {
                return;
            }
        }
    }

    fn execute(&mut self, exec: &Exec) -> io::Result<()> {
        let batch = &exec.batch;
        if self.layers.begin(batch).is_err() {
            return self.peer.send(&Report::NeedState);
        }
        let facts = BlockFacts {
            height: batch.height,
            time_us: batch.time_us,
            block_seed: batch.block_seed,
            channel: &batch.channel,
            limits: batch.limits,
        };
        let mut page = ScanPage::default();
        let mut left = batch.steps;
        let is_called = exec.over.is_some();
        self.layers.set_over(exec.over.clone().map(changes).unwrap_or_default());
        for (position, call) in (0..).zip(&batch.calls) {
            let granted = call.steps.min(left);
            let receipt = if left == 0 {
                RawReceipt::block_steps(0)
            } else if exec.skip.contains(&position) {
                RawReceipt::crash(granted)
            } else {
                self.mark.begin(position);
                let (receipt, writes) = self.call(&facts, (call, granted), &mut page);
                if !is_called {
                    self.layers.apply(writes);
                }
                // With all of its own steps it might have ended well: that is no fault of the call.
                let is_cut = receipt.code == trap::STEPS && granted < call.steps;
                if is_cut { RawReceipt::block_steps(receipt.steps) } else { receipt }
            };
            left = left.saturating_sub(receipt.steps);
            self.peer.keep(receipt)?;
        }
        self.mark.end();
        self.layers.set_over(Changes::new());
        self.peer.send_rest()
    }

    fn answer(&mut self, query: &Query) -> io::Result<()> {
        self.layers.begin_query(query.snapshot);
        let facts = BlockFacts {
            height: query.height,
            time_us: query.time_us,
            block_seed: query.block_seed,
            channel: &query.channel,
            limits: query.limits,
        };
        self.mark.begin(0);
        let steps = query.call.steps;
        let (receipt, _) = self.call(&facts, (&query.call, steps), &mut ScanPage::default());
        self.mark.end();
        self.peer.keep(receipt)?;
        self.peer.send_rest()
    }

    /// Runs one call with the steps granted; gives what it wrote beside the receipt when it has
    /// succeeded.
    fn call(
        &mut self,
        facts: &BlockFacts<'_>,
        (call, granted): (&CallSpec, u64),
        page: &mut ScanPage,
    ) -> (RawReceipt, Changes) {
        let sources = Sources { layers: &mut self.layers, upstream: &mut self.peer, page };
        let mut view = CallView::new(sources, call.kind != CallKind::Query, facts.limits);
        let ended = run(&mut self.loaded, self.mark, facts, (call, granted), &mut view);
        let effects = view.into_effects();
        let mut receipt = RawReceipt {
            code: ended.code,
            output: ended.output,
            events: Vec::new(),
            writes: Vec::new(),
            steps: ended.steps,
            logs: effects.logs,
        };
        if receipt.code != 0 {
            return (receipt, Changes::new());
        }
        receipt.events = effects.events;
        receipt.writes = listed(&effects.writes);
        (receipt, effects.writes)
    }
}

fn changes(writes: Vec<StateWrite>) -> Changes {
    let boxed = |w: StateWrite| (w.key.into(), w.value.map(Vec::into_boxed_slice));
    writes.into_iter().map(boxed).collect()
}

fn listed(writes: &Changes) -> Vec<StateWrite> {
    let mut list = Vec::with_capacity(writes.len());
    for (key, value) in writes {
        list.push(StateWrite { key: key.to_vec(), value: value.as_deref().map(<[u8]>::to_vec) });
    }
    list
}

/// About how many bytes a receipt takes in a frame.
fn length(receipt: &RawReceipt) -> usize {
    /// CBOR heads of a receipt or of one of its items.
    const HEADS: usize = 32;
    let events = receipt.events.iter().map(|e| e.name.len() + e.data.len() + HEADS);
    let writes = receipt.writes.iter();
    let writes = writes.map(|w| w.key.len() + w.value.as_ref().map_or(0, Vec::len) + HEADS);
    let logs = receipt.logs.iter().map(|line| line.text.len() + HEADS);
    HEADS + receipt.output.len() + events.chain(writes).chain(logs).sum::<usize>()
}
