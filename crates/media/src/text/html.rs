//! HTML to the words that it shows, in their order, and nothing that is drawn: no frames of tables, no marks of lists,
//! links and headings.
//!
//! Tags alone are read, no tree is built: memory is bounded by the page, and no depth of nesting costs anything.

use std::cell::RefCell;

use html5ever::TokenizerResult;
use html5ever::buffer_queue::BufferQueue;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::{Rawtext, Rcdata, ScriptData};
use html5ever::tokenizer::{Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

/// Elements whose text nobody sees on the page.
const HIDDEN: [&str; 9] =
    ["script", "style", "noscript", "template", "title", "iframe", "noembed", "noframes", "datalist"];
/// Elements that stand apart like paragraphs.
const PARAGRAPHS: [&str; 31] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "details",
    "dialog",
    "dl",
    "fieldset",
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
    "main",
    "menu",
    "nav",
    "ol",
    "p",
    "pre",
    "search",
    "section",
    "table",
    "ul",
];
/// Elements that begin and end a line.
const LINES: [&str; 18] = [
    "br",
    "caption",
    "center",
    "dd",
    "dir",
    "div",
    "dt",
    "figcaption",
    "legend",
    "li",
    "optgroup",
    "option",
    "rt",
    "summary",
    "tbody",
    "tfoot",
    "thead",
    "tr",
];
/// Elements within a line that are apart from their neighbours.
const APART: [&str; 9] = ["button", "img", "input", "meter", "progress", "select", "td", "textarea", "th"];
/// Elements that keep their white space.
const KEEPING: [&str; 4] = ["listing", "pre", "textarea", "xmp"];

/// What stands between two words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Line,
    Paragraph,
}

impl Gap {
    fn of(name: &str) -> Self {
        if PARAGRAPHS.contains(&name) {
            Self::Paragraph
        } else if LINES.contains(&name) {
            Self::Line
        } else if APART.contains(&name) {
            Self::Space
        } else {
            Self::None
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Space => " ",
            Self::Line => "\n",
            Self::Paragraph => "\n\n",
        }
    }
}

/// The words of a page.
pub(super) fn words(page: &str) -> String {
    let start = page.get(..page.floor_char_boundary(1024)).unwrap_or(page);
    let is_xml = start.contains("<?xml") || start.contains("http://www.w3.org/1999/xhtml");
    let reader = Reader { is_xml, page: RefCell::new(Page::default()) };
    let tokenizer = Tokenizer::new(reader, TokenizerOpts::default());
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from(page));
    loop {
        match tokenizer.feed(&queue) {
            TokenizerResult::Done => break,
            TokenizerResult::Script(()) | TokenizerResult::EncodingIndicator(_) => {}
        }
    }
    tokenizer.end();
    tokenizer.sink.page.into_inner().text
}

struct Reader {
    /// Whether `<script/>` is a whole element, which it is in XHTML and not in HTML.
    is_xml: bool,
    page: RefCell<Page>,
}

