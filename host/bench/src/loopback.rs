//! How long a message takes to another thread and back over loopback TCP, on a machine that idles
//! and on one that does not: on virtual machines waking an idle core costs ten times the rest.

use crate::disk::{Times, new_times, note};
use crate::error::BenchError;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A statement with its signature is about so large, bytes.
const BYTES: usize = 200;
const PLACE: &str = "loopback";

/// Round trips of 200 bytes; `is_busy` keeps all cores awake meanwhile.
///
/// # Errors
/// No connection on this machine.
pub fn round_trips(count: usize, is_busy: bool) -> Result<Times, BenchError> {
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        if is_busy {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            for _ in 0..cores {
                scope.spawn(|| {
                    while !is_done.load(Ordering::Relaxed) {
                        std::thread::yield_now();
                    }
                });
            }
        }
        let times = ping_pong(count);
        is_done.store(true, Ordering::Relaxed);
        times
    })
}

fn ping_pong(count: usize) -> Result<Times, BenchError> {
    let listener =
        TcpListener::bind("127.0.0.1:0").map_err(BenchError::connection("listen on", PLACE))?;
    let address = listener.local_addr().map_err(BenchError::connection("listen on", PLACE))?;
    let mut near =
        TcpStream::connect(address).map_err(BenchError::connection("connect to", PLACE))?;
    let (mut far, _) = listener.accept().map_err(BenchError::connection("accept on", PLACE))?;
    for stream in [&near, &far] {
        stream.set_nodelay(true).map_err(BenchError::connection("set up", PLACE))?;
    }
    let echo = std::thread::spawn(move || {
        let mut bytes = [0; BYTES];
        // Ends when the other side hangs up.
        while far.read_exact(&mut bytes).and_then(|()| far.write_all(&bytes)).is_ok() {}
    });
    let (mut times, mut bytes) = (new_times()?, [7; BYTES]);
    for _ in 0..count {
        let start = Instant::now();
        near.write_all(&bytes)
            .and_then(|()| near.read_exact(&mut bytes))
            .map_err(BenchError::connection("talk over", PLACE))?;
        note(&mut times, start);
    }
    drop(near);
    echo.join().map_err(|_| BenchError::void("the echo thread panicked"))?;
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_trip_is_counted() {
        assert_eq!(round_trips(20, false).unwrap().len(), 20);
        assert_eq!(round_trips(20, true).unwrap().len(), 20);
    }
}
