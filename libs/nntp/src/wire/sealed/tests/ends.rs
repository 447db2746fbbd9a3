//! How it ends, and who learns why; and what is shared until then.

use std::io::{Read, Write};

use rustls::{AlertDescription, Error};

use super::*;
use crate::tls;
use crate::wire::{Deflated, Stream};

/// The session's error within `error`.
fn fault(error: &io::Error) -> Error {
    tls::fault(error).expect("an error of TLS").clone()
}

/// What the server makes of what comes, until the end.
async fn verdict(peer: &mut Peer) -> Result<usize, Error> {
    loop {
        match peer.hear().await {
            Ok(1..) => {}
            end => return end,
        }
    }
}

#[tokio::test]
async fn an_end_that_was_told_and_one_that_was_not() {
    for told_so in [true, false] {
        let pair = Pair::new(ALL);
        let (mut sealed, mut peer) = pair.meet(&Buffers::default()).await;
        let told = text(50_000, 1);
        let mut records = peer.records(&told, 9000);
        if told_so {
            peer.tls.send_close_notify();
            records.append(&mut peer.sealed());
        }
        peer.send(&records).await;
        if !told_so {
            peer.tcp.shutdown().await.unwrap();
        }
        // Without waiting for the end of the other's stream.
        for _ in 0..2 {
            let (all, end) = read(&mut sealed, usize::MAX, 20_000).await;
            end.unwrap();
            assert!(all == told || all.is_empty(), "{}", all.len());
        }
    }
}

// What came before the bad record is read first, whatever the size of the reads. Then the
// error is told as often as it is asked for: told as the end, it would be the server's
// doing.
#[tokio::test]
async fn a_bad_record_amidst_good_ones() {
    let pair = Pair::new(ALL);
    for before in [0, 100, 20_000, 40_000, 100_000] {
        for at_once in [1, 1000, 1 << 20] {
            let (mut sealed, mut peer) = pair.meet(&Buffers::default()).await;
            let told = text(before, 2);
            let mut records = peer.records(&told, 16 << 10);
            let mut bad = peer.records(&told[..before.min(77)], 77);
            if bad.is_empty() {
                bad = peer.records(b"x", 1);
            }
            let last = bad.len() - 1;
            bad[last] ^= 1;
            records.append(&mut bad);
            records.append(&mut peer.records(b"never read", 100));
            peer.send(&records).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            let (all, end) = read(&mut sealed, usize::MAX, at_once).await;
            assert!(all == told, "{} of {before}, {at_once}", all.len());
            assert_eq!(fault(&end.unwrap_err()), Error::DecryptError);
            let (all, end) = read(&mut sealed, usize::MAX, at_once).await;
            assert!(all.is_empty());
            assert_eq!(fault(&end.unwrap_err()), Error::DecryptError);
            sealed.write_all(b"DATE\r\n").await.unwrap_err();
            // And the other side is told.
            let alert = Error::AlertReceived(AlertDescription::BadRecordMac);
            assert_eq!(verdict(&mut peer).await, Err(alert));
        }
    }
}

#[tokio::test]
async fn garbage_instead_of_a_record() {
    let pair = Pair::new(ALL);
    let (mut sealed, mut peer) = pair.meet(&Buffers::default()).await;
    let mut records = peer.records(b"good", 4);
    records.extend_from_slice(b"400 and now something else\r\n");
    peer.send(&records).await;
    let (all, end) = timeout(Duration::from_secs(5), read(&mut sealed, 100, 100))
        .await
        .unwrap();
    assert_eq!(all, b"good");
    assert!(matches!(fault(&end.unwrap_err()), Error::InvalidMessage(_)));
}

/// What a client makes of a server that answers so, and what it answers to that.
async fn answered(pair: &Pair, answer: &[u8]) -> (io::Error, Vec<u8>) {
    let (ours, mut theirs) = sockets().await;
    let serving = async {
        let mut hello = [0; 4096];
        let _ = theirs.read(&mut hello).await.unwrap();
        theirs.write_all(answer).await.unwrap();
        let mut rest = Vec::new();
        let _ = theirs.read_to_end(&mut rest).await;
        rest
    };
    let buffers = Buffers::default();
    let calling = async {
        let called = pair.connect(ours, &buffers).await;
        called.map(drop).unwrap_err()
    };
    let (rest, error) = tokio::join!(serving, timeout(Duration::from_secs(5), calling));
    (error.unwrap(), rest)
}

#[tokio::test]
async fn a_server_that_speaks_no_tls() {
    let pair = Pair::new(ALL);
    for greeting in [
        &b"200 hello\r\n"[..],
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\n\n\n\n\n",
    ] {
        let (error, rest) = answered(&pair, greeting).await;
        assert!(matches!(fault(&error), Error::InvalidMessage(_)), "{error}");
        // An alert: fatal, decode_error.
        assert_eq!(rest, [21, 3, 3, 0, 2, 2, 50]);
    }
}

