//! Kept-alive connections, one exchange at a time on each.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::time::Timespec;

use crate::wire::{Read, read};

const CONNECT: Duration = Duration::from_secs(1);
const ROOM: usize = 16 * 1024;
const ARRIVALS: EventFlags = EventFlags::IN
    .union(EventFlags::RDHUP)
    .union(EventFlags::ET);

/// One connection, or the place of one that is closed.
struct Line {
    stream: Option<TcpStream>,
    /// Whether an answer is awaited.
    busy: bool,
    /// What the system has not taken yet of the request.
    unsent: Vec<u8>,
    received: Vec<u8>,
}

/// All connections, and what watches them.
pub(crate) struct Lines {
    address: SocketAddr,
    epoll: OwnedFd,
    all: Vec<Line>,
    idle: Vec<usize>,
    room: Box<[u8]>,
}

/// How an exchange ended.
pub(crate) enum Ended<'a> {
    /// With a status and a body.
    Answered(u16, &'a [u8]),
    /// The connection was lost, or what came is no answer.
    Broken,
}

impl Lines {
    pub(crate) fn new(address: SocketAddr, count: usize) -> std::io::Result<Self> {
        let line = || Line {
            stream: None,
            busy: false,
            unsent: Vec::new(),
            received: Vec::new(),
        };
        Ok(Self {
            address,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            all: std::iter::repeat_with(line).take(count).collect(),
            idle: (0..count).rev().collect(),
            room: vec![0; ROOM].into(),
        })
    }

    /// Whether a message can be sent at once.
    pub(crate) fn has_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    /// Begins an exchange on an idle connection, and returns which one. `Err` with the same if the
    /// request could not be sent.
    pub(crate) fn send(&mut self, request: &[u8]) -> Option<Result<usize, usize>> {
        let at = self.idle.pop()?;
        let sent = self.connect(at).and_then(|()| self.write(at, request));
        if sent.is_err() {
            self.close(at);
        }
        Some(sent.map(|()| at).map_err(|_| at))
    }

    /// Waits until something has arrived, for `nanos` at most; returns the connections.
    pub(crate) fn wait(&mut self, nanos: u64, ready: &mut Vec<usize>) -> std::io::Result<()> {
        let timeout = Timespec {
            tv_sec: i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(nanos % 1_000_000_000).unwrap_or_default(),
        };
        let mut events = [Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        }; 256];
        let count = match epoll::wait(&self.epoll, &mut events[..], Some(&timeout)) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        let data = |event: &Event| usize::try_from({ event.data }.u64()).ok();
        ready.extend(events.iter().take(count).filter_map(data));
        Ok(())
    }

    /// Reads what has arrived on a connection; `None` while the answer is incomplete.
    pub(crate) fn receive(&mut self, at: usize) -> Option<Ended<'_>> {
        let line = self.all.get_mut(at)?;
        let stream = line.stream.as_mut()?;
        if !line.busy {
            // Closed for idleness, as a rule: the next exchange opens another.
            if !matches!(stream.read(&mut self.room), Err(error) if error.kind() == ErrorKind::WouldBlock)
            {
                line.stream = None;
            }
            return None;
        }
        if !line.unsent.is_empty() && flush(stream, &mut line.unsent).is_err() {
            return Some(self.broken(at));
        }
        loop {
            match stream.read(&mut self.room) {
                Ok(0) => return Some(self.broken(at)),
                Ok(count) => {
                    line.received
                        .extend_from_slice(self.room.get(..count).unwrap_or_default());
                    if count < ROOM {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Some(self.broken(at)),
            }
        }
        let (status, stays) = match read(&line.received) {
            Read::Incomplete => return None,
            Read::Broken => return Some(self.broken(at)),
            Read::Complete(answer) => (answer.status, answer.stays),
        };
        if !stays {
            line.stream = None;
        }
        line.busy = false;
        self.idle.push(at);
        match read(&self.all.get(at)?.received) {
            Read::Complete(answer) => Some(Ended::Answered(status, answer.body)),
            Read::Incomplete | Read::Broken => Some(Ended::Broken),
        }
    }

    /// Gives up the exchange on a connection, and the connection with it.
    pub(crate) fn close(&mut self, at: usize) {
        if let Some(line) = self.all.get_mut(at) {
            line.stream = None;
            line.busy = false;
            self.idle.push(at);
        }
    }

    fn broken(&mut self, at: usize) -> Ended<'_> {
        self.close(at);
        Ended::Broken
    }

    fn connect(&mut self, at: usize) -> std::io::Result<()> {
        let Some(line) = self.all.get_mut(at) else {
            return Ok(());
        };
        line.busy = true;
        line.received.clear();
        line.unsent.clear();
        if line.stream.is_some() {
            return Ok(());
        }
        let stream = TcpStream::connect_timeout(&self.address, CONNECT)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        // By edges: an answer arrives as a whole, as a rule, and is read by one call.
        epoll::add(
            &self.epoll,
            &stream,
            EventData::new_u64(at as u64),
            ARRIVALS,
        )?;
        line.stream = Some(stream);
        Ok(())
    }

    fn write(&mut self, at: usize, request: &[u8]) -> std::io::Result<()> {
        let Some(line) = self.all.get_mut(at) else {
            return Ok(());
        };
        let Some(stream) = line.stream.as_mut() else {
            return Ok(());
        };
        match stream.write(request) {
            Ok(count) if count == request.len() => return Ok(()),
            Ok(count) => line
                .unsent
                .extend_from_slice(request.get(count..).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                line.unsent.extend_from_slice(request);
            }
            Err(error) => return Err(error),
        }
        // The rest goes once there is room.
        let more = ARRIVALS | EventFlags::OUT;
        epoll::modify(&self.epoll, &*stream, EventData::new_u64(at as u64), more)?;
        Ok(())
    }
}

