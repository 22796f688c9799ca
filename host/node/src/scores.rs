//! SCOREs: artefacts of this node, their workers, and calls between the words of the host and
//! those of the workers.
//!
//! In: artefact bytes, calls of a block or a query. Out: receipts in the host's words.
//! Deliberately not here: which version is active (the channel's state says), state itself (a
//! reader is handed in), the sandbox (`score-native`).

use host_types::call_bounds::CallBounds;
use host_types::genesis::ChannelGenesis;
use host_types::manifest::{CatchAll, EventKind, FaultKind, Field, Manifest, Method};
use host_types::receipt::{Receipt, ScoreEvent, Status, Write};
use host_types::{ChannelName, Code, Hash32, Rejection, ScoreName, TxId};
use score_native_link::elf::Metered;
use score_native_link::level;
use score_native_link::{
    ArtefactStore, BLOCK_STEPS, CRASH, CallLimits, CallReceipt, CheckedScore, Event, LogLine,
    OtherEvent, Others, Pool, Sandbox, Seat, SeatKey, Worker, WorkerConfig, check, refusal,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// A checked artefact that this node holds.
#[derive(Clone, Debug)]
pub struct Artefact {
    /// Its digest.
    pub sha256: Hash32,
    /// What it says about itself.
    pub manifest: Arc<Manifest>,
    /// How much of it counts its steps.
    metered: Metered,
    /// How to start its worker.
    config: WorkerConfig,
}

impl Artefact {
    /// Whether a channel takes it, which may require metering.
    ///
    /// # Errors
    /// `LC6102` when it does not count its steps and has to.
    pub fn fits(&self, channel: &ChannelName, is_required: bool) -> Result<(), Rejection> {
        if !is_required || self.metered.is_metered() {
            return Ok(());
        }
        let Manifest { name, version, .. } = &*self.manifest;
        let message = unmetered(channel, (name, version), self.metered);
        Err(Rejection::new(Code::ScoreRefused, message))
    }
}

/// Why a channel that requires metering does not take a SCORE, in one line.
#[must_use]
pub fn unmetered(channel: &ChannelName, (name, version): (&str, &str), found: Metered) -> String {
    let Metered { loops, metered_loops, .. } = found;
    format!(
        "channel {channel}: SCORE {name} {version} does not count its steps ({metered_loops} of \
         {loops} loops do) and the channel requires it (`metering = \"required\"`); build it with \
         `loopchain score build`"
    )
}

/// All artefacts and workers of a node.
#[derive(Debug)]
pub struct Scores {
    store: ArtefactStore,
    pool: Pool,
    program: PathBuf,
    sandbox: Sandbox,
    known: Mutex<BTreeMap<Hash32, Arc<Artefact>>>,
    /// Why no SCORE runs here, when none does.
    closed: OnceLock<Rejection>,
    /// Files of the drop-in folder that are not used, by name.
    refused: Mutex<BTreeMap<String, Rejection>>,
    /// How long the newest activation of each SCORE took here: one entry for each SCORE of a channel.
    activations: Mutex<BTreeMap<(String, ScoreName), (Hash32, Duration)>>,
}

impl Scores {
    /// Opens the folder of artefacts. `program` becomes the worker (with `score-worker`).
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(folder: &Path, program: PathBuf, sandbox: Sandbox) -> Result<Self, Rejection> {
        let store = ArtefactStore::open(folder)
            .map_err(|error| Rejection::new(Code::StoreDamaged, error.to_string()))?;
        let (pool, known, refused) = (Pool::default(), Mutex::default(), Mutex::default());
        let (closed, activations) = (OnceLock::new(), Mutex::default());
        Ok(Self { store, pool, program, sandbox, known, closed, refused, activations })
    }

    /// `strict` or `basic`.
    #[must_use]
    pub const fn sandbox(&self) -> &'static str {
        self.sandbox.word()
    }

    /// Closes the sandbox once, so that what this machine lacks is known before the first block.
    ///
    /// # Errors
    /// `LC6103` with the layer that is missing.
    pub async fn try_sandbox(&self) -> Result<(), Rejection> {
        let args = vec!["score-worker".into()];
        let tried = score_native_link::try_sandbox(&self.program, args, self.sandbox).await;
        let report = tried.map_err(|why| Rejection::new(Code::SandboxIncomplete, why))?;
        if report.missing.is_empty() {
            return Ok(());
        }
        let missing = report.missing.join("; ");
        if self.sandbox == Sandbox::Strict {
            let message = format!("layers of the sandbox are missing: {missing}");
            return Err(Rejection::new(Code::SandboxIncomplete, message));
        }
        tracing::warn!(
            event = "sandbox.incomplete",
            "layers of the sandbox are missing: {missing}"
        );
        Ok(())
    }

    /// From now on no SCORE runs here, and no block is voted on: nothing is executed half protected.
    pub fn close(&self, why: Rejection) {
        // The first reason stays.
        self.closed.set(why).ok();
    }

    /// Why no SCORE runs here; none when they do.
    #[must_use]
    pub fn closed(&self) -> Option<&Rejection> {
        self.closed.get()
    }

    /// Checks bytes and keeps them.
    ///
    /// # Errors
    /// `LC6102` with the first finding.
    pub fn install(&self, bytes: &[u8]) -> Result<Arc<Artefact>, Rejection> {
        let checked = check(bytes).map_err(|findings| {
            let first = findings.first().map(ToString::to_string).unwrap_or_default();
            let more = findings.len().saturating_sub(1);
            let message = if more == 0 { first } else { format!("{first} (and {more} more)") };
            Rejection::new(Code::ScoreRefused, message)
        })?;
        self.store
            .put(bytes)
            .map_err(|error| Rejection::new(Code::StoreFailed, error.to_string()))?;
        self.keep(&checked)
    }

    fn keep(&self, checked: &CheckedScore) -> Result<Arc<Artefact>, Rejection> {
        let args = vec!["score-worker".into()];
        let config = WorkerConfig::new(&self.program, args, self.sandbox, &checked.bytes)
            .map_err(|error| Rejection::new(Code::Internal, format!("sealed memory: {error}")))?;
        let sha256 = Hash32::new(checked.sha256);
        let (manifest, metered) = (to_manifest(&checked.manifest).into(), checked.metered);
        let artefact = Arc::new(Artefact { sha256, manifest, metered, config });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(known.entry(sha256).or_insert(artefact)))
    }

    /// An artefact that this node holds.
    #[must_use]
    pub fn artefact(&self, sha256: &Hash32) -> Option<Arc<Artefact>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(sha256).cloned();
        if known.is_some() {
            return known;
        }
        let bytes = self.bytes(sha256)?;
        match check(&bytes) {
            Ok(checked) => self.keep(&checked).ok(),
            Err(_) => None,
        }
    }

    /// Every artefact that this node holds, by digest. One that can no longer be read is left out.
    #[must_use]
    pub fn held(&self) -> Vec<Arc<Artefact>> {
        let ids = self.store.list().unwrap_or_default();
        ids.into_iter().filter_map(|id| self.artefact(&Hash32::new(id))).collect()
    }

    /// Remembers which files of the drop-in folder are not used, and why; those that are not named are
    /// used or gone.
    pub fn set_refused(&self, refused: BTreeMap<String, Rejection>) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
    }

    /// Files of the drop-in folder that are not used, and why.
    #[must_use]
    pub fn refused(&self) -> BTreeMap<String, Rejection> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers how long it took until a version was active.
    pub fn note_activation(
        &self,
        channel: &str,
        score: &ScoreName,
        sha256: Hash32,
        took: Duration,
    ) {
        let mut all = self.activations.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert((channel.to_owned(), score.clone()), (sha256, took));
    }

    /// How long it took here until this version was active; none when this run did not do that, or
    /// another version came after it.
    #[must_use]
    pub fn activation(&self, channel: &str, score: &ScoreName, sha256: Hash32) -> Option<Duration> {
        let all = self.activations.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.get(&(channel.to_owned(), score.clone()));
        found.filter(|(of, _)| *of == sha256).map(|(_, took)| *took)
    }

    /// The bytes of an artefact.
    #[must_use]
    pub fn bytes(&self, sha256: &Hash32) -> Option<Vec<u8>> {
        self.store.get(*sha256.as_bytes()).ok().flatten()
    }

    /// The workers of an artefact on a channel, started when they do not run.
    ///
    /// # Errors
    /// When the worker does not start.
    pub async fn seat(
        &self,
        genesis: &ChannelGenesis,
        score: &ScoreName,
        artefact: &Artefact,
    ) -> Result<Arc<Seat>, String> {
        if let Some(why) = self.closed() {
            return Err(why.to_string());
        }
        let channel = genesis.channel.as_str();
        let key = seat_key(channel, score, artefact.sha256);
        let config = artefact.config.clone().label(channel, score.as_str());
        let config = config.stack(genesis.call.stack_bytes);
        self.pool.seat(&key, config).await.map_err(|error| error.to_string())
    }

    /// A worker outside the sandbox that has stopped itself, for one transaction that a person runs
    /// again. No node calls this.
    ///
    /// # Errors
    /// When the worker does not start.
    pub async fn start_for_debugger(
        &self,
        channel: &str,
        score: &ScoreName,
        artefact: &Artefact,
    ) -> Result<Worker, String> {
        let config = artefact.config.clone().label(channel, score.as_str()).for_debugger();
        Worker::start(config).await.map_err(|error| error.to_string())
    }

    /// Where the bytes of an artefact are.
    #[must_use]
    pub fn path(&self, sha256: &Hash32) -> PathBuf {
        self.store.path(*sha256.as_bytes())
    }

    /// Lets go of the workers of an artefact that is active no more.
    pub async fn retire(&self, channel: &str, score: &ScoreName, sha256: Hash32) {
        self.pool.retire(&seat_key(channel, score, sha256)).await;
    }
}

