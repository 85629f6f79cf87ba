//! What kind of text a text is: HTML, or plain; and drawings and playlists, which are neither.
//!
//! HTML is known by its first tag, behind white space, comments, and declarations of any length. A text that mentions
//! tags further on is plain.
//!
//! Markdown may begin with a tag too (`<h1 align="center">`, `<img>`, `<details>`). A tag that only pages have decides
//! for HTML; before any other the next [`LOOKED_AT`] bytes are looked at, and headings with `#`, fences of code and
//! links in brackets say Markdown. The reason for this side: HTML read from Markdown would lose `Vec<T>` and the ends of
//! lines, while tags in a plain text cost a few words.

/// The media types of texts.
pub(crate) const HTML: &str = "text/html";
pub(crate) const PLAIN: &str = "text/plain";

const SVG: &str = "an SVG drawing: export it as PNG";
const PLAYLIST: &str = "a playlist";

/// Bytes behind the first tag in which marks of Markdown are looked for.
const LOOKED_AT: usize = 4096;

/// Tags that only a page begins with.
const OF_PAGES: [&str; 11] =
    ["html", "head", "body", "title", "meta", "link", "base", "style", "script", "noscript", "frameset"];
/// Tags that a part of a page may begin with, and Markdown too.
const OF_PARTS: [&str; 45] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "center",
    "dd",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "hr",
    "iframe",
    "li",
    "main",
    "menu",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "ul",
    "br",
];
/// Tags within a line, which must be closed again: `<b>` alone may be somebody's name in a chat.
const OF_LINES: [&str; 29] = [
    "a", "abbr", "audio", "b", "big", "button", "cite", "code", "del", "em", "font", "i", "img", "ins",
    "kbd", "label", "mark", "picture", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "tt", "u",
    "video",
];
/// What is no part of a page's own words.
const SET_APART: [(&str, &str); 6] = [
    ("<!--", "-->"),
    ("<script", "</script"),
    ("<style", "</style"),
    ("<pre", "</pre"),
    ("<textarea", "</textarea"),
    ("<template", "</template"),
];

/// The media type of a text, of which this may be the head.
///
/// # Errors
/// If it is not to be read as a text, with what it is.
pub(crate) fn mime(text: &str) -> Result<&'static str, &'static str> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if begins_with(start, "#extm3u") {
        return Err(PLAYLIST);
    }
    let (markup, in_xml) = first_tag(start);
    let name = tag_name(markup);
    if name == "svg" || begins_with(markup, "<!doctype svg") {
        return Err(SVG);
    }
    let head = markup.get(..markup.floor_char_boundary(LOOKED_AT)).unwrap_or(markup).to_ascii_lowercase();
    let is_html = begins_with(markup, "<!doctype html")
        || (if in_xml { name == "html" } else { OF_PAGES.contains(&name.as_str()) })
        || (!in_xml && is_part(&name, &head) && !is_markdown(head));
    Ok(if is_html { HTML } else { PLAIN })
}

fn begins_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

/// Markup from its first tag, behind declarations and comments, and whether an XML declaration is among them.
fn first_tag(markup: &str) -> (&str, bool) {
    let (mut rest, mut in_xml) = (markup, false);
    loop {
        let skipped = match rest {
            _ if rest.starts_with("<?") => rest.split_once("?>"),
            _ if rest.starts_with("<!--") => rest.split_once("-->"),
            _ => None,
        };
        let Some((_, behind)) = skipped else { return (rest, in_xml) };
        in_xml |= begins_with(rest, "<?xml");
        rest = behind.trim_start();
    }
}

/// The name of the tag that begins here, in small letters; empty for none.
fn tag_name(markup: &str) -> String {
    let Some(tag) = markup.strip_prefix('<') else { return String::new() };
    let name = tag.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let ends = tag.get(name.len()..).and_then(|rest| rest.chars().next());
    let is_tag = ends.is_some_and(|c| c.is_ascii_whitespace() || matches!(c, '>' | '/'));
    if is_tag { name.to_ascii_lowercase() } else { String::new() }
}

fn is_part(name: &str, head: &str) -> bool {
    OF_PARTS.contains(&name)
        || (OF_LINES.contains(&name)
            && (head.contains(&format!("</{name}>")) || head.matches("</").count() > 1))
}

/// Whether Markdown stands in a text of small letters, outside of scripts and the like.
fn is_markdown(mut text: String) -> bool {
    for (open, close) in SET_APART {
        while let Some(from) = text.find(open) {
            let end = text.get(from..).and_then(|rest| rest.find(close));
            let to = end.map_or(text.len(), |end| from + end + close.len());
            text.replace_range(from..to, "");
        }
    }
    text.lines().any(|line| {
        let line = line.trim_start();
        let behind = line.trim_start_matches('#');
        let is_heading = (1..=6).contains(&(line.len() - behind.len())) && behind.starts_with(' ');
        let is_fence = line.starts_with("```") || line.starts_with("~~~");
        let is_link = line.split_once("](").is_some_and(|(before, _)| before.contains('['));
        is_heading || is_fence || is_link
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_known_by_its_first_tag() {
        let comment = format!("<!-- {} -->", "licence ".repeat(1000));
        let xml = "<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0 Strict//EN'><html/>";
        for page in [
            "<!DOCTYPE html><p>x",
            "\u{feff} \n<HTML>",
            "<head><title>x</title>",
            "<body>x",
            "<title>x</title>",
            "<meta charset=utf-8>x",
            "<div><script>x</script>",
            "<script src=x></script>",
            "<p>one<p>two",
            "<table border=1><tr><td>x",
            "<h1>x</h1>",
            "<br/>x",
            "<a href=x>y</a>",
            "<b>x</b> y",
            xml,
            "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>",
            &format!("{comment}<html>"),
            &format!("{comment}\n<!-- --><body>"),
            "<pre># not a heading</pre>",
            "<script>\n# x\na[0](b)</script><p>x",
        ] {
            assert_eq!(mime(page), Ok(HTML), "{page}");
        }
    }

    #[test]
    fn texts_with_tags_are_plain() {
        for text in [
            "How to write <html> tags",
            "",
            "<alice> hello <bob>",
            "<b> how do you do",
            "<3 you",
            "x < y",
            "<",
            "<h1 align=\"center\">Name</h1>\n\n## Use\n",
            "<p align=center><img src=x></p>\n\n```sh\nrun\n```",
            "<!-- a note -->\n# Title",
            "<img src=logo.png>\n\n[site](https://example.org)</a></a>",
            "<?xml version='1.0'?><feed><title>x</title></feed>",
            "<?xml version='1.0'?><table><a/></table>",
            "<divan> is a sofa",
            "<!-- never closed",
        ] {
            assert_eq!(mime(text), Ok(PLAIN), "{text}");
        }
    }

    #[test]
    fn drawings_and_playlists_are_no_texts() {
        for svg in ["<svg>", "<?xml version='1.0'?><!-- x --><svg width='1'>", "<!DOCTYPE svg PUBLIC>"] {
            assert_eq!(mime(svg), Err(SVG), "{svg}");
        }
        assert_eq!(mime("#EXTM3U\nhttp://example.org"), Err(PLAYLIST));
    }
}
