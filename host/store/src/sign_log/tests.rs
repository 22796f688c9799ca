//! The sign log under crashes at every write and sync, torn tails, and damage.

use super::segment::HEADER_BYTES;
use super::*;
use crate::faulty::{Fault, FaultyDisk};
use crate::guard::{Guard, Verdict};
use host_types::{Code, FaultClass, Hash32};

const SEGMENT: u64 = 2048;

fn channel(n: u8) -> GenesisHash {
    GenesisHash::new(Hash32::new([n; 32]))
}

fn signed(n: u8, view: u64) -> Record {
    let slot = Slot { view: View::new(view), class: n, digest: Hash32::new([view as u8; 32]) };
    let body = vec![n; 40 + view as usize % 50];
    let (epoch, signature) = (Epoch::new(1), [view as u8; 64]);
    Record {
        channel: channel(n),
        entry: Entry::Signed { epoch, slots: vec![slot], body, signature },
    }
}

fn rule(n: u8, view: u64) -> Record {
    let (epoch, view) = (Epoch::new(1), View::new(view));
    let bytes = vec![7; 30];
    Record { channel: channel(n), entry: Entry::RuleRecord { epoch, view, bytes } }
}

fn floor(n: u8, view: u64) -> Record {
    let (epoch, view) = (Epoch::new(1), View::new(view));
    Record { channel: channel(n), entry: Entry::Floor { epoch, view } }
}

fn dir() -> &'static Path {
    Path::new("/sign")
}

fn open(disk: &FaultyDisk) -> Result<(SignLog, Replay), StoreError> {
    SignLog::open_on(Arc::new(disk.clone()), dir(), SEGMENT)
}

/// Two channels sign; one of them is quiet for long, so segments are carried as well as passed.
fn script() -> Vec<Vec<Record>> {
    let mut batches = vec![vec![signed(2, 1), rule(2, 1)]];
    for view in 1..60 {
        batches.push(vec![rule(1, view), signed(1, view)]);
        if view % 4 == 0 {
            batches.push(vec![floor(1, view - 2)]);
        }
        if view == 45 {
            batches.push(vec![signed(2, 2), floor(2, 1)]);
        }
    }
    batches
}

/// Runs the script until it fails; gives the batches that were acknowledged.
fn run(disk: &FaultyDisk) -> usize {
    let Ok((mut log, _)) = open(disk) else { return 0 };
    for (done, batch) in script().iter().enumerate() {
        if log.append_batch(batch).is_err() {
            let operations = disk.operations();
            let again = log.append_batch(batch).expect_err("poisoned");
            assert!(matches!(again, StoreError::Poisoned { .. }));
            assert_eq!(again.class(), FaultClass::StopSigning);
            assert_eq!(again.code(), Code::SigningStopped);
            assert_eq!(disk.operations(), operations, "a poisoned log leaves the disk alone");
            return done;
        }
    }
    script().len()
}

/// What a log must hold after the first `batches` of the script.
fn expected(batches: usize) -> BTreeMap<GenesisHash, ChannelReplay> {
    let mut channels: BTreeMap<GenesisHash, ChannelReplay> = BTreeMap::new();
    for record in script().into_iter().take(batches).flatten() {
        let kept = channels.entry(record.channel).or_default();
        match record.entry {
            Entry::Floor { epoch, view } => {
                kept.floor = Some((epoch, view));
                kept.entries.retain(|entry| entry.position() > (epoch, view));
            }
            entry => kept.entries.push(entry),
        }
    }
    channels
}

#[test]
fn a_crash_at_any_write_or_sync_loses_nothing_that_was_acknowledged() {
    let calm = FaultyDisk::default();
    assert_eq!(run(&calm), script().len());
    assert!(calm.operations() > 150);
    for operation in 0..calm.operations() {
        for (seed, fault) in
            [(1, Fault::PowerLoss), (2, Fault::PowerLoss), (3, Fault::Torn), (4, Fault::Error)]
        {
            let disk = FaultyDisk::default();
            disk.fail_at(operation, fault);
            let done = run(&disk);
            let disk = disk.restart(seed * 1000 + operation);
            let (mut log, replay) = open(&disk).expect("it opens after any crash");
            let held = &replay.channels;
            let either = [expected(done), expected((done + 1).min(script().len()))];
            assert!(either.contains(held), "operation {operation}, {fault:?}, after {done}");
            let more = signed(3, 1);
            log.append_batch(std::slice::from_ref(&more)).expect("it goes on");
            let (_, again) = open(&disk.restart(seed)).expect("it opens again");
            let mut held = held.clone();
            held.entry(more.channel).or_default().entries.push(more.entry);
            assert_eq!(again.channels, held);
        }
    }
}