/// What a channel lets one transaction use, in the words of the worker.
#[must_use]
pub const fn call_limits(of: &CallBounds) -> CallLimits {
    CallLimits {
        arena_bytes: of.arena_bytes,
        output_bytes: of.output_bytes,
        events: of.events,
        event_bytes: of.event_bytes,
        write_bytes: of.write_bytes,
        value_bytes: of.value_bytes,
    }
}

fn seat_key(channel: &str, score: &ScoreName, sha256: Hash32) -> SeatKey {
    SeatKey {
        channel: channel.to_owned(),
        score: score.as_str().to_owned(),
        artefact: *sha256.as_bytes(),
    }
}

/// What a call said for the operator, in this node's log. A SCORE's text is not trusted: what would
/// break a line is escaped.
pub fn tell(channel: &str, score: &ScoreName, tx: Option<TxId>, logs: &[LogLine]) {
    let tx = tx.map(|id| id.to_string()).unwrap_or_default();
    for LogLine { level, text } in logs {
        let text = text.escape_debug();
        match *level {
            level::ERROR => {
                tracing::error!(target: "score", channel, name = %score, tx, "{text}");
            }
            level::WARN => tracing::warn!(target: "score", channel, name = %score, tx, "{text}"),
            level::INFO => tracing::info!(target: "score", channel, name = %score, tx, "{text}"),
            _ => tracing::debug!(target: "score", channel, name = %score, tx, "{text}"),
        }
    }
}

