//! Frames of a film, as they stream by, to parts.

use sensorium_types::{FailureReason, Span, Track};

use super::shots::{CutFinder, Likeness};
use crate::resize::square;
use crate::thumb::thumbnail;
use crate::{Limits, Part, PartContent, Rgb, TowerSpec};

/// Collects frames of one shot and cuts it into windows. Only frames that may be embedded are kept.
pub(super) struct PartMaker<'a> {
    spec: &'a TowerSpec,
    fps: f64,
    max_parts: usize,
    /// Scanned frames so far, over all shots.
    seen: usize,
    finder: CutFinder,
    window: Window,
    done: Vec<(Part, bool)>,
}

/// The part that is being collected.
#[derive(Default)]
struct Window {
    /// Index of its first scanned frame.
    first: usize,
    /// Scanned frames in it.
    count: usize,
    /// Tower-sized frames with their index, thinned out as the window grows.
    kept: Vec<(usize, Rgb)>,
    /// A thumbnail of its first frame that is not blank.
    thumb: Option<Vec<u8>>,
    blank: bool,
}

impl<'a> PartMaker<'a> {
    pub(super) fn new(spec: &'a TowerSpec, fps: f64, limits: &Limits) -> Self {
        Self {
            spec,
            fps,
            max_parts: limits.max_parts,
            seen: 0,
            finder: CutFinder::default(),
            window: Window { blank: true, ..Window::default() },
            done: Vec::new(),
        }
    }

    /// Frames met so far.
    pub(super) fn frames(&self) -> usize {
        self.seen
    }

    /// Takes the next scanned frame.
    pub(super) fn push(&mut self, frame: &Rgb) -> Result<(), FailureReason> {
        let likeness = Likeness::of(frame);
        let full = self.ms(self.window.count) >= self.spec.video.window_ms;
        if self.finder.is_cut(&likeness) || full {
            self.close(self.seen, None);
        }
        let blank = likeness.is_blank();
        let stride = (self.fps / f64::from(self.spec.video.fps.max(0.01))).round().max(1.0) as usize;
        // The middle of each stride stands for it, so that a cut that was found late spoils nothing.
        if self.window.count % stride == stride / 2 || (self.window.kept.is_empty() && self.window.count == 0) {
            if !blank || self.window.kept.is_empty() {
                if self.window.blank && !blank {
                    self.window.kept.clear();
                }
                let tower = square(frame, self.spec.image_size, self.spec.image_fit)?;
                self.window.kept.push((self.seen, tower));
            }
            if self.window.thumb.is_none() || (self.window.blank && !blank) {
                self.window.thumb = thumbnail(frame);
            }
            self.window.blank &= blank;
        }
        self.window.count += 1;
        self.seen += 1;
        Ok(())
    }

    /// The parts, each with whether it is blank. The last one ends where the film ends.
    pub(super) fn finish(mut self, duration_ms: u64) -> Result<Vec<(Part, bool)>, FailureReason> {
        let scanned = self.ms(self.seen);
        // A container's length is believed where the frames agree with it within two scanned frames.
        let end = if duration_ms.abs_diff(scanned) <= self.ms(2) { duration_ms } else { scanned };
        self.close(self.seen, Some(end));
        Ok(self.done)
    }

    fn ms(&self, frames: usize) -> u64 {
        (frames as f64 * 1000.0 / self.fps) as u64
    }

    fn close(&mut self, next: usize, end_ms: Option<u64>) {
        let fresh = Window { first: next, blank: true, ..Window::default() };
        let window = std::mem::replace(&mut self.window, fresh);
        if window.count == 0 || self.done.len() >= self.max_parts {
            return;
        }
        let start_ms = self.ms(window.first);
        let end_ms = end_ms.unwrap_or_else(|| self.ms(next)).max(start_ms + 1);
        let frames = evenly(window.kept, self.spec.video.max_frames_per_part.max(1));
        self.done.push((
            Part {
                track: Track::Video,
                ordinal: 0,
                span: Some(Span::Time { start_ms, end_ms }),
                content: PartContent::Frames(frames),
                thumb: window.thumb,
            },
            window.blank,
        ));
    }
}

/// At most `most` of the frames, evenly spread, the middle of each share.
fn evenly(frames: Vec<(usize, Rgb)>, most: usize) -> Vec<Rgb> {
    let count = frames.len();
    if count <= most {
        return frames.into_iter().map(|(_, frame)| frame).collect();
    }
    let wanted: Vec<usize> = (0..most).map(|share| (2 * share + 1) * count / (2 * most)).collect();
    frames.into_iter().enumerate().filter(|(at, _)| wanted.contains(at)).map(|(_, (_, frame))| frame).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(value: usize) -> Rgb {
        let pixels = (0..64 * 36 * 3).map(|at| u8::try_from((at / 3 % 64 * 3 + value) % 256).expect("a byte")).collect();
        Rgb { width: 64, height: 36, pixels }
    }

    fn blank() -> Rgb {
        Rgb { width: 64, height: 36, pixels: vec![0; 64 * 36 * 3] }
    }

    fn cut(frames: &[Rgb], duration_ms: u64) -> Vec<(Part, bool)> {
        let spec = TowerSpec::default();
        let mut maker = PartMaker::new(&spec, 4.0, &Limits::default());
        for frame in frames {
            maker.push(frame).expect("fits");
        }
        maker.finish(duration_ms).expect("parts")
    }

    fn spans(parts: &[(Part, bool)]) -> Vec<(u64, u64)> {
        parts.iter().filter_map(|(part, _)| part.span?.time()).collect()
    }

    #[test]
    fn a_long_shot_is_cut_into_windows() {
        let parts = cut(&vec![frame(0); 100], 25_000);
        assert_eq!(spans(&parts), [(0, 10_000), (10_000, 20_000), (20_000, 25_000)]);
        for (part, blank) in &parts {
            let PartContent::Frames(frames) = &part.content else { panic!("frames") };
            assert!((1..=4).contains(&frames.len()) && !blank && part.thumb.is_some());
        }
    }

    #[test]
    fn a_new_shot_begins_a_new_part() {
        let mut frames = vec![frame(0); 12];
        frames.extend(vec![blank(); 8]);
        frames.extend(vec![frame(120); 12]);
        let parts = cut(&frames, 8_000);
        assert_eq!(spans(&parts), [(0, 3_000), (3_000, 5_000), (5_000, 8_000)]);
        assert_eq!(parts.iter().map(|(_, blank)| *blank).collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn one_frame_makes_one_part() {
        assert_eq!(spans(&cut(&[frame(0)], 40)), [(0, 40)]);
    }
}
