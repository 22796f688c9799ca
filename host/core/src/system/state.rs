//! The state of a channel itself, under the reserved name `system`.
//!
//! | key | value |
//! |---|---|
//! | `cert/` certificate id | DER |
//! | `change/` change id | `[status, change, height proposed]`, and `height closed, reason` when it came to nothing |
//! | `approval/` change id, validator index (2 bytes) | `[]` |
//! | `assent/` change id, `ORG/ROLE` | `[ORG/NAME]`: who approved for its organisation |
//! | `ready/` SHA-256, validator index (2 bytes) | `[]` |
//! | `due/` height (8 bytes), change id | `[]` |
//! | `score/` name | `[version, sha256, since, [older sha256]]` |
//! | `frozen/` name | `[since, why, reason]`: takes no transactions |
//! | `crashes/` name | `[[height, receipts that say crash]]`, of the last blocks |
//! | `crl/` root | `[number of its newest revocation list, height]` |
//! | `revoked/` root, serial number | `[height]` |
//! | `said` | events of the last block that had some before its transactions |
//! | `first` | name of the SCORE that was activated first: the one that v1 requests mean |
//! | `open` | number of open changes |
//! | `next` | what the next epoch runs with, once a `configure` change is accepted |
//! | `excluded/` epoch (8 bytes) | indices of validators that lead nothing in it; absent when there are none |
//! | `evidence/` epoch (8 bytes), signer (2), view (8), class (1) | `[height, statement, statement]` |
//! | `trail/` `ORG/NAME` | `[height, records, hash of the last one]` |
//! | `epoch/` number (8 bytes) | `[height of its root, what it runs with]`; epoch 0 is the genesis |

use super::system_name;
use host_identity::Role;
use host_types::change::{Change, Deploy};
use host_types::codec::CodecErrorKind;
use host_types::epoch::EpochConfig;
use host_types::evidence::Register;
use host_types::limits::{REASON_BYTES_MAX, VALIDATORS_MAX};
use host_types::receipt::Write;
use host_types::statement::Statement;
use host_types::{
    CertificateId, CodecError, Decode, Encode, Epoch, Hash32, Height, NodeName, Reader, ScoreName,
    Writer,
};
use std::collections::BTreeMap;

/// State as of now, read only.
pub trait View {
    /// A key of the reserved name.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;

    /// Keys that begin with `prefix` and their values, in order.
    fn scan(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)>;
}

/// Where a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeStatus {
    /// Waits for approvals.
    Open,
    /// Accepted; waits for its height or for readiness.
    Accepted,
    /// In force.
    Done,
    /// Not enough validators were ready at its height, or what it was about is no more.
    Cancelled,
    /// The version's `deploy` or `migrate` did not end well: what was active stays.
    Failed,
}

impl ChangeStatus {
    /// The word that people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// How a change came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// In which block.
    pub height: Height,
    /// One line.
    pub reason: String,
}

impl Closed {
    /// With as much of the reason as is kept.
    pub(super) fn new(height: Height, mut reason: String) -> Self {
        let end = (0..=REASON_BYTES_MAX.min(reason.len())).rev();
        let end = end.into_iter().find(|at| reason.is_char_boundary(*at)).unwrap_or_default();
        reason.truncate(end);
        Self { height, reason }
    }
}

/// A change and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRecord {
    /// Where it is.
    pub status: ChangeStatus,
    /// The change.
    pub change: Change,
    /// When it was proposed.
    pub proposed: Height,
    /// How it came to nothing; none while it may still come to something, or did.
    pub closed: Option<Closed>,
}

impl ChangeRecord {
    /// The record that a write under the reserved name puts; none when it is about something else.
    #[must_use]
    pub fn of_write(key: &[u8], value: &Option<Vec<u8>>) -> Option<Self> {
        let value = value.as_deref().filter(|_| key.starts_with(b"change/"))?;
        Self::from_bytes(value).ok()
    }
}

