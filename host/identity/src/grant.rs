//! Grants of a channel: which it may have, and what they open to whom.
//!
//! In: the [`Grant`]s that policies carry, the channel's roots, an auditor's name and root, block time.
//! Out: what is wrong with them; those in force for somebody. Deliberately not here: the form and the
//! scope of one (`host_types::grant`), serving what is asked (`host/node`).

use host_types::grant::Grant;
use host_types::limits::{
    GRANT_KEYS_MAX, GRANT_SCORES_MAX, GRANTS_MAX, STATE_KEY_BYTES_MAX, TEXT_BYTES_MAX,
};
use host_types::{BlockTime, Hash32, NodeName};

/// Whether a channel with these roots may have these grants.
///
/// # Errors
/// The name of the first that is wrong, and one line.
pub fn check(grants: &[Grant], roots: &[(String, Hash32)]) -> Result<(), (String, String)> {
    if grants.len() > GRANTS_MAX {
        let name = grants.last().map(|one| one.name.clone()).unwrap_or_default();
        return Err((name, format!("{} grants; at most {GRANTS_MAX}", grants.len())));
    }
    for (index, grant) in grants.iter().enumerate() {
        check_one(grant, grants.get(..index).unwrap_or_default(), roots)
            .map_err(|why| (grant.name.clone(), why))?;
    }
    Ok(())
}

fn check_one(grant: &Grant, before: &[Grant], roots: &[(String, Hash32)]) -> Result<(), String> {
    if grant.name.is_empty() || grant.name.len() > TEXT_BYTES_MAX {
        return Err(format!("a grant has a name of 1 to {TEXT_BYTES_MAX} bytes"));
    }
    if before.iter().any(|other| other.name == grant.name) {
        return Err("two grants have this name".into());
    }
    let organisation = grant.who.organisation();
    if !roots.iter().any(|(name, root)| name == organisation && *root == grant.root) {
        return Err(format!("the channel has no organisation {organisation} with this root"));
    }
    if grant.scores.len() > GRANT_SCORES_MAX || grant.keys.len() > GRANT_KEYS_MAX {
        return Err(format!("at most {GRANT_SCORES_MAX} SCOREs and {GRANT_KEYS_MAX} keys"));
    }
    if !grant.keys.is_empty() && grant.scores.is_empty() {
        return Err("keys are those of a SCORE: name it".into());
    }
    if grant.keys.iter().any(|key| !(1..=STATE_KEY_BYTES_MAX).contains(&key.len())) {
        return Err(format!("a key begins with 1 to {STATE_KEY_BYTES_MAX} bytes"));
    }
    if grant.to.is_some_and(|to| to < grant.from) {
        return Err("its last height is below its first".into());
    }
    Ok(())
}

/// The grants of an auditor that open something at block time `at`.
pub fn in_force<'a>(
    grants: &'a [Grant],
    (name, root): (&'a NodeName, &'a Hash32),
    at: BlockTime,
) -> impl Iterator<Item = &'a Grant> {
    grants.iter().filter(move |grant| grant.is_for(name, root) && grant.is_in_force(at))
}

/// Whether an auditor may follow the channel as a node: blocks hold everything, so only a grant of
/// everything lets them out.
#[must_use]
pub fn may_follow(grants: &[Grant], who: (&NodeName, &Hash32), at: BlockTime) -> bool {
    in_force(grants, who, at).any(Grant::is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::grant::Grantee;
    use host_types::{Height, ScoreName};

    fn grant(name: &str) -> Grant {
        Grant {
            name: name.into(),
            who: Grantee::parse("fss/audit0").unwrap(),
            root: Hash32::sha256(b"fss"),
            scores: Vec::new(),
            keys: Vec::new(),
            from: Height::ZERO,
            to: None,
            until: None,
        }
    }

    fn roots() -> Vec<(String, Hash32)> {
        vec![("fss".into(), Hash32::sha256(b"fss")), ("bank-a".into(), Hash32::sha256(b"a"))]
    }

    #[test]
    fn what_opens_nothing_or_means_nobody_is_refused_by_its_name() {
        let wrong = |change: fn(&mut Grant)| {
            let mut one = grant("b");
            change(&mut one);
            check(&[grant("a"), one], &roots()).unwrap_err()
        };
        assert_eq!(check(&[grant("a"), grant("b")], &roots()), Ok(()));
        assert_eq!(
            wrong(|one| one.name = "a".into()),
            ("a".into(), "two grants have this name".into())
        );
        assert_eq!(wrong(|one| one.root = Hash32::sha256(b"a")).0, "b");
        assert_eq!(wrong(|one| one.who = Grantee::parse("bank-b").unwrap()).0, "b");
        assert_eq!(
            wrong(|one| one.keys = vec![b"k".to_vec()]).1,
            "keys are those of a SCORE: name it"
        );
        assert_eq!(
            wrong(|one| (one.from, one.to) = (Height::new(9), Some(Height::new(8)))).1,
            "its last height is below its first"
        );
        assert_eq!(
            wrong(|one| {
                one.scores = vec![ScoreName::new("token").unwrap()];
                one.keys = vec![Vec::new()];
            })
            .0,
            "b"
        );
        let many: Vec<_> = (0..=GRANTS_MAX).map(|n| grant(&n.to_string())).collect();
        assert_eq!(check(&many, &roots()).unwrap_err().1, "33 grants; at most 32");
    }

    #[test]
    fn only_a_grant_of_everything_that_is_in_force_lets_an_auditor_follow() {
        let (name, root) = (NodeName::new("fss/audit0").unwrap(), Hash32::sha256(b"fss"));
        let may = |one: Grant, at| may_follow(&[one], (&name, &root), BlockTime::new(at));
        assert!(may(grant("a"), 5));
        let until = Some(BlockTime::new(5));
        assert!(may(Grant { until, ..grant("a") }, 4) && !may(Grant { until, ..grant("a") }, 5));
        assert!(!may(Grant { from: Height::new(1), ..grant("a") }, 5));
        assert!(!may(Grant { scores: vec![ScoreName::new("token").unwrap()], ..grant("a") }, 5));
        assert!(!may(Grant { who: Grantee::parse("fss/audit1").unwrap(), ..grant("a") }, 5));
    }
}
