//! Standard output and standard error.

use std::io::{self, IsTerminal, Write};

use sensorium_types::printable;
use serde_json::Value;

use super::paint::Paint;

/// Standard output. When its reader goes away, what is written is dropped and the command goes on quietly.
#[derive(Debug)]
pub(crate) struct Out {
    is_json: bool,
    paint: Paint,
    is_closed: bool,
}

impl Out {
    /// Standard output of a command.
    pub(crate) fn new(is_json: bool, no_color: bool) -> Self {
        let paint = Paint::new(!is_json && !no_color && io::stdout().is_terminal());
        Self { is_json, paint, is_closed: false }
    }

    /// Whether JSON was asked for.
    pub(crate) const fn is_json(&self) -> bool {
        self.is_json
    }

    /// The colours of this output.
    pub(crate) const fn paint(&self) -> Paint {
        self.paint
    }

    /// Writes a line.
    ///
    /// # Errors
    /// If it cannot be written, except for want of a reader.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Writes a JSON object as a line.
    ///
    /// # Errors
    /// If it cannot be written, except for want of a reader.
    pub(crate) fn object(&mut self, object: &Value) -> io::Result<()> {
        self.line(&object.to_string())
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// If they cannot be written, except for want of a reader.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            result => result,
        }
    }
}

/// Writes a line to standard error, with control and format characters made visible: much of what is told there holds
/// names and words from outside. A standard error that is gone is nobody's concern.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", printable(text));
}

/// Writes lines to standard error as [`note`] does, those of a text that is made of several.
pub(crate) fn notes(text: &str) {
    for line in text.lines() {
        note(line);
    }
}

/// Standard error as the log writes to it, one event a call.
#[derive(Debug)]
pub(crate) struct LogLines;

impl Write for LogLines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        note(text.strip_suffix('\n').unwrap_or(&text));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
