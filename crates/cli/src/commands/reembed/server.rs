//! The same by a server, which goes on serving meanwhile.

use std::pin::pin;

use futures::StreamExt as _;
use sensorium_client::{Client, ReembedOrder, ReembedReply};

use super::super::Context;
use super::{confirm, tell};
use crate::args::low::Reembed;
use crate::backend::connect;
use crate::failure::{CliError, Exit};
use crate::interrupt::or_interrupt;
use crate::output::count::Count;
use crate::output::{Out, note};

/// Has the server bring the collection that was named, else all of them, to its bundle.
pub(super) async fn run(args: &Reembed, url: &str, context: &mut Context) -> anyhow::Result<Exit> {
    let setting = context.setting.clone();
    let client = connect(&setting, url).await?;
    let names = match setting.collection_named {
        true => vec![setting.collection.clone()],
        false => client.list_collections().await?.into_iter().map(|collection| collection.name).collect(),
    };
    for name in &names {
        let client = client.with_collection(name);
        let done = or_interrupt(Box::pin(one((&client, name), args, &mut context.out))).await;
        let Some(end) = done.transpose()? else {
            note("the server ends the run; the next one goes on from here");
            return Ok(Exit::Interrupted);
        };
        if end != Exit::Done {
            return Ok(end);
        }
    }
    Ok(Exit::Done)
}

/// How a run was left.
enum Left {
    Ended(Exit),
    /// It needs a word: so many assets would be without vectors.
    Asks(u64),
}

async fn one(asked: (&Client, &str), args: &Reembed, out: &mut Out) -> anyhow::Result<Exit> {
    let Reembed { yes, dry_run, drop_old, .. } = *args;
    // Whoever said yes to what is listed has not said so of what turns up later.
    let accepted_losses = if yes { u64::MAX } else { 0 };
    let order = ReembedOrder { dry_run, accepted_losses, accept_unread: yes, drop_old };
    match once(asked, (order, true), out).await? {
        Left::Ended(end) => Ok(end),
        Left::Asks(losses) => {
            confirm(losses)?;
            let order = ReembedOrder { accepted_losses: losses, ..order };
            match once(asked, (order, false), out).await? {
                Left::Ended(end) => Ok(end),
                // More is gone than a moment ago.
                Left::Asks(assets) => Err(CliError::LossesNeedYes { assets }.into()),
            }
        }
    }
}

/// One call. What lacks its media is told the first time.
async fn once(
    (client, name): (&Client, &str),
    (order, tells): (ReembedOrder, bool),
    out: &mut Out,
) -> anyhow::Result<Left> {
    let mut replies = pin!(client.reembed(order).await?);
    let (mut bar, mut to) = (None, String::new());
    while let Some(reply) = replies.next().await {
        match reply? {
            ReembedReply::Plan(plan) => {
                for lacking in plan.without_media.iter().filter(|_| tells) {
                    tell::lacking(lacking, out)?;
                }
                if order.dry_run || plan.is_done() {
                    tell::plan(name, &plan, out)?;
                    return Ok(Left::Ended(Exit::Done));
                }
                let losses = plan.losses();
                if plan.from != plan.to && losses > order.accepted_losses {
                    return Ok(Left::Asks(losses));
                }
                bar = Some(Count::new(plan.done, plan.done + plan.pending));
                to = plan.to.revision;
            }
            ReembedReply::Asset(event) => {
                if let Some(bar) = &bar {
                    bar.one();
                    if out.is_json() {
                        bar.aside(|| out.object(&tell::event_row(&event)))?;
                    }
                }
            }
            ReembedReply::Summary(summary) => {
                if let Some(bar) = bar.take() {
                    bar.end();
                }
                return Ok(Left::Ended(tell::end((name, &to), &summary, out)?));
            }
        }
    }
    Err(CliError::ServerLeft.into())
}
