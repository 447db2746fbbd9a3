mod film;

use std::io::{Read, Seek, Write};

use super::*;
use crate::Silent;
use film::{FILL, Film, Way, cat, file, over};
use nzbpipe_record::{Encoding, End, Pool};

fn shuffled<T>(mut items: Vec<T>, seed: u64) -> Vec<T> {
    let mut state = seed | 1;
    for i in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(i, (state % (i as u64 + 1)) as usize);
    }
    items
}

#[test]
fn any_order_makes_the_same_file() {
    let film = Film::new(40_300);
    cat(Way::default(), &film.parts()).is(0, &film.data);
    for seed in 1..40 {
        for window in [0, 3000, 1 << 20] {
            let way = Way {
                window,
                ..Way::default()
            };
            let done = cat(way, &shuffled(film.parts(), seed)).is(0, &film.data);
            assert_eq!(done.spilled, window < 10_000);
            assert_eq!(done.catted.ending.tally.ok, film.of);
        }
    }
}

#[test]
fn no_room_for_what_is_ahead() {
    let film = Film::new(9000);
    let mut parts = film.parts();
    parts.rotate_left(1);
    let way = |spill| Way {
        window: 2000,
        spill,
        ..Way::default()
    };
    let done = cat(way(0), &parts).is(74, b"").says("--window and --spill");
    assert!(!done.spilled);
    cat(way(8192), &parts).is(74, b"");
    cat(way(1 << 20), &parts).is(0, &film.data);
}

#[test]
fn a_missing_segment_ends_it() {
    let film = Film::new(5500);
    let lost = |record: Record| {
        let mut records = film.parts();
        records[2] = record;
        cat(Way::default(), &records)
    };
    let before = &film.data[..2000];
    lost(film.missing(3)).is(1, before).says(
        "segment 3 <3@x> is not there (no server has it): the output ends before it, at byte 2000",
    );
    for (class, code) in [
        (Class::Missing, 1),
        (Class::Damaged, 1),
        (Class::Transport, 75),
        (Class::Unreachable, 69),
        (Class::Login, 77),
    ] {
        lost(film.failed(3, class))
            .is(code, before)
            .says("segment 3 <3@x>");
    }
    let silent = vec![film.part(1), film.part(2), film.part(4)];
    cat(Way::default(), &silent)
        .is(1, before)
        .says("segment 3 is not there (nothing was heard of it)");
    // The end, of which only its number tells.
    cat(Way::default(), &film.parts()[..5])
        .is(1, &film.data[..5000])
        .says("segment 6");
}

// It ends at once: what comes behind the gap is not even read.
#[test]
fn nothing_is_read_behind_a_gap() {
    let film = Film::new(3000);
    let mut input = file(&[film.part(1), film.missing(2)]);
    input.seek(io::SeekFrom::End(0)).unwrap();
    input.write_all(b"this is no record").unwrap();
    input.rewind().unwrap();
    over(Way::default(), input).is(1, &film.data[..1000]);
}

#[test]
fn zeros_for_what_is_missing() {
    let film = Film::new(5500);
    for holes in [
        &[3][..],
        &[1],
        &[6],
        &[2, 3],
        &[1, 2, 3, 4, 5],
        &[1, 3, 5, 6],
    ] {
        for seed in 0..8 {
            for silent in [false, true] {
                let record = |number| match holes.contains(&number) {
                    true if silent => None,
                    true => Some(film.missing(number)),
                    false => Some(film.part(number)),
                };
                let records: Vec<_> = (1..=film.of).filter_map(record).collect();
                let mut wanted = film.data.clone();
                let mut zeros = 0;
                for &hole in holes {
                    let start = (hole as usize - 1) * 1000;
                    let end = film.data.len().min(start + 1000);
                    wanted[start..end].fill(0);
                    zeros += end - start;
                }
                cat(FILL, &shuffled(records, seed))
                    .is(1, &wanted)
                    .says(&format!("{zeros} bytes are zeros instead"));
            }
        }
    }
}

