//! Where audio is cut: at silence, at changes of sound, and at the longest window.
//!
//! Every 100 ms becomes a frame of three features (level, and the shares of low and high sound). A change is where
//! the mean of the second before differs most from that of the second after, relative to how much each varies.

use std::ops::Range;

use crate::WindowSpec;

const FRAMES_A_SECOND: usize = 10;
/// Level below which a frame is silent: -60 dB of full scale.
const SILENCE_DB: f32 = -60.0;
/// Silence this long ends a sound, in frames.
const SILENT_FRAMES: usize = 10;
/// Unless both sounds fit into one window: a dog that barks twice is one sound. Then silence this long does, in frames.
const SILENT_FRAMES_IN_WINDOW: usize = 20;
/// How far apart two seconds must be (in their own deviations and units) to be two sounds.
const CHANGE: f32 = 2.5;
/// Shortest sound between two changes, in frames.
const SHORTEST: usize = 15;

#[derive(Debug, Clone, Copy)]
struct Frame {
    level_db: f32,
    low: f32,
    high: f32,
}

/// The windows of a stretch of sound in samples, and the sample from which the rest is to be looked at again with
/// what follows. `last` says that nothing follows.
pub(super) fn windows(
    samples: &[f32],
    rate_hz: u32,
    spec: &WindowSpec,
    last: bool,
) -> (Vec<Range<usize>>, usize) {
    let (window, hop) = (samples_of(spec.window_ms, rate_hz), samples_of(spec.hop_ms, rate_hz));
    let step = (rate_hz as usize / FRAMES_A_SECOND).max(1);
    let frames = frames(samples, step);
    let sounds = sounds(&frames, window / step);
    let mut found = Vec::new();
    let mut rest = samples.len();
    for (sound, number) in sounds.iter().zip(1..) {
        let (start, end) = (sound.start * step, (sound.end * step).min(samples.len()));
        let goes_on = !last && number == sounds.len() && frames.len() - sound.end < SILENT_FRAMES;
        let mut at = start;
        while at + window < end {
            found.push(at..at + window);
            at += hop;
        }
        if goes_on {
            rest = at;
        } else {
            found.push(end.saturating_sub(window).max(start)..end);
        }
    }
    (found, rest)
}

/// Milliseconds in samples, at least one.
pub(super) fn samples_of(ms: u64, rate_hz: u32) -> usize {
    usize::try_from(ms.saturating_mul(u64::from(rate_hz)) / 1000).unwrap_or(usize::MAX).max(1)
}

fn frames(samples: &[f32], step: usize) -> Vec<Frame> {
    samples
        .chunks(step)
        .map(|chunk| {
            let energy = chunk.iter().map(|sample| sample * sample).sum::<f32>() / chunk.len() as f32;
            let (mut slow, mut low, mut high, mut before) = (0.0_f32, 0.0_f32, 0.0_f32, 0.0_f32);
            for sample in chunk {
                slow += 0.1 * (sample - slow);
                low += slow * slow;
                high += (sample - before).powi(2);
                before = *sample;
            }
            let total = (energy * chunk.len() as f32).max(1e-12);
            Frame {
                level_db: 10.0 * energy.max(1e-12).log10(),
                low: low / total,
                high: (high / total / 4.0).min(1.0),
            }
        })
        .collect()
}

/// Stretches of frames that hold one sound each; `window` is the longest part in frames.
fn sounds(frames: &[Frame], window: usize) -> Vec<Range<usize>> {
    let mut loud: Vec<Range<usize>> = Vec::new();
    for (at, frame) in frames.iter().enumerate() {
        if frame.level_db < SILENCE_DB {
            continue;
        }
        match loud.last_mut() {
            Some(last) if at - last.end < SILENT_FRAMES => last.end = at + 1,
            _ => loud.push(at..at + 1),
        }
    }
    let mut sounds: Vec<Range<usize>> = Vec::new();
    for stretch in loud {
        let gap = |last: &Range<usize>| stretch.start - last.end;
        let joins = |last: &&mut Range<usize>| {
            gap(last) < SILENT_FRAMES_IN_WINDOW && stretch.end - last.start <= window
        };
        match sounds.last_mut().filter(joins) {
            Some(last) => last.end = stretch.end,
            None => sounds.extend(split(frames, stretch)),
        }
    }
    sounds
}

