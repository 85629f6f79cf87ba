//! `formats`: what is decoded, and by what.

use sensorium_media::FormatRow;
use serde_json::json;

use crate::output::Out;

/// Lists the formats.
pub(super) fn run(out: &mut Out) -> anyhow::Result<()> {
    for FormatRow { modality, formats, decoder } in sensorium_media::formats() {
        if out.is_json() {
            out.object(&json!({ "modality": modality, "formats": formats, "decoder": decoder }))?;
        } else {
            let name = format!("{modality:<5}");
            let line = format!("{}  {formats}  {}", out.paint().cyan(&name), out.paint().dim(decoder));
            out.line(&line)?;
        }
    }
    Ok(())
}
