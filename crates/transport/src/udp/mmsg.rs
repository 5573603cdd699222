//! `recvmmsg` and `sendmmsg`, and the crate's only unsafe code.
//!
//! Written against libc, because the safe wrappers want buffers that are initialised (32 KiB of zeroes for each
//! datagram) and header arrays that cannot move between threads. The kernel's view of memory is kept in one struct
//! for each direction, whose pointers lead only into boxes of the same struct and into buffers named below.

#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// Room for one address of either family.
#[repr(C)]
#[derive(Clone, Copy)]
union Name {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

const NAME_LEN: libc::socklen_t = size_of::<Name>() as libc::socklen_t;

impl Name {
    const EMPTY: Self = Self {
        v6: libc::sockaddr_in6 {
            sin6_family: 0,
            sin6_port: 0,
            sin6_flowinfo: 0,
            sin6_addr: libc::in6_addr { s6_addr: [0; 16] },
            sin6_scope_id: 0,
        },
    };

    fn set(&mut self, addr: SocketAddr) -> libc::socklen_t {
        match addr {
            SocketAddr::V4(v4) => {
                self.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                    sin_zero: [0; 8],
                };
                size_of::<libc::sockaddr_in>() as libc::socklen_t
            }
            SocketAddr::V6(v6) => {
                self.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: v6.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                    sin6_scope_id: v6.scope_id(),
                };
                size_of::<libc::sockaddr_in6>() as libc::socklen_t
            }
        }
    }

    fn get(&self) -> Option<SocketAddr> {
        // SAFETY: every field of the union consists of integers, for which any bits are valid, and all 28 bytes are
        // initialised from the start (`EMPTY`); the kernel only writes over them.
        unsafe {
            match i32::from(self.family) {
                libc::AF_INET => {
                    let ip = Ipv4Addr::from(self.v4.sin_addr.s_addr.to_ne_bytes());
                    Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(self.v4.sin_port))))
                }
                libc::AF_INET6 => {
                    let ip = Ipv6Addr::from(self.v6.sin6_addr.s6_addr);
                    let port = u16::from_be(self.v6.sin6_port);
                    Some(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, self.v6.sin6_scope_id)))
                }
                _ => None,
            }
        }
    }
}

/// Room for one packet-info control message of either family.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; 64]);

fn empty_header() -> libc::mmsghdr {
    // SAFETY: `mmsghdr` is integers and raw pointers, for which all zeroes are valid (null).
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// What came with one datagram.
pub(super) struct Arrival {
    pub(super) source: Option<SocketAddr>,
    /// The address it was sent to, where the socket reports that.
    pub(super) destination: Option<IpAddr>,
    /// It was longer than the buffer.
    pub(super) truncated: bool,
}

/// Buffers and headers for `recvmmsg`.
pub(super) struct ReceiveRing {
    /// What the kernel writes into: each with all its room spare (`aim`).
    buffers: Vec<Vec<u8>>,
    iovecs: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    names: Vec<Name>,
    controls: Vec<Control>,
}

// SAFETY: of the raw pointers inside, those in `headers` are set anew by each `receive` and not followed after it but for
// `msg_control`, which leads into `controls` of the same struct; those in `iovecs` lead into buffers of the
// struct. All of that moves with the struct, and no thread has an interest of its own in it.
unsafe impl Send for ReceiveRing {}

impl ReceiveRing {
    /// A ring of `size` slots, each for a datagram of at most `longest` bytes.
    pub(super) fn new(size: usize, longest: usize) -> Self {
        Self {
            buffers: (0..size).map(|_| Vec::with_capacity(longest)).collect(),
            iovecs: vec![libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; size],
            headers: (0..size).map(|_| empty_header()).collect(),
            names: vec![Name::EMPTY; size],
            controls: vec![Control([0; 64]); size],
        }
    }

    pub(super) fn size(&self) -> usize {
        self.buffers.len()
    }

    /// Points a slot's scatter entry at its buffer's room, all of it.
    fn aim(&mut self, slot: usize) {
        let buffer = &mut self.buffers[slot];
        buffer.clear();
        let room = buffer.spare_capacity_mut();
        self.iovecs[slot] = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
    }

    /// Reads at most `most` datagrams, and no more than there are slots, into the slots from 0 on; returns how many.
    pub(super) fn receive(&mut self, fd: BorrowedFd<'_>, most: usize) -> io::Result<usize> {
        let most = most.min(self.headers.len());
        for slot in 0..most {
            self.aim(slot);
        }
        let parts = self.names.iter_mut().zip(&mut self.iovecs).zip(&mut self.controls).take(most);
        for (header, ((name, iovec), control)) in self.headers.iter_mut().zip(parts) {
            let header = &mut header.msg_hdr;
            header.msg_name = ptr::from_mut(name).cast();
            header.msg_namelen = NAME_LEN;
            header.msg_iov = ptr::from_mut(iovec);
            header.msg_iovlen = 1;
            header.msg_control = ptr::from_mut(control).cast();
            header.msg_controllen = size_of::<Control>() as _;
            header.msg_flags = 0;
        }
        let room = most as libc::c_uint;
        // SAFETY: `headers` has at least `room` entries, in the first `room` of which name, scatter entry and control were just set to elements
        // of `self`, borrowed for the call by `&mut self`, with their lengths. Each `iov_base` points at the spare room,
        // `iov_len` bytes, of a buffer in `self` (`aim`), so nobody reads while the kernel writes.
        // The timeout may be null.
        let got = unsafe {
            libc::recvmmsg(
                fd.as_raw_fd(),
                self.headers.as_mut_ptr(),
                room,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        if got < 0 { Err(io::Error::last_os_error()) } else { Ok(got as usize) }
    }

    /// What the last `receive` put in `slot`.
    pub(super) fn arrival(&self, slot: usize) -> Arrival {
        let header = &self.headers[slot].msg_hdr;
        Arrival {
            source: self.names[slot].get(),
            destination: destination(header, &self.controls[slot]),
            truncated: header.msg_flags & libc::MSG_TRUNC != 0,
        }
    }

    /// The bytes that the last `receive` put in `slot`; none where it put nothing.
    pub(super) fn bytes(&mut self, slot: usize) -> &[u8] {
        let filled = (self.headers[slot].msg_len as usize).min(self.iovecs[slot].iov_len);
        // Once only: nothing more is claimed to have been read.
        self.headers[slot].msg_len = 0;
        let buffer = &mut self.buffers[slot];
        // SAFETY: `iov_base` and `iov_len` were the whole room of this very buffer, empty before (`aim`), and the kernel
        // said in `msg_len` how many bytes it wrote from its start; no more than that is claimed, and `filled` is at
        // most the capacity.
        unsafe { buffer.set_len(filled) };
        buffer
    }
}

/// The destination address out of a header's control messages (`IP_PKTINFO`, RFC 3542 §6.1).
fn destination(header: &libc::msghdr, control: &Control) -> Option<IpAddr> {
    let mut view = *header;
    view.msg_control = ptr::from_ref(control).cast_mut().cast();
    view.msg_controllen = view.msg_controllen.min(size_of::<Control>() as _);
    // SAFETY: `msg_control` and `msg_controllen` describe `control`, aligned and initialised, that the kernel has filled
    // with whole control messages; the macros walk within `msg_controllen` and only read. The data of a message of these
    // kinds is at least as long as the struct read (checked by `cmsg_len`), and is read without assuming its alignment.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(&raw const view);
        while let Some(head) = message.as_ref() {
            let data = libc::CMSG_DATA(message);
            let holds = |size: usize| head.cmsg_len >= libc::CMSG_LEN(size as libc::c_uint) as _;
            match (head.cmsg_level, head.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) if holds(size_of::<libc::in_pktinfo>()) => {
                    let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                    return Some(IpAddr::V4(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes())));
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if holds(size_of::<libc::in6_pktinfo>()) => {
                    let info = data.cast::<libc::in6_pktinfo>().read_unaligned();
                    return Some(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)));
                }
                _ => message = libc::CMSG_NXTHDR(&raw const view, message),
            }
        }
    }
    None
}

