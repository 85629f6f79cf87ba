//! `caption`: pictures and films to words.

use std::path::Path;

use sensorium_engine::{
    CaptionEvent, CaptionOptions, CaptionParts, Captions, DEFAULT_LENGTH_PENALTY, PartCaption, Strategy,
};
use sensorium_media::{Limits, MediaInput};

use super::Context;
use crate::args::low::Caption;
use crate::failure::{CliError, Exit};
use crate::output::{json, note, words};

/// Puts file after file into words. A file that fails is told, and the others go on.
pub(super) async fn run(args: Caption, context: &mut Context) -> anyhow::Result<Exit> {
    context.setting.folder_only("caption")?;
    let options = options(&args);
    let program = std::env::current_exe().map_err(|source| CliError::OwnProgram { source })?;
    let captions = Captions::new(context.setting.bundle()?, program, Limits::default());
    captions.check().await?;
    let mut exit = Exit::Done;
    for file in &args.files {
        if let Err(error) = Box::pin(one(&captions, file, options, context)).await {
            note(&format!("{error:#}"));
            exit = Exit::Error;
        }
    }
    Ok(exit)
}

async fn one(
    captions: &Captions,
    file: &Path,
    options: CaptionOptions,
    context: &mut Context,
) -> anyhow::Result<()> {
    let wrong = |source| CliError::Path { path: file.to_path_buf(), source };
    // Says why in the system's own words, before anything is started.
    std::fs::metadata(file).map_err(wrong)?;
    let media = (MediaInput::Path(std::path::absolute(file).map_err(wrong)?), file.display().to_string());
    let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
    let work = captions.caption(media, (CaptionParts::Each, options), sender);
    let telling = async {
        while let Some(event) = events.recv().await {
            match event {
                CaptionEvent::Piece(_) => {}
                CaptionEvent::Done(part) => show(file, &part, context)?,
            }
        }
        Ok::<(), anyhow::Error>(())
    };
    let (done, told) = tokio::join!(work, telling);
    done?;
    told
}

fn show(file: &Path, part: &PartCaption, context: &mut Context) -> anyhow::Result<()> {
    if context.out.is_json() {
        return Ok(context.out.object(&json::caption(file, part))?);
    }
    let paint = context.out.paint();
    let PartCaption { span, caption } = part;
    let time = span.map_or_else(String::new, |(start_ms, end_ms)| {
        format!("  {}", paint.dim(&format!("{}-{}", words::clock(start_ms), words::clock(end_ms))))
    });
    let confidence = paint.dim(&format!("({:.2})", caption.confidence));
    let text = words::printable(&caption.text);
    Ok(context.out.line(&format!("{}{time}  {text}  {confidence}", words::path(file, None)))?)
}

fn options(args: &Caption) -> CaptionOptions {
    let Caption { files: _, beam, sample, top_p, seed, max_tokens } = args;
    let strategy = if *sample {
        Strategy::Sample { top_p: *top_p, temperature: 1.0, seed: *seed }
    } else {
        Strategy::Beam { width: usize::from(*beam), length_penalty: DEFAULT_LENGTH_PENALTY }
    };
    CaptionOptions { strategy, max_tokens: max_tokens.map(usize::from), ..CaptionOptions::default() }
}
