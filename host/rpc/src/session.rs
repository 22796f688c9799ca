//! TLS 1.3 with certificates on both sides, then the greeting: a socket becomes a session with
//! somebody whose name is proven.
//!
//! In: sockets, the node's TLS identity, the network's [`Trust`]. Out: an authenticated stream and
//! a [`PeerIdentity`]. Names are those in certificates, never DNS. Sessions are never resumed, so
//! every one checks both certificates anew. Not here: limits per peer (the doorman in
//! [`crate::server`]), what is said afterwards.

use crate::error::ConnectError;
use crate::greeting::{Answer, Class, Greeting, GreetingError, read_frame, write_frame};
use crate::limits::{HANDSHAKE_TIMEOUT, PROTOCOL};
use crate::trust::{Expected, PeerIdentity, Trust, TrustError};
use host_identity::{CertificateError, TlsIdentity};
use host_types::{BlockTime, Code, NodeName, Rejection};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// An authenticated connection.
pub(crate) struct Connection {
    pub(crate) stream: TlsStream<TcpStream>,
    pub(crate) peer: PeerIdentity,
    pub(crate) class: Class,
}

/// A stream with a proven name at the other end, for protocols that are not those of peers.
pub type SecureStream = TlsStream<TcpStream>;

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long")
}

/// Why TLS cannot be set up with an identity.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// TLS refuses certificate or key.
    #[error("TLS does not accept the identity of {name}: {error}")]
    Identity {
        /// Whose identity.
        name: NodeName,
        /// What TLS said.
        error: rustls::Error,
    },
    /// The private key is not PKCS#8.
    #[error("the TLS key of {name} cannot be read: {reason}")]
    Key {
        /// Whose key.
        name: NodeName,
        /// What is wrong.
        reason: String,
    },
}

/// Both ends of TLS for one node.
#[derive(Debug)]
pub struct Session {
    trust: Arc<Trust>,
    identity: RwLock<TlsIdentity>,
}

impl Session {
    /// Sessions of a node. The identity is tried at once, so that a wrong one shows at start.
    ///
    /// # Errors
    /// When TLS does not accept certificate or key.
    pub fn new(trust: Arc<Trust>, identity: TlsIdentity) -> Result<Arc<Self>, SessionError> {
        let session = Self { trust, identity: RwLock::new(identity) };
        session.server_config()?;
        Ok(Arc::new(session))
    }

    /// The roots and names it trusts.
    #[must_use]
    pub const fn trust(&self) -> &Arc<Trust> {
        &self.trust
    }

    /// Takes a renewed certificate; sessions that are open stay.
    ///
    /// # Errors
    /// When TLS does not accept it: then the old one stays.
    pub fn renew(&self, identity: TlsIdentity) -> Result<(), SessionError> {
        Self { trust: self.trust.clone(), identity: RwLock::new(identity.clone()) }
            .server_config()?;
        *self.identity.write().unwrap_or_else(PoisonError::into_inner) = identity;
        Ok(())
    }