// The session has kept the place of a part of a message, and queued no alert: asked for one
// with nothing in its hands, it panicked.
#[tokio::test]
async fn a_message_that_breaks_off() {
    let pair = Pair::new(ALL);
    let begun = [22, 3, 3, 0, 2, 2, 0];
    let others = [[21, 3, 3, 0, 2, 1, 0], [23, 3, 3, 0, 2, 1, 0]];
    for other in others {
        let (error, _) = answered(&pair, &[begun, other].concat()).await;
        let fault = fault(&error);
        assert!(matches!(fault, Error::PeerMisbehaved(_)), "{fault}");
    }
}

// The same later, and two messages of which the first is none.
#[tokio::test]
async fn a_message_that_breaks_off_later() {
    let pair = Pair::new(ALL);
    for length in [2, 200] {
        let (mut sealed, peer) = pair.meet(&Buffers::default()).await;
        let (mut hand, mut tcp) = peer.by_hand();
        let mut records = hand.data(b"good");
        records.append(&mut hand.record(ContentType::Handshake, &vec![4; length]));
        records.append(&mut hand.data(b"bad"));
        tcp.write_all(&records).await.unwrap();
        let (all, end) = read(&mut sealed, 100, 100).await;
        assert_eq!(all, b"good");
        fault(&end.unwrap_err());
        sealed.write_all(b"DATE\r\n").await.unwrap_err();
    }
    for message in [
        &[24, 0, 0, 1, 7, 24, 0, 0, 1, 0][..],
        &[1, 0, 0, 0, 4, 0, 0, 0],
    ] {
        let (mut sealed, peer) = pair.meet(&Buffers::default()).await;
        let (mut hand, mut tcp) = peer.by_hand();
        let record = hand.record(ContentType::Handshake, message);
        tcp.write_all(&record).await.unwrap();
        let (all, end) = read(&mut sealed, 100, 100).await;
        assert!(all.is_empty());
        fault(&end.unwrap_err());
    }
}

// TLS 1.2 lets a server ask for another handshake. It is told that there is none.
#[tokio::test]
async fn another_handshake_is_declined() {
    let pair = Pair::new(OLD);
    for begun in [&[][..], &[0]] {
        let (mut sealed, peer) = pair.meet(&Buffers::default()).await;
        let (mut hand, mut tcp) = peer.by_hand();
        let told = text(40_000, 8);
        let mut records = Vec::new();
        for some in told.chunks(10_000) {
            records.append(&mut hand.data(some));
        }
        let hello = [&[0, 0, 0, 0], begun].concat();
        records.append(&mut hand.record(ContentType::Handshake, &hello));
        tcp.write_all(&records).await.unwrap();
        receive(&mut sealed).await;
        expect(&mut sealed, &told, 1 << 20).await;
        sealed.write_all(b"DATE\r\n").await.unwrap();
        nothing(&mut sealed).await;
        sealed.write_all(b"DATE\r\n").await.unwrap();
        let mut types = Vec::new();
        for _ in 0..3 {
            let mut head = [0; 5];
            let _ = tcp.read_exact(&mut head).await.unwrap();
            let _ = tcp.read_exact(&mut vec![0; head[4].into()]).await.unwrap();
            types.push(head[0]);
        }
        // The middle one is an alert.
        assert_eq!(types, [23, 21, 23]);
        let again = hand.record(ContentType::Handshake, &[0; 9]);
        tcp.write_all(&again).await.unwrap();
        fault(&read(&mut sealed, 1, 1).await.1.unwrap_err());
    }
}

// The reason of a refusal reaches the server.
#[tokio::test]
async fn a_certificate_that_is_not_trusted() {
    let (pair, other) = (Pair::new(ALL), Pair::new(ALL));
    let (ours, theirs) = sockets().await;
    let mut peer = Peer::new(&pair, theirs);
    let serving = async {
        while peer.tls.is_handshaking() {
            peer.hear().await?;
            let out = peer.sealed();
            peer.send(&out).await;
        }
        Ok(())
    };
    let buffers = Buffers::default();
    let (alert, called) = tokio::join!(serving, other.connect(ours, &buffers));
    let fault = fault(&called.map(drop).unwrap_err());
    assert!(matches!(fault, Error::InvalidCertificate(_)), "{fault}");
    assert!(matches!(alert, Err(Error::AlertReceived(_))), "{alert:?}");
}

// The words are those that a user has read in reports before.
#[tokio::test]
async fn a_handshake_that_ends() {
    let pair = Pair::new(ALL);
    let (ours, mut theirs) = sockets().await;
    let buffers = Buffers::default();
    let ending = async {
        let _ = theirs.read(&mut [0; 4096]).await.unwrap();
        theirs.shutdown().await.unwrap();
    };
    let (called, ()) = tokio::join!(pair.connect(ours, &buffers), ending);
    let error = called.map(drop).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(error.to_string(), "tls handshake eof");
}

