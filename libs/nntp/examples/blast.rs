//! temp
#![allow(clippy::all, clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout)]
use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;
use nzbpipe_nntp::config::Server;
use nzbpipe_nntp::multiline::Framer;
use nzbpipe_nntp::*;
struct S; struct K(Framer, usize);
impl Sinks for S { type Ticket = (); type Sink = K; async fn begin(&self,_:&(),_:Option<u64>)->K{K(Framer::new(),0)} }
impl BodySink for K { type Body=usize; fn feed(&mut self,b:&[u8])->Fed{ let (c,e)=self.0.feed(b); self.1+=c; Fed{consumed:c,state: if e {FedState::Ended} else {FedState::More}} } async fn grow(&mut self){} fn finish(self)->(Verdict,usize){(Verdict::Good,self.1)} }
fn main() {
    let a: Vec<usize> = std::env::args().skip(1).map(|x| x.parse().unwrap()).collect();
    let (conns, pipe, count) = (a[0], a[1], a[2]);
    let size = a.get(3).copied().unwrap_or(750_000);
    if let Some(port) = a.get(4) {
        let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let start = std::time::Instant::now();
        let stats = Arc::new(Stats::default());
        let st = stats.clone();
        let n = rt.block_on(async move {
            let c = Client { servers: vec![Server { port: *port as u16, connections: conns as u16, pipeline: pipe as u16, ..Server::new("127.0.0.1", false) }], retries: 3, notices: Arc::new(|n| eprintln!("{n}")), stats: st };
            let (tx, rx) = tokio::sync::mpsc::channel(1024); let (otx, mut orx) = tokio::sync::mpsc::channel(1024);
            tokio::spawn(async move { for i in 0..count { tx.send(Request{id: MessageId::new(&format!("a{i}@x")).unwrap(), alternates: vec![], bytes: None, date: None, ticket: ()}).await.unwrap(); } });
            let h = tokio::spawn(c.run(Arc::new(S), rx, otx, std::future::pending()));
            let mut n = 0; while let Some(o) = orx.recv().await { if let Outcome::Body{..} = o { n += 1; } }
            h.await.unwrap(); n
        });
        let t = start.elapsed().as_secs_f64();
        println!("{n} bodies {:.0} MB/s", stats.bytes() as f64 / t / 1e6);
        return;
    }
    let line = format!("{}\r\n", "y".repeat(128));
    let body = Arc::new(line.repeat(size/130));
    let l = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", l.local_addr().unwrap().port());
    for s in l.incoming() { let s = s.unwrap(); let body = body.clone(); std::thread::spawn(move || { s.set_nodelay(true).unwrap(); let mut w = s.try_clone().unwrap(); let mut r = BufReader::new(s); w.write_all(b"200 hi\r\n").unwrap(); let mut line = String::new();
        while r.read_line(&mut line).unwrap_or(0) > 0 { if line.starts_with("QUIT") { let _=w.write_all(b"205 bye\r\n"); return; } let m = format!("222 0 {}\r\n", line.trim()[5..].to_owned()); let all=[m.as_bytes(), body.as_bytes(), b".\r\n"].concat(); if w.write_all(&all).is_err(){return}; line.clear(); } }); }
}
