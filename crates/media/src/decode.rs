//! From a path to the decoder of its content.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use sensorium_types::{FailureReason, ReasonKind};

use crate::head::{DEEP_HEAD_BYTES, HEAD_BYTES};
use crate::job::Job;
use crate::sink::Sink;
use crate::sniff::{self, Sniffed};
use crate::{EncoderSpec, Family, Head, Limits, audio, image, reason, text, video};

/// Opens, sniffs and decodes one file, with so many threads. A text may begin as media does, so
/// what a decoder refuses is tried as text.
pub(crate) fn decode(
    path: &Path,
    threads: usize,
    (spec, limits): (&EncoderSpec, &Limits),
    sink: &mut Sink,
) -> Result<Head, FailureReason> {
    let opened = Opened::new(path)?;
    let Sniffed { mime, family, .. } = opened.sniffed;
    let job = Job { path, mime, threads, spec, limits };
    by_family(opened, family, &job, sink).or_else(|refused| {
        let may_be_text = match refused.kind {
            ReasonKind::Unsupported | ReasonKind::Corrupt | ReasonKind::DecoderMissing => {
                !spec.only_audio && spec.preview_side.is_none()
            }
            ReasonKind::TooLarge
            | ReasonKind::TimedOut
            | ReasonKind::Crashed
            | ReasonKind::Moved
            | ReasonKind::Unreadable => false,
        };
        let text = if may_be_text && family != Family::Text && sink.is_empty() { utf_8(&job) } else { None };
        text.map_or(Err(refused), |text| text::decode(&text, &job, sink))
    })
}

/// A file of known type, of which the head was read.
struct Opened {
    file: std::fs::File,
    bytes: u64,
    head: Vec<u8>,
    sniffed: Sniffed,
}

impl Opened {
    fn new(path: &Path) -> Result<Self, FailureReason> {
        let mut file = open_regular(path)?;
        let bytes = file.metadata().map_err(|error| unreadable(&error))?.len();
        let mut head = Vec::with_capacity(HEAD_BYTES);
        read_until(&mut file, &mut head, HEAD_BYTES)?;
        if head.is_empty() {
            return Err(reason(ReasonKind::Unsupported, "the file is empty"));
        }
        let mut sniffed = sniff::look(&head);
        if sniffed.is_err() && bytes > head.len() as u64 {
            read_until(&mut file, &mut head, DEEP_HEAD_BYTES)?;
            sniffed = sniff::look(&head);
        }
        let sniffed = sniffed.map_err(|why| reason(ReasonKind::Unsupported, why))?;
        Ok(Self { file, bytes, head, sniffed })
    }

    /// All bytes of the file.
    fn whole(mut self, most: u64) -> Result<Vec<u8>, FailureReason> {
        // One byte more than it had: a file that grows while it is read fails later, when the engine looks at it again.
        self.head.reserve_exact(usize::try_from(self.bytes).unwrap_or(0).saturating_sub(self.head.len()) + 1);
        self.file.take(most).read_to_end(&mut self.head).map_err(|error| unreadable(&error))?;
        Ok(self.head)
    }
}

fn read_until(file: &mut std::fs::File, head: &mut Vec<u8>, length: usize) -> Result<(), FailureReason> {
    let missing = length.saturating_sub(head.len()) as u64;
    file.take(missing).read_to_end(head).map_err(|error| unreadable(&error))?;
    Ok(())
}

