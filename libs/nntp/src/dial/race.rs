//! Several attempts at once, each begun a little after the one before; the first
//! that succeeds wins and the others are dropped (RFC 8305 §5).

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;

/// Between two attempts, if nothing is known of the way.
const HEAD_START: Duration = Duration::from_millis(250);

/// The bounds of what is derived from what is known.
const BOUNDS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// An attempt under way.
pub(crate) type Attempt<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How a race ended.
#[derive(Debug)]
pub(super) struct Finish<P, T, E> {
    /// Who came first.
    pub(super) winner: Option<(P, T)>,
    /// Who failed, and who began before the winner and was not there yet.
    pub(super) late: Vec<P>,
    /// The last failure.
    pub(super) error: Option<E>,
}

/// How much earlier an attempt begins than the next: twice what the last one
/// took.
pub(super) fn head_start(pace: Option<Duration>) -> Duration {
    pace.map_or(HEAD_START, |pace| (pace * 2).clamp(BOUNDS[0], BOUNDS[1]))
}

/// Lets `places` compete in their order. A failure lets the next begin at once.
/// Ends at the latest after `limit`.
pub(super) async fn race<'a, P: Copy, T, E>(
    places: &[P],
    head_start: Duration,
    limit: Duration,
    begin: impl Fn(P) -> Attempt<'a, Result<T, E>>,
) -> Finish<P, T, E> {
    let mut over = std::pin::pin!(sleep(limit));
    let mut coming = places.iter().copied();
    let mut running: Vec<(P, Attempt<'a, Result<T, E>>)> = Vec::new();
    let mut finish = Finish {
        winner: None,
        late: Vec::new(),
        error: None,
    };
    loop {
        if let Some(place) = coming.next() {
            running.push((place, begin(place)));
        } else if running.is_empty() {
            return finish;
        }
        let (earlier, place, result) = loop {
            let more = coming.len() > 0;
            tokio::select! {
                biased;
                first = first(&mut running) => break first,
                () = sleep(head_start), if more => {
                    let next = coming.next();
                    running.extend(next.map(|place| (place, begin(place))));
                }
                () = &mut over => {
                    finish.late.extend(running.iter().map(|(place, _)| *place));
                    return finish;
                }
            }
        };
        match result {
            Ok(won) => {
                // Those that began after it may be as good.
                let late = running.iter().take(earlier);
                finish.late.extend(late.map(|(place, _)| *place));
                finish.winner = Some((place, won));
                return finish;
            }
            Err(error) => {
                finish.late.push(place);
                finish.error = Some(error);
            }
        }
    }
}

/// Waits for the first of `running` to end and takes it out of its place there.
/// Safe to cancel.
pub(crate) async fn first<P: Copy, T>(running: &mut Vec<(P, Attempt<'_, T>)>) -> (usize, P, T) {
    std::future::poll_fn(|cx| {
        for at in 0..running.len() {
            if let Poll::Ready(result) = running[at].1.as_mut().poll(cx) {
                let (place, _) = running.remove(at);
                return Poll::Ready((at, place, result));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    const START: Duration = Duration::from_millis(20);

    /// An attempt at place `ms` takes so long; it fails if that is odd.
    async fn run(places: &[u64], limit: u64) -> (Finish<u64, u64, u64>, Duration) {
        let began = Instant::now();
        let limit = Duration::from_millis(limit);
        let finish = race(places, START, limit, |ms| {
            Box::pin(async move {
                sleep(Duration::from_millis(ms)).await;
                if ms % 2 == 0 { Ok(ms) } else { Err(ms) }
            })
        });
        (finish.await, began.elapsed())
    }

    // S02
    #[tokio::test]
    async fn the_first_to_succeed_wins() {
        // (places, winner, late)
        let table: [(&[u64], Option<u64>, &[u64]); 6] = [
            (&[4], Some(4), &[]),
            // The second never begins.
            (&[4, 6], Some(4), &[]),
            (&[100_000, 4], Some(4), &[100_000]),
            // Slow, but first in the end: who began later is not late.
            (&[30, 100_000], Some(30), &[]),
            // A failure lets the next begin at once.
            (&[1, 3, 4], Some(4), &[1, 3]),
            (&[], None, &[]),
        ];
        for (places, winner, late) in table {
            let (finish, took) = run(places, 5000).await;
            assert_eq!(finish.winner, winner.map(|ms| (ms, ms)), "{places:?}");
            assert_eq!(finish.late, late, "{places:?}");
            assert!(took < Duration::from_millis(1000), "{places:?}");
        }
    }

    #[tokio::test]
    async fn nobody_wins() {
        let (finish, _) = run(&[1, 3], 5000).await;
        assert_eq!((finish.winner, finish.late), (None, vec![1, 3]));
        assert_eq!(finish.error, Some(3));
        let (finish, took) = run(&[100_000, 100_002], 100).await;
        assert_eq!((finish.winner, finish.late), (None, vec![100_000, 100_002]));
        assert!(took < Duration::from_millis(1000));
    }

    #[test]
    fn the_head_start_follows_the_way() {
        let ms = Duration::from_millis;
        assert_eq!(head_start(None), ms(250));
        assert_eq!(head_start(Some(ms(1))), ms(100));
        assert_eq!(head_start(Some(ms(300))), ms(600));
        assert_eq!(head_start(Some(ms(9000))), ms(2000));
    }
}
