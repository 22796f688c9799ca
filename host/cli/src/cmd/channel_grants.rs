//! What auditors may read of a channel, for `channel show`.
//!
//! In: what a peer tells of the channel to whoever asks. Out: a line and a document for each grant in force in this
//! epoch; nothing where the peer does not tell it to whoever asks. Deliberately not here: changing grants
//! (`configure.rs`, `channel_plan.rs`), what grants mean (`host_types::grant`).

use super::voting::Seen;
use crate::client::Client;
use crate::failure::Failure;
use crate::time::{now_us, rfc3339};
use host_node::config::grant_words;
use host_types::BlockTime;
use host_types::grant::{Grant, Grantee};
use host_types::hash::to_hex;
use serde_json::{Value, json};

/// Exit code of a refusal: whoever asks may not know.
const REFUSED: u8 = 4;

/// The grants of the client's channel; `None` when whoever asks may not see them.
pub(super) async fn of(client: &Client) -> Result<Option<Vec<Grant>>, Failure> {
    match Seen::ask(client).await {
        Ok(seen) => Ok(Some(seen.present.policies(&seen.genesis).grants.clone())),
        Err(failure) if failure.exit() == REFUSED => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// One line for each.
pub(super) fn lines(grants: &[Grant]) -> impl Iterator<Item = String> {
    let now = BlockTime::new(now_us());
    grants.iter().map(move |grant| {
        let over = if grant.is_in_force(now) { "" } else { " (over)" };
        format!("  {:<12} {}: {}{over}", "grant", grant.name, grant_words(grant))
    })
}

/// One document for each.
pub(super) fn document(grants: &[Grant]) -> Value {
    grants.iter().map(one).collect()
}

fn one(grant: &Grant) -> Value {
    let (role, who) = match &grant.who {
        Grantee::Auditor(name) => ("auditor", name.as_str()),
        Grantee::Organisation(name) => ("organisation", name.as_str()),
    };
    let scores = grant.scores.iter().map(host_types::ScoreName::as_str).collect::<Vec<_>>();
    json!({
        "name": grant.name,
        (role): who,
        "root": grant.root.to_string(),
        "scores": scores,
        "keys": grant.keys.iter().map(|key| to_hex(key)).collect::<Vec<_>>(),
        "from": grant.from.get(),
        "to": grant.to.map(host_types::Height::get),
        "until": grant.until.map(|until| rfc3339(until.get())),
        "until_us": grant.until.map(BlockTime::get),
        "says": grant_words(grant),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::{Hash32, Height, NodeName, ScoreName};

    fn grant() -> Grant {
        Grant {
            name: "tokens".to_owned(),
            who: Grantee::Auditor(NodeName::new("registrar/auditor").unwrap()),
            root: Hash32::default(),
            scores: vec![ScoreName::new("token").unwrap()],
            keys: vec![b"ab".to_vec()],
            from: Height::new(7),
            to: Some(Height::new(9)),
            until: Some(BlockTime::new(1_000_000)),
        }
    }

    #[test]
    fn a_grant_tells_whom_scope_heights_and_expiry() {
        let document = document(&[grant()]);
        let one = &document[0];
        assert_eq!(
            (&one["name"], &one["auditor"]),
            (&json!("tokens"), &json!("registrar/auditor"))
        );
        assert_eq!((&one["scores"], &one["keys"]), (&json!(["token"]), &json!(["6162"])));
        assert_eq!((&one["from"], &one["to"]), (&json!(7), &json!(9)));
        assert_eq!(
            (&one["until"], &one["until_us"]),
            (&json!("1970-01-01T00:00:01Z"), &json!(1_000_000))
        );
        let line = lines(&[grant()]).next().unwrap();
        assert!(line.starts_with("  grant        tokens: registrar/auditor reads token"), "{line}");
        assert!(line.ends_with(" (over)"), "{line}");
    }

    #[test]
    fn a_grant_of_an_organisation_without_an_end_says_so() {
        let who = Grantee::parse("registrar").unwrap();
        let endless = Grant { who, until: None, to: None, ..grant() };
        let document = document(std::slice::from_ref(&endless));
        assert_eq!(
            (&document[0]["organisation"], &document[0]["until"]),
            (&json!("registrar"), &Value::Null)
        );
        assert!(!lines(&[endless]).next().unwrap().contains("over"));
    }
}
