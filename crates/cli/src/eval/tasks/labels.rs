//! Queries for a label: precision at 10 and mean average precision, averaged over the labels.

use super::gallery::{Member, scores};
use crate::eval::bootstrap;
use crate::eval::corpus::Corpus;
use crate::eval::metrics::{Ranked, average_precision, mean, order, precision_at_10};
use crate::eval::report::Figures;
use crate::eval::scoring::Vector;

/// A query for a label; `None` where what asks could not be read, which finds nothing.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// The label that is looked for.
    pub(super) label: &'a str,
    /// What asks.
    pub(super) query: Option<Vector>,
}

/// A query with the gallery in its order.
struct Listed<'a> {
    label: &'a str,
    order: Vec<usize>,
}

/// Figures of queries for labels.
pub(super) fn figures(corpus: &Corpus, asked: &[Asked<'_>], members: &[Member<'_>]) -> Option<Figures> {
    let listed: Vec<Listed<'_>> = asked
        .iter()
        .filter(|asked| members.iter().any(|member| member.is(asked.label)))
        .map(|asked| {
            let scores = match &asked.query {
                Some(query) => scores(corpus, query, members),
                None => vec![None; members.len()],
            };
            let with_right: Vec<(Option<f32>, bool)> = scores
                .into_iter()
                .zip(members)
                .map(|(score, member)| (score, member.is(asked.label)))
                .collect();
            Listed { label: asked.label, order: order(&with_right) }
        })
        .collect();
    if listed.is_empty() {
        return None;
    }
    let once = vec![1; members.len()];
    let values = of(&listed, members, &once);
    let intervals = bootstrap::intervals(members.len(), |times| of(&listed, members, times));
    let shares = ["p10", "map"]
        .into_iter()
        .zip(values)
        .zip(intervals)
        .map(|((name, value), interval)| (name, value, interval))
        .collect();
    let labels = distinct(&listed).len();
    Some(Figures {
        shares,
        counts: vec![("labels", labels), ("gallery", members.len())],
        sources: Vec::new(),
    })
}

fn distinct<'a>(listed: &[Listed<'a>]) -> Vec<&'a str> {
    let mut labels: Vec<&str> = Vec::new();
    for query in listed {
        if !labels.contains(&query.label) {
            labels.push(query.label);
        }
    }
    labels
}

/// Both figures where each member counts `times` often; the queries of a label are averaged first. A label of which no
/// clip was drawn is left out.
fn of(listed: &[Listed<'_>], members: &[Member<'_>], times: &[usize]) -> Vec<f64> {
    let (mut precisions, mut averages) = (Vec::new(), Vec::new());
    for label in distinct(listed) {
        let right: usize =
            members.iter().zip(times).filter(|(member, _)| member.is(label)).map(|(_, times)| times).sum();
        if right == 0 {
            continue;
        }
        let (mut precision, mut average) = (Vec::new(), Vec::new());
        for query in listed.iter().filter(|query| query.label == label) {
            let ranked: Ranked = query
                .order
                .iter()
                .filter_map(|place| Some((members.get(*place)?.is(label), *times.get(*place)?)))
                .filter(|(_, times)| *times > 0)
                .collect();
            precision.push(precision_at_10(&ranked, right));
            average.push(average_precision(&ranked, right));
        }
        precisions.push(mean(&precision));
        averages.push(mean(&average));
    }
    vec![mean(&precisions), mean(&averages)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member<'a>(label: &'a str) -> Member<'a> {
        Member { captions: Vec::new(), label: Some(label), asset: None, points: &[] }
    }

    #[test]
    fn labels_weigh_the_same_however_many_ask() {
        let members = [member("dog"), member("cat"), member("dog")];
        let listed = [
            Listed { label: "dog", order: vec![0, 2, 1] },
            Listed { label: "dog", order: vec![1, 0, 2] },
            Listed { label: "cat", order: vec![1, 0, 2] },
        ];
        let values = of(&listed, &members, &[1, 1, 1]);
        assert!((values[0] - (0.75 + 1.0) / 2.0).abs() < 1e-12, "{values:?}");
        let without_cats = of(&listed, &members, &[1, 0, 1]);
        assert!((without_cats[0] - 1.0).abs() < 1e-12, "{without_cats:?}");
        let failed = [Listed { label: "dog", order: Vec::new() }];
        assert!(of(&failed, &members, &[1, 1, 1])[0].abs() < 1e-12);
    }
}
