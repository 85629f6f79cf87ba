//! An edit decision list, CMX 3600: the moments one after another, each cut from its own video.
//!
//! ```text
//! TITLE: SENSORIUM MOMENTS
//! FCM: DROP FRAME                                        how the timecodes that follow count
//! 001  A001     AA/V  C        01:00:02;00 01:00:04;15 01:00:00;00 01:00:02;15
//!      reel     tracks cut     from and to in the video, from and to in the sequence
//! * FROM CLIP NAME: a.mov
//! * FROM FILE: /m/a.mov
//! ```
//! From and to in the video are in its own rate and begin at its own timecode. An EDL has one rate for its sequence: that
//! of the first video, from 01:00:00:00 on. A video of another rate gets an `M2` line, the frames of it that play in a
//! second.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use sensorium_types::Modality;

use super::moment::{InFrames, timeline};
use super::{ExportError, ExportMoment, Timecode, words};

/// Most events: their numbers have three digits.
const MAX_EVENTS: usize = 999;
/// Longest name of a reel.
const REEL_CHARS: usize = 8;
/// Names of reels that mean something else: auxiliary, black and bars.
const RESERVED: [&str; 4] = ["AX", "BL", "BLACK", "BARS"];

/// Writes the list.
pub(super) fn write(moments: &[&ExportMoment]) -> Result<String, ExportError> {
    if moments.len() > MAX_EVENTS {
        return Err(ExportError::TooMany { limit: MAX_EVENTS, received: moments.len() });
    }
    let sequence = timeline(moments);
    // Where sequences begin by custom: 01:00:00:00.
    let hour = sequence.day() / 24;
    let start = sequence.origin().plus(hour);
    let mut list = format!("TITLE: SENSORIUM MOMENTS\n{}\n", mode(start));
    let (mut is_drop, mut done) = (start.is_drop(), 0_u64);
    let mut reels = Reels::default();
    for (number, moment) in (1_usize..).zip(moments) {
        let placed = moment.in_frames(sequence);
        let length = length(&placed, sequence);
        let (from, to) = (done, done.saturating_add(length));
        if hour.saturating_add(to) > sequence.day() {
            return Err(ExportError::TooLong);
        }
        done = to;
        list.push('\n');
        if placed.start.is_drop() != is_drop {
            is_drop = placed.start.is_drop();
            list.push_str(mode(placed.start));
            list.push('\n');
        }
        let times = [placed.start, placed.start.plus(placed.frames), start.plus(from), start.plus(to)];
        // Writing to a string does not fail.
        _ = event(number, moment, reels.of(moment), times, &mut list);
    }
    Ok(list)
}

fn event(
    number: usize,
    moment: &ExportMoment,
    reel: &str,
    times: [Timecode; 4],
    list: &mut String,
) -> std::fmt::Result {
    let [source_in, source_out, record_in, record_out] = times;
    let tracks = tracks(moment);
    writeln!(
        list,
        "{number:03}  {reel:<REEL_CHARS$} {tracks:<5} C        {source_in} {source_out} {record_in} {record_out}"
    )?;
    if source_in.rate().nominal() != record_in.rate().nominal() {
        // Its timecode has colons, as it has in lists of all programs; `FCM` says how it counts.
        let at = source_in.to_string().replace(';', ":");
        writeln!(list, "M2   {reel:<REEL_CHARS$} {:07.3}                {at}", source_in.rate().as_f64())?;
    }
    writeln!(list, "* FROM CLIP NAME: {}", words::line(&moment.name))?;
    if let Some(path) = &moment.path {
        match words::plain(path) {
            Some(path) => writeln!(list, "* FROM FILE: {path}")?,
            None => writeln!(list, "* FROM FILE: {}", words::file_url(path))?,
        }
    }
    if let Some(title) = &moment.title {
        writeln!(list, "* COMMENT: {}", words::line(title))?;
    }
    if let Some(score) = moment.score {
        writeln!(list, "* SCORE: {score:.1}")?;
    }
    Ok(())
}

/// Frames of the sequence that a moment takes. Rates of one nominal, such as 30 and 29.97, play frame for frame.
fn length(placed: &InFrames, sequence: Timecode) -> u64 {
    let (own, other) = (placed.start.rate(), sequence.rate());
    if own.nominal() == other.nominal() { placed.frames } else { other.frames_of(placed.frames, own) }
}

