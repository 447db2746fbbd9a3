//! The stage alone: records in a file, files in a folder.

use std::io::{Seek, Write};

use nzbpipe_record::Pool;
use nzbpipe_store::{OnIncomplete, Options};

use super::*;
use crate::{Silent, Stop};

const STREAM: &str = "{\"type\":\"stream\",\"v\":1}\n";
const PART: &str = "{\"len\":1,\"type\":\"part\",\"job\":\"a\",\"job_name\":\"x\",\"file_id\":\"b\",\
    \"name\":\"x.bin\",\"number\":1,\"of\":2,\"id\":\"1@x\",\"offset\":0,\"crc\":\"ok\"}\nx\n";

/// Records as a stage before would give them.
fn inlet(records: &str) -> Inlet {
    let mut file = tempfile::tempfile().unwrap();
    writeln!(file, "{STREAM}{records}").unwrap();
    file.rewind().unwrap();
    Inlet::pipe(file.into(), Pool::new(0), Stop::new().unwrap())
}

/// What is left of a file of which one of two parts came, and then this `end`.
fn left(end: &str) -> usize {
    let temp = tempfile::tempdir().unwrap();
    let inlet = inlet(&format!("{PART}{end}"));
    let store = Options {
        dir: temp.path().to_owned(),
        on_incomplete: OnIncomplete::Delete,
        ..Options::default()
    };
    let config = Config {
        store,
        check: true,
        room: false,
        watch: Box::new(Silent),
    };
    let written = run(config, inlet, Outlet::Nowhere);
    assert_eq!(written.files.len(), 1);
    let there = written.files[0].part_path.iter();
    there.filter(|path| temp.path().join(path).exists()).count()
}

// In one process a signal reaches the writer; in a pipe it may reach the fetcher alone, whose
// `end` tells of it.
#[test]
fn what_came_of_a_run_that_was_stopped_is_not_deleted() {
    assert_eq!(left(r#"{"type":"end","status":"ok","code":0}"#), 0);
    assert_eq!(left(r#"{"type":"end","status":"partial","code":1}"#), 0);
    for code in [143, 130, 74, 65] {
        let end = format!(r#"{{"type":"end","status":"error","code":{code}}}"#);
        assert_eq!(left(&end), 1, "{code}");
    }
}

// Who has the desk may wait for a slow reader of the output. The thread that brings parts has
// connections to serve.
#[test]
fn a_part_does_not_wait_for_the_desk() {
    let temp = tempfile::tempdir().unwrap();
    let config = Config {
        store: Options {
            dir: temp.path().to_owned(),
            ..Options::default()
        },
        check: true,
        room: false,
        watch: Box::new(Silent),
    };
    let Ok(writing) = Writing::open(config, Outlet::Nowhere, None) else {
        panic!("it does not open");
    };
    let second = PART.replace("\"number\":1,\"of\":2", "\"number\":2,\"of\":4");
    let second = second.replace("\"offset\":0", "\"offset\":1");
    let first = PART.replace("\"of\":2", "\"of\":4");
    let mut inlet = inlet(&format!("{first}{second}"));
    let mut next = || inlet.next().unwrap().unwrap();
    let at_once = writing.at_once();
    // It makes the file, and is not for this thread.
    let Some(Record {
        header: Header::Part(part),
        payload: Some(bytes),
    }) = at_once(next())
    else {
        panic!("the first part was taken");
    };
    writing.arrivals.part(part, bytes).unwrap();
    writing.outcomes()();
    let (sender, answer) = std::sync::mpsc::channel();
    let second = next();
    let back = std::thread::scope(|scope| {
        let desk = writing.desk();
        scope.spawn(|| sender.send(at_once(second)).unwrap());
        let back = answer.recv_timeout(std::time::Duration::from_secs(5));
        drop(desk);
        back
    });
    let back = back.expect("an answer").expect("the part");
    assert!(matches!(back.header, Header::Part(_)));
    assert!(at_once(back).is_none(), "nobody has it now");
    let (files, errors) = writing.store().stop();
    assert!(errors.is_empty());
    assert_eq!(files[0].ok, 2);
}
