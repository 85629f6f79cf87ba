//! `summarize`: videos to storyboards.

use std::path::{Path, PathBuf};

use sensorium_media::cut_clip;
use sensorium_types::{Cancel, PartCaption, SummaryLength};

use super::Context;
use super::speaker::{Media, Speaker};
use crate::args::low::Summarize;
use crate::failure::{CliError, Exit, chain};
use crate::output::{json, note, words};

/// Chooses shots of video after video and puts each into words. A video that fails is told, and the others go on.
pub(super) async fn run(args: Summarize, context: &mut Context) -> anyhow::Result<Exit> {
    let Summarize { videos, seconds, shots, clip } = args;
    let videos = videos.iter().map(|video| Media::read(video)).collect::<Result<Vec<_>, _>>()?;
    if clip.is_some() && videos.len() > 1 {
        return Err(CliError::OneClip.into());
    }
    let length = seconds.map(SummaryLength::TimeMs).or(shots.map(SummaryLength::Shots));
    let setting = context.setting.clone();
    let speaker = Speaker::open(&setting).await?;
    let mut exit = Exit::Done;
    for video in &videos {
        if let Err(error) = Box::pin(one(&speaker, (video, length), clip.as_deref(), context)).await {
            note(&chain(&error));
            exit = Exit::Error;
        }
    }
    Ok(exit)
}

async fn one(
    speaker: &Speaker<'_>,
    (video, length): (&Media, Option<SummaryLength>),
    clip: Option<&Path>,
    context: &mut Context,
) -> anyhow::Result<()> {
    let cut = match clip {
        Some(target) => Some((source(speaker, video, target).await?, target.to_path_buf())),
        None => None,
    };
    let shots = speaker.summarize(video, length).await?;
    let name = video.name();
    let out = &mut context.out;
    if out.is_json() {
        out.object(&json::storyboard(&name, &shots))?;
    } else {
        let paint = out.paint();
        for shot in &shots {
            out.line(&words::caption(&name, shot, paint))?;
        }
    }
    let Some((source, target)) = cut else { return Ok(()) };
    let spans: Vec<(u64, u64)> = shots.iter().filter_map(|PartCaption { span, .. }| *span).collect();
    let cancel = Stop(Cancel::new());
    let (flag, shown) = (cancel.0.clone(), target.clone());
    let work = tokio::task::spawn_blocking(move || cut_clip(&source, &spans, &target, &flag));
    work.await?.map_err(|reason| CliError::Clip { path: shown, reason })?;
    Ok(())
}

/// The video that the clip is cut from, which the clip may not replace.
async fn source(speaker: &Speaker<'_>, video: &Media, target: &Path) -> anyhow::Result<PathBuf> {
    let source = speaker.file(video).await?.ok_or(CliError::ClipOfStored)?;
    let same = |path: &Path| path.canonicalize().ok();
    if same(target).is_some_and(|target| Some(target) == same(&source)) {
        return Err(CliError::ClipOverVideo { path: target.to_path_buf() }.into());
    }
    Ok(source)
}

/// Stops the cutting where the command is dropped.
struct Stop(Cancel);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
