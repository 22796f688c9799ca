//! Answers that never change: final blocks, their proofs, final transactions.
//!
//! In: answers that a peer marked `immutable`. Out: the same bytes. Bounded by bytes; the one that
//! came first goes first. Deliberately not here: whether they are true; a client checks proofs.

use super::limits::CACHED_BYTES_MAX;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// A kept answer.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

#[derive(Debug, Default)]
struct Shelf {
    answers: HashMap<String, Kept>,
    order: VecDeque<String>,
    bytes: usize,
}

/// The kept answers.
#[derive(Debug)]
pub(super) struct Cache {
    max: usize,
    shelf: Mutex<Shelf>,
}

/// What one answer counts: its bytes and about what its headers and its place take.
fn size(key: &str, kept: &Kept) -> usize {
    2 * key.len() + kept.body.len() + 1024
}

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { max: bytes_max, shelf: Mutex::default() }
    }

    pub(super) fn get(&self, key: &str) -> Option<Kept> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).answers.get(key).cloned()
    }

    /// Keeps an answer that its peer says will never be another one.
    pub(super) fn offer(&self, key: &str, status: StatusCode, headers: &HeaderMap, body: &Bytes) {
        let control = headers.get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok());
        let is_fixed = control.is_some_and(|text| text.split(',').any(|t| t.trim() == "immutable"));
        if status != StatusCode::OK || !is_fixed || body.len() > CACHED_BYTES_MAX {
            return;
        }
        let kept = Kept { headers: headers.clone(), body: body.clone() };
        let size_new = size(key, &kept);
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if size_new > self.max || shelf.answers.contains_key(key) {
            return;
        }
        while shelf.bytes + size_new > self.max {
            let Some(oldest) = shelf.order.pop_front() else { break };
            if let Some(gone) = shelf.answers.remove(&oldest) {
                shelf.bytes -= size(&oldest, &gone);
            }
        }
        shelf.bytes += size_new;
        shelf.order.push_back(key.to_owned());
        shelf.answers.insert(key.to_owned(), kept);
    }

    /// Bytes that are kept.
    pub(super) fn bytes(&self) -> usize {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(control: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static(control))])
    }

    #[test]
    fn only_what_never_changes_is_kept_and_the_first_goes_first() {
        let cache = Cache::new(3 * 2_100);
        let fixed = headers("public, max-age=31536000, immutable");
        let body = Bytes::from(vec![b'x'; 1_000]);
        cache.offer("/latest", StatusCode::OK, &headers("no-cache"), &body);
        cache.offer("/gone", StatusCode::NOT_FOUND, &fixed, &body);
        cache.offer("/large", StatusCode::OK, &fixed, &Bytes::from(vec![0; CACHED_BYTES_MAX + 1]));
        assert_eq!(cache.bytes(), 0);
        for number in 0..4 {
            cache.offer(&format!("/{number}"), StatusCode::OK, &fixed, &body);
            assert!(cache.bytes() <= 3 * 2_100);
        }
        assert!(cache.get("/0").is_none());
        assert_eq!(cache.get("/3").map(|kept| kept.body), Some(body));
    }
}