/// Splits a stretch at its changes of sound.
fn split(frames: &[Frame], stretch: Range<usize>) -> Vec<Range<usize>> {
    let mut cuts = vec![stretch.start];
    let scores: Vec<(usize, f32)> = (stretch.start + FRAMES_A_SECOND
        ..stretch.end.saturating_sub(FRAMES_A_SECOND))
        .map(|at| (at, change(frames, at)))
        .collect();
    for (at, score) in &scores {
        let best =
            scores.iter().filter(|(other, _)| other.abs_diff(*at) <= SHORTEST / 2).all(|(_, s)| s <= score);
        let far = cuts.last().is_none_or(|last| at - last >= SHORTEST) && stretch.end - at >= SHORTEST;
        if *score >= CHANGE && best && far {
            cuts.push(*at);
        }
    }
    cuts.push(stretch.end);
    cuts.windows(2)
        .filter_map(|pair| match pair {
            [from, to] if to > from => Some(*from..*to),
            _ => None,
        })
        .collect()
}

/// How much the second after a frame differs from the second before it.
fn change(frames: &[Frame], at: usize) -> f32 {
    let before = frames.get(at - FRAMES_A_SECOND..at).unwrap_or_default();
    let after = frames.get(at..at + FRAMES_A_SECOND).unwrap_or_default();
    let feature = |get: fn(&Frame) -> f32, unit: f32| {
        let stats = |frames: &[Frame]| {
            let count = frames.len().max(1) as f32;
            let mean = frames.iter().map(get).sum::<f32>() / count;
            let variance = frames.iter().map(|frame| (get(frame) - mean).powi(2)).sum::<f32>() / count;
            (mean, variance)
        };
        let ((a, va), (b, vb)) = (stats(before), stats(after));
        (a - b).abs() / ((va + vb) / 2.0 + unit * unit).sqrt()
    };
    feature(|f| f.level_db.max(SILENCE_DB), 4.0).max(feature(|f| f.low, 0.1)).max(feature(|f| f.high, 0.06))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: WindowSpec = WindowSpec { window_ms: 5000, hop_ms: 2500 };
    const RATE: u32 = 16_000;

    fn whole(samples: &[f32]) -> Vec<Range<usize>> {
        windows(samples, RATE, &SPEC, true).0
    }

    fn tone(seconds: usize, hz: f32) -> Vec<f32> {
        (0..seconds * RATE as usize)
            .map(|at| (at as f32 * hz * std::f32::consts::TAU / RATE as f32).sin() * 0.3)
            .collect()
    }

    #[test]
    fn long_audio_has_overlapping_windows_to_its_end() {
        let found = whole(&tone(12, 300.0));
        assert_eq!(found.first(), Some(&(0..80_000)));
        assert_eq!(found.last(), Some(&(112_000..192_000)));
        assert!(found.windows(2).all(|pair| pair[0].end > pair[1].start));
    }

    #[test]
    fn silence_is_dropped() {
        assert!(whole(&vec![0.0; 20 * RATE as usize]).is_empty());
        let mut sound = tone(2, 300.0);
        sound.extend(vec![0.0; 6 * RATE as usize]);
        sound.extend(tone(2, 300.0));
        let found = whole(&sound);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_short_silence_within_a_window_is_no_cut() {
        let barks = |tenths: usize| {
            let silence = vec![0.0; RATE as usize / 10 * tenths];
            [tone(1, 300.0), silence, tone(1, 300.0)].concat()
        };
        assert_eq!(whole(&barks(15)).len(), 1);
        assert_eq!(whole(&barks(25)).len(), 2);
    }

    #[test]
    fn another_sound_begins_another_window() {
        let mut sound = tone(10, 200.0);
        sound.extend(tone(10, 3000.0));
        let boundary = 10 * RATE as usize;
        let found = whole(&sound);
        assert!(found.iter().any(|w| w.start.abs_diff(boundary) <= RATE as usize / 2), "{found:?}");
        assert!(found.iter().any(|w| w.end.abs_diff(boundary) <= RATE as usize / 2), "{found:?}");
    }

    #[test]
    fn short_audio_is_one_window() {
        assert_eq!(whole(&tone(1, 300.0)), vec![0..16_000]);
        assert!(whole(&[]).is_empty());
    }

    #[test]
    fn what_goes_on_is_left_for_the_next_stretch() {
        let (found, rest) = windows(&tone(12, 300.0), RATE, &SPEC, false);
        assert_eq!(found.last(), Some(&(80_000 - 40_000 + 40_000..160_000)));
        assert_eq!(rest, 120_000, "the next window begins a hop further");
        let (_, rest) = windows(&[tone(3, 300.0), vec![0.0; 64_000]].concat(), RATE, &SPEC, false);
        assert_eq!(rest, 7 * RATE as usize, "all is cut where silence follows");
    }
}
