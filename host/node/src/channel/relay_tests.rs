//! Couriers of a whole channel in virtual time: how many messages a round takes, and that everybody hears
//! everybody, whichever relay is down.

use super::*;
use host_client::fixture::genesis;
use host_types::statement::Slot;
use host_types::validators::{Validator, ValidatorSet};
use host_types::{Hash32, NodeName, View, Weight};
use std::collections::BTreeSet;

const WAIT: Duration = Duration::from_millis(100);
/// A message under way.
const DELAY: Duration = Duration::from_micros(500);

fn config(groups: u16, members: u16, relay: &str) -> EpochConfig {
    let validator = |index: u16| Validator {
        name: NodeName::new(&format!("org{}/peer{index}", index / members)).unwrap(),
        public_key: [u8::try_from(index).unwrap(); 32],
        weight: Weight::new(1).unwrap(),
        group: format!("group{}", index / members),
    };
    let mut config = EpochConfig::of_genesis(&genesis());
    config.validators = ValidatorSet::new((0..groups * members).map(validator).collect()).unwrap();
    config.rule.parameters =
        [("delta", "200"), ("relay", relay)].map(|(n, v)| (n.to_owned(), v.to_owned())).into();
    config
}

fn said(signer: u16, view: u64) -> Statement {
    let slots = vec![Slot { view: View::new(view), class: 3, digest: Hash32::ZERO }];
    let mut signature = [0; 64];
    signature[..2].copy_from_slice(&signer.to_be_bytes());
    signature[2..10].copy_from_slice(&view.to_be_bytes());
    Statement { epoch: Epoch::ZERO, signer, slots, body: vec![], signature }
}

/// All nodes of a channel, and what is under way between them.
struct Channel {
    sites: Vec<Option<Site>>,
    couriers: Vec<Courier>,
    now: Duration,
    under_way: Vec<(Duration, u16, u16, Say)>,
    /// What each node heard.
    heard: Vec<BTreeSet<(u16, u64)>>,
    /// Messages, each counted once for each receiver.
    messages: usize,
    /// Nodes that hear and say nothing.
    dead: BTreeSet<u16>,
    /// Whether it is known who is dead.
    is_known: bool,
}

impl Channel {
    fn new(groups: u16, members: u16, relay: &str) -> Self {
        let config = config(groups, members, relay);
        let count = groups * members;
        let nodes = usize::from(count);
        Self {
            sites: (0..count).map(|me| Site::of(&config, me)).collect(),
            couriers: (0..count).map(|_| Courier::default()).collect(),
            now: Duration::ZERO,
            under_way: Vec::new(),
            heard: vec![BTreeSet::new(); nodes],
            messages: 0,
            dead: BTreeSet::new(),
            is_known: false,
        }
    }

    fn send(&mut self, from: u16, say: Vec<Say>) {
        for one in say {
            let all: Vec<u16> = match &one {
                Say::Hand(to, _) => vec![*to],
                _ => (0..).take(self.sites.len()).filter(|to| *to != from).collect(),
            };
            self.messages += all.len();
            let arrives = self.now + DELAY;
            self.under_way.extend(all.into_iter().map(|to| (arrives, from, to, one.clone())));
        }
    }

    fn hear(&mut self, to: u16, statement: &Statement) {
        self.heard[usize::from(to)].insert((statement.signer, own_words::view(statement)));
    }

    fn arrive(&mut self, from: u16, to: u16, say: Say) {
        let node = usize::from(to);
        match say {
            Say::Direct(statement) => self.hear(to, &statement),
            Say::Bundle(statements) => {
                for statement in statements {
                    if statement.signer != to || !self.couriers[node].confirm(&statement) {
                        self.hear(to, &statement);
                    }
                }
            }
            Say::Hand(_, statement) => {
                self.hear(to, &statement);
                let Some(site) = &self.sites[node] else { return };
                assert!(Courier::may_hand(site, Some(from), &statement));
                let say = self.couriers[node].gather(self.now, &statement, site);
                self.send(to, say);
            }
        }
    }

    /// Everybody that lives says something in a view, until nothing is under way; gives the messages.
    fn round(&mut self, view: u64) -> usize {
        let before = self.messages;
        let count = u16::try_from(self.sites.len()).unwrap();
        for me in (0..count).filter(|me| !self.dead.contains(me)).collect::<Vec<_>>() {
            let statement = said(me, view);
            let node = usize::from(me);
            let (dead, is_known) = (&self.dead, self.is_known);
            let is_connected = |index: u16| !(is_known && dead.contains(&index));
            let say = match &self.sites[node] {
                Some(site) => self.couriers[node].own(self.now, &statement, site, is_connected),
                None => vec![Say::Direct(statement)],
            };
            self.send(me, say);
        }
        while self.step() {}
        self.messages - before
    }