/// Headers for `sendmmsg`.
pub(super) struct SendRing {
    iovecs: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    names: Vec<Name>,
}

// SAFETY: all raw pointers inside are set anew by each `send` and not followed after it.
unsafe impl Send for SendRing {}

impl SendRing {
    pub(super) fn new(size: usize) -> Self {
        Self {
            iovecs: vec![libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; size],
            headers: (0..size).map(|_| empty_header()).collect(),
            names: vec![Name::EMPTY; size],
        }
    }

    /// Sends the first of `datagrams`, as many as fit the ring, in one call. Returns how many the kernel took: at
    /// least one, or there was none. An error is about the first.
    pub(super) fn send<'a>(
        &mut self,
        fd: BorrowedFd<'_>,
        datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
    ) -> io::Result<usize> {
        let mut count = 0;
        let slots = self.headers.iter_mut().zip(&mut self.names).zip(&mut self.iovecs);
        for (((header, name), iovec), (destination, bytes)) in slots.zip(datagrams) {
            let header = &mut header.msg_hdr;
            header.msg_namelen = name.set(destination);
            header.msg_name = ptr::from_mut(name).cast();
            *iovec = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
            header.msg_iov = ptr::from_mut(iovec);
            header.msg_iovlen = 1;
            count += 1;
        }
        if count <= 1 {
            return if count == 0 { Ok(0) } else { self.send_one(fd) };
        }
        // SAFETY: in the first `count` headers, name and scatter entry were just set to elements of `self`, with their
        // lengths, and the scatter entry to bytes borrowed for `'a`, which outlives the call; the kernel only reads them.
        // There is no control data (null from the start).
        let sent = unsafe {
            libc::sendmmsg(
                fd.as_raw_fd(),
                self.headers.as_mut_ptr(),
                count as libc::c_uint,
                libc::MSG_DONTWAIT,
            )
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
    }

    /// Sends the datagram of the first slot by the cheaper call for one.
    fn send_one(&self, fd: BorrowedFd<'_>) -> io::Result<usize> {
        let (iovec, name, name_len) = (self.iovecs[0], &self.names[0], self.headers[0].msg_hdr.msg_namelen);
        // SAFETY: called by `send` alone, right after it set the first slot: `iovec` describes bytes that are borrowed
        // until `send` returns, and `name` is an address of `name_len` bytes; the kernel only reads them.
        let sent = unsafe {
            libc::sendto(
                fd.as_raw_fd(),
                iovec.iov_base,
                iovec.iov_len,
                libc::MSG_DONTWAIT,
                ptr::from_ref(name).cast(),
                name_len,
            )
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(1) }
    }
}

/// Whether the kernel sets "do not fragment" on what this socket sends.
pub(super) fn set_path_mtu_discovery(fd: BorrowedFd<'_>, ipv6: bool, on: bool) -> io::Result<()> {
    let (level, option, value) = match (ipv6, on) {
        (false, true) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO),
        (false, false) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT),
        (true, true) => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DO),
        (true, false) => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DONT),
    };
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: both options take an int; `value` is one, alive during the call, and `size` is its size.
    let status =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, ptr::from_ref(&value).cast(), size) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
