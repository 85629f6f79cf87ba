//! A bundle's cutting in the words of `media`.

use sensorium_embed::{Cutting, ImageFilter};
use sensorium_media::{EncoderSpec, Filter, Fit, PassageSpec, VideoSpec, WindowSpec};

/// What the decoders are asked for.
pub fn encoder_spec(cutting: Cutting) -> EncoderSpec {
    let usual = EncoderSpec::default();
    let audio = cutting.audio;
    EncoderSpec {
        image_size: cutting.image_size,
        image_fit: match cutting.fit {
            sensorium_embed::Fit::Squash => Fit::Squash,
            sensorium_embed::Fit::CropCentre => Fit::CropCentre,
            sensorium_embed::Fit::Shortest { edge } => Fit::Shortest { edge },
        },
        image_filter: match cutting.filter {
            ImageFilter::Bicubic => Filter::Bicubic,
            ImageFilter::Bilinear => Filter::Bilinear,
            ImageFilter::Lanczos => Filter::Lanczos,
        },
        sample_rate_hz: audio.map_or(usual.sample_rate_hz, |audio| audio.sample_rate_hz),
        audio: audio.map_or(usual.audio, |audio| WindowSpec {
            window_ms: audio.window_ms.into(),
            hop_ms: audio.hop_ms.into(),
        }),
        video: VideoSpec { fps: cutting.video.fps, window_ms: cutting.video.window_ms.into(), ..usual.video },
        text: PassageSpec {
            max_words: cutting.text.max_words as usize,
            overlap_words: cutting.text.overlap_words as usize,
        },
        only_audio: false,
        no_audio: audio.is_none(),
        no_images: !cutting.images,
        preview_side: None,
    }
}
