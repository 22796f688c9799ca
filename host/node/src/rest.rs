//! `[rest]` as the REST interface takes it.
//!
//! In: checked settings. Out: those of `host-web`. A node that listens on loopback is one of a dev
//! network: there every origin may call, v1 is served, and this machine is not counted.

use crate::config::{Origin, ResponseCode, RestConfig, Span};
use host_web::ServerLimits;
use host_web::rate::RateLimit;
use std::time::Duration;

/// What a peer or a proxy answers, and how often.
pub(crate) fn settings(config: &RestConfig) -> host_web::RestConfig {
    let is_dev = config.listen.ip().is_loopback();
    let base = if is_dev { host_web::RestConfig::dev() } else { host_web::RestConfig::default() };
    let named = |origins: &Vec<Origin>| origins.iter().map(|one| one.as_str().to_owned()).collect();
    host_web::RestConfig {
        v1: config.v1.is_on(is_dev),
        docs: config.docs,
        is_response_code_text: config.response_code == ResponseCode::String,
        cors_origins: config.cors_origins.as_ref().map_or(base.cors_origins, named),
        body_limit: usize::try_from(config.body_limit.0).unwrap_or(usize::MAX),
        bulk_limit: usize::try_from(config.bulk_limit.0).unwrap_or(usize::MAX),
        body_timeout: duration(config.body_timeout),
        rate: Some(RateLimit {
            per_second: config.rate_limit_per_second.into(),
            burst: config.rate_limit_burst.into(),
        }),
        trusted_proxies: config.trusted_proxies.clone(),
        ..base
    }
}

/// The same for a radiostation, which has v1 only: where nothing is said, it is served.
pub(crate) fn settings_of_station(config: &RestConfig) -> host_web::RestConfig {
    host_web::RestConfig { v1: config.v1.is_on(true), ..settings(config) }
}

/// What clients can hold. Connections of one address are not counted apart where all clients share
/// one.
pub(crate) fn limits(config: &RestConfig) -> ServerLimits {
    let all = usize::try_from(config.connections).unwrap_or(usize::MAX);
    let of_one = usize::try_from(config.connections_per_address).unwrap_or(usize::MAX);
    let is_shared = config.listen.ip().is_loopback();
    ServerLimits {
        header_timeout: duration(config.header_timeout),
        idle_timeout: duration(config.idle_timeout),
        write_timeout: duration(config.write_timeout),
        connections: all,
        connections_per_address: if is_shared { all } else { of_one },
        ..ServerLimits::default()
    }
}

const fn duration(span: Span) -> Duration {
    Duration::from_micros(span.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Switch;

    #[test]
    fn the_defaults_are_those_of_the_interface() {
        let far = RestConfig { listen: "10.0.0.1:9000".parse().unwrap(), ..RestConfig::default() };
        assert_eq!(limits(&far), ServerLimits::default());
        let settings_far = settings(&far);
        let expected = host_web::RestConfig { v1: false, ..host_web::RestConfig::default() };
        assert_eq!(format!("{settings_far:?}"), format!("{expected:?}"));
        assert!(settings_of_station(&far).v1);
        let here = settings(&RestConfig::default());
        assert_eq!(format!("{here:?}"), format!("{:?}", host_web::RestConfig::dev()));
        assert_eq!(limits(&RestConfig::default()).connections_per_address, 1024);
    }

    #[test]
    fn what_is_set_reaches_the_interface() {
        let config = RestConfig {
            v1: Switch::Off,
            docs: false,
            rate_limit_per_second: 7,
            rate_limit_burst: 9,
            cors_origins: Some(Vec::new()),
            connections: 5,
            ..RestConfig::default()
        };
        let set = settings(&config);
        assert!(!set.v1 && !set.docs && set.cors_origins.is_empty());
        assert_eq!(set.rate, Some(RateLimit { per_second: 7.0, burst: 9.0 }));
        assert!(!settings_of_station(&config).v1);
        assert_eq!(limits(&config).connections, 5);
    }
}
