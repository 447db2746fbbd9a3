//! NZBs of any size for the benchmarks, in the shape indexers write them.

use std::io::{self, Write};

/// How the segments of a generated NZB lie.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Segments in all.
    pub segments: u64,
    /// Segments of one file.
    pub per_file: u64,
    /// Numbers in a scattered order instead of rising.
    pub scattered: bool,
}

/// Writes the NZB.
pub fn write_nzb(shape: Shape, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE nzb PUBLIC \"-//newzBin//DTD NZB 1.1//EN\" \"http://www.newzbin.com/DTD/nzb/nzb-1.1.dtd\">\n<nzb xmlns=\"http://www.newzbin.com/DTD/2003/nzb\">\n")?;
    for file in 0..shape.segments.div_ceil(shape.per_file) {
        write_file(shape, file, out)?;
    }
    out.write_all(b"</nzb>\n")
}

fn write_file(shape: Shape, file: u64, out: &mut impl Write) -> io::Result<()> {
    let count = shape.per_file.min(shape.segments - file * shape.per_file);
    writeln!(
        out,
        " <file poster=\"Poster &lt;p@example.com&gt;\" date=\"1700000000\" subject=\"Some Release [{file}/99] - &quot;some.release.part{file:03}.rar&quot; yEnc (1/{count})\">"
    )?;
    out.write_all(b"  <groups>\n   <group>alt.binaries.test</group>\n  </groups>\n  <segments>\n")?;
    for i in 0..count {
        let number = 1 + if shape.scattered {
            scatter(i, count)
        } else {
            i
        };
        writeln!(
            out,
            "   <segment bytes=\"739{:03}\" number=\"{number}\">Part{number}of{count}.{:016X}@powerpost2000AA.local</segment>",
            number % 1000,
            (file << 32 | number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        )?;
    }
    out.write_all(b"  </segments>\n </file>\n")
}

/// A permutation of `0..count`: steps of a prime that does not divide it.
fn scatter(i: u64, count: u64) -> u64 {
    let step = [7919, 104_729, 1_299_709]
        .into_iter()
        .find(|p| !count.is_multiple_of(*p))
        .unwrap_or(1);
    i * step % count
}