/// A worker's receipt in the host's words, with its events and writes: those of the SCORE itself and
/// of all that it called.
#[must_use]
pub fn to_receipt(score: &ScoreName, raw: CallReceipt) -> (Receipt, Vec<ScoreEvent>, Vec<Write>) {
    let outcome = outcome_of(raw.code);
    let Others { events: others, writes: other_writes, .. } = raw.others;
    let mut events = Vec::with_capacity(raw.events.len() + others.len());
    let mut others = others.into_iter().peekable();
    for (number, event) in (0..).zip(raw.events) {
        while let Some(other) = others.next_if(|other| other.after <= number) {
            events.extend(event_of_other(other));
        }
        events.push(to_event(score, event));
    }
    events.extend(others.filter_map(event_of_other));
    let own = raw.writes.into_iter();
    let own = own.map(|w| Write { score: score.clone(), key: w.key, value: w.value });
    let mut writes: Vec<Write> = own.collect();
    if !other_writes.is_empty() {
        // Only names of active SCOREs are called, so each is one.
        writes.extend(other_writes.into_iter().filter_map(|((name, key), value)| {
            Some(Write { score: ScoreName::new(&name)?, key, value })
        }));
        writes.sort_by(|a, b| (&a.score, &a.key).cmp(&(&b.score, &b.key)));
    }
    let receipt = Receipt::new(outcome, raw.output, &events, &writes, raw.steps);
    (receipt, events, writes)
}

