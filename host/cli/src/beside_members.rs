//! The proxy and the log collector of a local network: processes beside its members, whom the network
//! would not miss.
//!
//! In: the base port. Out: their names, homes and addresses. They stand in no `network.json`, because a
//! network is the same with and without them: what runs stands in `run.json`. Deliberately not here: their
//! settings, and starting them (`cmd/up/proxy_and_collector.rs`).

/// The proxy listens so far below the first peer's port.
const PROXY_BELOW: u16 = 2_100;
/// Metrics and health of the proxy listen so far above its own port.
const PROXY_OPS_ABOVE: u16 = 50;
/// The log collector listens so far above the first peer's port.
const LOG_COLLECTOR_ABOVE: u16 = 17_124;
/// Ports below are not everybody's.
const PORT_MIN: u16 = 1_024;
/// The organisation of the log collector; a proxy has no identity.
pub(crate) const COLLECTOR_ORGANISATION: &str = "bank-a";

/// What a helper is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HelperRole {
    /// One address in front of all peers.
    Proxy,
    /// Keeps the lines of all peers.
    LogCollector,
}

impl HelperRole {
    /// Both, in the order of the banner.
    pub(crate) const ALL: [Self; 2] = [Self::Proxy, Self::LogCollector];

    /// Its name, its home below the data folder, and the noun of its command.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::LogCollector => "log-collector",
        }
    }

    /// It beside the peers of this base port; `None` when that leaves it no port.
    pub(crate) fn at(self, base_port: u16) -> Option<Helper> {
        let port = match self {
            Self::Proxy => base_port.checked_sub(PROXY_BELOW).filter(|port| *port >= PORT_MIN),
            Self::LogCollector => base_port.checked_add(LOG_COLLECTOR_ABOVE),
        };
        port.map(|port| Helper { role: self, port })
    }
}

/// A process beside the members of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Helper {
    /// What it is.
    pub role: HelperRole,
    /// Where it listens, on loopback.
    pub port: u16,
}

impl Helper {
    /// Its organisation; none: it has no identity.
    pub(crate) const fn organisation(self) -> Option<&'static str> {
        match self.role {
            HelperRole::Proxy => None,
            HelperRole::LogCollector => Some(COLLECTOR_ORGANISATION),
        }
    }

    /// `host:port`.
    pub(crate) fn address(self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where nodes dial it.
    pub(crate) fn rpc(self) -> Option<String> {
        (self.role == HelperRole::LogCollector).then(|| self.address())
    }

    /// URL of its REST interface.
    pub(crate) fn url(self) -> Option<String> {
        (self.role == HelperRole::Proxy).then(|| format!("http://{}", self.address()))
    }

    /// `host:port` of metrics and health.
    pub(crate) fn ops(self) -> Option<String> {
        let is_proxy = self.role == HelperRole::Proxy;
        is_proxy.then(|| format!("127.0.0.1:{}", self.port + PROXY_OPS_ABOVE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_those_of_the_design_and_none_where_there_is_none() {
        let port = |role: HelperRole, base| role.at(base).map(|helper| helper.port);
        assert_eq!(port(HelperRole::Proxy, 7_100), Some(5_000));
        assert_eq!(port(HelperRole::LogCollector, 7_100), Some(24_224));
        assert_eq!(port(HelperRole::Proxy, 3_123), None, "a port of root");
        assert_eq!(port(HelperRole::Proxy, 1_024), None);
        assert_eq!(port(HelperRole::LogCollector, 48_411), Some(65_535));
        assert_eq!(port(HelperRole::LogCollector, 48_412), None);
    }

    #[test]
    fn a_proxy_serves_clients_and_a_collector_nodes() {
        let proxy = HelperRole::Proxy.at(7_100).unwrap();
        assert_eq!((proxy.rpc(), proxy.url()), (None, Some("http://127.0.0.1:5000".to_owned())));
        assert_eq!(proxy.ops().as_deref(), Some("127.0.0.1:5050"));
        let collector = HelperRole::LogCollector.at(7_100).unwrap();
        assert_eq!((collector.rpc().as_deref(), collector.url()), (Some("127.0.0.1:24224"), None));
        assert_eq!((collector.ops(), collector.organisation()), (None, Some("bank-a")));
    }
}
