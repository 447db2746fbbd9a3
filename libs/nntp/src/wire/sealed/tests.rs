//! Records of all kinds, cut at all places, as a server of our own sends them.

mod ends;
mod peers;

use std::future::poll_fn;
use std::time::Duration;

use rustls::ContentType;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::*;
use peers::{ALL, OLD, Pair, Peer, sockets};

/// Bytes of which each place is known.
fn text(length: usize, salt: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16) ^ salt) as u8)
        .collect()
}

/// All that comes until `length`, the end or an error.
async fn read(sealed: &mut Sealed, length: usize, at_once: usize) -> (Vec<u8>, io::Result<()>) {
    let mut all = Vec::new();
    let mut some = vec![0; at_once];
    while all.len() < length {
        let most = at_once.min(length - all.len());
        match sealed.read(&mut some[..most]).await {
            Ok(0) => break,
            Ok(count) => all.extend_from_slice(&some[..count]),
            Err(error) => return (all, Err(error)),
        }
    }
    (all, Ok(()))
}

/// Reads exactly `text`, and finds it to be that.
async fn expect(sealed: &mut Sealed, text: &[u8], at_once: usize) {
    let (all, end) = read(sealed, text.len(), at_once).await;
    end.unwrap();
    assert_eq!(all.len(), text.len());
    assert!(all == text, "other bytes");
}

/// What is there now is in the buffer, and not looked at.
async fn receive(sealed: &mut Sealed) {
    tokio::time::sleep(Duration::from_millis(30)).await;
    let count = poll_fn(|cx| sealed.poll_in(cx)).await.unwrap();
    assert!(count > 0);
}

#[tokio::test]
async fn records_of_all_sizes_in_reads_of_all_sizes() {
    for versions in [ALL, OLD] {
        let pair = Pair::new(versions);
        for most in [1, 2, 100, 16 << 10] {
            for at_once in [1, 7, 16 << 10, 1 << 20] {
                let (mut sealed, mut peer) = pair.meet(&Buffers::default()).await;
                let told = text(if most < 100 { 3000 } else { 300_000 }, most);
                let records = peer.records(&told, most);
                let sending = async { peer.send(&records).await };
                tokio::join!(sending, expect(&mut sealed, &told, at_once));
            }
        }
    }
}

#[tokio::test]
async fn one_byte_at_a_time() {
    let pair = Pair::new(ALL);
    let (ours, theirs) = sockets().await;
    let mut peer = Peer::new(&pair, theirs);
    let told = text(300, 1);
    let serving = async {
        while peer.tls.is_handshaking() {
            peer.hear().await.unwrap();
            for byte in peer.sealed() {
                peer.send(&[byte]).await;
                tokio::task::yield_now().await;
            }
        }
        for byte in peer.records(&told, 100) {
            peer.send(&[byte]).await;
            tokio::task::yield_now().await;
        }
        peer
    };
    let buffers = Buffers::default();
    let listening = async {
        let mut sealed = pair.connect(ours, &buffers).await.unwrap();
        expect(&mut sealed, &told, 4096).await;
        sealed
    };
    let _ = tokio::join!(serving, listening);
}

#[tokio::test]
async fn records_cut_around_their_borders() {
    let pair = Pair::new(ALL);
    let (mut sealed, mut peer) = pair.meet(&Buffers::default()).await;
    let told = text(200, 2);
    for cut in 0..40 {
        let mut records = peer.records(&told[..100], 100);
        let border = records.len() + cut - 20;
        records.append(&mut peer.records(&told[100..], 100));
        peer.send(&records[..border]).await;
        let (first, end) = read(&mut sealed, if cut < 20 { 0 } else { 100 }, 4096).await;
        end.unwrap();
        // The rest of a record waits while the buffer is lent.
        let waiting = Duration::from_millis(2);
        let none = timeout(waiting, read(&mut sealed, 1, 4096)).await;
        let early = none.map_or(Vec::new(), |(early, _)| early);
        peer.send(&records[border..]).await;
        let left = told.len() - first.len() - early.len();
        let (last, end) = read(&mut sealed, left, 4096).await;
        end.unwrap();
        assert!([first, early, last].concat() == told, "cut at {cut}");
    }
}

