//! How fast, how long and how stubbornly servers are asked: the flags of the
//! programs that fetch.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use nzbpipe_nntp::{Options, Rate};
use serde_json::{Value, json};

use crate::{duration, size, threads};

/// Flags of the engine.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Transfer")]
pub(crate) struct EngineArgs {
    /// Take no more than RATE bytes a second from all servers together
    ///
    /// Plain bytes, or with K, M, G (1000 each) or Ki, Mi, Gi (1024 each): 500K, 10M,
    /// 1.5Gi. What the line carries is counted, TLS and all; `limit_rate` in the server
    /// file is the same for one server. 0 is no limit.
    #[arg(long, value_name = "RATE", value_parser = size::parse, default_value = "0")]
    pub limit_rate: u64,

    /// Give up when all servers have been down for this long
    ///
    /// They are tried again and again meanwhile. The exit code is 75 then, or 69 if no
    /// session with any of them was ever usable.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "5m")]
    pub max_down: Duration,

    /// Stop after this long with 75; a later run goes on
    #[arg(long, value_name = "TIME", value_parser = duration::positive)]
    pub deadline: Option<Duration>,

    /// Near the end, ask for up to SIZE bytes twice, of a faster connection
    ///
    /// So that the job does not wait for the slowest one. The first whole answer counts;
    /// the other costs quota. 0: never.
    #[arg(long, value_name = "SIZE", value_parser = size::parse, default_value = "32M")]
    pub hedge: u64,

    /// Receive, decrypt and decode on N threads
    ///
    /// By default there is one for each core this process may use, as its affinity mask
    /// and its control group (a container's limit) say, but no more than 4: one is enough
    /// for some 10 Gbit/s. Most is done on the thread where an article arrives.
    #[arg(long, value_name = "N", value_parser = threads::parse)]
    pub threads: Option<NonZeroUsize>,
}

impl EngineArgs {
    /// The engine's options; `tries` is how often a server is asked.
    pub(crate) fn options(&self, tries: u32) -> Options {
        let mut options = Options::default();
        options.tries = tries;
        options.max_down = self.max_down;
        options.deadline = self.deadline;
        options.hedge = self.hedge;
        options
    }

    /// The limit in total.
    pub(crate) fn rate(&self) -> Arc<Rate> {
        Arc::new(Rate::new(self.limit_rate))
    }

    /// The flags as `--stats` tells them.
    pub(crate) fn told(&self, retries: u32) -> Value {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        json!({
            "retries": retries,
            "limit_rate": self.limit_rate,
            "max_down_ms": ms(self.max_down),
            "deadline_ms": self.deadline.map(ms),
            "hedge": self.hedge,
            "threads": self.threads,
        })
    }
}
