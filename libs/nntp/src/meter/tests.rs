//! Real sockets under limits. Times are bounded loosely, from the side that a busy
//! machine cannot break; exact ones are the bucket's tests.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::*;

/// `count` sockets whose other ends write all the time.
async fn blasted(count: usize, tasks: &mut JoinSet<()>) -> Vec<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut sockets = Vec::new();
    for _ in 0..count {
        sockets.push(TcpStream::connect(address).await.unwrap());
        let (mut peer, _) = listener.accept().await.unwrap();
        tasks.spawn(async move { while peer.write_all(&[b'x'; 64 << 10]).await.is_ok() {} });
    }
    sockets
}

fn metered(tcp: TcpStream, rates: [&Arc<Rate>; 2], taken: &Arc<AtomicUsize>) -> Metered {
    let taken = Arc::clone(taken);
    let meter = Meter {
        rates: rates.map(Arc::clone),
        count: Box::new(move |count| {
            taken.fetch_add(count, Relaxed);
        }),
    };
    Metered::new(tcp, meter)
}

async fn read_on(mut socket: Metered) {
    let mut into = vec![0; 256 << 10];
    while matches!(socket.read(&mut into).await, Ok(1..)) {}
}

#[tokio::test]
async fn without_a_limit_all_is_read_and_counted() {
    let mut tasks = JoinSet::new();
    let tcp = blasted(1, &mut tasks).await.remove(0);
    let rate = SockRef::from(&tcp).recv_buffer_size().unwrap();
    let mut meter = Meter::none();
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    meter.count = Box::new(move |count| {
        counter.fetch_add(count, Relaxed);
    });
    let mut socket = Metered::new(tcp, meter);
    let mut into = vec![0; 1 << 20];
    socket.read_exact(&mut into).await.unwrap();
    assert_eq!(taken.load(Relaxed), 1 << 20);
    assert_eq!(
        (socket.held(), socket.turns.is_waiting()),
        (Duration::ZERO, false)
    );
    // The kernel's sizing was left alone.
    assert_eq!(socket.buffer, None);
    assert!(SockRef::from(&socket.tcp).recv_buffer_size().unwrap() >= rate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_limits_hold_for_all_sockets_together() {
    for (own, total) in [(2_000_000, 0), (0, 2_000_000), (2_000_000, 3_000_000)] {
        let mut tasks = JoinSet::new();
        let (own, total) = (Arc::new(Rate::new(own)), Arc::new(Rate::new(total)));
        let taken = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        for tcp in blasted(8, &mut tasks).await {
            tasks.spawn(read_on(metered(tcp, [&own, &total], &taken)));
        }
        sleep(Duration::from_millis(400)).await;
        tasks.shutdown().await;
        let (taken, most) = (
            taken.load(Relaxed) as f64,
            began.elapsed().as_secs_f64() * 2e6,
        );
        assert!(taken <= most * 1.01 + 100_000.0, "{taken} of {most}");
        assert!(taken >= most / 10.0, "{taken} of {most}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_shared_evenly() {
    let mut tasks = JoinSet::new();
    let (own, total) = (Arc::new(Rate::new(4_000_000)), Arc::default());
    let mut counters = Vec::new();
    for tcp in blasted(8, &mut tasks).await {
        let taken = Arc::new(AtomicUsize::new(0));
        tasks.spawn(read_on(metered(tcp, [&own, &total], &taken)));
        counters.push(taken);
    }
    sleep(Duration::from_millis(600)).await;
    tasks.shutdown().await;
    let taken: Vec<usize> = counters.iter().map(|taken| taken.load(Relaxed)).collect();
    let (least, most) = (taken.iter().min().unwrap(), taken.iter().max().unwrap());
    assert!(most - least <= most / 3 + 16_000, "{taken:?}");
}

#[tokio::test]
async fn one_asleep_hears_of_a_raise() {
    for limit in [0, 100_000_000] {
        let mut tasks = JoinSet::new();
        let tcp = blasted(1, &mut tasks).await.remove(0);
        // The second octet would come in 17 minutes.
        let (rate, total) = (Arc::new(Rate::new(1)), Arc::default());
        let mut socket = metered(tcp, [&rate, &total], &Arc::default());
        let mut into = vec![0; 64 << 10];
        socket.read_exact(&mut into[..1024]).await.unwrap();
        assert!(
            timeout(Duration::from_millis(120), socket.read(&mut into))
                .await
                .is_err()
        );
        assert!(socket.turns.is_waiting());
        assert!(socket.held() >= Duration::from_millis(100));
        rate.set(limit);
        let read = timeout(Duration::from_secs(10), socket.read_exact(&mut into));
        read.await.expect("slept on").unwrap();
        assert!(!socket.turns.is_waiting());
    }
}

#[tokio::test]
async fn a_limit_laid_on_later_holds_and_sizes_the_buffer() {
    let mut tasks = JoinSet::new();
    let tcp = blasted(1, &mut tasks).await.remove(0);
    let (rate, total) = (Arc::new(Rate::new(0)), Arc::default());
    let mut socket = metered(tcp, [&rate, &total], &Arc::default());
    let mut into = vec![0; 1 << 20];
    socket.read_exact(&mut into).await.unwrap();
    rate.set(50_000);
    let began = Instant::now();
    socket.read_exact(&mut into[..20_000]).await.unwrap();
    assert!(
        began.elapsed() >= Duration::from_millis(300),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(socket.buffer, Some(20_000));
    // Twice what is asked for, the kernel's own account included (tcp(7)).
    assert!(SockRef::from(&socket.tcp).recv_buffer_size().unwrap() <= 80_000);
    rate.set(0);
    socket.read_exact(&mut into).await.unwrap();
    assert!(SockRef::from(&socket.tcp).recv_buffer_size().unwrap() > 80_000);
}

#[tokio::test]
async fn a_socket_without_octets_holds_up_nobody() {
    let mut tasks = JoinSet::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let silent = TcpStream::connect(address).await.unwrap();
    // 1 KiB takes 10 s: a turn kept by the silent one would show.
    let (rate, total) = (Arc::new(Rate::new(100)), Arc::default());
    let mut silent = metered(silent, [&rate, &total], &Arc::default());
    let tcp = blasted(1, &mut tasks).await.remove(0);
    let mut busy = metered(tcp, [&rate, &total], &Arc::default());
    let mut into = [0; 1024];
    assert!(
        timeout(Duration::from_millis(20), silent.read(&mut into))
            .await
            .is_err()
    );
    assert!(!silent.turns.is_waiting());
    let read = timeout(Duration::from_secs(5), busy.read(&mut into)).await;
    assert_eq!(read.unwrap().unwrap(), 1024);
}

#[tokio::test]
async fn a_socket_that_is_dropped_gives_its_turn_back() {
    let mut tasks = JoinSet::new();
    let mut sockets = blasted(3, &mut tasks).await;
    let (rate, total) = (Arc::new(Rate::new(1000)), Arc::default());
    let mut sockets =
        [(); 3].map(|()| metered(sockets.remove(0), [&rate, &total], &Arc::default()));
    let mut into = [0; 1024];
    assert_eq!(sockets[0].read(&mut into).await.unwrap(), 1024);
    let read = timeout(Duration::from_millis(20), sockets[1].read(&mut into));
    assert!(read.await.is_err());
    let [_, second, mut third] = sockets;
    drop(second);
    let began = Instant::now();
    assert!(third.read(&mut into).await.unwrap() > 0);
    // About a second; 2 s with the turn of the dropped one.
    assert!(
        began.elapsed() < Duration::from_millis(1800),
        "{:?}",
        began.elapsed()
    );
}
