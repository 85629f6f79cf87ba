//! A bundle's cutting in the words of `media`.

use sensorium_embed::Cutting;
use sensorium_media::{EncoderSpec, Fit, PassageSpec, VideoSpec, WindowSpec};

/// What the decoders are asked for.
pub fn encoder_spec(cutting: Cutting) -> EncoderSpec {
    EncoderSpec {
        image_size: cutting.image_size,
        image_fit: match cutting.fit {
            sensorium_embed::Fit::Squash => Fit::Squash,
            sensorium_embed::Fit::CropCentre => Fit::CropCentre,
        },
        sample_rate_hz: cutting.sample_rate_hz,
        audio: WindowSpec { window_ms: cutting.audio.window_ms.into(), hop_ms: cutting.audio.hop_ms.into() },
        video: VideoSpec {
            fps: cutting.video.fps,
            window_ms: cutting.video.window_ms.into(),
            ..EncoderSpec::default().video
        },
        text: PassageSpec {
            max_words: cutting.text.max_words as usize,
            overlap_words: cutting.text.overlap_words as usize,
        },
        only_audio: false,
        preview_side: None,
    }
}