fn event_of_other(other: OtherEvent) -> Option<ScoreEvent> {
    Some(to_event(&ScoreName::new(&other.score)?, other.event))
}

fn to_event(score: &ScoreName, event: Event) -> ScoreEvent {
    let name = String::from_utf8(event.name)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    ScoreEvent { score: score.clone(), name, data: event.data }
}

/// Status and code of a receipt: a refusal has the number that people meet everywhere else.
fn outcome_of(code: u32) -> (Status, u32) {
    let refused = |why: Code| (Status::Refused, u32::from(why.number()));
    match code {
        0 => (Status::Ok, 0),
        1..=0xffff => (Status::Fault, code),
        CRASH => (Status::Crash, code),
        BLOCK_STEPS => refused(Code::BlockStepsUsed),
        refusal::NO_METHOD => refused(Code::MethodUnknown),
        refusal::BAD_ARGS | refusal::BAD_UTF8 => refused(Code::ArgumentsWrong),
        _ => (Status::Trap, code),
    }
}

fn to_fields(arguments: &[score_native_link::elf::Argument]) -> Vec<Field> {
    arguments.iter().map(|a| Field { name: a.name.clone(), kind: a.kind.clone() }).collect()
}

fn to_manifest(found: &score_native_link::elf::Manifest) -> Manifest {
    Manifest {
        abi: found.abi.clone(),
        name: found.name.clone(),
        version: found.version.clone(),
        sdk: found.sdk.clone(),
        methods: found
            .methods
            .iter()
            .map(|m| Method {
                name: m.name.clone(),
                kind: m.kind.clone(),
                args: to_fields(&m.args),
                returns: m.returns.clone(),
            })
            .collect(),
        events: found
            .events
            .iter()
            .map(|e| EventKind { name: e.name.clone(), fields: to_fields(&e.fields) })
            .collect(),
        faults: found
            .faults
            .iter()
            .map(|f| FaultKind { code: f.code, name: f.name.clone(), message: f.message.clone() })
            .collect(),
        any: CatchAll { invoke: found.any.invoke, query: found.any.query },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_client::fixture::genesis;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_of_a_score_is_one_line_of_the_log_whatever_it_says() {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let line = |level, text: &str| LogLine { level, text: text.to_owned() };
        let logs = [line(level::WARN, "odd\nERROR forged"), line(level::DEBUG, "hidden")];
        let id = TxId::new(Hash32::new([7; 32]));
        tracing::subscriber::with_default(subscriber, || {
            tell("demo", &ScoreName::new("token").unwrap(), Some(id), &logs);
        });
        let said = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("odd\\nERROR forged") && said.contains("token"), "{said}");
        assert!(said.contains(&id.to_string()) && said.contains("demo"), "{said}");
    }

    /// Ten loops, so many of which count their steps.
    fn unmetered_but(metered_loops: usize) -> Artefact {
        Artefact {
            sha256: Hash32::ZERO,
            manifest: Arc::new(Manifest {
                abi: "1.0".into(),
                name: "token".into(),
                version: "0.1.0".into(),
                sdk: String::new(),
                methods: Vec::new(),
                events: Vec::new(),
                faults: Vec::new(),
                any: CatchAll::default(),
            }),
            metered: Metered { counter: true, loops: 10, metered_loops },
            config: WorkerConfig::new("/bin/true", Vec::new(), Sandbox::Strict, b"").unwrap(),
        }
    }

    #[test]
    fn a_channel_that_requires_metering_takes_only_scores_that_count_their_steps() {
        let demo = ChannelName::new("demo").unwrap();
        let rejection = unmetered_but(0).fits(&demo, true).unwrap_err();
        assert_eq!(rejection.code, Code::ScoreRefused);
        assert!(rejection.message.contains("token 0.1.0 does not count its steps (0 of 10"));
        unmetered_but(10).fits(&demo, true).unwrap();
        unmetered_but(0).fits(&demo, false).unwrap();
    }

    #[tokio::test]
    async fn without_its_sandbox_no_score_runs_and_the_first_reason_stays() {
        let folder = tempfile::tempdir().unwrap();
        let scores = Scores::open(folder.path(), "/bin/false".into(), Sandbox::Strict).unwrap();
        assert_eq!(scores.closed(), None);
        let why = scores.try_sandbox().await.unwrap_err();
        assert_eq!(why.code, Code::SandboxIncomplete);
        scores.close(why.clone());
        scores.close(Rejection::new(Code::Internal, "later"));
        assert_eq!(scores.closed(), Some(&why));
        let artefact = unmetered_but(0);
        let said = scores.seat(&genesis(), &ScoreName::new("token").unwrap(), &artefact).await;
        assert!(said.unwrap_err().starts_with("LC6103: "));
    }

    #[test]
    fn what_called_scores_did_stands_in_its_place_in_the_receipt() {
        let event = |name: &str| Event { name: name.into(), data: vec![0x80] };
        let other = |after, name| OtherEvent { after, score: "beta".into(), event: event(name) };
        let write = |key: &str| score_native_link::Write { key: key.into(), value: None };
        let key = |score: &str, key: &str| ((score.to_owned(), key.into()), Some(vec![1]));
        let raw = CallReceipt {
            code: 0,
            output: Vec::new(),
            events: vec![event("first"), event("last")],
            writes: vec![write("k")],
            steps: 7,
            logs: Vec::new(),
            others: Others {
                crashed: None,
                events: vec![other(0, "a"), other(1, "b"), other(1, "c"), other(2, "d")],
                writes: BTreeMap::from([key("alpha", "z"), key("token", "a")]),
                logs: Vec::new(),
            },
        };
        let (receipt, events, writes) = to_receipt(&ScoreName::new("beta2").unwrap(), raw);
        let names: Vec<_> = events.iter().map(|e| (e.score.as_str(), e.name.as_str())).collect();
        let own = "beta2";
        let expected = [
            ("beta", "a"),
            (own, "first"),
            ("beta", "b"),
            ("beta", "c"),
            (own, "last"),
            ("beta", "d"),
        ];
        assert_eq!(names, expected);
        let scores: Vec<_> = writes.iter().map(|w| w.score.as_str()).collect();
        assert_eq!(scores, ["alpha", own, "token"], "sorted, as the digest demands");
        assert_eq!((receipt.status, receipt.steps), (Status::Ok, 7));
        assert_eq!(receipt.writes_digest, Write::digest(&writes));
    }

    #[test]
    fn a_receipt_tells_which_score_crashed_when_it_was_a_called_one() {
        let token = ScoreName::new("token").unwrap();
        let own = to_receipt(&token, CallReceipt::crash(9)).0;
        assert_eq!((own.status, own.crashed_callee()), (Status::Crash, None));
        let output = b"the SCORE `other` crashed".to_vec();
        let raw = CallReceipt { output, ..CallReceipt::crash(9) };
        let called = to_receipt(&token, raw.clone()).0;
        assert_eq!(called.crashed_callee(), ScoreName::new("other"));
        let faked = to_receipt(&token, CallReceipt { code: 1, ..raw }).0;
        assert_eq!(faked.crashed_callee(), None, "an author may write what he likes");
    }

    #[test]
    fn a_channel_that_says_nothing_allows_all_that_the_worker_does() {
        let bounds = CallBounds::default();
        assert_eq!(call_limits(&bounds), CallLimits::MOST);
        assert_eq!(bounds.stack_bytes as usize, score_native_link::limits::STACK_BYTES);
    }

    #[test]
    fn a_code_of_the_worker_becomes_the_status_and_number_that_people_meet() {
        for (code, expected) in [
            (0, (Status::Ok, 0)),
            (1, (Status::Fault, 1)),
            (0xffff, (Status::Fault, 0xffff)),
            (0xfffe_0001, (Status::Trap, 0xfffe_0001)),
            (CRASH, (Status::Crash, CRASH)),
            (BLOCK_STEPS, (Status::Refused, u32::from(Code::BlockStepsUsed.number()))),
            (refusal::BAD_UTF8, (Status::Refused, 2107)),
            (refusal::BAD_ARGS, (Status::Refused, 2107)),
            (refusal::NO_METHOD, (Status::Refused, 2108)),
            (refusal::NO_CALLS, (Status::Trap, refusal::NO_CALLS)),
        ] {
            assert_eq!(outcome_of(code), expected, "{code:#x}");
        }
    }
}
