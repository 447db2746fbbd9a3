//! Helpers are called when they are of use, the order stays, and nobody is left waiting.

use super::*;
use nzbpipe_record::{Body, Header, Reader, Segment, Stream, Writer};
use nzbpipe_yenc::Kernel;
use std::fs::File;
use std::io::{Read, Seek};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::time::Duration;

fn four() -> Config {
    Config {
        kernel: Kernel::best(),
        raw: true,
        threads: NonZeroUsize::new(4).unwrap(),
    }
}

/// A stream of bodies, by number, each with a payload of so many bytes; without `end`.
fn bodies(file: &File, sizes: impl Iterator<Item = usize>) {
    let mut writer = Writer::new(file);
    writer.write(&Stream::new("test").into()).unwrap();
    for (number, size) in (1..).zip(sizes) {
        let segment = Segment {
            number,
            id: format!("{number}@x"),
            ..Segment::default()
        };
        let body = Body {
            segment,
            ..Body::default()
        };
        let header = Header::Body(Box::new(body));
        // A reader that left ends the test's stream as well.
        if writer.write_payload(&header, &vec![b'x'; size]).is_err() {
            return;
        }
    }
}

/// The numbers of the parts in a stream.
fn numbers(mut file: &File) -> Vec<u64> {
    file.rewind().unwrap();
    let mut reader = Reader::new(file, Default::default(), Pool::new(0));
    let mut numbers = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        numbers.push(record.header.segment().unwrap().number);
    }
    numbers
}

fn file() -> File {
    tempfile::tempfile().unwrap()
}

fn inlet(fd: impl Into<OwnedFd>) -> Inlet {
    Inlet::pipe(fd.into(), Pool::new(0), Stop::new().unwrap())
}

fn outlet(file: &File) -> Outlet {
    Outlet::pipe(file.try_clone().unwrap().into())
}

#[test]
fn an_input_that_outruns_one_thread_has_helpers_and_its_order_stays() {
    let (input, output) = (file(), file());
    // Large and small in turns: later ones are done before earlier ones.
    let sizes = (0..400).map(|n| if n % 2 == 0 { 200_000 } else { 1 });
    bodies(&input, sizes);
    (&input).rewind().unwrap();
    let (mut out, mut tally) = (outlet(&output), Tally::default());
    let (result, helpers) = work(
        four(),
        &Pool::new(1 << 20),
        &mut inlet(input),
        (&mut out, &mut tally),
    );
    assert_eq!(
        result.unwrap_err().code(),
        Code::TRUNCATED,
        "there is no `end`"
    );
    assert!((1..=3).contains(&helpers), "{helpers}");
    out.flush().unwrap();
    assert_eq!(numbers(&output), (1..=400).collect::<Vec<u64>>());
    assert_eq!(tally.segments(), 400);
}

#[test]
fn what_is_small_or_slow_to_come_is_work_for_one() {
    let (input, output) = (file(), file());
    bodies(&input, std::iter::repeat_n(WORTH / 2, 100));
    (&input).rewind().unwrap();
    let (mut out, mut tally) = (outlet(&output), Tally::default());
    let mut small = inlet(input);
    assert_eq!(
        work(four(), &Pool::new(0), &mut small, (&mut out, &mut tally)).1,
        0
    );

    let (reader, writer) = rustix::pipe::pipe().unwrap();
    let feeding = thread::spawn(move || {
        let writer = File::from(writer);
        bodies(&writer, std::iter::empty());
        let mut stream = file();
        bodies(&stream, std::iter::repeat_n(2 * WORTH, 3));
        stream.rewind().unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        // Never more in the pipe than a few KiB.
        let at = bytes.iter().position(|&b| b == b'\n').unwrap() + 1;
        for piece in bytes[at..].chunks(4 << 10) {
            rustix::io::write(&writer, piece).unwrap();
            while rustix::io::ioctl_fionread(&writer).unwrap() > 8 << 10 {
                thread::yield_now();
            }
        }
    });
    let mut slow = inlet(reader);
    assert_eq!(
        work(four(), &Pool::new(0), &mut slow, (&mut out, &mut tally)).1,
        0
    );
    feeding.join().unwrap();
}

// One writes, one waits for its turn, one reads what does not come: when nobody reads
// the output any more, all have to go.
#[test]
#[cfg(target_os = "linux")]
fn an_output_that_fails_ends_it_while_the_input_stays_open() {
    let (input, feed) = rustix::pipe::pipe().unwrap();
    let (reader, output) = rustix::pipe::pipe().unwrap();
    if rustix::pipe::fcntl_setpipe_size(&feed, 1 << 20).is_err() {
        return; // The user has no pages left.
    }
    let mut stream = file();
    bodies(&stream, [300_000; 3].into_iter());
    let mut bytes = Vec::new();
    stream.rewind().unwrap();
    stream.read_to_end(&mut bytes).unwrap();
    let cut = &bytes[..bytes.len() - 100_000];
    assert_eq!(rustix::io::write(&feed, cut).unwrap(), cut.len());

    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let (mut out, mut tally) = (Outlet::pipe(output), Tally::default());
        let mut inlet = inlet(input);
        tell.send(work(
            four(),
            &Pool::new(0),
            &mut inlet,
            (&mut out, &mut tally),
        ))
    });
    while rustix::io::ioctl_fionread(&feed).unwrap() > 0 {
        thread::yield_now();
    }
    assert!(told.try_recv().is_err());
    drop(reader);
    let (result, helpers) = told.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!((result.unwrap_err().code(), helpers), (Code::CLOSED, 2));
}
