//! WebVTT: a cue for each moment, in the time of its own media. Cues are in order of start, as the format demands, and
//! say what they are of.

use std::fmt::Write;

use super::{ExportMoment, words};

/// Writes the cues.
pub(super) fn write(moments: &[&ExportMoment]) -> String {
    let mut file = String::from("WEBVTT\n");
    let mut cues: Vec<_> = moments.iter().map(|moment| (moment.times(), moment)).collect();
    // Sorting is stable: of equal times the better hit stays first.
    cues.sort_by_key(|((start, _), _)| *start);
    for (number, ((start, end), moment)) in cues.into_iter().enumerate() {
        let (from, to, name) = (time(start), time(end), escaped(&moment.name));
        // Writing to a string does not fail.
        _ = write!(file, "\n{}\n{from} --> {to}\n{name}\n", number + 1);
        if let Some(title) = moment.title.as_deref().map(escaped).filter(|title| !title.is_empty()) {
            _ = writeln!(file, "{title}");
        }
    }
    file
}

/// Hours, minutes, seconds and milliseconds; hours have as many digits as they need.
fn time(ms: u64) -> String {
    let seconds = ms / 1000;
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, ms % 1000)
}

/// A line of a cue's text: no tag, no entity, no arrow.
fn escaped(text: &str) -> String {
    words::line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use sensorium_types::Modality;

    use super::super::moment::tests::{other, video};
    use super::*;

    #[test]
    fn cues_are_in_order_of_time() {
        let moments = [
            video("/m/a.mov", "25/1", "01:00:00:00", (3_723_004, 360_000_000)),
            other("/m/b.wav", Modality::Audio, Some((0, 1_500))),
        ];
        assert_eq!(
            write(&moments.iter().collect::<Vec<_>>()),
            "WEBVTT\n\n1\n00:00:00.000 --> 00:00:01.500\nb.wav\n\n2\n01:02:03.004 --> 100:00:00.000\na.mov\na dog\n"
        );
        assert_eq!(write(&[]), "WEBVTT\n");
    }

    #[test]
    fn no_name_is_a_tag_an_arrow_or_a_line() {
        let mut moment = other("/x", Modality::Audio, Some((5, 5)));
        moment.name = "<b>&amp; 00:00 --> 00:01\n\nNOTE x".to_owned();
        moment.title = Some(" ".to_owned());
        assert_eq!(
            write(&[&moment]),
            "WEBVTT\n\n1\n00:00:00.005 --> 00:00:00.006\n&lt;b&gt;&amp;amp; 00:00 --&gt; 00:01\\n\\nNOTE x\n"
        );
    }
}