/// Hands over what the system takes.
fn flush(stream: &mut TcpStream, unsent: &mut Vec<u8>) -> std::io::Result<()> {
    while !unsent.is_empty() {
        match stream.write(unsent) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => drop(unsent.drain(..count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Ended, Lines};
    use std::io::{Read, Write};
    use std::net::TcpListener;

    #[test]
    fn an_answer_ends_one_exchange_and_frees_the_connection_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut lines = Lines::new(listener.local_addr().unwrap(), 1).unwrap();
        assert_eq!(lines.send(b"first"), Some(Ok(0)));
        assert_eq!(lines.send(b"second"), None, "there is one connection");
        let (mut peer, _) = listener.accept().unwrap();
        peer.read_exact(&mut [0; 5]).unwrap();
        peer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        let mut ready = Vec::new();
        lines.wait(1_000_000_000, &mut ready).unwrap();
        assert_eq!(ready, [0]);
        assert!(matches!(lines.receive(0), Some(Ended::Answered(204, b""))));
        assert!(lines.receive(0).is_none(), "it was told already");
        assert_eq!(lines.send(b"second"), Some(Ok(0)));
        assert_eq!(lines.send(b"third"), None, "it is free once");
    }

    #[test]
    fn a_connection_that_was_closed_for_idleness_is_opened_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut lines = Lines::new(listener.local_addr().unwrap(), 1).unwrap();
        for _ in 0..2 {
            assert_eq!(lines.send(b"first"), Some(Ok(0)));
            let (mut peer, _) = listener.accept().unwrap();
            peer.read_exact(&mut [0; 5]).unwrap();
            peer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            let mut ready = Vec::new();
            lines.wait(1_000_000_000, &mut ready).unwrap();
            assert!(lines.receive(0).is_some());
            drop(peer);
            lines.wait(1_000_000_000, &mut ready).unwrap();
            assert!(lines.receive(0).is_none());
        }
    }

    #[test]
    fn what_the_system_does_not_take_at_once_follows() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut lines = Lines::new(listener.local_addr().unwrap(), 1).unwrap();
        let request = vec![7; 16 << 20];
        assert_eq!(lines.send(&request), Some(Ok(0)));
        let (mut peer, _) = listener.accept().unwrap();
        let reader = std::thread::spawn(move || {
            let mut received = vec![0; 16 << 20];
            peer.read_exact(&mut received).unwrap();
            peer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            received
        });
        let mut ready = Vec::new();
        let ended = loop {
            lines.wait(1_000_000_000, &mut ready).unwrap();
            assert!(ready.iter().all(|at| *at == 0) && !ready.is_empty());
            ready.clear();
            if let Some(ended) = lines.receive(0) {
                break matches!(ended, Ended::Answered(204, _));
            }
        };
        assert!(ended);
        assert_eq!(reader.join().unwrap(), request);
    }
}
