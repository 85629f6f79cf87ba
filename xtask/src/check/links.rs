//! Relative links of our pages lead somewhere.

use std::path::{Path, PathBuf};

use anyhow::Result;

const PAGES: [&str; 5] =
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "models/mini/MODEL_CARD.md"];

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut pages: Vec<PathBuf> =
        PAGES.iter().map(|page| root.join(page)).filter(|page| page.is_file()).collect();
    let docs = root.join("docs");
    if docs.is_dir() {
        for entry in fs_err::read_dir(docs)? {
            let path = entry?.path();
            if path.extension().is_some_and(|suffix| suffix == "md") {
                pages.push(path);
            }
        }
    }
    let mut complaints = Vec::new();
    for page in pages {
        let folder = page.parent().unwrap_or(root);
        for link in links(&fs_err::read_to_string(&page)?) {
            let file = link.split('#').next().unwrap_or_default();
            if !file.is_empty() && !folder.join(file).exists() {
                let page = page.strip_prefix(root).unwrap_or(&page).display();
                complaints.push(format!("{page} links to {file}, which does not exist"));
            }
        }
    }
    Ok(complaints)
}

/// The relative targets of `[text](target)`, outside of fenced code.
fn links(markdown: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
            found.extend(targets.filter(|target| !target.contains(':') && !target.is_empty()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_links_are_found_and_others_left_out() {
        let page =
            "[a](docs/a.md#part) ![b](b.png \"title\") [c](https://x.org) [d](#here)\n```\n[e](e)\n```\n";
        assert_eq!(links(page), ["docs/a.md#part", "b.png", "#here"]);
    }
}
