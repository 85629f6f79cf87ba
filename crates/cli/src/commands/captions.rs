//! Captions that a collection lacks, made at the end of `index` and of `reembed`.

use sensorium_engine::{Cancel, CaptionOutcome, CaptionsSummary, Engine};
use tokio::sync::mpsc::unbounded_channel;

use crate::failure::Exit;
use crate::interrupt::or_cancel;
use crate::output::count::Count;
use crate::output::{note, words};

/// Makes the captions that are missing, where the collection keeps them.
pub(super) async fn make(engine: &Engine) -> anyhow::Result<Exit> {
    let missing = engine.caption_counts().await?.map_or(0, |counts| counts.missing);
    if missing == 0 {
        return Ok(Exit::Done);
    }
    let cancel = Cancel::new();
    let (sender, mut events) = unbounded_channel();
    let bar = Count::new(0, missing);
    let work = async {
        let run = engine.make_captions(sender, cancel.clone());
        let tell = async {
            while let Some(made) = events.recv().await {
                bar.one();
                if let CaptionOutcome::Failed(reason) = made.outcome {
                    bar.aside(|| note(&format!("asset:{}: no captions: {reason}", made.asset)));
                }
            }
        };
        tokio::join!(run, tell).0
    };
    let summary = or_cancel(&cancel, Box::pin(work)).await;
    bar.end();
    let Some(summary) = summary.transpose()? else { return Ok(Exit::Interrupted) };
    note(&sentence(&summary));
    Ok(if summary.interrupted { Exit::Interrupted } else { Exit::Done })
}

fn sentence(summary: &CaptionsSummary) -> String {
    let CaptionsSummary { made, failed, away, interrupted } = *summary;
    let mut sentence = format!("captions: {} put into words", words::count(made, "asset", "assets"));
    if failed > 0 {
        sentence.push_str(&format!(", {failed} failed"));
    }
    if away > 0 {
        sentence.push_str(&format!(", the media of {away} is not here"));
    }
    if interrupted {
        sentence.push_str("; interrupted, the rest is for the next `index`");
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_what_happened() {
        let mut summary = CaptionsSummary { made: 1, ..CaptionsSummary::default() };
        assert_eq!(sentence(&summary), "captions: 1 asset put into words");
        summary = CaptionsSummary { made: 2, failed: 1, away: 3, interrupted: true };
        assert_eq!(
            sentence(&summary),
            "captions: 2 assets put into words, 1 failed, the media of 3 is not here; interrupted, the rest is for \
             the next `index`"
        );
    }
}