impl Encode for ChangeRecord {
    fn encode(&self, w: &mut Writer) {
        w.array(if self.closed.is_some() { 5 } else { 3 });
        w.uint(self.status as u64);
        self.change.encode(w);
        self.proposed.encode(w);
        if let Some(closed) = &self.closed {
            closed.height.encode(w);
            w.text(&closed.reason);
        }
    }
}

impl Decode<'_> for ChangeRecord {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let arity = r.error(CodecErrorKind::WrongArity);
        let fields = r.array_up_to(5)?;
        let status = match r.uint()? {
            0 => ChangeStatus::Open,
            1 => ChangeStatus::Accepted,
            2 => ChangeStatus::Done,
            4 => ChangeStatus::Failed,
            _ => ChangeStatus::Cancelled,
        };
        let (change, proposed) = (Change::decode(r)?, Height::decode(r)?);
        let closed = match fields {
            3 => None,
            5 => Some(Closed {
                height: Height::decode(r)?,
                reason: r.text(REASON_BYTES_MAX)?.to_owned(),
            }),
            _ => return Err(arity),
        };
        Ok(Self { status, change, proposed, closed })
    }
}

/// The active version of a SCORE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveScore {
    /// Its version.
    pub version: String,
    /// SHA-256 of its artefact.
    pub sha256: Hash32,
    /// Active since this height.
    pub since: Height,
    /// Artefacts before it, newest first.
    pub history: Vec<Hash32>,
}

/// Versions remembered per SCORE.
const HISTORY_MAX: usize = 64;

impl Encode for ActiveScore {
    fn encode(&self, w: &mut Writer) {
        w.array(4);
        w.text(&self.version);
        self.sha256.encode(w);
        self.since.encode(w);
        w.list(&self.history);
    }
}

impl Decode<'_> for ActiveScore {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(4)?;
        Ok(Self {
            version: r.text(host_types::limits::TEXT_BYTES_MAX)?.to_owned(),
            sha256: Hash32::decode(r)?,
            since: Height::decode(r)?,
            history: r.list(HISTORY_MAX)?,
        })
    }
}

