//! One test for each promise of a backlog, and the two it is made for: a consumer
//! that stops, and many connections on one channel.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::*;

fn one(capacity: usize, cap: usize) -> (Backlog<u32>, Outlet<u32>) {
    let (inlet, outlet) = channel(capacity);
    (Backlog::new(inlet, cap), outlet)
}

/// Whether `future` has to wait.
async fn waits(future: impl Future<Output = ()>) -> bool {
    timeout(Duration::from_millis(20), future).await.is_err()
}

#[test]
fn sending_tries_the_channel_first() {
    let (mut backlog, mut outlet) = one(1, 1);
    assert_eq!(backlog.send(1), Ok(()));
    assert!(!backlog.has_pending());
    assert_eq!(outlet.try_recv(), Ok(1));
}

#[test]
fn an_item_that_does_not_fit_is_queued() {
    let (mut backlog, mut outlet) = one(1, 2);
    assert_eq!((backlog.send(1), backlog.send(2)), (Ok(()), Ok(())));
    assert_eq!(backlog.len(), 1);
    assert_eq!(outlet.try_recv(), Ok(1));
    assert_eq!(outlet.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn new_items_line_up_behind_queued_ones_even_when_there_is_room() {
    let (mut backlog, mut outlet) = one(1, 5);
    backlog.send(1).unwrap();
    backlog.send(2).unwrap();
    assert_eq!(outlet.try_recv(), Ok(1));
    backlog.send(3).unwrap();
    assert_eq!(backlog.len(), 2);
    let mut got = Vec::new();
    while backlog.drain_one().unwrap() {
        got.push(outlet.try_recv().unwrap());
    }
    assert_eq!(got, [2, 3]);
}

#[tokio::test]
async fn the_consumer_tells_after_each_receive() {
    let (mut backlog, mut outlet) = one(2, 5);
    for item in 1..=4 {
        backlog.send(item).unwrap();
    }
    assert!(waits(backlog.room()).await);
    assert_eq!(outlet.recv().await, Some(1));
    backlog.room().await;
    assert!(waits(backlog.room()).await);
    assert_eq!(outlet.try_recv(), Ok(2));
    backlog.room().await;
}

#[test]
fn draining_moves_one_item() {
    let (mut backlog, mut outlet) = one(2, 5);
    for item in 1..=4 {
        backlog.send(item).unwrap();
    }
    assert_eq!((outlet.try_recv(), outlet.try_recv()), (Ok(1), Ok(2)));
    assert_eq!(backlog.drain_one(), Ok(true));
    assert_eq!(backlog.len(), 1);
    assert_eq!(outlet.try_recv(), Ok(3));
    assert_eq!(outlet.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn draining_puts_an_item_that_does_not_fit_back_to_the_front() {
    let (mut backlog, mut outlet) = one(1, 5);
    for item in 1..=3 {
        backlog.send(item).unwrap();
    }
    assert_eq!(backlog.drain_one(), Ok(false));
    assert_eq!(backlog.len(), 2);
    assert_eq!(outlet.try_recv(), Ok(1));
    assert_eq!(backlog.drain_one(), Ok(true));
    assert_eq!(outlet.try_recv(), Ok(2));
}

#[test]
fn draining_an_empty_queue_is_false() {
    let (mut backlog, outlet) = one(1, 5);
    assert_eq!(backlog.drain_one(), Ok(false));
    backlog.send(1).unwrap();
    assert_eq!(backlog.drain_one(), Ok(false));
    drop(outlet);
    assert_eq!(backlog.drain_one(), Ok(false));
}

#[test]
fn full_is_the_cap_and_gives_the_item_back() {
    let (mut backlog, _outlet) = one(1, 2);
    for item in 1..=3 {
        backlog.send(item).unwrap();
    }
    assert_eq!(backlog.send(4), Err(Refused::Full(4)));
    assert_eq!(backlog.len(), 2);
}

#[test]
fn closed_is_a_consumer_that_is_gone() {
    let (mut backlog, outlet) = one(1, 1);
    backlog.send(1).unwrap();
    backlog.send(2).unwrap();
    drop(outlet);
    // The cap is reached as well; that nobody is there is worse.
    assert_eq!(backlog.send(3), Err(Refused::Closed(3)));
    assert_eq!(backlog.drain_one(), Err(Closed));
    let (mut backlog, outlet) = one(1, 1);
    drop(outlet);
    assert_eq!(backlog.send(1), Err(Refused::Closed(1)));
}

#[tokio::test]
async fn who_waits_for_room_hears_that_the_consumer_is_gone() {
    let (mut backlog, outlet) = one(1, 1);
    backlog.send(1).unwrap();
    backlog.send(2).unwrap();
    let leave = async {
        tokio::task::yield_now().await;
        drop(outlet);
    };
    tokio::join!(backlog.room(), leave);
    assert_eq!(backlog.drain_one(), Err(Closed));
}

#[test]
fn a_cap_of_0_queues_nothing() {
    let (mut backlog, mut outlet) = one(1, 0);
    backlog.send(1).unwrap();
    assert_eq!(backlog.send(2), Err(Refused::Full(2)));
    assert!(!backlog.has_pending());
    assert_eq!(outlet.try_recv(), Ok(1));
    assert_eq!(backlog.send(3), Ok(()));
}

#[tokio::test]
async fn pending_speaks_of_queued_items_only() {
    let (mut backlog, mut outlet) = one(2, 5);
    backlog.send(1).unwrap();
    assert!(!backlog.has_pending() && backlog.is_empty());
    // Nothing queued: there is nothing to wait for.
    assert_eq!(outlet.recv().await, Some(1));
    assert!(waits(backlog.room()).await);
}

/// What a connection does: reads a line, sends it, and moves what was queued when
/// there is room. The number of lines read until the cap was reached.
async fn read_lines(tcp: TcpStream, mut backlog: Backlog<String>) -> usize {
    let mut lines = BufReader::new(tcp).lines();
    let mut read = 0;
    loop {
        tokio::select! {
            line = lines.next_line() => {
                let Some(line) = line.unwrap() else { return read };
                match backlog.send(line) {
                    Ok(()) => read += 1,
                    Err(Refused::Full(_)) => return read,
                    Err(Refused::Closed(_)) => panic!("the consumer only sleeps"),
                }
            }
            () = backlog.room() => while backlog.drain_one().unwrap() {}
        }
    }
}

#[tokio::test]
async fn with_a_stopped_consumer_the_socket_is_read_until_the_cap() {
    const LINE: usize = 8 << 10;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut peer = TcpStream::connect(address).await.unwrap();
    let (tcp, _) = listener.accept().await.unwrap();
    let (inlet, mut outlet) = channel(2);
    let mut reader = JoinSet::new();
    reader.spawn(read_lines(tcp, Backlog::new(inlet, 1000)));
    // Far more than the kernel holds: what nobody read would stop the peer.
    let line = [&[b'x'; LINE][..], b"\n"].concat();
    for _ in 0..1003 {
        timeout(Duration::from_secs(20), peer.write_all(&line))
            .await
            .expect("nobody reads the socket")
            .unwrap();
    }
    assert_eq!(reader.join_next().await.unwrap().unwrap(), 1002);
    let mut kept = 0;
    while outlet.recv().await.is_some() {
        kept += 1;
    }
    assert_eq!(kept, 2);
}

/// Sends `count` items as the `id`th of many, leaves its wait for room now and
/// then, as a session does that has other things to do, and ends with items queued
/// if it is told to.
async fn produce(id: u32, count: u32, mut backlog: Backlog<(u32, u32)>, leaves: bool) {
    for item in 0..count {
        backlog.send((id, item)).unwrap();
        if item % 3 == id % 3 {
            tokio::select! {
                () = backlog.room() => {}
                () = tokio::task::yield_now() => continue,
            }
            backlog.drain_one().unwrap();
        }
    }
    while !leaves && backlog.has_pending() {
        backlog.room().await;
        backlog.drain_one().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_backlogs_on_one_channel_all_get_through_in_order() {
    const COUNT: u32 = 500;
    let (inlet, mut outlet) = channel(1);
    let mut producers = JoinSet::new();
    for id in 0..20 {
        let backlog = Backlog::new(inlet.clone(), COUNT as usize);
        producers.spawn(produce(id, COUNT, backlog, id % 4 == 0));
    }
    drop(inlet);
    let mut next = [0; 20];
    let consume = async {
        while let Some((id, item)) = outlet.recv().await {
            assert_eq!(next[id as usize], item);
            next[id as usize] += 1;
        }
    };
    timeout(Duration::from_secs(20), consume)
        .await
        .expect("somebody waits for ever");
    for (id, next) in next.into_iter().enumerate() {
        assert!(next == COUNT || id % 4 == 0, "{id}: {next}");
    }
}

#[tokio::test]
async fn a_backlog_that_leaves_passes_its_ring_on() {
    let (inlet, mut outlet) = channel(1);
    let mut backlogs = [(); 2].map(|()| Backlog::new(inlet.clone(), 1));
    backlogs[0].send(0).unwrap();
    backlogs[0].send(1).unwrap();
    backlogs[1].send(2).unwrap();
    assert_eq!(outlet.recv().await, Some(0));
    let [first, mut second] = backlogs;
    first.room().await;
    drop(first);
    timeout(Duration::from_secs(1), second.room())
        .await
        .unwrap();
    assert_eq!(second.drain_one(), Ok(true));
}
