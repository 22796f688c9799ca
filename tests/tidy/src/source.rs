//! Rust source with comments and literals blanked, so that a word in them is not taken for code.
//!
//! In: the text of a file. Out: a text of the same length and lines with spaces for what is not
//! code. It knows comments, strings, raw strings and characters; nothing else of the language.

/// The code of a file: comments, strings and characters are spaces, lines stay where they are.
#[must_use]
pub fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = skip(bytes, at);
        if end == at {
            out.extend(bytes.get(at));
            at += 1;
        } else {
            let blanked = bytes.get(at..end).unwrap_or_default();
            out.extend(blanked.iter().map(|b| if *b == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the comment or literal that begins at `at` ends; `at` when none does.
fn skip(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let len = match rest {
        [b'/', b'/', ..] => rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => string(rest),
        [b'r', b'"' | b'#', ..] if !follows_word(bytes, at) => raw_string(rest),
        [b'\'', ..] => character(rest),
        _ => 0,
    };
    at + len
}

fn follows_word(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|i| bytes.get(i));
    // `br"..."` is a raw string, too.
    before.is_some_and(|b| (b.is_ascii_alphanumeric() || *b == b'_') && *b != b'b')
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(two) = rest.get(at..at + 2) {
        match two {
            b"/*" => (at, depth) = (at + 2, depth + 1),
            b"*/" => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string(rest: &[u8]) -> usize {
    let hashes = rest.iter().skip(1).take_while(|b| **b == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0; // a raw identifier
    }
    let mut end = vec![b'#'; hashes + 1];
    if let Some(first) = end.first_mut() {
        *first = b'"';
    }
    let start = hashes + 2;
    let body = rest.get(start..).unwrap_or_default();
    let found = body.windows(end.len()).position(|window| window == end);
    found.map_or(rest.len(), |at| start + at + end.len())
}

fn character(rest: &[u8]) -> usize {
    match rest {
        [_, b'\\', _, tail @ ..] => {
            tail.iter().position(|b| *b == b'\'').map_or(0, |at| at + 4) // escaped
        }
        [_, first, ..] => {
            let len = match first {
                0..=0x7f => 1,
                0x80..=0xdf => 2,
                0xe0..=0xef => 3,
                _ => 4,
            };
            if rest.get(len + 1) == Some(&b'\'') { len + 2 } else { 0 } // else a lifetime
        }
        _ => 0,
    }
}

/// Line of a byte offset, counted from 1.
#[must_use]
pub fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}

/// Offsets at which `word` stands in `text` as a word of its own.
pub fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let bytes = text.as_bytes();
        let before = at.checked_sub(1).and_then(|i| bytes.get(i));
        let starts = is_part(word.as_bytes().first());
        let ends = is_part(word.as_bytes().last());
        let goes_on = ends && is_part(bytes.get(at + word.len()));
        let began = starts && is_part(before);
        !began && !goes_on
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_stay() {
        let text = "a // x\nb /* y /* z */ */ c \"d \\\" e\" 'f' '\\'' r#\"g\"h\"# 'life br\"i\" j";
        let code = code(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "b", "c", "'life", "b", "j"]);
        assert_eq!(line_of(&code, code.find('c').unwrap()), 2);
    }

    #[test]
    fn an_unfinished_literal_ends_with_the_file() {
        for text in ["\"abc", "/* abc", "r##\"abc\"#", "'", "'\\", "r#fn"] {
            assert_eq!(code(text).len(), text.len(), "{text}");
        }
    }

    #[test]
    fn a_word_is_not_found_inside_another() {
        assert_eq!(words("unsafe_code unsafe xunsafe", "unsafe").collect::<Vec<_>>(), [12]);
        assert_eq!(words("a matches!(b)", "matches!(").collect::<Vec<_>>(), [2]);
    }
}