fn key(kind: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = kind.as_bytes().to_vec();
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// The key of a SCORE's record.
#[must_use]
pub fn score_key(name: &ScoreName) -> Vec<u8> {
    key("score/", &[name.as_str().as_bytes()])
}

/// The active version of a SCORE.
#[must_use]
pub fn active_score(view: &dyn View, name: &ScoreName) -> Option<ActiveScore> {
    ActiveScore::from_bytes(&view.get(&score_key(name))?).ok()
}

/// Every active SCORE, sorted by name.
#[must_use]
pub fn active_scores(view: &dyn View) -> Vec<(ScoreName, ActiveScore)> {
    let prefix = "score/";
    let found = view.scan(prefix.as_bytes());
    let name = |key: &[u8]| ScoreName::new(std::str::from_utf8(key.get(prefix.len()..)?).ok()?);
    found
        .iter()
        .filter_map(|(key, value)| Some((name(key)?, ActiveScore::from_bytes(value).ok()?)))
        .collect()
}

/// Key of the SCORE that was activated first.
const FIRST: &[u8] = b"first";

/// The SCORE that was activated first; none before that.
#[must_use]
pub fn first_score(view: &dyn View) -> Option<ScoreName> {
    ScoreName::new(std::str::from_utf8(&view.get(FIRST)?).ok()?)
}

/// Certificates that were registered after genesis, DER.
#[must_use]
pub fn registered_certificates(view: &dyn View) -> Vec<Vec<u8>> {
    view.scan(b"cert/").into_iter().map(|(_, der)| der).collect()
}

/// All changes, whatever became of them.
#[must_use]
pub fn all_changes(view: &dyn View) -> Vec<(Hash32, ChangeRecord)> {
    let found = view.scan(b"change/");
    let records = found.iter().filter_map(|(_, value)| ChangeRecord::from_bytes(value).ok());
    records.map(|record| (record.change.id(), record)).collect()
}

/// Changes that are open or accepted, with their ids.
#[must_use]
pub fn pending_changes(view: &dyn View) -> Vec<(Hash32, ChangeRecord)> {
    view.scan(b"change/")
        .iter()
        .filter_map(|(_, value)| ChangeRecord::from_bytes(value).ok())
        .filter(|r| is_waiting(r.status))
        .map(|record| (record.change.id(), record))
        .collect()
}

/// The record of one change.
#[must_use]
pub fn change_record(view: &dyn View, id: &Hash32) -> Option<ChangeRecord> {
    ChangeRecord::from_bytes(&view.get(&key("change/", &[id.as_bytes()]))?).ok()
}

const NEXT: &[u8] = b"next";
const EPOCH: &str = "epoch/";

/// What the next epoch runs with; none while no change is accepted.
#[must_use]
pub fn next_epoch(view: &dyn View) -> Option<EpochConfig> {
    EpochConfig::from_bytes(&view.get(NEXT)?).ok()
}

/// Epochs after the first, with the height of their roots, in order.
#[must_use]
pub fn epoch_records(view: &dyn View) -> Vec<(Height, EpochConfig)> {
    view.scan(EPOCH.as_bytes()).iter().filter_map(|(_, value)| read_epoch(value).ok()).collect()
}

/// Whether a write may say something of epochs.
#[must_use]
pub fn is_of_epochs(key: &[u8]) -> bool {
    key == NEXT || key.starts_with(EPOCH.as_bytes())
}

/// What a write under this key says of an epoch that begins.
#[must_use]
pub fn epoch_by(key: &[u8], value: Option<&[u8]>) -> Option<EpochConfig> {
    let value = value.filter(|_| key.starts_with(EPOCH.as_bytes()))?;
    read_epoch(value).ok().map(|(_, config)| config)
}

fn read_epoch(bytes: &[u8]) -> Result<(Height, EpochConfig), CodecError> {
    let mut r = Reader::new(bytes);
    r.array(2)?;
    let record = (Height::decode(&mut r)?, EpochConfig::decode(&mut r)?);
    r.finish().map(|()| record)
}

const EXCLUDED: &str = "excluded/";

/// The key of who leads nothing in an epoch.
#[must_use]
pub fn excluded_key(epoch: Epoch) -> Vec<u8> {
    key(EXCLUDED, &[&epoch.get().to_be_bytes()])
}

/// Its value: indices in the set of that epoch.
///
/// # Errors
/// When it is no list of indices.
pub fn read_excluded(value: &[u8]) -> Result<Vec<u16>, CodecError> {
    let mut r = Reader::new(value);
    let count = r.array_up_to(VALIDATORS_MAX)?;
    let indices = (0..count).map(|_| r.uint_as()).collect::<Result<_, _>>()?;
    r.finish().map(|()| indices)
}

/// Who leads nothing, by epoch, where there is anybody.
#[must_use]
pub fn all_excluded(view: &dyn View) -> BTreeMap<Epoch, Vec<u16>> {
    let epoch = |key: &[u8]| {
        let number = key.get(EXCLUDED.len()..)?.try_into().ok()?;
        Some(Epoch::new(u64::from_be_bytes(number)))
    };
    let found = view.scan(EXCLUDED.as_bytes());
    found
        .iter()
        .filter_map(|(key, value)| Some((epoch(key)?, read_excluded(value).ok()?)))
        .collect()
}

/// Evidence that stands on the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceRecord {
    /// The block it was recorded in.
    pub height: Height,
    /// The statements.
    pub statements: [Statement; 2],
}

impl Encode for EvidenceRecord {
    fn encode(&self, w: &mut Writer) {
        w.array(3);
        self.height.encode(w);
        self.statements.iter().for_each(|statement| statement.encode(w));
    }
}

impl Decode<'_> for EvidenceRecord {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(3)?;
        let height = Height::decode(r)?;
        Ok(Self { height, statements: [Statement::decode(r)?, Statement::decode(r)?] })
    }
}

const EVIDENCE: &str = "evidence/";

