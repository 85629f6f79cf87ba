//! Frames of a film, as they stream by, to parts: one for each shot, long shots in windows.

use sensorium_types::{FailureReason, Span, Track};

use super::shots::{CutFinder, Likeness};
use crate::blank::is_blank;
use crate::resize::square;
use crate::sink::Sink;
use crate::thumb::thumbnail;
use crate::{PartContent, Rgb, TowerSpec};

/// A shot's last window that is shorter than this share of a window is no part of its own: it shares evenly with the
/// one before it.
const SHORT_SHARE: usize = 4;

/// Collects frames of one shot and cuts it into windows. Only frames that may be embedded are kept.
pub(super) struct PartMaker<'a, 'b> {
    spec: &'a TowerSpec,
    sink: &'a mut Sink<'b>,
    fps: f64,
    /// Scanned frames so far, over all shots.
    seen: usize,
    finder: CutFinder,
    /// A full window whose shot goes on.
    full: Option<Window>,
    window: Window,
    /// The first blank part, for a film of nothing else.
    blank: Option<(Window, Option<u64>)>,
}

/// The part that is being collected.
#[derive(Debug)]
struct Window {
    /// Index of its first scanned frame.
    first: usize,
    /// Scanned frames in it.
    count: usize,
    kept: Vec<Kept>,
    /// A thumbnail of its first frame that is not blank.
    thumb: Option<Vec<u8>>,
    blank: bool,
}

#[derive(Debug)]
struct Kept {
    index: usize,
    frame: Rgb,
}

impl Window {
    fn at(first: usize) -> Self {
        Self { first, count: 0, kept: Vec::new(), thumb: None, blank: true }
    }

    /// Two windows that follow each other, as two of the same length.
    fn share(self, next: Self) -> (Self, Self) {
        let count = self.count + next.count;
        let middle = self.first + count / 2;
        let (before, mut after): (Vec<_>, Vec<_>) =
            self.kept.into_iter().chain(next.kept).partition(|kept| kept.index < middle);
        let blank = self.blank && next.blank;
        let thumb = after.first().filter(|_| !blank).and_then(|kept| thumbnail(&kept.frame)).or(next.thumb);
        if after.is_empty() {
            after.extend(before.last().map(|kept| Kept { index: kept.index, frame: kept.frame.clone() }));
        }
        (
            Self { first: self.first, count: count / 2, kept: before, thumb: self.thumb, blank },
            Self { first: middle, count: count - count / 2, kept: after, thumb, blank },
        )
    }
}

impl<'a, 'b> PartMaker<'a, 'b> {
    pub(super) fn new(spec: &'a TowerSpec, fps: f64, sink: &'a mut Sink<'b>) -> Self {
        let finder = CutFinder::default();
        Self { spec, sink, fps, seen: 0, finder, full: None, window: Window::at(0), blank: None }
    }

    /// Frames met so far.
    pub(super) fn frames(&self) -> usize {
        self.seen
    }

    /// Whether no more is cut.
    pub(super) fn is_full(&self) -> bool {
        self.sink.is_full(Track::Video)
    }

    /// Takes the next scanned frame.
    pub(super) fn push(&mut self, frame: &Rgb) -> Result<(), FailureReason> {
        if self.finder.is_cut(Likeness::of(frame)) {
            self.end_shot(None)?;
        } else if self.ms(self.window.count) >= self.spec.video.window_ms {
            let window = std::mem::replace(&mut self.window, Window::at(self.seen));
            if let Some(before) = self.full.replace(window) {
                self.put(before, None)?;
            }
        }
        let stride = stride(self.fps, self.spec.video.fps);
        // The middle of each stride stands for it, so that a cut that was found late spoils nothing.
        if self.window.count % stride == stride / 2 || self.window.count == 0 {
            self.keep(frame)?;
        }
        self.window.count += 1;
        self.seen += 1;
        Ok(())
    }

    fn keep(&mut self, frame: &Rgb) -> Result<(), FailureReason> {
        let blank = is_blank(frame);
        let window = &mut self.window;
        if blank && !window.kept.is_empty() {
            return Ok(());
        }
        if window.blank && !blank {
            window.kept.clear();
            window.thumb = None;
            window.blank = false;
        }
        // The first frame of a shot may still belong to a slow change: it stands only until a better one comes.
        if window.kept.len() == 1 && window.kept.first().is_some_and(|kept| kept.index == window.first) {
            window.kept.clear();
        }
        if window.thumb.is_none() {
            window.thumb = thumbnail(frame);
        }
        let tower = square(frame, self.spec.image_size, self.spec.image_fit)?;
        window.kept.push(Kept { index: self.seen, frame: tower });
        Ok(())
    }

    /// Puts out the rest. The last part ends where the film ends. With `keep_blank`, a film of blank frames only keeps
    /// its first part; else that part is given back.
    pub(super) fn finish(mut self, duration_ms: u64) -> Result<Option<BlankPart>, FailureReason> {
        let scanned = self.ms(self.seen);
        // A container's length is believed where the frames agree with it within two scanned frames.
        let end = if duration_ms > 0 && duration_ms.abs_diff(scanned) <= self.ms(2) {
            duration_ms
        } else {
            scanned
        };
        self.end_shot(Some(end))?;
        let Some((window, end_ms)) = self.blank.take() else { return Ok(None) };
        let (span, content) = self.part(&window, end_ms);
        Ok(Some(BlankPart { span, content, thumb: window.thumb }))
    }