    fn step(&mut self) -> bool {
        let arrival = self.under_way.iter().map(|(at, ..)| *at).min();
        let due = self.couriers.iter().filter_map(Courier::next).min();
        let Some(next) = [arrival, due].into_iter().flatten().min() else { return false };
        self.now = next;
        let arrived: Vec<_> = self.under_way.extract_if(.., |(at, ..)| *at <= next).collect();
        for (_, from, to, say) in arrived {
            if !self.dead.contains(&to) {
                self.arrive(from, to, say);
            }
        }
        for me in 0..u16::try_from(self.sites.len()).unwrap() {
            let say = self.couriers[usize::from(me)].tick(self.now);
            self.send(me, say);
        }
        true
    }

    /// Every living node heard every other living one in a view.
    fn all_heard(&self, view: u64) -> bool {
        let alive = |node: &u16| !self.dead.contains(node);
        let all: Vec<u16> = (0..).take(self.sites.len()).filter(alive).collect();
        let hears = |me: &u16, other: &u16| self.heard[usize::from(*me)].contains(&(*other, view));
        all.iter().all(|me| all.iter().all(|other| me == other || hears(me, other)))
    }
}

#[test]
fn a_round_of_statements_takes_a_bundle_for_each_group_instead_of_each_member() {
    // Groups, members of each, messages without and with a relay.
    for (groups, members, direct, relayed) in
        [(2, 2, 12, 8), (4, 4, 240, 72), (4, 8, 992, 152), (8, 8, 4_032, 560)]
    {
        for (relay, expected) in [("off", direct), ("on", relayed)] {
            let mut channel = Channel::new(groups, members, relay);
            assert_eq!(channel.round(1), expected, "{groups} groups of {members}, relay {relay}");
            assert!(channel.all_heard(1));
            assert!(channel.now < WAIT, "nobody had to wait");
        }
    }
}

#[test]
fn when_a_relay_is_silent_its_group_sends_directly_for_a_while() {
    let mut channel = Channel::new(4, 4, "on");
    channel.dead.insert(0);
    channel.round(1);
    assert!(channel.all_heard(1));
    assert!(channel.now >= WAIT && channel.now < WAIT * 2, "{:?}", channel.now);
    // From now on it costs messages and no time, up to view 1 + 2n.
    let at = channel.now;
    for view in 2..=33 {
        assert_eq!(channel.round(view), 3 * 15 + 3 * 18, "view {view}");
        assert!(channel.all_heard(view));
    }
    assert!(channel.now - at < WAIT);
    channel.dead.clear();
    assert_eq!(channel.round(34), 72);
    assert!(channel.all_heard(34));
}

#[test]
fn who_is_known_to_be_gone_is_no_relay() {
    let mut channel = Channel::new(4, 4, "on");
    channel.dead.insert(0);
    channel.is_known = true;
    assert_eq!(channel.round(1), 3 * 18 + 2 + 15);
    assert!(channel.all_heard(1));
    assert!(channel.now < WAIT);
    // Who has nobody left in its group speaks for itself.
    channel.dead.extend([1, 2]);
    assert_eq!(channel.round(2), 3 * 18 + 15);
    assert!(channel.all_heard(2));
}

#[test]
fn a_relay_serves_its_own_group_and_only_what_the_author_hands_over() {
    let config = config(2, 2, "on");
    let site = Site::of(&config, 0).unwrap();
    assert_eq!((site.members.as_slice(), site.wait), ([0, 1].as_slice(), WAIT));
    assert!(Courier::may_hand(&site, Some(1), &said(1, 5)));
    assert!(!Courier::may_hand(&site, Some(2), &said(2, 5)), "of another group");
    assert!(!Courier::may_hand(&site, Some(2), &said(1, 5)), "of somebody else");
    assert!(!Courier::may_hand(&site, None, &said(1, 5)), "by who is no validator");
    let other = Statement { epoch: Epoch::new(1), ..said(1, 5) };
    assert!(!Courier::may_hand(&site, Some(1), &other), "of another epoch");
    for (groups, members, relay) in [(2, 2, "off"), (4, 1, "on")] {
        assert_eq!(Site::of(&self::config(groups, members, relay), 0), None);
    }
}
