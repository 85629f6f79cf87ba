//! A table with a header (RFC 4180): one row a moment.

use super::{ExportMoment, Timecode, words};

/// Columns, in order.
const HEADER: &str =
    "asset,modality,name,path,start_ms,end_ms,frame_rate,timecode_in,timecode_out,score,title";
/// A cell that begins with one of these is a formula to spreadsheets.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Writes the table. Times are empty for images and texts, timecodes for all but videos whose rate is known.
pub(super) fn write(moments: &[&ExportMoment]) -> String {
    let mut table = format!("{HEADER}\r\n");
    for moment in moments {
        table.push_str(&row(moment));
        table.push_str("\r\n");
    }
    table
}

fn row(moment: &ExportMoment) -> String {
    let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let (from, to) = moment.span.unzip();
    let (timecode_in, timecode_out) = match moment.rate {
        Some(rate) => {
            let placed = moment.in_frames(Timecode::zero(rate));
            (placed.start.to_string(), placed.start.plus(placed.frames).to_string())
        }
        None => Default::default(),
    };
    let path = moment.path.as_deref().map(|path| path.to_string_lossy().into_owned());
    [
        text(&moment.asset),
        moment.modality.name().to_owned(),
        text(&moment.name),
        text(&path.unwrap_or_default()),
        number(from),
        number(to),
        moment.rate.map(|rate| rate.to_string()).unwrap_or_default(),
        timecode_in,
        timecode_out,
        moment.score.map(|score| score.to_string()).unwrap_or_default(),
        text(&words::line(moment.title.as_deref().unwrap_or_default())),
    ]
    .join(",")
}

/// A cell of text. One that a spreadsheet would take for a formula gets an apostrophe before it.
fn text(value: &str) -> String {
    let guard = if value.starts_with(FORMULA) { "'" } else { "" };
    if guard.is_empty() && !value.contains([',', '"', '\r', '\n']) {
        return value.to_owned();
    }
    format!("\"{guard}{}\"", value.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use sensorium_types::Modality;

    use super::super::moment::tests::{other, video};
    use super::*;

    fn rows(moments: &[ExportMoment]) -> Vec<String> {
        let table = write(&moments.iter().collect::<Vec<_>>());
        assert!(table.ends_with("\r\n"));
        table.split_terminator("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_row_says_where_a_moment_is() {
        let moments = [
            video("/m/a.mov", "24000/1001", "01:00:00:00", (2_000, 4_500)),
            other("/m/b.wav", Modality::Audio, Some((0, 1_500))),
            other("/m/c.jpg", Modality::Image, None),
        ];
        let (of_video, of_audio) = (
            "id,video,a.mov,/m/a.mov,2000,4500,24000/1001,01:00:02:00,01:00:04:12",
            "id,audio,b.wav,/m/b.wav",
        );
        assert_eq!(
            rows(&moments),
            [
                HEADER.to_owned(),
                format!("{of_video},5.25,a dog"),
                format!("{of_audio},0,1500,,,,,"),
                "id,image,c.jpg,/m/c.jpg,,,,,,,".to_owned(),
            ]
        );
    }

    #[test]
    fn cells_are_quoted_and_no_name_is_a_formula() {
        assert_eq!(text("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(text("two\nlines"), "\"two\nlines\"");
        assert_eq!(text("=HYPERLINK(\"http://x\")"), "\"'=HYPERLINK(\"\"http://x\"\")\"");
        for begins in FORMULA {
            assert_eq!(text(&format!("{begins}1")), format!("\"'{begins}1\""));
        }
        assert_eq!(text("a=1"), "a=1");
        let mut moment = other("/x", Modality::Image, None);
        moment.path = Some(OsStr::from_bytes(b"/m/\xff,.jpg").into());
        assert!(rows(&[moment]).last().is_some_and(|row| row.contains(",\"/m/\u{fffd},.jpg\",")));
    }
}
