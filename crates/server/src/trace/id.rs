//! Ids of traces and spans, and the header by which they travel (W3C Trace Context).

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header, in a request and in its answer.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Bytes of the header in the one version that there is: `00-TRACE-SPAN-FLAGS`.
const HEADER_BYTES: usize = 55;
/// The flag of a trace that somebody keeps.
const SAMPLED: u8 = 1;
/// The step of SplitMix64.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// What all spans of a request, on all machines, share; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TraceId(u128);

/// One span; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SpanId(u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl TraceId {
    /// One that nobody had.
    pub(crate) fn new() -> Self {
        Self((u128::from(random()) << 64) | u128::from(random()))
    }

    /// One as its hexadecimal digits say.
    pub(crate) fn read(text: &str) -> Option<Self> {
        is_hex(text, 32).then(|| u128::from_str_radix(text, 16).ok())?.filter(|id| *id != 0).map(Self)
    }

    /// Its bytes, first the most significant.
    pub(crate) const fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// A number of 64 bits that is spread evenly over traces, the same on every machine: by it a share of them is chosen.
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(crate) const fn lot(self) -> u64 {
        self.0 as u64
    }
}

impl SpanId {
    /// One that nobody had.
    pub(crate) fn new() -> Self {
        Self(random())
    }

    /// One as its hexadecimal digits say.
    pub(crate) fn read(text: &str) -> Option<Self> {
        is_hex(text, 16).then(|| u64::from_str_radix(text, 16).ok())?.filter(|id| *id != 0).map(Self)
    }

    /// Its bytes, first the most significant.
    pub(crate) const fn bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

/// A span of somebody who asks, or is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
    /// Whether somebody keeps the trace.
    pub(crate) is_sampled: bool,
}

impl Parent {
    /// What the headers of a request name; `None` where they name none, or not as they should.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut named = headers.get_all(TRACEPARENT).iter();
        let (Some(only), None) = (named.next(), named.next()) else { return None };
        Self::read(only.to_str().ok()?)
    }

    fn read(text: &str) -> Option<Self> {
        let (head, rest) = text.split_at_checked(HEADER_BYTES)?;
        let mut parts = head.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // A later version may say more behind; of this one that is all.
        let is_known = is_hex(version, 2)
            && version != "ff"
            && (rest.is_empty() || (version != "00" && rest.starts_with('-')));
        if !is_known || !is_hex(flags, 2) || parts.next().is_some() {
            return None;
        }
        let flags = u8::from_str_radix(flags, 16).ok()?;
        let is_sampled = flags & SAMPLED != 0;
        Some(Self { trace: TraceId::read(trace)?, span: SpanId::read(span)?, is_sampled })
    }

    /// As a header has it.
    pub(crate) fn header(self) -> Option<HeaderValue> {
        let flags = if self.is_sampled { SAMPLED } else { 0 };
        HeaderValue::from_str(&format!("00-{}-{}-{flags:02x}", self.trace, self.span)).ok()
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// A number that nobody can have had by chance; never 0. It keeps no secret, so it costs no call of the system.
fn random() -> u64 {
    static STATE: OnceLock<AtomicU64> = OnceLock::new();
    let state = STATE.get_or_init(|| {
        let mut seed = [0; 8];
        // Without it ids are those of the time, which is enough to tell them apart.
        if getrandom::fill(&mut seed).is_err() {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            seed = since.map_or(1, |since| u64::from(since.subsec_nanos())).to_ne_bytes();
        }
        AtomicU64::new(u64::from_ne_bytes(seed))
    });
    loop {
        let mut mixed = state.fetch_add(GOLDEN, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        if mixed != 0 {
            return mixed;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_parent_is_read_as_the_standard_says() {
        let known = Parent::read(&format!("00-{TRACE}-{SPAN}-01")).expect("reads");
        assert_eq!((known.trace.to_string(), known.span.to_string()), (TRACE.to_owned(), SPAN.to_owned()));
        assert!(known.is_sampled);
        assert!(!Parent::read(&format!("00-{TRACE}-{SPAN}-02")).expect("other flags").is_sampled);
        assert!(Parent::read(&format!("cc-{TRACE}-{SPAN}-01-more")).is_some(), "a later version");
        assert_eq!(known.header().expect("a header"), format!("00-{TRACE}-{SPAN}-01"));
        for wrong in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00_{TRACE}_{SPAN}_01"),
            format!("00-{TRACE}-{SPAN}-0é"),
            format!("cc-{TRACE}-{SPAN}-01more"),
        ] {
            assert_eq!(Parent::read(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn two_parents_are_none() {
        let header = HeaderValue::from_str(&format!("00-{TRACE}-{SPAN}-01")).expect("a header");
        let mut headers = HeaderMap::new();
        headers.append(TRACEPARENT, header.clone());
        assert!(Parent::of(&headers).is_some());
        headers.append(TRACEPARENT, header);
        assert_eq!(Parent::of(&headers), None);
    }

    #[test]
    fn ids_are_new() {
        let ids: HashSet<u128> = (0..10_000).map(|_| TraceId::new().0).collect();
        assert_eq!(ids.len(), 10_000);
        let half = ids.iter().filter(|id| TraceId(**id).lot() < u64::MAX / 2).count();
        assert!((4_500..5_500).contains(&half), "{half}");
    }
}
