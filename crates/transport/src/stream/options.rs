//! Limits and times of stream connections.

use std::time::Duration;

/// Limits and times, named after Kamailio's core parameters and with its defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamOptions {
    /// `tcp_max_connections`: connections in all, accepted and opened.
    pub max_connections: usize,
    /// `tls_max_connections`: those of them that are encrypted.
    pub max_secure: usize,
    /// `tcp_accept_iplimit`: accepted connections from one address; 0 for no limit.
    pub max_per_source: usize,
    /// `tcp_connection_lifetime`: how long a connection may be idle.
    pub lifetime: Duration,
    /// `tcp_connect_timeout`.
    pub connect_timeout: Duration,
    /// `tls_handshake_timeout`: how long a layer's handshake may take, from the moment the TCP connection stands.
    pub handshake_timeout: Duration,
    /// Connections whose handshake is not done; when there are more, the oldest of them gives way.
    pub max_handshakes: usize,
    /// Handshakes that are computed at the same time; the others wait their turn, messages do not.
    pub handshake_threads: usize,
    /// `tls_connection_match_domain`: a message goes only over a connection opened with the settings it asks for.
    pub match_group: bool,
    /// `tcp_send_timeout`: how long a peer may take nothing while bytes wait for it.
    pub send_timeout: Duration,
    /// `tcp_msg_read_timeout`: how long a message may take from its first byte to its last.
    pub message_timeout: Duration,
    /// `tcp_conn_wq_max`: bytes that may wait for one peer, beyond what the kernel holds.
    pub connection_queue: usize,
    /// `tcp_wq_max`: bytes that may wait for all peers.
    pub total_queue: usize,
    /// `tcp_rd_buf_size`: bytes read in one go.
    pub read_size: usize,
    /// `msg_recv_max_size`: the longest message taken. What a framing keeps waiting for longer than this is cut off.
    pub max_message: usize,
    /// `tcp_crlf_ping`: answer RFC 5626 §3.5.1 keep-alives.
    pub crlf_ping: bool,
    /// `tcp_keepalive`: TCP's own keep-alives.
    pub keepalive: Option<Keepalive>,
    /// `tcp_listen_backlog`.
    pub backlog: u32,
    /// `tcp_reuse_port`: open connections from the listening socket's port.
    pub reuse_port: bool,
}

/// TCP's own keep-alives; what is not set is the system's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keepalive {
    /// `tcp_keepidle`: idle time before the first probe.
    pub idle: Option<Duration>,
    /// `tcp_keepintvl`: time between probes.
    pub interval: Option<Duration>,
    /// `tcp_keepcnt`: probes without an answer that end the connection.
    pub count: Option<u32>,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            max_connections: 2048,
            max_secure: 2048,
            max_per_source: 1024,
            lifetime: Duration::from_secs(120),
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            max_handshakes: 1024,
            handshake_threads: 1,
            match_group: false,
            send_timeout: Duration::from_secs(10),
            message_timeout: Duration::from_secs(20),
            connection_queue: 32 * 1024,
            total_queue: 10 * 1024 * 1024,
            read_size: 16 * 1024,
            max_message: 32_767,
            crlf_ping: true,
            keepalive: Some(Keepalive::default()),
            backlog: 1024,
            reuse_port: false,
        }
    }
}
