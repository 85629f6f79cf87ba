use std::io::Write;

use super::*;
use crate::sink::collect;
use crate::{EncoderSpec, Limits, PartContent};

/// A WAV file of 16-bit samples.
fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let bytes = u32::try_from(samples.len() * 2).expect("short");
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    wav.extend(channels.to_le_bytes());
    wav.extend(rate.to_le_bytes());
    wav.extend((rate * u32::from(channels) * 2).to_le_bytes());
    wav.extend((channels * 2).to_le_bytes());
    wav.extend(16_u16.to_le_bytes());
    wav.extend(b"data");
    wav.extend(bytes.to_le_bytes());
    wav.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    wav
}

fn decoded(bytes: &[u8]) -> Result<(Head, Vec<crate::Part>), FailureReason> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("writes");
    let (spec, limits) = (EncoderSpec::default(), Limits::default());
    collect(100, |sink| {
        decode(&Job { path: file.path(), mime: "audio/wav", threads: 1, spec: &spec, limits: &limits }, sink)
    })
}

#[test]
fn stereo_becomes_mono_at_the_encoders_rate() {
    let samples: Vec<i16> =
        (0..44_100).flat_map(|at| if at % 2 == 0 { [16_384, 0] } else { [0, 16_384] }).collect();
    let (head, parts) = decoded(&wav(44_100, 2, &samples)).expect("decodes");
    assert_eq!(head.facts.get("sample_rate_hz"), Some(&44_100.into()));
    assert_eq!(head.facts.get("channels"), Some(&2.into()));
    assert_eq!(head.facts.get("duration_ms"), Some(&1000.into()));
    let [part] = parts.as_slice() else { panic!("one part, not {}", parts.len()) };
    let PartContent::Pcm(samples) = &part.content else { panic!("samples") };
    assert_eq!(samples.len(), 16_000);
    assert!(
        samples[2000..14_000].iter().all(|sample| (sample - 0.25).abs() < 0.01),
        "the mean of both channels"
    );
    assert!(part.thumb.is_some());
}

#[test]
fn a_silent_file_keeps_one_part() {
    let (_, parts) = decoded(&wav(16_000, 1, &vec![0; 16_000 * 8])).expect("decodes");
    assert_eq!(parts.iter().filter_map(|part| part.span?.time()).collect::<Vec<_>>(), [(0, 5_000)]);
}

#[test]
fn damage_is_a_typed_failure() {
    assert!(decoded(&wav(16_000, 1, &[])).is_err());
    assert!(decoded(b"RIFF\0\0\0\0WAVE").is_err());
    assert!(decoded(&wav(0, 1, &[1; 100])).is_err());
}

/// A file that ffmpeg makes of these arguments.
fn made(folder: &std::path::Path, name: &str, args: &[&str]) -> std::path::PathBuf {
    let path = folder.join(name);
    let done = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(args)
        .arg(&path)
        .status()
        .expect("ffmpeg is installed");
    assert!(done.success(), "ffmpeg cannot make {name}; is an encoder missing?");
    path
}

/// Zero crossings upwards of each second.
fn pitches(parts: &[crate::Part]) -> Vec<(u64, usize)> {
    let mut found = Vec::new();
    for part in parts {
        let PartContent::Pcm(samples) = &part.content else { panic!("samples") };
        let start = part.span.and_then(|span| span.time()).expect("a span").0;
        for (second, samples) in (0..).zip(samples.chunks_exact(16_000)) {
            let hz = samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
            found.push((start + second * 1_000, hz));
        }
    }
    found
}

#[test]
fn chained_files_are_heard_to_their_end() {
    let folder = tempfile::tempdir().expect("a folder");
    for (codec, second) in [
        ("libvorbis", ["-ar", "44100", "-ac", "1"]),
        ("libvorbis", ["-ar", "22050", "-ac", "2"]),
        ("flac", ["-ar", "44100", "-ac", "1"]),
        ("flac", ["-ar", "16000", "-ac", "2"]),
    ] {
        let tone = |hz: &str, name: &str, form: [&str; 4]| {
            let source = format!("sine=frequency={hz}:duration=4:r=44100");
            let input = ["-f", "lavfi", "-i", &source, "-c:a", codec, "-strict", "-2"];
            fs_err::read(made(folder.path(), name, &[&input[..], &form].concat())).expect("reads")
        };
        let first = tone("500", "one.ogg", ["-ar", "44100", "-ac", "1"]);
        let both = [first, tone("1500", "two.ogg", second)].concat();
        let (head, parts) = decoded(&both).expect("decodes");
        let length = head.facts.get("duration_ms").and_then(serde_json::Value::as_u64).expect("a length");
        assert!(length.abs_diff(8_000) <= 50, "{codec} {second:?}: {length} ms");
        let pitches = pitches(&parts);
        for (at, hz) in [(500..2_500, 500), (4_500..7_001, 1_500)] {
            let mut heard = pitches.iter().filter(|(start, _)| at.contains(start));
            assert!(heard.clone().count() > 0, "{codec} {second:?}: {pitches:?}");
            assert!(heard.all(|(_, found)| found.abs_diff(hz) <= 20), "{codec} {second:?}: {pitches:?}");
        }
        assert_eq!(head.warning, None, "{codec} {second:?}");
        assert_eq!(head.facts.get("sample_rate_hz"), Some(&44_100.into()));
    }
}

#[test]
fn opposite_phases_are_heard() {
    let samples: Vec<i16> = (0..44_100_u32)
        .map(|at| if at / 50 % 2 == 0 { 8_000 } else { -8_000 })
        .flat_map(|left| [left, -left])
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.wav");
    fs_err::write(&path, wav(44_100, 2, &samples)).expect("writes");
    let input = path.to_str().expect("UTF-8");
    // The same through symphonia and through ffmpeg.
    for name in ["b.wav", "b.flac", "b.mka"] {
        let codec = if name == "b.mka" { "libopus" } else { "copy" };
        let codec = if name == "b.flac" { "flac" } else { codec };
        let bytes = fs_err::read(made(folder.path(), name, &["-i", input, "-c:a", codec])).expect("reads");
        let (_, parts) = decoded(&bytes).expect("decodes");
        let PartContent::Pcm(samples) = &parts[0].content else { panic!("samples") };
        let level = samples.iter().map(|sample| sample.abs()).sum::<f32>() / samples.len() as f32;
        assert!(level > 0.15, "{name}: {level}");
    }
}

#[test]
fn absurd_rates_are_refused_whoever_decodes() {
    for rate in [1, 999, 4_000_000_000] {
        let mut bytes = wav(8_000, 1, &[1_000; 2_000]);
        bytes[24..28].copy_from_slice(&u32::to_le_bytes(rate));
        let failed = decoded(&bytes).expect_err("refused");
        assert_eq!(failed.detail, format!("a sample rate of {rate} Hz"));
        assert_eq!(failed.kind, ReasonKind::Corrupt);
    }
}

#[test]
fn audio_that_ends_early_is_kept_with_a_warning() {
    let whole = wav(16_000, 1, &[8_000; 16_000 * 8]);
    let (head, parts) = decoded(&whole[..whole.len() / 2]).expect("decodes");
    assert!(!parts.is_empty());
    let warning = head.warning.expect("a warning");
    assert!(warning.detail.starts_with("decoded until 00:00:03 of 00:00:08"), "{warning}");
    assert_eq!(decoded(&whole).expect("decodes").0.warning, None);
}