    fn ms(&self, frames: usize) -> u64 {
        ms(frames, self.fps)
    }

    fn end_shot(&mut self, end_ms: Option<u64>) -> Result<(), FailureReason> {
        let last = std::mem::replace(&mut self.window, Window::at(self.seen));
        match self.full.take() {
            Some(full) if last.count * SHORT_SHARE < full.count => {
                let (one, two) = full.share(last);
                self.put(one, None)?;
                self.put(two, end_ms)
            }
            Some(full) => {
                self.put(full, None)?;
                self.put(last, end_ms)
            }
            None => self.put(last, end_ms),
        }
    }

    fn put(&mut self, window: Window, end_ms: Option<u64>) -> Result<(), FailureReason> {
        if window.count == 0 {
            return Ok(());
        }
        if window.blank {
            self.blank.get_or_insert((window, end_ms));
            return Ok(());
        }
        let (span, content) = self.part(&window, end_ms);
        self.sink.put(Track::Video, Some(span), content, window.thumb)
    }

    fn part(&self, window: &Window, end_ms: Option<u64>) -> (Span, PartContent) {
        let start_ms = self.ms(window.first);
        let end_ms = end_ms.unwrap_or_else(|| self.ms(window.first + window.count)).max(start_ms + 1);
        let frames = evenly(&window.kept, self.spec.video.max_frames_per_part.max(1));
        (Span::Time { start_ms, end_ms }, PartContent::Frames(frames))
    }
}

/// The first part of a film in which nothing is to be seen.
pub(super) struct BlankPart {
    pub span: Span,
    pub content: PartContent,
    pub thumb: Option<Vec<u8>>,
}

/// Scanned frames for each frame that is embedded.
#[expect(clippy::cast_possible_truncation, reason = "a quotient of frame rates is small, and casts saturate")]
fn stride(scanned: f64, embedded: f32) -> usize {
    (scanned / f64::from(embedded.max(0.01))).round().max(1.0) as usize
}

#[expect(clippy::cast_possible_truncation, reason = "hours in milliseconds fit by far")]
fn ms(frames: usize, fps: f64) -> u64 {
    (frames as f64 * 1000.0 / fps) as u64
}

/// At most `most` of the frames, evenly spread, the middle of each share.
fn evenly(kept: &[Kept], most: usize) -> Vec<Rgb> {
    let count = kept.len();
    let places: Vec<usize> = if count <= most {
        (0..count).collect()
    } else {
        (0..most).map(|share| (2 * share + 1) * count / (2 * most)).collect()
    };
    places.into_iter().filter_map(|place| kept.get(place)).map(|kept| kept.frame.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Part;
    use crate::sink::collect;

    fn frame(value: usize) -> Rgb {
        let pixels = (0..64 * 36 * 3)
            .map(|at| u8::try_from((at / 3 % 64 * 3 + value) % 256).expect("a byte"))
            .collect();
        Rgb { width: 64, height: 36, pixels }
    }

    fn blank() -> Rgb {
        Rgb { width: 64, height: 36, pixels: vec![0; 64 * 36 * 3] }
    }

    fn cut(frames: &[Rgb], duration_ms: u64) -> (bool, Vec<Part>) {
        let spec = TowerSpec::default();
        let (blank, parts) = collect(1000, |sink| {
            let mut maker = PartMaker::new(&spec, 4.0, sink);
            for frame in frames {
                maker.push(frame)?;
            }
            maker.finish(duration_ms)
        })
        .expect("parts");
        (blank.is_some(), parts)
    }

    fn spans(parts: &[Part]) -> Vec<(u64, u64)> {
        parts.iter().filter_map(|part| part.span?.time()).collect()
    }

    #[test]
    fn a_long_shot_is_cut_into_windows() {
        let (_, parts) = cut(&vec![frame(0); 100], 25_000);
        assert_eq!(spans(&parts), [(0, 10_000), (10_000, 20_000), (20_000, 25_000)]);
        for part in &parts {
            let PartContent::Frames(frames) = &part.content else { panic!("frames") };
            assert!((1..=4).contains(&frames.len()) && part.thumb.is_some());
        }
    }

    #[test]
    fn a_short_rest_shares_with_the_window_before() {
        let (_, parts) = cut(&vec![frame(0); 84], 21_000);
        assert_eq!(spans(&parts), [(0, 10_000), (10_000, 15_500), (15_500, 21_000)]);
    }

    #[test]
    fn a_new_shot_begins_a_new_part_and_blank_ones_are_dropped() {
        let mut frames = vec![frame(0); 12];
        frames.extend(vec![blank(); 8]);
        frames.extend(vec![frame(120); 12]);
        let (blank, parts) = cut(&frames, 8_000);
        assert_eq!(spans(&parts), [(0, 3_000), (5_000, 8_000)]);
        assert!(blank, "the first blank part is kept for its caller");
    }

    #[test]
    fn one_frame_makes_one_part() {
        assert_eq!(spans(&cut(&[frame(0)], 40).1), [(0, 40)]);
        let (blank, parts) = cut(&[blank(), blank()], 0);
        assert!(blank && parts.is_empty());
    }
}
