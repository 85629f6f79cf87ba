//! Frames of a video, as they stream by with their times, to parts: one for each shot, long shots in windows.
//!
//! A frame stands until the next one is shown. Nothing here counts frames: they may come four times a second, or once in
//! ten.

use std::time::Instant;

use sensorium_types::{FailureReason, Span, Track};

use super::SCAN_STEP_MS;
use super::shots::{CutFinder, Likeness};
use crate::blank::is_blank;
use crate::resize::fit_square;
use crate::sink::Sink;
use crate::thumb::thumbnail;
use crate::{EncoderSpec, PartContent, Rgb};

/// A shot's last window that is shorter than this share of a window is no part of its own: it shares evenly with the
/// one before it.
const SHORT_SHARE: u64 = 4;
/// Longest time that a frame may stand, in milliseconds: a slide does, but behind a longer hole in a recording another
/// shot begins, and the frame before it stood to the end of its scan step.
pub(super) const MAX_STAND_MS: u64 = 600_000;

/// Collects frames of one shot and cuts it into windows. Only frames that may be embedded are kept.
pub(super) struct PartMaker<'a, 'b> {
    spec: &'a EncoderSpec,
    sink: &'a mut Sink<'b>,
    /// When the last frame began to be shown.
    last_ms: Option<u64>,
    finder: CutFinder,
    /// A full window whose shot goes on.
    full: Option<Window>,
    window: Option<Window>,
    /// The first blank part, for a video of nothing else.
    blank: Option<Window>,
}

/// The part that is being collected.
#[derive(Debug)]
struct Window {
    start_ms: u64,
    /// Where it ends; where its last frame begins while it is open.
    end_ms: u64,
    kept: Vec<Kept>,
    /// From when on the next frame is kept.
    next_ms: u64,
    /// Whether the first frame is kept only until a better one comes: it may still belong to a slow change.
    provisional: bool,
    /// A thumbnail of its first frame that is not blank.
    thumb: Option<Vec<u8>>,
    blank: bool,
}

#[derive(Debug)]
struct Kept {
    at_ms: u64,
    frame: Rgb,
}

impl Window {
    fn at(start_ms: u64) -> Self {
        Self {
            start_ms,
            end_ms: start_ms,
            kept: Vec::new(),
            next_ms: start_ms,
            provisional: true,
            thumb: None,
            blank: true,
        }
    }

    fn length_ms(&self) -> u64 {
        self.end_ms - self.start_ms
    }

    /// Two windows that follow each other, as two of the same length.
    fn share(self, next: Self) -> (Self, Self) {
        let middle = self.start_ms + (next.end_ms - self.start_ms) / 2;
        let (before, mut after): (Vec<_>, Vec<_>) =
            self.kept.into_iter().chain(next.kept).partition(|kept| kept.at_ms < middle);
        let blank = self.blank && next.blank;
        let thumb = after.first().filter(|_| !blank).and_then(|kept| thumbnail(&kept.frame)).or(next.thumb);
        if after.is_empty() {
            after.extend(before.last().map(|kept| Kept { at_ms: kept.at_ms, frame: kept.frame.clone() }));
        }
        (
            Self { end_ms: middle, kept: before, thumb: self.thumb, blank, ..Self::at(self.start_ms) },
            Self { end_ms: next.end_ms, kept: after, thumb, blank, ..Self::at(middle) },
        )
    }
}

impl<'a, 'b> PartMaker<'a, 'b> {
    pub(super) fn new(spec: &'a EncoderSpec, sink: &'a mut Sink<'b>) -> Self {
        let finder = CutFinder::default();
        Self { spec, sink, last_ms: None, finder, full: None, window: None, blank: None }
    }

    /// When the last frame began to be shown; `None` before the first.
    pub(super) fn last_ms(&self) -> Option<u64> {
        self.last_ms
    }

    /// Whether no more is cut.
    pub(super) fn is_full(&self) -> bool {
        self.sink.is_full(Track::Video)
    }

