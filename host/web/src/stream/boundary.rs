//! Where one WebSocket frame ends and the next begins, in bytes that are handed on as they are.
//!
//! In: the bytes of one direction, in pieces of any size. Out: whether a frame of our own may stand here,
//! and whether a close has gone by. It reads lengths and nothing else (RFC 6455, 5.2): whether the
//! frames are good is for the two ends, which have a library for it.

/// Longest head of a frame: two bytes, eight of a length, four of a mask.
const HEAD_BYTES_MAX: usize = 14;
const CLOSE: u8 = 8;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Boundary {
    head: [u8; HEAD_BYTES_MAX],
    /// Bytes of `head` that have come.
    held: usize,
    /// Bytes of the payload that are to come.
    left: u64,
    has_closed: bool,
}

impl Boundary {
    /// Takes what was handed on.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.left == 0 {
                self.take_head(*first);
                bytes = rest;
                continue;
            }
            let len = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= len as u64;
            bytes = bytes.get(len..).unwrap_or_default();
        }
    }

    fn take_head(&mut self, byte: u8) {
        if let Some(next) = self.head.get_mut(self.held) {
            *next = byte;
        }
        self.held += 1;
        let [first, second, length @ ..] = self.head;
        let short = second & 0x7f;
        let extended = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        if self.held < 2 + extended + mask {
            return;
        }
        let long = length.iter().take(extended).fold(0, |all, byte| (all << 8) | u64::from(*byte));
        self.left = if extended == 0 { short.into() } else { long };
        self.has_closed |= first & 0x0f == CLOSE;
        (self.head, self.held) = ([0; HEAD_BYTES_MAX], 0);
    }

    /// Whether what has gone by ends with a whole frame.
    pub(super) const fn is_between(&self) -> bool {
        self.held == 0 && self.left == 0
    }

    /// Whether a close has gone by, behind which nothing may come.
    pub(super) const fn has_closed(&self) -> bool {
        self.has_closed
    }
}

/// A close from a server, which masks nothing. Its reason has at most 123 bytes.
pub(super) fn close(code: u16, reason: &str) -> Vec<u8> {
    let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
    let len = u8::try_from(payload.len()).unwrap_or(u8::MAX).min(125);
    let payload = payload.get(..usize::from(len)).unwrap_or_default();
    [&[0x80 | CLOSE, len], payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, len: usize, is_masked: bool) -> Vec<u8> {
        let mask = if is_masked { 0x80 } else { 0 };
        let mut bytes = vec![0x80 | opcode];
        match len {
            0..=125 => bytes.push(mask | len as u8),
            126..=65_535 => {
                bytes.push(mask | 126);
                bytes.extend_from_slice(&(len as u16).to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        if is_masked {
            bytes.extend_from_slice(&[0xff; 4]);
        }
        // What stands in a payload is never read as a head.
        bytes.resize(bytes.len() + len, 0x88);
        bytes
    }

    #[test]
    fn a_frame_ends_where_its_length_says_however_the_bytes_come() {
        for is_masked in [false, true] {
            for len in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
                for piece in [1, 2, 3, 7, 1_000, usize::MAX] {
                    let mut boundary = Boundary::default();
                    let bytes = frame(1, len, is_masked);
                    for all in [&bytes, &bytes] {
                        let (last, before) = all.split_last().unwrap();
                        before.chunks(piece.min(before.len())).for_each(|one| boundary.pass(one));
                        assert!(!boundary.is_between(), "{len} in pieces of {piece}");
                        boundary.pass(&[*last]);
                        assert!(boundary.is_between(), "{len} in pieces of {piece}");
                    }
                    assert!(!boundary.has_closed());
                }
            }
        }
    }

    #[test]
    fn a_close_is_seen_also_behind_others_in_one_piece() {
        let mut boundary = Boundary::default();
        boundary.pass(&[frame(1, 300, false), frame(9, 0, false)].concat());
        assert!(boundary.is_between() && !boundary.has_closed());
        boundary.pass(&[frame(1, 5, false), close(1001, "it stops")].concat());
        assert!(boundary.is_between() && boundary.has_closed());
    }

    #[test]
    fn a_close_says_its_code_and_what_fits_of_its_reason() {
        assert_eq!(close(1001, "ok"), [0x88, 4, 0x03, 0xe9, b'o', b'k']);
        let long = close(1001, &"x".repeat(200));
        assert_eq!((long.len(), long[1]), (127, 125));
    }
}
