use std::io::Write;

use super::*;
use crate::deadline::Deadline;
use crate::sink::collect;
use crate::{Limits, PartContent, TowerSpec};

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
    let (spec, limits) = (TowerSpec::default(), Limits::default());
    collect(100, |sink| {
        decode(&Job { path: file.path(), mime: "audio/wav", threads: 1, spec: &spec, limits: &limits, deadline: Deadline::never() }, sink)
    })
}

#[test]
fn stereo_becomes_mono_at_the_towers_rate() {
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
