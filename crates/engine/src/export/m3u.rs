//! A playlist (extended M3U, UTF-8). Players that know `EXTVLCOPT` play the moment alone, others all of the file.

use std::fmt::Write;

use sensorium_types::Modality;

use super::{ExportMoment, words};

/// Writes the playlist. Media without a path is left out, for nothing could play it.
pub(super) fn write(moments: &[&ExportMoment]) -> String {
    let mut list = String::from("#EXTM3U\n#EXTENC:UTF-8\n");
    for moment in moments {
        // Writing to a string does not fail.
        _ = entry(moment, &mut list);
    }
    list
}

fn entry(moment: &ExportMoment, list: &mut String) -> std::fmt::Result {
    let Some(path) = &moment.path else { return Ok(()) };
    let name = words::line(&moment.name);
    let title = match &moment.title {
        Some(title) => format!("{} - {name}", words::line(title)),
        None => name,
    };
    match (moment.modality, moment.span) {
        (Modality::Video | Modality::Audio, Some(_)) => {
            let (start, end) = moment.times();
            writeln!(list, "#EXTINF:{},{title}", (end - start).div_ceil(1000))?;
            writeln!(list, "#EXTVLCOPT:start-time={}", seconds(start))?;
            writeln!(list, "#EXTVLCOPT:stop-time={}", seconds(end))?;
        }
        // -1: the length is not told.
        (Modality::Video | Modality::Audio | Modality::Image | Modality::Text, _) => {
            writeln!(list, "#EXTINF:-1,{title}")?;
        }
    }
    match words::plain(path).filter(|path| path.starts_with('/')) {
        Some(path) => writeln!(list, "{path}"),
        None => writeln!(list, "{}", words::file_url(path)),
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::super::moment::tests::{other, video};
    use super::*;

    #[test]
    fn a_player_gets_the_moment() {
        let mut sent = other("/x", Modality::Audio, None);
        sent.path = None;
        let moments =
            [video("/m/é a.mov", "25/1", "", (2_000, 4_500)), sent, other("/m/c.jpg", Modality::Image, None)];
        let lines = [
            "#EXTM3U",
            "#EXTENC:UTF-8",
            "#EXTINF:3,a dog - é a.mov",
            "#EXTVLCOPT:start-time=2.000",
            "#EXTVLCOPT:stop-time=4.500",
            "/m/é a.mov",
            "#EXTINF:-1,c.jpg",
            "/m/c.jpg",
            "",
        ];
        assert_eq!(write(&moments.iter().collect::<Vec<_>>()), lines.join("\n"));
    }

    #[test]
    fn no_name_can_add_a_line() {
        let mut moment = video("/x", "25/1", "", (36_000_000, 36_000_001));
        moment.path = Some(OsStr::from_bytes(b"/m/a\n#EXTVLCOPT:sout=x\xff").into());
        moment.name = "a\n#EXTVLCOPT:sout=x".to_owned();
        moment.title = Some("b\r\n/etc/passwd".to_owned());
        let list = write(&[&moment]);
        assert_eq!(list.lines().count(), 6, "{list}");
        assert!(list.contains("#EXTINF:1,b\\r\\n/etc/passwd - a\\n#EXTVLCOPT:sout=x\n"), "{list}");
        assert!(list.ends_with(
            "start-time=36000.000\n#EXTVLCOPT:stop-time=36000.001\nfile:///m/a%0A%23EXTVLCOPT%3Asout%3Dx%FF\n"
        ));
    }
}
