//! Time that passes quickly: waits of minutes as a server really sees them, in
//! seconds.
//!
//! A paused clock that runs ahead by itself is no use here: it takes a task that
//! waits for a socket for one that waits for the time, and every timeout is over
//! before the first answer. So the clock is held, and turned a little at a time
//! while all sockets are served in between.

use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

/// How far the clock is turned each millisecond.
const STEP: Duration = Duration::from_millis(25);

/// Runs `future` on a clock that is 25 times as fast.
pub fn quickly<F: Future>(future: F) -> F::Output {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        // While a blocking task runs, the clock does not run ahead.
        let (_hold, held) = oneshot::channel::<()>();
        tokio::task::spawn_blocking(move || held.blocking_recv());
        let (ticking, mut ticks) = mpsc::channel(1);
        std::thread::spawn(move || {
            while ticking.blocking_send(()).is_ok() {
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let turn = async {
            while ticks.recv().await.is_some() {
                tokio::time::advance(STEP).await;
            }
        };
        tokio::select! {
            output = future => output,
            () = turn => unreachable!("it ticks for ever"),
        }
    })
}
