//! What this process has used.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

pub struct Meter {
    began: Instant,
    cpu: Duration,
    split: (f64, f64),
    /// Used, but not for what is measured.
    aside: Duration,
}

/// Seconds, but for `peak_kib`.
pub struct Took {
    pub wall: f64,
    pub cpu: f64,
    pub user: f64,
    pub sys: f64,
    pub peak_kib: u64,
}

impl Meter {
    pub fn new() -> Meter {
        Meter {
            split: split(),
            cpu: cpu(),
            began: Instant::now(),
            aside: Duration::ZERO,
        }
    }

    /// Does `work` and does not count it.
    pub fn aside<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let before = cpu();
        let result = work();
        self.aside += cpu() - before;
        result
    }

    /// Since the beginning. The kernel knows the sum to the nanosecond, and who had it only
    /// by its ticks.
    pub fn took(&self) -> Took {
        let wall = self.began.elapsed();
        let all = cpu() - self.cpu;
        let (user, sys) = split();
        let (user, sys) = (user - self.split.0, sys - self.split.1);
        let share = if user + sys > 0.0 {
            user / (user + sys)
        } else {
            0.0
        };
        let cpu = all.saturating_sub(self.aside).as_secs_f64();
        Took {
            wall: wall.saturating_sub(self.aside).as_secs_f64(),
            cpu,
            user: cpu * share,
            sys: cpu * (1.0 - share),
            peak_kib: peak(),
        }
    }
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Ticks as user and in the kernel.
fn split() -> (f64, f64) {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is a name and may hold blanks.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut next = || {
        fields
            .next()
            .and_then(|field| field.parse().ok())
            .unwrap_or(0.0)
    };
    (next(), next())
}

fn peak() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_ascii_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