fn by_family(opened: Opened, family: Family, job: &Job, sink: &mut Sink) -> Result<Head, FailureReason> {
    let limits = job.limits;
    let most = match family {
        Family::Container | Family::Audio => limits.max_stream_bytes,
        Family::Jpeg | Family::MaybeAnimated | Family::Still | Family::Raw | Family::Heif => limits.max_bytes,
        Family::Text => limits.max_text_bytes,
    };
    if opened.bytes > most {
        return Err(reason(ReasonKind::TooLarge, format!("{} bytes, at most {most}", opened.bytes)));
    }
    if job.spec.only_audio && !matches!(family, Family::Audio | Family::Container) {
        return Err(reason(ReasonKind::Unsupported, "no audio"));
    }
    if job.spec.preview_side.is_some() && matches!(family, Family::Audio | Family::Container | Family::Text) {
        return Err(reason(ReasonKind::Unsupported, "no image"));
    }
    let is_image = !matches!(family, Family::Audio | Family::Container | Family::Text);
    if job.spec.no_images && job.spec.preview_side.is_none() && is_image {
        let why = "an image, and the bundle of models has no encoder for it";
        return Err(reason(ReasonKind::Unsupported, why));
    }
    match family {
        Family::Jpeg => image::decode_jpeg(&opened.whole(most)?, job, sink),
        Family::Still => image::decode_still(&opened.whole(most)?, job, sink),
        Family::Raw => image::decode_raw(&opened.whole(most)?, job, sink),
        Family::MaybeAnimated => {
            let bytes = opened.whole(most)?;
            match image::frames(&bytes, job.mime, limits)? {
                Some(moving) if job.spec.preview_side.is_none() => video::animation(moving, job, sink),
                Some(_) | None => image::decode_still(&bytes, job, sink),
            }
        }
        Family::Heif => video::still(&opened.whole(most)?, job, sink),
        Family::Audio => audio::decode(job, sink),
        Family::Container => video::decode(job, sink),
        Family::Text => text::decode(&opened.whole(most)?, job, sink),
    }
}

