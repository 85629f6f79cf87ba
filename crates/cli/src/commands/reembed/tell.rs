//! What is told of a run.

use std::io;

use sensorium_types::{ReembedEvent, ReembedPlan, ReembedSummary, Substitute, WithoutMedia};
use serde_json::{Value, json};

use crate::failure::Exit;
use crate::output::{Out, json, note, words};

/// The end of a run of this collection, which is to be of the bundle of this revision.
pub(super) fn end((name, to): (&str, &str), summary: &ReembedSummary, out: &mut Out) -> io::Result<Exit> {
    for unread in &summary.unread {
        lacking(unread, out)?;
    }
    if out.is_json() {
        out.object(&summary_row((name, to), summary))?;
    } else {
        out.line(&words::printable(&sentence(name, summary)))?;
    }
    Ok(match summary {
        ReembedSummary { interrupted: true, .. } => Exit::Interrupted,
        ReembedSummary { finished: true, .. } => Exit::Done,
        ReembedSummary { .. } => Exit::Error,
    })
}

/// An asset that lacks its media.
pub(super) fn lacking(lacking: &WithoutMedia, out: &mut Out) -> io::Result<()> {
    let WithoutMedia { asset, modality, path, reason, substitute } = lacking;
    if out.is_json() {
        return out.object(&json!({
            "event": "without_media",
            "asset": asset.as_str(),
            "path": path.as_deref().map(json::path),
            "modality": modality.name(),
            "substitute": substitute.name(),
            "reason": reason.to_string(),
        }));
    }
    let name = match path {
        Some(path) => words::path(path, None),
        None => format!("asset:{asset}"),
    };
    let instead = match substitute {
        Substitute::Thumbnails => "its thumbnails stand in",
        Substitute::Nothing => "nothing stands in, it would be without vectors",
    };
    note(&format!("{name}: {reason}; {instead}"));
    Ok(())
}

/// What is to be done.
pub(super) fn plan(name: &str, plan: &ReembedPlan, out: &mut Out) -> io::Result<()> {
    let ReembedPlan { from, to, assets, done, pending, without_media } = plan;
    let (pending, losses) = (*pending, plan.losses());
    if out.is_json() {
        return out.object(&json!({
            "event": "plan",
            "collection": name,
            "from": json::space(from),
            "to": json::space(to),
            "assets": assets,
            "done": done,
            "pending": pending,
            "from_thumbnails": without_media.len() as u64 - losses,
            "without_vectors": losses,
        }));
    }
    if plan.is_done() {
        let mut line = format!("{name}: nothing to do, it is in the space of {}", to.revision);
        if !without_media.is_empty() {
            let lacking = words::count(without_media.len() as u64, "asset waits", "assets wait");
            line.push_str(&format!("; {lacking} for the media listed above"));
        }
        return out.line(&words::printable(&line));
    }
    out.line(&words::printable(&format!(
        "{name}: {} of {assets} to bring from {} to {}; {} by thumbnails, {losses} without vectors",
        words::count(pending, "asset", "assets"),
        from.revision,
        to.revision,
        without_media.len() as u64 - losses,
    )))
}

/// What an earlier run kept is gone.
pub(super) fn dropped(name: &str, out: &mut Out) -> io::Result<()> {
    if out.is_json() {
        return out.object(&json!({ "event": "dropped", "collection": name }));
    }
    out.line(&words::printable(&format!("{name}: the vectors before are removed")))
}

/// An asset that is done, as a row.
pub(super) fn event_row(event: &ReembedEvent) -> Value {
    let ReembedEvent { asset, modality, path, points, state, reason } = event;
    json!({
        "event": "asset",
        "asset": asset.as_str(),
        "path": path.as_deref().map(json::path),
        "modality": modality.name(),
        "points": points,
        "state": state.name(),
        "reason": reason.as_ref().map(ToString::to_string),
    })
}

fn summary_row((name, to): (&str, &str), summary: &ReembedSummary) -> Value {
    let ReembedSummary {
        reembedded,
        from_thumbnails,
        without_vectors,
        points,
        unread,
        finished,
        interrupted: _,
        seconds,
    } = summary;
    json!({
        "event": "summary",
        "collection": name,
        "to": to,
        "finished": finished,
        "reembedded": reembedded,
        "from_thumbnails": from_thumbnails,
        "without_vectors": without_vectors,
        "unread": unread.len(),
        "points": points,
        "seconds": seconds,
    })
}

fn sentence(name: &str, summary: &ReembedSummary) -> String {
    let ReembedSummary {
        reembedded,
        from_thumbnails,
        without_vectors,
        points,
        unread,
        finished,
        interrupted,
        seconds,
    } = summary;
    let mut sentence = format!("{name}: {reembedded} re-embedded");
    if *from_thumbnails > 0 {
        sentence.push_str(&format!(", {from_thumbnails} by thumbnails"));
    }
    if *without_vectors > 0 {
        sentence.push_str(&format!(", {without_vectors} without vectors"));
    }
    sentence.push_str(&format!("; {} in {seconds:.1} s", words::count(*points, "new point", "new points")));
    if *interrupted {
        sentence.push_str("; interrupted, the next run goes on from here");
    } else if !unread.is_empty() {
        let assets = words::count(unread.len() as u64, "asset", "assets");
        let still = if *finished { "" } else { "; the collection stays as it was" };
        sentence.push_str(&format!(
            "; {assets} could not be read{still}: run it again when they can be, or with --yes to go on without them"
        ));
    } else if *from_thumbnails + *without_vectors > 0 {
        sentence
            .push_str("; `sensorium failures` lists what lacks its media, run it again when that is back");
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_what_is_left_to_do() {
        let mut summary = ReembedSummary { reembedded: 3, points: 4, finished: true, ..Default::default() };
        assert_eq!(sentence("default", &summary), "default: 3 re-embedded; 4 new points in 0.0 s");
        summary.without_vectors = 1;
        assert!(sentence("default", &summary).contains("1 without vectors"));
        assert!(sentence("default", &summary).contains("sensorium failures"));
        summary.interrupted = true;
        assert!(sentence("default", &summary).ends_with("the next run goes on from here"));
    }
}
