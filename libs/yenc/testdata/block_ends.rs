// Where a dot-stuffed multi-line block ends: (name, input, bytes consumed up to and with the end).
// One expression, for include!() by the tests of the yEnc decoder and of the NNTP framer, which
// must agree whatever the split of the input. The input begins at the start of a line, as the
// block behind a status line does; None means that the block has not ended at the end of the
// input. What follows an end belongs to the next reply.
&[
    // RFC 3977 section 3.1.1.
    ("empty block", b".\r\n", Some(3)),
    ("one line", b"abc\r\n.\r\n", Some(8)),
    ("empty line before the end", b"\r\n.\r\n", Some(5)),
    ("next reply behind the end", b"abc\r\n.\r\n222 0 <a@b>\r\n", Some(8)),
    ("two ends: the first counts", b"abc\r\n.\r\n.\r\n", Some(8)),
    ("empty block, then another", b".\r\n.\r\n", Some(3)),
    // Stuffed dots are no ends.
    ("stuffed dot", b"..\r\n", None),
    ("stuffed dot, then the end", b"..\r\n.\r\n", Some(7)),
    ("two stuffed dots", b"...\r\n.\r\n", Some(8)),
    ("stuffed dot with text", b"..abc\r\n.\r\n", Some(10)),
    ("unstuffed dot with text", b".abc\r\n.\r\n", Some(9)),
    ("dot and blank", b". \r\n.\r\n", Some(7)),
    ("blank and dot", b" .\r\n.\r\n", Some(7)),
    ("dot within a line", b"a.\r\n.\r\n", Some(7)),
    ("stuffed control line", b"..=yend\r\n.\r\n", Some(12)),
    ("only dots", b"..\r\n...\r\n....\r\n.\r\n", Some(18)),
    // Cut short.
    ("nothing", b"", None),
    ("dot alone", b".", None),
    ("dot and CR", b".\r", None),
    ("no line end", b"abc", None),
    ("line, no end", b"abc\r\n", None),
    ("line, dot", b"abc\r\n.", None),
    ("line, dot, CR", b"abc\r\n.\r", None),
    // CR that ends no line.
    ("dot, CR, text", b".\rabc\r\n.\r\n", Some(10)),
    ("dot, CR, dot", b".\r.\r\n.\r\n", Some(8)),
    ("dot, CR, CR LF is not the end", b".\r\r\n.\r\n", Some(7)),
    ("CR before the line end", b"abc\r\r\n.\r\n", Some(9)),
    ("CR only", b"abc\r.\rdef\r.\r", None),
    ("CR alone does not start a line", b"abc\r.\r\n", None),
    ("CR, dot, CR LF, then the end", b"abc\r.\r\n.\r\n", Some(10)),
    // A transport that sends LF alone.
    ("LF: empty block", b".\n", Some(2)),
    ("LF: one line", b"abc\n.\n", Some(6)),
    ("LF: empty line", b"\n.\n", Some(3)),
    ("LF: next reply", b"abc\n.\n222 0 <a@b>\n", Some(6)),
    ("LF: stuffed dot", b"..\n.\n", Some(5)),
    ("LF: dot within a line", b"a.\n.\n", Some(5)),
    ("LF: no end", b"abc\n.", None),
    // Mixed: dot LF ends only after a bare LF, dot CR LF after any LF.
    ("dot LF after CR LF is a line", b"abc\r\n.\n", None),
    ("dot LF after CR LF, then the end", b"abc\r\n.\n.\r\n", Some(10)),
    ("dot LF twice after CR LF", b"abc\r\n.\n.\n", Some(9)),
    ("dot CR LF after LF", b"abc\n.\r\n", Some(7)),
    ("stray LF, then a proper end", b"a\nb\r\n.\r\n", Some(8)),
    ("stray LF, then dot LF after CR LF", b"a\nb\r\n.\n", None),
    ("empty line CR LF, dot LF", b"\r\n.\n", None),
    ("dot and text LF, dot LF", b".a\n.\n", Some(5)),
    ("dot CR text LF, dot LF", b".\ra\n.\n", Some(6)),
    // What an escape or a control line must not hide.
    ("escape at the line's end", b"ab=\r\n.\r\n", Some(8)),
    ("escape at the line's end, LF", b"ab=\n.\n", Some(6)),
    ("escape alone on its line", b"=\r\n.\r\n", Some(6)),
    ("escaped dot", b"=.\r\n.\r\n", Some(7)),
    ("escape behind a stuffed dot", b".=\r\n.\r\n", Some(7)),
    ("control-like line", b"=yzzz\r\n.\r\n", Some(10)),
    ("control-like line of two bytes", b"=y\r\n.\r\n", Some(7)),
    ("cut control word", b"=yen\r\n.\r\n", Some(9)),
    ("cut control word, LF", b"=yen\n.\n", Some(7)),
    ("NUL and high bytes", b"\x00\xff\xfe\r\n.\r\n", Some(8)),
    ("NUL behind the dot", b".\x00\r\n.\r\n", Some(7)),
]
