//! A channel as an application sees it through one or several peers.
//!
//! In: peers, calls, signed transactions, questions. Out: typed answers, and the JSON as it came. What
//! fails with an error that may pass is asked of the next peer, and after a round of all peers again
//! after a pause; the peer that answered last is asked first. Deliberately not here: checking what a peer
//! says ([`crate::receipt`], [`crate::block_proof`]), the words of the answers ([`crate::answer`]).

use crate::answer::{ChannelInfo, MemberInfo, ScoreInfo, TxInfo, VersionInfo, manifest, odd, read};
use crate::error::ClientError;
use crate::events::EventReader;
use crate::http::{Endpoint, Exchange, Question};
use crate::identity::Signer;
use crate::page::escaped;
use crate::reader::{Reader, Says, channel_of};
use crate::retry::Retry;
use crate::sign::{Call, Signed};
use host_types::fault::Code;
use host_types::genesis::ChannelGenesis;
use host_types::hash;
use host_types::ids::{ChannelName, ScoreName};
use host_types::manifest::Manifest;
use host_types::{Address, Decode, Hash32, Height};
use host_web::arguments::{self, CallKind};
use host_web::json::Json;
use hyper::Method;
use hyper::body::Incoming;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How often a pending transaction is asked for when the peer did not wait itself.
const POLL: Duration = Duration::from_millis(100);
/// How long a peer that never heard of a transaction is asked again: gossip takes milliseconds.
const HEARD_OF: Duration = Duration::from_secs(2);
/// How long an answer may take, unless the application says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Peers of one client: a channel has at most 128 validators, and one request asks each of them at most
/// once a round.
const ENDPOINTS_MAX: usize = 128;

type Observer = Arc<dyn Fn(&Exchange) + Send + Sync>;

/// What a client talks to, and how patiently.
#[derive(Clone)]
pub struct Settings {
    endpoints: Vec<Endpoint>,
    channel: ChannelName,
    timeout: Duration,
    retry: Retry,
    observer: Option<Observer>,
    reader: Option<Arc<Reader>>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("endpoints", &self.endpoints)
            .field("channel", &self.channel)
            .field("timeout", &self.timeout)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Peers (`http://HOST:PORT`, at most 128) and a channel that they have.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let peers = ["http://127.0.0.1:9000", "http://127.0.0.1:9001"];
    /// let settings = host_client::Settings::new(peers, "demo")?
    ///     .with_timeout(Duration::from_secs(10))
    ///     .with_retry(host_client::Retry { rounds: 5, ..Default::default() });
    /// # Ok::<_, host_client::ClientError>(())
    /// ```
    ///
    /// # Errors
    /// No peer, too many, an address of another form, or no name of a channel.
    pub fn new<'a>(
        endpoints: impl IntoIterator<Item = &'a str>,
        channel: &str,
    ) -> Result<Self, ClientError> {
        let endpoints: Vec<_> =
            endpoints.into_iter().map(Endpoint::parse).collect::<Result<_, _>>()?;
        if endpoints.is_empty() || endpoints.len() > ENDPOINTS_MAX {
            let message =
                format!("a client has 1 to {ENDPOINTS_MAX} peers, not {}", endpoints.len());
            return Err(ClientError::new(Code::UsageWrong, message));
        }
        let channel = ChannelName::new(channel).ok_or_else(|| {
            ClientError::new(Code::ChannelUnknown, format!("`{channel}` is no name of a channel"))
        })?;
        Ok(Self {
            endpoints,
            channel,
            timeout: TIMEOUT,
            retry: Retry::default(),
            observer: None,
            reader: None,
        })
    }

    /// How long one answer may take (30 s otherwise); waiting for finality comes on top.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often a request that may succeed later is sent again.
    #[must_use]
    pub const fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Who asks, and when that is said: a channel may open itself to some only, and a peer keeps a record
    /// of what it answers an auditor. `find` is called when it is needed first.
    ///
    /// ```
    /// # use std::path::Path;
    /// use host_client::{Identity, Says, Settings};
    /// let settings = Settings::new(["http://127.0.0.1:9000"], "settlement")?
    ///     .with_reader(Says::Always, || {
    ///         Ok(Box::new(Identity::load(Path::new("audit0/pki/sign.key"), None)?))
    ///     });
    /// # Ok::<_, host_client::ClientError>(())
    /// ```
    #[must_use]
    pub fn with_reader(
        mut self,
        says: Says,
        find: impl Fn() -> Result<Box<dyn Signer + Send + Sync>, ClientError> + Send + Sync + 'static,
    ) -> Self {
        self.reader = Some(Arc::new(Reader::new(says, find)));
        self
    }

    /// Who is told of every exchange.
    #[must_use]
    pub fn with_observer(mut self, seen: impl Fn(&Exchange) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(seen));
        self
    }
}

