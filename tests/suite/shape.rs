//! Bodies and screens compared letter by letter, with places for what differs from run to run.
//!
//! In: a text and a pattern whose places are `<hex>` (64 digits), `<int>`, `<uuid>`, `<base64>`,
//! `<time>` (as Python writes it), `<seconds>`, `<short>` (a shortened hash) and `<any>` (up to the
//! end of the line). Out: what stood at the places; a panic that shows both when the text is another.

/// What stood at each place.
pub(crate) fn captures(text: &str, pattern: &str) -> Vec<String> {
    matched(text, pattern).unwrap_or_else(|rest| {
        panic!("another text:\n{text}\n--- pattern:\n{pattern}\n--- differs at:\n{rest}")
    })
}

/// The text must be of the pattern.
pub(crate) fn is(text: &str, pattern: &str) {
    captures(text, pattern);
}

fn matched(text: &str, pattern: &str) -> Result<Vec<String>, String> {
    let (mut rest, mut found) = (text, Vec::new());
    for (i, part) in pattern.split('<').enumerate() {
        let literal = if i == 0 {
            part
        } else {
            let (place, literal) = part.split_once('>').unwrap();
            let length = rest.find(|c| !belongs(place, c)).unwrap_or(rest.len());
            let value = &rest[..length];
            if !is_value(place, value) {
                return Err(format!("<{place}> at {rest}"));
            }
            found.push(value.to_owned());
            rest = &rest[length..];
            literal
        };
        rest = rest.strip_prefix(literal).ok_or_else(|| rest.to_owned())?;
    }
    if rest.is_empty() { Ok(found) } else { Err(rest.to_owned()) }
}

fn belongs(place: &str, c: char) -> bool {
    let is_hex = c.is_ascii_digit() || ('a'..='f').contains(&c);
    match place {
        "hex" => is_hex,
        "int" => c.is_ascii_digit(),
        "uuid" => is_hex || c == '-',
        "base64" => c.is_ascii_alphanumeric() || "+/=".contains(c),
        "time" => c.is_ascii_digit() || "-: .".contains(c),
        "seconds" => c.is_ascii_digit() || c == '.',
        "short" => is_hex || c == '…',
        "any" => c != '\n',
        other => panic!("no place <{other}>"),
    }
}

fn is_value(place: &str, value: &str) -> bool {
    let length = value.chars().count();
    match place {
        "hex" => length == 64,
        // Version 8, as an id made from a hash has.
        "uuid" => length == 36 && value.as_bytes()[14] == b'8',
        "time" => length == "2018-03-02 09:15:48.303004".len(),
        "short" => length == 21,
        _ => length > 0,
    }
}

#[test]
fn a_pattern_takes_what_fits_and_nothing_else() {
    assert_eq!(captures("height 12\n", "height <int>\n"), ["12"]);
    assert!(matched("height 12", "height <int>\n").is_err());
    assert!(matched("height x", "height <int>").is_err());
    assert!(matched("{\"a\": 1, \"b\": 2}", "{\"b\": <int>, \"a\": <int>}").is_err());
}