// The server says why it leaves; what we say to that cannot be sent any more.
#[tokio::test]
async fn what_was_said_before_the_socket_broke() {
    let pair = Pair::new(ALL);
    let (mut sealed, mut peer) = pair.meet(&Buffers::default()).await;
    let farewell = peer.records(b"400 idle\r\n", 100);
    peer.send(&farewell).await;
    drop(peer);
    let mut failed = 0;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        failed += usize::from(sealed.write_all(b"DATE\r\n").await.is_err());
    }
    assert!(failed > 0);
    expect(&mut sealed, b"400 idle\r\n", 100).await;
}

// The socket takes nothing for a while: all goes in the end, once.
#[tokio::test]
async fn more_is_said_than_the_socket_takes() {
    let pair = Pair::new(ALL);
    let (mut sealed, mut peer) = pair.meet(&Buffers::default()).await;
    let (ours, theirs) = (text(12 << 20, 1), text(1 << 20, 2));
    let records = peer.records(&theirs, 16 << 10);
    let listening = async {
        peer.send(&records[..records.len() / 2]).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        peer.is_told(&ours).await;
        peer.send(&records[records.len() / 2..]).await;
    };
    let (mut said, mut heard) = (0, Vec::new());
    let talking = poll_fn(|cx| {
        let mut is_stuck = false;
        while said < ours.len() && !is_stuck {
            let some = &ours[said..ours.len().min(said + 100_000)];
            match Pin::new(&mut sealed).poll_write(cx, some) {
                Poll::Ready(count) => said += count.unwrap(),
                Poll::Pending => is_stuck = true,
            }
        }
        let is_sent = Pin::new(&mut sealed).poll_flush(cx).is_ready();
        loop {
            let mut some = vec![0; 50_000];
            let mut into = ReadBuf::new(&mut some);
            match Pin::new(&mut sealed).poll_read(cx, &mut into) {
                Poll::Ready(read) => read.unwrap(),
                Poll::Pending => return Poll::Pending,
            }
            heard.extend_from_slice(into.filled());
            if heard.len() == theirs.len() && is_sent {
                return Poll::Ready(());
            }
        }
    });
    let both = async { tokio::join!(listening, talking) };
    timeout(Duration::from_secs(60), both).await.unwrap();
    assert!(heard == theirs);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_connections_and_few_buffers() {
    let pair = Arc::new(Pair::new(ALL));
    let buffers = Buffers::default();
    let mut tasks = tokio::task::JoinSet::new();
    for salt in 0..20 {
        let (mut sealed, mut peer) = pair.meet(&buffers).await;
        let told = text(600_000 + salt * 1000, salt);
        let records = peer.records(&told, 16 << 10);
        tasks.spawn(async move {
            let sending = async {
                for some in records.chunks(9973 + salt * 1001) {
                    peer.send(some).await;
                    tokio::task::yield_now().await;
                }
            };
            tokio::join!(sending, expect(&mut sealed, &told, 5000 + salt * 999));
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

// The second one is shorter: the session's ticket was kept.
#[tokio::test]
async fn a_session_is_resumed() {
    use rustls::HandshakeKind::{Full, Resumed};
    let pair = Pair::new(ALL);
    for kind in [Full, Resumed] {
        let (mut sealed, mut peer) = pair.meet(&Buffers::default()).await;
        assert_eq!(sealed.session().handshake_kind(), Some(kind));
        let records = peer.records(b"200 hello\r\n", 100);
        peer.send(&records).await;
        expect(&mut sealed, b"200 hello\r\n", 100).await;
    }
}

#[tokio::test]
async fn compressed_and_sealed() {
    let pair = Pair::new(ALL);
    let (sealed, mut peer) = pair.meet(&Buffers::default()).await;
    let told = text(3_000_000, 4);
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    deflated.write_all(&told).unwrap();
    let records = peer.records(&deflated.finish().unwrap(), 1000);
    let mut stream = Deflated::new(Stream::Sealed(Box::new(sealed)), &[]);
    let mut heard = vec![0; told.len()];
    let listening = async {
        stream.write_all(b"DATE\r\n").await.unwrap();
        stream.flush().await.unwrap();
        let _ = stream.read_exact(&mut heard).await.unwrap();
    };
    tokio::join!(listening, peer.send(&records));
    assert!(heard == told);
    while peer.told.is_empty() {
        peer.hear().await.unwrap();
    }
    let mut line = [0; 6];
    let inflated = &mut flate2::read::DeflateDecoder::new(&*peer.told);
    inflated.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"DATE\r\n");
}