const fn mode(timecode: Timecode) -> &'static str {
    if timecode.is_drop() { "FCM: DROP FRAME" } else { "FCM: NON-DROP FRAME" }
}

/// The tracks that are cut: B is video with one channel of audio, AA two channels.
const fn tracks(moment: &ExportMoment) -> &'static str {
    match (moment.modality, moment.channels) {
        (Modality::Audio, 0 | 1) => "A",
        (Modality::Audio, _) => "AA",
        (Modality::Video | Modality::Image | Modality::Text, 0) => "V",
        (Modality::Video | Modality::Image | Modality::Text, 1) => "B",
        (Modality::Video | Modality::Image | Modality::Text, _) => "AA/V",
    }
}

/// A name of at most eight letters and digits for each file, no two alike.
#[derive(Debug, Default)]
struct Reels<'a> {
    of: HashMap<(&'a str, Option<&'a std::path::Path>), String>,
    taken: HashSet<String>,
}

impl<'a> Reels<'a> {
    fn of(&mut self, moment: &'a ExportMoment) -> &str {
        // One file is one reel; media without a path is told apart by its asset.
        let key = match moment.path.as_deref() {
            Some(path) => ("", Some(path)),
            None => (moment.asset.as_str(), None),
        };
        let taken = &mut self.taken;
        self.of.entry(key).or_insert_with(|| {
            let name = free(&moment.name, taken);
            taken.insert(name.clone());
            name
        })
    }
}