    /// When the decoder is to stop of itself, if no frame of a later moment comes.
    pub(super) fn until(&self) -> Instant {
        self.sink.until()
    }

    /// Takes a frame that is shown from this moment on, no earlier than the one before.
    pub(super) fn push(&mut self, frame: &Rgb, at_ms: u64) -> Result<(), FailureReason> {
        let at_ms = at_ms.max(self.last_ms.unwrap_or(0));
        let is_later = self.last_ms.is_none_or(|last| at_ms > last);
        let is_cut = self.finder.is_cut(Likeness::of(frame), at_ms);
        match self.last_ms.replace(at_ms) {
            Some(last) if at_ms - last > MAX_STAND_MS => {
                self.end_shot(last - last % SCAN_STEP_MS + SCAN_STEP_MS)?;
            }
            Some(_) if is_cut => self.end_shot(at_ms)?,
            Some(_) | None => self.end_window(at_ms)?,
        }
        let window = self.window.get_or_insert_with(|| Window::at(at_ms));
        let slot_ms = slot_ms(self.spec);
        if window.end_ms == window.start_ms && at_ms > window.start_ms + slot_ms / 2 {
            // Only the first frame was there until now: it stood for longer than a change takes.
            window.provisional = false;
        }
        window.end_ms = at_ms;
        if at_ms >= window.next_ms {
            // The middle of each slot stands for it, so that a cut that was found late spoils nothing.
            let slot = if at_ms == window.start_ms { 0 } else { (at_ms - window.start_ms) / slot_ms + 1 };
            window.next_ms = window.start_ms + slot * slot_ms + slot_ms / 2;
            Self::keep(window, self.spec, frame, at_ms)?;
        }
        if is_later { self.sink.goes_on() } else { Ok(()) }
    }

    /// Ends the window at this moment if it is full.
    fn end_window(&mut self, at_ms: u64) -> Result<(), FailureReason> {
        let is_full = |window: &mut Window| at_ms - window.start_ms >= self.spec.video.window_ms;
        let Some(mut window) = self.window.take_if(is_full) else { return Ok(()) };
        window.end_ms = at_ms;
        match self.full.replace(window) {
            Some(before) => self.put(before),
            None => Ok(()),
        }
    }

    fn keep(window: &mut Window, spec: &EncoderSpec, frame: &Rgb, at_ms: u64) -> Result<(), FailureReason> {
        let blank = is_blank(frame);
        if blank && !window.kept.is_empty() {
            return Ok(());
        }
        if window.blank && !blank {
            window.kept.clear();
            window.thumb = None;
            window.blank = false;
        }
        let first = |kept: &Kept| kept.at_ms == window.start_ms;
        if window.provisional && window.kept.len() == 1 && window.kept.first().is_some_and(first) {
            window.kept.clear();
        }
        if window.thumb.is_none() {
            window.thumb = thumbnail(frame);
        }
        let scaled = fit_square(frame, spec.image_size, spec.image_fit, spec.image_filter)?;
        window.kept.push(Kept { at_ms, frame: scaled });
        Ok(())
    }

    /// Puts out the rest; the last frame is shown until the given moment. Gives the first blank part, which is not put
    /// out.
    pub(super) fn finish(mut self, end_ms: u64) -> Result<Option<BlankPart>, FailureReason> {
        self.end_shot(end_ms)?;
        let Some(window) = self.blank.take() else { return Ok(None) };
        let (span, content) = self.part(&window);
        Ok(Some(BlankPart { span, content, thumb: window.thumb }))
    }

    fn end_shot(&mut self, end_ms: u64) -> Result<(), FailureReason> {
        let last = self.window.take().map(|last| Window { end_ms: end_ms.max(last.end_ms), ..last });
        let usual_ms = self.spec.video.window_ms.saturating_mul(2);
        match (self.full.take(), last) {
            // One frame more than a window is no window.
            (Some(full), Some(last)) if last.length_ms() <= SCAN_STEP_MS => {
                self.put(Window { end_ms: last.end_ms, ..full })
            }
            // A window in which a frame stood for long is left as it is: its middle is no change.
            (Some(full), Some(last))
                if last.length_ms() * SHORT_SHARE < full.length_ms() && full.length_ms() < usual_ms =>
            {
                let (one, two) = full.share(last);
                self.put(one)?;
                self.put(two)
            }
            (full, last) => full.into_iter().chain(last).try_for_each(|window| self.put(window)),
        }
    }