fn evidence_key(register: &Register) -> Vec<u8> {
    let Register { epoch, signer, view, class } = register;
    let view = view.get().to_be_bytes();
    key(EVIDENCE, &[&epoch.get().to_be_bytes(), &signer.to_be_bytes(), &view, &[*class]])
}

/// What the chain holds against a signer in one register.
#[must_use]
pub fn evidence_of(view: &dyn View, register: &Register) -> Option<EvidenceRecord> {
    EvidenceRecord::from_bytes(&view.get(&evidence_key(register))?).ok()
}

/// How many registers of a signer in an epoch the chain holds against it.
#[must_use]
pub fn evidence_count(view: &dyn View, epoch: Epoch, signer: u16) -> usize {
    let prefix = key(EVIDENCE, &[&epoch.get().to_be_bytes(), &signer.to_be_bytes()]);
    view.scan(&prefix).len()
}

/// All evidence on the chain, by epoch, signer, view and class.
#[must_use]
pub fn all_evidence(view: &dyn View) -> Vec<EvidenceRecord> {
    let found = view.scan(EVIDENCE.as_bytes());
    found.iter().filter_map(|(_, value)| EvidenceRecord::from_bytes(value).ok()).collect()
}

/// Indices of the validators that approved a change.
#[must_use]
pub fn approvals(view: &dyn View, id: &Hash32) -> Vec<u16> {
    let prefix = key("approval/", &[id.as_bytes()]);
    let found = view.scan(&prefix);
    let index = |key: &[u8]| Some(u16::from_be_bytes(key.get(prefix.len()..)?.try_into().ok()?));
    found.iter().filter_map(|(key, _)| index(key)).collect()
}

/// Who approved a change for an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assent {
    /// Its role.
    pub role: Role,
    /// The member; of one organisation and role it is the last one that approved.
    pub name: NodeName,
}

const ASSENT: &str = "assent/";

impl Assent {
    fn key(&self, id: &Hash32) -> Vec<u8> {
        let organisation = self.name.organisation().as_bytes();
        key(ASSENT, &[id.as_bytes(), organisation, b"/", self.role.word().as_bytes()])
    }

    fn read(key: &[u8], value: &[u8]) -> Option<Self> {
        let role = std::str::from_utf8(key.rsplit(|byte| *byte == b'/').next()?).ok()?;
        let mut r = Reader::new(value);
        r.array(1).ok()?;
        Some(Self { role: Role::parse(role)?, name: NodeName::decode(&mut r).ok()? })
    }
}

/// Who approved a change for its organisation.
#[must_use]
pub fn assents(view: &dyn View, id: &Hash32) -> Vec<Assent> {
    let found = view.scan(&key(ASSENT, &[id.as_bytes()]));
    found.iter().filter_map(|(key, value)| Assent::read(key, value)).collect()
}

/// Indices of the validators that hold and have checked an artefact.
#[must_use]
pub fn ready_of(view: &dyn View, sha256: &Hash32) -> Vec<u16> {
    let prefix = key("ready/", &[sha256.as_bytes()]);
    let found = view.scan(&prefix);
    let index = |key: &[u8]| Some(u16::from_be_bytes(key.get(prefix.len()..)?.try_into().ok()?));
    found.iter().filter_map(|(key, _)| index(key)).collect()
}

/// Whether a validator has said `ready` for an artefact.
#[must_use]
pub fn is_ready(view: &dyn View, sha256: &Hash32, validator: u16) -> bool {
    view.get(&key("ready/", &[sha256.as_bytes(), &validator.to_be_bytes()])).is_some()
}

/// Reads through to a view and keeps writes apart.
pub(super) struct SystemState<'a> {
    view: &'a dyn View,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

const EMPTY_ARRAY: &[u8] = &[0x80];

impl<'a> SystemState<'a> {
    pub(super) const fn new(view: &'a dyn View) -> Self {
        Self { view, writes: BTreeMap::new() }
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.writes.get(key).cloned().unwrap_or_else(|| self.view.get(key))
    }

    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    pub(super) fn remove(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }

