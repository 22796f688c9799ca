//! Settings that only a network with a dev CA may have.
//!
//! In: a peer's configuration and the roots it trusts. Out: a coded refusal of the first setting
//! that gives up what an organisation relies on. Deliberately not here: dev CAs on open addresses.

use crate::config::{Durability, PeerConfig, Sandbox};
use host_identity::Root;
use host_types::{Code, Rejection};

/// Refuses `durability = "os"` and `sandbox = "basic"` where a CA of an organisation is trusted.
///
/// # Errors
/// `LC4113` with the setting.
pub(super) fn check(config: &PeerConfig, roots: &[Root]) -> Result<(), Rejection> {
    let is_os = config.storage.durability == Durability::Os;
    let is_basic = config.scores.sandbox == Sandbox::Basic;
    let wishes = [(is_os, "storage.durability = \"os\""), (is_basic, "scores.sandbox = \"basic\"")];
    let Some((_, wish)) = wishes.into_iter().find(|(is_set, _)| *is_set) else { return Ok(()) };
    match roots.iter().find(|root| !root.is_dev()) {
        None if !roots.is_empty() => Ok(()),
        other => {
            let whose = other.map_or("no CA at all", Root::organisation);
            let message = format!("`{wish}` needs a dev CA and no other; trusted is {whose}");
            Err(Rejection::new(Code::DevCaOnly, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_identity::{Authority, Validity};

    #[test]
    fn what_gives_up_safety_is_for_a_dev_ca_only() {
        let root = |authority: Authority| Root::from_der(authority.root().der()).unwrap();
        let dev = root(Authority::new_dev("test").unwrap());
        let bank = root(Authority::new("bank-a", Validity::days_from_now(30)).unwrap());
        let (mut os, mut basic) = (PeerConfig::default(), PeerConfig::default());
        os.storage.durability = Durability::Os;
        basic.scores.sandbox = Sandbox::Basic;
        for config in [&os, &basic] {
            check(config, std::slice::from_ref(&dev)).unwrap();
            for roots in [&[bank.clone()][..], &[dev.clone(), bank.clone()], &[]] {
                let rejection = check(config, roots).unwrap_err();
                assert_eq!(rejection.code, Code::DevCaOnly, "{rejection}");
            }
        }
        check(&PeerConfig::default(), &[bank]).unwrap();
    }
}