    fn put(&mut self, window: Window) -> Result<(), FailureReason> {
        if window.blank {
            self.blank.get_or_insert(window);
            return Ok(());
        }
        let (span, content) = self.part(&window);
        self.sink.put(Track::Video, Some(span), content, window.thumb)
    }

    fn part(&self, window: &Window) -> (Span, PartContent) {
        let (start_ms, end_ms) = (window.start_ms, window.end_ms.max(window.start_ms + 1));
        let frames = evenly(&window.kept, self.spec.video.max_frames_per_part.max(1));
        (Span::Time { start_ms, end_ms }, PartContent::Frames(frames))
    }
}

/// The first part of a video in which nothing is to be seen.
pub(super) struct BlankPart {
    pub span: Span,
    pub content: PartContent,
    pub thumb: Option<Vec<u8>>,
}

/// Milliseconds of which one frame is embedded.
#[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
fn slot_ms(spec: &EncoderSpec) -> u64 {
    ((1000.0 / f64::from(spec.video.fps.max(0.01))).round() as u64).max(1)
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

    /// Parts of frames that are shown from these moments on.
    fn cut_at(frames: &[(u64, Rgb)], end_ms: u64) -> (bool, Vec<Part>) {
        let spec = EncoderSpec::default();
        let (blank, parts) = collect(1000, |sink| {
            let mut maker = PartMaker::new(&spec, sink);
            for (at_ms, frame) in frames {
                maker.push(frame, *at_ms)?;
            }
            maker.finish(end_ms)
        })
        .expect("parts");
        (blank.is_some(), parts)
    }

    /// Parts of four frames a second.
    fn cut(frames: &[Rgb], end_ms: u64) -> (bool, Vec<Part>) {
        let timed: Vec<_> = (0..).step_by(250).zip(frames.iter().cloned()).collect();
        cut_at(&timed, end_ms)
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

    #[test]
    fn a_frame_more_than_a_window_belongs_to_it() {
        assert_eq!(spans(&cut(&vec![frame(0); 81], 20_080).1), [(0, 10_000), (10_000, 20_080)]);
    }

    #[test]
    fn a_slide_stands_until_the_next_one() {
        let slides: Vec<_> = (0..5_usize).map(|place| (place as u64 * 10_000, frame(place * 50))).collect();
        let (_, parts) = cut_at(&slides, 50_000);
        let expected: Vec<_> = (0..5).map(|place| (place * 10_000, place * 10_000 + 10_000)).collect();
        assert_eq!(spans(&parts), expected);
        let quick: Vec<_> = (0..4).map(|place| (place * 2_000, frame(0))).collect();
        let (_, parts) = cut_at(&quick, 8_000);
        assert_eq!(spans(&parts), [(0, 8_000)]);
        let PartContent::Frames(frames) = &parts[0].content else { panic!("frames") };
        assert_eq!(frames.len(), 4, "each was on the screen for long");
    }

    #[test]
    fn a_hole_of_hours_makes_no_parts() {
        let mut frames: Vec<_> = (0..24).map(|place| (place * 250, frame(0))).collect();
        frames.extend((0..12).map(|place| (7_200_000 + place * 250, frame(0))));
        let (_, parts) = cut_at(&frames, 7_203_000);
        assert_eq!(spans(&parts), [(0, 6_000), (7_200_000, 7_203_000)]);
    }

    #[test]
    fn a_window_with_a_slide_keeps_its_changes_in_place() {
        let frames = [(0, frame(0)), (60_000, frame(2)), (60_250, frame(3))];
        assert_eq!(spans(&cut_at(&frames, 65_000).1), [(0, 60_000), (60_000, 65_000)]);
    }
}
