//! The state as one call sees it, and what the call does to the world.
//!
//! In: host calls, already decoded. Out: values, and at the end the call's writes, events and
//! lines. Limits are kept here. Nothing of a call reaches the block's layer before it has
//! succeeded.

use crate::layers::{Changes, Layers, Lookup, first};
use score_native_abi::{limit, trap};
use score_native_link::limits::SCAN_PAGE_ENTRIES;
use score_native_link::protocol::{CallAnswer, Entry, Spent};
use score_native_link::{CallAsk, CallLimits, Event, LogLine};
use std::ops::Bound;

/// The peer, which has what is not remembered here.
pub(crate) trait Upstream {
    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>>;
    fn scan(&mut self, prefix: &[u8], after: &[u8], limit: u32) -> (Vec<Entry>, bool);
    /// A call to another SCORE; an error ends the whole transaction.
    fn call(&mut self, ask: CallAsk) -> Result<CallAnswer, Stop>;
}

/// A reason to end the call: a code of the SCORE ABI's `trap`, and a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) code: u32,
    pub(crate) text: String,
}

impl Stop {
    fn limit(text: impl Into<String>) -> Self {
        Self { code: trap::LIMIT, text: text.into() }
    }
}

/// A page of the peer's entries; good for a whole batch, as the peer's answers do not change in it.
#[derive(Default)]
pub(crate) struct ScanPage {
    prefix: Vec<u8>,
    after: Vec<u8>,
    entries: Vec<Entry>,
    complete: bool,
    filled: bool,
}

impl ScanPage {
    /// The first of the peer's entries after a key.
    fn next(&mut self, upstream: &mut dyn Upstream, prefix: &[u8], after: &[u8]) -> Option<&Entry> {
        let known = self.filled && self.prefix == prefix && *self.after <= *after;
        let position = self.entries.partition_point(|e| *e.key <= *after);
        let position = if known && (position < self.entries.len() || self.complete) {
            position
        } else {
            (self.entries, self.complete) = upstream.scan(prefix, after, SCAN_PAGE_ENTRIES);
            self.prefix = prefix.to_vec();
            self.after = after.to_vec();
            self.filled = true;
            0
        };
        self.entries.get(position)
    }
}

/// A key and its value.
pub(crate) type Listed<'a> = (&'a [u8], &'a [u8]);

/// Where a call reads from.
pub(crate) struct Sources<'a> {
    pub(crate) layers: &'a mut Layers,
    pub(crate) upstream: &'a mut dyn Upstream,
    pub(crate) page: &'a mut ScanPage,
}

/// See the head of this file.
pub(crate) struct CallView<'a> {
    sources: Sources<'a>,
    may_write: bool,
    limits: CallLimits,
    writes: Changes,
    write_bytes: usize,
    events: Vec<Event>,
    event_bytes: usize,
    logs: Vec<LogLine>,
    listed: (Vec<u8>, Vec<u8>),
    /// What called SCOREs have used of the limits.
    elsewhere: Spent,
    answered: Vec<u8>,
}

/// What a call did.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) writes: Changes,
    pub(crate) events: Vec<Event>,
    pub(crate) logs: Vec<LogLine>,
}

impl<'a> CallView<'a> {
    pub(crate) const fn new(sources: Sources<'a>, may_write: bool, limits: CallLimits) -> Self {
        Self {
            sources,
            may_write,
            limits,
            writes: Changes::new(),
            write_bytes: 0,
            events: Vec::new(),
            event_bytes: 0,
            logs: Vec::new(),
            listed: (Vec::new(), Vec::new()),
            elsewhere: Spent { events: 0, event_bytes: 0, write_bytes: 0 },
            answered: Vec::new(),
        }
    }

    /// Calls another SCORE; the output stays where it is until the next call of any method.
    pub(crate) fn call(
        &mut self,
        (score, method, args): (&str, &str, &[u8]),
        steps: u64,
    ) -> Result<(u32, u64, &[u8]), Stop> {
        let number = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let own = Spent {
            events: number(self.events.len()),
            event_bytes: number(self.event_bytes),
            write_bytes: number(self.write_bytes),
        };
        let ask = CallAsk {
            score: score.to_owned(),
            method: method.to_owned(),
            args: args.to_vec(),
            steps,
            spent: own.and(self.elsewhere),
        };
        let answer = self.sources.upstream.call(ask)?;
        self.elsewhere = self.elsewhere.and(answer.spent);
        self.answered = answer.output;
        Ok((answer.code, answer.steps, &self.answered))
    }

    pub(crate) fn into_effects(self) -> Effects {
        Effects { writes: self.writes, events: self.events, logs: self.logs }
    }