#[derive(Default)]
struct Page {
    text: String,
    /// What stands before the next word.
    gap: Option<Gap>,
    /// The hidden element that is open, and how many of its name.
    hidden: Option<(String, usize)>,
    /// How many elements are open that keep their white space.
    keeping: usize,
    /// How many drawings and formulas are open, whose rules are those of XML.
    foreign: usize,
}

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut page = self.page.borrow_mut();
        match token {
            Token::TagToken(tag) => match tag.kind {
                TagKind::StartTag => return page.open(&tag, self.is_xml),
                TagKind::EndTag => page.close(&tag.name),
            },
            Token::CharacterTokens(text) => {
                if page.hidden.is_none() {
                    page.add(&text);
                }
            }
            Token::DoctypeToken(_)
            | Token::CommentToken(_)
            | Token::NullCharacterToken
            | Token::EOFToken
            | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

impl Page {
    fn open(&mut self, tag: &Tag, is_xml: bool) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        if tag.self_closing && (is_xml || self.foreign > 0) {
            self.part(Gap::of(name));
            self.alternative(tag);
            return TokenSinkResult::Continue;
        }
        match &mut self.hidden {
            Some((hidden, depth)) => *depth += usize::from(hidden == name),
            None if HIDDEN.contains(&name) => self.hidden = Some((name.to_owned(), 1)),
            None => {
                self.part(Gap::of(name));
                self.alternative(tag);
                self.keeping += usize::from(KEEPING.contains(&name));
                self.foreign += usize::from(matches!(name, "svg" | "math"));
            }
        }
        match name {
            "script" => TokenSinkResult::RawData(ScriptData),
            "style" | "noscript" | "iframe" | "noembed" | "noframes" | "xmp" => {
                TokenSinkResult::RawData(Rawtext)
            }
            "title" | "textarea" => TokenSinkResult::RawData(Rcdata),
            "plaintext" => TokenSinkResult::Plaintext,
            _ => TokenSinkResult::Continue,
        }
    }

    fn close(&mut self, name: &str) {
        match &mut self.hidden {
            Some((hidden, depth)) if hidden == name => {
                *depth -= 1;
                if *depth == 0 {
                    self.hidden = None;
                }
            }
            Some(_) => {}
            None => {
                self.part(Gap::of(name));
                self.keeping -= usize::from(self.keeping > 0 && KEEPING.contains(&name));
                self.foreign -= usize::from(self.foreign > 0 && matches!(name, "svg" | "math"));
            }
        }
    }

    /// The words that stand for an image.
    fn alternative(&mut self, tag: &Tag) {
        if self.hidden.is_none()
            && &*tag.name == "img"
            && let Some(words) = tag.attrs.iter().find(|attribute| &*attribute.name.local == "alt")
        {
            self.add(&words.value);
            self.part(Gap::Space);
        }
    }

    fn part(&mut self, gap: Gap) {
        self.gap = self.gap.max(Some(gap));
    }

    fn add(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                ' ' | '\t' | '\n' | '\r' | '\x0C' if self.keeping == 0 => self.part(Gap::Space),
                // Where a word may be divided.
                '\u{AD}' => {}
                _ => {
                    if let Some(gap) = self.gap.take()
                        && !self.text.is_empty()
                    {
                        self.text.push_str(gap.text());
                    }
                    self.text.push(c);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_in_order_and_nothing_is_drawn() {
        let page = "<h2>Boats</h2><table><caption>All</caption><thead><tr><th>Name<th>Colour</tr></thead>
            <tr><td>Anna</td><td>dark <b>r</b>ed</td></tr></table><ul><li>one<li><a href='/x'>two</a></ul>
            <ol><li>first</ol><blockquote>said</blockquote><hr><p>H<sub>2</sub>O <s>old</s> <code>x</code><br>
            long<wbr>er wo&shy;rd <img src=a alt='a dog'>&amp;<pre>a  b\n  c</pre>";
        assert_eq!(
            words(page),
            "Boats\n\nAll\nName Colour\nAnna dark red\n\none\ntwo\n\nfirst\n\nsaid\n\nH2O old x\nlonger word a dog \
             &\n\na  b\n  c"
        );
    }

    #[test]
    fn what_no_page_shows_is_left_out() {
        for hidden in [
            "<script>if (a < b) x('</p>')</script>",
            "<style>p { color: red }</style>",
            "<noscript>Enable <b>it</noscript>",
            "<template>a<template>b</template>c</template>",
            "<title>x</title>",
            "<iframe src=x>none</iframe>",
            "<!-- note -->",
            "<?php echo 1 ?>",
            "<svg><title>x</title><style/></svg>",
        ] {
            assert_eq!(words(&format!("<p>A {hidden}boat</p>")), "A boat", "{hidden}");
        }
        assert_eq!(words("<p>kept</p><script>never closed <p>x"), "kept");
        assert_eq!(words("<p>kept</p></pre></script></svg></template>\n too"), "kept\n\ntoo");
    }

    #[test]
    fn an_empty_script_of_xhtml_hides_nothing() {
        let page =
            "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><script src='a.js'/><p>seen</p>";
        assert_eq!(words(page), "seen");
        assert_eq!(words("<script src=a.js /><p>code</p></script><p>seen</p>"), "seen");
    }

    #[test]
    fn no_depth_is_too_deep() {
        let page = "<div><span>".repeat(100_000) + "deep";
        assert_eq!(words(&page), "deep");
    }
}
