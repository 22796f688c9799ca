//! What the peers say of their channels right now, asked over connections of the radiostation's
//! own.
//!
//! In: who is alive, and where. Out: live statuses, and who leads a channel. For pages only: it is
//! hearsay, and no peer acts on it. Deliberately not here: who is registered (`registry`), how
//! pages look (`host/web`).

use super::station::Station;
use crate::peer::status_wire;
use futures::StreamExt;
use host_rpc::gateway::ChannelStatus;
use host_rpc::{PeerClient, Session, Target};
use host_types::{ChannelName, GenesisHash, NodeName};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How long one peer may take to say how its channel is.
const ANSWER: Duration = Duration::from_secs(2);
/// How often everybody is asked.
const ROUND: Duration = Duration::from_secs(1);
/// Questions under way at once.
const ASKED_AT_ONCE: usize = 32;

/// Connections to the peers that are alive, and what they said last.
pub struct Live {
    session: Arc<Session>,
    clients: Mutex<BTreeMap<NodeName, Arc<PeerClient>>>,
    leaders: RwLock<BTreeMap<ChannelName, NodeName>>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Live({} peers)", self.clients().len())
    }
}

impl Live {
    /// Nobody yet.
    #[must_use]
    pub fn new(session: Arc<Session>) -> Self {
        Self { session, clients: Mutex::default(), leaders: RwLock::default() }
    }

    fn clients(&self) -> MutexGuard<'_, BTreeMap<NodeName, Arc<PeerClient>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps connections to these, and to nobody else.
    pub fn follow(&self, alive: &[Target]) {
        let mut clients = self.clients();
        clients.retain(|name, client| {
            if alive.iter().all(|target| target.name != *name) {
                tracing::info!(event = "peer.silent", peer = %name, "{name} is silent");
            }
            alive.contains(client.target())
        });
        for target in alive {
            clients.entry(target.name.clone()).or_insert_with(|| {
                Arc::new(PeerClient::start(Arc::clone(&self.session), target.clone()))
            });
        }
    }

    /// How a channel is on a peer; none when it does not answer, or means another channel.
    pub async fn ask(
        &self,
        peer: &NodeName,
        channel: &ChannelName,
        genesis: GenesisHash,
    ) -> Option<ChannelStatus> {
        let client = self.clients().get(peer).cloned()?;
        let request = status_wire::encode_request(channel).into();
        let reply = timeout(ANSWER, client.status(request)).await.ok()?.ok()?;
        let status = status_wire::decode(&reply).ok()?;
        (status.channel == *channel && status.genesis == genesis).then_some(status)
    }

    /// Who leads a channel, as its peers said last.
    #[must_use]
    pub fn leader(&self, channel: &ChannelName) -> Option<NodeName> {
        let leaders = self.leaders.read().unwrap_or_else(PoisonError::into_inner);
        leaders.get(channel).cloned()
    }
}

/// Asks everybody, again and again.
pub async fn run(station: Arc<Station>) {
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        station.rescan();
        round(&station).await;
    }
}

/// One question to every live peer about every channel it serves.
pub(super) async fn round(station: &Station) {
    let live = &station.live;
    live.follow(&station.alive());
    let mut questions = Vec::new();
    for (channel, known) in station.channels.all() {
        for peer in station.serving(&known) {
            questions.push((channel.clone(), known.genesis, peer));
        }
    }
    let asked = questions.into_iter().map(|(channel, genesis, peer)| async move {
        let status = live.ask(&peer, &channel, genesis).await?;
        Some((channel, status))
    });
    let mut answers = futures::stream::iter(asked).buffer_unordered(ASKED_AT_ONCE);
    let mut statuses: BTreeMap<ChannelName, Vec<ChannelStatus>> = BTreeMap::new();
    while let Some(answer) = answers.next().await {
        if let Some((channel, status)) = answer {
            statuses.entry(channel).or_default().push(status);
        }
    }
    let leaders = statuses.into_iter().filter_map(|(channel, statuses)| {
        let leader = leader_of(&statuses)?;
        Some((channel, leader))
    });
    let leaders = leaders.collect();
    *live.leaders.write().unwrap_or_else(PoisonError::into_inner) = leaders;
}

/// Whom most name; of equals, who is named by the one that is furthest.
fn leader_of(statuses: &[ChannelStatus]) -> Option<NodeName> {
    let mut named: BTreeMap<&NodeName, (usize, (u64, u64, u64))> = BTreeMap::new();
    for status in statuses {
        let Some(leader) = &status.leader else { continue };
        let place = (status.height.get(), status.epoch, status.view);
        let (count, furthest) = named.entry(leader).or_default();
        *count += 1;
        *furthest = place.max(*furthest);
    }
    let most = named.into_iter().max_by_key(|(_, rank)| *rank);
    most.map(|(leader, _)| leader.clone())
}

#[cfg(test)]
pub(super) mod tests {
    use super::leader_of;
    use host_rpc::gateway::{ChannelStatus, Mode};
    use host_types::block::{Pair, RootPair};
    use host_types::{BlockId, BlockTime, ChannelName, GenesisHash, Hash32, Height, NodeName};

    /// A healthy channel.
    pub(in crate::radiostation) fn status(
        channel: &str,
        genesis: GenesisHash,
        leader: Option<&str>,
        height: u64,
    ) -> ChannelStatus {
        let zero = Hash32::new([0; 32]);
        ChannelStatus {
            channel: ChannelName::new(channel).unwrap(),
            genesis,
            rule: "lft".into(),
            height: Height::new(height),
            head: Pair { block: BlockId::new(zero), roots: RootPair::default() },
            time: BlockTime::new(1),
            epoch: 0,
            view: height + 1,
            leader: leader.and_then(NodeName::new),
            tx_total: 3,
            made_blocks: 1,
            pool_txs: 0,
            mode: Mode::Normal,
            sandbox: "",
            quorum: 3,
            total_weight: 4,
            connected_weight: 0,
            faulty_max: 1,
            validators: Vec::new(),
            divergences: 0,
            last_divergence: None,
            is_leader_complained: false,
            v1_gateway: true,
        }
    }

    fn leader(named: &[(Option<&str>, u64)]) -> Option<String> {
        let genesis = GenesisHash::new(Hash32::new([1; 32]));
        let statuses: Vec<_> =
            named.iter().map(|(who, height)| status("demo", genesis, *who, *height)).collect();
        leader_of(&statuses).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn the_leader_is_whom_most_peers_name() {
        let [a, b] = ["bank-a/peer0", "bank-b/peer0"];
        assert_eq!(leader(&[]), None);
        assert_eq!(leader(&[(None, 9)]), None);
        assert_eq!(leader(&[(Some(a), 5), (Some(a), 5), (Some(b), 900)]).as_deref(), Some(a));
        assert_eq!(leader(&[(Some(a), 5), (Some(b), 6), (None, 7)]).as_deref(), Some(b));
    }
}