/// A channel, through its peers. Cheap to clone; clones share which peer is asked first.
#[derive(Clone, Debug)]
pub struct Client {
    settings: Arc<Settings>,
    first: Arc<AtomicUsize>,
}

impl Client {
    /// A client. Nothing is asked yet.
    ///
    /// ```
    /// # use host_client::{Client, Settings};
    /// let client = Client::new(Settings::new(["http://127.0.0.1:9000"], "demo")?)?;
    /// assert_eq!(client.channel_name().as_str(), "demo");
    /// # Ok::<_, host_client::ClientError>(())
    /// ```
    ///
    /// # Errors
    /// None today; later versions may refuse settings that contradict each other.
    pub fn new(settings: Settings) -> Result<Self, ClientError> {
        Ok(Self { settings: Arc::new(settings), first: Arc::default() })
    }

    /// The channel.
    #[must_use]
    pub fn channel_name(&self) -> &ChannelName {
        &self.settings.channel
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v2/channels/{}{rest}", self.settings.channel)
    }

    /// Asks for any path, as JSON.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let all = client.get("/api/v2/channels").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// What the peer refused with, or `LC3101` when none answers.
    pub async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.exchange(Method::GET, path, None, None).await
    }

    /// Sends JSON to any path; with `wait`, the peer may take so long to answer. The request must be one
    /// that may arrive twice.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let body = serde_json::json!({"method": "balance_of", "args": {"who": "bob"}});
    /// let path = "/api/v2/channels/demo/scores/token/query";
    /// let answer = client.post(path, &body, None).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn post(
        &self,
        path: &str,
        body: &Value,
        wait: Option<Duration>,
    ) -> Result<Value, ClientError> {
        self.exchange(Method::POST, path, Some(body), wait).await
    }

    /// Asks the first peer once for what is answered with an error status as well, such as readiness: the
    /// body, or null.
    ///
    /// ```no_run
    /// # async fn example(operations: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let ready = operations.look("/readyz").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `LC3101` when it does not answer.
    pub async fn look(&self, path: &str) -> Result<Value, ClientError> {
        self.endpoint(self.first.load(Ordering::Relaxed)).look(path, self.settings.timeout).await
    }

    fn endpoint(&self, at: usize) -> &Endpoint {
        let all = &self.settings.endpoints;
        #[expect(clippy::indexing_slicing, reason = "at least one, and below their number")]
        &all[at % all.len()]
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        wait: Option<Duration>,
    ) -> Result<Value, ClientError> {
        let Settings { timeout, observer, .. } = &*self.settings;
        let seen = |exchange: &Exchange| observer.iter().for_each(|observer| observer(exchange));
        let end = wait.map(|wait| Instant::now() + wait);
        let ask = async |endpoint: &Endpoint| {
            // What the first peer took of the wait, the next one does not get.
            let wait = end.map(|end| end.saturating_duration_since(Instant::now()));
            let question = Question { method: method.clone(), path, body, wait, timeout: *timeout };
            self.ask(endpoint, &question, &seen).await
        };
        self.on_some_peer(ask, end).await
    }

    /// Asks one peer, saying who asks where that is wanted.
    async fn ask(
        &self,
        endpoint: &Endpoint,
        question: &Question<'_>,
        seen: &(dyn Fn(&Exchange) + Sync),
    ) -> Result<Value, ClientError> {
        let reader = self.settings.reader.as_deref();
        let Some(reader) = reader.filter(|_| channel_of(question.path).is_some()) else {
            return endpoint.exchange(question, None, seen).await;
        };
        if reader.says == Says::WhenRefused {
            match endpoint.exchange(question, None, seen).await {
                Err(refused) if refused.code() == Code::RoleRefused => {}
                answer => return answer,
            }
        }
        let signed = reader.header(endpoint, question, seen).await?;
        endpoint.exchange(question, Some(&signed), seen).await
    }

    /// Asks one peer after the other until one answers, or refuses for good, or all rounds are over. No
    /// round begins after `end`.
    async fn on_some_peer<T>(
        &self,
        ask: impl AsyncFn(&Endpoint) -> Result<T, ClientError>,
        end: Option<Instant>,
    ) -> Result<T, ClientError> {
        let (retry, peers) = (self.settings.retry, self.settings.endpoints.len());
        let first = self.first.load(Ordering::Relaxed);
        let mut round = 0;
        loop {
            let mut last = None;
            for step in 0..peers {
                let at = first.wrapping_add(step) % peers;
                match ask(self.endpoint(at)).await {
                    Err(error) if error.is_retryable() => last = Some(error),
                    answer => {
                        self.first.store(at, Ordering::Relaxed);
                        return answer;
                    }
                }
            }
            let error = last.unwrap_or_else(|| ClientError::new(Code::Internal, "no peer"));
            round += 1;
            let pause = retry.pause(round - 1, error.retry_after(), chance());
            if round >= retry.rounds || end.is_some_and(|end| Instant::now() + pause >= end) {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// All channels of the peer, as they came and read.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let (_, channels) = client.channels().await?;
    /// for channel in channels { println!("{} {}", channel.channel, channel.height); }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn channels(&self) -> Result<(Value, Vec<ChannelInfo>), ClientError> {
        let value = self.get("/api/v2/channels").await?;
        let list = value.get("channels").cloned().ok_or_else(|| odd("channels"))?;
        Ok((value, read(list)?))
    }

    /// State of the channel, as it came and read.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let (_, channel) = client.channel().await?;
    /// println!("block {} with {} of {}", channel.height, channel.quorum, channel.total_weight);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn channel(&self) -> Result<(Value, ChannelInfo), ClientError> {
        let value = self.get(&self.path("")).await?;
        let info = read(value.clone())?;
        Ok((value, info))
    }

    /// Active SCOREs, as they came and read.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let (_, scores) = client.scores().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn scores(&self) -> Result<(Value, Vec<ScoreInfo>), ClientError> {
        let value = self.get(&self.path("/scores")).await?;
        let list = value.get("scores").cloned().ok_or_else(|| odd("scores"))?;
        Ok((value, read(list)?))
    }

    /// One SCORE: as it came, read, and its manifest where the peer has its file.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let (_, token, manifest) = client.score("token").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn score(
        &self,
        name: &str,
    ) -> Result<(Value, ScoreInfo, Option<Manifest>), ClientError> {
        let value = self.get(&self.path(&format!("/scores/{}", escaped(name)))).await?;
        let manifest = match value.get("manifest") {
            None | Some(Value::Null) => None,
            Some(found) => Some(manifest(found.clone())?),
        };
        let info = read(value.clone())?;
        Ok((value, info, manifest))
    }

    /// Versions of all SCOREs, active or not: as they came, and read.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let (_, versions) = client.all_versions().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn all_versions(&self) -> Result<(Value, Vec<VersionInfo>), ClientError> {
        self.versions_at("/scores").await
    }

    /// Versions of one SCORE with their manifests: as they came, and read.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let (_, versions) = client.versions("token").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn versions(&self, name: &str) -> Result<(Value, Vec<VersionInfo>), ClientError> {
        self.versions_at(&format!("/scores/{}/versions", escaped(name))).await
    }

    async fn versions_at(&self, rest: &str) -> Result<(Value, Vec<VersionInfo>), ClientError> {
        let value = self.get(&self.path(rest)).await?;
        let list = value.get("versions").cloned().ok_or_else(|| odd("versions"))?;
        Ok((value, read(list)?))
    }

    /// The address of the one member of a name; `None` when there is none or several.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let bob = client.member_address("bob").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn member_address(&self, name: &str) -> Result<Option<Address>, ClientError> {
        Ok(only(self.members(name).await?, |member| member.address)
            .and_then(|address| Address::parse(&address)))
    }

    /// The public key of the one member of a name; `None` when there is none or several.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let key = client.member_key("bank-a/audit0").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn member_key(&self, name: &str) -> Result<Option<[u8; 32]>, ClientError> {
        let keys = self.members(name).await?;
        Ok(only(keys, |member| member.public_key)
            .and_then(|key| Hash32::from_hex(&key))
            .map(|key| *key.as_bytes()))
    }

    async fn members(&self, name: &str) -> Result<Vec<MemberInfo>, ClientError> {
        let value = self.get(&self.path(&format!("/members?name={}", escaped(name)))).await?;
        read(value.get("members").cloned().ok_or_else(|| odd("members"))?)
    }

    /// A call with arguments as people write them: JSON by name or position, typed by the SCORE's
    /// manifest. Where an address belongs, the name of a member may stand.
    ///
    /// ```no_run
    /// # use serde_json::json;
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let call = client.call("token", "transfer", &json!({"to": "bob", "amount": "100"})).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// No such SCORE or method, arguments that do not fit (with the ones there are), or as [`Self::get`].
    pub async fn call(
        &self,
        score: &str,
        method: &str,
        given: &Value,
    ) -> Result<Call, ClientError> {
        let (_, channel) = self.channel().await?;
        let (_, _, manifest) = self.score(score).await?;
        let manifest = manifest.ok_or_else(|| {
            let message = format!("the peer does not have the file of {score} yet");
            ClientError::new(Code::ArtefactMissing, message)
        })?;
        let called = (CallKind::Transaction, method);
        let args = self.encode(&manifest, called, given, |_| None).await?;
        let score = ScoreName::new(score)
            .ok_or_else(|| ClientError::new(Code::ScoreUnknown, format!("no SCORE `{score}`")))?;
        Ok(Call { genesis: channel.genesis()?, score, method: method.to_owned(), args })
    }

    /// Canonical arguments of a method. `known` tells addresses of names; the others are asked for. What
    /// has no method goes to the SCORE's catch-all, if it has one.
    ///
    /// ```no_run
    /// # use host_web::arguments::CallKind;
    /// # use serde_json::json;
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let (_, _, manifest) = client.score("token").await?;
    /// let manifest = manifest.expect("the peer has the file");
    /// let transfer = (CallKind::Transaction, "transfer");
    /// let args = client.encode(&manifest, transfer, &json!(["bob", 100]), |_| None).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn encode(
        &self,
        manifest: &Manifest,
        (kind, method): (CallKind, &str),
        given: &Value,
        known: impl Fn(&str) -> Option<Address>,
    ) -> Result<Vec<u8>, ClientError> {
        let takes_any = match kind {
            CallKind::Transaction => manifest.any.invoke,
            CallKind::Query => manifest.any.query,
            CallKind::Deploy => false,
        };
        let given = Json::from(given);
        match arguments::find(manifest, kind, method) {
            Ok(found) => {
                let mut asked = BTreeMap::new();
                for name in strangers(&manifest.name, found, &given, &known) {
                    if let Some(address) = self.member_address(&name).await? {
                        asked.insert(name, address);
                    }
                }
                let resolve = |name: &str| known(name).or_else(|| asked.get(name).copied());
                Ok(arguments::encode(&manifest.name, found, &given, &resolve)?)
            }
            Err(_) if takes_any => {
                let body = Json::object([("method", method.into()), ("params", given)]);
                Ok(arguments::catch_all(&host_web::body::python(&body)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a transaction; with `wait`, the peer waits so long for finality.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client, signed: host_client::Signed)
    /// # -> Result<(), host_client::ClientError> {
    /// let (_, accepted) = client.submit(&signed, None).await?;
    /// // The same bytes again are the same transaction.
    /// let (_, again) = client.submit(&signed, None).await?;
    /// assert_eq!(accepted.hash, again.hash);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Why it is refused, or as [`Self::get`].
    pub async fn submit(
        &self,
        signed: &Signed,
        wait: Option<Duration>,
    ) -> Result<(Value, TxInfo), ClientError> {
        let body = self.post(&self.path("/transactions"), &signed.envelope, wait).await?;
        let info = read(body.clone())?;
        Ok((body, info))
    }

    /// Sends a transaction and waits until it is `final` or `rejected`, at most so long; then it is
    /// `pending`.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn example(client: host_client::Client, signed: host_client::Signed)
    /// # -> Result<(), host_client::ClientError> {
    /// let (_, info) = client.submit_and_wait(&signed, Duration::from_secs(30)).await?;
    /// match info.state.as_str() {
    ///     "final" => println!("block {:?}: {:?}", info.height, info.receipt),
    ///     "rejected" => println!("{:?}", info.error),
    ///     _ => println!("not yet: client.wait({})", signed.id),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn submit_and_wait(
        &self,
        signed: &Signed,
        wait: Duration,
    ) -> Result<(Value, TxInfo), ClientError> {
        let started = Instant::now();
        let (body, info) = self.submit(signed, Some(wait)).await?;
        if info.state != "pending" {
            return Ok((body, info));
        }
        let left = wait.saturating_sub(started.elapsed());
        self.wait(&signed.id.to_string(), left).await
    }

    /// Asks for a transaction until it is final or rejected, at most so long; then as it is.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn example(client: host_client::Client, hash: &str)
    /// # -> Result<(), host_client::ClientError> {
    /// let (_, info) = client.wait(hash, Duration::from_secs(30)).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `LC7104` when no peer has heard of it for two seconds; else as [`Self::get`].
    pub async fn wait(&self, hash: &str, wait: Duration) -> Result<(Value, TxInfo), ClientError> {
        let start = Instant::now();
        let (end, heard_of) = (start + wait, start + wait.min(HEARD_OF));
        loop {
            let (body, info) = match self.transaction(hash).await {
                // v1 answers before the pool has it, and another peer hears of it later.
                Err(unknown) if unknown.code() == Code::NotFound && Instant::now() < heard_of => {
                    tokio::time::sleep(POLL).await;
                    continue;
                }
                other => other?,
            };
            if info.state != "pending" || Instant::now() >= end {
                return Ok((body, info));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Where a transaction is.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client, hash: &str)
    /// # -> Result<(), host_client::ClientError> {
    /// let (_, info) = client.transaction(hash).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `LC7104` when the peer never heard of it; else as [`Self::get`].
    pub async fn transaction(&self, hash: &str) -> Result<(Value, TxInfo), ClientError> {
        let body = self.get(&self.path(&format!("/transactions/{}", escaped(hash)))).await?;
        let info = read(body.clone())?;
        Ok((body, info))
    }

    /// The way of a transaction, as the peer saw it: stages, votes, why it waits.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client, hash: &str)
    /// # -> Result<(), host_client::ClientError> {
    /// let journey = client.journey(hash).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `LC7104` when the peer never heard of it; else as [`Self::get`].
    pub async fn journey(&self, hash: &str) -> Result<Value, ClientError> {
        self.get(&self.path(&format!("/transactions/{}/journey", escaped(hash)))).await
    }

    /// A block: by height, hash or `latest`.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let block = client.block("latest").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn block(&self, reference: &str) -> Result<Value, ClientError> {
        self.get(&self.path(&format!("/blocks/{}", escaped(reference)))).await
    }

    /// The Final proof of a block, unchecked: [`crate::block_proof::verify`] checks it.
    ///
    /// ```no_run
    /// # use host_client::{block_proof::verify, ClientError};
    /// # use host_rules::RuleShelf;
    /// # use std::path::Path;
    /// # async fn example(client: host_client::Client) -> Result<(), ClientError> {
    /// let shelf = RuleShelf::open(Path::new("plugins"), Path::new("/run/me/rules"))?;
    /// let document = client.block_proof("latest").await?.to_string();
    /// let view = host_web::block_proof::read(document.as_bytes())?;
    /// // Not from the peer whose word is checked: once, from somebody who is trusted.
    /// let genesis = client.genesis().await?;
    /// let proven = verify(&view, &genesis, &|rule| shelf.find(rule))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn block_proof(&self, reference: &str) -> Result<Value, ClientError> {
        self.get(&self.path(&format!("/blocks/{}/certificate", escaped(reference)))).await
    }

    /// The portable receipt of a final transaction, unchecked: [`crate::receipt::verify`] checks it.
    ///
    /// ```no_run
    /// # use host_client::{receipt::{verify, Trust}, ClientError};
    /// # use host_rules::RuleShelf;
    /// # use std::path::Path;
    /// # async fn example(client: host_client::Client, hash: &str, trusted: host_types::GenesisHash)
    /// # -> Result<(), ClientError> {
    /// let shelf = RuleShelf::open(Path::new("plugins"), Path::new("/run/me/rules"))?;
    /// let document = client.receipt(hash).await?.to_string();
    /// let view = host_web::receipt::read(document.as_bytes())?;
    /// let shown = verify(&view, &Trust::Genesis(trusted), &|rule| shelf.find(rule))?;
    /// println!("signed by {}, final with {}", shown.signer, shown.proven.weight);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `LC7104` before the transaction is final; else as [`Self::get`].
    pub async fn receipt(&self, hash: &str) -> Result<Value, ClientError> {
        self.get(&self.path(&format!("/transactions/{}/receipt", escaped(hash)))).await
    }

    /// A key of a SCORE's state after a block (the last one when none is named), with its proof, unchecked:
    /// [`crate::state_key::verify`] checks it.
    ///
    /// ```no_run
    /// # use host_client::{state_key::verify, ClientError};
    /// # use host_types::{Height, ScoreName};
    /// # use host_rpc::gateway::ProofView;
    /// # async fn example(client: host_client::Client, score: &ScoreName, key: &[u8], verified: &ProofView)
    /// # -> Result<(), ClientError> {
    /// // `verified` is what `block_proof::verify` found to hold.
    /// let document = client.state(score, key, Some(verified.header.height)).await?.to_string();
    /// let told = host_web::state_key::read(document.as_bytes())?;
    /// println!("{:?}", verify(&told, verified, score, key)?);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `LC5301` where the peer does not keep that state any more, `LC5303` where it lies too far back for a
    /// proof; else as [`Self::get`].
    pub async fn state(
        &self,
        score: &ScoreName,
        key: &[u8],
        at: Option<Height>,
    ) -> Result<Value, ClientError> {
        let after = at.map(|at| format!("&at={at}")).unwrap_or_default();
        let key = hash::to_hex(key);
        self.get(&self.path(&format!("/state/{score}/{key}?proof=true{after}"))).await
    }

    /// What the channel runs with, and changes that wait.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let epochs = client.epochs().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn epochs(&self) -> Result<Value, ClientError> {
        self.get(&self.path("/epochs")).await
    }

    /// What the channel was made of; its bytes are those that its hash is of.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let genesis = client.genesis().await?;
    /// println!("{}", genesis.hash());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `LC3107` when its bytes are no genesis or not those of its hash; else as [`Self::get`].
    pub async fn genesis(&self) -> Result<ChannelGenesis, ClientError> {
        let body = self.get(&self.path("/genesis")).await?;
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        let bytes = hash::from_hex(text("genesis")).ok_or_else(|| odd("genesis"))?;
        let genesis = ChannelGenesis::from_bytes(&bytes).map_err(|_| odd("genesis"))?;
        let is_whole = genesis.hash().to_string() == text("hash");
        if is_whole { Ok(genesis) } else { Err(odd("hash")) }
    }

    /// Evidence against validators that the peer holds.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let evidence = client.evidence().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn evidence(&self) -> Result<Value, ClientError> {
        self.get(&self.path("/evidence")).await
    }

    /// A page of events: of a SCORE and a name, where they are given.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let page = client.events([Some("token"), None], "0", 100).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn events(
        &self,
        [score, topic]: [Option<&str>; 2],
        from: &str,
        limit: usize,
    ) -> Result<Value, ClientError> {
        let mut path = format!("/events?from={}&limit={limit}", escaped(from));
        for (name, value) in [("score", score), ("topic", topic)] {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={}", escaped(value)));
            }
        }
        self.get(&self.path(&path)).await
    }

    /// Asks a SCORE at the last final block; names of members may stand where addresses belong.
    ///
    /// ```no_run
    /// # use serde_json::json;
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let body = json!({"method": "balance_of", "args": {"who": "bob"}});
    /// let answer = client.query("token", &body).await?;
    /// println!("{} at block {}", answer["result"], answer["height"]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn query(&self, score: &str, body: &Value) -> Result<Value, ClientError> {
        let path = self.path(&format!("/scores/{}/query", escaped(score)));
        self.post(&path, body, None).await
    }
}

