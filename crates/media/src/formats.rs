//! What this build decodes.

/// A row of `sensorium formats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormatRow {
    /// The modality of such files.
    pub modality: &'static str,
    /// Names of the formats.
    pub formats: &'static str,
    /// What decodes them.
    pub decoder: &'static str,
}

/// What this build decodes.
pub fn formats() -> Vec<FormatRow> {
    let row = |modality, formats, decoder| FormatRow { modality, formats, decoder };
    vec![
        row("image", "JPEG", "libjpeg-turbo"),
        row("image", "PNG, GIF, WebP, BMP, TIFF, PNM, QOI", "image"),
        row("image", "camera RAW (embedded preview)", "libjpeg-turbo"),
        row("image", "AVIF, HEIC", "ffmpeg"),
        row("audio", "WAV, FLAC, MP3, Ogg Vorbis, AAC, ALAC, AIFF", "symphonia"),
        row("audio", "Opus and others in the containers below", "ffmpeg"),
        row(
            "video",
            "MP4, MOV, Matroska, WebM, AVI, MPEG, MPEG-TS, Ogg, FLV, ASF, raw H.264 and H.265",
            "ffmpeg",
        ),
        row("video", "animated GIF, PNG and WebP", "image"),
        row("text", "text, Markdown, HTML (UTF-8, UTF-16, declared charsets)", "built in"),
    ]
}