    pub(super) fn scan(&self, prefix: &[u8]) -> Vec<Vec<u8>> {
        let mut keys: BTreeMap<Vec<u8>, bool> =
            self.view.scan(prefix).into_iter().map(|(key, _)| (key, true)).collect();
        let own = self.writes.iter().filter(|(key, _)| key.starts_with(prefix));
        keys.extend(own.map(|(key, value)| (key.clone(), value.is_some())));
        keys.into_iter().filter(|(_, is_there)| *is_there).map(|(key, _)| key).collect()
    }

    pub(super) fn into_writes(self) -> Vec<Write> {
        let score = system_name();
        let write = |(key, value)| Write { score: score.clone(), key, value };
        self.writes.into_iter().map(write).collect()
    }

    pub(super) fn put_certificate(&mut self, id: &CertificateId, der: &[u8]) {
        self.put(key("cert/", &[id.as_bytes()]), der.to_vec());
    }

    pub(super) fn change(&self, id: &Hash32) -> Option<ChangeRecord> {
        ChangeRecord::from_bytes(&self.get(&key("change/", &[id.as_bytes()]))?).ok()
    }

    pub(super) fn put_change(&mut self, id: &Hash32, record: &ChangeRecord) {
        let was_open = self.change(id).is_some_and(|r| is_waiting(r.status));
        let is_open = is_waiting(record.status);
        let open = self.open_changes() + u64::from(is_open) - u64::from(was_open);
        let mut w = Writer::default();
        w.uint(open);
        self.put(b"open".to_vec(), w.into_bytes());
        self.put(key("change/", &[id.as_bytes()]), record.to_bytes());
    }

    pub(super) fn open_changes(&self) -> u64 {
        self.get(b"open").and_then(|v| u64::from_bytes(&v).ok()).unwrap_or_default()
    }

    pub(super) fn pending_for(&self, sha256: &Hash32) -> Vec<(Hash32, ChangeRecord)> {
        self.scan(b"change/")
            .iter()
            .filter_map(|key| ChangeRecord::from_bytes(&self.get(key)?).ok())
            .filter(|r| is_waiting(r.status))
            .filter(|r| matches!(&r.change, Change::Deploy(d) if d.sha256 == *sha256))
            .map(|record| (record.change.id(), record))
            .collect()
    }

    /// False when it was there already.
    pub(super) fn mark(&mut self, kind: &str, of: &Hash32, validator: u16) -> bool {
        let key = key(kind, &[of.as_bytes(), &validator.to_be_bytes()]);
        let is_new = self.get(&key).is_none();
        self.put(key, EMPTY_ARRAY.to_vec());
        is_new
    }

    pub(super) fn put_assent(&mut self, id: &Hash32, assent: &Assent) {
        let mut w = Writer::default();
        w.array(1);
        assent.name.encode(&mut w);
        self.put(assent.key(id), w.into_bytes());
    }

    pub(super) fn assents(&self, id: &Hash32) -> Vec<Assent> {
        let keys = self.scan(&key(ASSENT, &[id.as_bytes()]));
        keys.iter().filter_map(|key| Assent::read(key, &self.get(key)?)).collect()
    }

    /// Takes the marks of one thing away.
    pub(super) fn unmark(&mut self, kind: &str, of: &Hash32) {
        for key in self.scan(&key(kind, &[of.as_bytes()])) {
            self.writes.insert(key, None);
        }
    }

    /// Validators that were marked.
    pub(super) fn marked(&self, kind: &str, of: &Hash32) -> Vec<u16> {
        let prefix = key(kind, &[of.as_bytes()]);
        let index = |key: &Vec<u8>| {
            let bytes: [u8; 2] = key.get(prefix.len()..)?.try_into().ok()?;
            Some(u16::from_be_bytes(bytes))
        };
        self.scan(&prefix).iter().filter_map(index).collect()
    }

