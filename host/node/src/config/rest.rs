//! `[rest]` of `peer.toml`, `radiostation.toml` and `proxy.toml`: the REST interface and its bounds.
//!
//! In: what people wrote. Out: a [`RestConfig`] whose values are within what the node can keep; a
//! value that is not is refused at its line. Deliberately not here: what each bound does
//! (`host-web`).

use super::peer::loopback;
use super::units::{Size, Span};
use serde::de::{self, Deserializer, Unexpected};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

/// Type of `response_code` in v1's `GET /transactions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResponseCode {
    /// An integer.
    #[default]
    Int,
    /// A string.
    String,
}

/// Whether something is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// On for dev networks: those that listen on loopback.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

impl Switch {
    /// What it comes to.
    #[must_use]
    pub const fn is_on(self, is_dev: bool) -> bool {
        match self {
            Self::Auto => is_dev,
            Self::On => true,
            Self::Off => false,
        }
    }
}

/// Where a browser's page may come from: `*`, or `SCHEME://HOST` with an optional port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Origin(String);

impl Origin {
    /// As the header `Origin` has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_one(text: &str) -> bool {
        let Some((scheme, host)) = text.split_once("://") else { return text == "*" };
        let is_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        matches!(scheme, "http" | "https") && !host.is_empty() && host.chars().all(is_host)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if Self::is_one(&text) {
            return Ok(Self(text));
        }
        Err(de::Error::invalid_value(Unexpected::Str(&text), &"`*` or SCHEME://HOST[:PORT]"))
    }
}

/// `[rest]`: the REST interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RestConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Whether v1 is served; a radiostation has nothing else and serves it unless this is `off`.
    pub v1: Switch,
    /// Channel of v1 requests that name none.
    pub v1_default_channel: String,
    /// Type of `response_code` in v1's `GET /transactions`.
    pub response_code: ResponseCode,
    /// Whether `/api/openapi.json` and the page `/docs` are served.
    pub docs: bool,
    /// Requests a second of one certificate, else of one address.
    #[serde(deserialize_with = "rate")]
    pub rate_limit_per_second: u32,
    /// Requests at once of the same.
    #[serde(deserialize_with = "rate")]
    pub rate_limit_burst: u32,
    /// Largest body of a request.
    #[serde(deserialize_with = "body")]
    pub body_limit: Size,
    /// Largest body of `transactions/bulk`.
    #[serde(deserialize_with = "body")]
    pub bulk_limit: Size,
    /// From the first byte of a request to the end of its head.
    #[serde(deserialize_with = "time")]
    pub header_timeout: Span,
    /// From the end of the head to the end of the body.
    #[serde(deserialize_with = "time")]
    pub body_timeout: Span,
    /// Between requests on one connection.
    #[serde(deserialize_with = "time")]
    pub idle_timeout: Span,
    /// How long a client may take nothing of its answer.
    #[serde(deserialize_with = "time")]
    pub write_timeout: Span,
    /// Connections of all clients.
    #[serde(deserialize_with = "connections")]
    pub connections: u32,
    /// Connections of one address; on loopback, where all clients share one, as many as of all.
    #[serde(deserialize_with = "connections")]
    pub connections_per_address: u32,
    /// Origins that a browser may call from; not set: `*` on dev networks, else none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors_origins: Option<Vec<Origin>>,
    /// Addresses of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
}

impl Default for RestConfig {
    fn default() -> Self {
        Self {
            listen: loopback(9000),
            v1: Switch::default(),
            v1_default_channel: "loopchain_default".to_owned(),
            response_code: ResponseCode::default(),
            docs: true,
            rate_limit_per_second: 200,
            rate_limit_burst: 400,
            body_limit: Size(256 << 10),
            bulk_limit: Size(2 << 20),
            header_timeout: seconds(10),
            body_timeout: seconds(30),
            idle_timeout: seconds(60),
            write_timeout: seconds(30),
            connections: 1024,
            connections_per_address: 64,
            cors_origins: None,
            trusted_proxies: Vec::new(),
        }
    }
}

const fn seconds(seconds: u64) -> Span {
    Span(seconds * 1_000_000)
}

/// More a second than a machine answers is no limit; none at all is no interface.
const RATE: RangeInclusive<u32> = 1..=1_000_000;
/// Each connection takes up to 64 KiB of memory and a file descriptor.
const CONNECTIONS: RangeInclusive<u32> = 1..=65_536;
/// A transaction of 64 KiB needs 88 KiB in base64, but an interface may be for queries only; a node
/// holds the body of every connection in memory at once.
const BODY: RangeInclusive<Size> = Size(1 << 10)..=Size(16 << 20);
/// Shorter than a packet's way there and back, nobody gets through; longer, a client holds its
/// connection as long as it likes.
const TIME: RangeInclusive<Span> = Span(100_000)..=seconds(600);

