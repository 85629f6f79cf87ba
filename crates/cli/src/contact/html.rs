//! A page that needs nothing beside itself.

use std::fmt::Write as _;

use super::{Card, base64};
use crate::output::{hits, words};

const STYLE: &str = "body{font:14px system-ui,sans-serif;margin:1.5rem;background:#fafafa;color:#222}\
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(220px,1fr));gap:1rem}\
figure{margin:0;background:#fff;border:1px solid #ddd;border-radius:6px;overflow:hidden}\
figure img,figure .none{width:100%;height:180px;object-fit:contain;background:#eee;display:block}\
figure .none{display:flex;align-items:center;justify-content:center;color:#888;font-size:1.4rem}\
figcaption{padding:.5rem .7rem;overflow-wrap:anywhere}small{color:#666;display:block}\
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}figure{background:#222;border-color:#333}\
figure img,figure .none{background:#111}small{color:#999}}";

/// The hits as a page.
pub(super) fn page(title: &str, cards: &[Card<'_>]) -> String {
    let title = escape(title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n<h1>{title}</h1>\n<main>\n"
    );
    for card in cards {
        figure(&mut page, card);
    }
    page.push_str("</main>\n</html>\n");
    page
}

fn figure(page: &mut String, Card { hit, thumb }: &Card<'_>) {
    let modality = hit.modality.name();
    let name = match &hit.path {
        Some(path) => words::path(path, None),
        None => format!("asset:{}", hit.asset),
    };
    let image = match thumb {
        Some(jpeg) => {
            format!("<img alt=\"\" src=\"data:image/jpeg;base64,{}\">", base64::encode(jpeg))
        }
        None => format!("<div class=\"none\">{modality}</div>"),
    };
    let score = hit.score.map_or_else(|| format!("cosine {:.3}", hit.cosine), |score| format!("{score:.1}"));
    let place = hits::place(hit)
        .map(|place: String| format!("<small>{}</small>", escape(&place)))
        .unwrap_or_default();
    // Writing to a string does not fail.
    let _ = writeln!(
        page,
        "<figure>{image}<figcaption><b>{}</b> {score} {modality}<small>{}</small>{place}</figcaption></figure>",
        hit.rank,
        escape(&name),
    );
}

/// Text as HTML shows it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use sensorium_types::Hit;
    use sensorium_types::{AssetId, Modality, Payload, PointInfo, Track};

    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let hit = Hit {
            rank: 1,
            asset: AssetId::new("a").expect("valid"),
            score: Some(1.0),
            cosine: 0.5,
            modality: Modality::Image,
            path: Some("/<script>.jpg".into()),
            paths: Vec::new(),
            moment: None,
            range: None,
            payload: Payload::new(),
            point: PointInfo { track: Track::Image, ordinal: 0, span: None },
            bridged: false,
        };
        let cards = [Card { hit: &hit, thumb: Some(vec![1, 2, 3]) }, Card { hit: &hit, thumb: None }];
        let page = page("<dog> & \"cat\"", &cards);
        assert!(page.contains("&lt;dog&gt; &amp; &quot;cat&quot;"));
        assert!(page.contains("/&lt;script&gt;.jpg") && !page.contains("<script>"));
        assert!(page.contains("base64,AQID") && page.contains("<div class=\"none\">image</div>"));
    }
}