    /// The value of a key; it stays where it is until the next call of any method.
    pub(crate) fn get(&mut self, key: &[u8]) -> Result<Option<&[u8]>, Stop> {
        check_key(key)?;
        let Sources { layers, upstream, .. } = &mut self.sources;
        if !self.writes.contains_key(key) && matches!(layers.get(key), Lookup::Unknown) {
            let value = upstream.get(key);
            layers.remember(key, value);
        }
        if let Some(value) = self.writes.get(key) {
            return Ok(value.as_deref());
        }
        match layers.get(key) {
            Lookup::Known(value) => Ok(value),
            Lookup::Unknown => Ok(None),
        }
    }

    /// Sets a key, or removes it.
    pub(crate) fn put(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Stop> {
        self.check_may_write("write to the state")?;
        check_key(key)?;
        let length = value.map_or(0, <[u8]>::len);
        let most = self.limits.value_bytes;
        if length > most as usize {
            return Err(Stop::limit(format!("a value of {length} bytes, at most {most}")));
        }
        let before = self.writes.get(key);
        let replaced = before.map_or(0, |v| key.len() + v.as_deref().map_or(0, <[u8]>::len));
        let bytes = self.write_bytes - replaced + key.len() + length;
        let most = self.limits.write_bytes;
        if bytes.saturating_add(self.elsewhere.write_bytes as usize) > most as usize {
            return Err(Stop::limit(format!("a call writes at most {most} bytes")));
        }
        self.write_bytes = bytes;
        self.writes.insert(key.into(), value.map(Into::into));
        Ok(())
    }

    /// The first entry whose key starts with `prefix` and is greater than `after`.
    pub(crate) fn next(&mut self, prefix: &[u8], after: &[u8]) -> Result<Option<Listed<'_>>, Stop> {
        if prefix.len() > limit::KEY_BYTES || after.len() > limit::KEY_BYTES {
            let most = limit::KEY_BYTES;
            return Err(Stop::limit(format!("a key has at most {most} bytes")));
        }
        let mut after = after.to_vec();
        loop {
            let Some((key, value)) = self.next_candidate(prefix, &after) else { return Ok(None) };
            if let Some(value) = value {
                self.listed = (key, value);
                return Ok(Some((&self.listed.0, &self.listed.1)));
            }
            // Removed in this block or this call.
            after = key;
        }
    }

    /// The least key of the call, of the block and of the peer; the call's own word counts most.
    fn next_candidate(
        &mut self,
        prefix: &[u8],
        after: &[u8],
    ) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let from = if after < prefix { Bound::Included(prefix) } else { Bound::Excluded(after) };
        let Sources { layers, upstream, page } = &mut self.sources;
        let listed = page.next(&mut **upstream, prefix, after);
        let candidates = [
            first(&self.writes, from),
            layers.next_change(from),
            listed.map(|entry| (&*entry.key, Some(&*entry.value))),
        ];
        let inside = |(key, _): &(&[u8], Option<&[u8]>)| key.starts_with(prefix);
        let least = candidates.into_iter().flatten().filter(inside).min_by_key(|(key, _)| *key)?;
        Some((least.0.to_vec(), least.1.map(<[u8]>::to_vec)))
    }

    /// An event.
    pub(crate) fn emit(&mut self, name: &[u8], data: &[u8]) -> Result<(), Stop> {
        self.check_may_write("emit events")?;
        if name.is_empty() || name.len() > limit::EVENT_NAME_BYTES {
            let most = limit::EVENT_NAME_BYTES;
            return Err(Stop::limit(format!("the name of an event has 1 to {most} bytes")));
        }
        let most = self.limits.events;
        if self.events.len() + self.elsewhere.events as usize >= most as usize {
            return Err(Stop::limit(format!("a call emits at most {most} events")));
        }
        self.event_bytes += name.len() + data.len();
        let most = self.limits.event_bytes;
        if self.event_bytes + self.elsewhere.event_bytes as usize > most as usize {
            let text = format!("the events of a call have at most {most} bytes");
            return Err(Stop::limit(text));
        }
        self.events.push(Event { name: name.to_vec(), data: data.to_vec() });
        Ok(())
    }

    /// A line for the operator; too many are dropped.
    pub(crate) fn log(&mut self, level: u32, text: &[u8]) {
        if self.logs.len() < limit::LOG_LINES {
            let text = String::from_utf8_lossy(text).into_owned();
            self.logs.push(LogLine { level, text });
        }
    }

    fn check_may_write(&self, deed: &str) -> Result<(), Stop> {
        if self.may_write {
            return Ok(());
        }
        Err(Stop { code: trap::WRITE_IN_QUERY, text: format!("a query may not {deed}") })
    }
}

fn check_key(key: &[u8]) -> Result<(), Stop> {
    if (1..=limit::KEY_BYTES).contains(&key.len()) {
        return Ok(());
    }
    let (length, most) = (key.len(), limit::KEY_BYTES);
    Err(Stop::limit(format!("a key of {length} bytes, 1 to {most} are allowed")))
}