    /// Moves the marks of one kind to other indices; those of none go.
    pub(super) fn move_marks(&mut self, kind: &str, moved: impl Fn(u16) -> Option<u16>) {
        let mut kept = Vec::new();
        for key in self.scan(kind.as_bytes()) {
            if let Some((of, index)) = key.split_last_chunk::<2>() {
                let place = moved(u16::from_be_bytes(*index));
                kept.extend(place.map(|place| [of, &place.to_be_bytes()].concat()));
            }
            self.writes.insert(key, None);
        }
        for key in kept {
            self.put(key, EMPTY_ARRAY.to_vec());
        }
    }

    pub(super) fn next_epoch(&self) -> Option<EpochConfig> {
        EpochConfig::from_bytes(&self.get(NEXT)?).ok()
    }

    pub(super) fn put_next(&mut self, next: &EpochConfig) {
        self.put(NEXT.to_vec(), next.to_bytes());
    }

    /// The epoch begins: its record takes the place of `next`.
    pub(super) fn put_epoch(&mut self, root: Height, config: &EpochConfig) {
        let mut w = Writer::default();
        w.array(2);
        root.encode(&mut w);
        config.encode(&mut w);
        self.put(key(EPOCH, &[&config.epoch.get().to_be_bytes()]), w.into_bytes());
        self.writes.insert(NEXT.to_vec(), None);
    }

    pub(super) fn excluded(&self, epoch: Epoch) -> Vec<u16> {
        let value = self.get(&excluded_key(epoch));
        value.and_then(|value| read_excluded(&value).ok()).unwrap_or_default()
    }

    /// Writes nothing when there are none.
    pub(super) fn put_excluded(&mut self, epoch: Epoch, indices: &[u16]) {
        if indices.is_empty() {
            return;
        }
        let mut w = Writer::default();
        w.array(indices.len());
        indices.iter().for_each(|index| w.uint(u64::from(*index)));
        self.put(excluded_key(epoch), w.into_bytes());
    }

    pub(super) fn put_evidence(&mut self, register: &Register, record: &EvidenceRecord) {
        self.put(evidence_key(register), record.to_bytes());
    }

    /// Changes that are open or accepted.
    pub(super) fn waiting_changes(&self) -> Vec<(Hash32, ChangeRecord)> {
        let records = self.scan(b"change/");
        let records = records.iter().filter_map(|k| ChangeRecord::from_bytes(&self.get(k)?).ok());
        records.filter(|r| is_waiting(r.status)).map(|r| (r.change.id(), r)).collect()
    }

    pub(super) fn put_due(&mut self, height: Height, id: &Hash32) {
        let key = key("due/", &[&height.get().to_be_bytes(), id.as_bytes()]);
        self.put(key, EMPTY_ARRAY.to_vec());
    }

    /// Takes out what is due at this height.
    pub(super) fn take_due(&mut self, height: Height) -> Vec<Hash32> {
        let prefix = key("due/", &[&height.get().to_be_bytes()]);
        let keys = self.scan(&prefix);
        let ids = keys
            .iter()
            .filter_map(|key| Some(Hash32::new(key.get(prefix.len()..)?.try_into().ok()?)))
            .collect();
        for key in keys {
            self.writes.insert(key, None);
        }
        ids
    }

    pub(super) fn active(&self, name: &ScoreName) -> Option<ActiveScore> {
        ActiveScore::from_bytes(&self.get(&score_key(name))?).ok()
    }

    pub(super) fn set_active(&mut self, deploy: &Deploy, height: Height) {
        let mut history = Vec::new();
        if let Some(old) = self.active(&deploy.score) {
            history.push(old.sha256);
            history.extend(old.history);
            history.truncate(HISTORY_MAX);
        }
        let active = ActiveScore {
            version: deploy.version.clone(),
            sha256: deploy.sha256,
            since: height,
            history,
        };
        self.put(score_key(&deploy.score), active.to_bytes());
        if self.get(FIRST).is_none() {
            self.put(FIRST.to_vec(), deploy.score.as_str().as_bytes().to_vec());
        }
    }
}

pub(super) const fn is_waiting(status: ChangeStatus) -> bool {
    matches!(status, ChangeStatus::Open | ChangeStatus::Accepted)
}