#[test]
fn a_guard_from_the_log_refuses_what_was_signed_otherwise_and_all_below_a_floor() {
    let disk = FaultyDisk::default();
    assert_eq!(run(&disk), script().len());
    let (_, replay) = open(&disk.restart(0)).unwrap();
    let mut guard = Guard::from_replay(&replay);
    let Entry::Signed { epoch, slots, .. } = signed(1, 59).entry else { unreachable!() };
    assert_eq!(guard.check(channel(1), epoch, &slots), Verdict::AlreadySame);
    let other = Slot { digest: Hash32::ZERO, ..slots[0] };
    assert_eq!(guard.check(channel(1), epoch, &[other]), Verdict::Refused { slot: other });
    let low = Slot { view: View::new(3), class: 77, digest: Hash32::ZERO };
    assert_eq!(guard.check(channel(1), epoch, &[low]), Verdict::Refused { slot: low });
    assert_eq!(guard.check(channel(2), epoch, &[low]), Verdict::Allowed);
}

#[test]
fn passed_segments_are_deleted_and_a_quiet_channel_pins_none() {
    let disk = FaultyDisk::default();
    assert_eq!(run(&disk), script().len());
    let names = disk.list(dir()).unwrap();
    assert!(names.len() <= SEGMENTS_MAX + 1, "{names:?}");
    assert!(!names.contains(&"000001.log".to_owned()));
    let (_, replay) = open(&disk).unwrap();
    assert_eq!(replay.channels, expected(script().len()));
}

#[test]
fn a_flipped_bit_in_any_record_but_the_last_is_found() {
    let disk = FaultyDisk::default();
    let (mut log, replay) = open(&disk).unwrap();
    assert!(replay.is_new);
    let mut ends = vec![HEADER_BYTES];
    for view in 1..5 {
        log.append_batch(&[signed(1, view)]).unwrap();
        ends.push(usize::try_from(log.segments[0].end).unwrap());
    }
    let path = dir().join("000001.log");
    let damaged = |at: usize| {
        let disk = disk.restart(0);
        disk.corrupt(&path, |bytes| bytes[at] ^= 0x10).unwrap();
        open(&disk)
    };
    for at in (0..36).chain(ends[0]..ends[3]) {
        // Zeros that fill up a record are not part of it.
        let is_filling = (1..4).any(|i| ends[i - 1] < at && at < ends[i] && at + 8 > ends[i]);
        match damaged(at) {
            Err(e) => assert!(matches!(e, StoreError::Damaged { .. }), "{at}: {e}"),
            Ok((_, replay)) => {
                assert!(is_filling, "{at}");
                assert_eq!(replay.channels[&channel(1)].entries.len(), 4);
            }
        }
    }
    for at in ends[3]..ends[3] + 16 {
        let (_, replay) = damaged(at).expect("the last record may be torn");
        assert_eq!(replay.channels[&channel(1)].entries.len(), 3);
        assert!(replay.torn_bytes > 0);
    }
}

#[test]
fn a_missing_segment_in_the_middle_is_found() {
    let disk = FaultyDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    for view in 1..40 {
        log.append_batch(&[signed(1, view)]).unwrap();
    }
    disk.remove(&dir().join("000002.log")).unwrap();
    let e = open(&disk).expect_err("refused");
    assert!(matches!(e, StoreError::Damaged { .. }), "{e}");
}

#[test]
fn a_batch_larger_than_a_segment_is_refused_without_harm() {
    let disk = FaultyDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    let many: Vec<_> = (1..40).map(|view| signed(1, view)).collect();
    let e = log.append_batch(&many).expect_err("refused");
    assert!(matches!(e, StoreError::TooLarge { .. }));
    log.append_batch(&many[..3]).unwrap();
    assert!(!log.is_poisoned());
}

#[test]
fn it_works_on_a_real_disk() {
    let dir = tempfile::tempdir().unwrap();
    let records = [signed(1, 1), rule(1, 2)];
    let (mut log, replay) = SignLog::open(dir.path(), Durability::Full).unwrap();
    assert!(replay.is_new);
    log.append_batch(&records).unwrap();
    log.floor(channel(2), Epoch::new(4), View::new(9)).unwrap();
    drop(log);
    let (_, replay) = SignLog::open(dir.path(), Durability::Full).unwrap();
    assert!(!replay.is_new);
    assert_eq!(replay.channels[&channel(1)].entries, records.map(|r| r.entry));
    assert_eq!(replay.channels[&channel(2)].floor, Some((Epoch::new(4), View::new(9))));
}

#[test]
fn what_one_channel_wrote_reads_back_while_the_log_is_open() {
    let disk = FaultyDisk::default();
    let (mut log, _) = open(&disk).unwrap();
    for batch in script() {
        log.append_batch(&batch).unwrap();
    }
    let now = [1, 2, 3].map(|n| log.replay_of(channel(n)).unwrap());
    drop(log);
    let (_, replay) = open(&disk).unwrap();
    for (n, now) in (1u8..).zip(now) {
        assert_eq!(now, replay.channels.get(&channel(n)).cloned().unwrap_or_default(), "{n}");
    }
}
