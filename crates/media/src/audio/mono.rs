//! Several channels to one.
//!
//! The mean of all channels, unless they cancel each other out: of stereo whose sides have opposite phases the mean is
//! silence, though every listener hears it. Then the loudest channel is taken. Energies over about half a second decide, in
//! blocks of a tenth; what is chosen changes over one block, so that no change is heard as a click.

/// Blocks of samples for which is decided, a second.
const BLOCKS_A_SECOND: u32 = 10;
/// What a new block counts for in the energies.
const NEW: f32 = 0.2;
/// The mean has cancelled itself out if it is weaker than this share of what a lone channel would leave of itself. One
/// channel of n has 1/n^2 of its energy in their mean.
const CANCELLED: f32 = 1.0 / 8.0;
/// And it is back when it has this many times more.
const BACK: f32 = 4.0;
/// Another channel is taken when it is this many times louder than the one that is.
const LOUDER: f32 = 4.0;
/// Energy below which nothing is decided: -100 dB.
const SILENCE: f32 = 1e-10;

/// Turns interleaved samples into one channel.
#[derive(Debug)]
pub(super) struct Mono {
    channels: usize,
    /// Interleaved samples of one block.
    block: usize,
    pending: Vec<f32>,
    /// Mean squares of each channel, and of the mean of all.
    energies: Option<(Vec<f32>, f32)>,
    /// The channel that stands for all; the mean does if there is none.
    chosen: Option<usize>,
}

impl Mono {
    pub(super) fn new(rate_hz: u32, channels: usize) -> Self {
        let channels = channels.max(1);
        let block = (rate_hz / BLOCKS_A_SECOND).max(1) as usize * channels;
        Self { channels, block, pending: Vec::new(), energies: None, chosen: None }
    }

    /// Takes interleaved samples and appends what is ready.
    pub(super) fn push(&mut self, interleaved: &[f32], out: &mut Vec<f32>) {
        let sane = interleaved.iter().map(|sample| if sample.is_finite() { *sample } else { 0.0 });
        if self.channels == 1 {
            out.extend(sane);
            return;
        }
        self.pending.extend(sane);
        let whole = self.pending.len() - self.pending.len() % self.block;
        let rest = self.pending.split_off(whole);
        let ready = std::mem::replace(&mut self.pending, rest);
        for block in ready.chunks_exact(self.block) {
            self.mix(block, out);
        }
    }

    /// Appends the rest.
    pub(super) fn flush(&mut self, out: &mut Vec<f32>) {
        let rest = std::mem::take(&mut self.pending);
        if !rest.is_empty() {
            self.mix(&rest, out);
        }
    }

    fn mix(&mut self, block: &[f32], out: &mut Vec<f32>) {
        let before = self.chosen;
        let is_first = self.energies.is_none();
        self.weigh(block);
        self.chosen = self.choice();
        let from = if is_first { self.chosen } else { before };
        let count = (block.len() / self.channels).max(1) as f32;
        for (place, frame) in block.chunks_exact(self.channels).enumerate() {
            let new = of(frame, self.chosen);
            let old = if from == self.chosen { new } else { of(frame, from) };
            out.push(old + (new - old) * (place as f32 / count));
        }
    }

    /// Takes a block into the energies.
    fn weigh(&mut self, block: &[f32]) {
        let count = (block.len() / self.channels).max(1) as f32;
        let mut each = vec![0.0_f32; self.channels];
        let mut mean = 0.0_f32;
        for frame in block.chunks_exact(self.channels) {
            for (energy, sample) in each.iter_mut().zip(frame) {
                *energy += sample * sample / count;
            }
            mean += of(frame, None).powi(2) / count;
        }
        match &mut self.energies {
            Some((known, known_mean)) => {
                for (known, new) in known.iter_mut().zip(each) {
                    *known += NEW * (new - *known);
                }
                *known_mean += NEW * (mean - *known_mean);
            }
            None => self.energies = Some((each, mean)),
        }
    }

    fn choice(&self) -> Option<usize> {
        let (each, mean) = self.energies.as_ref()?;
        let (loudest, energy) = each.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
        let bar = energy * CANCELLED / (self.channels as f32).powi(2);
        match self.chosen {
            None => (energy > SILENCE && *mean < bar).then_some(loudest),
            Some(_) if *mean > bar * BACK => None,
            Some(chosen) if each.get(chosen).is_some_and(|own| own * LOUDER < energy) => Some(loudest),
            Some(chosen) => Some(chosen),
        }
    }
}

/// One sample of all channels, or the chosen one.
fn of(frame: &[f32], chosen: Option<usize>) -> f32 {
    match chosen.and_then(|channel| frame.get(channel)) {
        Some(sample) => *sample,
        None => frame.iter().sum::<f32>() / frame.len().max(1) as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 16_000;

    fn tone(at: usize) -> f32 {
        (at as f32 * 0.1).sin() * 0.5
    }

    /// Mono of seconds of frames.
    fn mixed(seconds: usize, channels: usize, frame: impl Fn(usize) -> Vec<f32>) -> Vec<f32> {
        let samples: Vec<f32> = (0..seconds * RATE as usize).flat_map(frame).collect();
        let mut mono = Mono::new(RATE, channels);
        let mut out = Vec::new();
        for piece in samples.chunks(777 * channels) {
            mono.push(piece, &mut out);
        }
        mono.flush(&mut out);
        assert_eq!(out.len(), seconds * RATE as usize);
        out
    }

    fn level(samples: &[f32]) -> f32 {
        (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
    }

    #[test]
    fn opposite_phases_are_no_silence() {
        let whole = level(&mixed(2, 1, |at| vec![tone(at)]));
        assert!((level(&mixed(2, 2, |at| vec![tone(at), -tone(at)])) - whole).abs() < 0.001);
        let almost = level(&mixed(2, 2, |at| vec![tone(at), tone(at) * -0.95]));
        assert!(almost > whole * 0.9, "{almost}");
        let six = level(&mixed(2, 6, |at| vec![tone(at), -tone(at), 0.0, 0.0, 0.0, 0.0]));
        assert!((six - whole).abs() < 0.001, "{six}");
    }

    #[test]
    fn what_does_not_cancel_is_the_mean() {
        for (left, right) in [(1.0, 1.0), (1.0, 0.0), (1.0, -0.5), (0.0, 0.0)] {
            let out = mixed(1, 2, |at| vec![tone(at) * left, tone(at) * right]);
            let wanted = |at: usize| tone(at) * (left + right) / 2.0;
            assert!(out.iter().enumerate().all(|(at, sample)| (sample - wanted(at)).abs() < 1e-6));
        }
        let lone = mixed(1, 6, |at| vec![tone(at), 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert!((level(&lone) * 6.0 - level(&mixed(1, 1, |at| vec![tone(at)]))).abs() < 0.001);
    }

    #[test]
    fn a_change_of_phase_is_followed_without_a_click() {
        let opposite = |at: usize| (4..8).contains(&(at / RATE as usize));
        let out = mixed(12, 2, |at| vec![tone(at), if opposite(at) { -tone(at) } else { tone(at) }]);
        let whole = level(&mixed(1, 1, |at| vec![tone(at)]));
        for second in [0, 1, 2, 3, 6, 7, 9, 10, 11] {
            let from = second * RATE as usize;
            let heard = level(&out[from..from + RATE as usize]);
            assert!((heard - whole).abs() < 0.02, "second {second}: {heard}");
        }
        let steps = out.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        // The source itself turns over twice.
        assert!(steps.filter(|step| *step > 0.06).count() <= 2);
    }
}
