//! What the server says it is. Tandem answers as Kamailio 5.6.3 where scripts and peers look at it.

/// The Server header line, as Kamailio writes it by default.
pub const SERVER_HEADER: &[u8] = b"Server: kamailio (5.6.3 (x86_64/linux))";
/// The User-Agent header line of requests made here.
pub const USER_AGENT_HEADER: &[u8] = b"User-Agent: kamailio (5.6.3 (x86_64/linux))";
/// The version that it answers as.
pub const VERSION: &str = "5.6.3";
/// The version as one number.
pub const VERSION_NUMBER: i64 = 5_006_003;
/// `$version(full)`.
pub const VERSION_FULL: &str = "kamailio 5.6.3 (x86_64/linux) ";
