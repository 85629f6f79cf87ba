//! `top`: what a server is doing, live.

use std::io::{self, IsTerminal};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Context;
use crate::args::high::Place;
use crate::args::low::Top;
use crate::backend::connect;
use crate::failure::{CliError, Exit};
use crate::output::Out;
use crate::top::{Readings, Row, Shown, important, lines, read, rows};

/// Where a terminal begins to be written anew, and how what follows is taken away.
const HOME: &str = "\u{1b}[H\u{1b}[2J";
const REST: &str = "\u{1b}[J";

/// Shows the metrics of a server again and again.
pub(super) async fn run(args: Top, context: &mut Context) -> anyhow::Result<Exit> {
    let Place::Server { url, .. } = context.setting.place() else { return Err(CliError::NoServer.into()) };
    let client = connect(&context.setting, &url).await?;
    let every = Duration::from_secs(args.every.into());
    let mut before: Option<(Readings, Instant)> = None;
    let mut left = args.count;
    loop {
        let now = read(&client.metrics().await?);
        let at = Instant::now();
        let earlier = before.as_ref().map(|(readings, then)| (readings, at - *then));
        let rows = rows(&now, earlier);
        let is_all = args.all || context.out.is_json();
        show(&url, &if is_all { rows } else { important(rows) }, &mut context.out)?;
        before = Some((now, at));
        left = left.map(|left| left.saturating_sub(1));
        if left == Some(0) {
            return Ok(Exit::Done);
        }
        tokio::time::sleep_until(at + every).await;
    }
}

fn show(url: &str, rows: &[Row], out: &mut Out) -> io::Result<()> {
    if out.is_json() {
        let rows: Vec<Value> = rows.iter().map(row).collect();
        return out.object(&json!({ "metrics": rows }));
    }
    let is_screen = io::stdout().is_terminal();
    let title = out.paint().bold(&crate::output::words::printable(url));
    let mut page = if is_screen { HOME.to_owned() } else { String::new() };
    page.push_str(&format!("{title}\n"));
    for line in lines(rows) {
        page.push_str(&line);
        page.push('\n');
    }
    page.push_str(if is_screen { REST } else { "\n" });
    out.bytes(page.as_bytes())
}

fn row(row: &Row) -> Value {
    let Row { name, labels, shown } = row;
    match shown {
        Shown::Now(value) => json!({ "name": name, "labels": labels, "value": value }),
        Shown::Rate { total, per_second } => {
            json!({ "name": name, "labels": labels, "value": total, "per_second": per_second })
        }
        Shown::Spread { per_second, median, p99 } => {
            json!({ "name": name, "labels": labels, "per_second": per_second, "median": median, "p99": p99 })
        }
    }
}
