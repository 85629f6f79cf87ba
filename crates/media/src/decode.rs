//! From a path to the decoder of its content.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use sensorium_types::{FailureReason, ReasonKind};

use crate::deadline::Deadline;
use crate::sink::Sink;
use crate::sniff::HEAD_BYTES;
use crate::{Family, Head, Limits, TowerSpec, audio, image, reason, sniff, text, video};

/// A file with what is asked of its decoder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<'a> {
    /// The file.
    pub path: &'a Path,
    /// Its type by content.
    pub mime: &'static str,
    /// Threads that a film's decoder may use.
    pub threads: usize,
    /// What the towers want.
    pub spec: &'a TowerSpec,
    /// What it may cost.
    pub limits: &'a Limits,
    /// When its decoder stops of itself, to keep what it has.
    pub deadline: Deadline,
}

/// Opens, sniffs and decodes one file.
pub(crate) fn decode(
    path: &Path,
    threads: usize,
    (spec, limits): (&TowerSpec, &Limits),
    sink: &mut Sink,
) -> Result<Head, FailureReason> {
    let mut file = open_regular(path)?;
    let bytes = file.metadata().map_err(|error| unreadable(&error))?.len();
    let mut head = Vec::with_capacity(HEAD_BYTES);
    Read::by_ref(&mut file)
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .map_err(|error| unreadable(&error))?;
    if head.is_empty() {
        return Err(reason(ReasonKind::Unsupported, "the file is empty"));
    }
    let sniffed =
        sniff(&head).ok_or_else(|| reason(ReasonKind::Unsupported, "neither media nor UTF-8 text"))?;
    let most = match sniffed.family {
        Family::Container | Family::Sound => limits.max_stream_bytes,
        Family::Jpeg | Family::MaybeAnimated | Family::Still | Family::Raw | Family::Heif => limits.max_bytes,
        Family::Text | Family::Html => limits.max_text_bytes,
    };
    if bytes > most {
        return Err(reason(ReasonKind::TooLarge, format!("{bytes} bytes, at most {most}")));
    }
    let deadline = Deadline::never();
    let job = Job { path, mime: sniffed.mime, threads, spec, limits, deadline };
    let whole = || {
        // One byte more than it had: a file that grows while it is read fails later, when the engine looks at it again.
        head.reserve_exact(usize::try_from(bytes).unwrap_or(0).saturating_sub(head.len()) + 1);
        file.take(most).read_to_end(&mut head).map_err(|error| unreadable(&error))?;
        Ok::<_, FailureReason>(head)
    };
    match sniffed.family {
        Family::Jpeg => image::decode_jpeg(&whole()?, &job, sink),
        Family::Still => image::decode_still(&whole()?, &job, sink),
        Family::Raw => image::decode_raw(&whole()?, &job, sink),
        Family::MaybeAnimated => {
            let bytes = whole()?;
            match image::frames(&bytes, job.mime, limits)? {
                Some(moving) => video::animation(moving, &job, sink),
                None => image::decode_still(&bytes, &job, sink),
            }
        }
        Family::Heif => video::still(&job, sink),
        Family::Sound => audio::decode(&job, sink),
        Family::Container => video::decode(&job, sink),
        Family::Text => text::decode(&whole()?, false, &job, sink),
        Family::Html => text::decode(&whole()?, true, &job, sink),
    }
}

/// Opens without ever blocking on a FIFO, and refuses what is no regular file.
fn open_regular(path: &Path) -> Result<std::fs::File, FailureReason> {
    let no_file = || reason(ReasonKind::Unsupported, "no regular file");
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
        rustix::io::Errno::NOENT => reason(ReasonKind::Moved, "the file is gone"),
        rustix::io::Errno::NXIO | rustix::io::Errno::NODEV => no_file(),
        _ => reason(ReasonKind::Unreadable, error.to_string()),
    })?;
    let stat = rustix::fs::fstat(file.as_fd()).map_err(|error| unreadable(&error.into()))?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
        Ok(file.into())
    } else {
        Err(no_file())
    }
}

fn unreadable(error: &io::Error) -> FailureReason {
    reason(ReasonKind::Unreadable, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::collect;

    fn decoded(path: &Path) -> Result<Head, FailureReason> {
        let defaults = (&TowerSpec::default(), &Limits::default());
        collect(100, |sink| decode(path, 1, defaults, sink)).map(|(head, _)| head)
    }

    #[test]
    fn only_regular_files_with_content_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name| folder.path().join(name);
        rustix::fs::mknodat(rustix::fs::CWD, path("fifo"), FileType::Fifo, Mode::RWXU, 0).expect("a FIFO");
        std::os::unix::net::UnixListener::bind(path("socket")).expect("a socket");
        fs_err::write(path("empty"), b"").expect("writes");
        fs_err::write(path("noise"), [0, 1, 2, 3, 255]).expect("writes");
        fs_err::write(path("drawing"), "<svg xmlns='http://www.w3.org/2000/svg'/>").expect("writes");
        for name in ["fifo", "socket", "empty", "noise", "drawing", "."] {
            assert_eq!(decoded(&path(name)).expect_err(name).kind, ReasonKind::Unsupported, "{name}");
        }
        assert_eq!(decoded(Path::new("/dev/null")).expect_err("a device").kind, ReasonKind::Unsupported);
        assert_eq!(decoded(&path("absent")).expect_err("absent").kind, ReasonKind::Moved);
        fs_err::write(path("words.jpg"), "a dog on a beach").expect("writes");
        assert_eq!(decoded(&path("words.jpg")).expect("decodes").mime, "text/plain");
    }

    #[test]
    fn a_text_beyond_its_limit_is_too_large() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        io::Write::write_all(&mut file, &[b'a'; 6000]).expect("writes");
        let limits = Limits { max_text_bytes: 5000, ..Limits::default() };
        let spec = TowerSpec::default();
        let failed =
            collect(1, |sink| decode(file.path(), 1, (&spec, &limits), sink)).expect_err("too large");
        assert_eq!(failed.kind, ReasonKind::TooLarge);
    }
}