// A command is sealed while whole records lie there that nobody looked at: they stay as they
// are.
#[tokio::test]
async fn something_is_said_while_records_wait() {
    for versions in [ALL, OLD] {
        let pair = Pair::new(versions);
        let (mut sealed, mut peer) = pair.meet(&Buffers::default()).await;
        let told = text(200_000, 3);
        let records = peer.records(&told, 16 << 10);
        peer.send(&records[..records.len() - 7]).await;
        receive(&mut sealed).await;
        sealed.write_all(b"before\r\n").await.unwrap();
        let first = told.len() / 5;
        expect(&mut sealed, &told[..first], 1000).await;
        sealed.write_all(b"amidst\r\n").await.unwrap();
        sealed.flush().await.unwrap();
        peer.is_told(b"before\r\namidst\r\n").await;
        peer.send(&records[records.len() - 7..]).await;
        expect(&mut sealed, &told[first..], 70_000).await;
    }
}

#[tokio::test]
async fn keys_change_in_the_middle() {
    let pair = Pair::new(ALL);
    let (mut sealed, mut peer) = pair.meet(&Buffers::default()).await;
    for round in 0..3 {
        let told = text(100_000, round);
        let mut records = peer.records(&told[..50_000], 10_000);
        peer.tls.refresh_traffic_keys().unwrap();
        records.append(&mut peer.records(&told[50_000..], 10_000));
        peer.send(&records).await;
        receive(&mut sealed).await;
        sealed.write_all(b"before\r\n").await.unwrap();
        expect(&mut sealed, &told, 1 << 20).await;
        sealed.write_all(b"after\r\n").await.unwrap();
        peer.is_told(b"before\r\nafter\r\n").await;
    }
}

/// A handshake message of TLS 1.3 that says nothing: a session ticket.
fn ticket() -> Vec<u8> {
    let mut body = vec![0, 0, 0, 60, 1, 2, 3, 4, 1, 7, 0, 40];
    body.extend_from_slice(&[9; 40]);
    body.extend_from_slice(&[0, 0]);
    let mut message = vec![4, 0, 0, u8::try_from(body.len()).unwrap()];
    message.append(&mut body);
    message
}

// What the session keeps of a message that is not whole lies in what it was shown: shown
// less of it, it panics.
#[tokio::test]
async fn messages_in_pieces_while_something_is_said() {
    for size in [1, 3, 5, 20, 100] {
        let pair = Pair::new(ALL);
        let (mut sealed, peer) = pair.meet(&Buffers::default()).await;
        let (mut hand, mut tcp) = peer.by_hand();
        let (told, message) = (text(1000, size), [ticket(), ticket()].concat());
        for _ in 0..2 {
            for some in message.chunks(size) {
                let record = hand.record(ContentType::Handshake, some);
                tcp.write_all(&record[..9]).await.unwrap();
                nothing(&mut sealed).await;
                tcp.write_all(&record[9..]).await.unwrap();
                nothing(&mut sealed).await;
                sealed.write_all(b"DATE\r\n").await.unwrap();
            }
            tcp.write_all(&hand.data(&told)).await.unwrap();
            expect(&mut sealed, &told, 300).await;
        }
    }
}

/// Reads, and nothing is to come of it.
async fn nothing(sealed: &mut Sealed) {
    let waiting = Duration::from_millis(1);
    let read = timeout(waiting, read(sealed, 1, 4096)).await;
    assert!(read.is_err(), "{read:?}");
}

// The session takes an empty one for the beginning of a message that may come, and counts it
// as such even after data.
#[tokio::test]
async fn empty_records_while_something_is_said() {
    let pair = Pair::new(ALL);
    for typ in [ContentType::Handshake, ContentType::ApplicationData] {
        let (mut sealed, peer) = pair.meet(&Buffers::default()).await;
        let (mut hand, mut tcp) = peer.by_hand();
        let told = text(40_000, 5);
        for round in 0..50 {
            let mut records = hand.record(typ, &[]);
            for some in told.chunks(1 + round * 300) {
                records.append(&mut hand.data(some));
            }
            records.append(&mut hand.record(typ, &[]));
            tcp.write_all(&records).await.unwrap();
            expect(&mut sealed, &told[..35_000], 1 << 20).await;
            sealed.write_all(b"DATE\r\n").await.unwrap();
            expect(&mut sealed, &told[35_000..], 1 << 20).await;
            sealed.write_all(b"DATE\r\n").await.unwrap();
        }
    }
}
