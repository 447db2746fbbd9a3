//! COMPRESS DEFLATE (RFC 8054): where it is wanted and offered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use nzbpipe_nntp::config::Server;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::peer::{Peer, article, id};
use crate::rig::{fetch, ids};

/// What a peer says to COMPRESS, and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Compresses,
    /// It is compressed, but from the third answer on it is no DEFLATE.
    Corrupt,
    ChangesItsMind,
    DoesNotOffer,
}

/// A peer, and how many compressed commands it was given.
struct Packed {
    port: u16,
    commands: Arc<AtomicUsize>,
}

impl Packed {
    async fn new(manner: Manner) -> Packed {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let commands = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&commands);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(serve(tcp, manner, Arc::clone(&count)));
            }
        });
        Packed { port, commands }
    }

    fn server(&self) -> Server {
        Server {
            name: "packed".to_owned(),
            port: self.port,
            connections: 2,
            compress: true,
            ..Server::new("127.0.0.1", false)
        }
    }
}

fn answer(line: &str) -> Vec<u8> {
    match id(line) {
        Some(id) => article(id),
        None => b"205 bye\r\n".to_vec(),
    }
}

/// In the clear, until COMPRESS is granted.
async fn serve(tcp: TcpStream, manner: Manner, count: Arc<AtomicUsize>) {
    let mut stream = BufReader::new(tcp);
    stream.write_all(b"200 hello\r\n").await.unwrap();
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let said = match (line.trim_end(), manner) {
            ("CAPABILITIES", Manner::DoesNotOffer) => b"500 what?\r\n".to_vec(),
            ("CAPABILITIES", _) => {
                b"101 list\r\nVERSION 2\r\nCOMPRESS DEFLATE SHRINK\r\n.\r\n".to_vec()
            }
            ("COMPRESS DEFLATE", Manner::ChangesItsMind) => b"403 not now\r\n".to_vec(),
            ("COMPRESS DEFLATE", _) => {
                stream.write_all(b"206 squeeze\r\n").await.unwrap();
                return packed(stream.into_inner(), manner, count).await;
            }
            (other, _) => answer(other),
        };
        let _ = stream.write_all(&said).await;
    }
}

async fn packed(mut tcp: TcpStream, manner: Manner, count: Arc<AtomicUsize>) {
    let mut inflate = Decompress::new(false);
    let mut deflate = Compress::new(Compression::fast(), false);
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    let mut answers = 0;
    loop {
        let read = tcp.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        text.reserve(1 << 16);
        inflate
            .decompress_vec(&buffer[..read], &mut text, FlushDecompress::Sync)
            .unwrap();
        while let Some(end) = text.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            let line = String::from_utf8(line).unwrap();
            count.fetch_add(1, SeqCst);
            answers += 1;
            let said = answer(line.trim_end());
            let mut out = Vec::with_capacity(said.len() + 1000);
            deflate
                .compress_vec(&said, &mut out, FlushCompress::Sync)
                .unwrap();
            if manner == Manner::Corrupt && answers == 3 {
                out.fill(0xff);
            }
            if tcp.write_all(&out).await.is_err() {
                return;
            }
        }
    }
}

#[tokio::test]
pub async fn both_ways() {
    let packed = Packed::new(Manner::Compresses).await;
    let run = fetch(vec![packed.server()], &ids(100)).await;
    run.assert_all_good(100);
    assert!(packed.commands.load(SeqCst) >= 100);
    // Counted on the line, where most of it is gone.
    let whole: usize = ids(100).iter().map(|id| article(id).len()).sum();
    assert!(run.stats.bytes() < whole as u64, "{}", run.stats.bytes());
}

#[tokio::test]
pub async fn not_offered_not_granted_not_wanted() {
    for manner in [Manner::DoesNotOffer, Manner::ChangesItsMind] {
        let packed = Packed::new(manner).await;
        fetch(vec![packed.server()], &ids(20))
            .await
            .assert_all_good(20);
        assert_eq!(packed.commands.load(SeqCst), 0);
    }
    let packed = Packed::new(Manner::Compresses).await;
    let server = Server {
        compress: false,
        ..packed.server()
    };
    fetch(vec![server], &ids(20)).await.assert_all_good(20);
    assert_eq!(packed.commands.load(SeqCst), 0);
}

// S53: a lost connection, not a bad article.
#[tokio::test]
pub async fn corrupt_data_lose_the_connection() {
    let packed = Packed::new(Manner::Corrupt).await;
    let good = Peer::good().await;
    let run = fetch(vec![packed.server(), good.server("good")], &ids(30)).await;
    run.assert_all_good(30);
    assert!(run.stats.lost() > 0);
    assert_eq!(run.stats.damaged(), 0);
}
