//! A store that somebody changed, under `audit verify`: one byte of a block, of a result, of the
//! database. A checksum that is left wrong is found by itself; one that was made right
//! again hides nothing either. Each copy is of a peer that has stopped. The trail is in `grants.rs`.

use crate::sample;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tests::Network;
use tests::network::CHANNEL;

/// Bytes of a segment before its first record, and of a record before its payload.
const FILE_HEAD: usize = 16;
const RECORD_HEAD: usize = 8;
/// Kinds of records.
const BLOCK: u8 = 1;
const RESULT: u8 = 2;
/// Who is paid, so that the bytes of the payment are found again.
const PAID: [u8; 20] = [0x11; 20];

/// CRC-32 of IEEE 802.3, as segments have it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    let inner: Vec<_> =
        found.iter().filter(|path| path.is_dir()).flat_map(|path| files(path)).collect();
    found.retain(|path| path.is_file());
    found.extend(inner);
    found
}

/// The place of some bytes behind another place.
fn place(bytes: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    bytes[from..].windows(wanted.len()).position(|part| part == wanted).map(|at| from + at)
}

/// The payload of the record of a kind about a block.
fn record(segment: &[u8], kind: u8, block: &[u8]) -> std::ops::Range<usize> {
    let mut at = FILE_HEAD;
    loop {
        let length = u32::from_be_bytes(segment[at..at + 4].try_into().unwrap()) as usize;
        let payload = at + RECORD_HEAD..at + RECORD_HEAD + length;
        if segment[payload.start] == kind && segment[payload.start + 1..].starts_with(block) {
            return payload;
        }
        at = payload.end;
    }
}

/// A stopped peer's store, and the block with the payment.
struct Stopped {
    network: Network,
    height: u64,
    block: Vec<u8>,
    genesis: String,
}

impl Stopped {
    fn new() -> Self {
        let mut network = Network::up(sample());
        let to = format!("to=hx{}", "11".repeat(20));
        let sent = network.cli_json(&["tx", "send", "token", "transfer", &to, "amount=7"]);
        let height = sent["height"].as_u64().unwrap();
        let told = network.get(0, &format!("/api/v2/channels/{CHANNEL}/blocks/{height}")).json();
        let block = host_types::hash::from_hex(told["hash"].as_str().unwrap()).unwrap();
        for _ in 0..2 {
            let sent = network.cli(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
            assert_eq!(sent.code, 0, "{sent:?}");
        }
        let channel = network.channel(0, CHANNEL).unwrap();
        let genesis = channel["genesis"].as_str().unwrap().to_owned();
        assert!(network.interrupt().success());
        Self { network, height, block, genesis }
    }

    /// What `audit verify` says of a copy with this change: exit code, and height and code of what it found.
    fn after(&self, change: impl FnOnce(&Path), deep: bool) -> (i32, Vec<(u64, String)>) {
        let data = self.network.data().join("peers/peer0/data");
        let (folder, store) = (self.network.folder().join("copy"), "channels/demo");
        fs::remove_dir_all(&folder).ok();
        copy(&data.join(store), &folder.join(store));
        change(&folder.join(store));
        let (at, scores) = (folder.join(store), data.join("scores"));
        let mut words = vec!["audit", "verify", "--json", "--genesis", &self.genesis];
        words.extend(["--store", at.to_str().unwrap(), "--scores", scores.to_str().unwrap()]);
        words.extend(deep.then_some("--deep"));
        let said = self.network.cli(&words);
        let Ok(told) = serde_json::from_str::<Value>(&said.stdout) else {
            return (said.code, vec![(0, said.error())]);
        };
        let found = told["findings"].as_array().unwrap().iter();
        let one = |one: &Value| {
            (one["height"].as_u64().unwrap(), one["code"].as_str().unwrap().to_owned())
        };
        (said.code, found.map(one).collect())
    }

    /// Changes a byte of a record's payload `behind` the first place of `wanted` in it; with the checksum
    /// made right again or not.
    fn of_record(
        &self,
        kind: u8,
        (wanted, behind): (&[u8], usize),
        is_mended: bool,
    ) -> impl Fn(&Path) {
        let (wanted, block) = (wanted.to_vec(), self.block.clone());
        move |store: &Path| {
            let path = files(&store.join("blocks")).remove(0);
            let mut bytes = fs::read(&path).unwrap();
            let payload = record(&bytes, kind, &block);
            let at = place(&bytes, &wanted, payload.start).unwrap() + behind;
            assert!(payload.contains(&at));
            bytes[at] ^= 1;
            if is_mended {
                let sum = crc(&bytes[payload.clone()]);
                bytes[payload.start - 4..payload.start].copy_from_slice(&sum.to_be_bytes());
            }
            fs::write(path, bytes).unwrap();
        }
    }
}

#[test]
fn every_byte_that_somebody_changed_in_a_store_is_found_with_its_block() {
    let stopped = Stopped::new();
    assert_eq!(stopped.after(|_| {}, true), (0, vec![]));
    let at = stopped.height;
    let (paid, own) = ((PAID.as_slice(), 3), stopped.block.as_slice());
    // Kind of record, the byte, whether its checksum is made right again; what is found first.
    let table = [
        // A transaction of the block: the checksum, else the Merkle root in the header.
        ((BLOCK, paid, false), (at, "LC5206")),
        ((BLOCK, paid, true), (at, "LC5206")),
        // The header: the hash by which the index, the next block and the proof name it.
        ((BLOCK, (own, 32 + 8 + 4 + 12), true), (at, "LC5206")),
        // The result: an event of the payment, and the state root.
        ((RESULT, paid, false), (at, "LC5206")),
        ((RESULT, paid, true), (at, "LC3321")),
        ((RESULT, (own, 32 + 8 + 5), true), (at, "LC5206")),
    ];
    let found = table.map(|((kind, byte, is_mended), _)| {
        let (exit, found) = stopped.after(stopped.of_record(kind, byte, is_mended), false);
        assert_eq!(exit, 7, "{kind} {is_mended}: {found:?}");
        found.into_iter().next().unwrap()
    });
    assert_eq!(found, table.map(|(_, (height, code))| (height, code.to_owned())));

    // The state.
    let state = |store: &Path| {
        let holds = |path: &PathBuf| place(&fs::read(path).unwrap(), &PAID, 0).is_some();
        let path = files(&store.join("db")).into_iter().find(holds).expect("a key of the state");
        let mut bytes = fs::read(&path).unwrap();
        let at = place(&bytes, &PAID, 0).unwrap();
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    assert_eq!(stopped.after(state, false), (7, vec![(0, "LC5206".to_owned())]));
}
