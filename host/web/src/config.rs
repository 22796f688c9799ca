//! What an operator sets for a REST interface, with defaults that are safe.

use crate::rate::RateLimit;
use crate::stream::limits::StreamLimits;
use std::net::IpAddr;
use std::time::Duration;

/// One transaction's request body, bytes: a 64 KiB transaction in base64 with room around it.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// One request body of many transactions, bytes.
pub const BULK_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Settings of a REST interface.
#[derive(Clone, Debug)]
pub struct RestConfig {
    /// Whether the old interface is served.
    pub v1: bool,
    /// Whether `/api/openapi.json` and the page `/docs` are served.
    pub docs: bool,
    /// v1 `GET /transactions` gives `response_code` as text, for clients of other editions.
    pub is_response_code_text: bool,
    /// Origins browsers may call from; `*` for every one, empty for none but its own.
    pub cors_origins: Vec<String>,
    /// Largest request body, bytes. Larger: 413.
    pub body_limit: usize,
    /// Largest body of `transactions/bulk`, bytes. Larger: 413.
    pub bulk_limit: usize,
    /// How long a body may take to arrive. Longer: 408.
    pub body_timeout: Duration,
    /// How long a query of a SCORE may take. Longer: v1 -900, v2 503.
    pub query_timeout: Duration,
    /// Longest `Prefer: wait`; more is cut.
    pub wait_max: Duration,
    /// Requests per certificate, else per address; none: unlimited.
    pub rate: Option<RateLimit>,
    /// Addresses 127.0.0.0/8 and ::1 are not counted (dev networks only).
    pub is_loopback_exempt: bool,
    /// Addresses of proxies whose `X-Forwarded-For` says who the client is; nobody else's does.
    pub trusted_proxies: Vec<IpAddr>,
    /// Bounds of streams.
    pub streams: StreamLimits,
}

impl Default for RestConfig {
    fn default() -> Self {
        Self {
            v1: true,
            docs: true,
            is_response_code_text: false,
            cors_origins: Vec::new(),
            body_limit: BODY_BYTES_MAX,
            bulk_limit: BULK_BYTES_MAX,
            body_timeout: Duration::from_secs(30),
            query_timeout: Duration::from_secs(30),
            wait_max: Duration::from_secs(60),
            rate: Some(RateLimit::default()),
            is_loopback_exempt: false,
            trusted_proxies: Vec::new(),
            streams: StreamLimits::default(),
        }
    }
}

impl RestConfig {
    /// For networks of `loopchain up`: every origin, and no rates for this machine.
    #[must_use]
    pub fn dev() -> Self {
        Self { cors_origins: vec!["*".into()], is_loopback_exempt: true, ..Self::default() }
    }
}
