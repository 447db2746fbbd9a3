//! A decoder with pieces of any size in and rooms of any size out, and the comparison of several.
//! Also used by the fuzz targets.

use nzbpipe_yenc::{Decoder, Kernel, Options, Progress, Report, State};

/// What a decoder made of one article.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub data: Vec<u8>,
    pub report: Report,
    /// What each call did. It is settled by the input and the room alone.
    pub calls: Vec<Progress>,
}

impl Outcome {
    /// Bytes of the input up to and with the article's end.
    pub fn consumed(&self) -> usize {
        self.calls.iter().map(|call| call.consumed).sum()
    }
}

/// A decoder and its buffers, for many articles.
pub struct Runner {
    decoder: Decoder,
    input: Vec<u8>,
    buffer: Vec<u8>,
    /// Each buffer is memory of its own and not longer than it has to be, so that a sanitizer sees
    /// whoever leaves it. Otherwise other bytes are around it.
    exact: bool,
}

/// Stand before and behind the input a decoder is given, and must not count.
const STALE: [&[u8]; 2] = [b"=\r\n", b"\r\n.\r\n=yend \r\n"];

/// Stands behind the room a decoder is given.
const CANARY: [u8; 96] = [0xa5; 96];

impl Runner {
    pub fn new(options: Options) -> Runner {
        Runner {
            decoder: Decoder::new(options),
            input: Vec::new(),
            buffer: Vec::new(),
            exact: false,
        }
    }

    /// One for each kernel, `scalar` first.
    pub fn all(stuffed: bool) -> Vec<Runner> {
        Kernel::available()
            .map(|kernel| {
                Runner::new(Options {
                    stuffed,
                    kernel,
                    ..Options::default()
                })
            })
            .collect()
    }

    pub fn kernel(&self) -> Kernel {
        self.decoder.kernel()
    }

    /// Decodes one article given in pieces. Each call has the next of `rooms`, which must not end
    /// and not be 0 for ever.
    pub fn decode<'a>(
        &mut self,
        pieces: impl IntoIterator<Item = &'a [u8]>,
        rooms: impl IntoIterator<Item = usize>,
    ) -> Outcome {
        let mut rooms = rooms.into_iter();
        let (mut data, mut calls) = (Vec::new(), Vec::new());
        for mut piece in pieces {
            loop {
                let room = rooms.next().expect("rooms do not end");
                let progress = self.call(piece, room);
                data.extend_from_slice(&self.buffer[..progress.written]);
                piece = &piece[progress.consumed..];
                calls.push(progress);
                match progress.state {
                    State::Full => assert_eq!(progress.written, room, "full with room left"),
                    State::More => assert!(piece.is_empty(), "wants more before it used all"),
                    State::Ended => {}
                }
                if progress.state != State::Full {
                    break;
                }
            }
        }
        Outcome {
            data,
            report: self.decoder.finish(),
            calls,
        }
    }

    /// Decodes one article given in pieces, each within a buffer that `memory` makes: of that many
    /// bytes, the piece behind the first `gap`, which are at least [`Decoder::SLACK`].
    pub fn decode_in_place<'a>(
        &mut self,
        pieces: impl IntoIterator<Item = &'a [u8]>,
        gap: usize,
        mut memory: impl FnMut(usize, &mut dyn FnMut(&mut [u8])),
    ) -> (Vec<u8>, Report) {
        let mut data = Vec::new();
        for piece in pieces {
            memory(gap + piece.len(), &mut |buffer| {
                buffer[gap..].copy_from_slice(piece);
                let progress = self.decoder.decode_in_place(buffer, gap);
                data.extend_from_slice(&buffer[..progress.written]);
                match progress.state {
                    State::Full => panic!("full with a gap of {gap}"),
                    State::More => assert_eq!(progress.consumed, piece.len()),
                    State::Ended => {}
                }
            });
        }
        (data, self.decoder.finish())
    }

    /// Returns what it did; what it wrote is in `buffer`.
    fn call(&mut self, piece: &[u8], room: usize) -> Progress {
        if self.exact {
            self.buffer = vec![0; room];
            let input: Box<[u8]> = piece.into();
            return self.decoder.decode(&input, &mut self.buffer);
        }
        let behind = room + CANARY.len();
        if self.buffer.len() < behind {
            self.buffer.resize(behind, 0);
        }
        self.buffer[room..behind].copy_from_slice(&CANARY);
        self.input.clear();
        for bytes in [STALE[0], piece, STALE[1]] {
            self.input.extend_from_slice(bytes);
        }
        let input = &self.input[STALE[0].len()..][..piece.len()];
        let progress = self.decoder.decode(input, &mut self.buffer[..room]);
        assert_eq!(self.buffer[room..behind], CANARY, "written behind the room");
        progress
    }
}

/// One for each kernel, with buffers for a sanitizer.
pub fn exact(stuffed: bool) -> Vec<Runner> {
    let mut runners = Runner::all(stuffed);
    runners.iter_mut().for_each(|runner| runner.exact = true);
    runners
}

/// Decodes one article given in pieces with each of `runners`; all must agree, call by call.
pub fn agreed<'a, P>(
    runners: &mut [Runner],
    pieces: P,
    rooms: impl IntoIterator<Item = usize> + Clone,
) -> Outcome
where
    P: IntoIterator<Item = &'a [u8]> + Clone,
{
    let (scalar, others) = runners.split_first_mut().expect("scalar is everywhere");
    let expected = scalar.decode(pieces.clone(), rooms.clone());
    for runner in others {
        let found = runner.decode(pieces.clone(), rooms.clone());
        if found != expected {
            let pieces: Vec<String> = pieces
                .into_iter()
                .map(|piece| piece.escape_ascii().to_string())
                .collect();
            panic!(
                "{} differs from scalar in {pieces:#?}\n{found:#?}\nscalar: {expected:#?}",
                runner.kernel()
            );
        }
    }
    expected
}
