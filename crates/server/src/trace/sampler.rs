//! Which traces are kept.

use std::str::FromStr;

use super::id::TraceId;

/// Which traces are kept, as the names of OpenTelemetry say (`OTEL_TRACES_SAMPLER`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampler {
    /// Whether who asks decides, where it says.
    by_parent: bool,
    /// The share of the other traces.
    share: f64,
}

impl Default for Sampler {
    /// Every trace, but those of which somebody else said otherwise.
    fn default() -> Self {
        Self { by_parent: true, share: 1.0 }
    }
}

/// The names that there are.
const NAMES: &str = "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or parentbased_traceidratio";

impl FromStr for Sampler {
    type Err = String;

    /// Reads a name; a share is that of all traces until [`Sampler::with_share`] says which.
    fn from_str(name: &str) -> Result<Self, String> {
        let (by_parent, of) = match name.strip_prefix("parentbased_") {
            Some(of) => (true, of),
            None => (false, name),
        };
        match of {
            "always_on" | "traceidratio" => Ok(Self { by_parent, share: 1.0 }),
            "always_off" => Ok(Self { by_parent, share: 0.0 }),
            _ => Err(NAMES.to_owned()),
        }
    }
}

impl Sampler {
    /// The same with a share, from 0 to 1, of the traces that it would keep.
    #[must_use]
    pub fn with_share(self, share: f64) -> Self {
        Self { share: self.share * share.clamp(0.0, 1.0), ..self }
    }

    /// Whether a trace is kept. `asked` is what the one who asks says.
    pub(super) fn keeps(self, trace: TraceId, asked: Option<bool>) -> bool {
        match asked {
            Some(asked) if self.by_parent => asked,
            #[expect(clippy::cast_precision_loss, reason = "a share")]
            Some(_) | None => self.share >= 1.0 || (trace.lot() as f64) < self.share * (u64::MAX as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(sampler: Sampler, asked: Option<bool>) -> usize {
        (0..4_000).filter(|_| sampler.keeps(TraceId::new(), asked)).count()
    }

    #[test]
    fn samplers_keep_what_their_names_say() {
        let of = |name: &str| name.parse::<Sampler>().expect("a name");
        assert_eq!(of("parentbased_always_on"), Sampler::default());
        assert_eq!((kept(of("always_on"), Some(false)), kept(of("always_off"), Some(true))), (4_000, 0));
        assert_eq!(kept(of("parentbased_always_on"), Some(false)), 0);
        assert_eq!(
            (kept(of("parentbased_always_off"), Some(true)), kept(of("parentbased_always_off"), None)),
            (4_000, 0)
        );
        let quarter = of("traceidratio").with_share(0.25);
        for asked in [None, Some(true), Some(false)] {
            assert!((800..1_200).contains(&kept(quarter, asked)), "{asked:?}");
        }
        assert_eq!(kept(of("parentbased_traceidratio").with_share(0.25), Some(true)), 4_000);
        assert!("sometimes".parse::<Sampler>().expect_err("no name").contains("traceidratio"));
    }

    #[test]
    fn every_server_keeps_the_same_traces() {
        let sampler = "traceidratio".parse::<Sampler>().expect("a name").with_share(0.5);
        let trace = TraceId::read("00000000000000007f00000000000000").expect("an id");
        assert!(sampler.keeps(trace, None));
        let trace = TraceId::read("00000000000000008100000000000000").expect("an id");
        assert!(!sampler.keeps(trace, None));
    }
}
