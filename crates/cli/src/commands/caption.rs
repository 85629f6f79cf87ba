//! `caption`: images, videos and audio to words.

use sensorium_types::{CaptionOptions, CaptionStrategy, PartCaption};

use super::Context;
use super::speaker::{Media, Speaker};
use crate::args::low::Caption;
use crate::failure::{Exit, chain};
use crate::output::{json, note, words};

/// Puts file after file into words. A file that fails is told, and the others go on.
pub(super) async fn run(args: Caption, context: &mut Context) -> anyhow::Result<Exit> {
    let options = options(&args);
    let files = args.files.iter().map(|file| Media::read(file)).collect::<Result<Vec<_>, _>>()?;
    let setting = context.setting.clone();
    let speaker = Speaker::open(&setting).await?;
    let mut exit = Exit::Done;
    for file in &files {
        let told = speaker.caption(file, options, |part| show(file, &part, context));
        if let Err(error) = Box::pin(told).await {
            note(&chain(&error));
            exit = Exit::Error;
        }
    }
    Ok(exit)
}

fn show(file: &Media, part: &PartCaption, context: &mut Context) -> anyhow::Result<()> {
    let (name, out) = (file.name(), &mut context.out);
    if out.is_json() {
        return Ok(out.object(&json::caption(&name, part))?);
    }
    let line = words::caption(&name, part, out.paint());
    Ok(out.line(&line)?)
}

fn options(args: &Caption) -> CaptionOptions {
    let Caption { files: _, beam, sample, top_p, seed, max_tokens } = args;
    let strategy = if *sample {
        CaptionStrategy::Sample { top_p: *top_p, seed: *seed }
    } else {
        CaptionStrategy::Beam { width: usize::from(*beam) }
    };
    CaptionOptions { strategy, max_tokens: max_tokens.map(usize::from) }
}
