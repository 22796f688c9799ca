//! "Did you mean …": the nearest of a few names, and a line that lists them all.

/// Help lines: what there is, and the nearest name when one is near. `show` writes one entry.
pub(crate) fn help(
    intro: &str,
    names: &[&str],
    written: &str,
    show: impl Fn(&str) -> String,
) -> Vec<String> {
    if names.is_empty() {
        return vec![format!("{intro} none")];
    }
    let listed: Vec<_> = names.iter().map(|name| show(name)).collect();
    let list = format!("{intro} {}", listed.join(", "));
    match nearest(names, written) {
        Some(name) => vec![format!("{list}. Did you mean `{name}`?")],
        None => vec![list],
    }
}

/// The name with the fewest edits, when at most a third of its letters (and at least one) differ.
fn nearest<'a>(names: &[&'a str], written: &str) -> Option<&'a str> {
    // Longer words are no slips of the keyboard, and the distance costs their product.
    const LETTERS_MAX: usize = 64;
    if written.is_empty() || written.len() > LETTERS_MAX {
        return None;
    }
    let measured = names.iter().map(|name| (distance(name, written), *name));
    let (edits, name) = measured.min_by_key(|(edits, _)| *edits)?;
    (edits <= (name.len() / 3).max(1)).then_some(name)
}

/// Levenshtein distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(b.bytes()) {
            let replaced = diagonal + usize::from(from != to);
            diagonal = *cell;
            left = replaced.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ab"), 2);
        assert_eq!(nearest(&["to", "amount"], "tp"), Some("to"));
        assert_eq!(nearest(&["to", "amount"], "amout"), Some("amount"));
        assert_eq!(nearest(&["to", "amount"], "colour"), None);
        assert_eq!(nearest(&["to"], ""), None);
    }
}
