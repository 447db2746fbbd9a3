//! The stage alone: records in a file, files in a folder.

use std::io::{Seek, Write};

use nzbpipe_record::Pool;
use nzbpipe_store::{OnIncomplete, Options};

use super::*;
use crate::{Silent, Stop};

const STREAM: &str = "{\"type\":\"stream\",\"v\":1}\n";
const PART: &str = "{\"len\":1,\"type\":\"part\",\"job\":\"a\",\"job_name\":\"x\",\"file_id\":\"b\",\
    \"name\":\"x.bin\",\"number\":1,\"of\":2,\"id\":\"1@x\",\"offset\":0,\"crc\":\"ok\"}\nx\n";

/// What is left of a file of which one of two parts came, and then this `end`.
fn left(end: &str) -> usize {
    let temp = tempfile::tempdir().unwrap();
    let mut file = tempfile::tempfile().unwrap();
    writeln!(file, "{STREAM}{PART}{end}").unwrap();
    file.rewind().unwrap();
    let inlet = Inlet::pipe(file.into(), Pool::new(0), Stop::new().unwrap());
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
