//! What a program printed, compared with what a document shows of it.
//!
//! In: lines of a document, in which `[..]` stands for anything within a line and a line `...` for
//! any number of lines, none included; the text that was printed. Out: whether the document tells
//! the truth, all of it: a line it does not show is a difference. Several spaces count as one,
//! because columns are as wide as what stands in them; empty lines at the end do not count. Not
//! here: running anything (`tests/suite/readme.rs`), places with a type (`tests/suite/shape.rs`).

/// The lines that stand for any others.
const ANY_LINES: &str = "...";
/// Anything within a line.
const ANYTHING: &str = "[..]";

/// Whether the document shows what was printed.
pub(crate) fn fits(shown: &[String], printed: &str) -> bool {
    let shown: Vec<_> = shown.iter().map(|line| collapsed(line)).collect();
    let printed: Vec<_> = printed.lines().map(collapsed).collect();
    lines_fit(without_empty_end(&shown), without_empty_end(&printed))
}

/// Whether the printed lines contain the shown ones, one after the other.
pub(crate) fn contains(shown: &[String], printed: &str) -> bool {
    let any = || std::iter::once(ANY_LINES.to_owned());
    let around: Vec<_> = any().chain(shown.iter().cloned()).chain(any()).collect();
    fits(&around, printed)
}

fn collapsed(line: &str) -> String {
    let mut collapsed = String::new();
    for c in line.trim_end().chars() {
        if c != ' ' || !collapsed.ends_with(' ') {
            collapsed.push(c);
        }
    }
    collapsed
}

fn without_empty_end(lines: &[String]) -> &[String] {
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    &lines[..end]
}

fn lines_fit(shown: &[String], printed: &[String]) -> bool {
    let Some((first, shown_rest)) = shown.split_first() else { return printed.is_empty() };
    if first == ANY_LINES {
        return (0..=printed.len()).any(|passed| lines_fit(shown_rest, &printed[passed..]));
    }
    let Some((line, printed_rest)) = printed.split_first() else { return false };
    line_fits(first, line) && lines_fit(shown_rest, printed_rest)
}

fn line_fits(shown: &str, printed: &str) -> bool {
    let Some((start, rest)) = shown.split_once(ANYTHING) else { return shown == printed };
    let Some(printed) = printed.strip_prefix(start) else { return false };
    let ends = printed.char_indices().map(|(at, _)| at).chain([printed.len()]);
    ends.into_iter().any(|at| line_fits(rest, &printed[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn places_take_anything_and_the_rest_is_compared() {
        assert!(fits(&lines("block [..] of demo"), "block 12 of demo\n"));
        assert!(fits(&lines("{\"a\": [..], \"b\": 1}"), "{\"a\": 2, \"c\": 3, \"b\": 1}"));
        assert!(!fits(&lines("block [..] of demo"), "block 12 of third\n"));
        assert!(!fits(&lines("block [..]1 [..]"), "block 2 3\n"));
        assert!(fits(&lines("PID  NAME"), "PID     NAME\n\n"));
    }

    #[test]
    fn a_line_that_is_not_shown_is_a_difference() {
        assert!(!fits(&lines("a"), "a\nb\n"));
        assert!(!fits(&lines("a\nb"), "a\n"));
        assert!(!fits(&[], "a\n"));
        assert!(fits(&lines("a\n...\nd"), "a\nb\nc\nd\n"));
        assert!(fits(&lines("...\na"), "a\n"));
        assert!(!fits(&lines("a\n...\nd"), "a\nb\n"));
    }

    #[test]
    fn lines_are_found_among_others() {
        assert!(contains(&lines("b [..]\nc"), "a\nb 1\nc\nd\n"));
        assert!(!contains(&lines("b\nc"), "b\na\nc\n"));
    }
}