    fn server_config(&self) -> Result<ServerConfig, SessionError> {
        let (name, chain, key) = self.material()?;
        let wrong = |error| SessionError::Identity { name: name.clone(), error };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(wrong)?
            .with_client_cert_verifier(Arc::new(Verifier::new(self.trust.clone(), None)))
            .with_single_cert(chain, key)
            .map_err(wrong)?;
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    fn client_config(&self, expected: &Expected) -> Result<ClientConfig, SessionError> {
        let (name, chain, key) = self.material()?;
        let wrong = |error| SessionError::Identity { name: name.clone(), error };
        let verifier = Verifier::new(self.trust.clone(), Some(expected.clone()));
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(wrong)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(chain, key)
            .map_err(wrong)?;
        config.resumption = rustls::client::Resumption::disabled();
        config.enable_sni = false;
        Ok(config)
    }

    fn material(&self) -> Result<Material, SessionError> {
        let identity = self.identity.read().unwrap_or_else(PoisonError::into_inner);
        let name = identity.certificate.name.clone();
        let key = PrivateKeyDer::try_from(identity.key.to_vec()).map_err(|reason| {
            SessionError::Key { name: name.clone(), reason: reason.to_owned() }
        })?;
        Ok((name, vec![identity.certificate.der.clone().into()], key))
    }

    /// Takes a socket for what is not said between peers (lines for a log collector): both names
    /// are proven, within 5 s; there is no greeting.
    ///
    /// # Errors
    /// When the other end proves no name that this network trusts, or takes too long.
    pub async fn accept_stream(
        &self,
        socket: TcpStream,
    ) -> io::Result<(SecureStream, PeerIdentity)> {
        timeout(HANDSHAKE_TIMEOUT, self.accept(socket)).await.unwrap_or_else(|_| Err(too_slow()))
    }

    /// The client's side of [`Session::accept_stream`].
    ///
    /// # Errors
    /// When nobody is there, somebody else is, or it takes too long.
    pub async fn open_stream(
        &self,
        address: &str,
        expected: &Expected,
    ) -> io::Result<SecureStream> {
        let opened = timeout(HANDSHAKE_TIMEOUT, self.open_tls(address, expected)).await;
        opened.unwrap_or_else(|_| Err(too_slow()))
    }

    /// The server's side of TLS: who is there? The greeting comes next.
    pub(crate) async fn accept(
        &self,
        socket: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, PeerIdentity)> {
        socket.set_nodelay(true)?;
        let config = self.server_config().map_err(io::Error::other)?;
        let stream = TlsAcceptor::from(Arc::new(config)).accept(socket).await?;
        let stream = TlsStream::from(stream);
        let peer = self.peer_of(&stream)?;
        Ok((stream, peer))
    }

    /// Reads the greeting and says whether this end can talk to whoever greets so. When it cannot,
    /// that answer is sent here; when it can, [`answer`] must follow.
    pub(crate) async fn hear_greeting(
        &self,
        stream: &mut TlsStream<TcpStream>,
    ) -> io::Result<Class> {
        let network = self.trust.network();
        let refusal = match Greeting::read(&read_frame(stream).await?) {
            Ok(greeting) => match greeting.check(network) {
                Ok(()) => return Ok(greeting.class),
                Err(refusal) => refusal,
            },
            Err(error @ (GreetingError::Protocol(_) | GreetingError::Form(_))) => {
                Rejection::new(Code::ProtocolMismatch, error.to_string())
            }
        };
        let message = refusal.to_string();
        self.answer(stream, Some(refusal)).await?;
        Err(io::Error::new(io::ErrorKind::InvalidData, message))
    }

    /// Answers a greeting.
    pub(crate) async fn answer(
        &self,
        stream: &mut TlsStream<TcpStream>,
        refusal: Option<Rejection>,
    ) -> io::Result<()> {
        let answer = Answer { network: self.trust.network(), refusal };
        write_frame(stream, &answer.to_bytes()).await
    }

    /// Opens a connection to `address` and proves both names, within 5 s.
    pub(crate) async fn connect(
        &self,
        address: &str,
        expected: &Expected,
        class: Class,
    ) -> Result<Connection, ConnectError> {
        let attempt = self.connect_slowly(address, expected, class);
        timeout(HANDSHAKE_TIMEOUT, attempt).await.unwrap_or_else(|_| {
            Err(ConnectError::Slow { peer: expected.to_string(), address: address.to_owned() })
        })
    }

    async fn connect_slowly(
        &self,
        address: &str,
        expected: &Expected,
        class: Class,
    ) -> Result<Connection, ConnectError> {
        let fail = |error: io::Error| explain(error, expected, address);
        let mut stream = self.open_tls(address, expected).await.map_err(fail)?;
        let peer = self.peer_of(&stream).map_err(fail)?;
        let greeting = Greeting::new(self.trust.network(), class).to_bytes(PROTOCOL);
        write_frame(&mut stream, &greeting).await.map_err(fail)?;
        let answer = read_frame(&mut stream).await.map_err(fail)?;
        Answer::check(&answer, self.trust.network(), peer.name.as_str())?;
        Ok(Connection { stream, peer, class })
    }

    /// The client's side of TLS.
    pub(crate) async fn open_tls(
        &self,
        address: &str,
        expected: &Expected,
    ) -> io::Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let config = self.client_config(expected).map_err(io::Error::other)?;
        // TLS wants some name here; ours stands in the certificate and the verifier checks it.
        let nobody = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::UNSPECIFIED).into());
        let stream = TlsConnector::from(Arc::new(config)).connect(nobody, socket).await?;
        Ok(TlsStream::from(stream))
    }

    fn peer_of(&self, stream: &TlsStream<TcpStream>) -> io::Result<PeerIdentity> {
        let (_, state) = stream.get_ref();
        let leaf = state.peer_certificates().and_then(|chain| chain.first());
        let leaf = leaf.ok_or_else(|| io::Error::other("the peer showed no certificate"))?;
        let now = UnixTime::now();
        self.trust.identify(leaf, block_time(now)).map_err(io::Error::other)
    }
}

