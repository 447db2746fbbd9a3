//! Having a program say a password: `pass`, `secret-tool`, `gpg`, and whatever
//! else people keep theirs in.

use std::io::{self, Read};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nzbpipe_pipeline::Stop;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Time for a person to unlock a keyring, not for one who is not there.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// How often it is looked whether the program has ended: its output may stay
/// open in a process that it left behind.
const BEAT: Duration = Duration::from_millis(20);

/// No password is as long; what comes after it is read and dropped.
const LONGEST: usize = 4096;

/// Runs a program (the first word) with its arguments and returns what it wrote to
/// its standard output, or in words what is wrong. Its input is empty, its messages
/// go where ours go. It is killed after `limit`, and when a stop is asked for.
pub(super) fn output(words: &[String], limit: Duration, stop: &Stop) -> Result<Vec<u8>, String> {
    let (program, arguments) = words.split_first().ok_or("names no program")?;
    // Only the program is named: an argument may be part of a secret.
    let failed = |e: io::Error| format!("{program}: {e}");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let stdout = child.stdout.take().ok_or("has no output")?;
    let ended = listen(&mut child, stdout, limit, stop);
    if !matches!(ended, Ok(Some(_))) {
        let _ = child.kill();
        let _ = child.wait();
    }
    match ended.map_err(failed)? {
        Some((status, bytes)) if status.success() => Ok(bytes),
        Some((status, _)) => Err(format!("{program} failed: {status}")),
        None if stop.requested().is_some() => Err("interrupted".to_owned()),
        None => Err(format!("{program} took longer than {} s", limit.as_secs())),
    }
}

/// Reads until the program ends; `None` if that is not to be waited for.
fn listen(
    child: &mut Child,
    stdout: ChildStdout,
    limit: Duration,
    stop: &Stop,
) -> io::Result<Option<(ExitStatus, Vec<u8>)>> {
    let began = Instant::now();
    let mut stdout = Some(stdout);
    let mut bytes = Vec::new();
    loop {
        // Before reading: what it wrote before its end is there now.
        let status = child.try_wait()?;
        while let Some(pipe) = &mut stdout {
            if !readable(
                pipe,
                stop,
                if status.is_some() {
                    Duration::ZERO
                } else {
                    BEAT
                },
            )? {
                break;
            }
            let mut chunk = [0; 1024];
            match pipe.read(&mut chunk)? {
                0 => stdout = None,
                n => {
                    let room = LONGEST.saturating_sub(bytes.len());
                    bytes.extend_from_slice(&chunk[..n.min(room)]);
                }
            }
            if stop.requested().is_some() || began.elapsed() > limit {
                return Ok(None);
            }
        }
        if let Some(status) = status {
            return Ok(Some((status, bytes)));
        }
        if stop.requested().is_some() || began.elapsed() > limit {
            return Ok(None);
        }
        if stdout.is_none() {
            wait(&mut [PollFd::new(stop, PollFlags::IN)], BEAT)?;
        }
    }
}

/// Whether there is output or its end; waits at most `time`, less when a stop is
/// asked for.
fn readable(pipe: &ChildStdout, stop: &Stop, time: Duration) -> io::Result<bool> {
    let mut fds = [
        PollFd::new(pipe, PollFlags::IN),
        PollFd::new(stop, PollFlags::IN),
    ];
    wait(&mut fds, time)?;
    Ok(!fds[0].revents().is_empty())
}

fn wait(fds: &mut [PollFd<'_>], time: Duration) -> io::Result<()> {
    let time = Timespec::try_from(time).map_err(io::Error::other)?;
    match poll(fds, Some(&time)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nzbpipe_pipeline::Code;

    fn sh(script: &str, limit: Duration) -> Result<Vec<u8>, String> {
        let words = ["sh", "-c", script].map(str::to_owned);
        output(&words, limit, &Stop::new().unwrap())
    }

    #[test]
    fn what_it_prints() {
        assert_eq!(sh("printf 'a b\\nc\\n'", LIMIT).unwrap(), b"a b\nc\n");
        assert_eq!(sh("cat; echo x", LIMIT).unwrap(), b"x\n");
        assert_eq!(sh("exec >&-; sleep 0.1", LIMIT).unwrap(), b"");
        let long = sh("head -c 300000 /dev/zero", LIMIT).unwrap();
        assert_eq!(long.len(), LONGEST);
    }

    #[test]
    fn what_it_leaves_behind_is_not_waited_for() {
        let began = Instant::now();
        assert_eq!(sh("sleep 20 & echo x", LIMIT).unwrap(), b"x\n");
        assert!(began.elapsed() < Duration::from_secs(15));
    }

    #[test]
    fn what_is_wrong_is_told_without_arguments() {
        let table = [
            (sh("echo s3cret; exit 3", LIMIT), "exit status: 3"),
            (sh("kill -9 $$ # s3cret", LIMIT), "signal: 9"),
            (
                sh("sleep 100 # s3cret", Duration::from_millis(50)),
                "longer",
            ),
            (sh("yes s3cret", Duration::from_millis(50)), "longer"),
        ];
        for (result, word) in table {
            let told = result.unwrap_err();
            assert!(told.contains(word) && told.starts_with("sh "), "{told}");
            assert!(!told.contains("s3cret"));
        }
        let stop = Stop::new().unwrap();
        let words = ["/nowhere/at/all".to_owned(), "s3cret".to_owned()];
        let told = output(&words, LIMIT, &stop).unwrap_err();
        assert!(told.starts_with("/nowhere/at/all: ") && !told.contains("s3cret"));
        assert!(output(&[], LIMIT, &stop).is_err());
    }

    #[test]
    fn a_stop_ends_it() {
        let stop = Stop::new().unwrap();
        stop.request(Code::signal(2));
        let words = ["sleep".to_owned(), "100".to_owned()];
        assert_eq!(output(&words, LIMIT, &stop).unwrap_err(), "interrupted");
    }
}