#[test]
fn a_part_that_is_not_right_is_missing() {
    let film = Film::new(3000);
    type Change = fn(&mut Part);
    let table: [(Change, &str); 6] = [
        (|part| part.crc = Crc::Mismatch, "damaged: crc"),
        (|part| part.crc = Crc::Truncated, "damaged: truncated"),
        (|part| part.crc = Crc::Absent, "--accept-unverified"),
        (
            |part| part.crc32 = Some("12345678".into()),
            "not the bytes that were decoded",
        ),
        (
            |part| part.crc32 = Some("what".into()),
            "not the bytes that were decoded",
        ),
        (|part| part.offset = Some(999), "overlap"),
    ];
    for (change, says) in table {
        let records = [film.part(1), film.part_with(2, change), film.part(3)];
        cat(Way::default(), &records)
            .is(1, &film.data[..1000])
            .says(says);
        let mut wanted = film.data.clone();
        wanted[1000..2000].fill(0);
        cat(FILL, &records).is(1, &wanted).says(says);
        // A copy that is right makes up for it, in whatever order; and one that is not
        // does no harm to it. Of two that are proven the first one counts.
        let [one, two, three] = records;
        cat(
            Way::default(),
            &[one.clone(), film.part(2), two.clone(), three.clone()],
        )
        .is(0, &film.data);
        if says != "overlap" {
            cat(Way::default(), &[three, two, film.part(2), one]).is(0, &film.data);
        }
    }
}

#[test]
fn what_nothing_proves_is_taken_if_that_will_do() {
    let film = Film::new(3000);
    let bare = |part: &mut Part| part.crc = Crc::Absent;
    let way = || Way {
        accept_unverified: true,
        ..Way::default()
    };
    let records = [film.part(1), film.part_with(2, bare), film.part(3)];
    let done = cat(way(), &records).is(0, &film.data);
    assert_eq!(done.catted.unproven, 1);
    // The one that is proven is better, as long as neither was written.
    let mut other = film.part_with(2, bare);
    if let Header::Part(part) = &mut other.header {
        part.crc32 = None;
    }
    other.payload = Some(vec![0; 1000].into());
    let records = [other, film.part(2), film.part(3), film.part(1)];
    let done = cat(way(), &records).is(0, &film.data);
    assert_eq!(done.catted.unproven, 0);
}

// A stranger's offset or size is never reserved, reached for or filled.
#[test]
fn hostile_places() {
    let film = Film::new(3000);
    for offset in [1 << 63, u64::MAX, u64::MAX - 5, 1 << 40] {
        let far = film.part_with(2, |part| part.offset = Some(offset));
        let records = [film.part(1), far, film.part(3)];
        cat(Way::default(), &records).is(1, &film.data[..1000]);
        let mut wanted = film.data.clone();
        wanted[1000..2000].fill(0);
        cat(FILL, &records).is(1, &wanted);
    }
    let liar = |number| film.part_with(number, |part| part.size = Some(1 << 63));
    let records = [liar(1), liar(2), film.missing(3)];
    cat(FILL, &records).is(1, &film.data[..2000]);
    cat(Way::default(), &[liar(1), liar(2), liar(3)])
        .is(1, &film.data)
        .says("the NZB is short");
    // One decoy among them is no more than that.
    cat(Way::default(), &[film.part(1), liar(2), film.part(3)]).is(0, &film.data);
}

#[test]
fn an_empty_file() {
    let film = Film::new(0);
    cat(Way::default(), &film.parts()).is(0, b"");
    cat(FILL, &[film.missing(1)]).is(1, b"");
}

#[test]
fn a_part_made_by_hand() {
    let part = |number, offset, text: &'static str| {
        let segment = Segment {
            number,
            ..Segment::default()
        };
        let part = Part {
            offset: Some(offset),
            crc: Crc::Ok,
            segment,
            ..Part::default()
        };
        Record::with_payload(part, text)
    };
    cat(Way::default(), &[part(2, 3, "def"), part(1, 0, "abc")]).is(0, b"abcdef");
    cat(Way::default(), &[part(2, 4, "def"), part(1, 0, "abc")]).is(1, b"abc");
}

