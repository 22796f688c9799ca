//! Lists of a RadioStation that lies: with real certificates and signatures, of real peers.

use super::*;
use host_identity::{Authority, Role, SigningKey, Validity};
use host_rpc::directory::{Entry, SignedEntry};
use host_types::{Hash32, NetworkId};

const NETWORK: NetworkId = NetworkId::new(Hash32::new([1; 32]));
const A: &str = "bank-a/peer0";
const B: &str = "bank-b/peer0";

struct World {
    authority: Authority,
    trust: Trust,
    now: u64,
}

fn world() -> World {
    let authority = Authority::new_dev("test").unwrap();
    let root = authority.root().clone();
    let organisations =
        ["bank-a", "bank-b"].map(|organisation| (organisation.to_owned(), root.fingerprint()));
    let trust = Trust::new(NETWORK, &organisations, vec![root]);
    World { authority, trust, now: Validity::days_from_now(0).not_after.get() }
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed([name.as_bytes()[5]; 32])
}

fn listed(entry: SignedEntry) -> Listed {
    Listed { order: 1, is_connected: true, status_since: BlockTime::default(), entry }
}

impl World {
    fn entry(&self, name: &str, target: &str, issued: u64) -> Entry {
        let who = NodeName::new(name).unwrap();
        let validity = Validity::days_from_now(30);
        let role = Role::Validator;
        let public = key(name).public();
        let signed = self.authority.issue_signing(&who, role, None, &public, validity).unwrap();
        Entry {
            certificate: signed.der,
            rpc_target: target.to_owned(),
            rest_target: String::new(),
            channels: Vec::new(),
            issued: BlockTime::new(issued),
        }
    }

    fn says(&self, name: &str, target: &str, issued: u64) -> Listed {
        listed(self.entry(name, target, issued).sign(NETWORK, &key(name)))
    }

    fn open(&self, folder: &Path) -> KnownPeers {
        let known = KnownPeers::open(folder);
        known.recall(&self.trust, BlockTime::new(self.now));
        known
    }

    fn learn(&self, known: &KnownPeers, list: Vec<Listed>) -> Learned {
        known.learn(&self.trust, BlockTime::new(self.now), list)
    }
}

fn targets(known: &KnownPeers) -> Vec<(String, String)> {
    let all = known.all().into_iter();
    all.map(|one| (one.name.as_str().to_owned(), one.entry.rpc_target)).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, target)| ((*name).to_owned(), (*target).to_owned())).collect()
}

#[test]
fn a_list_that_is_shorter_or_older_takes_nothing_away_not_even_over_a_restart() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let (now, known) = (world.now, world.open(folder.path()));
    world.learn(&known, vec![world.says(A, "new:1", now - 9), world.says(B, "b:1", now - 9)]);
    let expected = pairs(&[(A, "new:1"), (B, "b:1")]);
    assert_eq!(targets(&known), expected);
    assert_eq!(world.learn(&known, vec![]).faults, Faults::default());
    let lagging = world.learn(&known, vec![world.says(A, "old:1", now - 3_000_000)]);
    assert_eq!(lagging.faults, Faults::default(), "a RadioStation may be seconds behind another");
    assert_eq!(targets(&known), expected);
    assert_eq!(targets(&world.open(folder.path())), expected);
    world.learn(&known, vec![world.says(B, "b:2", now)]);
    assert_eq!(targets(&world.open(folder.path())), pairs(&[(A, "new:1"), (B, "b:2")]));
}

#[test]
fn a_validator_whose_certificate_has_run_out_is_recalled_once_its_channel_has_begun() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    world.learn(&world.open(folder.path()), vec![world.says(A, "a:1", world.now)]);
    let later = World { now: Validity::days_from_now(31).not_after.get(), ..world };
    let known = later.open(folder.path());
    assert_eq!(targets(&known), pairs(&[]));
    later.trust.set_pinned(std::iter::once(NodeName::new(A).unwrap()).collect());
    known.recall(&later.trust, BlockTime::new(later.now));
    assert_eq!(targets(&known), pairs(&[(A, "a:1")]));
}

#[test]
fn forged_foreign_and_stale_entries_count_for_nothing_and_are_seen() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let (now, known) = (world.now, world.open(folder.path()));
    world.learn(&known, vec![world.says(A, "a:1", now)]);
    // The RadioStation signs with a key of its own what it took from the peer, with another address.
    let moved = world.entry(A, "trap:1", now + 1).sign(NETWORK, &SigningKey::from_seed([9; 32]));
    let elsewhere = world.entry(A, "trap:2", now + 1);
    let elsewhere = elsewhere.sign(NetworkId::new(Hash32::new([2; 32])), &key(A));
    let stranger = self::world().says(B, "trap:3", now + 1);
    let old = world.says(A, "trap:4", now - STALE_US - 1);
    let lies = vec![listed(moved), listed(elsewhere), stranger, old];
    let learned = world.learn(&known, lies);
    assert_eq!(learned.faults.counts(), [("forged", 2), ("foreign", 1), ("stale", 1)]);
    assert_eq!(learned.faults.first.map(|(code, _)| code), Some(Code::CertificateKeyWrong));
    assert_eq!(targets(&known), pairs(&[(A, "a:1")]));
}

#[test]
fn an_old_word_is_no_lie_of_a_silent_peer_or_when_the_newer_one_lies_in_the_future() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let (now, known) = (world.now, world.open(folder.path()));
    let old = || world.says(A, "a:1", now - 2 * STALE_US);
    world.learn(&known, vec![world.says(A, "a:1", now)]);
    let silent = world.learn(&known, vec![Listed { is_connected: false, ..old() }]);
    assert_eq!(silent.faults, Faults::default());
    world.learn(&known, vec![world.says(A, "a:1", now + STALE_US)]);
    assert_eq!(world.learn(&known, vec![old()]).faults, Faults::default());
}

#[test]
fn what_is_kept_has_a_bound_and_the_longest_silent_go() {
    let world = world();
    let template = world.says(A, "a:1", 1);
    let one = |number: u64| {
        let entry = Entry { issued: BlockTime::new(number + 1), ..template.entry.entry().clone() };
        let name = NodeName::new(&format!("bank-a/peer{number}")).unwrap();
        let verified = VerifiedEntry { entry, name, public_key: [1; 32] };
        Known { listed: template.clone(), verified }
    };
    let count = u64::try_from(LISTED_MAX).unwrap() + 1;
    let all = merged(BTreeMap::new(), (0..count).map(one), BlockTime::new(world.now));
    assert_eq!(all.len(), LISTED_MAX);
    assert!(!all.contains_key(&NodeName::new("bank-a/peer0").unwrap()));
}

/// The proxy and the next start read what is kept here; the mesh has the same rule.
#[test]
fn a_word_from_the_future_binds_nobody_to_an_old_address() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let (now, known) = (world.now, world.open(folder.path()));
    world.learn(&known, vec![world.says(A, "wrong-clock:1", now + 1_000_000)]);
    assert_eq!(targets(&known), pairs(&[(A, "wrong-clock:1")]));
    world.learn(&known, vec![world.says(A, "moved:1", now - 1)]);
    assert_eq!(targets(&known), pairs(&[(A, "moved:1")]));
    assert_eq!(targets(&world.open(folder.path())), pairs(&[(A, "moved:1")]));
}