/// All bytes of a file that is UTF-8 text throughout.
fn utf_8(job: &Job) -> Option<Vec<u8>> {
    let file = open_regular(job.path).ok()?;
    let most = job.limits.max_text_bytes;
    if file.metadata().ok()?.len() > most {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).ok()?;
    (!bytes.contains(&0) && std::str::from_utf8(&bytes).is_ok()).then_some(bytes)
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
        let defaults = (&EncoderSpec::default(), &Limits::default());
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
    fn what_a_decoder_refuses_is_tried_as_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name| folder.path().join(name);
        // Control characters let the head pass for media.
        fs_err::write(path("log"), "ID3 \x01 is a tag").expect("writes");
        fs_err::write(path("table"), "P2 10 20 30\n1 2 3\n").expect("writes");
        for name in ["log", "table"] {
            let head = decoded(&path(name)).expect(name);
            assert_eq!((head.modality, head.mime.as_str()), (sensorium_types::Modality::Text, "text/plain"));
        }
        fs_err::write(path("song"), "ID3 \x01 is a tag\0").expect("writes");
        assert_eq!(decoded(&path("song")).expect_err("no text").kind, ReasonKind::Corrupt);
    }

    #[test]
    fn audio_behind_junk_is_heard_whole() {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/sounds");
        let mp3 = fs_err::read(samples.join("engine.mp3")).expect("a sample");
        let id3 = b"ID3\x04\0\0\0\0\x01\x00".iter().copied().chain([0; 128]).collect::<Vec<u8>>();
        let ape = |cover: usize| {
            let bytes = u32::try_from(32 + 16 + cover).expect("short").to_le_bytes();
            let frame = |flag| {
                [b"APETAGEX\xD0\x07\0\0", bytes.as_slice(), &[1, 0, 0, 0, 0, 0, 0, flag], &[0; 8]].concat()
            };
            let size = u32::try_from(cover).expect("short").to_le_bytes();
            // One item: its size, its flags, its name.
            let item = [size.as_slice(), &[2, 0, 0, 0], b"Picture\0", &vec![0xE7; cover]].concat();
            [frame(0xA0), item, frame(0x80)].concat()
        };
        let file = tempfile::NamedTempFile::new().expect("a file");
        let duration = |bytes: &[u8]| {
            fs_err::write(file.path(), bytes).expect("writes");
            let head = decoded(file.path()).expect("decodes");
            assert_eq!(head.mime, "audio/mpeg");
            head.facts.get("duration_ms").and_then(serde_json::Value::as_u64).expect("a length")
        };
        let whole = duration(&mp3);
        let junks = [
            vec![0; 10],
            vec![0; 30_000],
            b"\0junk of a download\xFE".to_vec(),
            id3.repeat(3),
            ape(0),
            ape(3_000_000),
        ];
        for junk in junks {
            let behind = duration(&[junk.as_slice(), &mp3].concat());
            assert!(behind.abs_diff(whole) < 60, "{behind} ms of {whole} behind {} bytes", junk.len());
        }
    }

    #[test]
    fn what_is_only_heard_has_no_frames_and_lies_at_the_same_times() {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
        let spec = EncoderSpec::default().of_audio();
        let parts = |name: &str, spec: &EncoderSpec| {
            let limits = Limits::default();
            collect(1000, |sink| decode(&samples.join(name), 1, (spec, &limits), sink))
        };
        let (head, heard) = parts("clips/mountains.mp4", &spec).expect("it has audio");
        assert_eq!(head.modality, sensorium_types::Modality::Audio);
        let (_, all) = parts("clips/mountains.mp4", &EncoderSpec::default()).expect("decodes");
        let of_audio = |parts: Vec<crate::Part>| -> Vec<_> {
            let audio = parts.into_iter().filter(|part| part.track == sensorium_types::Track::Audio);
            audio.map(|part| (part.ordinal, part.span, part.content)).collect()
        };
        assert!(heard.iter().all(|part| part.track == sensorium_types::Track::Audio) && !heard.is_empty());
        assert!(all.len() > heard.len(), "there are frames");
        assert_eq!(of_audio(heard), of_audio(all));
        for name in ["clips/goldfish.gif", "images/beach.jpg", "index.jsonl"] {
            assert_eq!(parts(name, &spec).expect_err(name).kind, ReasonKind::Unsupported, "{name}");
        }
        assert!(!parts("sounds/engine.mp3", &spec).expect("it is audio").1.is_empty());
    }

    #[test]
    fn a_charset_declared_behind_a_long_comment_is_found() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let page =
            [b"<!-- gr\xFC\xDFe ".as_slice(), &[b'x'; 6000], b" --><meta charset=latin1><p>Gr\xFC\xDFe"];
        io::Write::write_all(&mut file, &page.concat()).expect("writes");
        assert_eq!(decoded(file.path()).expect("decodes").mime, "text/html");
    }

    #[test]
    fn a_text_beyond_its_limit_is_too_large() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        io::Write::write_all(&mut file, &[b'a'; 6000]).expect("writes");
        let limits = Limits { max_text_bytes: 5000, ..Limits::default() };
        let spec = EncoderSpec::default();
        let failed =
            collect(1, |sink| decode(file.path(), 1, (&spec, &limits), sink)).expect_err("too large");
        assert_eq!(failed.kind, ReasonKind::TooLarge);
    }

    fn decoded_by(file: &str, spec: &EncoderSpec) -> Result<Head, FailureReason> {
        let path = Path::new("../../samples").join(file);
        collect(100, |sink| decode(&path, 1, (spec, &Limits::default()), sink)).map(|(head, _)| head)
    }

    #[test]
    fn images_are_refused_where_none_are_wanted_unless_they_are_to_be_looked_at() {
        let blind = EncoderSpec { no_images: true, ..EncoderSpec::default() };
        let refused = decoded_by("images/red_car.jpg", &blind).expect_err("an image");
        assert_eq!(refused.kind, ReasonKind::Unsupported);
        assert!(refused.detail.contains("no encoder for it"), "{}", refused.detail);
        let looked_at = EncoderSpec { preview_side: Some(64), ..blind.clone() };
        assert!(decoded_by("images/red_car.jpg", &looked_at).is_ok());
        for other in ["sounds/bird_chirps.wav", "texts/cats.txt"] {
            assert!(decoded_by(other, &blind).is_ok(), "{other}");
        }
    }
}
