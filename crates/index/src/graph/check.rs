//! What must hold for a graph before it is walked, and what `verify` asks beyond.

use super::FlatGraph;
use super::flat::Level;

/// How far a list may pass its bound: rows that the builder left unreachable are linked to from full lists too.
const RELINK_SLACK: usize = 32;

impl FlatGraph {
    /// Whether every number lies in its range, so that a walk stays inside. `Err` says what does not.
    pub(crate) fn check_structure(&self) -> Result<(), String> {
        let rows = self.len();
        if rows == 0 || self.entry as usize >= rows {
            return Err(format!("the entry {} is not among {rows} rows", self.entry));
        }
        for (number, level) in self.levels.iter().enumerate() {
            check_level(number, level, rows)?;
        }
        Ok(())
    }

    /// Whether every row can be reached and no list passes its bound. `Err` says what does not hold.
    pub(crate) fn check_quality(&self, m: usize) -> Result<(), String> {
        let lost = self.reachable().iter().filter(|seen| !**seen).count();
        if lost > 0 {
            return Err(format!("{lost} of {} rows cannot be reached", self.len()));
        }
        for (number, level) in self.levels.iter().enumerate() {
            let bound = if number == 0 { m * 2 + RELINK_SLACK } else { m + RELINK_SLACK };
            let longest = level
                .starts
                .windows(2)
                .map(|pair| pair.last().zip(pair.first()).map_or(0, |(end, start)| end - start))
                .max();
            if longest.is_some_and(|longest| longest as usize > bound) {
                return Err(format!("a row has {longest:?} links on level {number}, more than {bound}"));
            }
        }
        Ok(())
    }
}

fn check_level(number: usize, level: &Level, rows: usize) -> Result<(), String> {
    let places = if number == 0 { rows } else { level.rows.len() };
    if level.starts.len() != places + 1 || level.starts.first() != Some(&0) {
        return Err(format!("level {number} has {} starts for {places} rows", level.starts.len()));
    }
    if !level.starts.is_sorted() || level.starts.last().map(|end| *end as usize) != Some(level.links.len()) {
        return Err(format!("the starts of level {number} do not ascend to its number of links"));
    }
    if level.links.iter().any(|row| *row as usize >= rows) {
        return Err(format!("a link on level {number} leaves the graph"));
    }
    if number > 0 {
        let ascending = level.rows.is_sorted_by(|left, right| left < right);
        if !ascending || level.rows.last().is_some_and(|row| *row as usize >= rows) {
            return Err(format!("the rows of level {number} do not ascend inside the graph"));
        }
    }
    Ok(())
}
