//! The steps of a query, in order.

use std::sync::Arc;

use sensorium_store::Store;
use sensorium_types::{
    CalibrationTable, Cancel, Explain, Fusion, Language, QueryReply, QueryRequest, StageClock, StageTimes,
    Stopped, Term, WEAK_SCORE,
};

use tracing::{Instrument as _, debug_span};

use super::fusion::fuse;
use super::part::{Make, QueryParts};
use super::rerank::{Reader, question};
use super::rows::{Shape, hits, rows};
use super::search::{Scope, search};
use super::terms::Asker;
use crate::EngineError;
use crate::blocking::on_one_thread;
use crate::seams::{Decode, Encode};

/// Least depth of the lists that late fusion fuses.
const MIN_FUSION_DEPTH: usize = 100;

/// What a query has of its engine.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) encode: Arc<dyn Encode>,
    pub(crate) decode: Arc<dyn Decode>,
    /// What turns cosines into scores, if the bundle's space is that of the collection.
    pub(crate) calibration: Option<CalibrationTable>,
    /// Whether cosines are corrected; the calibration is of such.
    pub(crate) corrects: bool,
}

/// That terms can be asked, as far as they tell before anything is encoded.
pub(super) fn check(terms: &[Term]) -> Result<(), EngineError> {
    if !terms.iter().any(|term| term.weight > 0.0) {
        return Err(EngineError::NoPositiveTerm);
    }
    if terms.iter().any(|term| term.input.is_blank()) {
        return Err(EngineError::BlankText);
    }
    Ok(())
}

/// Answers a query, on one thread. A caller that goes away drops this future, and with it the work of that thread ends.
pub(crate) async fn query(
    sources: Sources,
    request: QueryRequest,
    (cancel, times): (Cancel, StageTimes),
) -> Result<QueryReply, EngineError> {
    let ends_with_the_query = cancel.on_drop();
    let steps = steps(sources, request, cancel, StageClock::start(times));
    let reply = on_one_thread("answer a query", steps).await;
    // It has ended by itself; another request may share the flag.
    ends_with_the_query.disarm();
    reply
}

/// That somebody still waits. A search looks for itself, as do all that decode or encode; what follows it is short.
fn go_on(cancel: &Cancel) -> Result<(), EngineError> {
    match cancel.stopped() {
        Some(Stopped::Cancelled) => Err(EngineError::Cancelled),
        // Whoever set the deadline answers for it.
        Some(Stopped::DeadlineExceeded) | None => Ok(()),
    }
}

async fn steps(
    sources: Sources,
    request: QueryRequest,
    cancel: Cancel,
    mut clock: StageClock,
) -> Result<QueryReply, EngineError> {
    let Sources { store, encode, decode, corrects, calibration } = sources;
    let QueryRequest {
        terms,
        modalities,
        filter,
        limit,
        all,
        exact,
        min_score,
        every_moment,
        late,
        rerank,
        raw: _,
        explain,
    } = request;
    check(&terms)?;
    let question = (rerank > 0).then(|| question(&terms, late)).transpose()?;
    let reader = Reader {
        store: Arc::clone(&store),
        encode: Arc::clone(&encode),
        decode: Arc::clone(&decode),
        cancel: cancel.clone(),
    };
    let asker = Asker { store: Arc::clone(&store), encode, decode, cancel: cancel.clone() };
    let asked = asker.ask_all(terms).instrument(debug_span!("encode")).await?;
    let other = asked.iter().filter(|term| term.weight > 0.0).filter_map(|term| term.language);
    if let (Some(_), Some(language)) = (&question, other.into_iter().find(|of| *of != Language::English)) {
        return Err(EngineError::RerankLanguage { language });
    }
    clock.step("encode");

    let languages = asked
        .iter()
        .enumerate()
        .filter_map(|(term, asked)| Some((term, asked.language?.code().to_owned())))
        .collect();
    let make = Make { late, keeps_captions: store.keeps_captions(), corrects };
    let QueryParts { parts, exclude } = QueryParts::new(asked, make, (&store.space(), calibration.as_ref()))?;
    let fusion = if parts.len() > 1 { Fusion::Late } else { Fusion::Early };
    let shown = limit.max(rerank);
    let depth = match fusion {
        Fusion::Early => shown,
        Fusion::Late => shown.max(MIN_FUSION_DEPTH),
    };
    let exact = exact || all;
    let scope = Scope { modalities, filter, exclude, limit: depth, exact, explain, cancel: cancel.clone() };
    let (found, filter) = search(&store, &parts, scope).instrument(debug_span!("search")).await?;
    let (lists, searches): (Vec<_>, Vec<_>) =
        found.into_iter().map(|found| (found.candidates, found.explained)).unzip();
    let searches = searches.into_iter().flatten().collect();
    clock.step("search");
    go_on(&cancel)?;

    let found = fuse(&parts, lists, shown);
    let min_score = if all { None } else { min_score };
    let shape = Shape { every_moment, min_score, limit: shown };
    let mut rows = rows(&store, &parts, found, shape).instrument(debug_span!("score")).await?;
    clock.step("score");
    go_on(&cancel)?;
    if let (Some(question), Some(part)) = (question, parts.first()) {
        reader.rerank(question, part, &mut rows, rerank).instrument(debug_span!("rerank")).await?;
        clock.step("rerank");
    }
    rows.truncate(limit);

    let hits = hits(&store, rows).instrument(debug_span!("hydrate")).await?;
    clock.step("hydrate");
    let best = hits.iter().filter_map(|hit| hit.score).max_by(f32::total_cmp);
    let explain = explain.then_some(Explain { fusion, languages, filter, searches });
    let weak = best.is_some_and(|best| best < WEAK_SCORE);
    Ok(QueryReply { hits, weak, steps: clock.into_times(), explain })
}