fn within<'de, D, T>(deserializer: D, range: &RangeInclusive<T>) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + PartialOrd + Display,
{
    let value = T::deserialize(deserializer)?;
    if range.contains(&value) {
        return Ok(value);
    }
    let (low, high) = (range.start(), range.end());
    Err(de::Error::custom(format!("{value} is not from {low} to {high}")))
}

fn rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    within(deserializer, &RATE)
}

fn connections<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    within(deserializer, &CONNECTIONS)
}

fn body<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
    within(deserializer, &BODY)
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    within(deserializer, &TIME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, PeerConfig};
    use host_types::fault::Code;

    fn loaded(text: &str) -> Result<RestConfig, crate::config::ConfigError> {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("peer.toml"), text).unwrap();
        PeerConfig::load(home.path(), &Overrides::default()).map(|config| config.rest)
    }

    #[test]
    fn every_key_is_read() {
        let text = "[rest]\nlisten = \"10.0.0.1:9000\"\nv1 = \"off\"\nresponse_code = \"string\"\n\
                    v1_default_channel = \"a\"\ndocs = false\nrate_limit_per_second = 50\n\
                    rate_limit_burst = 60\nbody_limit = \"1 MiB\"\nbulk_limit = \"3 MiB\"\nheader_timeout = \"5 s\"\n\
                    body_timeout = \"6 s\"\nidle_timeout = \"7 s\"\nwrite_timeout = \"8 s\"\n\
                    connections = 9\nconnections_per_address = 3\n\
                    cors_origins = [\"https://a.example\", \"http://[::1]:80\"]\n\
                    trusted_proxies = [\"10.0.0.9\"]\n";
        let expected = RestConfig {
            listen: "10.0.0.1:9000".parse().unwrap(),
            v1: Switch::Off,
            v1_default_channel: "a".to_owned(),
            response_code: ResponseCode::String,
            docs: false,
            rate_limit_per_second: 50,
            rate_limit_burst: 60,
            body_limit: Size(1 << 20),
            bulk_limit: Size(3 << 20),
            header_timeout: seconds(5),
            body_timeout: seconds(6),
            idle_timeout: seconds(7),
            write_timeout: seconds(8),
            connections: 9,
            connections_per_address: 3,
            cors_origins: Some(
                ["https://a.example", "http://[::1]:80"].map(|o| Origin(o.to_owned())).to_vec(),
            ),
            trusted_proxies: vec![IpAddr::from([10, 0, 0, 9])],
        };
        assert_eq!(loaded(text).unwrap(), expected);
        assert_eq!(loaded("").unwrap(), RestConfig::default());
    }

    #[test]
    fn what_no_node_can_keep_is_drawn_where_it_stands() {
        for (line, note) in [
            ("v1 = \"yes\"", "unknown variant `yes`, expected one of `auto`, `on`, `off`"),
            ("docs = \"on\"", "expected a boolean"),
            ("rate_limit_per_second = 0", "0 is not from 1 to 1000000"),
            ("rate_limit_per_second = -1", "expected u32"),
            ("rate_limit_burst = 1000001", "1000001 is not from 1 to 1000000"),
            ("body_limit = \"1 B\"", "1 B is not from 1 KiB to 16 MiB"),
            ("body_limit = 100", "expected a size such as"),
            ("header_timeout = \"1 ms\"", "1 ms is not from 100 ms to 10 min"),
            ("body_timeout = \"1 h\"", "1 h is not from 100 ms to 10 min"),
            ("idle_timeout = 30", "expected a time span"),
            ("write_timeout = \"0 s\"", "is not from 100 ms to 10 min"),
            ("connections = 0", "0 is not from 1 to 65536"),
            ("connections_per_address = 70000", "70000 is not from 1 to 65536"),
            ("cors_origins = [\"a.example\"]", "expected `*` or SCHEME://HOST[:PORT]"),
            ("cors_origins = [\"https://a.example/\"]", "expected `*` or SCHEME://HOST[:PORT]"),
            ("cors_origins = \"*\"", "expected a sequence"),
            ("trusted_proxies = [\"a.example\"]", "invalid IP address syntax"),
        ] {
            let error = loaded(&format!("[rest]\n{line}\n")).unwrap_err();
            assert_eq!(error.code, Code::ConfigBadValue, "{line}");
            let text = error.to_string();
            assert!(text.contains("peer.toml:2:") && text.contains('^'), "{line}: {text}");
            assert!(text.contains(note), "{line}: {text}");
        }
        let error = loaded("[rest]\nrate_limit_brust = 1\n").unwrap_err();
        assert_eq!(error.code, Code::ConfigUnknownKey);
        assert!(error.to_string().contains("did you mean `rate_limit_burst`"), "{error}");
    }

    #[test]
    fn auto_is_for_dev_networks() {
        let all = [Switch::Auto, Switch::On, Switch::Off].map(|s| (s.is_on(true), s.is_on(false)));
        assert_eq!(all, [(true, false), (true, true), (false, false)]);
    }
}
