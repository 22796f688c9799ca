//! A Final proof names each signer once and weighs more than two thirds.

use std::collections::BTreeSet;

/// Checks the signers of a proof against the weights of the set, independently of the rule.
///
/// # Errors
/// One line: what is wrong.
pub fn enough(signers: &[(u16, u64)], weights: &[u64]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let mut sum = 0u128;
    for (signer, weight) in signers {
        if weights.get(usize::from(*signer)) != Some(weight) || !seen.insert(*signer) {
            return Err(format!("a proof counts validator {signer} twice or wrongly"));
        }
        sum += u128::from(*weight);
    }
    let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if sum * 3 > total * 2 { Ok(()) } else { Err(format!("a proof weighs {sum} of {total}")) }
}

#[cfg(test)]
mod tests {
    use super::enough;

    #[test]
    fn two_thirds_are_not_enough_and_nobody_counts_twice() {
        assert!(enough(&[(0, 1), (1, 1), (2, 1)], &[1; 4]).is_ok());
        assert!(enough(&[(0, 1), (1, 1)], &[1; 3]).is_err());
        assert!(enough(&[(0, 1), (0, 1), (1, 1)], &[1; 3]).is_err());
        assert!(enough(&[(0, 9)], &[1; 1]).is_err());
    }
}
