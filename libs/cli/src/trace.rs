//! `-v` shows the conversation with the servers.
//!
//! Lines come from the threads that serve connections, which must not wait for a
//! terminal: a thread of its own prints them, and when it cannot keep up, lines
//! are counted instead of shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use nzbpipe_nntp::{Line, Trace};

use crate::message::{count, printable};
use crate::ui::Ui;

/// Lines waiting for the terminal: some hundred KiB, and more than a person
/// could follow in the time it takes to print them.
const WAITING: usize = 4096;

/// The thread that prints.
pub(crate) struct Printer {
    lines: SyncSender<Option<String>>,
    thread: JoinHandle<()>,
}

/// What the engine is to tell, if `ui` shows details.
pub(crate) fn start(ui: &Ui) -> Option<(Trace, Printer)> {
    if !ui.is_verbose() {
        return None;
    }
    let (lines, waiting) = sync_channel(WAITING);
    let unseen = Arc::new(AtomicU64::new(0));
    let thread = {
        let (ui, unseen) = (ui.clone(), Arc::clone(&unseen));
        thread::spawn(move || print(&waiting, &unseen, &ui))
    };
    let told = lines.clone();
    let trace: Trace = Arc::new(move |line| {
        if told.try_send(Some(shown(line))).is_err() {
            unseen.fetch_add(1, Relaxed);
        }
    });
    Some((trace, Printer { lines, thread }))
}

impl Printer {
    /// Prints what waits and ends.
    pub(crate) fn finish(self) {
        if self.lines.send(None).is_ok() {
            let _ = self.thread.join();
        }
    }
}

fn print(waiting: &Receiver<Option<String>>, unseen: &AtomicU64, ui: &Ui) {
    while let Ok(Some(line)) = waiting.recv() {
        ui.detail(&line);
        let lost = unseen.swap(0, Relaxed);
        if lost > 0 {
            ui.detail(&format!(
                "… {} of the conversation not shown: they came too fast",
                count(lost, "line")
            ));
        }
    }
}

/// `main#3 > BODY <id>`, `main#3 < 222 …`.
fn shown(line: Line<'_>) -> String {
    let way = if line.sent { '>' } else { '<' };
    let text = printable(line.text).replace('\n', "\\u{a}");
    format!("{}#{} {way} {text}", line.server, line.connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_whatever_it_says() {
        let line = Line {
            server: "main",
            connection: 3,
            sent: true,
            text: "BODY <a@b>",
        };
        assert_eq!(shown(line), "main#3 > BODY <a@b>");
        let line = Line {
            sent: false,
            text: "222 \x1b[2J\r\nmain#3 > QUIT",
            ..line
        };
        assert_eq!(
            shown(line),
            "main#3 < 222 \\u{1b}[2J\\u{d}\\u{a}main#3 > QUIT"
        );
    }
}