impl Client {
    /// The events of the channel as a stream, which goes on after disconnects: `wishes` are the filters of
    /// the path (`types`, `score`, `topic`, `from`), `after` an id from which to go on.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let mut events = client.stream(&[("types", "tx")], Some("7.0.0"));
    /// let first = events.next().await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn stream(&self, wishes: &[(&str, &str)], after: Option<&str>) -> EventReader {
        let wishes = wishes.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
        let wishes: Vec<_> = wishes.collect();
        let mark = if wishes.is_empty() { "" } else { "?" };
        let path = self.path(&format!("/events{mark}{}", wishes.join("&")));
        EventReader::new(self.clone(), path, after)
    }

    pub(crate) fn pause(&self, round: u32) -> Duration {
        self.settings.retry.pause(round, None, chance())
    }

    pub(crate) async fn open_stream(
        &self,
        path: &str,
        after: Option<&str>,
    ) -> Result<Incoming, ClientError> {
        let timeout = self.settings.timeout;
        let open = async |endpoint: &Endpoint| {
            let reader = self.settings.reader.as_deref();
            let reader = reader.filter(|reader| reader.says == Says::Always);
            let (method, body, wait) = (Method::GET, None, None);
            let question = Question { method, path, body, wait, timeout };
            let signed = match reader {
                Some(reader) => Some(reader.header(endpoint, &question, &|_| {}).await?),
                None => None,
            };
            endpoint.open_stream(path, (after, signed.as_deref()), timeout).await
        };
        self.on_some_peer(open, None).await
    }
}

/// What all members of a name have in common, when it is one thing.
fn only(members: Vec<MemberInfo>, part: impl Fn(MemberInfo) -> String) -> Option<String> {
    let mut parts: Vec<_> = members.into_iter().map(part).collect();
    parts.sort();
    parts.dedup();
    match <[String; 1]>::try_from(parts) {
        Ok([one]) => Some(one),
        Err(_) => None,
    }
}

/// Names in the arguments whose address is not known here.
fn strangers(
    score: &str,
    method: &host_types::manifest::Method,
    given: &Json,
    known: &impl Fn(&str) -> Option<Address>,
) -> Vec<String> {
    let unknown = RefCell::new(Vec::new());
    let note = |name: &str| {
        known(name).or_else(|| {
            unknown.borrow_mut().push(name.to_owned());
            Some(Address::default())
        })
    };
    // What else is wrong is told by the encoding that follows.
    arguments::encode(score, method, given, &note).ok();
    unknown.into_inner()
}

/// A random byte; without one, everybody waits the same.
fn chance() -> u8 {
    let mut byte = [0];
    getrandom::fill(&mut byte).ok();
    byte[0]
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