/// The first letters and digits of a file's name without its suffix; a number takes the place of the last ones where that is taken.
fn free(name: &str, taken: &HashSet<String>) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem });
    let own: String = stem
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(REEL_CHARS)
        .collect::<String>()
        .to_ascii_uppercase();
    let own = if own.is_empty() { "CLIP".to_owned() } else { own };
    let is_free = |reel: &String| !taken.contains(reel) && !RESERVED.contains(&reel.as_str());
    if is_free(&own) {
        return own;
    }
    let numbered = |number: usize| {
        let number = number.to_string();
        let kept: String = own.chars().take(REEL_CHARS - number.len().min(REEL_CHARS)).collect();
        format!("{kept}{number}")
    };
    // There are more numbers than events.
    (1..=MAX_EVENTS + 1).map(numbered).find(is_free).unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::super::moment::tests::{other, video};
    use super::*;

    fn list(moments: &[ExportMoment]) -> Vec<String> {
        let list = write(&moments.iter().collect::<Vec<_>>()).expect("a list");
        list.lines().map(str::to_owned).collect()
    }

    /// 2 s of 23.976 are 47.95 frames, 4.5 s are 107.89: frames 48 to 108.
    #[test]
    fn film_counts_every_number() {
        let moments = [
            video("/m/A001_C002.mov", "24000/1001", "01:00:00:00", (2_000, 4_500)),
            video("/m/A001_C002.mov", "24000/1001", "01:00:00:00", (3_600_000, 3_601_001)),
        ];
        assert_eq!(
            list(&moments),
            [
                "TITLE: SENSORIUM MOMENTS",
                "FCM: NON-DROP FRAME",
                "",
                "001  A001C002 AA/V  C        01:00:02:00 01:00:04:12 01:00:00:00 01:00:02:12",
                "* FROM CLIP NAME: A001_C002.mov",
                "* FROM FILE: /m/A001_C002.mov",
                "* COMMENT: a dog",
                "* SCORE: 5.2",
                "",
                // An hour of the clock is 86,314 frames: 59 min 56 s and 10 frames.
                "002  A001C002 AA/V  C        01:59:56:10 01:59:57:10 01:00:02:12 01:00:03:12",
                "* FROM CLIP NAME: A001_C002.mov",
                "* FROM FILE: /m/A001_C002.mov",
                "* COMMENT: a dog",
                "* SCORE: 5.2",
            ]
        );
    }

    /// At 29.97 drop-frame ten minutes and an hour of the clock are ten minutes and an hour of timecode.
    #[test]
    fn drop_frame_goes_with_the_clock() {
        let moments = [
            video("/m/a.mov", "30000/1001", "00:00:00;00", (600_000, 660_000)),
            video("/m/a.mov", "30000/1001", "00:00:00;00", (3_600_000, 3_600_100)),
        ];
        let list = list(&moments);
        assert_eq!(list[1], "FCM: DROP FRAME");
        // A minute is 1798.2 frames; the first minute of the sequence has 1800 numbers, the eleventh of the video too.
        assert_eq!(list[3], "001  A        AA/V  C        00:10:00;00 00:10:59;28 01:00:00;00 01:00:59;28");
        assert_eq!(list[9], "002  A        AA/V  C        01:00:00;00 01:00:00;03 01:00:59;28 01:01:00;03");
    }

    #[test]
    fn each_video_keeps_its_own_time_base() {
        let moments = [
            video("/m/a.mov", "30000/1001", "", (0, 1_001)),
            video("/m/b.mov", "24000/1001", "10:00:00:00", (0, 2_002)),
            other("/m/c.wav", Modality::Audio, Some((0, 1_001))),
        ];
        let list = list(&moments);
        let lines: Vec<&str> = list
            .iter()
            .map(String::as_str)
            .filter(|line| !line.is_empty() && !line.starts_with('*'))
            .collect();
        assert_eq!(
            lines,
            [
                "TITLE: SENSORIUM MOMENTS",
                "FCM: DROP FRAME",
                "001  A        AA/V  C        00:00:00;00 00:00:01;00 01:00:00;00 01:00:01;00",
                "FCM: NON-DROP FRAME",
                "002  B        AA/V  C        10:00:00:00 10:00:02:00 01:00:01;00 01:00:03;00",
                "M2   B        023.976                10:00:00:00",
                "FCM: DROP FRAME",
                "003  C        A     C        00:00:00;00 00:00:01;00 01:00:03;00 01:00:04;00",
            ]
        );
    }

    #[test]
    fn images_and_audio_alone_count_as_in_europe() {
        let list = list(&[
            other("/m/a.jpg", Modality::Image, None),
            other("/m/b.wav", Modality::Audio, Some((1_000, 1_040))),
        ]);
        assert_eq!(list[3], "001  A        V     C        00:00:00:00 00:00:05:00 01:00:00:00 01:00:05:00");
        assert_eq!(list[7], "002  B        A     C        00:00:01:00 00:00:01:01 01:00:05:00 01:00:05:01");
    }

    #[test]
    fn reels_are_short_and_no_two_alike() {
        let mut reels = Reels::default();
        let named = |path: &str| other(path, Modality::Image, None);
        let moments = [
            "/1/clip_0001_long.mov",
            "/2/clip_0001_long.mov",
            "/3/ax.mov",
            "/4/\u{e9}\u{e8}.mov",
            "/5/.x",
            "/1/clip_0001_long.mov",
        ]
        .map(named);
        let found: Vec<String> = moments.iter().map(|moment| reels.of(moment).to_owned()).collect();
        assert_eq!(found, ["CLIP0001", "CLIP0002", "AX1", "CLIP", "X", "CLIP0001"]);
    }

    #[test]
    fn no_name_can_add_a_line_or_an_event() {
        let mut moment = other("/x", Modality::Image, None);
        moment.name = "a\n002  AX V C 00:00:00:00".to_owned();
        moment.title = Some("t\r\nTITLE: x".to_owned());
        moment.path = Some(OsStr::from_bytes(b"/m/\xff\n.jpg").into());
        let list = list(&[moment]);
        assert_eq!(list.len(), 7, "{list:?}");
        assert_eq!(list[4], "* FROM CLIP NAME: a\\n002  AX V C 00:00:00:00");
        assert_eq!(list[5], "* FROM FILE: file:///m/%FF%0A.jpg");
    }

    #[test]
    fn what_it_cannot_hold_is_refused() {
        let long = video("/m/a.mov", "25/1", "", (0, 23 * 3_600_000));
        assert!(write(&[&long]).is_ok());
        let second = video("/m/a.mov", "25/1", "", (0, 40));
        assert_eq!(write(&[&long, &second]), Err(ExportError::TooLong));
        let many = vec![&second; MAX_EVENTS + 1];
        assert_eq!(write(&many), Err(ExportError::TooMany { limit: MAX_EVENTS, received: 1000 }));
        assert!(write(&many[1..]).is_ok());
    }

    #[test]
    fn a_day_of_timecode_begins_anew() {
        let list = list(&[video("/m/a.mov", "25/1", "23:59:59:00", (0, 2_000))]);
        assert!(list[3].contains("23:59:59:00 00:00:01:00 01:00:00:00 01:00:02:00"), "{list:?}");
    }
}
