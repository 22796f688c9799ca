//! What an auditor may look for among transactions: the part of a search that a grant covers.
//!
//! In: the caller's grants, a search. Out: the search within one grant, and where the next grant goes on.
//! What is outside is never looked at: a page cut out of a larger one afterwards would tell, by where it
//! goes on, that somebody signed or called something there. Deliberately not here: who the caller is
//! (`caller`), what is found (`host/store`).

use host_rpc::lookups::{TxFilter, TxPosition};
use host_types::grant::Grant;
use host_types::{Code, Height, Rejection};

/// A search within one grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Narrowed {
    /// What to look for.
    pub(super) filter: TxFilter,
    /// Where to go on once that is done; none when no other grant reaches below.
    pub(super) rest: Option<TxPosition>,
    /// Name of the grant.
    pub(super) grant: String,
}

/// The part of a search that the grant covers which reaches highest; none when none covers any.
///
/// # Errors
/// `LC7106` when the grants are of SCOREs and the search names none.
pub(super) fn narrowed(grants: &[Grant], filter: &TxFilter) -> Result<Option<Narrowed>, Rejection> {
    let Some(top) = top(filter) else { return Ok(None) };
    let covers = |grant: &&Grant| match &filter.score {
        Some(score) => grant.covers_score(score),
        None => grant.covers_blocks(),
    };
    let within = |grant: &Grant| {
        let low = filter.from.max(grant.from);
        let high = grant.to.map_or(top, |to| to.min(top));
        (low <= high).then_some((high, std::cmp::Reverse(low)))
    };
    let parts = grants.iter().filter(covers).filter_map(|grant| Some((within(grant)?, grant)));
    let parts: Vec<_> = parts.collect();
    let Some(((high, std::cmp::Reverse(low)), grant)) = parts.iter().max_by_key(|(part, _)| *part)
    else {
        let is_of_scores = |grant: &Grant| !grant.scores.is_empty() && grant.keys.is_empty();
        if filter.score.is_none() && grants.iter().any(is_of_scores) {
            let message = "name a `score`: your grants are of SCOREs, and other ones stay closed";
            return Err(Rejection::new(Code::ParameterWrong, message));
        }
        return Ok(None);
    };
    let is_more = parts.iter().any(|((_, std::cmp::Reverse(other)), _)| other < low);
    Ok(Some(Narrowed {
        filter: TxFilter { from: *low, to: *high, ..filter.clone() },
        rest: is_more.then_some(TxPosition { height: *low, index: 0 }),
        grant: grant.name.clone(),
    }))
}

/// The highest block that a search looks into.
fn top(filter: &TxFilter) -> Option<Height> {
    let before = match filter.before {
        None => Some(u64::MAX),
        Some(TxPosition { height, index: 0 }) => height.get().checked_sub(1),
        Some(TxPosition { height, .. }) => Some(height.get()),
    };
    before.map(|before| filter.to.min(Height::new(before)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::grant::Grantee;
    use host_types::{Hash32, ScoreName};

    fn grant(scores: &[&str], from: u64, to: Option<u64>) -> Grant {
        Grant {
            name: format!("from-{from}"),
            who: Grantee::parse("fss/audit0").unwrap(),
            root: Hash32::ZERO,
            scores: scores.iter().map(|name| ScoreName::new(name).unwrap()).collect(),
            keys: Vec::new(),
            from: Height::new(from),
            to: to.map(Height::new),
            until: None,
        }
    }

    fn search(score: Option<&str>, before: Option<(u64, u32)>) -> TxFilter {
        TxFilter {
            signer: None,
            score: score.map(|name| ScoreName::new(name).unwrap()),
            method: None,
            from: Height::ZERO,
            to: Height::new(u64::MAX),
            before: before.map(|(height, index)| TxPosition { height: Height::new(height), index }),
            limit: 20,
        }
    }

    type Part = (u64, u64, Option<u64>);

    fn part(grants: &[Grant], filter: &TxFilter) -> Option<Part> {
        let found = narrowed(grants, filter).unwrap()?;
        let rest = found.rest.map(|rest| {
            assert_eq!(rest.index, 0);
            rest.height.get()
        });
        Some((found.filter.from.get(), found.filter.to.get(), rest))
    }

    #[test]
    fn only_blocks_and_scores_of_a_grant_are_looked_at() {
        let grants = [grant(&["token"], 5, Some(9)), grant(&["token"], 20, Some(30))];
        let token = |before| part(&grants, &search(Some("token"), before));
        assert_eq!(token(None), Some((20, 30, Some(20))));
        assert_eq!(token(Some((25, 3))), Some((20, 25, Some(20))));
        assert_eq!(token(Some((20, 0))), Some((5, 9, None)), "on to the next grant");
        assert_eq!(token(Some((7, 0))), Some((5, 6, None)));
        assert_eq!(token(Some((5, 0))), None);
        assert_eq!(token(Some((0, 0))), None);
        let only_late = TxFilter { from: Height::new(31), ..search(Some("token"), None) };
        assert_eq!(part(&grants, &only_late), None);
        // Neither found nor told where it is.
        assert_eq!(part(&grants, &search(Some("notary"), None)), None);
        assert_eq!(part(&[], &search(None, None)), None);
    }

    #[test]
    fn who_has_grants_of_scores_names_one() {
        let of_scores = [grant(&["token"], 0, None)];
        let refused = narrowed(&of_scores, &search(None, None)).unwrap_err();
        assert_eq!(refused.code, Code::ParameterWrong);
        let also_all = [grant(&["token"], 0, None), grant(&[], 7, Some(8))];
        assert_eq!(part(&also_all, &search(None, None)), Some((7, 8, None)));
        let keys = Grant { keys: vec![b"balances/".to_vec()], ..grant(&["token"], 0, None) };
        assert_eq!(narrowed(&[keys], &search(None, None)), Ok(None));
    }

    #[test]
    fn of_two_that_reach_equally_high_the_wider_one_counts() {
        let grants = [grant(&[], 5, None), grant(&[], 2, None)];
        let found = narrowed(&grants, &search(None, Some((9, 1)))).unwrap().unwrap();
        assert_eq!((found.grant.as_str(), found.rest), ("from-2", None));
        assert_eq!((found.filter.from, found.filter.to), (Height::new(2), Height::new(9)));
    }
}