#[test]
fn uuencode_goes_by_number() {
    let film = Film::new(3000);
    let parts = |number| {
        film.part_with(number, |part| {
            part.encoding = Some(Encoding::Uu);
            part.crc = Crc::Absent;
            part.offset = (part.segment.number == 1).then_some(0);
            part.size = None;
            part.ends = part.segment.number == 3;
        })
    };
    let way = |zero_fill| Way {
        accept_unverified: true,
        zero_fill,
        ..Way::default()
    };
    let all = [parts(3), parts(1), parts(2)];
    cat(way(false), &all).is(0, &film.data);
    cat(Way::default(), &all)
        .is(1, b"")
        .says("--accept-unverified");
    cat(way(false), &[parts(1), film.missing(2), parts(3)]).is(1, &film.data[..1000]);
    cat(way(true), &[parts(1), film.missing(2), parts(3)]).is(1, &film.data[..1000]);
    cat(way(false), &[parts(1), parts(2), film.missing(3)]).is(1, &film.data[..2000]);
}

#[test]
fn one_file_of_several() {
    let film = Film::new(3000);
    let other = |number| {
        film.part_with(number, |part| {
            part.segment.file = 1;
            part.segment.file_id = "g".to_owned();
            part.segment.name = "other".to_owned();
        })
    };
    let records = [film.part(2), other(1), film.part(1), other(2), film.part(3)];
    cat(Way::default(), &records)
        .is(65, b"")
        .says("\"film\" and \"other\"");
    for (index, code) in [(0, 0), (1, 1), (2, 66)] {
        let way = Way {
            pick: Pick::Index(index),
            ..Way::default()
        };
        assert_eq!(cat(way, &records).code, code);
    }
}

/// The output is closed when the file is whole, though the input goes on.
#[test]
fn the_reader_need_not_wait_for_the_end_of_the_input() {
    let film = Film::new(3000);
    let (input, mut feed) = std::io::pipe().unwrap();
    let (mut read, out) = std::io::pipe().unwrap();
    let stop = Stop::new().unwrap();
    let config = Config {
        pick: Pick::Only,
        accept_unverified: false,
        zero_fill: false,
        window: 0,
        spill: 0,
        open: Box::new(tempfile::tempfile),
        out: File::from(std::os::fd::OwnedFd::from(out)),
        stop: stop.clone(),
        watch: Box::new(Silent),
    };
    let inlet = Inlet::pipe(input.into(), Pool::new(0), stop);
    let stage = std::thread::spawn(move || run(config, inlet).ending.code);
    let mut stream = Vec::new();
    file(&film.parts()).read_to_end(&mut stream).unwrap();
    let end = stream.len() - 20;
    feed.write_all(&stream[..end]).unwrap();
    let mut bytes = Vec::new();
    read.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, film.data);
    // That it goes away is no matter any more, and the stream's end still is one.
    drop(read);
    drop(feed);
    assert_eq!(stage.join().unwrap(), Code::TRUNCATED);
}

#[test]
fn streams_that_are_no_file() {
    let film = Film::new(3000);
    let cut = |records: &[Record]| {
        let input = file(records);
        let len = input.metadata().unwrap().len();
        let end = "{\"type\":\"end\",\"by\":\"\",\"status\":\"ok\",\"code\":0}\n";
        input.set_len(len - end.len() as u64).unwrap();
        over(Way::default(), input)
    };
    cut(&film.parts()).is(76, &film.data);
    cut(&film.parts()[..1]).is(76, &film.data[..1000]);
    cut(&[]).is(76, b"");
    cat(Way::default(), &[])
        .is(66, b"")
        .says("no file is in it");
    let segment = film.segment(1);
    cat(Way::default(), &[segment.clone().into()])
        .is(65, b"")
        .says("put nntp-fetch before");
    let body = nzbpipe_record::Body {
        segment,
        ..Default::default()
    };
    cat(Way::default(), &[Record::with_payload(body, "x")])
        .is(65, b"")
        .says("put yenc-decode before");
    // Upstream had nothing to give: its code, not ours.
    let end = End {
        code: 78,
        ..End::default()
    };
    let done = cat(Way::default(), &[end.into()]);
    assert_eq!((done.code, done.told().as_str()), (78, ""));
}
