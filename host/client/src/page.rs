//! Paths of `/api/v2`, with what people name in them escaped.

/// A part of a path or query, percent-encoded.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_letter_is_escaped_in_a_path() {
        assert_eq!(escaped("ops@bank-a/x y"), "ops%40bank-a%2Fx%20y");
    }
}