type Material = (NodeName, Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn explain(error: io::Error, expected: &Expected, address: &str) -> ConnectError {
    let (peer, address) = (expected.to_string(), address.to_owned());
    let own_verdict = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match own_verdict {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            let reason = match reason {
                rustls::CertificateError::Other(other) => other.to_string(),
                reason => format!("{reason:?}"),
            };
            ConnectError::Untrusted { peer, address, reason }
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            ConnectError::Refused { peer, rejection: refused_by(*alert, &address) }
        }
        _ => ConnectError::Unreachable { peer, address, error },
    }
}

/// What an alert of the other end means: it looked at the certificate of this one.
fn refused_by(alert: rustls::AlertDescription, address: &str) -> Rejection {
    let (code, what) = match alert {
        rustls::AlertDescription::CertificateExpired => (Code::CertificateExpired, "has run out"),
        rustls::AlertDescription::CertificateRevoked => (Code::CertificateRevoked, "was revoked"),
        _ => (Code::JoinRefused, "is of no root that it knows"),
    };
    let message = format!("{address} says that the certificate of this node {what} ({alert:?})");
    Rejection::new(code, message)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn block_time(now: UnixTime) -> BlockTime {
    BlockTime::new(now.as_secs().saturating_mul(1_000_000))
}

/// The one custom verifier of the product: paths to the network's roots, names from certificates.
#[derive(Debug)]
struct Verifier {
    trust: Arc<Trust>,
    expected: Option<Expected>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(trust: Arc<Trust>, expected: Option<Expected>) -> Self {
        Self { trust, expected, provider: provider() }
    }

    fn verify(&self, leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
        let verdict = self.trust.identify(leaf, block_time(now)).and_then(|found| {
            self.expected.as_ref().map_or(Ok(()), |expected| expected.check(&found))
        });
        verdict.map_err(|error| {
            tracing::debug!(%error, "certificate refused");
            rustls::Error::InvalidCertificate(alert(error))
        })
    }

    fn verify_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What the other end is told: the alert depends on the kind.
fn alert(error: TrustError) -> rustls::CertificateError {
    match error {
        TrustError::Revoked(_) => rustls::CertificateError::Revoked,
        TrustError::Certificate(CertificateError::OutOfPeriod { .. }) => {
            rustls::CertificateError::Expired
        }
        error => rustls::CertificateError::Other(rustls::OtherError(Arc::new(error))),
    }
}

fn no_tls12() -> rustls::Error {
    rustls::Error::General("only TLS 1.3 is spoken here".into())
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verify(end_entity, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verify_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.verify(end_entity, now).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verify_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}
